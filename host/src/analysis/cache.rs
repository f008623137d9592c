//! A private cache of compiled components, so that a start doesn't compile what an earlier one has.
//!
//! A file's name is the SHA-256 of the component and of all that the compiled code depends on (version and settings of the engine, processor). Its content is
//! an HMAC under a key that only this user can read, over name and code; then the code. A file that somebody else owns or may write, or whose HMAC
//! doesn't fit, is never loaded: it is removed, and the component compiled anew.

use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ring::{digest, hmac, rand::SecureRandom};
use wasmtime::component::Component;

use super::trusted;

/// All files together, bytes; the oldest go first.
const MAX_TOTAL: u64 = 512 << 20;
/// One file, bytes.
const MAX_FILE: u64 = 256 << 20;
const TAG: usize = 32;
const KEY_FILE: &str = "key";
const EXTENSION: &str = "cwasm";

/// A folder of compiled components that only this user can read and write.
pub(super) struct Cache {
    folder: PathBuf,
    key: hmac::Key,
    /// What the code depends on beside the component.
    engine: [u8; 32],
    /// Whose files are ours.
    owner: u32,
    max_total: u64,
}

/// Why the cache can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum CacheError {
    #[error("{0}: {1}\nhint: PLUGIN_CACHE_DIR names a folder that this user can write; empty: no cache")]
    Folder(PathBuf, std::io::Error),
    #[error("{0} belongs to another user, or others may use it\nhint: chmod 700 it, or let PLUGIN_CACHE_DIR name another folder")]
    NotPrivate(PathBuf),
    #[error("the system gives no random numbers for the key of {0}")]
    Random(PathBuf),
}

impl Cache {
    /// Opens the cache, and makes folder and key if they aren't there.
    pub(super) fn open(folder: &Path, engine: &wasmtime::Engine) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Folder(folder.to_owned(), source);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        // A process's own folder in /proc belongs to the user that it runs as.
        let owner = std::fs::metadata("/proc/self").map_err(failed)?.uid();
        let meta = std::fs::symlink_metadata(folder).map_err(failed)?;
        if !meta.is_dir() || !private(&meta, owner) {
            return Err(CacheError::NotPrivate(folder.to_owned()));
        }
        let key = key(folder, owner)?;
        let mut hasher = Sha256(digest::Context::new(&digest::SHA256));
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { folder: folder.to_owned(), key, engine: hasher.digest(), owner, max_total: MAX_TOTAL })
    }

    /// The compiled component of these bytes, if an earlier run kept it.
    pub(super) fn load(&self, engine: &wasmtime::Engine, component: &[u8]) -> Option<Component> {
        let name = self.name(component);
        let path = self.folder.join(&name);
        let mut file = match std::fs::OpenOptions::new().read(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => return self.refuse(&path, &error.to_string()),
        };
        // Of the open file, not of the name: nothing can be put in its place after this.
        let meta = match file.metadata() {
            Ok(meta) if meta.is_file() && private(&meta, self.owner) && meta.len() <= MAX_FILE => meta,
            Ok(_) => return self.refuse(&path, "it isn't a private file of this user"),
            Err(error) => return self.refuse(&path, &error.to_string()),
        };
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
        if let Err(error) = Read::by_ref(&mut file).take(MAX_FILE).read_to_end(&mut bytes) {
            return self.refuse(&path, &error.to_string());
        }
        let Some((tag, code)) = bytes.split_at_checked(TAG) else { return self.refuse(&path, "it is cut short") };
        if hmac::verify(&self.key, &signed(&name, code), tag).is_err() {
            return self.refuse(&path, "its content isn't what this program wrote");
        }
        match trusted::deserialize(engine, code) {
            Ok(component) => {
                // The youngest stay: a file that is used counts as young. Only a hint, so a failure doesn't matter.
                let _ = file.set_modified(std::time::SystemTime::now());
                Some(component)
            }
            Err(error) => self.refuse(&path, &format!("{error:#}")),
        }
    }

    /// Keeps a compiled component for the next start. A cache that can't be written is told once a component and does no harm.
    pub(super) fn keep(&self, component: &[u8], compiled: &Component) {
        let kept = compiled.serialize().map_err(std::io::Error::other).and_then(|code| self.write(&self.name(component), &code));
        if let Err(error) = kept {
            tracing::warn!("a compiled component can't be kept in {}: {error}", self.folder.display());
        }
    }

    fn name(&self, component: &[u8]) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.engine);
        context.update(component);
        format!("{}.{EXTENSION}", hex(context.finish().as_ref()))
    }

    /// Whole or not at all: written beside, then renamed.
    fn write(&self, name: &str, code: &[u8]) -> std::io::Result<()> {
        let size = (TAG + code.len()) as u64;
        if size > MAX_FILE || size > self.max_total {
            return Ok(());
        }
        self.make_room(size)?;
        let tag = hmac::sign(&self.key, &signed(name, code));
        write_private(&self.folder, name, &[tag.as_ref(), code])
    }

    fn make_room(&self, size: u64) -> std::io::Result<()> {
        let mut files: Vec<(std::time::SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == EXTENSION) {
                let meta = entry.metadata()?;
                files.push((meta.modified()?, meta.len(), entry.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, length, path) in files {
            if total + size <= self.max_total {
                break;
            }
            std::fs::remove_file(path)?;
            total -= length;
        }
        Ok(())
    }

    fn refuse(&self, path: &Path, why: &str) -> Option<Component> {
        tracing::warn!("{} isn't used, and is removed: {why}", path.display());
        // If it can't be removed, it is refused again next time.
        let _ = std::fs::remove_file(path);
        None
    }
}

/// What the HMAC is over: name and code, so that a file can't be passed off as another's.
fn signed(name: &str, code: &[u8]) -> Vec<u8> {
    [name.as_bytes(), b"\0", code].concat()
}

fn private(meta: &std::fs::Metadata, owner: u32) -> bool {
    meta.uid() == owner && meta.permissions().mode() & 0o077 == 0
}

fn write_private(folder: &Path, name: &str, parts: &[&[u8]]) -> std::io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let beside = folder.join(format!(".{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        std::fs::rename(&beside, folder.join(name))
    };
    let written = write();
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// The key of this folder; made when there is none, or none that can be used.
fn key(folder: &Path, owner: u32) -> Result<hmac::Key, CacheError> {
    let failed = |source| CacheError::Folder(folder.to_owned(), source);
    let path = folder.join(KEY_FILE);
    if let Ok(mut file) = std::fs::File::open(&path) {
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(TAG as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() == TAG && private(&file.metadata().map_err(failed)?, owner) {
            return Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes));
        }
    }
    let mut bytes = [0; TAG];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| CacheError::Random(folder.to_owned()))?;
    write_private(folder, KEY_FILE, &[&bytes]).map_err(failed)?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// The SHA-256 of some bytes, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whatever is hashed into it, as one SHA-256.
struct Sha256(digest::Context);

impl Sha256 {
    fn digest(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        bytes
    }
}

impl Hasher for Sha256 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        self.0.clone().finish().as_ref().iter().take(8).fold(0, |all, &byte| all << 8 | u64::from(byte))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;

    /// An empty component.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn engine() -> wasmtime::Engine {
        wasmtime::Engine::default()
    }

    fn filled() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("cache");
        let cache = Cache::open(&folder, &engine()).unwrap();
        assert!(cache.load(&engine(), COMPONENT).is_none());
        cache.keep(COMPONENT, &Component::new(&engine(), COMPONENT).unwrap());
        let file = folder.join(cache.name(COMPONENT));
        assert!(file.is_file());
        (parent, folder, file)
    }

    fn loads(folder: &Path) -> bool {
        Cache::open(folder, &engine()).unwrap().load(&engine(), COMPONENT).is_some()
    }

    #[test]
    fn what_was_kept_is_loaded_by_the_next_run_and_nobody_else_can_read_it() {
        let (_parent, folder, file) = filled();
        assert!(loads(&folder));
        assert_eq!(std::fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        for name in [file, folder.join(KEY_FILE)] {
            assert_eq!(std::fs::metadata(name).unwrap().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_foreign_or_open_file_is_never_loaded() {
        type Harm = fn(&Path, &Path);
        let harms: [Harm; 5] = [
            |_, file| {
                let mut bytes = std::fs::read(file).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                std::fs::write(file, bytes).unwrap();
            },
            |_, file| std::fs::write(file, b"short").unwrap(),
            |_, file| std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap(),
            // Code that wasmtime itself would take, but that nobody with the key wrote.
            |_, file| {
                let code = Component::new(&engine(), COMPONENT).unwrap().serialize().unwrap();
                std::fs::write(file, [&[0; TAG], code.as_slice()].concat()).unwrap();
            },
            |folder, _| std::fs::remove_file(folder.join(KEY_FILE)).unwrap(),
        ];
        for harm in harms {
            let (_parent, folder, file) = filled();
            harm(&folder, &file);
            assert!(!loads(&folder));
            assert!(!file.exists(), "it is removed, so that the next start doesn't meet it again");
        }
    }

    #[test]
    fn another_component_or_another_engine_has_another_file() {
        let (_parent, folder, file) = filled();
        let mut config = wasmtime::Config::new();
        config.consume_fuel(true);
        let other = Cache::open(&folder, &wasmtime::Engine::new(&config).unwrap()).unwrap();
        assert_ne!(folder.join(other.name(COMPONENT)), file);
        let same = Cache::open(&folder, &engine()).unwrap();
        assert_ne!(folder.join(same.name(b"another")), file);
    }

    #[test]
    fn a_folder_that_others_may_use_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("cache");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Cache::open(&folder, &engine()).is_err_and(|error| error.to_string().contains("hint: chmod 700")));
    }

    #[test]
    fn the_oldest_files_make_room() {
        let (_parent, folder, file) = filled();
        let size = std::fs::metadata(&file).unwrap().len();
        let cache = Cache { max_total: size + size / 2, ..Cache::open(&folder, &engine()).unwrap() };
        cache.keep(b"another", &Component::new(&engine(), COMPONENT).unwrap());
        assert!(!file.exists() && folder.join(cache.name(b"another")).exists());
    }
}
