//! The folder of plugins: what tells a file from its next version, when a file is whole, and how one is replaced.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};

/// A file that is being written, as far as anybody can tell, is left alone until nothing was heard of it for so long.
const WRITING: Duration = Duration::from_secs(2);
/// Files that may be being written at once; of more, the others are looked at as if they were whole.
const MOST_WRITING: usize = 256;

/// What tells a file from its next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl Stamp {
    /// None: there is no such file.
    pub(super) fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let data = std::fs::metadata(file).ok()?;
        Some(Self { size: data.len(), modified: data.modified().ok(), inode: data.ino() })
    }
}

/// Files that somebody writes at the moment.
#[derive(Default)]
pub(super) struct Writing(HashMap<PathBuf, Instant>);

impl Writing {
    /// What the system tells of the folder.
    pub(super) fn hear(&mut self, event: notify::Event) {
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any) | EventKind::Create(_) => {
                for path in event.paths {
                    if self.0.len() < MOST_WRITING {
                        self.0.insert(path, Instant::now());
                    }
                }
            }
            // Closed, renamed into place, or gone.
            EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Modify(ModifyKind::Name(_)) | EventKind::Remove(_) => {
                for path in &event.paths {
                    self.0.remove(path);
                }
            }
            _ => {}
        }
    }

    /// Whether a file is to be left alone for now. A writer that was killed doesn't keep it so.
    pub(super) fn holds(&mut self, path: &Path) -> bool {
        self.0.retain(|_, since| since.elapsed() < WRITING);
        self.0.contains_key(path)
    }
}

/// The component files of a folder.
pub(super) fn components(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")).collect())
}

/// Puts a file in place of another, whole or not at all: written beside, forced to the disk, renamed.
///
/// # Errors
/// What the system says; the file is as it was.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let beside = folder.join(format!(".coming-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let write = || {
        let mut file = std::fs::File::create_new(&beside)?;
        file.write_all(bytes)?;
        if let Ok(old) = std::fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        // The name is on the disk once its folder is.
        std::fs::File::open(folder)?.sync_all()
    };
    let written = write();
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;
    use notify::Event;
    use notify::event::{CreateKind, DataChange, RenameMode};

    #[test]
    fn a_file_is_left_alone_from_its_first_byte_until_it_is_closed_or_renamed_into_place() {
        let (mut writing, file) = (Writing::default(), Path::new("/plugins/a.wasm"));
        let mut hear = |kind| writing.hear(Event::new(kind).add_path(file.to_owned()));
        hear(EventKind::Create(CreateKind::File));
        hear(EventKind::Modify(ModifyKind::Data(DataChange::Any)));
        assert!(writing.holds(file));
        assert!(!writing.holds(Path::new("/plugins/b.wasm")));
        for end in [EventKind::Access(AccessKind::Close(AccessMode::Write)), EventKind::Modify(ModifyKind::Name(RenameMode::To))] {
            let mut hear = |kind| writing.hear(Event::new(kind).add_path(file.to_owned()));
            hear(EventKind::Modify(ModifyKind::Data(DataChange::Any)));
            hear(end);
            assert!(!writing.holds(file));
        }
    }

    #[test]
    fn a_file_is_replaced_whole_keeps_its_permissions_and_leaves_nothing_beside() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wasm");
        std::fs::write(&file, b"old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        replace(&file, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(replace(&folder.path().join("gone/a.wasm"), b"new").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
