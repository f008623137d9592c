//! What a candidate did beside the live version: agreement, costs, notices, faults.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hdrhistogram::Histogram;
use serde::Serialize;
use utoipa::ToSchema;

use super::compare::{Likeness, compare};
use crate::analysis::component::Plugin;
use crate::analysis::contract::OutputKind;
use crate::analysis::health::Costs;
use crate::analysis::ownership::published_name;
use crate::analysis::reading::{Cost, Notice, Outcome, Reading};
use crate::clock;

/// Examples kept a field: the newest.
const EXAMPLES: usize = 5;
/// Longest value in an example, characters.
const EXAMPLE: usize = 400;
/// Notices kept, the newest; and codes of notices told apart.
const NOTICES: usize = 40;
const CODES: usize = 100;
/// Highest values that are told apart: a minute, and the most fuel that can be set.
const MOST_US: u64 = 60_000_000;
const MOST_FUEL: u64 = 1_000_000_000_000;

/// A candidate beside the live version, at one moment.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ShadowReport {
    /// The plugin.
    #[schema(value_type = String)]
    pub plugin: Arc<str>,
    /// Where it stands: `running`, `promoting`, `promoted`, `dropped` or `ended`, with the reason in `rule_state`.
    pub state: &'static str,
    /// Version of the component at work that it is compared with.
    #[schema(value_type = String)]
    pub live_version: Arc<str>,
    /// Its SHA-256.
    #[schema(value_type = String)]
    pub live_digest: Arc<str>,
    /// Version of the candidate.
    #[schema(value_type = String)]
    pub version: Arc<str>,
    /// Its SHA-256.
    #[schema(value_type = String)]
    pub digest: Arc<str>,
    /// The candidate's parameters, JSON.
    pub parameters: String,
    /// When it was begun by command, milliseconds since 1970.
    pub begun_ms: u64,
    /// Since when this is counted, milliseconds since 1970: later than `begun_ms` when the host was started anew, or another version came to work.
    pub since_ms: u64,
    /// For how long it has been counted, milliseconds.
    pub running_ms: u64,
    /// Relative difference up to which two numbers count as within tolerance.
    pub tolerance: f64,
    /// When it is promoted by itself; empty: by command alone.
    pub rule: String,
    /// What the rule waits for, or why the shadow ended.
    pub rule_state: String,
    /// How many books.
    pub books: Books,
    /// Share of the compared books on which outcome and all fields are equal or within tolerance.
    pub agreement: Option<f64>,
    /// Share of the compared books with the same outcome.
    pub outcome_agreement: Option<f64>,
    /// Share of the compared books on which all outputs of kind `state` are equal.
    pub state_agreement: Option<f64>,
    /// Every field.
    pub fields: Vec<FieldReport>,
    /// Outcomes side by side.
    pub outcomes: Vec<OutcomePair>,
    /// What calls of the live version cost on these books.
    pub live: Option<Costs>,
    /// What calls of the candidate cost; its thread has a low priority, so its times are at most as good as they look.
    pub candidate: Option<Costs>,
    /// Notices by code.
    pub notices: Vec<NoticeCount>,
    /// The newest notices of both.
    pub newest_notices: Vec<NoticeTold>,
    /// Faults of the candidate.
    pub faults: Faults,
}

/// Books of a shadow run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ShadowBooks)]
pub struct Books {
    /// Both gave a reading that wasn't `warming`.
    pub compared: u64,
    /// One of them was still gathering history.
    pub warming: u64,
    /// One of them was left alone after a fault.
    pub unanswered: u64,
    /// The candidate couldn't follow.
    pub skipped: u64,
}

/// One field of both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = ShadowField)]
pub struct FieldReport {
    /// As it is published.
    pub name: String,
    /// The same text.
    pub equal: u64,
    /// Numbers within tolerance.
    pub within_tolerance: u64,
    /// Another value.
    pub differing: u64,
    /// The largest relative difference of two numbers.
    pub largest_difference: Option<f64>,
    /// The newest books on which it differed.
    #[schema(value_type = Vec<Example>)]
    pub examples: VecDeque<Example>,
}

/// One book on which a field differed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ShadowExample)]
pub struct Example {
    /// The pair.
    #[schema(value_type = String)]
    pub pair: Arc<str>,
    /// Exchange time of the book, milliseconds since 1970.
    pub time_ms: u64,
    /// The live version's value.
    pub live: String,
    /// The candidate's.
    pub candidate: String,
}

/// How often two outcomes stood side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ShadowOutcomes)]
pub struct OutcomePair {
    /// The live version's.
    pub live: &'static str,
    /// The candidate's.
    pub candidate: &'static str,
    /// On so many books.
    pub books: u64,
}

/// Notices of one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ShadowNotices)]
pub struct NoticeCount {
    /// The code.
    pub code: String,
    /// Of the live version.
    pub live: u64,
    /// Of the candidate.
    pub candidate: u64,
}

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ShadowNotice)]
pub struct NoticeTold {
    /// `live` or `candidate`.
    pub from: &'static str,
    /// The pair.
    #[schema(value_type = String)]
    pub pair: Arc<str>,
    /// Exchange time of the book, milliseconds since 1970.
    pub time_ms: u64,
    /// `normal`, `warning` or `alert`.
    pub severity: &'static str,
    /// The code.
    pub code: String,
    /// The words.
    pub message: String,
}

/// Faults of a candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ShadowFaults)]
pub struct Faults {
    /// All of them.
    pub total: u64,
    /// By code.
    pub by_code: BTreeMap<String, u64>,
    /// The newest: pair, code and detail.
    pub newest: String,
}

/// What has been counted so far.
pub(super) struct Tally {
    since_ms: u64,
    began_ns: u64,
    tolerance: f64,
    states: Vec<String>,
    books: Books,
    agreeing: u64,
    same_outcome: u64,
    same_states: u64,
    fields: BTreeMap<String, FieldReport>,
    outcomes: BTreeMap<(&'static str, &'static str), u64>,
    live: Spread,
    candidate: Spread,
    notices: BTreeMap<String, (u64, u64)>,
    newest_notices: VecDeque<NoticeTold>,
    faults: Faults,
}

/// Times and fuel of calls.
struct Spread(Option<(Histogram<u64>, Histogram<u64>)>);

impl Spread {
    fn new() -> Self {
        let histogram = |most| Histogram::new_with_bounds(1, most, 2).ok();
        // None can't be: the bounds are constants.
        Self(histogram(MOST_US).zip(histogram(MOST_FUEL)))
    }

    fn note(&mut self, cost: Cost) {
        if let Some((us, fuel)) = &mut self.0 {
            us.saturating_record(u64::try_from(cost.elapsed.as_micros()).unwrap_or(MOST_US));
            fuel.saturating_record(cost.fuel);
        }
    }

    fn costs(&self) -> Option<Costs> {
        let (us, fuel) = self.0.as_ref().filter(|(us, _)| !us.is_empty())?;
        Some(Costs {
            calls: us.len(),
            p50_us: us.value_at_quantile(0.5),
            p99_us: us.value_at_quantile(0.99),
            p50_fuel: fuel.value_at_quantile(0.5),
            p99_fuel: fuel.value_at_quantile(0.99),
        })
    }
}

impl Tally {
    pub(super) fn new(candidate: &Plugin, tolerance: f64) -> Self {
        let states = candidate.outputs.iter().filter(|(_, kind)| **kind == OutputKind::State);
        Self {
            since_ms: clock::unix_ms(),
            began_ns: clock::since_start(),
            tolerance,
            states: states.map(|(name, _)| published_name(&candidate.name, name)).collect(),
            books: Books::default(),
            agreeing: 0,
            same_outcome: 0,
            same_states: 0,
            fields: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            live: Spread::new(),
            candidate: Spread::new(),
            notices: BTreeMap::new(),
            newest_notices: VecDeque::new(),
            faults: Faults::default(),
        }
    }

    /// Books that the candidate couldn't follow.
    pub(super) fn skipped(&mut self, books: u64) {
        self.books.skipped += books;
    }

    /// A pair that the candidate doesn't open for.
    pub(super) fn refused(&mut self, pair: &str, why: &str) {
        self.fault(pair, "refused", why);
    }

    fn fault(&mut self, pair: &str, code: &str, detail: &str) {
        self.faults.total += 1;
        *self.faults.by_code.entry(code.to_owned()).or_default() += 1;
        self.faults.newest = clip(&format!("{pair}: {code}: {detail}"));
    }

    /// What both made of one book.
    pub(super) fn compare(&mut self, live: Option<&Reading>, candidate: Option<&Reading>) {
        if let Some(live) = live {
            self.live.note(live.cost);
        }
        if let Some(Reading { pair, cost, outcome, .. }) = candidate {
            self.candidate.note(*cost);
            if let Outcome::Fault(reason) = outcome {
                self.fault(pair, &reason.code, &reason.detail);
            }
        }
        let (Some(live), Some(candidate)) = (live, candidate) else {
            self.books.unanswered += 1;
            return;
        };
        self.notices("live", live);
        self.notices("candidate", candidate);
        *self.outcomes.entry((live.outcome.word(), candidate.outcome.word())).or_default() += 1;
        if matches!(live.outcome, Outcome::Warming(_)) || matches!(candidate.outcome, Outcome::Warming(_)) {
            self.books.warming += 1;
            return;
        }
        self.books.compared += 1;
        let same_outcome = live.outcome.word() == candidate.outcome.word();
        self.same_outcome += u64::from(same_outcome);
        let (mut all, mut all_states) = (true, true);
        for (name, value) in &candidate.fields {
            let other = live.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            let like = self.field(live, name, other.unwrap_or_default(), value);
            all &= like;
            all_states &= like || !self.states.contains(name);
        }
        for (name, value) in live.fields.iter().filter(|(name, _)| !candidate.fields.iter().any(|(known, _)| known == name)) {
            all &= self.field(live, name, value, "");
        }
        self.agreeing += u64::from(all && same_outcome);
        self.same_states += u64::from(all_states);
    }

    /// Whether a field is alike on one book.
    fn field(&mut self, book: &Reading, name: &str, live: &str, candidate: &str) -> bool {
        if !self.fields.contains_key(name) {
            self.fields.insert(name.to_owned(), FieldReport { name: name.to_owned(), ..FieldReport::default() });
        }
        let Some(field) = self.fields.get_mut(name) else { return false };
        let difference = match compare(live, candidate, self.tolerance) {
            Likeness::Equal => {
                field.equal += 1;
                return true;
            }
            Likeness::Within(difference) => {
                field.within_tolerance += 1;
                Some(difference)
            }
            Likeness::Differing(difference) => {
                field.differing += 1;
                if field.examples.len() == EXAMPLES {
                    field.examples.pop_front();
                }
                let (live, candidate) = (clip(live), clip(candidate));
                field.examples.push_back(Example { pair: Arc::clone(&book.pair), time_ms: book.time_ms, live, candidate });
                field.largest_difference = larger(field.largest_difference, difference);
                return false;
            }
        };
        field.largest_difference = larger(field.largest_difference, difference);
        true
    }

    fn notices(&mut self, from: &'static str, reading: &Reading) {
        for Notice { severity, code, message } in &reading.notices {
            if self.notices.contains_key(code) || self.notices.len() < CODES {
                let (live, candidate) = self.notices.entry(code.clone()).or_default();
                *if from == "live" { live } else { candidate } += 1;
            }
            if self.newest_notices.len() == NOTICES {
                self.newest_notices.pop_front();
            }
            let (pair, time_ms) = (Arc::clone(&reading.pair), reading.time_ms);
            self.newest_notices.push_back(NoticeTold { from, pair, time_ms, severity, code: code.clone(), message: message.clone() });
        }
    }

    /// All of it now; who is compared with whom is filled in by the caller.
    pub(super) fn report(&self) -> ShadowReport {
        let share = |books: u64| (self.books.compared > 0).then(|| books as f64 / self.books.compared as f64);
        ShadowReport {
            since_ms: self.since_ms,
            running_ms: clock::since_start().saturating_sub(self.began_ns) / 1_000_000,
            tolerance: self.tolerance,
            books: self.books,
            agreement: share(self.agreeing),
            outcome_agreement: share(self.same_outcome),
            state_agreement: share(self.same_states),
            fields: self.fields.values().cloned().collect(),
            outcomes: self.outcomes.iter().map(|(&(live, candidate), &books)| OutcomePair { live, candidate, books }).collect(),
            live: self.live.costs(),
            candidate: self.candidate.costs(),
            notices: self.notices.iter().map(|(code, &(live, candidate))| NoticeCount { code: code.clone(), live, candidate }).collect(),
            newest_notices: self.newest_notices.iter().cloned().collect(),
            faults: self.faults.clone(),
            ..ShadowReport::default()
        }
    }
}

fn larger(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

fn clip(text: &str) -> String {
    if text.len() <= EXAMPLE { text.to_owned() } else { text.chars().take(EXAMPLE).chain("…".chars()).collect() }
}

impl ShadowReport {
    /// The fields of `shadow:{name}`.
    #[must_use]
    pub fn hash(&self) -> Vec<(&'static str, String)> {
        let share = |share: Option<f64>| share.map_or_else(String::new, |share| format!("{share:.6}"));
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        let cost = |costs: Option<&Costs>, of: fn(&Costs) -> u64| costs.map_or_else(String::new, |costs| of(costs).to_string());
        let (live, candidate) = (self.live.as_ref(), self.candidate.as_ref());
        vec![
            ("state", self.state.to_owned()),
            ("live_version", self.live_version.to_string()),
            ("live_digest", self.live_digest.to_string()),
            ("version", self.version.to_string()),
            ("digest", self.digest.to_string()),
            ("parameters", self.parameters.clone()),
            ("begun", clock::rfc3339(self.begun_ms)),
            ("since", clock::rfc3339(self.since_ms)),
            ("running_s", (self.running_ms / 1000).to_string()),
            ("rule", self.rule.clone()),
            ("rule_state", self.rule_state.clone()),
            ("tolerance", self.tolerance.to_string()),
            ("books_compared", self.books.compared.to_string()),
            ("books_warming", self.books.warming.to_string()),
            ("books_unanswered", self.books.unanswered.to_string()),
            ("books_skipped", self.books.skipped.to_string()),
            ("agreement", share(self.agreement)),
            ("outcome_agreement", share(self.outcome_agreement)),
            ("state_agreement", share(self.state_agreement)),
            ("fields", json(serde_json::to_string(&self.fields))),
            ("notices", json(serde_json::to_string(&self.notices))),
            ("faults", self.faults.total.to_string()),
            ("newest_fault", self.faults.newest.clone()),
            ("live_p50_us", cost(live, |costs| costs.p50_us)),
            ("live_p99_us", cost(live, |costs| costs.p99_us)),
            ("live_p50_fuel", cost(live, |costs| costs.p50_fuel)),
            ("live_p99_fuel", cost(live, |costs| costs.p99_fuel)),
            ("p50_us", cost(candidate, |costs| costs.p50_us)),
            ("p99_us", cost(candidate, |costs| costs.p99_us)),
            ("p50_fuel", cost(candidate, |costs| costs.p50_fuel)),
            ("p99_fuel", cost(candidate, |costs| costs.p99_fuel)),
            ("time", clock::rfc3339(clock::unix_ms())),
        ]
    }
}
