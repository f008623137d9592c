//! The page and its live stream: the only part that knows HTTP.
//!
//! # Layout
//!
//! - [`document`]: the state of the host as one JSON document.
//! - [`server`]: routes, the WebSocket, the page's files.

pub mod document;
pub mod server;
