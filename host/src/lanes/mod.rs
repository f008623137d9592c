//! The way of a book to the plugins.
//!
//! The *memory lane* hands the newest book straight to the plugins; books that pile up are skipped and counted. The *buffered lane*
//! sends every book, in order, through a Redis List a pair, so that none is lost when a consumer dies.
//!
//! # Layout
//!
//! - [`router`]: one update in, both lanes fed.
//! - [`codec`]: frames of the buffered lane as bytes; the only part that knows bincode.
//! - [`producer`]: frames into the Lists.
//! - [`consumer`]: frames out of a List, through the plugins, readings into Redis; checkpoints.
//! - [`place`]: the book that a lane's frames have built, and which frame comes next.
//! - [`pictures`]: books as plugins see them, in memory that is used again.
//! - [`ledger`]: a lane in Redis: scripts that take, publish and checkpoint, each of which can be sent again.
//! - [`checkpoint`]: a lane's book and the plugins' states as bytes.

pub mod checkpoint;
pub mod codec;
pub mod consumer;
mod ledger;
mod pictures;
mod place;
pub mod producer;
pub mod router;

pub use consumer::Consumer;
pub use producer::Producer;
pub use router::Router;
