//! Every book of a recording kept and verified: what `leadline verify` prints.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leadline_market::{BookFrame, Counters, Decoder, Level, Message, TrackedBook};
use serde::Serialize;

use crate::{CutShort, Manifest, Recording, RecordingError};

/// Most bad lines that an audit names; all are counted.
pub const MAX_BAD_LINES: usize = 100;

/// Most books (channel and instrument) that an audit keeps.
pub const MAX_BOOKS: usize = 4096;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Audit {
    /// One row a channel and instrument, sorted by channel and instrument.
    pub rows: Vec<Row>,
    /// Frames read, of all kinds.
    pub frames: u64,
    /// Frames that were not about books: acknowledgements, other channels.
    pub other_frames: u64,
    /// Lines that could not be read as a frame.
    pub bad_line_count: u64,
    /// The first of them, at most [`MAX_BAD_LINES`].
    pub bad_lines: Vec<BadLine>,
    /// Frames whose levels could not be a book (price zero, too many levels).
    pub refused: u64,
    /// Files with an error in them, whose rest could not be read: what is wrong, a line each.
    pub damaged: Vec<String>,
    /// Files that end before their end. What is before that was read.
    pub cut_short: Vec<CutShort>,
    /// What the recorder says of its folder: known gaps, frames dropped, segments deleted.
    pub manifest: Option<Manifest>,
    /// Segments that the manifest lists and the folder doesn't hold.
    pub missing: Vec<String>,
}

/// A line that could not be read as a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The file it is in.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub problem: String,
}

/// One book of a recording, after its last frame. The fields and their order are those of the JSON lines that are printed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The recording's file name, without its folder.
    pub file: String,
    /// The channel, as the exchange writes it.
    pub channel: &'static str,
    /// The instrument's id.
    pub instrument: String,
    /// What was seen.
    #[serde(flatten)]
    pub counters: Counters,
    /// Levels on the side of the bids.
    pub levels_bid: usize,
    /// Levels on the side of the asks.
    pub levels_ask: usize,
    /// Price and size of the best bid, as sent.
    pub best_bid: Option<[String; 2]>,
    /// Price and size of the best ask, as sent.
    pub best_ask: Option<[String; 2]>,
    /// The book's checksum, computed.
    pub crc32: i32,
}

impl Audit {
    /// Whether every line could be read, every checksum was the book's, no frame was missing or dropped, and every frame could be
    /// a book. A gap that the recorder knows and that a snapshot follows is clean: no book was wrong at any time.
    pub fn is_clean(&self) -> bool {
        let sound = |counters: &Counters| counters.gaps == 0 && counters.checksum_bad == 0 && counters.dropped == 0;
        self.bad_line_count == 0
            && self.refused == 0
            && self.damaged.is_empty()
            && self.missing.is_empty()
            && self.rows.iter().all(|row| sound(&row.counters))
    }
}

/// Runs every book frame of a recording through a [`TrackedBook`] a channel and instrument.
///
/// # Errors
/// [`RecordingError`] when the recording as a whole can't be read. Bad lines are in the answer.
pub fn audit(path: impl AsRef<Path>) -> Result<Audit, RecordingError> {
    let path = path.as_ref();
    let mut recording = Recording::open(path)?;
    let mut decoder = Decoder::new();
    let mut books = Books::new();
    let mut audit = Audit::default();
    loop {
        let frame = match recording.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(RecordingError::LongLine { path, line, limit }) => {
                audit.bad_line(path, line, format!("longer than {limit} bytes"));
                continue;
            }
            Err(error @ RecordingError::Damaged { .. }) => {
                audit.damaged.push(error.to_string());
                continue;
            }
            // All that there was is damaged: that is said already.
            Err(RecordingError::Empty { .. }) if !audit.damaged.is_empty() => break,
            Err(error) => return Err(error),
        };
        audit.frames += 1;
        match decoder.decode(frame.bytes) {
            Ok(Message::Books(frames)) => {
                for book_frame in frames {
                    let line = frame.line;
                    track(&mut books, book_frame).map_err(|limit| RecordingError::TooManyBooks {
                        path: path.to_path_buf(),
                        line,
                        limit,
                    })?;
                }
            }
            Ok(_) => audit.other_frames += 1,
            Err(error) => {
                let file = frame.segment.map_or_else(|| path.to_path_buf(), |segment| path.join(segment));
                audit.bad_line(file, frame.line, error.to_string());
            }
        }
    }
    if let Some(problem) = recording.manifest_problem() {
        audit.damaged.push(format!("{}: {problem}", path.join(crate::MANIFEST).display()));
    }
    audit.cut_short = recording.cut_short().to_vec();
    audit.missing = recording.missing().to_vec();
    audit.manifest = recording.manifest().cloned();
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for ((channel, instrument), tracked) in books {
        audit.refused += tracked.refused();
        audit.rows.push(row(&file, channel, instrument, &tracked));
    }
    Ok(audit)
}

impl Audit {
    fn bad_line(&mut self, file: PathBuf, line: u64, problem: String) {
        self.bad_line_count += 1;
        if self.bad_lines.len() < MAX_BAD_LINES {
            self.bad_lines.push(BadLine { file, line, problem });
        }
    }
}

/// The books of a recording by channel and instrument.
type Books = BTreeMap<(&'static str, String), TrackedBook>;

/// Applies a frame to its book; refuses with the limit when there are too many books.
fn track(books: &mut Books, frame: &BookFrame) -> Result<(), usize> {
    let key = (frame.channel.as_str(), frame.instrument.clone());
    if books.len() == MAX_BOOKS && !books.contains_key(&key) {
        return Err(MAX_BOOKS);
    }
    books.entry(key).or_default().apply(frame);
    Ok(())
}

fn row(file: &str, channel: &'static str, instrument: String, tracked: &TrackedBook) -> Row {
    let book = tracked.book();
    let texts = |level: Level| [level.price.to_string(), level.size.to_string()];
    Row {
        file: file.to_owned(),
        channel,
        instrument,
        counters: *tracked.counters(),
        levels_bid: book.bids().len(),
        levels_ask: book.asks().len(),
        best_bid: book.bids().best().map(texts),
        best_ask: book.asks().best().map(texts),
        crc32: book.checksum(),
    }
}
