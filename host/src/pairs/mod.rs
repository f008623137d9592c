//! Which pairs are wanted, and the state each is in.
//!
//! # Layout
//!
//! - [`state`]: the states of a pair, and its `feed:{id}` Hash.
//! - [`wanted`]: the Redis Set of wanted pairs: read, checked, watched.
//! - [`roster`]: the pairs that run: started, stopped, counted.
//! - [`minder`]: one pair from the wish to the goodbye: its instrument, its place on a connection.
//! - [`publisher`]: a pair's books into the lanes and into Redis.

pub mod minder;
pub mod publisher;
pub mod roster;
pub mod state;
pub mod wanted;

pub use roster::Roster;
pub use state::PairState;
