//! Where a value comes from: a flag, the environment, a file, or the table's default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::table::{self, Setting};

/// Largest configuration file read, bytes.
const MAX_FILE: u64 = 1 << 20;

/// A setting that can't be used, by name.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("configuration file {file}: {detail}\nhint: --config names a file of NAME=value lines, such as config/app.dev.env")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        detail: String,
    },
    /// A line isn't `NAME=value`.
    #[error("{file} line {line}: `{text}` is no NAME=value\nhint: comments begin with #")]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What stands there, cut short.
        text: String,
    },
    /// There is no such setting.
    #[error("{place}: there is no setting `{name}`\nhint: {hint}")]
    Unknown {
        /// Where it stands.
        place: String,
        /// Its name.
        name: String,
        /// What to do.
        hint: String,
    },
    /// The value isn't one that the setting takes.
    #[error("{name} ({place}): {value} {detail}\nhint: {help}")]
    Value {
        /// The setting.
        name: &'static str,
        /// Where the value stands.
        place: String,
        /// The value, quoted; hidden where it is a secret.
        value: String,
        /// What is wrong with it.
        detail: String,
        /// The setting's own help.
        help: &'static str,
    },
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Given {
    /// The value as written.
    pub value: String,
    /// `flag`, `environment`, `config/app.dev.env line 3` or `default`.
    pub place: String,
}

/// All values that somebody gave, the strongest source first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    given: BTreeMap<&'static str, Given>,
}

impl Sources {
    /// Gathers what is given. `flags`: by setting name. `environment`: all of it; names that aren't ours are ignored.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that can't be read, or a name that no setting has.
    pub fn gather(
        flags: impl IntoIterator<Item = (String, String)>,
        environment: impl IntoIterator<Item = (String, String)>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut sources = Self::default();
        for (name, value) in flags {
            sources.put(&name, value, &format!("flag --{}", flag(&name)))?;
        }
        for (name, value) in environment {
            let ours = table::PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            if table::find(&name).is_some() || ours {
                sources.put(&name, value, "environment")?;
            }
        }
        if let Some(file) = file {
            sources.read_file(file)?;
        }
        Ok(sources)
    }

    fn read_file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let failed = |detail: String| ConfigError::File { file: file.to_owned(), detail };
        let size = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
        if size > MAX_FILE {
            return Err(failed(format!("{size} bytes, more than {MAX_FILE}")));
        }
        let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, value)) = line.split_once('=') else {
                return Err(ConfigError::Line { file: file.to_owned(), line: index + 1, text: line.chars().take(60).collect() });
            };
            self.put(name.trim(), unquote(value.trim()).to_owned(), &format!("{} line {}", file.display(), index + 1))?;
        }
        Ok(())
    }

    /// Keeps a value unless a stronger source gave one.
    fn put(&mut self, name: &str, value: String, place: &str) -> Result<(), ConfigError> {
        let Some(setting) = table::find(name) else {
            let hint = match table::nearest(name) {
                Some(near) => format!("did you mean {near}? `leadline run --help` lists all settings"),
                None => "`leadline run --help` lists all settings".to_owned(),
            };
            return Err(ConfigError::Unknown { place: place.to_owned(), name: name.chars().take(60).collect(), hint });
        };
        self.given.entry(setting.name).or_insert_with(|| Given { value, place: place.to_owned() });
        Ok(())
    }

    /// The value of a setting.
    #[must_use]
    pub fn get(&self, setting: &Setting) -> Given {
        self.given.get(setting.name).cloned().unwrap_or_else(|| Given { value: setting.default.to_owned(), place: "default".to_owned() })
    }

    /// Whether somebody gave the setting a value.
    #[must_use]
    pub fn is_given(&self, setting: &Setting) -> bool {
        self.given.contains_key(setting.name)
    }
}

/// The flag of a setting, without its dashes.
#[must_use]
pub fn flag(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn unquote(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}
