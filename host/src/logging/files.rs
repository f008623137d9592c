//! Files of the log: a thread writes what is handed to it, begins a new file by size and day, and deletes old ones by age and size.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tracing_subscriber::fmt::MakeWriter;

use crate::clock::{rfc3339, unix_ms};
use crate::config::settings::LogFiles;

/// Lines that may wait for the disk; more are dropped and counted.
const WAITING: usize = 8192;
/// How each file's name begins and ends; its time stands between.
const BEGINNING: &str = "leadline-";
const END: &str = ".log";
/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3_600_000;

/// Why the files of the log can't be written.
#[derive(Debug, thiserror::Error)]
#[error("LOG_DIR: {folder}: {detail}\nhint: a folder that this user can write to, or empty for none", folder = folder.display())]
pub struct LogFilesError {
    folder: PathBuf,
    detail: String,
}

/// The thread that writes the files; ends with what waits written when it is dropped.
pub struct Writer {
    sender: Option<SyncSender<Vec<u8>>>,
    dropped: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// Where the log's lines go; cheap to clone.
#[derive(Clone)]
pub struct Lines {
    sender: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread, with a first file.
    ///
    /// # Errors
    /// [`LogFilesError`].
    pub fn start(settings: LogFiles) -> Result<Self, LogFilesError> {
        let failed = |error: io::Error| LogFilesError { folder: settings.folder.clone(), detail: error.to_string() };
        let mut files = Files::open(settings.clone(), unix_ms()).map_err(failed)?;
        let (sender, receiver) = sync_channel::<Vec<u8>>(WAITING);
        let dropped = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&dropped);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || files.take(&receiver, &counted)).map_err(failed)?;
        Ok(Self { sender: Some(sender), dropped, thread: Some(thread) })
    }

    /// Where lines go.
    pub(super) fn lines(&self) -> Lines {
        // There until it is dropped.
        let sender = self.sender.clone().unwrap_or_else(|| sync_channel(1).0);
        Lines { sender, dropped: Arc::clone(&self.dropped) }
    }

    /// Lines that found no room, or no disk.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The log itself keeps a sender for good, so an empty line says that it is the end.
        if let Some(sender) = self.sender.take() {
            let _ = sender.send(Vec::new());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Write for Lines {
    /// The log hands over a line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !line.is_empty() && self.sender.try_send(line.to_vec()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The files of a folder, the newest of them open.
struct Files {
    settings: LogFiles,
    file: File,
    bytes: u64,
    day: u64,
    broken: bool,
}

impl Files {
    fn open(settings: LogFiles, now_ms: u64) -> io::Result<Self> {
        std::fs::create_dir_all(&settings.folder)?;
        let file = begin(&settings.folder, now_ms)?;
        let files = Self { settings, file, bytes: 0, day: now_ms / DAY_MS, broken: false };
        files.clean(SystemTime::now());
        Ok(files)
    }

    /// Writes until the empty line that says that it is the end.
    fn take(&mut self, lines: &Receiver<Vec<u8>>, dropped: &AtomicU64) {
        while let Ok(line) = lines.recv() {
            if line.is_empty() {
                return;
            }
            match self.write(&line, unix_ms()) {
                Ok(()) => self.broken = false,
                Err(error) => {
                    dropped.fetch_add(1, Ordering::Relaxed);
                    if !std::mem::replace(&mut self.broken, true) {
                        // Not through the log, which would come here again.
                        super::tell(&format!(
                            "the log can't be written to {}: {error}; its lines are dropped and counted\n",
                            self.settings.folder.display()
                        ));
                    }
                }
            }
        }
    }

    fn write(&mut self, line: &[u8], now_ms: u64) -> io::Result<()> {
        let full = self.bytes > 0 && self.bytes.saturating_add(line.len() as u64) > self.settings.file_bytes;
        if full || now_ms / DAY_MS != self.day || self.broken {
            self.file = begin(&self.settings.folder, now_ms)?;
            (self.bytes, self.day) = (0, now_ms / DAY_MS);
            self.clean(SystemTime::now());
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Deletes files that are too old, and the oldest of too many bytes; never the newest, which is written to.
    fn clean(&self, now: SystemTime) {
        let Ok(entries) = std::fs::read_dir(&self.settings.folder) else { return };
        let mut files: Vec<(PathBuf, u64, SystemTime)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let name = entry.file_name().into_string().ok()?;
                let data = entry.metadata().ok()?;
                (name.starts_with(BEGINNING) && name.ends_with(END) && data.is_file()).then_some(())?;
                Some((entry.path(), data.len(), data.modified().ok()?))
            })
            .collect();
        // Their names hold the time, so they sort by it.
        files.sort();
        files.pop();
        // The one that is open may still grow to its full size.
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum::<u64>() + self.settings.file_bytes;
        for (path, size, written) in files {
            let old = now.duration_since(written).unwrap_or(Duration::ZERO) > self.settings.keep;
            if (old || bytes > self.settings.keep_bytes) && std::fs::remove_file(&path).is_ok() {
                bytes -= size;
            }
        }
    }
}

/// A new file, named by the time.
fn begin(folder: &Path, now_ms: u64) -> io::Result<File> {
    let mut error = io::Error::from(io::ErrorKind::AlreadyExists);
    // Two files of one millisecond, or a clock that stepped back.
    for ms in now_ms..now_ms + 100 {
        let time: String = rfc3339(ms).chars().filter(|c| !"-:.".contains(*c)).collect();
        match OpenOptions::new().append(true).create_new(true).open(folder.join(format!("{BEGINNING}{time}{END}"))) {
            Ok(file) => return Ok(file),
            Err(other) => error = other,
        }
        if error.kind() != io::ErrorKind::AlreadyExists {
            break;
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> LogFiles {
        LogFiles { folder: folder.to_owned(), file_bytes: 100, keep: Duration::from_secs(3600), keep_bytes: 1000 }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("one").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_begins_by_size_and_by_day_and_no_line_is_cut_in_two() {
        let folder = tempfile::tempdir().expect("a folder");
        let noon = DAY_MS * 20_000 + DAY_MS / 2;
        let mut files = Files::open(settings(folder.path()), noon).expect("it opens");
        for n in 0..5 {
            files.write(format!("{n:<39}\n").as_bytes(), noon + n).expect("written");
        }
        files.write(b"tomorrow\n", noon + DAY_MS).expect("written");
        let names = names(folder.path());
        let lines: Vec<usize> =
            names.iter().map(|name| std::fs::read_to_string(folder.path().join(name)).expect("text").lines().count()).collect();
        assert_eq!(lines, [2, 2, 1, 1], "{names:?}");
        assert!(names[0].starts_with("leadline-2024") && names[0].ends_with("Z.log"), "{names:?}");
    }

    #[test]
    fn old_files_go_by_age_and_the_oldest_by_size_but_nothing_else_in_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, bytes: usize| std::fs::write(folder.path().join(name), vec![b'x'; bytes]).expect("written");
        file("leadline-20200101T000000000Z.log", 500);
        file("leadline-20200102T000000000Z.log", 500);
        file("leadline-20200103T000000000Z.log", 300);
        file("notes.log", 5000);
        file("leadline-20200101T000000000Z.txt", 5000);
        let files = Files::open(settings(folder.path()), unix_ms()).expect("it opens");
        // 500 + 500 + 300 and the open one's 100 are over 1000: one goes.
        assert_eq!(names(folder.path()).len(), 5, "{:?}", names(folder.path()));
        assert!(!folder.path().join("leadline-20200101T000000000Z.log").exists());
        files.clean(SystemTime::now() + Duration::from_secs(7200));
        let left = names(folder.path());
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(left.contains(&"notes.log".to_owned()));
    }

    #[test]
    fn what_waits_is_written_before_the_end_and_a_folder_that_cannot_be_had_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = Writer::start(LogFiles { file_bytes: 1 << 20, ..settings(folder.path()) }).expect("it starts");
        let mut lines = writer.lines();
        for n in 0..1000 {
            lines.write_all(format!("line {n}\n").as_bytes()).expect("taken");
        }
        drop(writer);
        let newest = names(folder.path()).pop().expect("a file");
        let text = std::fs::read_to_string(folder.path().join(newest)).expect("text");
        assert!(text.ends_with("line 999\n"), "{text}");
        let file = folder.path().join("no folder");
        std::fs::write(&file, "").expect("written");
        let told = Writer::start(settings(&file.join("below"))).err().expect("refused").to_string();
        assert!(told.contains("LOG_DIR") && told.contains("hint: "), "{told}");
    }
}
