//! How a plugin is doing: calls, faults by kind, kills, quarantine, and what the calls of the last minute cost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;
use utoipa::ToSchema;

use super::component::Plugin;
use super::error::Fault;
use super::limits::Budget;
use super::reading::Cost;
use crate::clock;

/// Seconds that one slice of the last minute holds, and how many slices there are: one more than a minute, since the newest isn't full.
const SLICE_S: u64 = 10;
const SLICES: usize = 7;
/// Highest values that are told apart: a minute, and the most fuel that can be set.
const MOST_US: u64 = 60_000_000;
const MOST_FUEL: u64 = 1_000_000_000_000;

/// How many calls failed, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FaultCounts {
    /// A bug in the plugin.
    pub trap: u64,
    /// Out of fuel.
    pub fuel: u64,
    /// Out of time.
    pub deadline: u64,
    /// Out of memory, or of table entries.
    pub memory: u64,
    /// It refused the book, the instrument or the parameters.
    pub refused: u64,
    /// Its answer broke the contract.
    pub answer: u64,
}

impl FaultCounts {
    fn count(&mut self, fault: &Fault) {
        let counter = match fault {
            Fault::Trap(_) => &mut self.trap,
            Fault::Fuel(_) => &mut self.fuel,
            Fault::Deadline(_) => &mut self.deadline,
            Fault::Memory(_) => &mut self.memory,
            Fault::Refused(_) => &mut self.refused,
            Fault::Answer(_) | Fault::TooMuch(_) => &mut self.answer,
        };
        *counter += 1;
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.trap + self.fuel + self.deadline + self.memory + self.refused + self.answer
    }
}

/// What a plugin is doing on a pair, or over all pairs: the worst of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HealthState {
    /// Called with every book.
    #[default]
    Active,
    /// Stopped; called again after a short wait.
    Waiting {
        /// What stopped it.
        reason: String,
        /// When it is called again, milliseconds since 1970.
        until_ms: u64,
    },
    /// Stopped again and again; one try at the end decides.
    Quarantined {
        /// What stopped it last.
        reason: String,
        /// When it is tried again, milliseconds since 1970.
        until_ms: u64,
    },
}

impl HealthState {
    /// `active`, `waiting` or `quarantined`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting { .. } => "waiting",
            Self::Quarantined { .. } => "quarantined",
        }
    }

    /// What stopped it, and until when; none while it is active.
    #[must_use]
    pub fn stopped(&self) -> Option<(&str, u64)> {
        match self {
            Self::Active => None,
            Self::Waiting { reason, until_ms } | Self::Quarantined { reason, until_ms } => Some((reason, *until_ms)),
        }
    }

    /// Active, waiting, quarantined; of two alike the later end is worse.
    fn badness(&self) -> (u8, u64) {
        match self {
            Self::Active => (0, 0),
            Self::Waiting { until_ms, .. } => (1, *until_ms),
            Self::Quarantined { until_ms, .. } => (2, *until_ms),
        }
    }
}

/// Numbers of one pair, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PluginTally)]
pub struct Tally {
    /// Calls of `analyze`.
    pub calls: u64,
    /// Failed calls, by kind; a refused `open` counts as one.
    pub faults: FaultCounts,
    /// Instances that were dropped because of a fault.
    pub kills: u64,
    /// Instances that were replaced by fresh ones with the same state.
    pub recycled: u64,
}

/// One pair of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairHealth {
    /// What it is doing.
    pub state: HealthState,
    /// Since the pair began.
    pub tally: Tally,
}

/// What calls of the last minute cost. None when there was no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = CallCosts)]
pub struct Costs {
    /// Calls.
    pub calls: u64,
    /// Median time, µs.
    pub p50_us: u64,
    /// 99th percentile of the time, µs.
    pub p99_us: u64,
    /// Median fuel.
    pub p50_fuel: u64,
    /// 99th percentile of the fuel.
    pub p99_fuel: u64,
}

/// One plugin at one moment.
#[derive(Clone, Debug)]
pub struct PluginHealth {
    /// Its name.
    pub plugin: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// SHA-256 of its file, hexadecimal.
    pub digest: Arc<str>,
    /// `memory` or `buffered`.
    pub lane: &'static str,
    /// The worst of its pairs.
    pub state: HealthState,
    /// Since the plugin was loaded, over all pairs, those that are gone too.
    pub tally: Tally,
    /// Its pairs.
    pub pairs: BTreeMap<Arc<str>, PairHealth>,
    /// The last minute.
    pub minute: Option<Costs>,
    /// What a call may use.
    pub budget: Budget,
    /// What a plain loop burns in a millisecond on this machine.
    pub fuel_per_ms: u64,
}

impl PluginHealth {
    /// What the 99th percentile of the last minute leaves of the fuel and of the time of a call, percent.
    #[must_use]
    pub fn headroom(&self) -> Option<(f64, f64)> {
        let minute = self.minute?;
        let left = |used: u64, of: f64| (100.0 * (1.0 - used as f64 / of)).max(0.0);
        Some((left(minute.p99_fuel, self.budget.fuel as f64), left(minute.p99_us, self.budget.deadline.as_micros() as f64)))
    }

    /// Units of fuel as the milliseconds that they take in a plain loop on this machine.
    #[must_use]
    pub fn fuel_ms(&self, fuel: u64) -> f64 {
        fuel as f64 / self.fuel_per_ms.max(1) as f64
    }

    /// The fields of the Hash `plugin:{name}`.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let (reason, until) = self.state.stopped().unwrap_or_default();
        let pairs_that = |word: &str| self.pairs.values().filter(|pair| pair.state.word() == word).count().to_string();
        let minute = |of: fn(&Costs) -> u64| self.minute.as_ref().map_or_else(String::new, |costs| of(costs).to_string());
        let headroom = |of: fn((f64, f64)) -> f64| self.headroom().map_or_else(String::new, |both| format!("{:.1}", of(both)));
        let Tally { calls, faults, kills, recycled } = &self.tally;
        vec![
            ("version", self.version.to_string()),
            ("digest", self.digest.to_string()),
            ("lane", self.lane.to_owned()),
            ("state", self.state.word().to_owned()),
            ("reason", reason.to_owned()),
            ("until", if until == 0 { String::new() } else { clock::rfc3339(until) }),
            ("pairs", self.pairs.len().to_string()),
            ("pairs_waiting", pairs_that("waiting")),
            ("pairs_quarantined", pairs_that("quarantined")),
            ("calls", calls.to_string()),
            ("faults", faults.total().to_string()),
            ("faults_trap", faults.trap.to_string()),
            ("faults_fuel", faults.fuel.to_string()),
            ("faults_deadline", faults.deadline.to_string()),
            ("faults_memory", faults.memory.to_string()),
            ("faults_refused", faults.refused.to_string()),
            ("faults_answer", faults.answer.to_string()),
            ("kills", kills.to_string()),
            ("recycled", recycled.to_string()),
            ("minute_calls", minute(|costs| costs.calls)),
            ("minute_p50_us", minute(|costs| costs.p50_us)),
            ("minute_p99_us", minute(|costs| costs.p99_us)),
            ("minute_p50_fuel", minute(|costs| costs.p50_fuel)),
            ("minute_p99_fuel", minute(|costs| costs.p99_fuel)),
            ("minute_p99_fuel_ms", self.minute.map_or_else(String::new, |costs| format!("{:.3}", self.fuel_ms(costs.p99_fuel)))),
            ("headroom_fuel_percent", headroom(|both| both.0)),
            ("headroom_time_percent", headroom(|both| both.1)),
            ("budget_fuel", self.budget.fuel.to_string()),
            ("budget_ms", self.budget.deadline.as_millis().to_string()),
            ("budget_memory", self.budget.memory.to_string()),
            ("time", clock::rfc3339(clock::unix_ms())),
        ]
    }
}

/// Where a plugin's analysts note what happens; shared by all of them.
#[derive(Default)]
pub(super) struct Health {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    total: Tally,
    /// Bounded by the number of pairs that run.
    pairs: BTreeMap<Arc<str>, PairHealth>,
    minute: VecDeque<Slice>,
}

/// Some seconds of calls.
struct Slice {
    number: u64,
    us: Histogram<u32>,
    fuel: Histogram<u32>,
}

impl Health {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Counters: nothing under this lock can panic half way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tallies(&self, pair: &Arc<str>, note: impl Fn(&mut Tally)) {
        let mut inner = self.lock();
        note(&mut inner.total);
        note(&mut inner.pair(pair).tally);
    }

    /// A call, whatever came of it.
    pub(super) fn called(&self, pair: &Arc<str>, cost: Cost) {
        self.tallies(pair, |tally| tally.calls += 1);
        self.lock().cost(clock::since_start() / 1_000_000_000 / SLICE_S, cost);
    }

    /// A fault.
    pub(super) fn fault(&self, pair: &Arc<str>, fault: &Fault) {
        self.tallies(pair, |tally| tally.faults.count(fault));
    }

    /// An instance dropped, and what comes now.
    pub(super) fn killed(&self, pair: &Arc<str>, state: HealthState) {
        self.tallies(pair, |tally| tally.kills += 1);
        self.lock().pair(pair).state = state;
    }

    /// An instance replaced.
    pub(super) fn recycled(&self, pair: &Arc<str>) {
        self.tallies(pair, |tally| tally.recycled += 1);
    }

    /// It is called with every book again.
    pub(super) fn active(&self, pair: &Arc<str>) {
        self.lock().pair(pair).state = HealthState::Active;
    }

    /// The pair is gone.
    pub(super) fn forget(&self, pair: &str) {
        self.lock().pairs.remove(pair);
    }

    /// All of it now.
    pub(super) fn snapshot(&self, plugin: &Plugin, fuel_per_ms: u64) -> PluginHealth {
        let inner = self.lock();
        let state = inner.pairs.values().map(|pair| &pair.state).max_by_key(|state| state.badness()).cloned().unwrap_or_default();
        PluginHealth {
            plugin: Arc::clone(&plugin.name),
            version: Arc::clone(&plugin.version),
            digest: Arc::clone(&plugin.digest),
            lane: plugin.lane.as_str(),
            state,
            tally: inner.total.clone(),
            pairs: inner.pairs.clone(),
            minute: inner.costs(clock::since_start() / 1_000_000_000 / SLICE_S),
            budget: plugin.budget,
            fuel_per_ms,
        }
    }
}

impl Inner {
    fn pair(&mut self, pair: &Arc<str>) -> &mut PairHealth {
        self.pairs.entry(Arc::clone(pair)).or_default()
    }

    fn cost(&mut self, number: u64, cost: Cost) {
        if self.minute.back().is_none_or(|slice| slice.number != number) {
            if self.minute.len() == SLICES {
                self.minute.pop_front();
            }
            if let (Some(us), Some(fuel)) = (histogram(MOST_US), histogram(MOST_FUEL)) {
                self.minute.push_back(Slice { number, us, fuel });
            }
        }
        if let Some(slice) = self.minute.back_mut() {
            slice.us.saturating_record(u64::try_from(cost.elapsed.as_micros()).unwrap_or(MOST_US));
            slice.fuel.saturating_record(cost.fuel);
        }
    }

    fn costs(&self, now: u64) -> Option<Costs> {
        let (mut us, mut fuel) = (histogram(MOST_US)?, histogram(MOST_FUEL)?);
        for slice in self.minute.iter().filter(|slice| slice.number + SLICES as u64 > now) {
            us.add(&slice.us).ok()?;
            fuel.add(&slice.fuel).ok()?;
        }
        let at = |of: &Histogram<u32>, quantile| of.value_at_quantile(quantile);
        (!us.is_empty()).then(|| Costs {
            calls: us.len(),
            p50_us: at(&us, 0.5),
            p99_us: at(&us, 0.99),
            p50_fuel: at(&fuel, 0.5),
            p99_fuel: at(&fuel, 0.99),
        })
    }
}

/// Two digits are enough to look at. None can't be: the bounds are constants.
fn histogram(most: u64) -> Option<Histogram<u32>> {
    Histogram::new_with_bounds(1, most, 2).ok()
}

/// The end of a wait that begins now, milliseconds since 1970.
pub(super) fn until_ms(wait: Duration) -> u64 {
    clock::unix_ms().saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(us: u64, fuel: u64) -> Cost {
        Cost { fuel, elapsed: Duration::from_micros(us) }
    }

    #[test]
    fn the_last_minute_forgets_what_is_older() {
        let mut inner = Inner::default();
        for us in 1..=100 {
            inner.cost(5, cost(us, us * 1000));
        }
        let costs = inner.costs(5 + SLICES as u64 - 1).map(|costs| (costs.calls, costs.p50_us, costs.p99_us));
        assert_eq!(costs, Some((100, 50, 99)));
        assert_eq!(inner.costs(5 + SLICES as u64), None);
        for number in 6..40 {
            inner.cost(number, cost(7, 7));
        }
        assert_eq!(inner.minute.len(), SLICES, "bounded");
    }

    #[test]
    fn faults_are_counted_apart_for_the_plugin_and_for_the_pair() {
        let health = Health::default();
        let (one, other): (Arc<str>, Arc<str>) = ("BTC-USDT".into(), "ETH-USDT".into());
        for fault in [
            Fault::Trap(String::new()),
            Fault::Fuel(1),
            Fault::Deadline(1),
            Fault::Memory(1),
            Fault::Refused(String::new()),
            Fault::Answer(String::new()),
        ] {
            health.fault(&one, &fault);
        }
        health.fault(&other, &Fault::Fuel(1));
        let inner = health.lock();
        assert_eq!(inner.total.faults, FaultCounts { trap: 1, fuel: 2, deadline: 1, memory: 1, refused: 1, answer: 1 });
        assert_eq!(inner.pairs["ETH-USDT"].tally.faults, FaultCounts { fuel: 1, ..FaultCounts::default() });
    }
}
