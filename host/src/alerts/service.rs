//! The alerts of a host: what happens is judged where it happens, and told from a task of its own.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::delivery::{self, Delivery, Health, Pace};
use super::judge::{self, Draft, Judge, News};
use super::ledger::Ledger;
use super::rule::{Catalog, Record};
use super::shelf::Shelf;
use super::silence::{Silence, Silences};
use super::store::{self, Entries, Outbox, ReadError};
use super::webhook::Webhook;
use super::{Alert, AlertKey, AlertState, DeliveryStatus, RuleView, Severity, Source, rulebook};
use crate::analysis::{Outcome, Reading};
use crate::clock::{self, unix_ms};
use crate::history::History;
use crate::monitor::{Monitor, Observer};
use crate::okx::Proxies;
use crate::results::{Link, LinkError, keys};

/// News that may wait to be told. They are few: each rule has a cool-down.
const WAITING: usize = 4096;
/// How often rules, silences and acknowledgements are read, and what must last is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// What an earlier run left is kept for so long, though its pair or plugin isn't there: it may still start.
const GRACE: Duration = Duration::from_secs(20);
/// A silence that is over stays so long in Redis.
const PAST_SILENCES_STAY_MS: u64 = 24 * 3_600_000;

/// What `system:monitoring` says of alerts.
pub(super) const ALERT_FIGURES: [&str; 4] = ["alerts_active", "alerts_fired", "alerts_dropped", "alert_webhooks_failing"];

/// The alerts of a host; cheap to clone.
#[derive(Clone)]
pub struct Alerts(pub(super) Arc<Inner>);

pub(super) struct Inner {
    judge: Mutex<Judge>,
    /// Some rule watches a field of analyses.
    watches_fields: AtomicBool,
    ledger: Mutex<Ledger>,
    pub(super) rules: Mutex<Vec<RuleView>>,
    pub(super) silences: RwLock<Silences>,
    /// Ids of active alerts that webhooks were told of.
    sent: Mutex<HashSet<String>>,
    pub(super) deliveries: Vec<Arc<Delivery>>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) outbox: Outbox,
    /// Rules and silences where they stand.
    pub(super) shelf: Shelf,
    /// Rings when Redis should be looked at.
    pub(super) look: Notify,
    /// How the webhooks did when that was last written.
    webhooks_told: Mutex<Option<Vec<DeliveryStatus>>>,
    pub(super) dropped: AtomicU64,
    monitor: Arc<Monitor>,
    began: Instant,
}

/// The tasks behind alerts.
pub struct AlertTasks {
    alerts: Alerts,
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

/// What was read of Redis last, so that only a change is acted upon.
#[derive(Default)]
struct Seen {
    rules: Option<Entries>,
    silences: Option<Entries>,
    /// Errors that were told.
    errors: BTreeMap<&'static str, String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can panic half way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_ms() -> u64 {
    clock::since_start() / 1_000_000
}

impl Alerts {
    /// Reads rules, silences and what an earlier run left, and starts to tell. The alerts are an [`Observer`] to be registered.
    ///
    /// # Errors
    /// When no TLS can be set up for the webhooks.
    pub async fn start(parts: AlertParts) -> Result<(Self, AlertTasks), reqwest::Error> {
        let AlertParts { host, monitor, links: [link, other], history, webhooks, proxies, pace, catalog } = parts;
        let (sender, receiver) = mpsc::channel(WAITING);
        let client = delivery::client(proxies)?;
        let inner = Inner {
            judge: Mutex::default(),
            watches_fields: AtomicBool::new(false),
            ledger: Mutex::new(Ledger::new(host)),
            rules: Mutex::default(),
            silences: RwLock::default(),
            sent: Mutex::default(),
            deliveries: webhooks.into_iter().map(|webhook| Delivery::new(webhook, client.clone(), pace)).collect(),
            news: sender,
            outbox: Outbox::default(),
            shelf: Shelf { link: Arc::new(other), history, catalog },
            look: Notify::new(),
            webhooks_told: Mutex::default(),
            dropped: AtomicU64::new(0),
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
            let own = alerts.clone();
            let tell = move |webhook: &Webhook, health| own.notice(of_webhook(webhook, health));
            tokio::spawn(Arc::clone(delivery).run(tell, stops[1].clone()))
        });
        let tasks = AlertTasks {
            delivering: delivering.collect(),
            telling: tokio::spawn(alerts.clone().tell(receiver, stops[0].clone())),
            keeping: tokio::spawn(alerts.clone().keep(link, seen, stops[1].clone())),
            alerts: alerts.clone(),
            stops,
        };
        Ok((alerts, tasks))
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.0.ledger)
    }

    /// Hands on what was noticed; what finds no room is as if it hadn't been noticed.
    fn hand_on(&self, judge: &mut Judge, news: Vec<News>) {
        for one in news {
            if let Err(full) = self.0.news.try_send(one) {
                self.0.dropped.fetch_add(1, Ordering::Relaxed);
                judge.undo(&full.into_inner());
            }
        }
    }

    /// Judges something, and hands on what comes of it.
    fn judge(&self, judging: impl FnOnce(&mut Judge, &mut Vec<News>)) {
        let mut judge = lock(&self.0.judge);
        let mut news = Vec::new();
        judging(&mut judge, &mut news);
        if !news.is_empty() {
            self.hand_on(&mut judge, news);
        }
    }

    /// Tells what is handed on, and looks each second at what isn't told by anybody.
    async fn tell(self, mut news: mpsc::Receiver<News>, stop: CancellationToken) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(one) = news.recv() => self.told(one),
                _ = tick.tick() => self.second(),
                () = stop.cancelled() => break,
            }
        }
        while let Ok(one) = news.try_recv() {
            self.told(one);
        }
    }

    fn told(&self, news: News) {
        let now = unix_ms();
        let alert = match news {
            News::Fires(draft) => self.ledger().fire(draft, now),
            News::Ends(key, why) => self.ledger().end(&key, why, now),
            News::Once(draft) => Some(self.ledger().once(draft, now)),
        };
        if let Some(alert) = alert {
            self.announce(alert);
        }
    }

    /// Tells everybody of a step of an alert: the log, the observers, Redis, and the webhooks unless a silence covers it.
    pub(super) fn announce(&self, mut alert: Alert) {
        let at_once = alert.ended_ms == Some(alert.began_ms);
        if alert.is_active() || at_once {
            alert.silenced_by = self.silence_of(&alert, unix_ms());
            self.ledger().silence(&alert.key(), alert.silenced_by.clone());
        }
        log(&alert);
        let mut sent = lock(&self.0.sent);
        let sends = match alert.state {
            AlertState::Firing => alert.silenced_by.is_none(),
            AlertState::Acknowledged => sent.contains(&alert.id),
            AlertState::Resolved => sent.remove(&alert.id) || (at_once && alert.silenced_by.is_none()),
        };
        if sends {
            if alert.is_active() {
                sent.insert(alert.id.clone());
            }
            self.0.deliveries.iter().for_each(|delivery| delivery.offer(&alert));
        }
        drop(sent);
        self.0.monitor.alert(&alert);
        self.0.outbox.active(self.ledger().active().cloned().collect());
        self.0.outbox.tell(alert);
        self.0.look.notify_one();
    }

    /// The silence that covers an alert now.
    fn silence_of(&self, alert: &Alert, now_ms: u64) -> Option<String> {
        let silences = self.0.silences.read().unwrap_or_else(PoisonError::into_inner);
        silences.good.iter().find(|silence| silence.holds(now_ms) && silence.covers(alert)).map(|silence| silence.id.clone())
    }

    /// Once a second: feeds, plugins, what must last, what is gone, silences that begin and end.
    fn second(&self) {
        let monitor = &self.0.monitor;
        let cells = monitor.board.pairs();
        let plugins = monitor.plugins();
        let now = now_ms();
        self.judge(|judge, news| {
            for cell in &cells {
                let fields = cell.status().fields(&cell.pair, monitor.exchange_clock());
                judge.record(Record::Feed, Some(&cell.pair), |name| field(&fields, name), now, news);
            }
            for (plugin, fields) in &plugins {
                let plugin = Arc::from(plugin.as_str());
                let of_plugin = |name: &str| if name == "has_problem" { Some(has_problem(fields)) } else { field(fields, name) };
                judge.record(Record::Plugin, Some(&plugin), of_plugin, now, news);
            }
            judge.pass(now, news);
            if self.0.began.elapsed() > GRACE {
                let pairs: Vec<Arc<str>> = cells.iter().map(|cell| Arc::clone(&cell.pair)).collect();
                let plugins: Vec<Arc<str>> = plugins.keys().map(|name| Arc::from(name.as_str())).collect();
                news.extend(judge.keep(&pairs, &plugins));
            }
        });
        let now = unix_ms();
        monitor.set_alert_figures(&self.numbers());
        self.tell_webhooks();
        let active: Vec<Alert> = self.ledger().active().cloned().collect();
        for mut alert in active {
            let silenced_by = self.silence_of(&alert, now);
            if silenced_by == alert.silenced_by {
                continue;
            }
            alert.silenced_by = silenced_by;
            self.ledger().silence(&alert.key(), alert.silenced_by.clone());
            self.0.outbox.active(self.ledger().active().cloned().collect());
            if alert.silenced_by.is_none() && alert.state == AlertState::Firing && lock(&self.0.sent).insert(alert.id.clone()) {
                // The silence is over, and it is still so.
                self.0.deliveries.iter().for_each(|delivery| delivery.offer(&alert));
            }
        }
    }

    /// Writes how the webhooks do, where that changed.
    fn tell_webhooks(&self) {
        let now = self.webhooks();
        let mut told = lock(&self.0.webhooks_told);
        if told.as_ref() != Some(&now) {
            self.0.outbox.webhooks(now.clone());
            *told = Some(now);
        }
    }

    /// Keeps Redis and the host of one mind until `stop`, and once more then.
    async fn keep(self, link: Link, mut seen: Seen, stop: CancellationToken) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let stopping = tokio::select! {
                _ = tick.tick() => false,
                () = self.0.look.notified() => false,
                () = stop.cancelled() => true,
            };
            if !stopping {
                self.look(&link, &mut seen).await;
            }
            if let Err(error) = self.0.outbox.flush(&link).await {
                if error.may_pass() {
                    self.0.monitor.redis_failed(&error);
                } else {
                    seen.tell(keys::ALERTS_ACTIVE, &error.to_string());
                }
            }
            if stopping {
                return;
            }
        }
    }

    /// Reads rules, silences and acknowledgements, and acts on what is new.
    async fn look(&self, link: &Link, seen: &mut Seen) {
        let mut refused = None;
        if let Some(rules) = seen.read(link, keys::ALERT_RULES).await
            && seen.rules.as_ref() != Some(&rules)
        {
            refused = Some(());
            self.set_rules(&rules);
            seen.rules = Some(rules);
        }
        if let Some(silences) = seen.read(link, keys::ALERT_SILENCES).await {
            if seen.silences.as_ref() != Some(&silences) {
                refused = Some(());
                self.set_silences(&silences);
                seen.silences = Some(silences);
            }
            self.forget_past_silences(link).await;
        }
        if refused.is_some() {
            let rules = self.rules().into_iter().filter_map(|view| Some((format!("rule {}", view.name), view.refused?)));
            let silences = self.silences().into_iter().filter_map(|view| Some((format!("silence {}", view.id), view.refused?)));
            self.0.outbox.refused(rules.chain(silences).collect());
        }
        if let Some(acknowledged) = seen.read(link, keys::ALERTS_ACKNOWLEDGE).await {
            for (id, by) in acknowledged {
                if let Err(error) = self.acknowledge(&id, &by) {
                    tracing::warn!("{}: {error}", keys::ALERTS_ACKNOWLEDGE);
                }
                self.0.outbox.taken(keys::ALERTS_ACKNOWLEDGE, id);
            }
        }
        if let Some(tests) = seen.read(link, keys::ALERTS_TEST).await {
            for (webhook, by) in tests {
                match self.test_webhook(&webhook) {
                    Ok(()) => tracing::info!("webhook {webhook} tested for {by}"),
                    Err(error) => tracing::warn!("{}: {error}", keys::ALERTS_TEST),
                }
                self.0.outbox.taken(keys::ALERTS_TEST, webhook);
            }
        }
    }

    fn set_rules(&self, configured: &Entries) {
        let (rules, views) = rulebook::assemble(configured, &self.0.shelf.catalog);
        let before = std::mem::replace(&mut *lock(&self.0.rules), views.clone());
        for view in &views {
            if let Some(why) = &view.refused
                && !before.iter().any(|old| old == view)
            {
                tracing::error!(rule = view.name, "a rule of {} isn't used: {why}", keys::ALERT_RULES);
            }
        }
        if !before.is_empty() {
            tracing::info!(rules = rules.len(), "the rules of alerts were read again");
        }
        self.judge(|judge, news| {
            news.extend(judge.set_rules(rules));
            self.0.watches_fields.store(judge.watches_fields(), Ordering::Relaxed);
        });
    }

    fn set_silences(&self, configured: &Entries) {
        let read = Silences::read(configured);
        for (silence, why) in &read.refused {
            tracing::error!(silence, "a silence of {} isn't used: {why}", keys::ALERT_SILENCES);
        }
        *self.0.silences.write().unwrap_or_else(PoisonError::into_inner) = read;
    }

    /// Silences that ended a day ago go, so that the Hash doesn't grow for ever.
    async fn forget_past_silences(&self, link: &Link) {
        let now = unix_ms();
        let past: Vec<String> = {
            let silences = self.0.silences.read().unwrap_or_else(PoisonError::into_inner);
            let over = |silence: &&Silence| silence.ended_ms(now).is_some_and(|ended| ended.saturating_add(PAST_SILENCES_STAY_MS) < now);
            silences.good.iter().filter(over).map(|silence| silence.id.clone()).collect()
        };
        for id in past {
            // Read again within the second: nothing else to do here.
            let _ = store::put(link, keys::ALERT_SILENCES, &id, None).await;
        }
    }

    /// Takes up the alerts that an earlier run left; what nothing can end any more is over.
    async fn restore(&self, link: &Link) {
        let (active, recent) = match store::left(link).await {
            Ok(left) => left,
            Err(error) => {
                tracing::error!("the alerts of the last run can't be read: {error}");
                return;
            }
        };
        let mut over = Vec::new();
        {
            let mut judge = lock(&self.0.judge);
            let now = now_ms();
            for alert in &active {
                // Its age on this process's clock; an alert older than the process began with it.
                let age = unix_ms().saturating_sub(alert.began_ms);
                if !judge.restore(&alert.key(), alert.severity, now.saturating_sub(age)) {
                    over.push(News::Ends(alert.key(), Some("the host was started anew")));
                }
            }
        }
        lock(&self.0.sent).extend(active.iter().filter(|alert| alert.silenced_by.is_none()).map(|alert| alert.id.clone()));
        self.ledger().restore(active, recent);
        over.into_iter().for_each(|one| self.notice(one));
    }

    /// Numbers for `system:monitoring`: active, begun, dropped, webhooks that fail.
    fn numbers(&self) -> [(&'static str, u64); 4] {
        let (active, fired) = {
            let ledger = self.ledger();
            (ledger.active().count() as u64, ledger.fired)
        };
        let failing = self.webhooks().iter().filter(|status| status.failing).count() as u64;
        let dropped = self.dropped() + self.0.outbox.dropped() + self.webhooks().iter().map(|status| status.dropped).sum::<u64>();
        let [name_active, name_fired, name_dropped, name_failing] = ALERT_FIGURES;
        [(name_active, active), (name_fired, fired), (name_dropped, dropped), (name_failing, failing)]
    }
}

impl Seen {
    /// A Hash of ours; none where it can't be read, which is told once for as long as the reason is the same.
    async fn read(&mut self, link: &Link, key: &'static str) -> Option<Entries> {
        match store::read(link, key).await {
            Ok(entries) => {
                self.errors.remove(key);
                Some(entries)
            }
            Err(ReadError::TooMany(many)) => {
                self.tell(key, &format!("{many} entries are more than anybody means; it stays as it was\nhint: redis-cli HLEN {key}"));
                None
            }
            // That Redis is away is told by others.
            Err(ReadError::Redis(LinkError::Away { .. })) => None,
            Err(ReadError::Redis(error)) => {
                self.tell(key, &format!("{error}; it stays as it was\nhint: redis-cli TYPE {key} says what it holds; it must be a Hash"));
                None
            }
        }
    }

    fn tell(&mut self, key: &'static str, error: &str) {
        if self.errors.get(key).is_none_or(|before| before != error) {
            tracing::error!("{key} can't be used: {error}");
            self.errors.insert(key, error.to_owned());
        }
    }
}

impl Observer for Alerts {
    fn reading(&self, reading: &Reading) {
        // What most readings have nothing of is looked at before the lock.
        let told = !matches!(reading.outcome, Outcome::Fault(_));
        let state = if told { judge::state_of(reading) } else { None };
        if state.is_some() || !reading.notices.is_empty() || self.0.watches_fields.load(Ordering::Relaxed) {
            self.judge(|judge, news| judge.reading(reading, state, now_ms(), news));
        }
    }

    fn figures(&self, figures: &[(&'static str, String)]) {
        self.judge(|judge, news| judge.record(Record::System, None, |name| field(figures, name), now_ms(), news));
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
        drop(self.alerts);
    }
}

fn of_webhook(webhook: &Webhook, health: Health) -> News {
    let key = AlertKey { source: Source::Webhook, name: webhook.name.as_str().into(), pair: None, plugin: None };
    match health {
        Health::Well => News::Ends(key, None),
        Health::Failing(words) => News::Fires(Draft {
            key,
            severity: Severity::Warning,
            code: "webhook_failing".to_owned(),
            message: format!("alerts can't be delivered to {}: {words}", webhook.place()),
            numbers: BTreeMap::new(),
            suppressed: 0,
        }),
    }
}

fn field(fields: &[(&'static str, String)], name: &str) -> Option<String> {
    fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.clone())
}

/// Whether something is wrong with a plugin's newest file, or with what is said of it; one that was taken away on purpose has no problem.
fn has_problem(fields: &[(&'static str, String)]) -> String {
    let meant = field(fields, "phase").is_some_and(|phase| ["disabled", "removed"].contains(&phase.as_str()));
    let problem = field(fields, "problem").is_some_and(|problem| !problem.is_empty());
    if problem && !meant { "yes".to_owned() } else { "no".to_owned() }
}

fn log(alert: &Alert) {
    let (pair, plugin) = (alert.pair.as_deref().unwrap_or_default(), alert.plugin.as_deref().unwrap_or_default());
    let (id, state, code) = (alert.id.as_str(), alert.state.as_str(), alert.code.as_str());
    let at_once = alert.ended_ms == Some(alert.began_ms);
    let severity =
        if alert.silenced_by.is_some() || !(alert.state == AlertState::Firing || at_once) { Severity::Info } else { alert.severity };
    match severity {
        Severity::Alert => tracing::error!(id, code, state, pair, plugin, "alert: {}", alert.message),
        Severity::Warning => tracing::warn!(id, code, state, pair, plugin, "alert: {}", alert.message),
        Severity::Info => tracing::info!(id, code, state, pair, plugin, "alert: {}", alert.message),
    }
}
