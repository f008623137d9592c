//! Recorded frames of an exchange: one text frame a line, byte for byte as sent. Reading, checking, and recording them.
//!
//! # Layout
//!
//! - `frames`: a recording of any form read frame by frame, with the receive time of each where it is known.
//! - `part`: one file of it, with the receive times beside it.
//! - `lines`: lines of bounded length out of a file, plain or packed.
//! - `folder`: the names of what a recorder's folder holds.
//! - `manifest`: what the recorder says of its folder.
//! - [`recorder`]: frames written into such a folder.
//! - `instruments`: the listings recorded beside a recording.
//! - `audit`: every book of a recording kept and verified, one row an instrument.
//! - [`parcel`]: frames on their way from a running host to a recorder's folder.
//! - `error`: what can be wrong with a recording.

mod audit;
mod error;
mod folder;
mod frames;
mod instruments;
mod lines;
mod manifest;
pub mod parcel;
mod part;
pub mod recorder;

pub use audit::{Audit, BadLine, MAX_BAD_LINES, MAX_BOOKS, Row, audit};
pub use error::RecordingError;
pub use folder::MANIFEST;
pub use frames::{CutShort, Frame, MAX_LINE_BYTES, Place, Recording};
pub use instruments::{Listings, MAX_LISTING_BYTES, instruments_beside, instruments_from};
pub use manifest::{ALL_PAIRS, Deleted, Dropped, Gap, MANIFEST_VERSION, Manifest, SegmentEntry};
pub use parcel::{PARCEL_VERSION, ParcelHead, ParcelReader, ParcelWriter};
pub use recorder::{Limits, Origin, Recorder, Status};
