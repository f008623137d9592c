//! What the routes need: one value, cheap to clone, that each route gets as its state.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::ApiError;
use super::instruments::Listings;
use super::metrics::Metrics;
use super::security::Tokens;
use super::source::{Live, Source};
use super::stored::Stored;
use super::stream::Hub;
use crate::alerts::{AlertDesk, Alerts};
use crate::analysis::Control;
use crate::history::History;
use crate::okx::Rest;
use crate::results::Link;

/// What the program hands to its API.
pub struct Parts {
    /// The host; none: an API without a feed.
    pub live: Option<Live>,
    /// What is at work there, to be seen and changed.
    pub plugins: Option<Control>,
    /// A connection to Redis for the API alone: its calls never wait behind the lanes'.
    pub link: Link,
    /// The Set of wanted pairs.
    pub pairs_key: String,
    /// What the exchange lists.
    pub rest: Rest,
    /// The host's alerts; none: this process runs no host.
    pub alerts: Option<Alerts>,
    /// What is kept, or questions to it.
    pub history: Arc<History>,
}

/// What the routes need.
#[derive(Clone)]
pub struct App {
    /// Where live values come from.
    pub source: Arc<Source>,
    /// What stands in Redis.
    pub stored: Stored,
    /// What the exchange lists.
    pub listings: Arc<Listings>,
    /// The live stream.
    pub hub: Arc<Hub>,
    /// Who has a token.
    pub tokens: Arc<Tokens>,
    /// What is at work, to be seen and changed; none: an API without a feed.
    pub plugins: Option<Control>,
    /// For Prometheus.
    pub metrics: Arc<Metrics>,
    /// Alerts, of the host in this process or of Redis.
    pub alerts: AlertDesk,
    /// What is kept, or questions to it.
    pub history: Arc<History>,
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

impl App {
    /// What is at work.
    ///
    /// # Errors
    /// 503 where no plugins run.
    pub fn plugins(&self) -> Result<&Control, ApiError> {
        let hint = "ask the API of the process that has the feed, or name it here: API_HOST_URL";
        self.plugins.as_ref().ok_or_else(|| ApiError::unavailable("no_plugins", "no plugins run in this process", hint))
    }
}
