//! Backups that the host makes by itself, and how many of them are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::collect;
use crate::clock;
use crate::config::Settings;
use crate::config::settings;

/// What its own backups are called: `leadline-2026-11-25T18-00-00Z.tar.zst`.
const PREFIX: &str = "leadline-";
const SUFFIX: &str = ".tar.zst";
/// Wait after a backup that failed, unless the interval is shorter.
const AGAIN: Duration = Duration::from_secs(600);

/// Makes a backup each interval until `stop`. A host that was just started goes by the newest file there is.
pub async fn run(settings: Settings, backup: settings::Backup, stop: CancellationToken) {
    let mut wait = backup.every.saturating_sub(age_of_newest(&backup.folder).unwrap_or(Duration::MAX));
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return,
        }
        let time = clock::rfc3339(clock::unix_ms());
        let name = format!("{PREFIX}{}Z{SUFFIX}", time.get(..19).unwrap_or(&time).replace(':', "-"));
        let file = backup.folder.join(name);
        wait = match collect::make(&settings, &file).await {
            Ok(manifest) => {
                tracing::info!("backup made: {} ({} files)", file.display(), manifest.files.len());
                prune(&backup.folder, backup.keep);
                backup.every
            }
            Err(error) => {
                tracing::error!("no backup: {error}");
                backup.every.min(AGAIN)
            }
        };
    }
}

/// The host's own backups, oldest first: their names are in the order of their times.
fn own(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = |name: &str| name.starts_with(PREFIX) && name.ends_with(SUFFIX);
    let mut files: Vec<PathBuf> = entries.filter(|entry| entry.file_name().to_str().is_some_and(ours)).map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn age_of_newest(folder: &Path) -> Option<Duration> {
    std::fs::metadata(own(folder).last()?).ok()?.modified().ok()?.elapsed().ok()
}

fn prune(folder: &Path, keep: usize) {
    // What a host left that was killed while it packed.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(".part")) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    let files = own(folder);
    for old in files.iter().take(files.len().saturating_sub(keep)) {
        match std::fs::remove_file(old) {
            Ok(()) => tracing::info!("{} deleted: BACKUP_KEEP is {keep}", old.display()),
            Err(error) => tracing::error!("{} can't be deleted: {error}", old.display()),
        }
    }
}
