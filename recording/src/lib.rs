//! Recorded frames of an exchange: one text frame a line, byte for byte as sent.
//!
//! # Layout
//!
//! - `frames`: a recording read line by line, with the receive time of each line where it is known.
//! - `lines`: lines of bounded length out of a file.
//! - `instruments`: the listings recorded beside a recording.
//! - `audit`: every book of a recording kept and verified, one row an instrument.
//! - `error`: what can be wrong with a recording.

mod audit;
mod error;
mod frames;
mod instruments;
mod lines;

pub use audit::{Audit, BadLine, MAX_BAD_LINES, MAX_BOOKS, Row, audit};
pub use error::RecordingError;
pub use frames::{Frame, MAX_LINE_BYTES, Recording};
pub use instruments::{Listings, MAX_LISTING_BYTES, instruments_beside, instruments_from};
