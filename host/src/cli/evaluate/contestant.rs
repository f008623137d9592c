//! Who is judged: the plugins, the same ones otherwise, and two simple rules.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use leadline_evaluation::baseline::{Baseline, Rule};
use leadline_evaluation::seen::Analysis;
use leadline_market::Instrument;
use serde_json::{Map, Value};

use super::reader::Reader;
use crate::analysis::{self, Analyst, Budget, Engine, Plugin, Sheet};

/// One that is judged.
pub(super) struct Contestant {
    /// The head of its column.
    pub(super) name: String,
    kind: Kind,
}

enum Kind {
    /// By analysis: the plugin, and what it is opened with (none: as the folder says).
    Plugins(Vec<(Analysis, Arc<Plugin>, Option<String>)>),
    Rule(Rule),
}

/// All of them: the plugins first, then the rules, then what the plugins are held against.
pub(super) struct Contestants(pub(super) Vec<Contestant>);

impl Contestants {
    pub(super) fn load(
        engine: &Engine,
        folder: &Path,
        budget: Budget,
        against: Option<&str>,
        analyses: &[Analysis],
    ) -> anyhow::Result<Self> {
        let own = plugins(engine, folder, &Sheet::read(folder)?, budget, analyses)?;
        let mut all = vec![
            Contestant { name: "plugin".to_owned(), kind: Kind::Plugins(Vec::new()) },
            Contestant { name: Rule::FixedChange.word().to_owned(), kind: Kind::Rule(Rule::FixedChange) },
            Contestant { name: Rule::RollingZ.word().to_owned(), kind: Kind::Rule(Rule::RollingZ) },
        ];
        if let Some(other) = against {
            let path = Path::new(other);
            let plugins = if path.is_dir() {
                plugins(engine, path, &Sheet::read(path)?, budget, analyses)?
            } else if path.is_file() {
                plugins(engine, folder, &Sheet::read_file(path)?, budget, analyses)?
            } else {
                changed(&own, other)?
            };
            all.push(Contestant { name: "against".to_owned(), kind: Kind::Plugins(plugins) });
        }
        all[0].kind = Kind::Plugins(own);
        Ok(Self(all))
    }

    /// What the others are held against, where there is one: its place.
    pub(super) fn against(&self) -> Option<usize> {
        (self.0.len() > 3).then_some(3)
    }
}

impl Contestant {
    /// Somebody who looks at one pair's books. None: it has nothing for this analysis.
    pub(super) fn observer(&self, analysis: Analysis, instrument: &Arc<Instrument>) -> Option<Observer> {
        match &self.kind {
            Kind::Rule(rule) => Some(Observer::Rule(Box::new(Baseline::new(*rule, analysis)))),
            Kind::Plugins(plugins) => {
                let (_, plugin, parameters) = plugins.iter().find(|one| one.0 == analysis)?;
                let parameters = parameters.as_deref().unwrap_or_else(|| plugin.parameters_of(&instrument.id));
                let analyst = Analyst::new(Arc::clone(plugin), Arc::clone(instrument), parameters);
                Some(Observer::Plugin(Box::new((analyst, Reader::new(analysis)))))
            }
        }
    }
}

/// Somebody who looks at one pair's books.
pub(super) enum Observer {
    /// A component, and who reads its fields.
    Plugin(Box<(Analyst, Reader)>),
    /// A simple rule.
    Rule(Box<Baseline>),
}

type Loaded = Vec<(Analysis, Arc<Plugin>, Option<String>)>;

fn plugins(engine: &Engine, folder: &Path, sheet: &Sheet, budget: Budget, analyses: &[Analysis]) -> anyhow::Result<Loaded> {
    let loaded = analysis::load_folder_by(sheet, engine, folder, budget)?;
    let found: Loaded = analyses
        .iter()
        .filter_map(|&one| Some((one, Arc::clone(loaded.iter().find(|plugin| &*plugin.name == one.word())?), None)))
        .collect();
    if found.is_empty() {
        let names: Vec<&str> = analyses.iter().map(|one| one.word()).collect();
        bail!("{}: none of {} is in it\n  hint: `make plugins` builds them into target/plugins", folder.display(), names.join(", "));
    }
    Ok(found)
}

/// The same plugins with other parameters: `PLUGIN.PARAMETER=VALUE,...`.
fn changed(own: &Loaded, text: &str) -> anyhow::Result<Loaded> {
    let mut changed = own.clone();
    for part in text.split(',') {
        let Some(((plugin, parameter), value)) =
            part.split_once('=').and_then(|(name, value)| Some((name.trim().split_once('.')?, value.trim())))
        else {
            bail!("--against {part}: no folder, no file, and not PLUGIN.PARAMETER=VALUE\n  hint: --against depth_anomaly.back_below=0.5");
        };
        let Some((_, loaded, parameters)) = changed.iter_mut().find(|one| one.0.word() == plugin) else {
            bail!("--against {part}: no plugin `{plugin}` is judged here\n  hint: --analysis {plugin}, or leave --analysis out");
        };
        let text = parameters.as_deref().unwrap_or(&loaded.parameters.all);
        let mut map: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        map.insert(parameter.to_owned(), value);
        *parameters = Some(Value::Object(map).to_string());
    }
    Ok(changed)
}
