//! Restore: the backup is looked at whole, and the target too, before anything is touched.

use std::path::{Path, PathBuf};

use super::BackupError;
use super::archive::{self, Manifest};
use super::collect::{self, HISTORY, PLUGINS, REDIS, Staging};
use crate::clock;
use crate::config::Settings;
use crate::history;
use crate::results::saved::{self, SavedKey};
use crate::results::{Link, keys};

/// A host that wrote so lately runs.
const RUNS_MS: u64 = 5000;

/// Restores a backup; `replace`: also where there is something already.
///
/// # Errors
/// [`BackupError`]. All but a disk or a Redis that fails in the middle are found before anything is touched.
pub async fn restore(settings: &Settings, source: &Path, replace: bool) -> Result<Manifest, BackupError> {
    let link = Link::new(&settings.redis)?;
    let beside = settings.history.folder.as_deref().unwrap_or(Path::new("."));
    std::fs::create_dir_all(beside).map_err(|error| BackupError::file(beside, &error))?;
    let staging = Staging::new(beside)?;
    let (source, folder) = (source.to_owned(), staging.0.clone());
    let looked = tokio::task::spawn_blocking(move || look(&source, &folder)).await;
    let (manifest, in_redis) = looked.map_err(|error| BackupError::Ended(error.to_string()))??;

    if settings.history.folder.is_none() && manifest.files.keys().any(|name| name.starts_with("history/")) {
        return Err(BackupError::Ended(
            "not restored: the backup holds history, and HISTORY_DIR is none\nhint: nothing was changed; name a folder for it".to_owned(),
        ));
    }

    // What is there.
    let running = saved::read(&link, &[keys::MONITORING.to_owned()]).await?;
    if let Some(host) = running.first().and_then(runs) {
        return Err(BackupError::InUse(format!("{host}, with the Redis at {}", settings.redis.addr)));
    }
    let _held = match &settings.history.folder {
        Some(folder) => Some(history::hold(folder)?),
        None => None,
    };
    let mut pairs = saved::set_members(&link, &settings.pairs.key).await.unwrap_or_default();
    pairs.extend(manifest.pairs.iter().cloned());
    pairs.sort();
    pairs.dedup();
    let there = saved::present(&link, &collect::keys(&settings.pairs.key, &pairs)).await?;
    let old_days = files_of(settings.history.folder.as_deref(), |name| name.ends_with(".sqlite"));
    let old_plugins: Vec<PathBuf> = files_of(Some(&settings.plugins.dir), collect::is_plugin_file)
        .into_iter()
        .filter(|old| old.file_name().is_none_or(|name| differs(old, &staging.0.join(PLUGINS).join(name))))
        .collect();
    if !replace {
        let names = |files: &[PathBuf]| files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        let occupied = [there.clone(), names(&old_days), names(&old_plugins)].concat();
        if !occupied.is_empty() {
            let more = occupied.len().saturating_sub(5);
            let shown = occupied.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            return Err(BackupError::Occupied(if more > 0 { format!("{shown} and {more} more") } else { shown }));
        }
    }

    // From here on things change.
    put(&staging.0.join(PLUGINS), &settings.plugins.dir, &old_plugins)?;
    if let Some(folder) = &settings.history.folder {
        put(&staging.0.join(HISTORY), folder, &old_days)?;
    }
    saved::write(&link, &with_key(in_redis, &settings.pairs.key, &manifest), &there).await?;
    Ok(manifest)
}

/// Unpacks and checks everything that can be wrong with a backup.
fn look(source: &Path, folder: &Path) -> Result<(Manifest, Vec<SavedKey>), BackupError> {
    let unreadable = |detail: String| BackupError::Unreadable { file: source.to_owned(), detail };
    let manifest = archive::unpack(source, folder)?;
    for name in manifest.files.keys() {
        if name.starts_with("history/") {
            history::check_embedded(&folder.join(name)).map_err(|error| unreadable(error.to_string()))?;
        }
    }
    let text = std::fs::read_to_string(folder.join(REDIS)).map_err(|error| unreadable(format!("{REDIS}: {error}")))?;
    let mut keys = Vec::new();
    for line in text.lines() {
        let key: SavedKey = serde_json::from_str(line).map_err(|error| unreadable(format!("{REDIS}: {error}")))?;
        if !key.is_sound() {
            return Err(unreadable(format!("{REDIS}: the value of {} can't be read", key.key)));
        }
        keys.push(key);
    }
    Ok((manifest, keys))
}

/// The host that wrote `system:monitoring` just now.
fn runs(monitoring: &SavedKey) -> Option<String> {
    let saved::SavedValue::Hash(fields) = &monitoring.value else { return None };
    let field = |wanted: &str| {
        fields.iter().find_map(|(name, value)| match (name, value) {
            (saved::Bytes::Text(name), saved::Bytes::Text(value)) if name == wanted => Some(value.clone()),
            _ => None,
        })
    };
    let written_ms = clock::parse_rfc3339(&field("time")?)?;
    (clock::unix_ms().saturating_sub(written_ms) < RUNS_MS).then(|| field("host").unwrap_or_default())
}

/// The pairs go into the Set that this machine's settings name, whatever it was called where the backup was made.
fn with_key(mut saved: Vec<SavedKey>, key: &str, manifest: &Manifest) -> Vec<SavedKey> {
    for one in &mut saved {
        if one.key == manifest.pairs_key {
            key.clone_into(&mut one.key);
        }
    }
    saved
}

fn files_of(folder: Option<&Path>, ours: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.filter(|entry| entry.file_name().to_str().is_some_and(&ours)).map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn differs(a: &Path, b: &Path) -> bool {
    match (std::fs::read(a), std::fs::read(b)) {
        (Ok(a), Ok(b)) => a != b,
        _ => true,
    }
}

/// Puts files into a folder in place of the old ones.
fn put(from: &Path, to: &Path, old: &[PathBuf]) -> Result<(), BackupError> {
    for file in old {
        for suffix in ["", "-wal", "-shm"] {
            let part = PathBuf::from(format!("{}{suffix}", file.display()));
            if suffix.is_empty() || part.exists() {
                std::fs::remove_file(&part).map_err(|error| BackupError::file(&part, &error))?;
            }
        }
    }
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(()) };
    std::fs::create_dir_all(to).map_err(|error| BackupError::file(to, &error))?;
    for entry in entries.flatten() {
        let target = to.join(entry.file_name());
        // Whole or not at all, also on another disk: a host may look at the folder.
        let part = to.join(format!(".restore-{}", entry.file_name().to_string_lossy()));
        let moved = std::fs::copy(entry.path(), &part).and_then(|_| std::fs::rename(&part, &target));
        if let Err(error) = moved {
            let _ = std::fs::remove_file(&part);
            return Err(BackupError::file(target, &error));
        }
    }
    Ok(())
}
