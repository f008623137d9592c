//! The page, its live stream and the metrics: the only part that knows HTTP.
//!
//! # Layout
//!
//! - [`document`]: the state of the host as one JSON document.
//! - [`metrics`]: what the host knows of itself and of each pair, for Prometheus.
//! - [`server`]: routes, the WebSocket, the page's files.

pub mod document;
pub mod metrics;
pub mod server;
