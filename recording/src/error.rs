//! What can be wrong with a recording.

use std::path::PathBuf;

use thiserror::Error;

/// Why a recording can't be read.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The file system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        source: std::io::Error,
    },
    /// There is no frame in it.
    #[error("{}: the recording is empty\nhint: a recording holds one frame a line, as the exchange sent it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line longer than any frame. The lines after it can still be read.
    #[error("{}, line {line}: longer than {limit} bytes\nhint: a recording holds one frame a line, as the exchange sent it", path.display())]
    LongLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The longest line that is read.
        limit: usize,
    },
    /// A file of instruments that is not a listing.
    #[error("{}: {problem}\nhint: it must be an answer of GET /api/v5/public/instruments, plain or gzip", path.display())]
    Instruments {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// More books than an audit keeps.
    #[error("{}, line {line}: more than {limit} books in one recording\nhint: split it by instrument", path.display())]
    TooManyBooks {
        /// The file.
        path: PathBuf,
        /// The line of the first one too many.
        line: u64,
        /// The most that are kept.
        limit: usize,
    },
}

impl RecordingError {
    /// Whether it concerns one line alone, so that reading can go on behind it.
    pub fn is_one_line(&self) -> bool {
        matches!(self, Self::LongLine { .. })
    }
}
