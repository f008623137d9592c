//! Where live values come from: this host's memory, or, for an API without a feed, what hosts write into Redis.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::bells::Bells;
use super::document::Document;
use super::stored::Stored;
use super::stream::topic::Topic;
use super::views::{Feed, Readings};
use crate::alerts::{Alert, AlertFilter, Alerts};
use crate::analysis::{Desks, MemoryDesk};
use crate::monitor::look::TopBook;
use crate::monitor::{Monitor, NotRun, StageTimes, publish};
use crate::results::LinkError;

/// Steps of alerts that the topic holds beside those that are on.
const RECENT_ALERTS: usize = 100;

/// A running host, as its API sees it.
#[derive(Clone)]
pub struct Live {
    /// What the host measures.
    pub monitor: Arc<Monitor>,
    /// The memory lane's plugins.
    pub desks: Desks<MemoryDesk>,
    /// Where the frames come from, in words.
    pub feed: Arc<str>,
}

/// Where live values come from.
pub struct Source {
    stored: Stored,
    /// None: an API without a feed.
    live: Option<Live>,
    /// The host's alerts, where there is one in this process.
    alerts: Option<Alerts>,
    /// Which pairs have something new in Redis.
    bells: Arc<Bells>,
    /// Pairs whose books are looked at.
    looked_at: Mutex<BTreeSet<Arc<str>>>,
}

impl Source {
    /// Of a host, or of Redis alone.
    #[must_use]
    pub fn new(stored: Stored, live: Option<Live>, alerts: Option<Alerts>) -> Self {
        Self { stored, live, alerts, bells: Arc::default(), looked_at: Mutex::default() }
    }

    /// What stands in Redis.
    #[must_use]
    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// The host, where there is one in this process.
    #[must_use]
    pub fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    /// Whether asking for a topic costs nothing but a look into memory.
    #[must_use]
    pub fn is_near(&self, topic: &Topic) -> bool {
        self.live.is_some() && !matches!(topic, Topic::Alerts | Topic::Plugins | Topic::Book(..))
    }

    /// How long a topic need not be asked for unless its bell rings: nothing where a look is cheap or no bell is heard.
    #[must_use]
    pub fn patience(&self, topic: &Topic) -> Duration {
        let rings = matches!(topic, Topic::Readings(_)) && self.live.is_none() && self.bells.hears();
        if rings { Duration::from_secs(1) } else { Duration::ZERO }
    }

    /// Whether the bell of a topic rang.
    #[must_use]
    pub fn rang(&self, topic: &Topic) -> bool {
        matches!(topic, Topic::Readings(pair) if self.bells.take(pair))
    }

    /// Listens to what Redis tells until `stop`; a host in this process needs no telling.
    pub async fn listen(self: Arc<Self>, stop: CancellationToken) {
        if self.live.is_none() {
            Arc::clone(&self.bells).listen(Arc::clone(self.stored.link()), stop).await;
        }
    }

    /// What is left out of the wanted pairs.
    ///
    /// # Errors
    /// [`LinkError`], where only Redis knows.
    pub async fn not_run(&self) -> Result<NotRun, LinkError> {
        match &self.live {
            Some(live) => Ok(live.monitor.not_run()),
            None => self.stored.not_run().await,
        }
    }

    /// The whole state.
    ///
    /// # Errors
    /// [`LinkError`], where only Redis knows.
    pub async fn document(&self) -> Result<Document, LinkError> {
        match &self.live {
            Some(live) => Ok(Document::now(live)),
            None => Document::stored(&self.stored).await,
        }
    }

    /// The data of a topic now, as JSON; none: there are none, or Redis is away.
    pub async fn topic(&self, topic: &Topic) -> Option<String> {
        match topic {
            Topic::Readings(pair) => json(&match &self.live {
                Some(live) => Readings::of(&*live.monitor.board.get(pair)?),
                None => self.stored.readings(pair).await.ok()??,
            }),
            Topic::Feed => json(&match &self.live {
                Some(live) => Feeds { pairs: feeds(live) },
                None => Feeds { pairs: self.stored.feeds().await.ok()? },
            }),
            Topic::Alerts => json(&AlertNews { alerts: self.newest_alerts().await.ok()? }),
            Topic::Plugins => json(&Plugins { plugins: self.stored.plugins().await.ok()? }),
            Topic::System => json(&System { monitoring: self.monitoring().await.ok()? }),
            Topic::State => json(&self.document().await.ok()?),
            Topic::Book(..) => None,
        }
    }

    /// What was told lately, oldest first, then the alerts that are on: a later one of an id stands for the earlier ones.
    async fn newest_alerts(&self) -> Result<Vec<Alert>, LinkError> {
        let all = AlertFilter::default();
        let (mut recent, active) = match &self.alerts {
            Some(alerts) => (alerts.recent(&all, RECENT_ALERTS), alerts.active(&all)),
            None => self.stored.alerts(RECENT_ALERTS).await?,
        };
        recent.reverse();
        recent.extend(active);
        Ok(recent)
    }

    /// The fields of `system:monitoring` now.
    ///
    /// # Errors
    /// [`LinkError`], where only Redis knows.
    pub async fn monitoring(&self) -> Result<BTreeMap<String, String>, LinkError> {
        match &self.live {
            Some(live) => {
                Ok(publish::fields(&live.monitor, &live.desks).into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }
            None => self.stored.monitoring().await,
        }
    }

    /// How long frames took to each stage of their way; empty: no host runs.
    ///
    /// # Errors
    /// [`LinkError`], where only Redis knows.
    pub async fn stages(&self) -> Result<Vec<StageTimes>, LinkError> {
        match &self.live {
            Some(live) => Ok(live.monitor.stages.each().map(StageTimes::of).into()),
            None => self.stored.stages().await,
        }
    }

    /// Says which books are looked at, with how many levels a side; those of before that aren't any more are let go.
    pub fn look<'a>(&self, wanted: impl Iterator<Item = (&'a Arc<str>, usize)>) {
        let Some(live) = &self.live else { return };
        let mut levels: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for (pair, of) in wanted {
            let most = levels.entry(pair).or_default();
            *most = (*most).max(of);
        }
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        looked_at.retain(|pair| {
            let still = levels.contains_key(pair);
            if !still && let Some(cell) = live.monitor.board.get(pair) {
                cell.look.ask(0);
            }
            still
        });
        for (pair, levels) in levels {
            if let Some(cell) = live.monitor.board.get(pair) {
                cell.look.ask(levels);
                looked_at.insert(Arc::clone(pair));
            }
        }
    }

    /// The best levels of a pair's book: as they are now where this host keeps it, else as they were last written.
    pub async fn top_book(&self, pair: &Arc<str>) -> Option<Arc<TopBook>> {
        let shown = self.live.as_ref().and_then(|live| live.monitor.board.get(pair)).and_then(|cell| cell.look.newest());
        match shown {
            Some(book) => Some(book),
            None => self.stored.book(pair).await.ok()?.map(Arc::new),
        }
    }
}

/// The pairs of a host, by id.
#[must_use]
pub fn feeds(live: &Live) -> Vec<Feed> {
    let clock = live.monitor.exchange_clock();
    live.monitor.board.pairs().iter().map(|cell| Feed::of(cell, clock)).collect()
}

#[derive(Serialize)]
struct Feeds {
    pairs: Vec<Feed>,
}

#[derive(Serialize)]
struct AlertNews {
    alerts: Vec<Alert>,
}

#[derive(Serialize)]
struct Plugins {
    plugins: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Serialize)]
struct System {
    monitoring: BTreeMap<String, String>,
}

fn json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}
