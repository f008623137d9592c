//! The API, the page and the metrics: the only part that knows HTTP.
//!
//! A request passes [`security`], then a route answers. To add a route: a handler with `#[utoipa::path]` in the file of its subject,
//! its name in that file's `routes()`; a new file is merged in [`router`]. Everything else follows from the description: the role it
//! needs, the size of its body, the document, the test over all routes.
//!
//! # Layout
//!
//! - [`server`]: the port: taken first, served until the host stops.
//! - [`listener`]: connections: so many at once, and none that says nothing for long.
//! - [`app`]: what the routes need.
//! - [`router`]: all routes in one place, with what stands before each of them.
//! - [`security`]: who may do what.
//! - [`forward`]: what only a host can answer, asked of it by a process without a feed.
//! - [`revalidate`]: conditional GET: what a client has already is not sent again.
//! - [`error`]: the one form of every error.
//! - [`extract`]: what a request brings, read into types.
//! - [`openapi`]: the OpenAPI document, completed and served.
//! - [`page`]: the same as a page without scripts.
//! - [`source`]: where live values come from: this host's memory, or Redis.
//! - [`bells`]: which pairs have something new in Redis.
//! - [`stored`]: what hosts have written into Redis.
//! - [`views`]: what is shown of feeds and readings, in one shape from either.
//! - [`document`]: the state of the host as one JSON document.
//! - [`stream`]: the live WebSocket.
//! - [`metrics`]: what the host knows of itself and of each pair, for Prometheus.
//! - [`own_metrics`]: what the API knows of itself.
//! - [`alerts`]: routes of alerts, rules, silences and webhooks.
//! - [`pairs`]: routes of the wanted pairs.
//! - [`instruments`]: the route of what the exchange lists.
//! - [`history`]: routes of what was kept.
//! - [`export`]: a span of history as a file.
//! - [`plugins`]: routes of the plugins at work.
//! - [`recent`]: the frames of the last minutes, for `leadline record --last`.
//! - [`books`]: routes of feeds, books and readings.
//! - [`heat`]: what stood in a pair's book over the last minutes.
//! - [`system`]: routes about the host itself.

mod alerts;
pub mod app;
pub mod bells;
mod books;
pub mod document;
pub mod error;
mod export;
pub mod extract;
mod forward;
mod heat;
mod history;
pub mod instruments;
mod listener;
pub mod metrics;
mod openapi;
pub mod own_metrics;
mod page;
mod pairs;
mod plugins;
mod recent;
mod revalidate;
pub mod router;
pub mod security;
pub mod server;
pub mod source;
pub mod stored;
pub mod stream;
mod system;
pub mod views;
