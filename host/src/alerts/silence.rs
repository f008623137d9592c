//! Silences and maintenance windows: what is known, and needn't be sent to anybody for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Alert, Severity, Source};
use crate::clock::{parse_rfc3339, rfc3339, unix_ms};

/// Longest silence at a time.
const LONGEST_MS: u64 = 366 * 24 * 3_600_000;
/// Longest texts.
const LONGEST_TEXT: usize = 500;

/// How often a maintenance window comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Repeat {
    /// At the same time of each day, UTC.
    Daily,
    /// At the same time of the same day of each week, UTC.
    Weekly,
}

impl Repeat {
    fn every(self) -> Duration {
        match self {
            Self::Daily => Duration::from_secs(24 * 3600),
            Self::Weekly => Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// A silence as it stands in `config:alert_silences`. What is not named matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceText {
    /// Only alerts of this instrument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<String>,
    /// Only alerts of, or about, this plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Only alerts of this rule, plugin or webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only alerts of this source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Only alerts up to this severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Severity>,
    /// From when, RFC 3339; not said: from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Until when, RFC 3339.
    pub until: String,
    /// The window comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// Who wants it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// Why a silence can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}\nhint: {hint}")]
pub struct SilenceError {
    what: String,
    hint: &'static str,
}

/// A silence that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Its name: the Hash's field.
    pub id: String,
    /// As written.
    pub text: SilenceText,
    from_ms: u64,
    until_ms: u64,
}

impl Silence {
    /// Reads and checks a silence.
    ///
    /// # Errors
    /// [`SilenceError`].
    pub fn parse(id: &str, json: &str) -> Result<Self, SilenceError> {
        let text: SilenceText = serde_json::from_str(json).map_err(|error| SilenceError {
            what: format!("it is no silence: {error}"),
            hint: r#"such as {"pair":"BTC-USDT","until":"2026-11-26T08:00:00Z","by":"ops"}; docs/alerts.md has all fields"#,
        })?;
        Self::check(id, text)
    }

    /// Checks a silence.
    ///
    /// # Errors
    /// [`SilenceError`].
    pub fn check(id: &str, text: SilenceText) -> Result<Self, SilenceError> {
        let error = |what: String, hint| Err(SilenceError { what, hint });
        if id.is_empty() || id.len() > 64 || !id.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
            return error("its name is not 1 to 64 letters, digits, `_`, `.` and `-`".to_owned(), "the name is the Hash's field");
        }
        let time = |name: &str, time: &str| {
            parse_rfc3339(time).ok_or_else(|| SilenceError {
                what: format!("`{name}` is {:?}, which is no time", time.chars().take(40).collect::<String>()),
                hint: "times are RFC 3339 in UTC, such as 2026-11-26T08:00:00Z",
            })
        };
        let until_ms = time("until", &text.until)?;
        let from_ms = text.from.as_deref().map_or(Ok(0), |from| time("from", from))?;
        if until_ms <= from_ms {
            return error("`until` is not after `from`".to_owned(), "a window ends after it begins");
        }
        match text.repeat {
            Some(_) if text.from.is_none() => {
                return error("`repeat` without `from`".to_owned(), "a window that comes again has a beginning");
            }
            Some(repeat) if Duration::from_millis(until_ms - from_ms) > repeat.every() => {
                return error("the window is longer than the time after which it comes again".to_owned(), "a silence without `repeat`");
            }
            None if text.from.is_some() && until_ms - from_ms > LONGEST_MS => {
                return error("it is longer than a year".to_owned(), "remove or change the rule instead");
            }
            _ => {}
        }
        let texts = [&text.by, &text.comment];
        if texts.iter().any(|text| text.chars().count() > LONGEST_TEXT || text.chars().any(char::is_control)) {
            return error("`by` or `comment` is too long, or has control characters".to_owned(), "500 letters at most, in one line");
        }
        Ok(Self { id: id.to_owned(), text, from_ms, until_ms })
    }

    /// Whether it holds at a time, milliseconds since 1970.
    #[must_use]
    pub fn holds(&self, now_ms: u64) -> bool {
        let Some(repeat) = self.text.repeat else { return (self.from_ms..self.until_ms).contains(&now_ms) };
        let every = u64::try_from(repeat.every().as_millis()).unwrap_or(u64::MAX);
        now_ms >= self.from_ms && (now_ms - self.from_ms) % every < self.until_ms - self.from_ms
    }

    /// Whether it will never hold again.
    #[must_use]
    pub fn is_past(&self, now_ms: u64) -> bool {
        self.text.repeat.is_none() && self.until_ms <= now_ms
    }

    /// Since when it is over; none: it isn't, or comes again.
    #[must_use]
    pub fn ended_ms(&self, now_ms: u64) -> Option<u64> {
        self.is_past(now_ms).then_some(self.until_ms)
    }

    /// Whether it is about an alert.
    #[must_use]
    pub fn covers(&self, alert: &Alert) -> bool {
        let SilenceText { pair, plugin, name, source, up_to, .. } = &self.text;
        let same = |wanted: &Option<String>, is: Option<&str>| wanted.as_deref().is_none_or(|wanted| is == Some(wanted));
        same(pair, alert.pair.as_deref())
            && same(plugin, alert.plugin.as_deref())
            && same(name, Some(&alert.name))
            && source.is_none_or(|source| source == alert.source)
            && up_to.is_none_or(|up_to| alert.severity <= up_to)
    }

    /// A silence from now on.
    ///
    /// # Errors
    /// [`SilenceError`].
    pub fn lasting(id: &str, text: SilenceText, now_ms: u64, lasts: Duration) -> Result<Self, SilenceError> {
        let until = rfc3339(now_ms.saturating_add(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX)));
        Self::check(id, SilenceText { until, ..text })
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

/// The silences of `config:alert_silences`.
#[derive(Default)]
pub(super) struct Silences {
    pub(super) good: Vec<Silence>,
    /// Why the others aren't used.
    pub(super) refused: BTreeMap<String, String>,
}

impl Silences {
    /// Of what stands in Redis.
    pub(super) fn read(configured: &BTreeMap<String, String>) -> Self {
        let mut read = Self::default();
        for (id, json) in configured {
            match Silence::parse(id, json) {
                Ok(silence) => read.good.push(silence),
                Err(error) => {
                    read.refused.insert(id.clone(), error.to_string());
                }
            }
        }
        read
    }

    /// All of them, as they stand now.
    pub(super) fn views(&self) -> Vec<SilenceView> {
        let now = unix_ms();
        let good = self.good.iter().map(|silence| SilenceView {
            id: silence.id.clone(),
            silence: Some(silence.text.clone()),
            holds: silence.holds(now),
            refused: None,
        });
        let refused =
            self.refused.iter().map(|(id, why)| SilenceView { id: id.clone(), silence: None, holds: false, refused: Some(why.clone()) });
        good.chain(refused).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::AlertState;
    use super::*;

    fn alert(pair: &str, severity: Severity) -> Alert {
        Alert {
            id: "1-0".to_owned(),
            state: AlertState::Firing,
            severity,
            source: Source::Rule,
            name: "thin".into(),
            pair: Some(pair.into()),
            plugin: None,
            code: "thin".to_owned(),
            message: "words".to_owned(),
            numbers: BTreeMap::new(),
            began_ms: 0,
            changed_ms: 0,
            ended_ms: None,
            suppressed: 0,
            acknowledged_by: None,
            silenced_by: None,
            host: "here:1".into(),
        }
    }

    fn silence(json: &str) -> Silence {
        Silence::parse("mine", json).expect("good")
    }

    #[test]
    fn it_covers_what_it_names_and_everything_where_it_names_nothing() {
        let all = silence(r#"{"until":"2030-01-01T00:00:00Z"}"#);
        let one = silence(r#"{"until":"2030-01-01T00:00:00Z","pair":"BTC-USDT","up_to":"warning"}"#);
        let plugin = silence(r#"{"until":"2030-01-01T00:00:00Z","plugin":"liquidity"}"#);
        let btc = alert("BTC-USDT", Severity::Warning);
        assert!(all.covers(&btc) && one.covers(&btc) && !plugin.covers(&btc));
        assert!(!one.covers(&alert("ETH-USDT", Severity::Warning)));
        assert!(!one.covers(&alert("BTC-USDT", Severity::Alert)), "a worse one is told");
    }

    #[test]
    fn a_maintenance_window_holds_each_week_at_its_time_and_never_ends() {
        let window = silence(r#"{"from":"2026-11-22T02:00:00Z","until":"2026-11-22T04:00:00Z","repeat":"weekly"}"#);
        let at = |time: &str| parse_rfc3339(time).expect("a time");
        assert!(!window.holds(at("2026-11-22T01:59:59Z")) && window.holds(at("2026-11-22T02:00:00Z")));
        assert!(!window.holds(at("2026-11-22T04:00:00Z")) && !window.holds(at("2026-11-23T03:00:00Z")));
        assert!(window.holds(at("2027-11-21T03:00:00Z")) && !window.is_past(at("2029-01-01T00:00:00Z")));
        let once = silence(r#"{"until":"2026-11-22T04:00:00Z"}"#);
        assert!(once.holds(at("2026-11-22T03:59:59Z")) && once.is_past(at("2026-11-22T04:00:00Z")));
    }

    #[test]
    fn a_wrong_silence_is_refused_with_what_is_wrong() {
        for (json, words) in [
            ("{}", "missing field `until`"),
            (r#"{"until":"tomorrow"}"#, "no time"),
            (r#"{"until":"2026-11-22T04:00:00Z","from":"2026-11-22T04:00:00Z"}"#, "not after"),
            (r#"{"until":"2026-11-22T04:00:00Z","repeat":"daily"}"#, "without `from`"),
            (r#"{"from":"2026-11-22T04:00:00Z","until":"2026-11-24T04:00:00Z","repeat":"daily"}"#, "longer than the time"),
            (r#"{"until":"2026-11-22T04:00:00Z","pairs":["BTC-USDT"]}"#, "unknown field `pairs`"),
        ] {
            let told = Silence::parse("mine", json).expect_err(json).to_string();
            assert!(told.contains(words) && told.contains("hint: "), "{json}: {told}");
        }
    }
}
