//! One segment as it is written: frames in one file, receive times in another.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zstd::stream::write::Encoder;
use zstd::zstd_safe::compress_bound;

use crate::SegmentEntry;
use crate::folder::Segment;

/// Longest line of receive times: 20 digits, a point, a line end.
const TIME_BYTES: usize = 22;

/// Bytes that a packed file may have more than its blocks: head, end, checksum.
const FRAME_BYTES: usize = 64;

/// Window of the encoder of receive times, as a power of two: they resemble the one before.
const TIMES_WINDOW_LOG: u32 = 16;

/// A segment that is being written.
pub(super) struct SegmentWriter {
    /// Its name.
    pub(super) segment: Segment,
    /// What is in the files.
    written: SegmentEntry,
    /// What was added since.
    added: Added,
    frames: Packed,
    times: Packed,
    opened: Instant,
}

/// Frames on their way to the files.
#[derive(Clone, Copy, Default)]
struct Added {
    frames: u64,
    bytes_raw: usize,
    first_us: Option<u64>,
    last_us: Option<u64>,
}

/// A packed file: the encoder writes to memory, so that it never knows of the disk.
struct Packed {
    encoder: Option<Encoder<'static, Vec<u8>>>,
    /// What the ended encoder has left.
    end: Vec<u8>,
    file: Arc<File>,
    bytes: u64,
}

impl SegmentWriter {
    /// Creates the two files.
    pub(super) fn create(folder: &Path, segment: Segment, level: i32) -> io::Result<Self> {
        let create = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
        let [frames, times] = segment.files(folder);
        let first = create(&frames)?;
        let second = create(&times).inspect_err(|_| {
            // An empty file without a partner; if it stays, the next start removes it.
            let _ = std::fs::remove_file(&frames);
        })?;
        Self::on(first, second, segment, level)
    }

    fn on(frames: File, times: File, segment: Segment, level: i32) -> io::Result<Self> {
        let written = SegmentEntry { name: segment.frames_name(), ..SegmentEntry::default() };
        let frames = Packed::new(frames, level, None)?;
        let times = Packed::new(times, level, Some(TIMES_WINDOW_LOG))?;
        Ok(Self { segment, written, added: Added::default(), frames, times, opened: Instant::now() })
    }

    /// Most bytes that a segment with one frame can have.
    pub(super) fn bound(frame_bytes: usize) -> u64 {
        (compress_bound(frame_bytes + 1) + compress_bound(TIME_BYTES) + 2 * FRAME_BYTES) as u64
    }

    /// Most bytes that the segment can have with one frame more.
    pub(super) fn bound_with(&self, frame_bytes: usize) -> u64 {
        let frames = compress_bound(self.added.bytes_raw + frame_bytes + 1);
        let times = compress_bound((self.added.frames as usize + 1) * TIME_BYTES);
        self.written.bytes + (frames + times + 2 * FRAME_BYTES) as u64
    }

    /// Takes a frame: no file is touched.
    pub(super) fn add(&mut self, frame: &[u8], received_us: u64) -> io::Result<()> {
        let encoder = self.frames.encoder()?;
        encoder.write_all(frame)?;
        encoder.write_all(b"\n")?;
        writeln!(self.times.encoder()?, "{}.{:06}", received_us / 1_000_000, received_us % 1_000_000)?;
        self.added.frames += 1;
        self.added.bytes_raw += frame.len() + 1;
        self.added.first_us.get_or_insert(received_us);
        self.added.last_us = Some(received_us);
        Ok(())
    }

    /// Packs what was added; answers how many bytes [`SegmentWriter::write`] will write.
    pub(super) fn pack(&mut self) -> io::Result<u64> {
        if self.added.frames > 0 {
            self.frames.encoder()?.flush()?;
            self.times.encoder()?.flush()?;
        }
        Ok(self.frames.waiting() + self.times.waiting())
    }

    /// Packs what was added and the end.
    pub(super) fn pack_end(&mut self) -> io::Result<u64> {
        self.frames.finish()?;
        self.times.finish()?;
        Ok(self.frames.waiting() + self.times.waiting())
    }

    /// Writes what was packed. When that fails, the files are as they were before, as far as the file system lets them.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let before = (self.frames.bytes, self.times.bytes);
        // The times first: if the process dies in between, there is a time for every frame.
        let result = self.times.write().and_then(|()| self.frames.write());
        if result.is_err() {
            let _ = self.frames.file.set_len(before.0);
            let _ = self.times.file.set_len(before.1);
            return result;
        }
        let added = std::mem::take(&mut self.added);
        self.written.frames += added.frames;
        self.written.bytes_raw += added.bytes_raw as u64;
        self.written.first_received_us = self.written.first_received_us.or(added.first_us);
        self.written.last_received_us = added.last_us.or(self.written.last_received_us);
        self.written.bytes = self.frames.bytes + self.times.bytes;
        self.written.complete = self.frames.encoder.is_none();
        Ok(())
    }

    /// What is in the files.
    pub(super) fn entry(&self) -> &SegmentEntry {
        &self.written
    }

    /// Frames that aren't in the files yet.
    pub(super) fn unwritten_frames(&self) -> u64 {
        self.added.frames
    }

    /// Their bytes.
    pub(super) fn unwritten_bytes(&self) -> usize {
        self.added.bytes_raw
    }

    /// When the first frame was received that isn't in the files.
    pub(super) fn first_unwritten_us(&self) -> Option<u64> {
        self.added.first_us
    }

    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// The files, to have their data forced to the disk.
    pub(super) fn files(&self) -> [Arc<File>; 2] {
        [Arc::clone(&self.times.file), Arc::clone(&self.frames.file)]
    }
}

impl Packed {
    fn new(file: File, level: i32, window_log: Option<u32>) -> io::Result<Self> {
        let mut encoder = Encoder::new(Vec::new(), level)?;
        encoder.include_checksum(true)?;
        if let Some(log) = window_log {
            encoder.window_log(log)?;
        }
        Ok(Self { encoder: Some(encoder), end: Vec::new(), file: Arc::new(file), bytes: 0 })
    }

    fn encoder(&mut self) -> io::Result<&mut Encoder<'static, Vec<u8>>> {
        self.encoder.as_mut().ok_or_else(|| io::Error::other("the segment has ended"))
    }

    fn waiting(&self) -> u64 {
        (self.end.len() + self.encoder.as_ref().map_or(0, |encoder| encoder.get_ref().len())) as u64
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(encoder) = self.encoder.take() {
            self.end = encoder.finish()?;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let waiting = match &mut self.encoder {
            Some(encoder) => encoder.get_mut(),
            None => &mut self.end,
        };
        self.file.as_ref().write_all(waiting)?;
        self.bytes += waiting.len() as u64;
        waiting.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_and_nothing_counts_as_written() {
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut segment = SegmentWriter::on(full(), full(), Segment::new(0, 1), 3).unwrap();
        segment.add(b"{}", 1).unwrap();
        assert!(segment.pack().unwrap() > 0);
        assert_eq!(segment.write().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!((segment.entry().frames, segment.unwritten_frames(), segment.entry().bytes), (0, 1, 0));
    }

    #[test]
    fn a_segment_never_has_more_bytes_than_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let mut segment = SegmentWriter::create(folder.path(), Segment::new(0, 1), 3).unwrap();
        let mut noise = 1_u64;
        for index in 0..300_usize {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let frame = vec![b'0' + (noise >> 60) as u8; index * 7 % 1000 + 1];
            let bound = segment.bound_with(frame.len());
            segment.add(&frame, noise).unwrap();
            if index % 3 == 0 {
                segment.pack().unwrap();
                segment.write().unwrap();
                assert!(segment.entry().bytes <= bound, "{} of at most {bound}", segment.entry().bytes);
            }
        }
    }
}
