//! Every rule on everything it is for: from values to what begins and what is over. What analyses say of themselves goes through it too.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::analyses::Analyses;
use super::condition::{Condition, Step, Value};
use super::news::{Draft, News};
use super::rule::{Record, Rule, Threshold};
use super::{AlertKey, Severity, Source};
use crate::analysis::Reading;

/// All rules and conditions.
#[derive(Default)]
pub(super) struct Judge {
    rules: Vec<Arc<Rule>>,
    /// Rules on fields of analyses, by field.
    by_field: HashMap<String, Vec<Arc<Rule>>>,
    /// Bounded by rules times pairs and plugins.
    conditions: HashMap<AlertKey, (Arc<Rule>, Condition)>,
    analyses: Analyses,
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
                self.analyses.restore(pair, plugin, severity, began_ms);
                true
            }
            Source::Webhook => false,
        }
    }

    /// What could not be told is as if it had not been noticed: it is told with the next value.
    pub(super) fn undo(&mut self, news: &News) {
        match news {
            News::Fires(Draft { key, .. }) | News::Ends(key, _) if key.source == Source::Analysis => self.analyses.undo(news),
            News::Fires(draft) => {
                self.conditions.remove(&draft.key);
            }
            News::Ends(key, _) => {
                if let Some((_, condition)) = self.conditions.get_mut(key) {
                    *condition = Condition::firing(0);
                }
            }
            News::Once(_) => {}
        }
    }

    /// A reading: what the analysis says of itself, and the fields that rules watch.
    pub(super) fn reading(&mut self, reading: &Reading, state: Option<Option<Severity>>, now_ms: u64, news: &mut Vec<News>) {
        self.analyses.reading(reading, state, now_ms, news);
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
        self.analyses.keep(|pair, plugin| gone(Some(pair), Some(plugin)), &mut news);
        news
    }
}

/// Whether two versions of a rule ask the same, so that an alert of one can go on as one of the other.
fn same_question(one: &Rule, other: &Rule) -> bool {
    let (a, b) = (&one.text, &other.text);
    (&a.field, a.comparison, &a.threshold, a.clear, a.over, &a.pairs) == (&b.field, b.comparison, &b.threshold, b.clear, b.over, &b.pairs)
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

#[cfg(test)]
mod tests {
    use super::super::analyses::state_of;
    use super::super::analyses::tests::{reading, words};
    use super::super::rule::Catalog;
    use super::*;

    /// What comes of a reading of an index of 12 whose state is `normal`.
    fn told(judge: &mut Judge, second: u64) -> Vec<String> {
        let reading = reading(&[("liquidity_index", "12"), ("liquidity_alert", "normal")], &[]);
        let mut news = Vec::new();
        judge.reading(&reading, state_of(&reading), second * 1000, &mut news);
        news.iter().map(|one| words(second, one)).collect()
    }

    #[test]
    fn a_rule_on_a_field_of_an_analysis_is_for_its_pairs_and_ends_with_its_pair() {
        let rule = |pairs: &str| {
            let json = format!(r#"{{"field":"liquidity_index","comparison":"<","threshold":40,"pairs":{pairs}}}"#);
            Arc::new(Rule::parse("thin", &json, &Catalog::default()).expect("good"))
        };
        let mut judge = Judge::default();
        judge.set_rules(vec![rule(r#"["ETH-USDT"]"#)]);
        assert_eq!(told(&mut judge, 0), Vec::<String>::new());
        judge.set_rules(vec![rule("[]")]);
        assert_eq!(told(&mut judge, 1), ["1: warning thin +0"]);
        assert!(judge.keep(&["BTC-USDT".into()], &["liquidity".into()]).is_empty());
        assert!(matches!(judge.keep(&[], &["liquidity".into()])[..], [News::Ends(_, Some("the pair was taken away"))]));
        assert!(judge.keep(&[], &[]).is_empty(), "told once");
    }

    #[test]
    fn what_could_not_be_handed_on_is_noticed_again() {
        let mut judge = Judge::default();
        let mut see = |state, reaches: bool| {
            let reading = reading(&[("liquidity_alert", state)], &[]);
            let mut news = Vec::new();
            judge.reading(&reading, state_of(&reading), 0, &mut news);
            assert_eq!(news.len(), 1, "{state}");
            if !reaches {
                judge.undo(&news[0]);
            }
            words(0, &news[0])
        };
        assert_eq!(see("warning", false), "0: warning liquidity_warning +0");
        assert_eq!(see("warning", true), "0: warning liquidity_warning +0");
        assert_eq!(see("normal", false), "0: over");
        assert_eq!(see("normal", true), "0: over");
    }
}
