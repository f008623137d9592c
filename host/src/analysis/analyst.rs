//! One plugin on one pair over time: opens it, calls it, and after a kill waits before it is opened again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadline_market::{Book, Continuity, Instrument};

use super::answer;
use super::component::Plugin;
use super::error::Fault;
use super::instance::Instance;
use super::reading::{Cost, Outcome, Reading, Reason};
use crate::clock::Arrival;

/// First wait after a kill, doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Calls without a fault after which the next wait is the first one again.
const HEALTHY_CALLS: u32 = 100;

/// A plugin at work on one pair.
pub struct Analyst {
    plugin: Arc<Plugin>,
    pair: Arc<str>,
    instrument: Arc<Instrument>,
    parameters: String,
    state: State,
    /// Wait after the next kill.
    wait: Duration,
    /// Calls since the last kill.
    healthy: u32,
    /// The next book follows none that this instance has seen.
    restarted: bool,
}

enum State {
    Closed,
    Open(Box<Instance>),
    /// Killed; not called before this.
    Waiting(Instant),
}

/// One book for one analyst.
pub struct Call<'a> {
    /// The book.
    pub book: &'a Book,
    /// When its frame arrived.
    pub arrival: Arrival,
    /// Books of this pair left out since the last call (memory lane only).
    pub skipped: u32,
    /// A book left out among them was the first after a restart: the differences to the one before mean nothing.
    pub restarted: bool,
    /// What is left of the wall-clock time.
    pub deadline: Duration,
}

impl Analyst {
    /// A plugin on a pair; it is opened with the first book.
    #[must_use]
    pub fn new(plugin: Arc<Plugin>, instrument: Arc<Instrument>, parameters: &str) -> Self {
        Self {
            pair: Arc::from(instrument.id.as_str()),
            plugin,
            instrument,
            parameters: parameters.to_owned(),
            state: State::Closed,
            wait: FIRST_WAIT,
            healthy: 0,
            restarted: true,
        }
    }

    /// The reading of one book; `None` while the plugin waits after a kill (the reading of the kill itself said so).
    pub fn analyze(&mut self, call: Call<'_>) -> Option<Reading> {
        match self.state {
            State::Waiting(until) if Instant::now() < until => {
                self.restarted = true;
                return None;
            }
            State::Waiting(_) | State::Closed => match self.plugin.open(&self.instrument, &self.parameters) {
                Ok(instance) => {
                    self.state = State::Open(Box::new(instance));
                    self.restarted = true;
                }
                Err(error) => return Some(self.killed(&call, Fault::Refused(error.to_string()), Cost::default())),
            },
            State::Open(_) => {}
        }
        let State::Open(instance) = &mut self.state else { return None };
        if call.deadline.is_zero() {
            let late =
                Reason { code: "late".to_owned(), detail: "the book waited longer than a reading may take".to_owned(), remaining_ms: None };
            self.restarted |= call.restarted;
            return Some(self.reading(&call, Outcome::Unknown(late), Cost::default()));
        }
        let restarted = self.restarted || call.restarted || call.book.continuity == Continuity::Restarted;
        let continuity = if restarted { Continuity::Restarted } else { Continuity::Continued };
        let (answer, cost) = instance.analyze(call.book, continuity, call.skipped, call.deadline);
        self.restarted = false;
        match answer.and_then(|raw| answer::check(&self.plugin, self.instrument.tick_size, raw)) {
            Ok(checked) => {
                self.healthy = self.healthy.saturating_add(1);
                if self.healthy == HEALTHY_CALLS {
                    self.wait = FIRST_WAIT;
                }
                let mut reading = self.reading(&call, checked.outcome, cost);
                reading.fields = checked.fields;
                reading.notices = checked.notices;
                Some(reading)
            }
            Err(fault) if fault.poisons() => Some(self.killed(&call, fault, cost)),
            Err(fault) => Some(self.reading(&call, answer::fault(&fault), cost)),
        }
    }

    /// Drops the instance: a trap poisons its Store, and memory it held is given back.
    fn killed(&mut self, call: &Call<'_>, fault: Fault, cost: Cost) -> Reading {
        tracing::warn!(
            plugin = &*self.plugin.name,
            version = &*self.plugin.version,
            pair = &*self.pair,
            code = fault.code(),
            wait_s = self.wait.as_secs(),
            "plugin stopped: {fault}"
        );
        let mut outcome = answer::fault(&fault);
        if let Outcome::Fault(reason) = &mut outcome {
            reason.remaining_ms = u64::try_from(self.wait.as_millis()).ok();
        }
        self.state = State::Waiting(Instant::now() + self.wait);
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.healthy = 0;
        self.reading(call, outcome, cost)
    }

    fn reading(&self, call: &Call<'_>, outcome: Outcome, cost: Cost) -> Reading {
        Reading {
            plugin: Arc::clone(&self.plugin.name),
            version: Arc::clone(&self.plugin.version),
            pair: Arc::clone(&self.pair),
            time_ms: call.book.time_ms,
            sequence: call.book.sequence,
            arrival: call.arrival,
            outcome,
            fields: answer::empty_fields(&self.plugin),
            notices: Vec::new(),
            cost,
            latency: call.arrival.elapsed(),
        }
    }
}
