//! What can be asked of alerts, and changed, while the host runs.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde::Serialize;
use utoipa::ToSchema;

use super::condition::{Condition, Step, Value};
use super::judge::{Draft, News};
use super::rule::{Record, Rule, RuleError};
use super::service::Alerts;
use super::silence::{Silence, SilenceError, SilenceText};
use super::{Alert, AlertKey, AlertState, DeliveryStatus, RuleView, Severity, Source, rulebook, store};
use crate::clock::unix_ms;
use crate::history::entry::{self, Measurement};
use crate::history::query::{MAX_VALUES, Name, QueryError, RangeQuery, Selection, SeriesKey, Span};
use crate::results::{LinkError, keys};

/// Times of a preview that are named.
const PREVIEW_TIMES: usize = 100;
/// Pages of history that a preview looks at, of at most ten thousand values of each pair: five days of a reading a second.
const PREVIEW_PAGES: usize = 50;
/// Longest name of somebody who acknowledges, in letters.
const LONGEST_BY: usize = 100;

/// Why something can't be done.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// There is no such thing.
    #[error("there is no {what} {name:?}\nhint: {hint}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
        /// What to do.
        hint: &'static str,
    },
    /// The rule is wrong.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// The silence is wrong.
    #[error(transparent)]
    Silence(#[from] SilenceError),
    /// History can't say.
    #[error(transparent)]
    History(#[from] QueryError),
    /// Redis doesn't take it.
    #[error(transparent)]
    Redis(#[from] LinkError),
}

/// Which alerts are wanted. What is not named matches everything.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// Of this instrument.
    pub pair: Option<String>,
    /// Of, or about, this plugin.
    pub plugin: Option<String>,
    /// Of this source.
    pub source: Option<Source>,
    /// In this state.
    pub state: Option<AlertState>,
    /// From this severity on.
    pub severity: Option<Severity>,
}

impl AlertFilter {
    /// Whether an alert is wanted.
    #[must_use]
    pub fn admits(&self, alert: &Alert) -> bool {
        let same = |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|wanted| is == Some(wanted));
        same(&self.pair, alert.pair.as_deref())
            && same(&self.plugin, alert.plugin.as_deref())
            && self.source.is_none_or(|source| source == alert.source)
            && self.state.is_none_or(|state| state == alert.state)
            && self.severity.is_none_or(|severity| alert.severity >= severity)
    }
}

/// A silence as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SilenceView {
    /// Its name.
    pub id: String,
    /// What it says; none where it can't be read.
    pub silence: Option<SilenceText>,
    /// Whether it holds now.
    pub holds: bool,
    /// Why it isn't used, with a hint.
    pub refused: Option<String>,
}

/// What a rule would have done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preview {
    /// Values that were looked at.
    pub values: u64,
    /// Alerts that it would have made.
    pub fired: u64,
    /// Times that the cool-down would have kept back.
    pub suppressed: u64,
    /// How long alerts would have been on, milliseconds.
    pub firing_ms: u64,
    /// When they would have begun, milliseconds since 1970: the first hundred.
    pub times_ms: Vec<u64>,
}

/// What a rule would have done on the values that a field had, oldest first: times in milliseconds since 1970, and the field's text, empty for
/// none. A value stands until the next.
pub fn preview<'a>(rule: &Rule, values: impl IntoIterator<Item = (u64, &'a str)>) -> Preview {
    let mut trial = Trial::default();
    for (time_ms, text) in values {
        trial.see(rule, time_ms, Value::of(text));
    }
    trial.finish()
}

/// A preview under way, on one pair.
#[derive(Default)]
struct Trial {
    condition: Condition,
    preview: Preview,
    began_ms: Option<u64>,
    last_ms: u64,
}

impl Trial {
    fn see(&mut self, rule: &Rule, time_ms: u64, value: Value<'_>) {
        let steps = [self.condition.pass(rule, time_ms), self.condition.see(rule, value, time_ms)];
        for step in steps.into_iter().flatten() {
            match step {
                Step::Fires { suppressed } => {
                    self.preview.fired += 1;
                    self.preview.suppressed += suppressed;
                    if self.preview.times_ms.len() < PREVIEW_TIMES {
                        self.preview.times_ms.push(time_ms);
                    }
                    self.began_ms = Some(time_ms);
                }
                Step::Ends => self.preview.firing_ms += self.began_ms.take().map_or(0, |began| time_ms.saturating_sub(began)),
            }
        }
        self.preview.values += 1;
        self.last_ms = time_ms;
    }

    fn finish(mut self) -> Preview {
        self.preview.firing_ms += self.began_ms.map_or(0, |began| self.last_ms.saturating_sub(began));
        self.preview
    }
}

impl Alerts {
    /// The alerts that are on, the worst first, then the newest.
    #[must_use]
    pub fn active(&self, filter: &AlertFilter) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = self.ledger().active().filter(|alert| filter.admits(alert)).cloned().collect();
        alerts.sort_by(|a, b| (b.severity, &b.id).cmp(&(a.severity, &a.id)));
        alerts
    }

    /// What was told lately, newest first: each step of each alert, at most five hundred.
    #[must_use]
    pub fn recent(&self, filter: &AlertFilter, limit: usize) -> Vec<Alert> {
        self.ledger().recent().filter(|alert| filter.admits(alert)).take(limit).cloned().collect()
    }

    /// Somebody has seen an active alert.
    ///
    /// # Errors
    /// [`AlertError::NotFound`].
    pub fn acknowledge(&self, id: &str, by: &str) -> Result<Alert, AlertError> {
        let by: String = by.chars().filter(|c| !c.is_control()).take(LONGEST_BY).collect();
        let by = if by.trim().is_empty() { "somebody" } else { by.trim() };
        let seen = self.ledger().acknowledge(id, by, unix_ms());
        let Some(alert) = seen else {
            return Err(AlertError::NotFound {
                what: "active alert",
                name: shown(id),
                hint: "the active alerts have ids such as 1764000000000-000-1a2b",
            });
        };
        self.announce(alert.clone());
        Ok(alert)
    }

    /// All rules: the host's own, and those of `config:alert_rules`.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleView> {
        self.0.rules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a rule's text means, without putting it to work.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn check_rule(&self, name: &str, json: &str) -> Result<Rule, RuleError> {
        rulebook::read(name, json, &self.0.catalog)
    }

    /// Checks a rule and writes it to Redis; it is at work within a second.
    ///
    /// # Errors
    /// [`AlertError::Rule`] for a wrong rule; [`AlertError::Redis`].
    pub async fn set_rule(&self, name: &str, json: &str) -> Result<Rule, AlertError> {
        let rule = self.check_rule(name, json)?;
        store::put(&self.0.link, keys::ALERT_RULES, name, Some(json)).await?;
        self.0.look.notify_one();
        Ok(rule)
    }

    /// What a rule would have done on what history has of its field, over all of its pairs together.
    ///
    /// # Errors
    /// [`AlertError::History`]: none is kept of plugins' own states, or the span can't be asked for.
    pub async fn preview(&self, rule: &Rule, from_ms: u64, to_ms: u64) -> Result<Preview, AlertError> {
        let measurement = match rule.record {
            Record::Analysis => Measurement::Analysis,
            Record::Feed => Measurement::Connection,
            Record::System => Measurement::Host,
            Record::Plugin => {
                let (what, hint) =
                    ("no history is kept of plugin:{name}".to_owned(), "a rule on a field of analyses, feed. or system. can be previewed");
                return Err(QueryError::Question { what, hint }.into());
            }
        };
        let ns = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let pairs = Name::all(rule.text.pairs.iter().map(String::as_str))?;
        let selection = Selection { measurement, pairs, sources: Vec::new(), fields: vec![Name::new(&rule.field)?] };
        let (mut next, end) = (ns(from_ms), ns(to_ms));
        let mut trials: BTreeMap<SeriesKey, Trial> = BTreeMap::new();
        for _ in 0..PREVIEW_PAGES {
            let query = RangeQuery { selection: selection.clone(), span: Span::new(next, end)?, limit: MAX_VALUES };
            let page = self.0.history.range(query).await?;
            for (series, points) in page.series {
                let trial = trials.entry(series).or_default();
                for point in points {
                    let time_ms = u64::try_from(point.time_ns / 1_000_000).unwrap_or(0);
                    match &point.value {
                        entry::Value::Number(number) => trial.see(rule, time_ms, Value::Number(*number)),
                        entry::Value::Text(text) => trial.see(rule, time_ms, Value::of(text)),
                        entry::Value::Flag(flag) => trial.see(rule, time_ms, Value::Text(if *flag { "true" } else { "false" })),
                    }
                }
            }
            match page.next_ns {
                Some(from) if from < end => next = from,
                _ => break,
            }
        }
        let mut all = Preview::default();
        for one in trials.into_values().map(Trial::finish) {
            all.values += one.values;
            all.fired += one.fired;
            all.suppressed += one.suppressed;
            all.firing_ms += one.firing_ms;
            all.times_ms.extend(one.times_ms);
        }
        all.times_ms.sort_unstable();
        all.times_ms.truncate(PREVIEW_TIMES);
        Ok(all)
    }

    /// Takes a rule out of Redis; one of the host's own is then as the host has it.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Redis`].
    pub async fn remove_rule(&self, name: &str) -> Result<(), AlertError> {
        self.remove("rule", keys::ALERT_RULES, name).await
    }

    async fn remove(&self, what: &'static str, key: &str, name: &str) -> Result<(), AlertError> {
        let there = store::put(&self.0.link, key, name, None).await?;
        self.0.look.notify_one();
        if there { Ok(()) } else { Err(AlertError::NotFound { what, name: shown(name), hint: "what stands in Redis can be removed" }) }
    }

    /// All silences.
    #[must_use]
    pub fn silences(&self) -> Vec<SilenceView> {
        let now = unix_ms();
        let read = self.0.silences.read().unwrap_or_else(PoisonError::into_inner);
        let good = read.good.iter().map(|silence| SilenceView {
            id: silence.id.clone(),
            silence: Some(silence.text.clone()),
            holds: silence.holds(now),
            refused: None,
        });
        let refused =
            read.refused.iter().map(|(id, why)| SilenceView { id: id.clone(), silence: None, holds: false, refused: Some(why.clone()) });
        good.chain(refused).collect()
    }

    /// Checks a silence and writes it to Redis; it holds within a second. `id`: its name; one is made up where none is given.
    ///
    /// # Errors
    /// [`AlertError::Silence`] for a wrong one; [`AlertError::Redis`].
    pub async fn silence(&self, id: Option<&str>, text: SilenceText) -> Result<Silence, AlertError> {
        let id = id.map_or_else(|| format!("s{}", unix_ms()), str::to_owned);
        let silence = Silence::check(&id, text)?;
        let json = serde_json::to_string(&silence.text).unwrap_or_default();
        store::put(&self.0.link, keys::ALERT_SILENCES, &id, Some(&json)).await?;
        self.0.look.notify_one();
        Ok(silence)
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// [`AlertError::NotFound`], [`AlertError::Redis`].
    pub async fn end_silence(&self, id: &str) -> Result<(), AlertError> {
        self.remove("silence", keys::ALERT_SILENCES, id).await
    }

    /// How the webhooks are doing.
    #[must_use]
    pub fn webhooks(&self) -> Vec<DeliveryStatus> {
        self.0.deliveries.iter().map(|delivery| delivery.status()).collect()
    }

    /// Sends a webhook an alert that says that it is a test.
    ///
    /// # Errors
    /// [`AlertError::NotFound`].
    pub fn test_webhook(&self, name: &str) -> Result<(), AlertError> {
        let Some(delivery) = self.0.deliveries.iter().find(|delivery| delivery.webhook.name == name) else {
            return Err(AlertError::NotFound {
                what: "webhook",
                name: shown(name),
                hint: "ALERT_WEBHOOKS_FILE names the file that they stand in",
            });
        };
        let key = AlertKey { source: Source::Webhook, name: "test".into(), pair: None, plugin: None };
        let draft = Draft {
            key,
            severity: Severity::Alert,
            code: "test".to_owned(),
            message: format!("a test of the webhook {name}: nothing is wrong"),
            numbers: BTreeMap::new(),
            suppressed: 0,
        };
        let alert = self.ledger().once(draft, unix_ms());
        // A test goes to its webhook whatever that one wants.
        delivery.test(&alert);
        self.0.outbox.tell(alert);
        Ok(())
    }

    /// Alerts that were noticed and could be told nobody: too many at once.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed) + self.ledger().dropped
    }

    /// News from outside the judge.
    pub(super) fn notice(&self, news: News) {
        if self.0.news.try_send(news).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rule::Catalog;
    use super::*;

    #[test]
    fn a_preview_counts_what_the_rule_would_have_told() {
        let json = r#"{"field":"liquidity_index","comparison":"<","threshold":40,"for":"2s","cool_down":"10s"}"#;
        let rule = Rule::parse("thin", json, &Catalog::default()).expect("good");
        let values = ["60", "30", "30", "30", "50", "30", "30", "30", "30", "", "70"];
        let times = values.iter().enumerate().map(|(second, text)| (second as u64 * 1000, *text));
        let preview = preview(&rule, times);
        assert_eq!((preview.values, preview.fired, preview.firing_ms), (11, 1, 1000));
        assert_eq!(preview.times_ms, [3000]);
    }
}
