//! The plugin host: the only part of the program that knows wasmtime.
//!
//! # Layout
//!
//! - [`engine`]: the engine room; every setting of the runtime, and what fuel is worth on this machine.
//! - [`watchdog`]: the thread behind the wall-clock deadline.
//! - [`limits`]: what one plugin may use: a [`Budget`].
//! - [`cache`]: compiled components kept for the next start, in a private folder.
//! - [`trusted`]: the one unsafe call: running what the cache has checked.
//! - [`contract`]: `wit/v1` as host-side types.
//! - [`component`]: a component file, checked, compiled and described: a [`Plugin`].
//! - [`instance`]: one opened analysis in a Store of its own, called under a [`Budget`].
//! - [`answer`]: an answer checked against the plugin's own description.
//! - [`reading`]: the [`Reading`] that leaves this folder, and how its values are written.
//! - [`analyst`]: one plugin on one pair over time: waits after a kill, quarantine after many, a fresh instance for a worn one.
//! - [`health`]: calls, faults, kills and costs of a plugin: a [`PluginHealth`].
//! - [`crew`]: the threads, one a plugin, that the lanes hand their books to.
//! - [`seats`]: the analysts of one plugin by pair, and how another version takes over between two books.
//! - [`saved`]: what a plugin has gathered on a pair, on its way into a checkpoint and out of it.
//! - [`recents`]: the last books of each pair, which a new version is tried and warmed up on.
//! - [`successor`]: an analyst that is to take a seat, and runs beside the one at work until it has seen the same books.
//! - [`shadow`]: a candidate beside the live version on the same books, and how alike they are.
//! - [`keeper`]: the folder of plugins while the host runs: files that come, change and go, and commands.
//! - [`phase`]: the phases on the way of a file to the books.
//! - [`world`]: a component before it is compiled: whole, and with the imports and exports of a plugin.
//! - [`schema`]: parameters held against a plugin's JSON Schema.
//! - [`logs`]: the newest log lines of a plugin.
//! - [`sheet`]: `plugins.toml`: which plugins are at work, with which parameters and limits.
//! - [`ownership`]: who may write which published field.
//! - [`error`]: what can be wrong with a plugin, and why a call gave nothing.

mod analyst;
mod answer;
mod cache;
mod component;
mod contract;
mod crew;
mod engine;
mod error;
mod health;
mod instance;
mod keeper;
mod limits;
mod logs;
mod ownership;
mod phase;
mod reading;
mod recents;
mod saved;
mod schema;
mod seats;
mod shadow;
mod sheet;
mod successor;
mod trusted;
mod watchdog;
mod world;

pub use analyst::{Analyst, Call, Patience};
pub use component::{Described, LaneKind, Plugin, load_folder, load_folder_by};
pub use contract::exports::leadline::plugin::analysis::OutputKind;
pub(crate) use contract::leadline::plugin::{report, types::ValueResult as Value};
pub use crew::{BufferedDesk, Crew, Desks, MemoryDesk, Sink};
pub use engine::Engine;
pub use error::{Fault, PluginError};
pub use health::{Costs, FaultCounts, HealthState, PairHealth, PluginHealth, Tally};
pub(crate) use instance::RawReading;
pub use keeper::control::{Command, Control, ControlError, Done, TOLERANCE};
pub use keeper::shown::{AtWork, OutputState, PairState, PluginState};
pub use keeper::{Keeper, KeptVersion, Probation, Told, Watch};
pub use limits::Budget;
pub use logs::LogLine;
pub use ownership::SHARED_FIELDS;
pub(crate) use ownership::is_shared;
pub use phase::Phase;
pub use reading::{Cost, Notice, Outcome, Reading, Reason};
pub(crate) use recents::BOOKS as RECENT_BOOKS;
pub use saved::SavedState;
pub use schema::Parameters;
pub use shadow::report::ShadowReport;
pub use shadow::rule::{NoRule, Rule};
pub use sheet::Sheet;
