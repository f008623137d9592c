//! A recording read line by line.

use std::io;
use std::path::{Path, PathBuf};

use crate::RecordingError;
use crate::lines::{Lines, Next};

/// Longest line that is read: the longest frame that `leadline_market` reads.
pub const MAX_LINE_BYTES: usize = leadline_market::wire::MAX_FRAME_BYTES;

/// Longest line of a `.recv` file.
const MAX_TIME_BYTES: usize = 64;

/// An open recording (`.ndjson`: one frame a line) with the receive times beside it (`.recv`: Unix seconds a line), if there are any.
#[derive(Debug)]
pub struct Recording {
    /// Where it is.
    path: PathBuf,
    /// Its lines.
    lines: Lines,
    /// The `.recv` file and its lines, while it lasts.
    times: Option<(PathBuf, Lines)>,
    /// Whether a line that isn't empty was seen.
    any: bool,
    /// Lines of the `.recv` file that are not a time.
    bad_times: u64,
}

/// One recorded frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame<'a> {
    /// The line it is on, counted from 1.
    pub line: u64,
    /// The text as sent.
    pub bytes: &'a [u8],
    /// When it was received, in Unix seconds, where that was recorded.
    pub received: Option<f64>,
}

impl Frame<'_> {
    /// When it was received, in milliseconds since 1970.
    pub fn received_ms(&self) -> Option<f64> {
        self.received.map(|seconds| seconds * 1000.0)
    }
}

impl Recording {
    /// Opens a recording, and the `.recv` file of the same name beside it.
    ///
    /// # Errors
    /// [`RecordingError::Io`] when it isn't there or can't be read. That it is empty shows with the first frame.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref().to_path_buf();
        let lines = Lines::open(&path, MAX_LINE_BYTES).map_err(|source| RecordingError::Io { path: path.clone(), source })?;
        let beside = path.with_extension("recv");
        let times = match Lines::open(&beside, MAX_TIME_BYTES) {
            _ if beside == path => None,
            Ok(times) => Some((beside, times)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(RecordingError::Io { path: beside, source }),
        };
        Ok(Self { path, lines, times, any: false, bad_times: 0 })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether receive times were recorded beside it.
    pub fn has_receive_times(&self) -> bool {
        self.times.is_some()
    }

    /// How many lines of the `.recv` file so far are not a time. Their frames come without one.
    pub fn bad_receive_times(&self) -> u64 {
        self.bad_times
    }

    /// The next frame, or `None` at the end. Empty lines are passed; a last line without line end counts.
    ///
    /// # Errors
    /// [`RecordingError::Empty`] at the end of a recording without frames. [`RecordingError::LongLine`] concerns one line: the next
    /// call goes on behind it ([`RecordingError::is_one_line`]). [`RecordingError::Io`] is final.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, RecordingError> {
        let received = loop {
            let next = self.lines.advance().map_err(|source| RecordingError::Io { path: self.path.clone(), source })?;
            if next == Next::End {
                return if self.any { Ok(None) } else { Err(RecordingError::Empty { path: self.path.clone() }) };
            }
            // The files go line by line together, empty and over-long lines too.
            let received = self.next_time()?;
            if next == Next::TooLong {
                self.any = true;
                return Err(RecordingError::LongLine { path: self.path.clone(), line: self.lines.number(), limit: MAX_LINE_BYTES });
            }
            if !self.lines.line().trim_ascii().is_empty() {
                self.any = true;
                break received;
            }
        };
        Ok(Some(Frame { line: self.lines.number(), bytes: self.lines.line(), received }))
    }

    /// The receive time of the line that was just read. A `.recv` file that ends early leaves the rest without times.
    fn next_time(&mut self) -> Result<Option<f64>, RecordingError> {
        let Some((path, times)) = &mut self.times else { return Ok(None) };
        let next = times.advance().map_err(|source| RecordingError::Io { path: path.clone(), source })?;
        let text = times.line().trim_ascii();
        if next == Next::End || (next == Next::Line && text.is_empty()) {
            return Ok(None);
        }
        // An over-long line has left an empty text, which is no number.
        let time = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
        let time = time.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        self.bad_times += u64::from(time.is_none());
        Ok(time)
    }
}
