//! Redis and the host kept of one mind: rules, silences, acknowledgements and tests of webhooks are read each second, and what is told is written.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::news::News;
use super::noticing::now_ms;
use super::service::{Alerts, lock};
use super::silence::{Silence, Silences};
use super::store::{self, Entries, ReadError};
use super::{Alert, rulebook};
use crate::clock::unix_ms;
use crate::results::{Link, LinkError, keys};

/// How often rules, silences and acknowledgements are read.
const EVERY: Duration = Duration::from_secs(1);
/// A silence that is over stays so long in Redis.
const PAST_SILENCES_STAY_MS: u64 = 24 * 3_600_000;

/// What was read of Redis last, so that only a change is acted upon.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) rules: Option<Entries>,
    silences: Option<Entries>,
    /// Errors that were told.
    errors: BTreeMap<&'static str, String>,
}

impl Alerts {
    /// Keeps Redis and the host of one mind until `stop`, and once more then.
    pub(super) async fn keep(self, link: Link, mut seen: Seen, stop: CancellationToken) {
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
    pub(super) async fn look(&self, link: &Link, seen: &mut Seen) {
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

    pub(super) fn set_rules(&self, configured: &Entries) {
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
        self.0.noticing.set_rules(rules);
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
    pub(super) async fn restore(&self, link: &Link) {
        let (active, recent) = match store::left(link).await {
            Ok(left) => left,
            Err(error) => {
                tracing::error!("the alerts of the last run can't be read: {error}");
                return;
            }
        };
        let now = now_ms();
        let over: Vec<&Alert> = self.0.noticing.judge(|judge, _| {
            // Its age on this process's clock; an alert older than the process began with it.
            let began = |alert: &Alert| now.saturating_sub(unix_ms().saturating_sub(alert.began_ms));
            active.iter().filter(|alert| !judge.restore(&alert.key(), alert.severity, began(alert))).collect()
        });
        let over: Vec<News> = over.into_iter().map(|alert| News::Ends(alert.key(), Some("the host was started anew"))).collect();
        lock(&self.0.sent).extend(active.iter().filter(|alert| alert.silenced_by.is_none()).map(|alert| alert.id.clone()));
        self.ledger().restore(active, recent);
        over.into_iter().for_each(|one| self.0.noticing.notice(one));
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
