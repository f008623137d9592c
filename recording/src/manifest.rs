//! `manifest.json`: what a recorder's folder holds, and what it doesn't.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::RecordingError;
use crate::folder::{MANIFEST, Segment, readable};

/// The manifest's version that is written, and the highest that is read.
pub const MANIFEST_VERSION: u32 = 1;

/// Longest manifest that is read.
const MAX_BYTES: u64 = 64 << 20;

/// All pairs, in [`Gap::pair`].
pub const ALL_PAIRS: &str = "*";

/// What a recorder's folder holds. All times are Unix microseconds by the recording machine's clock.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`] when it was written.
    pub version: u32,
    /// Where the frames came from.
    pub endpoint: String,
    /// The channel subscribed to.
    pub channel: String,
    /// All pairs that were ever recorded into the folder, in alphabetical order.
    pub pairs: Vec<String>,
    /// Whether the last recorder ended as it should. Not while one runs, nor after one was killed.
    pub finished: bool,
    /// The segments that are there, in order.
    pub segments: Vec<SegmentEntry>,
    /// What is missing, in the order in which it was noticed.
    pub gaps: Vec<Gap>,
    /// Gaps that were left out of the list: there are too many, or all their time was deleted.
    pub gaps_left_out: u64,
    /// Frames that were received and aren't there.
    pub dropped: Dropped,
    /// Segments that were deleted to stay within the bound.
    pub deleted: Deleted,
}

/// A segment: a file of frames and one of receive times.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// The file of frames. That of the receive times has `.recv.zst` in place of `.ndjson.zst`.
    pub name: String,
    /// When the first frame was received. None: there is no frame yet.
    pub first_received_us: Option<u64>,
    /// When the last frame was received.
    pub last_received_us: Option<u64>,
    /// Frames in it. While it isn't complete: when the manifest was written.
    pub frames: u64,
    /// Bytes of the frames with their line ends, unpacked.
    pub bytes_raw: u64,
    /// Bytes of both files on the disk.
    pub bytes: u64,
    /// Whether it was ended as it should.
    pub complete: bool,
}

/// A time for which frames are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The pair, or [`ALL_PAIRS`].
    pub pair: String,
    /// When it began.
    pub from_us: u64,
    /// When it ended. None: it hadn't when the recorder ended.
    pub to_us: Option<u64>,
    /// Why, in words.
    pub reason: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = if self.pair == ALL_PAIRS { "all pairs" } else { &self.pair };
        let to = self.to_us.map_or_else(|| "the end".to_owned(), readable);
        write!(f, "{pair}: gap from {} to {to}: {}", readable(self.from_us), self.reason)
    }
}

/// Frames that were received and aren't there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dropped {
    /// The disk was too slow: too many waited.
    pub disk_slow: u64,
    /// The disk refused: it was full, or an error.
    pub disk_refused: u64,
    /// They can't be a line of a recording: a line break in them, nothing in them, too long.
    pub unfit: u64,
}

impl Dropped {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.disk_slow + self.disk_refused + self.unfit
    }
}

/// Segments that were deleted, the oldest first: all that was recorded between the two times is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Deleted {
    /// How many.
    pub segments: u64,
    /// Frames in them.
    pub frames: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// When the first frame was received that is gone.
    pub from_us: Option<u64>,
    /// When the last frame was received that is gone.
    pub to_us: Option<u64>,
}

impl Deleted {
    /// Counts one.
    pub(crate) fn add(&mut self, entry: &SegmentEntry) {
        self.segments += 1;
        self.frames += entry.frames;
        self.bytes += entry.bytes;
        let earlier = [self.from_us, entry.first_received_us].into_iter().flatten().min();
        let later = [self.to_us, entry.last_received_us].into_iter().flatten().max();
        (self.from_us, self.to_us) = (earlier, later);
    }
}

impl Manifest {
    /// Reads the manifest of a folder; none if there is none.
    ///
    /// # Errors
    /// [`RecordingError::Io`], or [`RecordingError::Manifest`] when it can't be understood.
    pub fn read(folder: impl AsRef<Path>) -> Result<Option<Self>, RecordingError> {
        let path = folder.as_ref().join(MANIFEST);
        let mut text = Vec::new();
        match File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RecordingError::Io { path, source }),
        }
        let refused = |problem: String| RecordingError::Manifest { path: path.clone(), problem };
        if text.len() as u64 > MAX_BYTES {
            return Err(refused(format!("longer than {MAX_BYTES} bytes")));
        }
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
        if version > MANIFEST_VERSION {
            return Err(refused(format!("it has version {version}, and this program reads up to {MANIFEST_VERSION}")));
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
        match manifest.segments.iter().find(|entry| Segment::of_frames(&entry.name).is_none()) {
            Some(entry) => Err(refused(format!("`{}` is no segment's name", entry.name))),
            None => Ok(Some(manifest)),
        }
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self).map_err(io::Error::from)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Writes a file so that it is either the old or the new one, whatever happens meanwhile.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = File::create(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
