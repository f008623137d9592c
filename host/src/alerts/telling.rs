//! What was noticed, told: to the log, the observers, Redis and the webhooks; and once a second what isn't told by anybody.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::delivery::Health;
use super::news::{Draft, News};
use super::noticing::{field, now_ms};
use super::rule::Record;
use super::service::{ALERT_FIGURES, Alerts, lock};
use super::webhook::Webhook;
use super::{Alert, AlertKey, AlertState, Severity, Source};
use crate::clock::unix_ms;

/// How often the Hashes are judged, and what must last is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// What an earlier run left is kept for so long, though its pair or plugin isn't there: it may still start.
const GRACE: Duration = Duration::from_secs(20);

impl Alerts {
    /// Tells what is handed on, and looks each second at what isn't told by anybody.
    pub(super) async fn tell(self, mut news: mpsc::Receiver<News>, stop: CancellationToken) {
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

    /// Once a second.
    fn second(&self) {
        self.judge_hashes();
        self.0.monitor.set_alert_figures(&self.numbers());
        self.tell_webhooks();
        self.silence();
    }

    /// Feeds and plugins by their Hashes, what must last, what is gone.
    fn judge_hashes(&self) {
        let monitor = &self.0.monitor;
        let cells = monitor.board.pairs();
        let plugins = monitor.plugins();
        let now = now_ms();
        self.0.noticing.judge(|judge, news| {
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
    }

    /// Silences begin and end over alerts that are on; what isn't silenced any more is told to the webhooks.
    fn silence(&self) {
        let now = unix_ms();
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

/// What is noticed of a webhook that fails, or is well again.
pub(super) fn of_webhook(webhook: &Webhook, health: Health) -> News {
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
