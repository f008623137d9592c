//! What bounds a recorder.

use std::time::Duration;

use super::segment::SegmentWriter;
use crate::{MAX_LINE_BYTES, RecordingError};

/// What bounds a recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of a segment: both of its files, packed. A frame that might not fit even alone is left out, so anything under
    /// 2 MiB limits the frames too.
    pub segment_bytes: u64,
    /// How long a segment is written before the next one begins.
    pub segment_age: Duration,
    /// Most bytes of all segments together. Beyond it the oldest are deleted.
    pub total_bytes: u64,
    /// Most frames that wait for the disk.
    pub queue_frames: usize,
    /// Most bytes of frames that wait for the disk.
    pub queue_bytes: usize,
    /// How often what was received is written to the files: so much is lost when the process is killed.
    pub flush_every: Duration,
    /// How often data is forced to the disk: so much is lost when the machine fails.
    pub sync_every: Duration,
    /// zstd's level, 1 to 19.
    pub level: i32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            segment_age: Duration::from_secs(3600),
            total_bytes: 10 << 30,
            queue_frames: 32_768,
            queue_bytes: 64 << 20,
            flush_every: Duration::from_millis(500),
            sync_every: Duration::from_secs(1),
            level: 3,
        }
    }
}

impl Limits {
    /// Whether they can be.
    ///
    /// # Errors
    /// [`RecordingError::Limit`], naming the one that can't.
    pub fn check(&self) -> Result<(), RecordingError> {
        let wrong = |name, problem: String, hint: &str| Err(RecordingError::Limit { name, problem, hint: hint.to_owned() });
        let smallest = SegmentWriter::bound(0);
        if self.segment_bytes < smallest {
            return wrong("segment_bytes", format!("{} is less than {smallest}", self.segment_bytes), "16 MiB is usual");
        }
        if self.total_bytes / 2 < self.segment_bytes {
            let problem = format!("{} is less than two segments of {} bytes", self.total_bytes, self.segment_bytes);
            return wrong("total_bytes", problem, "allow more in total, or make segments smaller");
        }
        if self.queue_frames == 0 {
            return wrong("queue_frames", "0 frames may wait".to_owned(), "32768 is usual");
        }
        if self.queue_bytes == 0 {
            return wrong("queue_bytes", "0 bytes may wait".to_owned(), "64 MiB is usual");
        }
        if self.flush_every.is_zero() || self.flush_every > Duration::from_secs(3600) {
            return wrong("flush_every", format!("{:?}", self.flush_every), "500 ms is usual");
        }
        if !(1..=19).contains(&self.level) {
            return wrong("level", format!("{} is not between 1 and 19", self.level), "3 is usual");
        }
        Ok(())
    }

    /// Why a frame can't be a line of a recording, if it can't: the line would be read as something else.
    pub(super) fn unfit(&self, frame: &[u8]) -> Option<&'static str> {
        if frame.contains(&b'\n') || frame.ends_with(b"\r") {
            Some("a frame with a line break in it")
        } else if frame.trim_ascii().is_empty() {
            Some("a frame with nothing in it")
        } else if frame.len() > MAX_LINE_BYTES || SegmentWriter::bound(frame.len()) > self.segment_bytes {
            Some("a frame that is too long")
        } else {
            None
        }
    }
}
