//! Leadline's host: live OKX order books, analysed by WebAssembly components, readings in Redis.
//!
//! One direction: [`okx`] receives frames and keeps verified books, [`lanes`] hand them to the plugins of [`analysis`], and
//! [`results`] writes what they found. Nothing calls back.
//!
//! # Layout
//!
//! - [`okx`]: connections to the exchange, and the instruments it lists.
//! - [`pairs`]: which pairs are wanted, and the state each is in.
//! - [`lanes`]: the way of a book to the plugins: newest wins, or in order through a Redis List.
//! - [`analysis`]: the plugin host; the only part that knows wasmtime.
//! - [`alerts`]: what somebody should know of, told once, until it is over.
//! - [`results`]: Redis Hashes, their names and how they are written.
//! - [`history`]: what is kept, in SQLite files or in InfluxDB; the only part that knows them.
//! - [`monitor`]: what the host knows of itself: counters, latencies, `system:monitoring`.
//! - [`api`]: the page, the API and its live stream; the only HTTP server.
//! - [`backup`]: pairs, rules, plugins and history in one file, and back.
//! - [`mod@host`]: all of it put together, started and stopped in order.
//! - [`recent`]: the exchange's frames of the last minutes, for whoever asks what just happened.
//! - [`http`]: HTTP clients: of the exchange, of InfluxDB, of webhooks, of another host.
//! - [`tls`]: the cryptography behind TLS.
//! - [`report`]: HTML reports with charts, each one file that loads nothing.
//! - [`config`]: the settings: one table, read from flags, the environment and a file.
//! - [`cli`]: the commands.
//! - [`clock`]: durations and times of day.
//! - [`mod@quiet`]: work beside the hot threads, at a low priority.
//! - [`logging`]: the log on standard error.

pub mod alerts;
pub mod analysis;
pub mod api;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod history;
pub mod host;
mod http;
pub mod lanes;
pub mod logging;
pub mod monitor;
pub mod okx;
pub mod pairs;
mod quiet;
pub mod recent;
pub mod report;
pub mod results;
mod tls;
