//! What the benches share: frames, books and components, made the same way on every machine.
//!
//! # Layout
//!
//! - [`market`]: frames of the generated market, and the books they make.
//! - [`typical`]: a fixed sequence of frames like recorded ones, apart from the simulator.
//! - [`recorded`]: recorded frames, where there are recordings, in today's form.
//! - [`walk`]: books without end whose exchange time goes on, from a bounded number of them.
//! - [`live`]: books offered to plugin threads as a busy market does, and what became of each.
//! - [`native`]: books and instruments as a plugin compiled natively is given them.
//! - [`components`]: the plugins as components, behind the same door as in the host.
//! - [`empty`]: the smallest component that keeps the contract, to measure what a call costs before any analysis.
//! - [`interleaved`]: two ways of doing the same, timed in turn, so that their ratio survives a busy machine.
//!
//! The benches are `benches/*.rs`, one idea each; `bin/swaps.rs` and `bin/kills.rs` measure what happens while plugins are exchanged and stopped; `peers/` compares the whole program with other stacks.

pub mod components;
pub mod empty;
pub mod interleaved;
pub mod live;
pub mod market;
pub mod native;
pub mod recorded;
pub mod typical;
pub mod walk;
