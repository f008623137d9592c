//! Write an analysis plugin for Leadline.
//!
//! # Layout
//!
//! - [`bindings`]: the contract `wit/v1/plugin.wit` as Rust types, generated.
//! - [`analysis`]: the short way to a plugin: an [`Analysis`] with typed parameters, outputs and state, made into a component by [`plugin!`].
//! - [`outputs`]: one declaration of a plugin's outputs gives the struct, its description and the fields of a reading.
//! - [`parameters`]: one declaration of a plugin's parameters gives the struct, its checks and the JSON Schema.
//! - [`plugin`]: the [`Plugin`] trait underneath, and the glue behind [`export!`].
//! - [`depth`]: a book as every analysis needs it: mid, distances in basis points, notional, prefix sums; refuses broken books.
//! - [`fields`]: short ways to write a reading.
//! - [`format`]: prices on the tick grid and numbers with bounded digits, as values and as JSON text.
//! - [`harness`]: runs a plugin natively on books, and checks the properties every analysis keeps; not in WebAssembly.
//! - [`kernels`]: sums, prefix sums and comparisons over columns, unrolled so that interruption checks cost nothing.
//! - [`math`]: exponentials and logarithms with the same bits natively and in WebAssembly.
//! - [`memory`]: the allocator of a component.
//! - `native`: a plugin run natively beside its component, for a comparison; not in WebAssembly.
//! - [`synthetic`]: seeded books that look like real ones, for tests; not in WebAssembly.
//! - [`windows`]: rolling windows over exchange time: the 1 s grid, medians, bands, change detection, trend.
//!
//! The types work natively as well as in WebAssembly, so an algorithm is tested with plain `cargo test`.

// What the macros write names this crate as a plugin does.
extern crate self as leadline_plugin;

pub mod analysis;
pub mod bindings;
pub mod depth;
pub mod fields;
pub mod format;
#[cfg(not(target_arch = "wasm32"))]
pub mod harness;
pub mod kernels;
pub mod math;
pub mod memory;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
pub mod outputs;
pub mod parameters;
pub mod plugin;
#[cfg(not(target_arch = "wasm32"))]
pub mod synthetic;
pub mod windows;

pub use analysis::{Analysis, Analyzed, Answer, Book, Named, NoParameters};
pub use bindings::exports::leadline::plugin::analysis::{Descriptor, Lane, Output, OutputKind};
pub use bindings::leadline::plugin::book::{Continuity, Instrument, Kind, Side, Snapshot, Trust};
pub use bindings::leadline::plugin::report::{Notice, Outcome, Reading, Reason, Severity};
pub use bindings::leadline::plugin::types::{Field, Value};
pub use depth::{Depth, DepthSide};
pub use format::TickGrid;
pub use outputs::{Json, Outputs};
pub use parameters::Parameters;
pub use plugin::{Level, Plugin, log};

// What the macros of this crate write into the plugin's crate.
#[doc(hidden)]
pub use {serde, serde_json};
