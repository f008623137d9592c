//! Which pairs are wanted, and the state each is in.
//!
//! # Layout
//!
//! - [`state`]: the states of a pair, and its `feed:{id}` Hash.
//! - [`wanted`]: the Redis Set of wanted pairs, read and checked.
//! - [`roster`]: the pairs that run: started, stopped, counted.

pub mod roster;
pub mod state;
pub mod wanted;

pub use roster::Roster;
pub use state::PairState;
