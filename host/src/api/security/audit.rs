//! Every change, and every try of somebody whose token allows less, as a line of JSON in a bounded file and in the log.
//!
//! Tries of clients without a good token are counted and told at the 1st, 2nd, 4th, 8th …: a flood of them must not push what was
//! really changed out of the file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;

/// Lines that wait for the disk; beyond, lines are in the log alone, and counted.
const WAITING: usize = 1024;

/// One change, or a try.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// When it was asked for, RFC 3339.
    pub time: String,
    /// The token's name; `nobody` without one.
    pub who: String,
    /// The token's role.
    pub role: Option<&'static str>,
    /// The client's address.
    pub peer: String,
    /// The method.
    pub method: String,
    /// The path, with the ids in it, without the part behind `?`.
    pub path: String,
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's error code, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What the route says it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// How long it took, milliseconds.
    pub ms: u64,
}

/// What a route says it changed, for the audit log: put into the answer's extensions.
#[derive(Clone, Debug)]
pub struct What(pub String);

/// Where changes are noted down.
pub struct Audit {
    lines: Option<mpsc::Sender<String>>,
    dropped: Arc<AtomicU64>,
    refused: AtomicU64,
}

impl Audit {
    /// Notes changes in a file of at most `max_bytes`, which then becomes `FILE.1` and is replaced; without a file in the log alone.
    ///
    /// # Errors
    /// When the file can't be written to.
    pub fn start(file: Option<&Path>, max_bytes: u64) -> io::Result<Self> {
        let dropped = Arc::new(AtomicU64::new(0));
        let Some(file) = file else { return Ok(Self { lines: None, dropped, refused: AtomicU64::new(0) }) };
        let mut book = Book::open(file, max_bytes)?;
        let (lines, mut waiting) = mpsc::channel::<String>(WAITING);
        let lost = Arc::clone(&dropped);
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || {
            let mut told = false;
            while let Some(line) = waiting.blocking_recv() {
                match book.write(&line) {
                    Ok(()) => told = false,
                    Err(error) => {
                        lost.fetch_add(1, Ordering::Relaxed);
                        if !std::mem::replace(&mut told, true) {
                            tracing::error!(file = %book.path.display(), "the audit log can't be written, changes stand in this log alone: {error}");
                        }
                    }
                }
            }
        })?;
        Ok(Self { lines: Some(lines), dropped, refused: AtomicU64::new(0) })
    }

    /// Notes a change down. Never waits.
    pub fn note(&self, entry: &Entry) {
        let Entry { who, peer, method, path, status, what, .. } = entry;
        let what = what.as_deref().unwrap_or_default();
        tracing::info!(target: "audit", who, peer, method, path, status, what, "{method} {path} by {who}: {status}");
        let Some(lines) = &self.lines else { return };
        let line = serde_json::to_string(entry).unwrap_or_default();
        if lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A client without a good token was sent away.
    pub fn refuse(&self, peer: std::net::SocketAddr, method: &str, path: &str, code: &'static str) {
        let times = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            tracing::warn!(target: "audit", %peer, method, path, code, times, "{method} {path} was refused: {code}");
        }
    }

    /// Lines that the file didn't get.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// How long an answer took, for an [`Entry`].
#[must_use]
pub fn ms(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

struct Book {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

impl Book {
    fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, max_bytes })
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let length = line.len() as u64 + 1;
        if self.bytes > 0 && self.bytes + length > self.max_bytes {
            let mut older = self.path.clone().into_os_string();
            older.push(".1");
            std::fs::rename(&self.path, older)?;
            (self.file, self.bytes) = (append(&self.path)?, 0);
        }
        // One write a line: two processes on one file don't mix their lines.
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.bytes += length;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_bounded_and_the_newest_lines_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log/audit.jsonl");
        let mut book = Book::open(&path, 1000).unwrap();
        for number in 0..500 {
            book.write(&format!("{{\"line\":{number}}}")).unwrap();
        }
        drop(book);
        // Opened anew, it goes on where it was.
        Book::open(&path, 1000).unwrap().write("{\"line\":500}").unwrap();
        let (older, newer) = (folder.path().join("log/audit.jsonl.1"), path);
        let text = std::fs::read_to_string(&older).unwrap() + &std::fs::read_to_string(&newer).unwrap();
        assert!(text.len() <= 2000, "{}", text.len());
        let numbers: Vec<u64> =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["line"].as_u64().unwrap()).collect();
        assert_eq!(numbers.last(), Some(&500));
        assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "none is missing between: {numbers:?}");
    }
}
