//! The exchange: connections, subscriptions, verified books, and the instruments it lists.
//!
//! # Layout
//!
//! From the inside out:
//! - [`feed`]: one pair's book and state, whatever connection its frames come by; [`outlet`]: where its books go.
//! - [`join`]: two streams of one pair joined by sequence number, and compared.
//! - [`subscription`]: where one pair stands on one connection.
//! - [`connection`]: one open connection: requests within their budget, pings.
//! - [`member`]: one pair on a line: its subscriptions, and which of them it goes by.
//! - [`line`]: pairs that share a connection: made, watched, replaced without a gap, made again.
//! - [`lines`]: which pair shares a connection with which.
//!
//! Around them:
//! - [`dial`]: a connection made; [`proxy`]: through what; [`endpoint`]: to where.
//! - [`budget`]: what the exchange allows in a time; [`pace`]: all times and limits; [`backoff`]: waits that grow.
//! - [`closing`]: close codes in words.
//! - [`rest`]: instruments and the exchange's clock, asked of the REST interface.

pub mod backoff;
pub mod budget;
pub mod closing;
mod connection;
pub mod dial;
pub mod endpoint;
pub mod feed;
mod join;
pub mod line;
pub mod lines;
mod member;
pub mod outlet;
pub mod pace;
pub mod proxy;
pub mod rest;
mod subscription;

pub use endpoint::Endpoint;
pub use feed::PairFeed;
pub use lines::{Lines, Seat};
pub use outlet::{Change, Outlet};
pub use pace::Pace;
pub use proxy::{Proxies, ProxyError};
pub use rest::{Rest, RestError};
