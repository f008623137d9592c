//! What can be wrong with a frame, and where.

use thiserror::Error;

use super::{MAX_BOOKS_A_FRAME, MAX_DEPTH, MAX_FRAME_BYTES, MAX_LEVELS_A_FRAME};
use crate::decimal::DecimalError;

/// Why a frame can't be read. Offsets are bytes from the start of the frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// Longer than [`MAX_FRAME_BYTES`].
    #[error("frame of {length} bytes, more than {MAX_FRAME_BYTES}")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// Text frames are UTF-8.
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// The first bad byte.
        offset: usize,
    },
    /// Not JSON, or not the JSON that belongs here.
    #[error("byte {offset}: expected {expected}")]
    Syntax {
        /// Where.
        offset: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("byte {offset}: nested deeper than {MAX_DEPTH}")]
    TooDeep {
        /// Where.
        offset: usize,
    },
    /// A key that decides about the frame comes twice in one object.
    #[error("byte {offset}: key `{key}` comes twice")]
    DuplicateKey {
        /// Where.
        offset: usize,
        /// The key.
        key: &'static str,
    },
    /// A key without which the frame means nothing.
    #[error("key `{key}` is missing")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A value of the right type that makes no sense.
    #[error("byte {offset}: `{key}` is not {expected}")]
    Value {
        /// Where.
        offset: usize,
        /// The key whose value it is.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A price or size that is not one.
    #[error("byte {offset}: {problem}")]
    Decimal {
        /// Where.
        offset: usize,
        /// What is wrong.
        problem: DecimalError,
    },
    /// A side longer than [`MAX_LEVELS_A_FRAME`].
    #[error("byte {offset}: more than {MAX_LEVELS_A_FRAME} levels in `{key}`")]
    TooManyLevels {
        /// Where.
        offset: usize,
        /// `bids` or `asks`.
        key: &'static str,
    },
    /// More elements of `data` than [`MAX_BOOKS_A_FRAME`].
    #[error("byte {offset}: more than {MAX_BOOKS_A_FRAME} books in `data`")]
    TooManyBooks {
        /// Where.
        offset: usize,
    },
    /// An `event` frame whose fields are not what they should be.
    #[error("event frame: {problem}")]
    Control {
        /// What the JSON reader says.
        problem: String,
    },
    /// Neither `event`, `arg` nor `table`: not a frame of the public channels.
    #[error("neither `event`, `arg.channel` nor `table`: not an OKX frame")]
    Unrecognised,
}
