//! The tokens of settings and file. Only their SHA-256 is kept, and it is compared in constant time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use super::role::{Caller, Role};
use crate::config::settings;

/// Largest file of tokens, bytes.
const MAX_FILE: u64 = 256 << 10;
/// Shortest token: 32 characters of base64 or hex are at least 128 bits, which nobody guesses.
const SHORTEST: usize = 32;
/// Longest token that is looked at.
const LONGEST: usize = 512;
/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// Why tokens can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file can't be read.
    #[error(
        "API_TOKENS_FILE {file}: {detail}\nhint: the file has lines ROLE NAME TOKEN; `leadline token --role operator --name ann` makes one"
    )]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        detail: String,
    },
    /// A line of the file can't be used. The line itself isn't shown: it may hold a token.
    #[error(
        "API_TOKENS_FILE {file} line {line}: {detail}\nhint: ROLE NAME TOKEN, the role viewer, analyst or operator; `leadline token` makes such a line"
    )]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// `API_TOKEN` can't be used.
    #[error("API_TOKEN: {0}\nhint: `leadline token` makes a good one")]
    Setting(String),
}

struct Entry {
    digest: [u8; 32],
    caller: Caller,
}

/// Tokens, the caller behind each.
#[derive(Default)]
pub struct Tokens {
    entries: RwLock<Vec<Entry>>,
}

impl Tokens {
    /// The tokens that the settings name.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn of(settings: &settings::Api) -> Result<Self, TokenError> {
        Ok(Self { entries: RwLock::new(read(settings)?) })
    }

    /// Whether there is any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Who has this token. Every known token is compared, so that the time taken says nothing.
    #[must_use]
    pub fn find(&self, token: &str) -> Option<Caller> {
        if token.len() > LONGEST {
            return None;
        }
        let asked = sha256(token.as_bytes());
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for entry in entries.iter() {
            if bool::from(entry.digest.ct_eq(&asked)) {
                found = Some(&entry.caller);
            }
        }
        found.cloned()
    }

    /// Whether a caller who was let in would still be: their token may have been taken away. Who has none loses none.
    #[must_use]
    pub fn still_has(&self, caller: &Caller) -> bool {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        caller.name.is_none() || entries.iter().any(|entry| entry.caller == *caller)
    }

    /// Follows the file until `stop`: tokens are given and taken without a restart. A file that can't be used changes nothing.
    pub async fn follow(self: Arc<Self>, settings: settings::Api, stop: CancellationToken) {
        let Some(file) = settings.tokens_file.clone() else { return };
        let mut seen = stamp(&file);
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => return,
            }
            let now = stamp(&file);
            if now == seen {
                continue;
            }
            seen = now;
            match read(&settings) {
                Ok(entries) => {
                    tracing::info!(file = %file.display(), tokens = entries.len(), "the API's tokens were read again");
                    *self.entries.write().unwrap_or_else(PoisonError::into_inner) = entries;
                }
                Err(error) => tracing::error!("the API's tokens stay as they were: {error}"),
            }
        }
    }
}

/// A new token: 256 random bits as hex.
///
/// # Errors
/// When the system has no random numbers.
pub fn random() -> Result<String, TokenError> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| TokenError::Setting("the system gives no random numbers".to_owned()))?;
    Ok(hex(&bytes))
}

/// How a token stands in a file that needn't be kept secret.
#[must_use]
pub fn digest_of(token: &str) -> String {
    format!("sha256:{}", hex(&sha256(token.as_bytes())))
}

/// Whether somebody can be called so.
#[must_use]
pub fn is_good_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= 64 && name.chars().all(|c| c.is_alphanumeric() || "._@-".contains(c))
}

fn read(settings: &settings::Api) -> Result<Vec<Entry>, TokenError> {
    let mut entries = Vec::new();
    if let Some(token) = &settings.token {
        check(token.reveal()).map_err(TokenError::Setting)?;
        let caller = Caller { name: Some(Arc::from("API_TOKEN")), role: Role::Operator };
        entries.push(Entry { digest: sha256(token.reveal().as_bytes()), caller });
    }
    if let Some(file) = &settings.tokens_file {
        read_file(file, &mut entries)?;
    }
    Ok(entries)
}

fn read_file(file: &Path, entries: &mut Vec<Entry>) -> Result<(), TokenError> {
    let failed = |detail: String| TokenError::File { file: file.to_owned(), detail };
    let size = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
    if size > MAX_FILE {
        return Err(failed(format!("{size} bytes, more than {MAX_FILE}")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    let mut plain = false;
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let wrong = |detail: &str| TokenError::Line { file: file.to_owned(), line: index + 1, detail: detail.to_owned() };
        let (role, name, token) = match words[..] {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            [role, name, token] => (role, name, token),
            _ => return Err(wrong("it has not three words")),
        };
        let role: Role = role.parse().map_err(|()| wrong("there is no such role"))?;
        if !is_good_name(name) {
            return Err(wrong("a name has up to 64 letters, digits or . _ @ -"));
        }
        let digest = match token.strip_prefix("sha256:") {
            Some(digest) => unhex(digest).ok_or_else(|| wrong("behind sha256: stand 64 hexadecimal digits"))?,
            None => {
                plain = true;
                check(token).map_err(|detail| wrong(&detail))?;
                sha256(token.as_bytes())
            }
        };
        if entries.iter().any(|entry| entry.digest == digest) {
            return Err(wrong("this token stands there already"));
        }
        entries.push(Entry { digest, caller: Caller { name: Some(Arc::from(name)), role } });
    }
    if plain && is_open_to_others(file) {
        tracing::warn!(
            file = %file.display(),
            "others on this machine can read the file of the API's tokens\nhint: chmod 600, or keep sha256: digests in it, which `leadline token` prints"
        );
    }
    Ok(())
}

/// Whether a token is long enough, and of letters that a header takes.
fn check(token: &str) -> Result<(), String> {
    if token.len() < SHORTEST || token.len() > LONGEST {
        return Err(format!("a token has {SHORTEST} to {LONGEST} characters, this one {}", token.len()));
    }
    if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
        return Err("a token has letters, digits and - . _ ~ alone".to_owned());
    }
    Ok(())
}

fn stamp(file: &Path) -> Option<(std::time::SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(unix)]
fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    digest
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Tokens, TokenError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        std::fs::write(&file, text).unwrap();
        let mut entries = Vec::new();
        read_file(&file, &mut entries)?;
        Ok(Tokens { entries: RwLock::new(entries) })
    }

    #[test]
    fn a_token_is_found_by_itself_or_by_its_digest_and_by_nothing_else() {
        let (plain, digested) = (random().unwrap(), random().unwrap());
        let file = format!("# who\n\nviewer board {plain}\noperator ann {}\n", digest_of(&digested));
        let tokens = tokens(&file).unwrap();
        assert_eq!(tokens.find(&plain).unwrap().role, Role::Viewer);
        let ann = tokens.find(&digested).unwrap();
        assert_eq!((ann.name(), ann.role), ("ann", Role::Operator));
        for wrong in ["", "x", &plain[1..], &format!("{plain}0"), &digest_of(&digested), &"x".repeat(100_000)] {
            assert_eq!(tokens.find(wrong), None);
        }
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named_by_its_number_and_never_shown() {
        let good = random().unwrap();
        for (line, why) in [
            (format!("owner ann {good}"), "no such role"),
            ("viewer ann hunter2".to_owned(), "32 to 512 characters"),
            (format!("viewer {good}"), "three words"),
            (format!("viewer a/b {good}"), "a name has"),
            ("viewer ann sha256:zz".to_owned(), "64 hexadecimal"),
            (format!("viewer ann {good}\nviewer ann2 {good}"), "already"),
        ] {
            let text = tokens(&format!("# a comment\n{line}")).err().expect("refused").to_string();
            assert!(text.contains(why) && text.contains(" line ") && text.contains("hint: "), "{text}");
            assert!(!text.contains("hunter2") && !text.contains(&good), "{text}");
        }
    }

    #[test]
    fn random_tokens_are_good_ones_and_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(check(&one), Ok(()));
        assert_ne!(one, other);
    }
}
