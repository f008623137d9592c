//! The alerts of a host, put together: [`Alerts`], and the tasks behind them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::delivery::{self, Delivery, Pace};
use super::keeping::Seen;
use super::ledger::Ledger;
use super::noticing::Noticing;
use super::rule::Catalog;
use super::shelf::Shelf;
use super::silence::Silences;
use super::store::{Entries, Outbox};
use super::telling::of_webhook;
use super::webhook::Webhook;
use super::{DeliveryStatus, RuleView};
use crate::history::History;
use crate::monitor::{Monitor, Observer};
use crate::okx::Proxies;
use crate::results::Link;

/// What `system:monitoring` says of alerts.
pub(super) const ALERT_FIGURES: [&str; 4] = ["alerts_active", "alerts_fired", "alerts_dropped", "alert_webhooks_failing"];

/// The alerts of a host; cheap to clone.
#[derive(Clone)]
pub struct Alerts(pub(super) Arc<Inner>);

pub(super) struct Inner {
    /// Told by the monitor what happens.
    pub(super) noticing: Arc<Noticing>,
    ledger: Mutex<Ledger>,
    pub(super) rules: Mutex<Vec<RuleView>>,
    pub(super) silences: RwLock<Silences>,
    /// Ids of active alerts that webhooks were told of.
    pub(super) sent: Mutex<HashSet<String>>,
    pub(super) deliveries: Vec<Arc<Delivery>>,
    pub(super) outbox: Outbox,
    /// Rules and silences where they stand.
    pub(super) shelf: Shelf,
    /// Rings when Redis should be looked at.
    pub(super) look: Notify,
    /// How the webhooks did when that was last written.
    pub(super) webhooks_told: Mutex<Option<Vec<DeliveryStatus>>>,
    pub(super) monitor: Arc<Monitor>,
    pub(super) began: Instant,
}

/// The tasks behind alerts.
pub struct AlertTasks {
    telling: JoinHandle<()>,
    keeping: JoinHandle<()>,
    delivering: Vec<JoinHandle<()>>,
    stops: [CancellationToken; 2],
}

/// What alerts are started with.
pub struct AlertParts {
    /// The host's name.
    pub host: Arc<str>,
    /// Pairs, plugins, observers.
    pub monitor: Arc<Monitor>,
    /// Two connections to Redis: one for the task, one for whoever changes something.
    pub links: [Link; 2],
    /// What previews look at.
    pub history: Arc<History>,
    /// Whom to tell.
    pub webhooks: Vec<Webhook>,
    /// How webhooks are reached.
    pub proxies: Arc<Proxies>,
    /// How long to wait between tries.
    pub pace: Pace,
    /// The fields that rules may watch.
    pub catalog: Catalog,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can panic half way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Alerts {
    /// Reads rules, silences and what an earlier run left, and starts to tell.
    ///
    /// # Errors
    /// When no TLS can be set up for the webhooks.
    pub async fn start(parts: AlertParts) -> Result<(Self, AlertTasks), reqwest::Error> {
        let AlertParts { host, monitor, links: [link, other], history, webhooks, proxies, pace, catalog } = parts;
        let (noticing, news) = Noticing::new();
        let client = delivery::client(proxies)?;
        let inner = Inner {
            noticing: Arc::new(noticing),
            ledger: Mutex::new(Ledger::new(host)),
            rules: Mutex::default(),
            silences: RwLock::default(),
            sent: Mutex::default(),
            deliveries: webhooks.into_iter().map(|webhook| Delivery::new(webhook, client.clone(), pace)).collect(),
            outbox: Outbox::default(),
            shelf: Shelf { link: Arc::new(other), history, catalog },
            look: Notify::new(),
            webhooks_told: Mutex::default(),
            monitor,
            began: Instant::now(),
        };
        let alerts = Self(Arc::new(inner));
        let mut seen = Seen::default();
        alerts.look(&link, &mut seen).await;
        if seen.rules.is_none() {
            // They can't be read: the host's own are at work all the same.
            alerts.set_rules(&Entries::new());
        }
        alerts.restore(&link).await;
        let stops = [CancellationToken::new(), CancellationToken::new()];
        let delivering = alerts.0.deliveries.iter().map(|delivery| {
            let noticing = Arc::clone(&alerts.0.noticing);
            let tell = move |webhook: &Webhook, health| noticing.notice(of_webhook(webhook, health));
            tokio::spawn(Arc::clone(delivery).run(tell, stops[1].clone()))
        });
        let tasks = AlertTasks {
            delivering: delivering.collect(),
            telling: tokio::spawn(alerts.clone().tell(news, stops[0].clone())),
            keeping: tokio::spawn(alerts.clone().keep(link, seen, stops[1].clone())),
            stops,
        };
        Ok((alerts, tasks))
    }

    /// What the monitor is to tell what happens.
    #[must_use]
    pub fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.0.noticing) as Arc<dyn Observer>
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.0.ledger)
    }
}

impl AlertTasks {
    /// Tells what is still to be told, and ends.
    pub async fn stop(self) {
        self.stops[0].cancel();
        let _ = self.telling.await;
        self.stops[1].cancel();
        let _ = self.keeping.await;
        for one in self.delivering {
            let _ = one.await;
        }
    }
}
