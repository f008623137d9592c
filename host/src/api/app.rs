//! What the routes need: one value, cheap to clone, that each route gets as its state.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::security::Tokens;
use super::source::{Live, Source};
use super::stored::Stored;
use super::stream::Hub;
use crate::results::Link;

/// What the program hands to its API.
pub struct Parts {
    /// The host; none: an API without a feed.
    pub live: Option<Live>,
    /// A connection to Redis for the API alone: its calls never wait behind the lanes'.
    pub link: Link,
    /// The Set of wanted pairs.
    pub pairs_key: String,
}

/// What the routes need.
#[derive(Clone)]
pub struct App {
    /// Where live values come from.
    pub source: Arc<Source>,
    /// What stands in Redis.
    pub stored: Stored,
    /// The live stream.
    pub hub: Arc<Hub>,
    /// Who has a token.
    pub tokens: Arc<Tokens>,
    /// For Prometheus.
    pub metrics: Arc<Metrics>,
    /// The OpenAPI document as JSON, and as a page.
    pub description: Arc<Description>,
    /// Cancelled when the program stops.
    pub stop: CancellationToken,
}

/// The OpenAPI document, written once.
#[derive(Debug, Default)]
pub struct Description {
    /// As JSON.
    pub json: String,
    /// As a page.
    pub html: String,
}
