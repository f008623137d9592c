//! OKX's frames, as they are today and as they were: v5 (`arg`, `action`, `data`), v3 (`table`, `action`, `data`) and the shape of
//! the design document (`table: books`).
//!
//! # Layout
//!
//! - `decoder`: bytes to [`Message`]; keeps its buffers between frames.
//! - `message`: what a frame can say.
//! - `frame`: the elements of `data` of a book frame.
//! - `levels`: arrays of levels, the hot loop.
//! - `control`: acknowledgements, errors and notices.
//! - `channel`: the channels that carry whole books.
//! - `time`: ISO 8601 times to milliseconds.
//! - `scanner`: a pull scanner over JSON text.
//! - `scanner_tests`: the scanner beside `serde_json` on generated text.
//! - `error`: what can be wrong with a frame, and where.

mod channel;
mod control;
mod decoder;
mod error;
mod frame;
mod levels;
mod message;
mod scanner;
#[cfg(test)]
mod scanner_tests;
mod time;

pub use channel::BookChannel;
pub use decoder::Decoder;
pub use error::WireError;
pub use message::{Ack, AckKind, Action, BookFrame, ConnectionCount, Message, Notice, ServerError};

/// Longest frame that is read. A snapshot of 400 levels a side has about 27 000 bytes.
pub const MAX_FRAME_BYTES: usize = 1 << 20;

/// Most levels in one side of one frame: what a whole book may hold.
pub const MAX_LEVELS_A_FRAME: usize = crate::MAX_LEVELS_A_SIDE;

/// Most books in one frame (v5 sends one).
pub const MAX_BOOKS_A_FRAME: usize = 64;

/// Deepest nesting of values that are skipped.
pub const MAX_DEPTH: usize = 32;
