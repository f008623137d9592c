//! An exchange on loopback that speaks OKX v5: it plays recordings or makes a market of its own.
//!
//! The WebSocket answers on every path (OKX's is `/ws/v5/public`), the public REST calls that the host needs on the same
//! port. Nothing of the host or of its book code is used to make frames, so that the one checks the other.
//!
//! # Layout
//!
//! - `options`: what to serve, and how fast.
//! - `error`: what can go wrong, and what to do about it.
//! - `market`: the generated market, pure and seeded.
//! - `source`: where frames come from: the generated market under way, or recordings played back.
//! - `fault`: what can be made to go wrong, and how it is written.
//! - `control`: faults brought about while it serves: by the program, by HTTP, by a schedule.
//! - `truth`: what each book was after each sequence number.
//! - `server`: sessions over WebSocket, the REST calls, start and stop.
//!
//! ```no_run
//! # async fn example() -> Result<(), leadline_simulator::SimulatorError> {
//! use leadline_simulator::{Options, listen, serve};
//!
//! let listener = listen("127.0.0.1:8701").await?;
//! serve(listener, Options::default(), std::future::pending()).await
//! # }
//! ```

mod control;
mod error;
mod fault;
pub mod market;
mod options;
mod server;
mod source;
mod truth;

pub use control::{Connection, Control, Injected};
pub use error::SimulatorError;
pub use fault::{Chaos, Damage, Delisted, Extent, Fault, Flood, Kind, Target};
pub use market::Shape;
pub use options::{DEFAULT_START_MS, Generated, Limits, MAX_PAIRS, Options, Pace, Rate, Recorded, Served};
pub use server::{listen, serve};
pub use source::{Frames, frames, write_recording};
pub use truth::digest;
