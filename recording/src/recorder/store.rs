//! The folder: locked, put in order at the start, kept within its bound.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{Limits, Origin};
use crate::folder::{LOCK, MANIFEST, Segment, names};
use crate::manifest::replace;
use crate::part::{Part, Step};
use crate::{Gap, MANIFEST_VERSION, Manifest, RecordingError, SegmentEntry};

/// Most segments in a folder; beyond it the oldest are deleted.
const MAX_SEGMENTS: usize = 20_000;

/// What the gap between two runs is called.
const NOT_RUNNING: &str = "the recorder wasn't running";

/// The folder of a recorder.
pub(super) struct Store {
    pub(super) folder: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    /// What the folder holds, without gaps and pairs: the ledger has them.
    pub(super) manifest: Manifest,
    /// Bytes of all segments but the one that is being written.
    bytes: u64,
    total_bytes: u64,
    next_number: u64,
}

impl Store {
    /// Takes a folder and puts it in order: counts what the last recorder couldn't any more, and enters the time since.
    pub(super) fn open(folder: &Path, origin: &Origin, limits: &Limits, now_us: u64) -> Result<Self, RecordingError> {
        let failed = |source: io::Error| RecordingError::Io { path: folder.to_path_buf(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = lock(folder)?;
        let mut manifest = Manifest::read(folder)?.unwrap_or_else(|| Manifest {
            endpoint: origin.endpoint.clone(),
            channel: origin.channel.clone(),
            ..Manifest::default()
        });
        if manifest.endpoint != origin.endpoint || manifest.channel != origin.channel {
            return Err(RecordingError::OtherOrigin {
                folder: folder.to_path_buf(),
                there: format!("{} {}", manifest.endpoint, manifest.channel),
                wanted: format!("{} {}", origin.endpoint, origin.channel),
            });
        }
        manifest.version = MANIFEST_VERSION;
        manifest.finished = false;
        let mut store =
            Self { folder: folder.to_path_buf(), _lock: lock, manifest, bytes: 0, total_bytes: limits.total_bytes, next_number: 1 };
        store.put_in_order()?;
        let last = store.manifest.segments.iter().filter_map(|entry| entry.last_received_us).max();
        if let Some(last) = last {
            let gap =
                Gap { pair: crate::ALL_PAIRS.to_owned(), from_us: last, to_us: Some(now_us.max(last)), reason: NOT_RUNNING.to_owned() };
            store.manifest.gaps.push(gap);
        }
        store.make_room(0, 0).map_err(failed)?;
        Ok(store)
    }

    /// Makes the list of segments what is really there.
    fn put_in_order(&mut self) -> Result<(), RecordingError> {
        let names = names(&self.folder)?;
        let failed = |path: PathBuf| move |source: io::Error| RecordingError::Io { path, source };
        let mut there: Vec<Segment> = names.iter().filter_map(|name| Segment::of_frames(name)).collect();
        there.sort();
        for times in names.iter().filter_map(|name| Segment::of_times(name)) {
            if !there.contains(&times) {
                let path = self.folder.join(times.times_name());
                fs::remove_file(&path).map_err(failed(path))?;
            }
        }
        let listed = std::mem::take(&mut self.manifest.segments);
        for entry in &listed {
            let segment = Segment::of_frames(&entry.name);
            self.next_number = self.next_number.max(segment.as_ref().map_or(0, |segment| segment.number) + 1);
            if !segment.is_some_and(|segment| there.contains(&segment)) {
                self.manifest.deleted.add(entry);
            }
        }
        for segment in there {
            self.next_number = self.next_number.max(segment.number + 1);
            let bytes = size(&segment, &self.folder).map_err(failed(self.folder.join(segment.frames_name())))?;
            let entry = match listed.iter().find(|entry| entry.name == segment.frames_name()) {
                Some(entry) if entry.complete && entry.bytes == bytes => entry.clone(),
                Some(_) | None => counted(&segment, &self.folder, bytes)?,
            };
            if entry.frames == 0 {
                remove(&segment, &self.folder).map_err(failed(self.folder.join(segment.frames_name())))?;
                continue;
            }
            self.bytes += entry.bytes;
            self.manifest.segments.push(entry);
        }
        Ok(())
    }

    /// The name of a new segment.
    pub(super) fn next_segment(&mut self, begins_us: u64) -> Segment {
        let segment = Segment::new(begins_us, self.next_number);
        self.next_number += 1;
        segment
    }

    /// Enters a segment that is over. One without frames goes.
    pub(super) fn close(&mut self, segment: &Segment, entry: &SegmentEntry) {
        if entry.frames == 0 {
            // If it can't be removed, the next start does.
            let _ = remove(segment, &self.folder);
            return;
        }
        self.bytes += entry.bytes;
        self.manifest.segments.push(entry.clone());
    }

    /// Deletes the oldest segments until so many bytes more fit beside those of the segment that is being written. Answers whether
    /// anything was deleted.
    pub(super) fn make_room(&mut self, current_bytes: u64, more: u64) -> io::Result<bool> {
        let mut any = false;
        while self.bytes + current_bytes + more > self.total_bytes || self.manifest.segments.len() >= MAX_SEGMENTS {
            let Some(oldest) = self.manifest.segments.first() else { break };
            if let Some(segment) = Segment::of_frames(&oldest.name) {
                remove(&segment, &self.folder)?;
            }
            let oldest = self.manifest.segments.remove(0);
            self.manifest.deleted.add(&oldest);
            self.bytes -= oldest.bytes;
            any = true;
        }
        Ok(any)
    }

    /// Bytes of all segments but the one that is being written.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the manifest, and waits for the disk.
    pub(super) fn write(&self, manifest: &Manifest) -> Result<(), RecordingError> {
        let path = self.folder.join(MANIFEST);
        manifest.text().and_then(|text| replace(&path, &text)).map_err(|source| RecordingError::Io { path, source })
    }
}

/// Holds the folder against other recorders. The system lets go of it when the process ends, however it ends.
fn lock(folder: &Path) -> Result<File, RecordingError> {
    let path = folder.join(LOCK);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(|source| RecordingError::Io { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let known = (&file).take(20).read_to_string(&mut text).is_ok() && !text.trim().is_empty();
            let process = if known { text.trim().to_owned() } else { "unknown".to_owned() };
            return Err(RecordingError::Locked { folder: folder.to_path_buf(), process });
        }
        Err(TryLockError::Error(source)) => return Err(RecordingError::Io { path, source }),
    }
    let note = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    note.map_err(|source| RecordingError::Io { path, source })?;
    Ok(file)
}

fn size(segment: &Segment, folder: &Path) -> io::Result<u64> {
    let [frames, times] = segment.files(folder);
    let times = match fs::metadata(times) {
        Ok(times) => times.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(fs::metadata(frames)?.len() + times)
}

/// The frames first: times without frames are known for a rest.
fn remove(segment: &Segment, folder: &Path) -> io::Result<()> {
    for path in segment.files(folder) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Reads a segment that has no end, or that the manifest doesn't know, as far as it goes.
fn counted(segment: &Segment, folder: &Path, bytes: u64) -> Result<SegmentEntry, RecordingError> {
    let mut entry = SegmentEntry { name: segment.frames_name(), bytes, complete: true, ..SegmentEntry::default() };
    let mut part = Part::open(&folder.join(&entry.name))?;
    loop {
        match part.advance() {
            Ok(Step::Frame(received)) => {
                let received = received.map(|seconds| (seconds * 1e6).round() as u64);
                entry.frames += 1;
                entry.bytes_raw += part.bytes().len() as u64 + 1;
                entry.first_received_us = entry.first_received_us.or(received);
                entry.last_received_us = received.or(entry.last_received_us);
            }
            Ok(Step::End) => break,
            Err(RecordingError::Damaged { .. }) => entry.complete = false,
            Err(error) if error.goes_on() => {}
            Err(error) => return Err(error),
        }
    }
    entry.complete &= part.cut_after().is_none();
    Ok(entry)
}
