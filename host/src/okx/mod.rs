//! The exchange: connections, subscriptions, verified books, and the instruments it lists.
//!
//! # Layout
//!
//! - [`feed`]: one pair from connection to lanes, over and over: reconnects, back-off, stop.
//! - [`session`]: one connection's life: subscribe, frames, pings, resynchronisation, unsubscribe.
//! - [`instruments`]: tick size, kind and contract value of an instrument, asked of the REST interface.
//! - [`backoff`]: how long to wait before the next try.

pub mod backoff;
pub mod feed;
pub mod instruments;
mod session;

pub use feed::PairFeed;
pub use instruments::Instruments;
