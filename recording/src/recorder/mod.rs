//! Frames written into a folder, as they come.
//!
//! A [`Recorder`] takes frames without ever waiting, and writes them in a thread of its own: byte for byte, one a line, packed with
//! zstd, in segments that are rotated and, the oldest first, deleted. `docs/recording.md` describes the folder.
//!
//! # Layout
//!
//! - `worker`: the thread that packs and writes.
//! - `segment`: one segment as it is written.
//! - `store`: the folder: locked, put in order at the start, kept within its bound.
//! - `keeper`: the thread that forces data to the disk and replaces the manifest.
//! - `ledger`: what is missing, and the pairs.
//! - `limits`: what bounds a recorder.

mod keeper;
mod ledger;
mod limits;
mod segment;
mod store;
mod worker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::folder::INSTRUMENTS;
use crate::manifest::replace;
use crate::{Dropped, RecordingError};
use ledger::{By, Ledger};
pub use limits::Limits;
use worker::Worker;

/// Where the frames of a recording come from. A folder holds those of one endpoint and channel.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Origin {
    /// The exchange's address.
    pub endpoint: String,
    /// The channel.
    pub channel: String,
    /// The pairs at the start; [`Recorder::add_pairs`] adds more.
    pub pairs: Vec<String>,
}

/// What a recorder has done so far. Frames and bytes are those that are in the files.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Status {
    /// Frames written by this recorder.
    pub frames: u64,
    /// Their bytes with line ends, unpacked.
    pub bytes_raw: u64,
    /// When the last of them was received, in Unix microseconds.
    pub last_received_us: Option<u64>,
    /// The segment that is being written. After a change, a snapshot of each pair makes it readable without those before it.
    pub segment: Option<String>,
    /// Segments in the folder.
    pub segments: u64,
    /// Bytes of all segments in the folder, packed.
    pub bytes: u64,
    /// Frames that were received and couldn't be written, over all runs in this folder.
    pub dropped: Dropped,
    /// Segments deleted to stay within the bound, over all runs in this folder.
    pub deleted_segments: u64,
    /// Gaps entered by this recorder.
    pub gaps: u64,
    /// Gaps that haven't ended.
    pub open_gaps: usize,
    /// What the disk refuses at the moment, in words.
    pub trouble: Option<String>,
}

/// Writes frames into a folder. When it is dropped, what it has is written and the folder is finished, as by [`Recorder::finish`].
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    frames: Option<SyncSender<Taken>>,
    thread: Option<JoinHandle<Result<(), RecordingError>>>,
    shared: Arc<Shared>,
    queue_bytes: usize,
}

/// A frame on its way to the thread.
struct Taken {
    bytes: Box<[u8]>,
    received_us: u64,
}

/// What both threads see.
#[derive(Debug, Default)]
struct Shared {
    /// Bytes of the frames that wait.
    waiting_bytes: AtomicUsize,
    slow: Slow,
    ledger: Mutex<Ledger>,
    status: Mutex<Status>,
}

/// Frames dropped since the last look, since too many waited. Only atomics: it is counted where nobody may wait.
#[derive(Debug)]
struct Slow {
    frames: AtomicU64,
    first_us: AtomicU64,
    last_us: AtomicU64,
}

impl Default for Slow {
    fn default() -> Self {
        Self { frames: AtomicU64::new(0), first_us: AtomicU64::new(u64::MAX), last_us: AtomicU64::new(0) }
    }
}

impl Slow {
    fn count(&self, received_us: u64) {
        self.first_us.fetch_min(received_us, Ordering::Relaxed);
        self.last_us.fetch_max(received_us, Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::Release);
    }

    /// How many, and when the first and the last were received. A frame counted meanwhile may show in the next answer.
    fn take(&self) -> Option<(u64, u64, u64)> {
        let frames = self.frames.swap(0, Ordering::Acquire);
        if frames == 0 {
            return None;
        }
        let first = self.first_us.swap(u64::MAX, Ordering::Relaxed);
        let last = self.last_us.swap(0, Ordering::Relaxed);
        Some((frames, first.min(last), last))
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorder {
    /// Takes a folder, new or recorded into before, and starts. What a killed recorder left is put in order first: its last segment
    /// is counted as far as it goes, and the time since its last frame is entered as a gap.
    ///
    /// # Errors
    /// [`RecordingError::Limit`]; [`RecordingError::Locked`] when another recorder has the folder; [`RecordingError::OtherOrigin`] and
    /// [`RecordingError::Manifest`] when it can't be gone on with; [`RecordingError::Io`].
    pub fn start(folder: impl AsRef<Path>, origin: &Origin, limits: &Limits) -> Result<Self, RecordingError> {
        let folder = folder.as_ref().to_path_buf();
        limits.check()?;
        let shared = Arc::new(Shared::default());
        let worker = Worker::start(&folder, origin, limits.clone(), Arc::clone(&shared), now_us())?;
        let (frames, taken) = sync_channel(limits.queue_frames);
        let thread = Builder::new().name("recorder".to_owned()).spawn(move || worker.run(&taken));
        let thread = thread.map_err(|source| RecordingError::Io { path: folder.clone(), source })?;
        Ok(Self { folder, frames: Some(frames), thread: Some(thread), shared, queue_bytes: limits.queue_bytes })
    }

    /// Takes a frame, as the exchange sent it, and when it was received. Never waits: when too many frames wait for the disk, it is
    /// dropped, counted, and entered as a gap.
    pub fn frame(&self, bytes: &[u8], received_unix_us: u64) {
        let before = self.shared.waiting_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        let after = before + bytes.len();
        let send = |frames: &SyncSender<Taken>| frames.try_send(Taken { bytes: bytes.into(), received_us: received_unix_us }).is_ok();
        let taken = after <= self.queue_bytes && self.frames.as_ref().is_some_and(send);
        if !taken {
            self.shared.waiting_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
            self.shared.slow.count(received_unix_us);
        }
        // The thread looks by itself, but not often enough for a flood.
        let half = self.queue_bytes / 2;
        if before < half && half <= after {
            self.wake();
        }
    }

    /// As [`Recorder::frame`], but waits while too many frames wait: for frames that come faster than any exchange sends them, as out of a
    /// parcel.
    pub fn frame_in_time(&self, bytes: &[u8], received_unix_us: u64) {
        const WAIT: std::time::Duration = std::time::Duration::from_millis(1);
        // Half of the queue stays free, so that one frame always finds room.
        while self.shared.waiting_bytes.load(Ordering::Relaxed) > self.queue_bytes / 2 {
            self.wake();
            std::thread::sleep(WAIT);
        }
        let Some(frames) = &self.frames else { return };
        self.shared.waiting_bytes.fetch_add(bytes.len(), Ordering::Relaxed);
        if frames.send(Taken { bytes: bytes.into(), received_us: received_unix_us }).is_err() {
            self.shared.waiting_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
            self.shared.slow.count(received_unix_us);
        }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Says that frames of a pair, or of [`crate::ALL_PAIRS`], are missing from now on. If that was said already, the first time and
    /// reason stay.
    pub fn gap_begins(&self, pair: &str, reason: &str, at_us: u64) {
        self.shared.ledger().begin(By::Caller, pair, reason, at_us);
    }

    /// Says that it is over.
    pub fn gap_ends(&self, pair: &str, at_us: u64) {
        self.shared.ledger().end(By::Caller, pair, at_us);
    }

    /// Adds pairs to those in the manifest.
    pub fn add_pairs(&self, pairs: &[String]) {
        self.shared.ledger().add_pairs(pairs);
    }

    /// Keeps a listing of instruments beside the segments, as `instruments/NAME.json`; one of that name is replaced. Waits for the disk.
    ///
    /// # Errors
    /// [`RecordingError::Instruments`] when it is no listing or the name isn't letters, digits, `-` and `_`; [`RecordingError::Io`].
    pub fn instruments(&self, name: &str, listing: &str) -> Result<(), RecordingError> {
        let folder = self.folder.join(INSTRUMENTS);
        let path = folder.join(format!("{name}.json"));
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return Err(RecordingError::Instruments { path, problem: "the name isn't letters, digits, - and _".to_owned() });
        }
        if let Err(error) = leadline_market::parse_listing(listing.as_bytes()) {
            return Err(RecordingError::Instruments { path, problem: error.to_string() });
        }
        let written = std::fs::create_dir_all(&folder).and_then(|()| replace(&path, listing.as_bytes()));
        written.map_err(|source| RecordingError::Io { path, source })
    }

    /// Where it writes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has done so far, at most [`Limits::flush_every`] old.
    pub fn status(&self) -> Status {
        let mut status = self.shared.status().clone();
        (status.gaps, status.open_gaps) = self.shared.ledger().counts();
        status
    }

    /// Writes what waits, ends the segment and the manifest.
    ///
    /// # Errors
    /// The last thing that the disk refused, if the end couldn't be written.
    pub fn finish(mut self) -> Result<Status, RecordingError> {
        self.end()?;
        Ok(self.status())
    }

    fn end(&mut self) -> Result<(), RecordingError> {
        self.frames = None;
        self.wake();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| {
            let source = io::Error::other("the recorder's thread broke");
            Err(RecordingError::Io { path: self.folder.clone(), source })
        })
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Whoever wants to know calls `finish`.
        let _ = self.end();
    }
}

fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}
