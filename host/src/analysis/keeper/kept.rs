//! Components that were at work, kept for the way back: also after a restart, and when their files were overwritten. And the candidates that run beside them,
//! so that they go on after a restart.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::folder;
use crate::analysis::cache;
use crate::clock;

/// The folder in the folder of plugins.
const KEPT: &str = ".kept";
/// Versions kept a file, the one at work among them.
const VERSIONS: usize = 4;
/// All versions of one file together, bytes: of Python plugins three fit.
const BYTES: u64 = 64 << 20;

/// One kept version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptVersion {
    /// What the plugin called it.
    pub version: String,
    /// SHA-256 of the component, hexadecimal.
    pub digest: String,
    /// Its size, bytes.
    pub size: u64,
    /// When it was last put to work, milliseconds since 1970.
    pub since_ms: u64,
}

/// A candidate as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptShadow {
    /// SHA-256 of its component; none: the one at work.
    pub(super) digest: Option<String>,
    /// Its parameters; none: those at work.
    pub(super) parameters: Option<Map<String, Value>>,
    /// Relative difference up to which numbers count as alike.
    pub(super) tolerance: f64,
    /// When it is promoted by itself.
    pub(super) rule: Option<String>,
    /// When it was begun, milliseconds since 1970.
    pub(super) begun_ms: u64,
}

/// The private folder of kept versions.
pub(super) struct Kept {
    folder: PathBuf,
    told: bool,
}

impl Kept {
    pub(super) fn of(plugins: &Path) -> Self {
        Self { folder: plugins.join(KEPT), told: false }
    }

    /// The versions of a file, the newest first.
    pub(super) fn list(&self, stem: &str) -> Vec<KeptVersion> {
        let text = std::fs::read_to_string(self.list_of(stem)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Keeps a version that is at work from now on.
    pub(super) fn keep(&mut self, stem: &str, version: &str, digest: &str, bytes: &[u8]) {
        if let Err(error) = self.try_keep(stem, version, digest, bytes)
            && !std::mem::replace(&mut self.told, true)
        {
            let folder = self.folder.display();
            tracing::warn!(
                "versions of plugins can't be kept in {folder}, so a rollback has none to go to: {error}\nhint: let this user write there"
            );
        }
    }

    fn try_keep(&self, stem: &str, version: &str, digest: &str, bytes: &[u8]) -> std::io::Result<()> {
        let mut versions = self.list(stem);
        if versions.first().is_some_and(|newest| newest.digest == digest) && self.file(stem, digest).is_file() {
            return Ok(());
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        if !self.file(stem, digest).is_file() {
            folder::replace(&self.file(stem, digest), bytes)?;
        }
        versions.retain(|known| known.digest != digest);
        let (version, digest, size) = (version.to_owned(), digest.to_owned(), bytes.len() as u64);
        versions.insert(0, KeptVersion { version, digest, size, since_ms: clock::unix_ms() });
        let mut total = 0;
        let stay = versions.iter().take(VERSIONS).take_while(|version| {
            total += version.size;
            total <= BYTES
        });
        // The one at work stays, whatever its size.
        let stay = stay.count().max(1);
        for gone in versions.split_off(stay) {
            let _ = std::fs::remove_file(self.file(stem, &gone.digest));
        }
        self.write(stem, &versions)
    }

    /// A version that was no good isn't gone back to.
    pub(super) fn discard(&self, stem: &str, digest: &str) {
        let mut versions = self.list(stem);
        versions.retain(|known| known.digest != digest);
        // What can't be removed is refused by a rollback's checks, or goes when others make room.
        let _ = self.write(stem, &versions);
        let _ = std::fs::remove_file(self.file(stem, digest));
    }

    /// The bytes of a version; none when they are no longer those that were kept.
    pub(super) fn bytes(&self, stem: &str, digest: &str) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.file(stem, digest)).ok()?;
        (cache::sha256(&bytes) == digest).then_some(bytes)
    }

    /// Keeps a candidate that runs from now on, with its component where that isn't the one at work.
    pub(super) fn keep_shadow(&self, stem: &str, shadow: &KeptShadow, bytes: Option<&[u8]>) {
        if let Err(error) = self.try_keep_shadow(stem, shadow, bytes) {
            let folder = self.folder.display();
            tracing::warn!(
                "the shadow of {stem} can't be kept in {folder}, so it ends with the host: {error}\nhint: let this user write there"
            );
        }
    }

    fn try_keep_shadow(&self, stem: &str, shadow: &KeptShadow, bytes: Option<&[u8]>) -> std::io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        if let Some(bytes) = bytes {
            folder::replace(&self.candidate_of(stem), bytes)?;
        }
        folder::replace(&self.shadow_of(stem), &serde_json::to_vec_pretty(shadow)?)
    }

    /// The candidate that ran beside a file when the host ended, and its component; none when they are no longer what was kept.
    pub(super) fn shadow(&self, stem: &str) -> Option<(KeptShadow, Option<Vec<u8>>)> {
        let shadow: KeptShadow = serde_json::from_slice(&std::fs::read(self.shadow_of(stem)).ok()?).ok()?;
        let bytes = match &shadow.digest {
            Some(digest) => Some(std::fs::read(self.candidate_of(stem)).ok().filter(|bytes| cache::sha256(bytes) == *digest)?),
            None => None,
        };
        Some((shadow, bytes))
    }

    /// The candidate has ended.
    pub(super) fn forget_shadow(&self, stem: &str) {
        for file in [self.shadow_of(stem), self.candidate_of(stem)] {
            if let Err(error) = std::fs::remove_file(&file)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!("{} can't be removed, so the shadow comes again at the next start: {error}", file.display());
            }
        }
    }

    // Neither looks like a list (`.json`) or a version (64 digits) of any file.
    fn shadow_of(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.shadow"))
    }

    fn candidate_of(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.candidate"))
    }

    fn write(&self, stem: &str, versions: &[KeptVersion]) -> std::io::Result<()> {
        folder::replace(&self.list_of(stem), &serde_json::to_vec_pretty(versions)?)
    }

    fn list_of(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.json"))
    }

    fn file(&self, stem: &str, digest: &str) -> PathBuf {
        self.folder.join(format!("{stem}.{digest}"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;

    #[test]
    fn the_last_versions_are_kept_over_a_restart_and_a_discarded_or_damaged_one_is_none() {
        let plugins = tempfile::tempdir().unwrap();
        let mut kept = Kept::of(plugins.path());
        let digests: Vec<String> = (0..6_u8).map(|n| cache::sha256(&[n])).collect();
        for (n, digest) in (0_u8..).zip(&digests) {
            kept.keep("a", &format!("1.{n}"), digest, &[n]);
        }
        // The second but newest is at work again.
        kept.keep("a", "1.4", &digests[4], &[4]);
        let kept = Kept::of(plugins.path());
        let versions = |kept: &Kept| kept.list("a").into_iter().map(|kept| kept.version).collect::<Vec<_>>();
        assert_eq!(versions(&kept), ["1.4", "1.5", "1.3", "1.2"]);
        assert_eq!(kept.bytes("a", &digests[5]), Some(vec![5]));
        assert_eq!(std::fs::read_dir(plugins.path().join(KEPT)).unwrap().count(), VERSIONS + 1, "the oldest files are gone");
        kept.discard("a", &digests[5]);
        assert_eq!(versions(&kept), ["1.4", "1.3", "1.2"]);
        std::fs::write(kept.file("a", &digests[3]), b"other").unwrap();
        assert_eq!(kept.bytes("a", &digests[3]), None);
    }
}
