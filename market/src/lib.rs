//! Order books of an exchange, from the bytes of a frame to the columns a plugin reads.
//!
//! Pure domain: no input or output, no clock, no logging, so the same frames give the same books anywhere.
//!
//! ```
//! use leadline_market::{Decoder, Message, TrackedBook, Verdict};
//!
//! let frame = br#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{
//!     "asks":[["100.2","7","0","1"]],"bids":[["100.1","3","0","2"]],"ts":"1","seqId":10,"prevSeqId":-1}]}"#;
//! let mut decoder = Decoder::new();
//! let mut tracked = TrackedBook::new();
//! if let Message::Books(frames) = decoder.decode(frame)? {
//!     for frame in frames {
//!         assert!(matches!(tracked.apply(frame), Verdict::Applied(_)));
//!     }
//! }
//! assert_eq!(tracked.book().bids().len(), 1);
//! # Ok::<(), leadline_market::WireError>(())
//! ```
//!
//! # Layout
//!
//! - `decimal`: a price or a size, kept digit by digit as the exchange sent it.
//! - `level`: one price level of one side.
//! - `side`: one side of a book in sorted columns, best level at the end.
//! - `merge`: the changes of a frame, merged into a side in one pass.
//! - `book`: both sides: snapshots, updates, checksum, invariants.
//! - `columns`: the immutable picture of a book that plugins are given.
//! - `tracked`: a book whose chain of ids and checksums are verified frame by frame.
//! - `counters`: what a tracked book has seen, in numbers.
//! - `wire`: OKX frames: the scanner, the decoder and the messages.
//! - `instrument`: what an instrument is; the exchange's listings.
//! - `identifier`: what an instrument's id, and at most its book, tell.

mod book;
mod columns;
mod counters;
mod decimal;
mod identifier;
mod instrument;
mod level;
mod merge;
mod side;
mod tracked;
pub mod wire;

pub use book::{BookError, MAX_LEVELS_A_SIDE, OrderBook, UpdateSummary};
pub use columns::{Book, Columns, Continuity, Trust};
pub use counters::Counters;
pub use decimal::{Decimal, DecimalError, DecimalProblem, MAX_SCALE};
pub use identifier::{MAX_ID_LENGTH, infer, infer_from, valid_id};
pub use instrument::{Instrument, Kind, Listing, ListingError, Source, State, parse_listing};
pub use level::{Level, Side};
pub use side::BookSide;
pub use tracked::{Applied, Break, FrameKind, TrackedBook, Verdict};
pub use wire::{Action, BookChannel, BookFrame, Decoder, Message, WireError};
