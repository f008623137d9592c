//! The program as a user meets it: real Redis, real WebSockets, components built from source.
//!
//! One program of all modules, since every test program that is linked with the component runtime costs many seconds; what is asked of
//! one area alone is `cargo test --test it -- NAME::`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "test code")]

/// REST and the stream: routes, roles, refusals, topics.
mod api;
/// The API of a process without a feed.
mod api_alone;
/// One test for each way in which other programs have lost this exchange's books.
mod broke_others;
/// The machine's clock set to another time.
mod clock;
/// Command lines and configuration, right and wrong.
mod commands;
/// Plugins enabled, shadowed, promoted and dropped while they run.
mod control;
/// Killed at any moment, nothing lost and nothing told twice (`make crash`).
mod crash;
/// `leadline demo`, and the pages of the documentation that it stands for.
mod demo;
/// From the exchange's frames to the books.
mod feed;
/// History in both homes, and backups.
mod history;
/// The buffered lane over a real List.
mod lane;
/// Connections to the exchange: pace, take-over, close codes.
mod lines;
/// `/metrics`, `system:monitoring` and the API agree.
mod metrics;
/// Alerts, events, readiness, `leadline check`.
mod operations;
/// The Set of pairs: added, removed, refused.
mod pairs;
/// What authors of plugins use: `leadline plugin …`, `evaluate`, the guide's commands.
mod plugin_tools;
/// The plugin host: imports, limits, misdeeds.
mod plugins;
/// What every analysis keeps, as a component.
mod properties;
/// Through SOCKS and HTTP proxies.
mod proxies;
/// `leadline record`.
mod record;
/// Recorded frames through the whole program.
mod recordings;
/// Redis gone, come back, protected, full.
mod redis;
/// Plugins exchanged under load.
mod reload;
/// Faults without end (`make soak`).
mod soak;
/// What tests start.
mod support;
/// Components that do what they must not.
mod zoo;
