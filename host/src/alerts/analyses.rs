//! What analyses say of themselves: their states, and notices that are no change of state.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::condition::Value;
use super::news::{Draft, News};
use super::{AlertKey, Severity, Source};
use crate::analysis::{Notice, Reading};

/// An analysis whose state comes and goes makes one alert in this time, unless it gets worse.
const STATE_COOL_DOWN_MS: u64 = 300_000;
/// A notice that is no change of state is told once in this time for each code.
const NOTICE_COOL_DOWN_MS: u64 = 60_000;
/// Codes of such notices that are remembered; a plugin that invents more is told of no more often than that.
const MAX_CODES: usize = 1000;

/// The states of all analyses on all pairs, and their notices.
#[derive(Default)]
pub(super) struct Analyses {
    /// By pair and plugin.
    states: HashMap<(Arc<str>, Arc<str>), Told>,
    /// When it was told last, by pair, plugin and code.
    notices: HashMap<(Arc<str>, Arc<str>, String), u64>,
}

/// The states of an analysis on a pair.
#[derive(Clone, Debug, Default)]
struct Told {
    /// What was told last; none: nothing, or that it is over.
    now: Option<Severity>,
    /// The worst that was told in this cool-down, and when.
    raised: Option<(Severity, u64)>,
    suppressed: u64,
    /// The state now was counted as suppressed.
    counted: Option<Severity>,
}

/// The state that a reading's own fields give: the worst of those whose name ends in `alert` and that hold `normal`, `warning` or `alert`.
/// The outer none: it has no such field, or none that says anything.
pub(super) fn state_of(reading: &Reading) -> Option<Option<Severity>> {
    let states = reading.fields.iter().filter(|(name, _)| name.ends_with("alert"));
    states.filter_map(|(_, value)| level(value)).max()
}

fn level(word: &str) -> Option<Option<Severity>> {
    match word {
        "normal" => Some(None),
        "warning" => Some(Some(Severity::Warning)),
        "alert" => Some(Some(Severity::Alert)),
        _ => None,
    }
}

fn numbers_of(reading: &Reading) -> BTreeMap<String, f64> {
    // The first few: what an alert is about, not the whole reading.
    let numbers = reading.fields.iter().filter_map(|(name, value)| match Value::of(value) {
        Value::Number(number) => Some((name.clone(), number)),
        Value::Text(_) | Value::Unknown => None,
    });
    numbers.take(8).collect()
}

impl Analyses {
    /// A reading: the state that its fields give, if they do, and its notices.
    pub(super) fn reading(&mut self, reading: &Reading, state: Option<Option<Severity>>, now_ms: u64, news: &mut Vec<News>) {
        let mut told_by: Option<&Notice> = None;
        if let Some(state) = state {
            told_by = reading.notices.iter().find(|notice| level(notice.severity) == Some(state));
            let told = self.states.entry((Arc::clone(&reading.pair), Arc::clone(&reading.plugin))).or_default();
            news.extend(told.see(state, reading, told_by, now_ms));
        }
        for notice in &reading.notices {
            // A notice that goes with the state is told by it; "normal" by itself is no news.
            let goes_with_state = state.is_some() && level(notice.severity) == state;
            if told_by.is_some_and(|by| std::ptr::eq(by, notice)) || goes_with_state || notice.severity == "normal" {
                continue;
            }
            news.extend(self.notice(reading, notice, now_ms));
        }
    }

    /// The state of an alert that an earlier run of the host left.
    pub(super) fn restore(&mut self, pair: &Arc<str>, plugin: &Arc<str>, severity: Severity, began_ms: u64) {
        let told = Told { now: Some(severity), raised: Some((severity, began_ms)), ..Told::default() };
        self.states.insert((Arc::clone(pair), Arc::clone(plugin)), told);
    }

    /// That an analysis's alert begins, or is over, couldn't be told.
    pub(super) fn undo(&mut self, news: &News) {
        let (News::Fires(Draft { key, .. }) | News::Ends(key, _)) = news else { return };
        let (Some(pair), Some(plugin)) = (&key.pair, &key.plugin) else { return };
        let place = (Arc::clone(pair), Arc::clone(plugin));
        match news {
            News::Ends(..) => {
                if let Some(told) = self.states.get_mut(&place) {
                    told.now = told.raised.map(|(severity, _)| severity);
                }
            }
            _ => {
                self.states.remove(&place);
            }
        }
    }

    /// What `gone` gives a reason for is no longer there: its alert is over.
    pub(super) fn keep(&mut self, gone: impl Fn(&Arc<str>, &Arc<str>) -> Option<&'static str>, news: &mut Vec<News>) {
        self.states.retain(|(pair, plugin), told| match gone(pair, plugin) {
            Some(why) => {
                if told.now.is_some() {
                    news.push(News::Ends(key(pair, plugin), Some(why)));
                }
                false
            }
            None => true,
        });
    }

    fn notice(&mut self, reading: &Reading, notice: &Notice, now_ms: u64) -> Option<News> {
        let place = (Arc::clone(&reading.pair), Arc::clone(&reading.plugin), notice.code.clone());
        match self.notices.get_mut(&place) {
            Some(last) if now_ms < *last + NOTICE_COOL_DOWN_MS => return None,
            Some(last) => *last = now_ms,
            None => {
                if self.notices.len() >= MAX_CODES {
                    self.notices.retain(|_, last| now_ms < *last + NOTICE_COOL_DOWN_MS);
                }
                if self.notices.len() >= MAX_CODES {
                    return None;
                }
                self.notices.insert(place, now_ms);
            }
        }
        let severity = if notice.severity == "alert" { Severity::Alert } else { Severity::Warning };
        Some(News::Once(Draft {
            key: key(&reading.pair, &reading.plugin),
            severity,
            code: notice.code.clone(),
            message: notice.message.clone(),
            numbers: numbers_of(reading),
            suppressed: 0,
        }))
    }
}

fn key(pair: &Arc<str>, plugin: &Arc<str>) -> AlertKey {
    AlertKey { source: Source::Analysis, name: Arc::clone(plugin), pair: Some(Arc::clone(pair)), plugin: Some(Arc::clone(plugin)) }
}

impl Told {
    fn see(&mut self, state: Option<Severity>, reading: &Reading, notice: Option<&Notice>, now_ms: u64) -> Option<News> {
        if state == self.now {
            self.counted = None;
            return None;
        }
        let Some(severity) = state else {
            self.now = None;
            self.counted = None;
            return Some(News::Ends(key(&reading.pair, &reading.plugin), None));
        };
        let cooling = self.raised.filter(|(_, at)| now_ms < at.saturating_add(STATE_COOL_DOWN_MS));
        // A change of severity of an alert that is on is told; a new alert only when it is worse than what was told lately.
        if self.now.is_none() && cooling.is_some_and(|(worst, _)| severity <= worst) {
            if self.counted.replace(severity) != Some(severity) {
                self.suppressed += 1;
            }
            return None;
        }
        self.now = state;
        self.counted = None;
        self.raised = Some((cooling.map_or(severity, |(worst, _)| worst.max(severity)), now_ms));
        let plugin = &reading.plugin;
        let (code, message) = match notice {
            Some(notice) => (notice.code.clone(), notice.message.clone()),
            None => (format!("{plugin}_{severity}"), format!("{plugin} says {severity}")),
        };
        let numbers = numbers_of(reading);
        Some(News::Fires(Draft {
            key: key(&reading.pair, &reading.plugin),
            severity,
            code,
            message,
            numbers,
            suppressed: std::mem::take(&mut self.suppressed),
        }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Arrival;

    pub(in crate::alerts) fn reading(fields: &[(&str, &str)], notices: &[(&'static str, &str)]) -> Reading {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let notice =
            |(severity, code): &(&'static str, &str)| Notice { severity, code: (*code).to_owned(), message: format!("words of {code}") };
        Reading {
            plugin: "liquidity".into(),
            version: "1.0.0".into(),
            pair: "BTC-USDT".into(),
            time_ms: 0,
            sequence: None,
            arrival: Arrival::recorded(0),
            outcome: crate::analysis::Outcome::Ok,
            fields: fields.iter().map(own).collect(),
            notices: notices.iter().map(notice).collect(),
            cost: Default::default(),
            latency: Duration::ZERO,
        }
    }

    /// A reading: its state, its notices (severity and code), its second.
    type Seen<'a> = (&'a str, &'a [(&'static str, &'a str)], u64);

    /// A piece of news in a few words.
    pub(in crate::alerts) fn words(second: u64, news: &News) -> String {
        match news {
            News::Fires(draft) => format!("{second}: {} {} +{}", draft.severity, draft.code, draft.suppressed),
            News::Ends(..) => format!("{second}: over"),
            News::Once(draft) => format!("{second}: once {}", draft.code),
        }
    }

    /// What comes of readings.
    fn told(readings: &[Seen<'_>]) -> Vec<String> {
        let (mut analyses, mut all) = (Analyses::default(), Vec::new());
        for (state, notices, second) in readings {
            let reading = reading(&[("liquidity_index", "12"), ("liquidity_alert", state)], notices);
            let mut news = Vec::new();
            analyses.reading(&reading, state_of(&reading), second * 1000, &mut news);
            all.extend(news.iter().map(|one| words(*second, one)));
        }
        all
    }

    #[test]
    fn a_state_is_told_by_the_notice_that_goes_with_it_and_is_over_with_normal() {
        let readings: [Seen<'_>; 6] = [
            ("normal", &[], 0),
            ("warning", &[("warning", "liquidity_warning")], 1),
            ("warning", &[], 2),
            ("alert", &[("alert", "liquidity_alert")], 3),
            ("", &[], 4),
            ("normal", &[("normal", "liquidity_normal")], 5),
        ];
        assert_eq!(told(&readings), ["1: warning liquidity_warning +0", "3: alert liquidity_alert +0", "5: over"]);
    }

    #[test]
    fn a_state_that_comes_back_soon_is_counted_but_a_worse_one_is_told_at_once() {
        let readings: [Seen<'_>; 9] = [
            ("warning", &[], 0),
            ("normal", &[], 1),
            ("warning", &[], 2),
            ("normal", &[], 3),
            ("warning", &[], 4),
            ("alert", &[], 5),
            ("normal", &[], 6),
            ("alert", &[], 100),
            ("alert", &[], 306),
        ];
        let expected =
            ["0: warning liquidity_warning +0", "1: over", "5: alert liquidity_alert +2", "6: over", "306: alert liquidity_alert +1"];
        assert_eq!(told(&readings), expected);
    }

    #[test]
    fn a_notice_that_is_no_change_of_state_is_told_once_a_minute() {
        let regime: &[(&'static str, &str)] = &[("warning", "regime_change")];
        let readings: [Seen<'_>; 3] = [("normal", regime, 0), ("normal", regime, 30), ("normal", regime, 61)];
        assert_eq!(told(&readings), ["0: once regime_change", "61: once regime_change"]);
    }
}
