//! Redis: what is written, under which names, and how an outage is survived.
//!
//! # Layout
//!
//! - [`keys`]: every key name, once.
//! - [`address`]: where Redis is: a server, a socket, Sentinels, a Cluster; one grammar.
//! - [`link`]: a connection that is made again after an error, with a time limit on every call.
//! - [`hashes`]: readings, books and states as the fields of their Hashes.
//! - [`publication`]: what goes beside a value: how long it stays, and the event that tells of it.
//! - [`sent`]: what `analysis:{id}` is known to hold, so that a write sends what changed.
//! - [`load`]: what goes into Redis in one round trip.
//! - [`saved`]: keys with their values, as a backup holds them.
//! - [`writer`]: the memory lane's way into Redis: newest wins, all that waits goes in one round trip.

mod address;
pub mod hashes;
pub mod keys;
pub mod link;
mod load;
pub mod publication;
pub mod saved;
mod sent;
pub mod writer;

pub use link::{Link, LinkError};
pub use publication::{Publication, StateEvents};
pub use writer::Writer;
