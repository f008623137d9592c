//! Settings: one table, read from flags, the environment and a file, in that order of precedence.
//!
//! # Layout
//!
//! - [`table`]: each setting's name, default and meaning, once.
//! - [`source`]: where a value comes from, and the errors that name it.
//! - `value`: one value, checked, and its refusal.
//! - `read`: all of them, group by group.
//! - [`settings`]: what comes of it, as the program uses it.

mod read;
pub mod settings;
pub mod source;
pub mod table;
mod value;

pub use settings::Settings;
pub use source::{ConfigError, Sources};
pub use table::{SETTINGS, Setting};
