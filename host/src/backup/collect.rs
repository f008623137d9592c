//! What goes into a backup, gathered while the host runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::BackupError;
use super::archive::{self, Manifest};
use crate::config::Settings;
use crate::history;
use crate::results::{Link, keys, saved};

/// The keys of Redis.
pub(super) const REDIS: &str = "redis.jsonl";
/// The folder of plugins.
pub(super) const PLUGINS: &str = "plugins";
/// The folder of history.
pub(super) const HISTORY: &str = "history";

/// The keys of Redis that a backup holds: the pairs, rules and silences, and what the plugins of the buffered lane know of each pair.
pub(super) fn keys(pairs_key: &str, pairs: &[String]) -> Vec<String> {
    let mut all = vec![pairs_key.to_owned(), keys::ALERT_RULES.to_owned(), keys::ALERT_SILENCES.to_owned()];
    for pair in pairs {
        all.extend([keys::lane_state(pair), keys::lane_position(pair)]);
    }
    all
}

/// Makes a backup.
///
/// # Errors
/// [`BackupError`]; then there is no file.
pub async fn make(settings: &Settings, target: &Path) -> Result<Manifest, BackupError> {
    let link = Link::new(&settings.redis)?;
    let mut pairs = saved::set_members(&link, &settings.pairs.key).await?;
    pairs.sort();
    let in_redis = saved::read(&link, &keys(&settings.pairs.key, &pairs)).await?;
    let (settings, target) = (settings.clone(), target.to_owned());
    let work = move || {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        std::fs::create_dir_all(&folder).map_err(|error| BackupError::file(&folder, &error))?;
        let staging = Staging::new(&folder)?;
        let mut names = vec![REDIS.to_owned()];
        let mut lines = String::new();
        for key in &in_redis {
            // Keys and values are texts by now.
            lines.push_str(&serde_json::to_string(key).unwrap_or_default());
            lines.push('\n');
        }
        staging.write(REDIS, lines.as_bytes())?;
        names.extend(plugins(&settings.plugins.dir, &staging)?);
        let home = match (&settings.history.folder, &settings.history.influx) {
            (Some(from), None) => {
                if from.is_dir() {
                    let to = staging.folder(HISTORY)?;
                    names.extend(history::copy_embedded(from, &to)?.into_iter().map(|name| format!("{HISTORY}/{name}")));
                }
                "embedded"
            }
            (_, Some(_)) => "influxdb",
            (None, None) => "off",
        };
        archive::pack(&staging.0, &names, Manifest::new(pairs, &settings.pairs.key, home), &target)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| BackupError::Ended(error.to_string()))?
}

/// Copies `plugins.toml` and the components. A file that is being replaced is copied as it was or as it is, each being a whole one.
fn plugins(from: &Path, staging: &Staging) -> Result<Vec<String>, BackupError> {
    let mut names = Vec::new();
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(names) };
    let to = staging.folder(PLUGINS)?;
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.starts_with('.') && is_plugin_file(&name) {
            std::fs::copy(entry.path(), to.join(&name)).map_err(|error| BackupError::file(entry.path(), &error))?;
            names.push(format!("{PLUGINS}/{name}"));
        }
    }
    Ok(names)
}

pub(super) fn is_plugin_file(name: &str) -> bool {
    name == "plugins.toml" || name.ends_with(".wasm")
}

/// A folder for the time of the work, on the disk that the file is for; it goes with the work.
pub(super) struct Staging(pub(super) PathBuf);

/// What such a folder is called, with the numbers of its process and its time behind.
const STAGING: &str = ".leadline-backup-";
/// A folder so old belongs to no backup that is being made.
const LEFT: Duration = Duration::from_secs(24 * 3600);

/// Removes what a process left that was killed in the middle.
fn sweep(beside: &Path) {
    for entry in std::fs::read_dir(beside).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(STAGING));
        let age = entry.metadata().and_then(|folder| folder.modified()).ok().and_then(|time| time.elapsed().ok());
        if ours && age.is_some_and(|age| age > LEFT) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Staging {
    pub(super) fn new(beside: &Path) -> Result<Self, BackupError> {
        sweep(beside);
        let folder = beside.join(format!("{STAGING}{}-{}", std::process::id(), crate::clock::since_start()));
        std::fs::create_dir(&folder).map_err(|error| BackupError::file(&folder, &error))?;
        Ok(Self(folder))
    }

    fn folder(&self, name: &str) -> Result<PathBuf, BackupError> {
        let folder = self.0.join(name);
        std::fs::create_dir_all(&folder).map_err(|error| BackupError::file(&folder, &error))?;
        Ok(folder)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
        let file = self.0.join(name);
        std::fs::write(&file, bytes).map_err(|error| BackupError::file(file, &error))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
