//! Every rule on everything it is for, and the states that analyses have: from values to what begins and what is over.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::condition::{Condition, Step, Value};
use super::rule::{Record, Rule, Threshold};
use super::{AlertKey, Severity, Source};
use crate::analysis::{Notice, Reading};

/// An analysis whose state comes and goes makes one alert in this time, unless it gets worse.
const STATE_COOL_DOWN_MS: u64 = 300_000;
/// A notice that is no change of state is told once in this time for each code.
const NOTICE_COOL_DOWN_MS: u64 = 60_000;
/// Codes of such notices that are remembered; a plugin that invents more is told of no more often than that.
const MAX_CODES: usize = 1000;

/// What is to be told.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    /// It begins, or gets another severity.
    Fires(Draft),
    /// It is over, and why if not by itself.
    Ends(AlertKey, Option<&'static str>),
    /// It happened, and is over.
    Once(Draft),
}

/// An alert to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub(super) key: AlertKey,
    pub(super) severity: Severity,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) numbers: BTreeMap<String, f64>,
    pub(super) suppressed: u64,
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

/// All rules and conditions.
#[derive(Default)]
pub(super) struct Judge {
    rules: Vec<Arc<Rule>>,
    /// Rules on fields of analyses, by field.
    by_field: HashMap<String, Vec<Arc<Rule>>>,
    /// Bounded by rules times pairs and plugins.
    conditions: HashMap<AlertKey, (Arc<Rule>, Condition)>,
    /// By pair and plugin.
    states: HashMap<(Arc<str>, Arc<str>), Told>,
    notices: HashMap<(Arc<str>, Arc<str>, String), u64>,
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

impl Judge {
    /// Whether some rule watches a field of analyses.
    pub(super) fn watches_fields(&self) -> bool {
        !self.by_field.is_empty()
    }

    /// Other rules from now on. Alerts of rules that are gone, or ask something else, are over.
    pub(super) fn set_rules(&mut self, rules: Vec<Arc<Rule>>) -> Vec<News> {
        let mut news = Vec::new();
        self.conditions.retain(|key, (rule, condition)| {
            let Some(now) = rules.iter().find(|now| now.name == rule.name && same_question(now, rule)) else {
                if condition.is_firing() {
                    news.push(News::Ends(key.clone(), Some("its rule was changed or removed")));
                }
                return false;
            };
            *rule = Arc::clone(now);
            true
        });
        self.by_field.clear();
        for rule in rules.iter().filter(|rule| rule.record == Record::Analysis) {
            self.by_field.entry(rule.field.clone()).or_default().push(Arc::clone(rule));
        }
        self.rules = rules;
        news
    }

    /// An alert that an earlier run of the host left. False: nothing here can end it.
    pub(super) fn restore(&mut self, key: &AlertKey, severity: Severity, began_ms: u64) -> bool {
        match key.source {
            Source::Rule => {
                let Some(rule) = self.rules.iter().find(|rule| rule.name == key.name) else { return false };
                self.conditions.insert(key.clone(), (Arc::clone(rule), Condition::firing(began_ms)));
                true
            }
            Source::Analysis => {
                let (Some(pair), Some(plugin)) = (&key.pair, &key.plugin) else { return false };
                let told = Told { now: Some(severity), raised: Some((severity, began_ms)), ..Told::default() };
                self.states.insert((Arc::clone(pair), Arc::clone(plugin)), told);
                true
            }
            Source::Webhook => false,
        }
    }

    /// What could not be told is as if it had not been noticed: it is told with the next value.
    pub(super) fn undo(&mut self, news: &News) {
        match news {
            News::Fires(draft) => {
                self.conditions.remove(&draft.key);
                if let (Some(pair), Some(plugin)) = (&draft.key.pair, &draft.key.plugin) {
                    self.states.remove(&(Arc::clone(pair), Arc::clone(plugin)));
                }
            }
            News::Ends(key, _) => {
                if let Some((_, condition)) = self.conditions.get_mut(key) {
                    *condition = Condition::firing(0);
                }
            }
            News::Once(_) => {}
        }
    }

    /// A reading: its notices, its states, and the fields that rules watch.
    pub(super) fn reading(&mut self, reading: &Reading, state: Option<Option<Severity>>, now_ms: u64, news: &mut Vec<News>) {
        let place = (Arc::clone(&reading.pair), Arc::clone(&reading.plugin));
        let mut told_by: Option<&Notice> = None;
        if let Some(state) = state {
            told_by = reading.notices.iter().find(|notice| level(notice.severity) == Some(state));
            let told = self.states.entry(place.clone()).or_default();
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
        if self.by_field.is_empty() {
            return;
        }
        for (name, value) in &reading.fields {
            for rule in self.by_field.get(name).into_iter().flatten().filter(|rule| rule.is_for(&reading.pair)) {
                let key = AlertKey {
                    source: Source::Rule,
                    name: Arc::clone(&rule.name),
                    pair: Some(Arc::clone(&reading.pair)),
                    plugin: Some(Arc::clone(&reading.plugin)),
                };
                let reason = || reading.outcome.reason().map(|reason| reason.detail.clone()).unwrap_or_default();
                news.extend(see(&mut self.conditions, rule, key, value, reason, now_ms));
            }
        }
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
            key: analysis_key(reading),
            severity,
            code: notice.code.clone(),
            message: notice.message.clone(),
            numbers: numbers_of(reading),
            suppressed: 0,
        }))
    }

    /// The fields of a Hash that isn't an analysis's. `subject`: the pair or the plugin, where there is one.
    pub(super) fn record(
        &mut self,
        record: Record,
        subject: Option<&Arc<str>>,
        field: impl Fn(&str) -> Option<String>,
        now_ms: u64,
        news: &mut Vec<News>,
    ) {
        for rule in self.rules.iter().filter(|rule| rule.record == record) {
            let (pair, plugin) = match record {
                Record::Feed => (subject.cloned(), None),
                Record::Plugin => (None, subject.cloned()),
                Record::Analysis | Record::System => (None, None),
            };
            if pair.as_ref().is_some_and(|pair| !rule.is_for(pair)) {
                continue;
            }
            let Some(value) = field(&rule.field) else { continue };
            let key = AlertKey { source: Source::Rule, name: Arc::clone(&rule.name), pair, plugin };
            let reason = || ["reason", "problem"].iter().filter_map(|name| field(name)).find(|text| !text.is_empty()).unwrap_or_default();
            news.extend(see(&mut self.conditions, rule, key, &value, reason, now_ms));
        }
    }

    /// Time passes: what must last for a while may have.
    pub(super) fn pass(&mut self, now_ms: u64, news: &mut Vec<News>) {
        for (key, (rule, condition)) in &mut self.conditions {
            // The others are looked at each second anyway.
            if rule.record == Record::Analysis
                && let Some(step) = condition.pass(rule, now_ms)
            {
                news.push(told(rule, key.clone(), condition, step, &value_of(condition), String::new()));
            }
        }
    }

    /// Pairs and plugins that are no longer there: their alerts are over.
    pub(super) fn keep(&mut self, pairs: &[Arc<str>], plugins: &[Arc<str>]) -> Vec<News> {
        let mut news = Vec::new();
        let gone = |pair: Option<&Arc<str>>, plugin: Option<&Arc<str>>| {
            if pair.is_some_and(|pair| !pairs.contains(pair)) {
                return Some("the pair was taken away");
            }
            plugin.is_some_and(|plugin| !plugins.contains(plugin)).then_some("the plugin is no longer at work")
        };
        self.conditions.retain(|key, (_, condition)| match gone(key.pair.as_ref(), key.plugin.as_ref()) {
            Some(why) => {
                if condition.is_firing() {
                    news.push(News::Ends(key.clone(), Some(why)));
                }
                false
            }
            None => true,
        });
        self.states.retain(|(pair, plugin), told| match gone(Some(pair), Some(plugin)) {
            Some(why) => {
                if told.now.is_some() {
                    let (name, pair) = (Arc::clone(plugin), Some(Arc::clone(pair)));
                    let key = AlertKey { source: Source::Analysis, plugin: Some(Arc::clone(&name)), name, pair };
                    news.push(News::Ends(key, Some(why)));
                }
                false
            }
            None => true,
        });
        news
    }
}

/// Whether two versions of a rule ask the same, so that an alert of one can go on as one of the other.
fn same_question(one: &Rule, other: &Rule) -> bool {
    let (a, b) = (&one.text, &other.text);
    (&a.field, a.comparison, &a.threshold, a.clear, a.over, &a.pairs) == (&b.field, b.comparison, &b.threshold, b.clear, b.over, &b.pairs)
}

fn analysis_key(reading: &Reading) -> AlertKey {
    AlertKey {
        source: Source::Analysis,
        name: Arc::clone(&reading.plugin),
        pair: Some(Arc::clone(&reading.pair)),
        plugin: Some(Arc::clone(&reading.plugin)),
    }
}

fn see(
    conditions: &mut HashMap<AlertKey, (Arc<Rule>, Condition)>,
    rule: &Arc<Rule>,
    key: AlertKey,
    value: &str,
    reason: impl FnOnce() -> String,
    now_ms: u64,
) -> Option<News> {
    let (_, condition) = conditions.entry(key.clone()).or_insert_with(|| (Arc::clone(rule), Condition::default()));
    let step = condition.see(rule, Value::of(value), now_ms)?;
    let shown = if rule.text.over.is_some() { value_of(condition) } else { value.to_owned() };
    Some(told(rule, key, condition, step, &shown, reason()))
}

fn value_of(condition: &Condition) -> String {
    condition.number.map_or_else(String::new, |number| number.to_string())
}

fn told(rule: &Rule, key: AlertKey, condition: &Condition, step: Step, value: &str, reason: String) -> News {
    let Step::Fires { suppressed } = step else { return News::Ends(key, None) };
    let mut numbers = BTreeMap::new();
    if let Threshold::Number(threshold) = rule.text.threshold {
        numbers.insert("threshold".to_owned(), threshold);
        numbers.extend(condition.number.map(|number| ("value".to_owned(), number)));
    }
    let place = |place: &str| match place {
        "name" => rule.name.to_string(),
        "field" => rule.text.field.clone(),
        "value" => value.to_owned(),
        "threshold" => rule.text.threshold.to_string(),
        "pair" => key.pair.as_deref().unwrap_or_default().to_owned(),
        "plugin" => key.plugin.as_deref().unwrap_or_default().to_owned(),
        "reason" => reason.clone(),
        _ => String::new(),
    };
    let message = rule.message(place).trim_end_matches([':', ' ']).to_owned();
    News::Fires(Draft { severity: rule.text.severity, code: rule.name.to_string(), message, numbers, suppressed, key })
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
            return Some(News::Ends(analysis_key(reading), None));
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
            key: analysis_key(reading),
            severity,
            code,
            message,
            numbers,
            suppressed: std::mem::take(&mut self.suppressed),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::rule::Catalog;
    use super::*;
    use crate::clock::Arrival;

    fn reading(fields: &[(&str, &str)], notices: &[(&'static str, &str)]) -> Reading {
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

    /// What comes of readings.
    fn told(judge: &mut Judge, readings: &[Seen<'_>]) -> Vec<String> {
        let mut all = Vec::new();
        for (state, notices, second) in readings {
            let reading = reading(&[("liquidity_index", "12"), ("liquidity_alert", state)], notices);
            let mut news = Vec::new();
            judge.reading(&reading, state_of(&reading), second * 1000, &mut news);
            all.extend(news.iter().map(|one| match one {
                News::Fires(draft) => format!("{second}: {} {} +{}", draft.severity, draft.code, draft.suppressed),
                News::Ends(..) => format!("{second}: over"),
                News::Once(draft) => format!("{second}: once {}", draft.code),
            }));
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
        assert_eq!(told(&mut Judge::default(), &readings), ["1: warning liquidity_warning +0", "3: alert liquidity_alert +0", "5: over"]);
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
        assert_eq!(told(&mut Judge::default(), &readings), expected);
    }

    #[test]
    fn a_notice_that_is_no_change_of_state_is_told_once_a_minute() {
        let regime: &[(&'static str, &str)] = &[("warning", "regime_change")];
        let readings: [Seen<'_>; 3] = [("normal", regime, 0), ("normal", regime, 30), ("normal", regime, 61)];
        assert_eq!(told(&mut Judge::default(), &readings), ["0: once regime_change", "61: once regime_change"]);
    }

    #[test]
    fn a_rule_on_a_field_of_an_analysis_is_for_its_pairs_and_ends_with_its_pair() {
        let rule = |pairs: &str| {
            let json = format!(r#"{{"field":"liquidity_index","comparison":"<","threshold":40,"pairs":{pairs}}}"#);
            Arc::new(Rule::parse("thin", &json, &Catalog::default()).expect("good"))
        };
        let mut judge = Judge::default();
        judge.set_rules(vec![rule(r#"["ETH-USDT"]"#)]);
        assert_eq!(told(&mut judge, &[("normal", &[], 0)]), Vec::<String>::new());
        judge.set_rules(vec![rule("[]")]);
        assert_eq!(told(&mut judge, &[("normal", &[], 1)]), ["1: warning thin +0"]);
        assert!(judge.keep(&["BTC-USDT".into()], &["liquidity".into()]).is_empty());
        assert!(matches!(judge.keep(&[], &["liquidity".into()])[..], [News::Ends(_, Some("the pair was taken away"))]));
        assert!(judge.keep(&[], &[]).is_empty(), "told once");
    }

    #[test]
    fn what_could_not_be_handed_on_is_noticed_again() {
        let mut judge = Judge::default();
        let warning = reading(&[("liquidity_alert", "warning")], &[]);
        for _ in 0..2 {
            let mut news = Vec::new();
            judge.reading(&warning, state_of(&warning), 0, &mut news);
            assert_eq!(news.len(), 1);
            judge.undo(&news[0]);
        }
    }
}
