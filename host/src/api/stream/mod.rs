//! The live stream: one WebSocket, on which a client subscribes to topics.
//!
//! A topic's news are made once for all who have it: the producer asks the source a few times a second, and what is new becomes one
//! text that every client's task sends. A client that is slow finds the newest when it comes back, so nothing ever queues; only topics
//! whose every message matters keep the last few hundred. `docs/api.md` describes the protocol.
//!
//! # Layout
//!
//! - [`protocol`]: what clients say and hear.
//! - [`topic`]: the names of topics, and how often each has news.
//! - [`hub`]: the topics that somebody has, and the newest of each.
//! - [`producer`]: asks the source, and puts what is new into the hub.
//! - [`ladder`]: the best levels of a book, whole or as what changed.
//! - [`client`]: one WebSocket.
//! - [`documents`]: the whole state for a client that asks for no protocol.

pub mod client;
pub mod documents;
pub mod hub;
pub mod ladder;
pub mod producer;
pub mod protocol;
pub mod topic;

pub use hub::Hub;
