//! One file of frames with the receive times beside it.

use std::io;
use std::path::{Path, PathBuf};

use crate::lines::{Lines, Next, is_packed};
use crate::{MAX_LINE_BYTES, RecordingError};

/// Longest line of a file of receive times.
const MAX_TIME_BYTES: usize = 64;

/// A file of frames, and the receive times beside it if there are any.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    lines: Lines,
    /// The file of receive times and its lines, while it lasts.
    times: Option<(PathBuf, Lines)>,
    /// Whether the line was read, but an error about its time was given instead.
    owed: bool,
    /// Whether it ended before its end.
    cut: bool,
    /// Lines of the file of receive times that are not a time.
    bad_times: u64,
    /// Lines read whole, of both files.
    whole_lines: u64,
    /// Whether any line wasn't empty.
    any: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// A frame, in [`Part::bytes`], and when it was received.
    Frame(Option<f64>),
    /// No more.
    End,
}

impl Part {
    /// Opens a file and the receive times of the same name beside it, packed or not.
    pub(crate) fn open(path: &Path) -> Result<Self, RecordingError> {
        let lines = Lines::open(path, MAX_LINE_BYTES).map_err(|source| RecordingError::Io { path: path.to_path_buf(), source })?;
        let times = open_times(path)?;
        Ok(Self { path: path.to_path_buf(), lines, times, owed: false, cut: false, bad_times: 0, whole_lines: 0, any: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last line.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.lines.line()
    }

    /// The last line's number, counted from 1.
    pub(crate) fn line(&self) -> u64 {
        self.lines.number()
    }

    pub(crate) fn has_receive_times(&self) -> bool {
        self.times.is_some()
    }

    pub(crate) fn bad_times(&self) -> u64 {
        self.bad_times
    }

    /// Whether any line wasn't empty.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// The lines that there are, where the file ended before its end.
    pub(crate) fn cut_after(&self) -> Option<u64> {
        self.cut.then_some(self.whole_lines)
    }

    /// The next frame. Empty lines are passed.
    pub(crate) fn advance(&mut self) -> Result<Step, RecordingError> {
        if std::mem::take(&mut self.owed) {
            self.any = true;
            return Ok(Step::Frame(None));
        }
        loop {
            if self.cut {
                return Ok(Step::End);
            }
            let next = self.lines.advance().map_err(|source| broken(&self.path, self.lines.number(), source))?;
            match next {
                Next::End => return Ok(Step::End),
                Next::Cut => {
                    self.cut = true;
                    return Ok(Step::End);
                }
                Next::Line | Next::TooLong => {}
            }
            // The files go line by line together, empty and over-long lines too.
            let received = match self.next_time() {
                Ok(received) => received,
                Err(error) => {
                    self.owed = next == Next::Line && !self.lines.line().trim_ascii().is_empty();
                    return Err(error);
                }
            };
            if self.cut {
                return Ok(Step::End);
            }
            self.whole_lines += 1;
            if next == Next::TooLong {
                self.any = true;
                return Err(RecordingError::LongLine { path: self.path.clone(), line: self.lines.number(), limit: MAX_LINE_BYTES });
            }
            if !self.lines.line().trim_ascii().is_empty() {
                self.any = true;
                return Ok(Step::Frame(received));
            }
        }
    }

    /// The receive time of the line that was just read. A file of times that ends early leaves the rest without times; one that was
    /// cut cuts the frames too, so that both stay equally long.
    fn next_time(&mut self) -> Result<Option<f64>, RecordingError> {
        let Some((path, times)) = &mut self.times else { return Ok(None) };
        let next = match times.advance() {
            Ok(next) => next,
            Err(source) => {
                let error = broken(path, times.number(), source);
                self.times = None;
                return Err(error);
            }
        };
        let text = times.line().trim_ascii();
        self.cut |= next == Next::Cut;
        if matches!(next, Next::End | Next::Cut) || (next == Next::Line && text.is_empty()) {
            return Ok(None);
        }
        // An over-long line has left an empty text, which is no number.
        let time = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
        let time = time.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        self.bad_times += u64::from(time.is_none());
        Ok(time)
    }
}

/// `a.ndjson` has its times in `a.recv` or `a.recv.zst`, and so has `a.ndjson.zst`.
fn open_times(path: &Path) -> Result<Option<(PathBuf, Lines)>, RecordingError> {
    let packed = is_packed(path);
    let plain = if packed { path.with_extension("") } else { path.to_path_buf() }.with_extension("recv");
    let both = [plain.clone(), plain.with_extension("recv.zst")];
    for beside in if packed { [1, 0] } else { [0, 1] }.map(|index: usize| &both[index]) {
        match Lines::open(beside, MAX_TIME_BYTES) {
            _ if beside == path => {}
            Ok(times) => return Ok(Some((beside.clone(), times))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(RecordingError::Io { path: beside.clone(), source }),
        }
    }
    Ok(None)
}

/// What the file system says is one thing, what the decoder says another: then the file is damaged.
fn broken(path: &Path, line: u64, source: io::Error) -> RecordingError {
    let path = path.to_path_buf();
    if is_packed(&path) && source.raw_os_error().is_none() {
        return RecordingError::Damaged { path, line, problem: source.to_string() };
    }
    RecordingError::Io { path, source }
}
