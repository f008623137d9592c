//! Backup and restore: pairs, rules, plugins with their configuration and state, and the embedded history, in one file.
//!
//! # Layout
//!
//! - [`archive`]: the file: a packed tar with a manifest in front.
//! - [`collect`]: what goes in, gathered while the host runs.
//! - [`restore`]: looked at whole before anything is touched.
//! - [`schedule`]: backups that the host makes by itself.

pub mod archive;
pub mod collect;
pub mod restore;
pub mod schedule;

use std::path::PathBuf;

use crate::history::HistoryError;
use crate::results::LinkError;

/// Why there is no backup, or no restore.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file can't be read or written.
    #[error("{file}: {detail}{hint}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        detail: String,
        /// What to do, behind a new line.
        hint: &'static str,
    },
    /// The file is no backup that this program can read.
    #[error("{file}: {detail}\nhint: nothing was changed; take another backup")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// There is something already where the backup would go.
    #[error("not restored, there is something already: {0}\nhint: nothing was changed; --replace puts the backup in its place")]
    Occupied(String),
    /// A host runs on what would be replaced.
    #[error("not restored, a host runs on it: {0}\nhint: nothing was changed; stop the host first")]
    InUse(String),
    /// Redis can't be asked.
    #[error(transparent)]
    Redis(#[from] LinkError),
    /// The history can't be copied.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The work was given up.
    #[error("{0}")]
    Ended(String),
}

impl BackupError {
    fn file(file: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull => "\nhint: the disk is full; make room, or name a file on another",
            std::io::ErrorKind::AlreadyExists => "\nhint: name another file; none is overwritten",
            std::io::ErrorKind::PermissionDenied => "\nhint: this user may not",
            _ => "",
        };
        Self::File { file: file.into(), detail: error.to_string(), hint }
    }
}
