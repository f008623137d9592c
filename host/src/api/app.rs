//! What the routes need: one value, cheap to clone, that each route gets as its state.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::document::Document;
use super::metrics::Metrics;
use crate::analysis::{Desks, MemoryDesk};
use crate::monitor::Monitor;
use crate::recent::Recent;
use crate::results::Link;

/// What the host hands to its API.
pub struct Parts {
    /// What the host measures.
    pub monitor: Arc<Monitor>,
    /// The memory lane's plugins.
    pub desks: Desks<MemoryDesk>,
    /// Where the frames come from, in words.
    pub feed: String,
    /// A connection to Redis for the API alone: its calls never wait behind the lanes'.
    pub link: Link,
    /// The Set of wanted pairs.
    pub pairs_key: String,
    /// The frames of the last minutes.
    pub recent: Arc<Recent>,
}

/// What the routes need.
#[derive(Clone)]
pub struct App {
    pub(super) monitor: Arc<Monitor>,
    pub(super) desks: Desks<MemoryDesk>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) feed: Arc<str>,
    pub(super) link: Arc<Link>,
    pub(super) pairs_key: Arc<str>,
    pub(super) recent: Arc<Recent>,
    pub(super) stream: watch::Receiver<Arc<str>>,
    pub(super) watchers: Arc<AtomicUsize>,
    pub(super) stop: CancellationToken,
    /// The OpenAPI document as JSON, and as a page.
    pub(super) description: Arc<Description>,
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
    /// The state of the host now.
    #[must_use]
    pub fn document(&self) -> Document {
        Document::now(&self.monitor, &self.desks, &self.feed)
    }
}
