//! Alerts: what somebody should know of, told once, until it is over.
//!
//! # Layout
//!
//! - [`alert`]: one alert, as it is stored, sent and shown.

pub mod alert;

pub use alert::{Alert, AlertState, Severity, Source};
