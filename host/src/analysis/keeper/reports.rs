//! How each plugin is doing, for Redis and for the handle.

use std::path::Path;

use super::shadows::Beside;
use super::shown::{AtWork, PluginState};
use super::{Keeper, name_of, stem};
use crate::clock;

impl Keeper {
    pub(super) fn report_all(&mut self) {
        for path in self.files.keys().cloned().collect::<Vec<_>>() {
            self.report(&path);
        }
        let names: Vec<String> = self.files.iter().map(|(path, file)| name_of(path, file)).collect();
        self.shown.retain(|name| names.iter().any(|known| known == name));
    }

    pub(super) fn report(&mut self, path: &Path) {
        let Some(file) = self.files.get(path) else { return };
        let name = name_of(path, file);
        let health = file.plugin.as_ref().map(|plugin| plugin.health());
        let mut fields = match &health {
            Some(health) => health.fields(),
            // Another file's plugin has this name: its Hash is its own.
            None if self.at_work(&name).is_some() => return,
            None => vec![("state", "stopped".to_owned()), ("time", clock::rfc3339(clock::unix_ms()))],
        };
        let both = [self.sheet_problem.as_str(), file.reason.as_str()];
        let problem = both.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
        let loaded = if file.plugin.is_some() { clock::rfc3339(file.loaded_ms) } else { String::new() };
        let shadow = file.beside.as_ref().map(Beside::report).or_else(|| file.last_shadow.clone());
        let parameters = file.plugin.as_ref().map(|plugin| plugin.parameters.all.clone()).unwrap_or_default();
        fields.extend([
            ("phase", file.phase.as_str().to_owned()),
            ("problem", problem.clone()),
            ("loaded_at", loaded),
            ("parameters", parameters),
            (
                "shadow",
                shadow
                    .as_ref()
                    .map_or_else(|| "none".to_owned(), |report| format!("{}: {} {}", report.state, report.version, report.digest)),
            ),
        ]);
        let state = PluginState {
            name: name.clone(),
            file: stem(path),
            state: health.as_ref().map_or("stopped", |health| health.state.word()),
            reason: health.as_ref().and_then(|health| health.state.stopped()).map(|(reason, _)| reason.to_owned()).unwrap_or_default(),
            phase: file.phase.as_str(),
            problem,
            loaded_ms: file.plugin.is_some().then_some(file.loaded_ms),
            work: file.plugin.as_ref().zip(health.as_ref()).map(|(plugin, health)| AtWork::of(plugin, health)),
            versions: self.kept.list(&stem(path)),
            shadow: shadow.clone(),
        };
        self.shown.put(state, &file.logs);
        self.told.report(&name, fields);
        if file.beside.is_some()
            && let Some(report) = shadow
        {
            self.told.shadow(&report);
        }
    }
}
