//! The plugin host: the only part of the program that knows wasmtime.
//!
//! # Layout
//!
//! - [`engine`]: the engine room; every setting of the runtime, and the clock behind the wall-clock deadline.
//! - [`contract`]: `wit/v1` as host-side types.
//! - [`component`]: a component file, checked, compiled and described: a [`Plugin`].
//! - [`instance`]: one opened analysis in a Store of its own, called under a [`Budget`].
//! - [`answer`]: an answer checked against the plugin's own description.
//! - [`reading`]: the [`Reading`] that leaves this folder, and how its values are written.
//! - [`analyst`]: one plugin on one pair over time, with its waits after a kill.
//! - [`crew`]: the threads, one a plugin, that the lanes hand their books to.
//! - [`ownership`]: who may write which published field.
//! - [`error`]: what can be wrong with a plugin, and why a call gave nothing.

mod analyst;
mod answer;
mod component;
mod contract;
mod crew;
mod engine;
mod error;
mod instance;
mod ownership;
mod reading;

pub use analyst::{Analyst, Call};
pub use component::{LaneKind, Plugin, load_folder};
pub use crew::{BufferedDesk, Crew, MemoryDesk, Sink};
pub use engine::{Budget, Engine};
pub use error::{Fault, PluginError};
pub use ownership::SHARED_FIELDS;
pub use reading::{Notice, Outcome, Reading};
