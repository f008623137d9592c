//! When a shadow is promoted by itself: `promote after 10 min if agreement >= 99.5%, no faults, p99 fuel <= 2000000`.
//!
//! ```text
//! rule      = ["promote"] "after" time ["if" condition {("," | "and") condition}]
//! time      = number ("s" | "min" | "h")
//! condition = "no" ("faults" | "skips")
//!           | figure (">=" | "<=") number [unit]
//! figure    = "agreement" | "outcome agreement" | "state agreement"                      0 to 1, or percent
//!           | "books"                                                                    compared
//!           | "p50 fuel" | "p99 fuel" | "p50 time" | "p99 time"                          units of fuel; us, ms; or "x live"
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::report::ShadowReport;

/// Conditions of one rule, at most.
const CONDITIONS: usize = 16;

/// A rule, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Not before it has run for so long.
    pub after: Duration,
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Condition {
    NoFaults,
    NoSkips,
    Figure { figure: Figure, least: bool, bound: Bound },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    Agreement,
    OutcomeAgreement,
    StateAgreement,
    Books,
    P50Fuel,
    P99Fuel,
    P50Time,
    P99Time,
}

/// A share, a count, units of fuel, or microseconds; or so many times the live version's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Plain(f64),
    TimesLive(f64),
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the rule {text:?} can't be read at {at:?}: {expected} is expected there\nhint: promote after 10 min if agreement >= 99.5%, no faults, p99 fuel <= 2000000"
)]
pub struct NoRule {
    text: String,
    at: String,
    expected: &'static str,
}

/// Whether a rule is fulfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is.
    Fulfilled,
    /// Not yet, and what is missing.
    Waits(String),
}

struct Words<'a> {
    text: &'a str,
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Words<'a> {
    /// Words, numbers, operators and signs, apart from each other whether or not there is a space between them.
    fn of(text: &'a str) -> Self {
        let kind = |c: char| match c {
            _ if c.is_whitespace() => 0,
            ',' => 1,
            '<' | '>' | '=' => 2,
            '0'..='9' | '.' | '_' => 3,
            '%' | '×' => 4,
            _ => 5,
        };
        let (mut words, mut from, mut before) = (Vec::new(), 0, 0);
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            // Digits within a word belong to it: p99.
            let now = if kind(c) == 3 && before == 5 { 5 } else { kind(c) };
            if now != before || now == 1 {
                if before != 0 {
                    words.push(&text[from..at]);
                }
                (from, before) = (at, now);
            }
        }
        Self { text, words, at: 0 }
    }

    fn next_is(&mut self, word: &str) -> bool {
        let is = self.words.get(self.at).is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, NoRule> {
        let at = self.words.get(self.at).copied().unwrap_or("the end").to_owned();
        Err(NoRule { text: self.text.chars().take(200).collect(), at, expected })
    }

    fn number(&mut self) -> Result<f64, NoRule> {
        let number = self.words.get(self.at).and_then(|word| word.replace('_', "").parse::<f64>().ok());
        match number.filter(|number| number.is_finite()) {
            Some(number) => {
                self.at += 1;
                Ok(number)
            }
            None => self.expected("a number"),
        }
    }

    fn condition(&mut self) -> Result<Condition, NoRule> {
        if self.next_is("no") {
            return match () {
                () if self.next_is("faults") => Ok(Condition::NoFaults),
                () if self.next_is("skips") => Ok(Condition::NoSkips),
                () => self.expected("`faults` or `skips`"),
            };
        }
        let figure = self.figure()?;
        let least = if self.next_is(">=") {
            true
        } else if self.next_is("<=") {
            false
        } else {
            return self.expected("`>=` or `<=`");
        };
        let number = self.number()?;
        let bound = match figure {
            Figure::Agreement | Figure::OutcomeAgreement | Figure::StateAgreement => {
                let share = if self.next_is("%") { number / 100.0 } else { number };
                if !(0.0..=1.0).contains(&share) {
                    self.at -= 1;
                    return self.expected("a share of 0 to 1, or of 0 to 100 %,");
                }
                Bound::Plain(share)
            }
            Figure::Books => Bound::Plain(number),
            Figure::P50Fuel | Figure::P99Fuel if self.times_live() => Bound::TimesLive(number),
            Figure::P50Fuel | Figure::P99Fuel => Bound::Plain(number),
            Figure::P50Time | Figure::P99Time if self.times_live() => Bound::TimesLive(number),
            Figure::P50Time | Figure::P99Time if self.next_is("ms") => Bound::Plain(number * 1000.0),
            Figure::P50Time | Figure::P99Time if self.next_is("us") || self.next_is("µs") => Bound::Plain(number),
            Figure::P50Time | Figure::P99Time => return self.expected("`us`, `ms` or `x live`"),
        };
        Ok(Condition::Figure { figure, least, bound })
    }

    fn times_live(&mut self) -> bool {
        let before = self.at;
        let is = (self.next_is("x") || self.next_is("×") || self.next_is("times")) && self.next_is("live");
        if !is {
            self.at = before;
        }
        is
    }

    fn figure(&mut self) -> Result<Figure, NoRule> {
        const TWO: [(&str, &str, Figure); 6] = [
            ("outcome", "agreement", Figure::OutcomeAgreement),
            ("state", "agreement", Figure::StateAgreement),
            ("p50", "fuel", Figure::P50Fuel),
            ("p99", "fuel", Figure::P99Fuel),
            ("p50", "time", Figure::P50Time),
            ("p99", "time", Figure::P99Time),
        ];
        for (word, figure) in [("agreement", Figure::Agreement), ("books", Figure::Books)] {
            if self.next_is(word) {
                return Ok(figure);
            }
        }
        let before = self.at;
        for (first, second, figure) in TWO {
            self.at = before;
            if self.next_is(first) && self.next_is(second) {
                return Ok(figure);
            }
        }
        self.at = before;
        self.expected(
            "`no faults`, `no skips`, `agreement`, `outcome agreement`, `state agreement`, `books`, `p50` or `p99` `fuel` or `time`",
        )
    }
}

impl FromStr for Rule {
    type Err = NoRule;

    fn from_str(text: &str) -> Result<Self, NoRule> {
        let mut words = Words::of(text);
        words.next_is("promote");
        if !words.next_is("after") {
            return words.expected("`after`");
        }
        let number = words.number()?;
        let seconds = match () {
            () if words.next_is("s") => number,
            () if words.next_is("min") => number * 60.0,
            () if words.next_is("h") => number * 3600.0,
            () => return words.expected("`s`, `min` or `h`"),
        };
        if seconds > 7.0 * 86_400.0 {
            return words.expected("at most 7 days");
        }
        let mut conditions = Vec::new();
        if words.next_is("if") {
            loop {
                conditions.push(words.condition()?);
                if conditions.len() == CONDITIONS || !(words.next_is(",") || words.next_is("and")) {
                    break;
                }
            }
        }
        if words.at < words.words.len() {
            return words.expected(if conditions.is_empty() { "`if`" } else { "`,`, `and` or the end" });
        }
        Ok(Self { after: Duration::from_secs_f64(seconds), conditions })
    }
}

impl Rule {
    /// Holds a report against the rule.
    pub(super) fn judge(&self, report: &ShadowReport) -> Verdict {
        let left = self.after.saturating_sub(Duration::from_millis(report.running_ms));
        if !left.is_zero() {
            return Verdict::Waits(format!("{} s left", left.as_secs_f64().ceil()));
        }
        match self.conditions.iter().find_map(|condition| condition.missing(report)) {
            Some(missing) => Verdict::Waits(missing),
            None => Verdict::Fulfilled,
        }
    }
}

impl Condition {
    /// What keeps it from being fulfilled.
    fn missing(self, report: &ShadowReport) -> Option<String> {
        match self {
            Self::NoFaults => (report.faults.total > 0).then(|| format!("{} faults", report.faults.total)),
            Self::NoSkips => (report.books.skipped > 0).then(|| format!("{} books skipped", report.books.skipped)),
            Self::Figure { figure, least, bound } => {
                let (value, live) = figure.of(report);
                let bound = match bound {
                    Bound::Plain(bound) => Some(bound),
                    Bound::TimesLive(times) => live.map(|live| live * times),
                };
                match (value, bound) {
                    (Some(value), Some(bound)) if if least { value >= bound } else { value <= bound } => None,
                    (Some(value), Some(bound)) => {
                        let (value, bound) = (super::super::reading::ten_digits(value), super::super::reading::ten_digits(bound));
                        Some(format!("{figure} is {value}, not {} {bound}", if least { ">=" } else { "<=" }))
                    }
                    _ => Some(format!("{figure} isn't known yet")),
                }
            }
        }
    }
}

impl Figure {
    /// The candidate's and the live version's.
    fn of(self, report: &ShadowReport) -> (Option<f64>, Option<f64>) {
        let costs = |of: fn(&crate::analysis::Costs) -> u64| {
            (report.candidate.as_ref().map(|c| of(c) as f64), report.live.as_ref().map(|c| of(c) as f64))
        };
        match self {
            Self::Agreement => (report.agreement, None),
            Self::OutcomeAgreement => (report.outcome_agreement, None),
            Self::StateAgreement => (report.state_agreement, None),
            Self::Books => (Some(report.books.compared as f64), None),
            Self::P50Fuel => costs(|costs| costs.p50_fuel),
            Self::P99Fuel => costs(|costs| costs.p99_fuel),
            Self::P50Time => costs(|costs| costs.p50_us),
            Self::P99Time => costs(|costs| costs.p99_us),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agreement => "agreement",
            Self::OutcomeAgreement => "outcome agreement",
            Self::StateAgreement => "state agreement",
            Self::Books => "books",
            Self::P50Fuel => "p50 fuel",
            Self::P99Fuel => "p99 fuel",
            Self::P50Time => "p50 time (us)",
            Self::P99Time => "p99 time (us)",
        })
    }
}

/// As it would be typed.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promote after {} s", self.after.as_secs_f64())?;
        for (n, condition) in self.conditions.iter().enumerate() {
            f.write_str(if n == 0 { " if " } else { ", " })?;
            match condition {
                Condition::NoFaults => f.write_str("no faults")?,
                Condition::NoSkips => f.write_str("no skips")?,
                Condition::Figure { figure, least, bound } => {
                    let word = figure.to_string();
                    let (word, us) = word.strip_suffix(" (us)").map_or((word.as_str(), ""), |word| (word, " us"));
                    let sign = if *least { ">=" } else { "<=" };
                    match bound {
                        Bound::Plain(bound) => write!(f, "{word} {sign} {bound}{us}")?,
                        Bound::TimesLive(times) => write!(f, "{word} {sign} {times} x live")?,
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;
    use crate::analysis::Costs;

    fn report(running_ms: u64, agreement: f64, fuel: u64) -> ShadowReport {
        let costs = |fuel| Some(Costs { calls: 1, p50_us: 100, p99_us: 400, p50_fuel: fuel, p99_fuel: fuel });
        ShadowReport { running_ms, agreement: Some(agreement), candidate: costs(fuel), live: costs(1000), ..ShadowReport::default() }
    }

    #[test]
    fn a_rule_waits_for_its_time_then_says_what_is_missing_until_nothing_is() {
        let rule: Rule = "promote after 10 min if agreement >= 99.5%, no faults and p99 fuel <= 1.2 x live".parse().unwrap();
        let waits = |text: &str| Verdict::Waits(text.to_owned());
        assert_eq!(rule.judge(&report(599_000, 1.0, 1)), waits("1 s left"));
        assert_eq!(rule.judge(&report(600_000, 0.99, 1)), waits("agreement is 0.99, not >= 0.995"));
        assert_eq!(rule.judge(&report(600_000, 1.0, 1201)), waits("p99 fuel is 1201, not <= 1200"));
        assert_eq!(rule.judge(&report(600_000, 0.995, 1200)), Verdict::Fulfilled);
        let nothing = ShadowReport { running_ms: 600_000, ..ShadowReport::default() };
        assert_eq!(rule.judge(&nothing), waits("agreement isn't known yet"), "nothing is not zero");
    }

    #[test]
    fn every_rule_reads_back_as_it_is_written() {
        for text in [
            "after 30 s",
            "promote after 1 h if no skips",
            "AFTER 2min IF books>=1_000,p99 time<=2ms,p50 time <= 250 us",
            "after 0.5 h if outcome agreement >= 1 and state agreement >= 0.9, p50 fuel <= 2e3",
        ] {
            match text.parse::<Rule>() {
                Ok(rule) => assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule)),
                Err(error) => assert!(text.contains("2e3"), "{error}"),
            }
        }
    }

    #[test]
    fn what_is_no_rule_is_told_with_the_place() {
        for (text, at, expected) in [
            ("", "the end", "`after`"),
            ("after ten min", "ten", "a number"),
            ("after 10 parsecs", "parsecs", "`s`, `min` or `h`"),
            ("after 10 min when no faults", "when", "`if`"),
            ("after 10 min if no errors", "errors", "`faults` or `skips`"),
            ("after 10 min if agreement > 1", ">", "`>=` or `<=`"),
            ("after 10 min if agreement >= 99.5", "99.5", "a share"),
            ("after 10 min if p99 time <= 5", "the end", "`us`, `ms`"),
            ("after 10 min if latency <= 5", "latency", "`no faults`"),
            ("after 10 min if no faults no skips", "no", "`,`, `and`"),
        ] {
            let error = text.parse::<Rule>().unwrap_err();
            assert!(error.at == at && error.expected.starts_with(expected), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_ends_in_a_panic(text in "(promote |after |if |no |[0-9.]{1,4}|%|>=|p99 |fuel |,|[a-z×µ ]{0,3}){0,12}") {
            let _ = text.parse::<Rule>();
        }
    }
}
