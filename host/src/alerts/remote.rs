//! Alerts as a process without a host has them: read from Redis, and changed by what a host looks at there once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::handle::{AlertError, AlertFilter, PATIENCE, no_alert, no_webhook, worst_first};
use super::rule::Catalog;
use super::shelf::Shelf;
use super::silence::{SilenceView, Silences};
use super::store::{self, Entries, ReadError};
use super::{Alert, AlertState, DeliveryStatus, RuleView, rulebook};
use crate::analysis::Desks;
use crate::history::History;
use crate::monitor::Monitor;
use crate::results::{Link, LinkError, keys};

/// How often Redis is looked at for what a host made of a request.
const AGAIN: Duration = Duration::from_millis(100);

/// Alerts of whatever host there is.
pub struct StoredAlerts {
    pub(super) shelf: Shelf,
}

impl StoredAlerts {
    /// Of this Redis and this history.
    #[must_use]
    pub fn new(link: Arc<Link>, history: Arc<History>) -> Self {
        // The fields that a host of this version publishes.
        let catalog = Catalog::of(&Monitor::default(), &Desks::default());
        Self { shelf: Shelf { link, history, catalog } }
    }

    pub(super) async fn active(&self, filter: &AlertFilter) -> Result<Vec<Alert>, AlertError> {
        let (mut alerts, _) = store::left(&self.shelf.link).await?;
        alerts.retain(|alert| filter.admits(alert));
        worst_first(&mut alerts);
        Ok(alerts)
    }

    pub(super) async fn recent(&self, filter: &AlertFilter, limit: usize) -> Result<Vec<Alert>, AlertError> {
        let (_, mut alerts) = store::left(&self.shelf.link).await?;
        alerts.retain(|alert| filter.admits(alert));
        alerts.truncate(limit);
        Ok(alerts)
    }

    /// Asks the host to note that somebody has seen an alert, and waits until it did.
    pub(super) async fn acknowledge(&self, id: &str, by: &str) -> Result<Alert, AlertError> {
        let find = async || Ok::<_, AlertError>(self.active(&AlertFilter::default()).await?.into_iter().find(|alert| alert.id == id));
        find().await?.ok_or_else(|| no_alert(id))?;
        self.ask(keys::ALERTS_ACKNOWLEDGE, id, by).await?;
        let alert = find().await?.ok_or_else(|| no_alert(id))?;
        if alert.state == AlertState::Acknowledged { Ok(alert) } else { Err(AlertError::NoHost) }
    }

    pub(super) async fn rules(&self) -> Result<Vec<RuleView>, AlertError> {
        Ok(rulebook::assemble(&self.entries(keys::ALERT_RULES).await?, &self.shelf.catalog).1)
    }

    pub(super) async fn silences(&self) -> Result<Vec<SilenceView>, AlertError> {
        Ok(Silences::read(&self.entries(keys::ALERT_SILENCES).await?).views())
    }

    pub(super) async fn webhooks(&self) -> Result<Vec<DeliveryStatus>, AlertError> {
        let entries: BTreeMap<String, String> = self.entries(keys::ALERTS_WEBHOOKS).await?;
        Ok(entries.values().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }

    /// Asks the host to test a webhook, and waits until it has taken that.
    pub(super) async fn test_webhook(&self, name: &str, by: &str) -> Result<(), AlertError> {
        if !self.webhooks().await?.iter().any(|webhook| webhook.name == name) {
            return Err(no_webhook(name));
        }
        self.ask(keys::ALERTS_TEST, name, by).await
    }

    /// Puts a request where a host finds it, and waits until one took it. A request that nobody took is taken back.
    async fn ask(&self, key: &str, field: &str, by: &str) -> Result<(), AlertError> {
        let link = &self.shelf.link;
        store::put(link, key, field, Some(by)).await?;
        let end = Instant::now() + PATIENCE;
        loop {
            sleep(AGAIN).await;
            let (waits,): (bool,) = link.run(redis::pipe().cmd("HEXISTS").arg(key).arg(field)).await?;
            if !waits {
                return Ok(());
            }
            if Instant::now() >= end {
                store::put(link, key, field, None).await?;
                return Err(AlertError::NoHost);
            }
        }
    }

    async fn entries(&self, key: &str) -> Result<Entries, LinkError> {
        match store::read(&self.shelf.link, key).await {
            Ok(entries) => Ok(entries),
            // More than a host would read: it goes by what it read before, which nobody here knows.
            Err(ReadError::TooMany(_)) => Ok(Entries::new()),
            Err(ReadError::Redis(error)) => Err(error),
        }
    }
}
