//! Settings: one table, read from flags, the environment and a file, in that order of precedence.
//!
//! # Layout
//!
//! - [`table`]: each setting's name, default and meaning, once.
//! - [`source`]: where a value comes from, and the errors that name it.
//! - [`settings`]: the values, typed and checked, as the program reads them.

pub mod settings;
pub mod source;
pub mod table;

pub use settings::Settings;
pub use source::{ConfigError, Sources};
pub use table::{SETTINGS, Setting};
