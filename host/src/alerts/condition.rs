//! Whether a rule's alert is on: how long, hysteresis, cool-down. No clock of its own, so that a preview on history and the live rule agree.

use std::collections::VecDeque;
use std::time::Duration;

use super::rule::{Comparison, Rule, Threshold};

/// Values kept for `over`: one a second.
const APART_MS: u64 = 1000;

/// What a field held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Number(f64),
    /// A word.
    Text(&'a str),
    /// Nothing can be said.
    Unknown,
}

impl<'a> Value<'a> {
    /// A field's text.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        if text.is_empty() {
            return Self::Unknown;
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::Text(text),
        }
    }
}

/// What changed about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It begins. So many times it would have begun within the cool-down before.
    Fires {
        /// How often.
        suppressed: u64,
    },
    /// It is over.
    Ends,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Verdict {
    /// Nothing can be said.
    #[default]
    Unknown,
    /// Beyond the threshold.
    Bad,
    /// Neither beyond the threshold nor back over `clear`.
    Between,
    /// Back over `clear`.
    Good,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Quiet,
    /// Beyond the threshold since then.
    Pending {
        since_ms: u64,
    },
    Firing,
}

/// One rule on one pair, on one plugin, or on the host.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    phase: Phase,
    verdict: Verdict,
    fired_ms: Option<u64>,
    suppressed: u64,
    /// This stretch beyond the threshold was counted as suppressed.
    counted: bool,
    /// Values of the time that `over` looks back, the newest last.
    past: VecDeque<(u64, f64)>,
    /// The number that was compared last.
    pub number: Option<f64>,
}

impl Condition {
    /// One whose alert is on already, as an earlier run of the host left it.
    #[must_use]
    pub fn firing(began_ms: u64) -> Self {
        Self { phase: Phase::Firing, fired_ms: Some(began_ms), ..Self::default() }
    }

    /// Whether its alert is on.
    #[must_use]
    pub fn is_firing(&self) -> bool {
        self.phase == Phase::Firing
    }

    /// The field holds a value now.
    pub fn see(&mut self, rule: &Rule, value: Value<'_>, now_ms: u64) -> Option<Step> {
        self.verdict = match (value, &rule.text.threshold) {
            (Value::Unknown, _) => Verdict::Unknown,
            (Value::Number(number), Threshold::Number(_)) => {
                let number = match rule.text.over {
                    Some(over) => self.growth(number, over.0, now_ms),
                    None => number,
                };
                self.judge(rule, number)
            }
            (Value::Text(text), Threshold::Text(threshold)) => of_texts(rule.text.comparison, text, threshold),
            // A number where a word is looked for, or the other way round: certainly another.
            (Value::Number(number), Threshold::Text(threshold)) => of_texts(rule.text.comparison, &number.to_string(), threshold),
            (Value::Text(_), Threshold::Number(_)) => Verdict::Unknown,
        };
        self.step(rule, now_ms)
    }

    /// Time passes, and the value stays what it was.
    pub fn pass(&mut self, rule: &Rule, now_ms: u64) -> Option<Step> {
        if let (Some(over), Some(&(_, newest))) = (rule.text.over, self.past.back())
            && self.verdict != Verdict::Unknown
        {
            let number = self.growth(newest, over.0, now_ms);
            self.verdict = self.judge(rule, number);
        }
        self.step(rule, now_ms)
    }

    /// How much the field grew since it was last looked at that long ago, or first.
    fn growth(&mut self, number: f64, over: Duration, now_ms: u64) -> f64 {
        let many = self.past.len() > 1;
        match self.past.back_mut() {
            Some((at, newest)) if many && now_ms < *at + APART_MS => *newest = number,
            _ => self.past.push_back((now_ms, number)),
        }
        let from = now_ms.saturating_sub(u64::try_from(over.as_millis()).unwrap_or(u64::MAX));
        // The newest value that is at least so old is what the growth is measured from.
        while self.past.len() > 1 && self.past.get(1).is_some_and(|(at, _)| *at <= from) {
            self.past.pop_front();
        }
        number - self.past.front().map_or(number, |(_, first)| *first)
    }

    fn judge(&mut self, rule: &Rule, number: f64) -> Verdict {
        self.number = Some(number);
        let Threshold::Number(threshold) = rule.text.threshold else { return Verdict::Unknown };
        if rule.text.comparison.holds(number, threshold) {
            return Verdict::Bad;
        }
        let clear = rule.text.clear.unwrap_or(threshold);
        if rule.text.comparison.holds(number, clear) { Verdict::Between } else { Verdict::Good }
    }

    fn step(&mut self, rule: &Rule, now_ms: u64) -> Option<Step> {
        match (self.phase, self.verdict) {
            (Phase::Firing, Verdict::Good) => {
                self.phase = Phase::Quiet;
                Some(Step::Ends)
            }
            // What can't be seen isn't over.
            (Phase::Firing, _) => None,
            (Phase::Quiet, Verdict::Bad) => {
                self.phase = Phase::Pending { since_ms: now_ms };
                self.counted = false;
                self.ripe(rule, now_ms, now_ms)
            }
            (Phase::Pending { since_ms }, Verdict::Bad) => self.ripe(rule, since_ms, now_ms),
            (_, Verdict::Unknown | Verdict::Between | Verdict::Good) => {
                self.phase = Phase::Quiet;
                None
            }
        }
    }

    /// Beyond the threshold since then: for long enough, and not too soon after the alert before?
    fn ripe(&mut self, rule: &Rule, since_ms: u64, now_ms: u64) -> Option<Step> {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        if now_ms < since_ms.saturating_add(ms(rule.text.hold.0)) {
            return None;
        }
        if self.fired_ms.is_some_and(|fired| now_ms < fired.saturating_add(ms(rule.text.cool_down.0))) {
            if !std::mem::replace(&mut self.counted, true) {
                self.suppressed += 1;
            }
            return None;
        }
        self.phase = Phase::Firing;
        self.fired_ms = Some(now_ms);
        Some(Step::Fires { suppressed: std::mem::take(&mut self.suppressed) })
    }
}

fn of_texts(comparison: Comparison, text: &str, threshold: &str) -> Verdict {
    if (text == threshold) == (comparison == Comparison::Equal) { Verdict::Bad } else { Verdict::Good }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rule::Catalog;
    use super::*;

    fn rule(json: &str) -> Rule {
        Rule::parse("mine", json, &Catalog::default()).expect("good")
    }

    /// The steps of numbers a second apart, with the second of each.
    fn steps(rule: &Rule, numbers: &[f64]) -> Vec<(usize, Step)> {
        let mut condition = Condition::default();
        let seen = |(second, number): (usize, &f64)| {
            let value = if number.is_nan() { Value::Unknown } else { Value::Number(*number) };
            condition.see(rule, value, second as u64 * 1000).map(|step| (second, step))
        };
        numbers.iter().enumerate().filter_map(seen).collect()
    }

    const FIRES: Step = Step::Fires { suppressed: 0 };

    #[test]
    fn it_begins_beyond_the_threshold_and_is_over_only_beyond_clear() {
        let rule = rule(r#"{"field":"x","comparison":"<","threshold":40,"clear":50,"cool_down":0}"#);
        assert_eq!(steps(&rule, &[60., 41., 39., 45., 39., 49., 50., 45., 39.]), [(2, FIRES), (6, Step::Ends), (8, FIRES)]);
    }

    #[test]
    fn it_must_last_without_a_break_for_as_long_as_the_rule_says() {
        let rule = rule(r#"{"field":"x","comparison":">","threshold":10,"for":3}"#);
        assert_eq!(steps(&rule, &[11., 11., 11., 9., 11., 11., 11., 11.]), [(7, FIRES)]);
        // A value that stands still counts too: nothing new need come.
        let mut condition = Condition::default();
        assert_eq!(condition.see(&rule, Value::Number(11.0), 0), None);
        assert_eq!(condition.pass(&rule, 2999), None);
        assert_eq!(condition.pass(&rule, 3000), Some(FIRES));
    }

    #[test]
    fn within_the_cool_down_it_is_counted_and_told_when_that_is_over_if_it_is_still_so() {
        let rule = rule(r#"{"field":"x","comparison":">","threshold":10,"cool_down":6}"#);
        let numbers = [11., 9., 11., 9., 11., 11., 11., 9.];
        assert_eq!(steps(&rule, &numbers), [(0, FIRES), (1, Step::Ends), (6, Step::Fires { suppressed: 2 }), (7, Step::Ends)]);
    }

    #[test]
    fn what_cannot_be_seen_neither_begins_nor_is_over() {
        let rule = rule(r#"{"field":"x","comparison":">","threshold":10,"for":2}"#);
        let gone = f64::NAN;
        assert_eq!(steps(&rule, &[11., gone, 11., 11., 11., gone, gone, 9.]), [(4, FIRES), (7, Step::Ends)]);
    }

    #[test]
    fn growth_is_measured_over_the_time_and_goes_when_nothing_is_added() {
        let rule = rule(r#"{"field":"x","comparison":">","threshold":5,"over":"3s","cool_down":0}"#);
        // A counter that stood at 1000 already when it was first seen.
        assert_eq!(steps(&rule, &[1000., 1002., 1004., 1006., 1008., 1008., 1008.]), [(3, FIRES), (5, Step::Ends)]);
        let mut condition = Condition::default();
        for second in 0..10 {
            condition.see(&rule, Value::Number(if second < 5 { 0.0 } else { 9.0 }), second * 1000);
        }
        assert!(!condition.is_firing(), "three seconds after the jump it counts no more");
    }

    #[test]
    fn texts_are_equal_or_not() {
        let other = rule(r#"{"field":"x","comparison":"!=","threshold":"live"}"#);
        let mut condition = Condition::default();
        assert_eq!(condition.see(&other, Value::of("live"), 0), None);
        assert_eq!(condition.see(&other, Value::of("7"), 1), Some(FIRES));
        assert_eq!(condition.see(&other, Value::of(""), 2), None);
        assert_eq!(condition.see(&other, Value::of("live"), 3), Some(Step::Ends));
    }

    proptest! {
        #[test]
        fn a_number_that_flaps_makes_at_most_one_alert_a_cool_down(
            numbers in prop::collection::vec(prop_oneof![Just(0.0), Just(20.0), 0.0..20.0_f64], 1..300),
            cool_down in 1_u64..50,
            hold in 0_u64..5,
        ) {
            let rule = rule(&format!(r#"{{"field":"x","comparison":">","threshold":10,"clear":5,"for":{hold},"cool_down":{cool_down}}}"#));
            let steps = steps(&rule, &numbers);
            // Begin and end take turns.
            for (at, (_, step)) in steps.iter().enumerate() {
                prop_assert_eq!(matches!(step, Step::Fires { .. }), at % 2 == 0);
            }
            let fired: Vec<usize> = steps.iter().filter(|(_, step)| matches!(step, Step::Fires { .. })).map(|(at, _)| *at).collect();
            for two in fired.windows(2) {
                prop_assert!(two[1] - two[0] >= usize::try_from(cool_down).expect("small"));
            }
            // It never begins at a number on the good side, and never ends above `clear`.
            for (at, step) in steps {
                match step {
                    Step::Fires { .. } => prop_assert!(numbers[at] > 10.0),
                    Step::Ends => prop_assert!(numbers[at] <= 5.0),
                }
            }
        }

        #[test]
        fn the_memory_of_a_growth_is_bounded(steps in prop::collection::vec((0_u64..3000, -100.0..100.0_f64), 1..2000)) {
            let rule = rule(r#"{"field":"x","comparison":">","threshold":5,"over":"10s"}"#);
            let (mut condition, mut now) = (Condition::default(), 0);
            for (wait, number) in steps {
                now += wait;
                condition.see(&rule, Value::Number(number), now);
                prop_assert!(condition.past.len() <= 14, "{}", condition.past.len());
            }
        }
    }
}
