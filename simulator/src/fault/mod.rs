//! Faults and events: what they are, how they are written, and what they do to a frame.
//!
//! # Layout
//!
//! - `kind`: the list of them, and whom each concerns.
//! - `spec`: their text, `drop:BTC-USDT:count=3`, for the command line, the control endpoint and logs alike.
//! - `damage`: what damage does to a frame's text.
//! - `lane`: the faults that wait for frames of one connection.
//! - `chaos`: random ones.

mod chaos;
mod damage;
mod kind;
mod lane;
mod spec;

pub use chaos::Chaos;
pub(crate) use chaos::Draws;
pub use kind::{Damage, Delisted, Extent, Fault, Flood, Kind, Target};
pub(crate) use lane::{Lane, Passed, Rule};
