//! `plugins.toml` in the folder of plugins: which are at work, with which parameters and limits, and which file alone may be used.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::PluginError;
use super::limits::{Budget, LEAST_STACK};
use super::schema::Parameters;

/// The name of the file.
pub(super) const SHEET: &str = "plugins.toml";
/// Nobody writes more by hand.
const MAX_SHEET: u64 = 1 << 20;

/// All of it: one [`Entry`] a component file, by its name without `.wasm`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Sheet {
    entries: BTreeMap<String, Entry>,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entry {
    /// Whether it is at work.
    pub(super) enabled: bool,
    /// SHA-256 of the only file that may be used, hexadecimal.
    pub(super) pin: Option<String>,
    parameters: Map<String, Value>,
    limits: Limits,
    /// Parameters that are different on some pairs.
    pairs: BTreeMap<String, Map<String, Value>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    fuel: Option<u64>,
    deadline_ms: Option<u64>,
    memory_mb: Option<usize>,
    table_entries: Option<usize>,
    stack_kb: Option<usize>,
    answer_kb: Option<usize>,
    log_lines: Option<u32>,
    recycle_calls: Option<u64>,
}

impl Default for Entry {
    fn default() -> Self {
        Self { enabled: true, pin: None, parameters: Map::new(), limits: Limits::default(), pairs: BTreeMap::new() }
    }
}

impl Sheet {
    /// Reads the file of a folder; none there: every plugin is at work, as it is.
    ///
    /// # Errors
    /// [`PluginError::Sheet`] with the line.
    pub fn read(folder: &Path) -> Result<Self, PluginError> {
        let file = folder.join(SHEET);
        match std::fs::metadata(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            _ => Self::read_file(&file),
        }
    }

    /// Reads a file of this form, wherever it is.
    ///
    /// # Errors
    /// [`PluginError::Sheet`] with the line.
    pub fn read_file(file: &Path) -> Result<Self, PluginError> {
        let refused = |detail: String| PluginError::Sheet { file: file.to_owned(), detail };
        match std::fs::metadata(file) {
            Err(error) => return Err(refused(error.to_string())),
            Ok(data) if data.len() > MAX_SHEET => return Err(refused(format!("{} bytes, more than {MAX_SHEET}", data.len()))),
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
        toml::from_str(&text).map_err(|error| refused(error.to_string().trim_end().to_owned()))
    }

    /// Reads a text as the folder's file would be read.
    ///
    /// # Errors
    /// [`PluginError::Sheet`] with the line.
    pub(super) fn parse(folder: &Path, text: &str) -> Result<Self, PluginError> {
        let refused = |error: toml::de::Error| error.to_string().trim_end().to_owned();
        toml::from_str(text).map_err(|error| PluginError::Sheet { file: folder.join(SHEET), detail: refused(error) })
    }

    /// What it says of a component file.
    pub(super) fn entry(&self, file: &Path) -> Entry {
        file.file_stem().and_then(|stem| self.entries.get(&*stem.to_string_lossy())).cloned().unwrap_or_default()
    }
}

impl Entry {
    /// The same with other parameters for all pairs that have none of their own.
    pub(super) fn with_parameters(&self, parameters: Map<String, Value>) -> Self {
        Self { parameters, ..self.clone() }
    }

    /// The limits, under the operator's.
    pub(super) fn budget(&self, operator: &Budget) -> Budget {
        let Limits { fuel, deadline_ms, memory_mb, table_entries, stack_kb, answer_kb, log_lines, recycle_calls } = self.limits;
        let own = Budget {
            fuel: fuel.unwrap_or(operator.fuel),
            deadline: deadline_ms.map_or(operator.deadline, Duration::from_millis),
            memory: memory_mb.map_or(operator.memory, |mb| mb.saturating_mul(1 << 20)),
            table_entries: table_entries.unwrap_or(operator.table_entries),
            stack: stack_kb.map_or(operator.stack, |kb| kb.saturating_mul(1 << 10).max(LEAST_STACK)),
            answer: answer_kb.map_or(operator.answer, |kb| kb.saturating_mul(1 << 10)),
            log_lines: log_lines.unwrap_or(operator.log_lines),
            recycle_calls: recycle_calls.unwrap_or(operator.recycle_calls),
        };
        own.capped_by(operator)
    }

    /// The parameters; a pair's own stand over those of all pairs, name by name.
    pub(super) fn parameters(&self) -> Parameters {
        let json = |map: &Map<String, Value>| Value::Object(map.clone()).to_string();
        let over = |own: &Map<String, Value>| {
            let mut map = self.parameters.clone();
            map.extend(own.clone());
            json(&map)
        };
        Parameters { all: json(&self.parameters), pairs: self.pairs.iter().map(|(pair, own)| (pair.clone(), over(own))).collect() }
    }

    /// Whether a file of this digest may be used.
    pub(super) fn admits(&self, file: &Path, digest: &str) -> Result<(), PluginError> {
        match &self.pin {
            Some(pin) if !pin.eq_ignore_ascii_case(digest) => {
                Err(PluginError::Pinned { file: file.to_owned(), digest: digest.to_owned(), pin: pin.clone() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)] // A test that can't go on fails.
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Sheet, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(SHEET), text).unwrap();
        Sheet::read(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn parameters_of_a_pair_stand_over_those_of_all_and_limits_under_the_operators() {
        let sheet = read(
            "[a]\nparameters = { x = 1, y = 2.5 }\nlimits = { fuel = 5, memory_mb = 4096, stack_kb = 1 }\n[a.pairs.BTC-USDT]\nx = 3\n",
        )
        .unwrap();
        let entry = sheet.entry(Path::new("/folder/a.wasm"));
        let parameters = entry.parameters();
        assert_eq!((parameters.all.as_str(), parameters.pairs["BTC-USDT"].as_str()), (r#"{"x":1,"y":2.5}"#, r#"{"x":3,"y":2.5}"#));
        assert_eq!(entry.budget(&Budget::default()), Budget { fuel: 5, stack: LEAST_STACK, ..Budget::default() });
        assert_eq!(sheet.entry(Path::new("b.wasm")), Entry::default());
    }

    #[test]
    fn a_key_that_is_none_is_refused_by_name_and_line() {
        for (text, line, name) in [
            ("[a]\nenabled = true\nparametres = {}\n", "line 3", "`parametres`"),
            ("[a]\n[a.limits]\nfule = 1\n", "line 3", "`fule`"),
            ("[a]\nenabled = 1\n", "line 2", "boolean"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(line) && told.contains(name) && told.contains("hint:"), "{told}");
        }
    }
}
