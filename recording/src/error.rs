//! What can be wrong with a recording.

use std::path::PathBuf;

use thiserror::Error;

/// Why a recording can't be read or written.
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
    /// A packed file with an error in it. What was before it was given; the rest of this file can't be read.
    #[error("{}: damaged after line {line}: {problem}\nhint: the rest of this file can't be read; `zstd --test` says the same", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The last good line, counted from 1; 0 if there is none.
        line: u64,
        /// What the decoder says.
        problem: String,
    },
    /// A folder that no recorder has written.
    #[error("{}: neither a manifest.json nor a segment in this folder\nhint: name a recorder's folder or a file (.ndjson, .ndjson.zst)", path.display())]
    NoRecording {
        /// The folder.
        path: PathBuf,
    },
    /// A manifest that can't be understood.
    #[error("{}: {problem}\nhint: the segments beside it can be read without it; to record into this folder, move it away first", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Another recorder writes into the folder.
    #[error("{}: another recorder (process {process}) writes into this folder\nhint: give each recorder a folder of its own", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// Its process number, as far as it is known.
        process: String,
    },
    /// The folder holds frames from elsewhere.
    #[error("{}: it holds `{there}`, not `{wanted}`\nhint: record into another folder", folder.display())]
    OtherOrigin {
        /// The folder.
        folder: PathBuf,
        /// Endpoint and channel recorded there.
        there: String,
        /// Endpoint and channel that should be recorded now.
        wanted: String,
    },
    /// A limit of a recorder that can't be.
    #[error("{name}: {problem}\nhint: {hint}")]
    Limit {
        /// Which.
        name: &'static str,
        /// What is wrong.
        problem: String,
        /// What would do.
        hint: String,
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

    /// Whether reading can go on behind it: it concerns one line, or the rest of one file.
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::LongLine { .. } | Self::Damaged { .. })
    }
}
