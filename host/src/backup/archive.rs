//! The file: a tar packed by zstd, `manifest.json` in front with the digest of everything behind it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::BackupError;

/// What `format` says.
const FORMAT: &str = "leadline-backup";
/// The version of the layout; another is refused.
const VERSION: u32 = 1;
/// The manifest's place.
const MANIFEST: &str = "manifest.json";
/// Most bytes of a manifest.
const MAX_MANIFEST: u64 = 16 << 20;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always the same word.
    pub format: String,
    /// The version of the layout.
    pub version: u32,
    /// When it was made, RFC 3339.
    pub made_at: String,
    /// The program that made it.
    pub program: String,
    /// The wanted pairs.
    pub pairs: Vec<String>,
    /// The key of their Set.
    pub pairs_key: String,
    /// Where history was kept: `embedded`, `influxdb` (then it isn't in here) or `off`.
    pub history: String,
    /// Each file behind the manifest.
    pub files: BTreeMap<String, Digest>,
}

/// A file's length and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

impl Manifest {
    pub(super) fn new(pairs: Vec<String>, pairs_key: &str, history: &str) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            made_at: crate::clock::rfc3339(crate::clock::unix_ms()),
            program: format!("leadline {}", env!("CARGO_PKG_VERSION")),
            pairs,
            pairs_key: pairs_key.to_owned(),
            history: history.to_owned(),
            files: BTreeMap::new(),
        }
    }
}

/// The digest of a file.
fn digest(file: &Path) -> std::io::Result<Digest> {
    let mut reader = BufReader::new(File::open(file)?);
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let n = reader.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        context.update(&buffer[..n]);
        bytes += n as u64;
    }
    let sha256 = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Digest { bytes, sha256 })
}

/// Packs the files of a folder, by the names in the manifest's `files`, into a new file. The file is there whole, or not at all.
pub(super) fn pack(folder: &Path, names: &[String], mut manifest: Manifest, target: &Path) -> Result<Manifest, BackupError> {
    if target.exists() {
        return Err(BackupError::file(target, &std::io::Error::from(std::io::ErrorKind::AlreadyExists)));
    }
    for name in names {
        let file = folder.join(name);
        manifest.files.insert(name.clone(), digest(&file).map_err(|error| BackupError::file(file, &error))?);
    }
    let part = PathBuf::from(format!("{}.part", target.display()));
    let packed = write(folder, &manifest, &part).and_then(|()| std::fs::rename(&part, target));
    if let Err(error) = packed {
        let _ = std::fs::remove_file(&part);
        return Err(BackupError::file(target, &error));
    }
    Ok(manifest)
}

fn write(folder: &Path, manifest: &Manifest, part: &Path) -> std::io::Result<()> {
    let file = File::create(part)?;
    // Plugins and states may be a firm's secret.
    restrict(part)?;
    let packer = zstd::Encoder::new(BufWriter::new(file), 3)?;
    let mut tar = tar::Builder::new(packer);
    tar.mode(tar::HeaderMode::Deterministic);
    let text = serde_json::to_vec_pretty(manifest)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    header.set_cksum();
    tar.append_data(&mut header, MANIFEST, text.as_slice())?;
    for name in manifest.files.keys() {
        tar.append_path_with_name(folder.join(name), name)?;
    }
    let mut writer = tar.into_inner()?.finish()?;
    writer.flush()?;
    writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
}

#[cfg(unix)]
fn restrict(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Unpacks a backup into an empty folder, and checks that it is whole: every file that the manifest names with its digest, and no other.
pub(super) fn unpack(source: &Path, folder: &Path) -> Result<Manifest, BackupError> {
    let unreadable = |detail: String| BackupError::Unreadable { file: source.to_owned(), detail };
    let failed = |error: std::io::Error| unreadable(error.to_string());
    let file = File::open(source).map_err(|error| BackupError::file(source, &error))?;
    let reader = zstd::Decoder::new(file).map_err(|_| unreadable("no backup: not packed by zstd".to_owned()))?;
    let mut tar = tar::Archive::new(reader);
    let mut entries = tar.entries().map_err(failed)?;
    let first = entries.next().ok_or_else(|| unreadable("no backup: empty".to_owned()))?.map_err(|_| unreadable("no backup".to_owned()))?;
    if first.path().map_err(failed)?.to_str() != Some(MANIFEST) {
        return Err(unreadable("no backup: there is no manifest in front".to_owned()));
    }
    let mut text = Vec::new();
    first.take(MAX_MANIFEST).read_to_end(&mut text).map_err(failed)?;
    #[derive(Deserialize)]
    struct Marks {
        format: String,
        version: u32,
    }
    let marks: Marks = serde_json::from_slice(&text).map_err(|error| unreadable(format!("its manifest can't be read: {error}")))?;
    if marks.format != FORMAT || marks.version != VERSION {
        return Err(unreadable(format!("{} of version {}; this program reads {FORMAT} of version {VERSION}", marks.format, marks.version)));
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| unreadable(format!("its manifest can't be read: {error}")))?;
    for name in manifest.files.keys() {
        if !is_ours(name) {
            return Err(unreadable(format!("it names a file of no kind that a backup has: {name:?}")));
        }
    }
    for entry in entries {
        let mut entry = entry.map_err(failed)?;
        let name = entry.path().map_err(failed)?.to_str().map(str::to_owned).unwrap_or_default();
        let Some(wanted) = manifest.files.get(&name) else {
            return Err(unreadable(format!("it holds a file that its manifest doesn't name: {name:?}")));
        };
        if entry.size() != wanted.bytes {
            return Err(unreadable(format!("{name} has {} bytes instead of {}", entry.size(), wanted.bytes)));
        }
        let target = folder.join(&name);
        let unpacked = (|| {
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::io::copy(&mut entry, &mut File::create(&target)?)
        })();
        unpacked.map_err(failed)?;
    }
    for (name, wanted) in &manifest.files {
        let file = folder.join(name);
        match digest(&file) {
            Ok(found) if found == *wanted => {}
            Ok(_) => return Err(unreadable(format!("{name} isn't what was put in: its digest differs"))),
            Err(_) => return Err(unreadable(format!("{name} is missing"))),
        }
    }
    Ok(manifest)
}

/// A name that a backup's file may have: one folder at most, nothing that leads elsewhere.
fn is_ours(name: &str) -> bool {
    let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
    match name.split_once('/') {
        None => name == super::collect::REDIS,
        Some((super::collect::PLUGINS | super::collect::HISTORY, file)) => plain(file),
        Some(_) => false,
    }
}
