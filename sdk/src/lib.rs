//! Write an analysis plugin for Leadline.
//!
//! # Layout
//!
//! - [`bindings`]: the contract `wit/v1/plugin.wit` as Rust types, generated.
//! - [`plugin`]: the [`Plugin`] trait that an author implements, and the glue behind [`export!`].
//! - [`depth`]: a book as every analysis needs it: mid, distances in basis points, notional, prefix sums; refuses broken books.
//! - [`fields`]: short ways to write a reading.
//! - [`format`]: prices on the tick grid and numbers with bounded digits, as values and as JSON text.
//! - [`harness`]: runs a plugin natively on books, and checks the properties every analysis keeps; not in WebAssembly.
//! - [`kernels`]: sums, prefix sums and comparisons over columns, unrolled so that interruption checks cost nothing.
//! - [`math`]: exponentials and logarithms with the same bits natively and in WebAssembly.
//! - [`parameters`]: one declaration of a plugin's parameters gives the struct, its checks and the JSON Schema.
//! - [`synthetic`]: seeded books that look like real ones, for tests; not in WebAssembly.
//! - [`windows`]: rolling windows over exchange time: the 1 s grid, medians, bands, change detection, trend.
//!
//! The types work natively as well as in WebAssembly, so an algorithm is tested with plain `cargo test`.

pub mod bindings;
pub mod depth;
pub mod fields;
pub mod format;
#[cfg(not(target_arch = "wasm32"))]
pub mod harness;
pub mod kernels;
pub mod math;
pub mod parameters;
pub mod plugin;
#[cfg(not(target_arch = "wasm32"))]
pub mod synthetic;
pub mod windows;

pub use bindings::exports::leadline::plugin::analysis::{Descriptor, Lane, Output, OutputKind};
pub use bindings::leadline::plugin::book::{Continuity, Instrument, Kind, Side, Snapshot, Trust};
pub use bindings::leadline::plugin::report::{Notice, Outcome, Reading, Reason, Severity};
pub use bindings::leadline::plugin::types::{Field, Value};
pub use depth::{Depth, DepthSide};
pub use format::TickGrid;
pub use parameters::Parameters;
pub use plugin::{Level, Plugin, log};

// What the macros of this crate write into the plugin's crate.
#[doc(hidden)]
pub use {serde, serde_json};
