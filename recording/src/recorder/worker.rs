//! The recorder's thread: packs frames, writes them, begins segments, and goes on when the disk refuses.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::keeper::{Job, Keeper};
use super::ledger::{By, Ledger};
use super::segment::SegmentWriter;
use super::store::Store;
use super::{Limits, Origin, Shared, Taken};
use crate::{ALL_PAIRS, Manifest, RecordingError};

/// Most raw bytes that are packed before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// How long frames may lie before the thread looks for them.
const LOOK: Duration = Duration::from_millis(50);

/// The first and the longest wait before the disk is tried again.
const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Most files that wait to be forced to the disk; beyond that the system does it in its own time.
const MAX_UNSYNCED: usize = 64;

/// How the disk is.
#[derive(Clone, Debug)]
enum Disk {
    Well,
    /// It refuses; it is tried again with the first frame after a time.
    Refusing {
        why: String,
        wait: Duration,
        again: Instant,
    },
}

pub(super) struct Worker {
    limits: Limits,
    shared: Arc<Shared>,
    store: Store,
    keeper: Keeper,
    current: Option<SegmentWriter>,
    disk: Disk,
    /// The last error, for whoever ends the recorder.
    last_error: Option<RecordingError>,
    /// When the last frame was received that is in a file.
    safe_us: Option<u64>,
    /// Frames and raw bytes of the segments of this run that are over.
    before: (u64, u64),
    /// Whether the manifest has changed.
    changed: bool,
    unsynced: Vec<Arc<File>>,
    written_since_sync: bool,
    synced: Instant,
}

impl Worker {
    /// Puts the folder in order and writes its first manifest.
    pub(super) fn start(folder: &Path, origin: &Origin, limits: Limits, shared: Arc<Shared>, now_us: u64) -> Result<Self, RecordingError> {
        let mut store = Store::open(folder, origin, &limits, now_us)?;
        let (gaps, pairs) = (std::mem::take(&mut store.manifest.gaps), std::mem::take(&mut store.manifest.pairs));
        let mut ledger = Ledger::resumed(gaps, store.manifest.gaps_left_out, pairs, now_us);
        ledger.add_pairs(&origin.pairs);
        *shared.ledger() = ledger;
        let keeper = Keeper::start(folder.to_path_buf()).map_err(|source| RecordingError::Io { path: folder.to_path_buf(), source })?;
        let worker = Self {
            limits,
            shared,
            store,
            keeper,
            current: None,
            disk: Disk::Well,
            last_error: None,
            safe_us: None,
            before: (0, 0),
            changed: false,
            unsynced: Vec::new(),
            written_since_sync: false,
            synced: Instant::now(),
        };
        worker.store.write(&worker.manifest())?;
        worker.ledger().take_changed();
        worker.tell();
        Ok(worker)
    }

    /// Runs until no more frames can come.
    pub(super) fn run(mut self, frames: &Receiver<Taken>) -> Result<(), RecordingError> {
        let mut next = Instant::now() + self.limits.flush_every;
        loop {
            match frames.try_recv() {
                Ok(frame) => {
                    self.shared.waiting_bytes.fetch_sub(frame.bytes.len(), Ordering::Relaxed);
                    self.take(&frame);
                }
                // To be woken for each frame would cost more than to write it, and cost it where frames are received.
                Err(TryRecvError::Empty) => thread::park_timeout(LOOK.min(next.saturating_duration_since(Instant::now()))),
                Err(TryRecvError::Disconnected) => break,
            }
            let now = Instant::now();
            if now >= next {
                self.tick();
                next = now + self.limits.flush_every;
            }
        }
        self.end()
    }

    fn take(&mut self, frame: &Taken) {
        if let Some(why) = self.limits.unfit(&frame.bytes) {
            self.store.manifest.dropped.unfit += 1;
            self.changed = true;
            self.ledger().enter(ALL_PAIRS, frame.received_us, frame.received_us, &format!("{why} was left out"));
            return;
        }
        if let (Disk::Refusing { again, .. }, None) = (&self.disk, &self.current)
            && Instant::now() < *again
        {
            self.store.manifest.dropped.disk_refused += 1;
            self.changed = true;
            return;
        }
        if let Err(error) = self.place(frame) {
            self.refused(&error, frame.received_us, 1);
            return;
        }
        if self.current.as_ref().is_some_and(|segment| segment.unwritten_bytes() >= WRITE_BYTES) {
            self.flush();
        }
    }

    /// Puts a frame into the segment, or into a new one.
    fn place(&mut self, frame: &Taken) -> io::Result<()> {
        if !self.fits(frame) {
            // What is packed may take much less room than it might have.
            self.write_out()?;
            if !self.fits(frame) {
                self.end_segment()?;
            }
        }
        if self.current.is_none() {
            self.store.make_room(0, SegmentWriter::bound(0))?;
            let segment = self.store.next_segment(frame.received_us);
            self.current = Some(SegmentWriter::create(&self.store.folder, segment, self.limits.level)?);
            self.changed = true;
        }
        match &mut self.current {
            Some(segment) => segment.add(&frame.bytes, frame.received_us),
            None => Ok(()),
        }
    }

    fn fits(&self, frame: &Taken) -> bool {
        let Some(segment) = &self.current else { return true };
        segment.age() < self.limits.segment_age && segment.bound_with(frame.bytes.len()) <= self.limits.segment_bytes
    }

    fn flush(&mut self) {
        if let Err(error) = self.write_out() {
            self.refused(&error, 0, 0);
        }
    }

    /// Writes what was packed.
    fn write_out(&mut self) -> io::Result<()> {
        let Some(segment) = &mut self.current else { return Ok(()) };
        if segment.unwritten_frames() == 0 {
            return Ok(());
        }
        let more = segment.pack()?;
        self.write(more)
    }

    /// Ends the segment, if there is one.
    fn end_segment(&mut self) -> io::Result<()> {
        let Some(segment) = &mut self.current else { return Ok(()) };
        let more = segment.pack_end()?;
        self.write(more)?;
        self.close();
        Ok(())
    }

    /// Makes room for so many bytes and writes them.
    fn write(&mut self, more: u64) -> io::Result<()> {
        let Some(segment) = &mut self.current else { return Ok(()) };
        if self.store.make_room(segment.entry().bytes, more)? {
            self.changed = true;
            if let Some(first) = self.store.manifest.segments.iter().find_map(|entry| entry.first_received_us) {
                self.shared.ledger().forget_before(first);
            }
        }
        segment.write()?;
        self.safe_us = segment.entry().last_received_us;
        self.written_since_sync = true;
        if matches!(self.disk, Disk::Refusing { .. }) {
            let first = segment.entry().first_received_us.unwrap_or_default();
            self.disk = Disk::Well;
            self.ledger().end(By::Disk, ALL_PAIRS, first);
        }
        Ok(())
    }

    /// Leaves the segment as it is in the files.
    fn close(&mut self) {
        let Some(segment) = self.current.take() else { return };
        self.changed = true;
        let entry = segment.entry();
        self.before.0 += entry.frames;
        self.before.1 += entry.bytes_raw;
        if entry.frames > 0 {
            self.unsynced.extend(segment.files());
            self.unsynced.truncate(MAX_UNSYNCED);
        }
        self.store.close(&segment.segment, entry);
    }

    /// The disk has refused: what isn't in a file is lost, and the disk is left alone for a while.
    fn refused(&mut self, error: &io::Error, received_us: u64, more_lost: u64) {
        let segment = self.current.as_ref();
        let lost = segment.map_or(0, SegmentWriter::unwritten_frames) + more_lost;
        let from = self.safe_us.or(segment.and_then(SegmentWriter::first_unwritten_us)).unwrap_or(received_us);
        self.close();
        self.store.manifest.dropped.disk_refused += lost;
        self.changed = true;
        let why = format!("{}: {error}", self.store.folder.display());
        self.ledger().begin(By::Disk, ALL_PAIRS, &format!("the disk refused: {error}"), from);
        let wait = match &self.disk {
            Disk::Well => WAITS.0,
            Disk::Refusing { wait, .. } => (*wait * 2).min(WAITS.1),
        };
        self.disk = Disk::Refusing { why, wait, again: Instant::now() + wait };
        let source = io::Error::new(error.kind(), error.to_string());
        self.last_error = Some(RecordingError::Io { path: self.store.folder.clone(), source });
    }

    /// What is done from time to time.
    fn tick(&mut self) {
        self.count_slow();
        self.flush();
        let aged = self.current.as_ref().is_some_and(|segment| segment.age() >= self.limits.segment_age);
        if aged && let Err(error) = self.end_segment() {
            self.refused(&error, 0, 0);
        }
        self.sync();
        self.changed |= self.ledger().take_changed() || self.keeper.failures().manifest.is_some();
        if self.changed
            && let Ok(text) = self.manifest().text()
            && self.keeper.try_do(Job::Manifest(text)).is_ok()
        {
            self.changed = false;
        }
        self.tell();
    }

    fn count_slow(&mut self) {
        if let Some((frames, first, last)) = self.shared.slow.take() {
            self.store.manifest.dropped.disk_slow += frames;
            self.changed = true;
            self.ledger().enter(ALL_PAIRS, first, last, "the disk was too slow");
        }
    }

    /// Has data forced to the disk, if it is time.
    fn sync(&mut self) {
        let nothing = !self.written_since_sync && self.unsynced.is_empty();
        if nothing || self.synced.elapsed() < self.limits.sync_every {
            return;
        }
        let mut files = std::mem::take(&mut self.unsynced);
        let over = files.len();
        files.extend(self.current.iter().flat_map(SegmentWriter::files));
        match self.keeper.try_do(Job::Sync(files)) {
            Ok(()) => {
                self.written_since_sync = false;
                self.synced = Instant::now();
            }
            // The disk is slow: the segments that are over wait for the next time.
            Err(Job::Sync(mut files)) => {
                files.truncate(over);
                self.unsynced = files;
            }
            Err(Job::Manifest(_)) => {}
        }
    }

    /// Writes what waits, and the end of everything.
    fn end(mut self) -> Result<(), RecordingError> {
        self.count_slow();
        let result = self.end_segment();
        if let Err(error) = &result {
            self.refused(error, 0, 0);
        }
        self.sync_now();
        self.keeper.end();
        let well = matches!(self.disk, Disk::Well);
        let mut manifest = self.manifest();
        manifest.finished = well;
        self.tell();
        self.store.write(&manifest)?;
        match self.last_error {
            Some(error) if !well => Err(error),
            _ => Ok(()),
        }
    }

    /// Forces the last data to the disk. That it fails shows in the status alone: the data is written.
    fn sync_now(&mut self) {
        for file in std::mem::take(&mut self.unsynced) {
            if let Err(error) = file.sync_data() {
                let source = io::Error::new(error.kind(), error.to_string());
                self.last_error = Some(RecordingError::Io { path: self.store.folder.clone(), source });
            }
        }
    }

    /// The manifest as it is now.
    fn manifest(&self) -> Manifest {
        let ledger = self.ledger();
        let mut manifest = self.store.manifest.clone();
        manifest.segments.extend(self.current.iter().map(|segment| segment.entry().clone()));
        manifest.gaps = ledger.gaps();
        manifest.gaps_left_out = ledger.left_out();
        manifest.pairs = ledger.pairs();
        manifest
    }

    /// Brings the status up to date.
    fn tell(&self) {
        let failures = self.keeper.failures();
        let refusing = match &self.disk {
            Disk::Well => None,
            Disk::Refusing { why, .. } => Some(why.clone()),
        };
        let entry = self.current.as_ref().map(SegmentWriter::entry);
        let mut status = self.shared.status();
        status.frames = self.before.0 + entry.map_or(0, |entry| entry.frames);
        status.bytes_raw = self.before.1 + entry.map_or(0, |entry| entry.bytes_raw);
        status.last_received_us = self.safe_us;
        status.segment = entry.map(|entry| entry.name.clone());
        status.segments = (self.store.manifest.segments.len() + usize::from(entry.is_some())) as u64;
        status.bytes = self.store.bytes() + entry.map_or(0, |entry| entry.bytes);
        status.dropped = self.store.manifest.dropped;
        status.deleted_segments = self.store.manifest.deleted.segments;
        status.trouble = refusing.or(failures.sync).or(failures.manifest);
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger()
    }
}
