//! The state of the host as one JSON document: everything that an overview shows.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::source::{Live, feeds};
use super::stored::Stored;
use super::views::{Feed, ReadingView, Readings};
use crate::clock::{parse_rfc3339, rfc3339, unix_ms};
use crate::monitor::publish;
use crate::results::LinkError;

/// Everything that an overview shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct Document {
    /// Always `leadline`.
    pub program: &'static str,
    /// The version of the process that answers.
    pub version: &'static str,
    /// Wall-clock time, RFC 3339.
    pub time: String,
    /// Where the frames come from, in words.
    pub feed: String,
    /// The fields of `system:monitoring`.
    pub monitoring: BTreeMap<String, String>,
    /// Wanted pairs over the limit.
    pub pairs_left_out: Vec<String>,
    /// Members of the Set of wanted pairs that are no instrument's name.
    pub pairs_refused: Vec<String>,
    /// The pairs, by id.
    pub pairs: Vec<Pair>,
}

/// One pair.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pair {
    /// How its feed stands.
    #[serde(flatten)]
    feed: Feed,
    /// Its newest readings, by plugin.
    readings: BTreeMap<String, AgedReading>,
}

/// A reading, and how old it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgedReading {
    /// The reading.
    #[serde(flatten)]
    reading: ReadingView,
    /// Since the frame behind it reached the host, milliseconds, when this was made.
    age_ms: Option<u64>,
}

impl Document {
    /// The state of this host now.
    #[must_use]
    pub fn now(live: &Live) -> Self {
        let not_run = live.monitor.not_run();
        let readings = live.monitor.board.pairs().iter().map(|cell| Readings::of(cell)).collect();
        let monitoring = publish::fields(&live.monitor, &live.desks).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self::of(live.feed.to_string(), monitoring, not_run, feeds(live), readings)
    }

    /// The state as hosts last wrote it.
    ///
    /// # Errors
    /// [`LinkError`].
    pub async fn stored(stored: &Stored) -> Result<Self, LinkError> {
        let (monitoring, not_run) = (stored.monitoring().await?, stored.not_run().await?);
        let feed = monitoring.get("feed").cloned().unwrap_or_else(|| "Redis".to_owned());
        Ok(Self::of(feed, monitoring, not_run, stored.feeds().await?, stored.all_readings().await?))
    }

    fn of(
        feed: String,
        monitoring: BTreeMap<String, String>,
        not_run: crate::monitor::NotRun,
        feeds: Vec<Feed>,
        readings: Vec<Readings>,
    ) -> Self {
        let now_ms = unix_ms();
        let mut readings: BTreeMap<String, BTreeMap<String, ReadingView>> =
            readings.into_iter().map(|of| (of.instrument_id, of.readings)).collect();
        let aged = |reading: ReadingView| {
            let made_ms = reading.time.as_deref().and_then(parse_rfc3339);
            AgedReading { age_ms: made_ms.map(|ms| now_ms.saturating_sub(ms)), reading }
        };
        let pair = |feed: Feed| {
            let readings = readings.remove(&feed.instrument_id).unwrap_or_default();
            Pair { feed, readings: readings.into_iter().map(|(plugin, reading)| (plugin, aged(reading))).collect() }
        };
        Self {
            program: "leadline",
            version: env!("CARGO_PKG_VERSION"),
            time: rfc3339(now_ms),
            feed,
            monitoring,
            pairs_left_out: not_run.left_out,
            pairs_refused: not_run.refused,
            pairs: feeds.into_iter().map(pair).collect(),
        }
    }
}
