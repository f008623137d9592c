//! A recording read frame by frame, whatever its form.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::RecordingError;
use crate::folder::{self, Segment};
use crate::manifest::Manifest;
use crate::part::{Part, Step};

/// Longest line that is read: the longest frame that `leadline_market` reads.
pub const MAX_LINE_BYTES: usize = leadline_market::wire::MAX_FRAME_BYTES;

/// An open recording: one frame a line, with the receive times (Unix seconds a line) beside it, if there are any.
///
/// Three forms are read: a file `.ndjson` with `.recv`, a file `.ndjson.zst` with `.recv.zst`, and a recorder's folder, whose
/// segments are one recording.
#[derive(Debug)]
pub struct Recording {
    /// Where it is.
    path: PathBuf,
    /// The file that is read.
    part: Option<Part>,
    /// Its name, where it is a segment of a folder.
    segment: Option<String>,
    /// The segments that follow.
    waiting: VecDeque<Segment>,
    /// What is known of the whole folder.
    manifest: Option<Manifest>,
    /// What is wrong with the manifest.
    manifest_problem: Option<String>,
    /// Segments that the manifest lists and the folder doesn't hold.
    missing: Vec<String>,
    /// Files that ended before their end.
    cut_short: Vec<CutShort>,
    /// Whether a line that isn't empty was seen.
    any: bool,
    /// Lines of files of receive times that are not a time, in the files before this one.
    bad_times: u64,
}

/// A packed file that ends before its end: the recorder was killed while it wrote it, or writes it still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutShort {
    /// The file of frames.
    pub path: PathBuf,
    /// The lines that could be read.
    pub lines: u64,
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ends early, after line {}: its recorder was killed or is still writing", self.path.display(), self.lines)
    }
}

/// One recorded frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame<'a> {
    /// The file's name, where the recording is a folder.
    pub segment: Option<&'a str>,
    /// The line it is on, counted from 1 in each file.
    pub line: u64,
    /// The text as sent.
    pub bytes: &'a [u8],
    /// When it was received, in Unix seconds, where that was recorded.
    pub received: Option<f64>,
}

/// Where a frame is, for a person: `line 5`, or `20261122T190000.123Z-000001.ndjson.zst line 5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    segment: Option<&'a str>,
    line: u64,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.segment {
            Some(segment) => write!(f, "{segment} line {}", self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}

impl<'a> Frame<'a> {
    /// When it was received, in milliseconds since 1970.
    pub fn received_ms(&self) -> Option<f64> {
        self.received.map(|seconds| seconds * 1000.0)
    }

    /// When it was received, in whole microseconds since 1970: what the recorder was told.
    pub fn received_us(&self) -> Option<u64> {
        self.received.map(|seconds| (seconds * 1e6).round() as u64)
    }

    /// Where it is.
    pub fn place(&self) -> Place<'a> {
        Place { segment: self.segment, line: self.line }
    }
}

impl Recording {
    /// Opens a recording of any form.
    ///
    /// # Errors
    /// [`RecordingError::Io`] when it isn't there or can't be read; [`RecordingError::NoRecording`] for a folder that isn't a
    /// recorder's. That it is empty shows with the first frame.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref().to_path_buf();
        let mut recording = Self {
            path: path.clone(),
            part: None,
            segment: None,
            waiting: VecDeque::new(),
            manifest: None,
            manifest_problem: None,
            missing: Vec::new(),
            cut_short: Vec::new(),
            any: false,
            bad_times: 0,
        };
        if !path.is_dir() {
            recording.part = Some(Part::open(&path)?);
            return Ok(recording);
        }
        // The manifest first: a segment that begins after it was read is no missing one.
        match Manifest::read(&path) {
            Ok(manifest) => recording.manifest = manifest,
            Err(RecordingError::Manifest { problem, .. }) => recording.manifest_problem = Some(problem),
            Err(error) => return Err(error),
        }
        let segments = folder::segments(&path)?;
        if segments.is_empty() && recording.manifest.is_none() && recording.manifest_problem.is_none() {
            return Err(RecordingError::NoRecording { path });
        }
        if let Some(manifest) = &recording.manifest {
            let there = |name: &str| segments.iter().any(|segment| segment.frames_name() == name);
            recording.missing = manifest.segments.iter().map(|one| one.name.clone()).filter(|name| !there(name)).collect();
        }
        recording.waiting = segments.into();
        recording.next_part()?;
        Ok(recording)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether receive times were recorded beside it; in a folder, beside the segment that is read.
    pub fn has_receive_times(&self) -> bool {
        self.part.as_ref().is_some_and(Part::has_receive_times)
    }

    /// How many lines of the receive times so far are not a time. Their frames come without one.
    pub fn bad_receive_times(&self) -> u64 {
        self.bad_times + self.part.as_ref().map_or(0, Part::bad_times)
    }

    /// What the recorder says of its folder: gaps, frames dropped, segments deleted.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// Why the folder's manifest can't be read, where it can't. Its gaps are then not known.
    pub fn manifest_problem(&self) -> Option<&str> {
        self.manifest_problem.as_deref()
    }

    /// Segments that the manifest lists and that weren't in the folder any more.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The files read so far that end before their end. What is before that was given; nothing is lost by it but what never
    /// reached the disk.
    pub fn cut_short(&self) -> &[CutShort] {
        &self.cut_short
    }

    /// The next frame, or `None` at the end. Empty lines are passed; a last line without line end counts.
    ///
    /// # Errors
    /// [`RecordingError::Empty`] at the end of a recording without frames. [`RecordingError::LongLine`] concerns one line, and
    /// [`RecordingError::Damaged`] the rest of one file: the next call goes on behind it ([`RecordingError::goes_on`]).
    /// [`RecordingError::Io`] is final.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, RecordingError> {
        let received = loop {
            let Some(part) = &mut self.part else {
                return if self.any { Ok(None) } else { Err(RecordingError::Empty { path: self.path.clone() }) };
            };
            let step = part.advance();
            self.any |= part.any() || step.is_err();
            match step? {
                Step::Frame(received) => break received,
                Step::End => self.next_part()?,
            }
        };
        let Some(part) = &self.part else { return Ok(None) };
        Ok(Some(Frame { segment: self.segment.as_deref(), line: part.line(), bytes: part.bytes(), received }))
    }

    /// Leaves the file that is at its end, and opens the next segment.
    fn next_part(&mut self) -> Result<(), RecordingError> {
        if let Some(part) = self.part.take() {
            self.bad_times += part.bad_times();
            if let Some(lines) = part.cut_after() {
                self.cut_short.push(CutShort { path: part.path().to_path_buf(), lines });
            }
        }
        while let Some(segment) = self.waiting.pop_front() {
            let name = segment.frames_name();
            match Part::open(&self.path.join(&name)) {
                Ok(part) => {
                    self.part = Some(part);
                    self.segment = Some(name);
                    return Ok(());
                }
                // A recorder that still runs has deleted it meanwhile.
                Err(RecordingError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => self.missing.push(name),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
