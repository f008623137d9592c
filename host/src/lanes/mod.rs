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
//! - [`consumer`]: frames out of a List, through the plugins, readings into Redis.

pub mod codec;
pub mod consumer;
pub mod producer;
pub mod router;

pub use consumer::Consumer;
pub use producer::Producer;
pub use router::Router;
