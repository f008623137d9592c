//! One plugin on one pair over time: opens it, calls it, waits after a kill, leaves it in quarantine after many, replaces it when it is worn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadline_market::{Book, Continuity, Instrument};

use super::answer::{self, Checked};
use super::component::Plugin;
use super::error::Fault;
use super::health::{self, HealthState};
use super::instance::Instance;
use super::reading::{Cost, Outcome, Reading, Reason};
use super::saved::SavedState;
use crate::clock::Arrival;

/// Calls without a fault after which earlier kills are forgotten.
const HEALTHY_CALLS: u32 = 100;

/// How long a plugin is left alone on a pair after it was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Wait after the first kill, doubled each time.
    pub first_wait: Duration,
    /// Longest wait.
    pub longest_wait: Duration,
    /// Kills without [`HEALTHY_CALLS`] calls between them, after which it goes into quarantine.
    pub kills: u32,
    /// How long that lasts; then one try decides whether it begins again.
    pub quarantine: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { first_wait: Duration::from_secs(1), longest_wait: Duration::from_secs(30), kills: 8, quarantine: Duration::from_secs(600) }
    }
}

/// A plugin at work on one pair.
pub struct Analyst {
    plugin: Arc<Plugin>,
    pair: Arc<str>,
    instrument: Arc<Instrument>,
    parameters: String,
    state: State,
    /// Kills without enough good calls between them.
    kills: u32,
    /// Calls since the last kill.
    healthy: u32,
    /// The next book follows none that this instance has seen.
    restarted: bool,
    /// What an earlier host saved, until the plugin is opened.
    saved: Option<SavedState>,
    /// It runs beside the version at work: nothing of it is counted or told.
    beside: bool,
}

enum State {
    Closed,
    Open(Box<Instance>),
    /// Killed; not called before this.
    Waiting(Instant),
    /// Killed again and again; one try after this.
    Quarantined(Instant),
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
            kills: 0,
            healthy: 0,
            restarted: true,
            saved: None,
            beside: false,
        }
    }

    /// An opened analyst that runs beside the version at work, until [`Analyst::take_seat`]: with a state, or without.
    ///
    /// # Errors
    /// What refuses to open. A state that isn't taken is no error: whether it was, is told.
    pub(super) fn beside(
        plugin: &Arc<Plugin>,
        instrument: &Arc<Instrument>,
        saved: Option<&SavedState>,
    ) -> Result<(Self, Option<Result<(), String>>), String> {
        let pair = &instrument.id;
        let parameters = plugin.parameters_of(pair);
        let mut analyst = Self::new(Arc::clone(plugin), Arc::clone(instrument), parameters);
        analyst.beside = true;
        let open = || plugin.open(instrument, parameters).map_err(|error| error.to_string());
        let mut instance = open()?;
        let taken = saved.map(|saved| instance.restore(&saved.version, &saved.parameters, saved.bytes.clone()));
        match (&taken, saved) {
            (Some(Ok(())), Some(saved)) => analyst.restarted = saved.restarted,
            // An instance that refused a state may hold half of it.
            (Some(Err(_)), _) => instance = open()?,
            _ => {}
        }
        analyst.state = State::Open(Box::new(instance));
        Ok((analyst, taken))
    }

    /// From here on it is the one at work.
    pub(super) fn take_seat(&mut self) {
        self.beside = false;
    }

    /// Lets the plugin begin with what was saved; before its first book.
    pub(super) fn begin_with(&mut self, saved: SavedState) {
        self.saved = Some(saved);
    }

    /// What the plugin has gathered; none while it isn't open, or offers no state.
    pub(super) fn save(&mut self) -> Option<SavedState> {
        let State::Open(instance) = &mut self.state else { return None };
        match instance.save() {
            Ok(Some(bytes)) if !bytes.is_empty() => Some(SavedState {
                version: self.plugin.version.to_string(),
                parameters: self.parameters.clone(),
                restarted: self.restarted,
                bytes,
            }),
            Ok(_) => None,
            Err(said) => {
                let (plugin, version, pair) = (&*self.plugin.name, &*self.plugin.version, &*self.pair);
                tracing::warn!(plugin, version, pair, "its state can't be saved, so that a restart would warm up: {said}");
                None
            }
        }
    }

    /// Opens the plugin, with the state of an earlier host where there is one that it takes.
    fn open(&mut self) -> Result<(), Fault> {
        let open = || self.plugin.open(&self.instrument, &self.parameters).map_err(|error| Fault::Refused(error.to_string()));
        let mut instance = open()?;
        self.restarted = true;
        if let Some(saved) = self.saved.take() {
            let (plugin, version, pair) = (&*self.plugin.name, &*self.plugin.version, &*self.pair);
            match instance.restore(&saved.version, &saved.parameters, saved.bytes) {
                Ok(()) => {
                    self.restarted = saved.restarted;
                    tracing::info!(plugin, version, pair, from_version = saved.version, "goes on from its saved state");
                }
                Err(said) => {
                    tracing::warn!(
                        plugin,
                        version,
                        pair,
                        from_version = saved.version,
                        "warms up, since it doesn't take its saved state: {said}"
                    );
                    // An instance that refused a state may hold half of it.
                    instance = open()?;
                }
            }
        }
        self.state = State::Open(Box::new(instance));
        Ok(())
    }

    /// The plugin.
    pub(super) fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// The instrument.
    pub(super) fn instrument(&self) -> &Arc<Instrument> {
        &self.instrument
    }

    /// The pair.
    pub(super) fn pair(&self) -> &str {
        &self.pair
    }

    /// The reading of one book; `None` while the plugin waits after a kill (the reading of the kill itself said so).
    pub fn analyze(&mut self, call: Call<'_>) -> Option<Reading> {
        match self.state {
            State::Waiting(until) | State::Quarantined(until) if Instant::now() < until => {
                self.restarted = true;
                return None;
            }
            State::Waiting(_) | State::Quarantined(_) | State::Closed => {
                if let Err(fault) = self.open() {
                    return Some(self.killed(&call, fault, Cost::default()));
                }
            }
            State::Open(_) => {}
        }
        let State::Open(instance) = &mut self.state else { return None };
        if call.deadline.is_zero() {
            let late =
                Reason { code: "late".to_owned(), detail: "the book waited longer than a reading may take".to_owned(), remaining_ms: None };
            self.restarted |= call.restarted;
            return Some(self.reading(&call, Outcome::Unknown(late), answer::empty_fields(&self.plugin), Cost::default()));
        }
        let restarted = self.restarted || call.restarted || call.book.continuity == Continuity::Restarted;
        let continuity = if restarted { Continuity::Restarted } else { Continuity::Continued };
        let (answer, cost) = instance.analyze(call.book, continuity, call.skipped, call.deadline);
        self.restarted = false;
        if !self.beside {
            self.plugin.health.called(&self.pair, cost);
        }
        match answer.and_then(|raw| answer::check(&self.plugin, self.instrument.tick_size, raw)) {
            Ok(checked) => {
                self.well();
                let Checked { outcome, fields, notices } = checked;
                Some(Reading { notices, ..self.reading(&call, outcome, fields, cost) })
            }
            Err(fault) if fault.poisons() => Some(self.killed(&call, fault, cost)),
            Err(fault) => {
                if !self.beside {
                    self.plugin.health.fault(&self.pair, &fault);
                }
                Some(self.reading(&call, answer::fault(&fault), answer::empty_fields(&self.plugin), cost))
            }
        }
    }

    /// Between two books: replaces an instance that has run for long, or holds much memory, by a fresh one with its state. Readings
    /// are those of a run in which that didn't happen; a plugin that offers no state goes on as it is.
    pub fn rest(&mut self) {
        let State::Open(instance) = &mut self.state else { return };
        if !instance.is_worn() {
            return;
        }
        match self.plugin.successor(instance, &self.instrument, &self.parameters) {
            Ok(Some(fresh)) => {
                **instance = fresh;
                if !self.beside {
                    self.plugin.health.recycled(&self.pair);
                }
                tracing::debug!(plugin = &*self.plugin.name, pair = &*self.pair, "instance replaced, its state handed over");
            }
            Ok(None) => instance.postpone(),
            Err(error) => {
                instance.postpone();
                let (plugin, version, pair) = (&*self.plugin.name, &*self.plugin.version, &*self.pair);
                tracing::warn!(plugin, version, pair, "the instance goes on, since its state can't be handed over: {error}");
            }
        }
    }

    /// A call without a fault.
    fn well(&mut self) {
        self.healthy = self.healthy.saturating_add(1);
        if self.kills == 0 {
            return;
        }
        let on_trial = self.kills >= self.plugin.patience.kills;
        if (on_trial || self.healthy == 1) && !self.beside {
            self.plugin.health.active(&self.pair);
        }
        if on_trial || self.healthy >= HEALTHY_CALLS {
            self.kills = 0;
        }
    }

    /// Drops the instance: a trap poisons its Store, and memory it held is given back.
    fn killed(&mut self, call: &Call<'_>, fault: Fault, cost: Cost) -> Reading {
        let patience = self.plugin.patience;
        let quarantined = self.kills + 1 >= patience.kills;
        let wait = if quarantined {
            patience.quarantine
        } else {
            patience.first_wait.saturating_mul(1 << self.kills.min(20)).min(patience.longest_wait)
        };
        self.kills = self.kills.saturating_add(1);
        self.healthy = 0;
        let (reason, until_ms) = (fault.to_string(), health::until_ms(wait));
        let state = if quarantined { HealthState::Quarantined { reason, until_ms } } else { HealthState::Waiting { reason, until_ms } };
        if !self.beside {
            let (word, kills) = (if quarantined { "quarantined" } else { "stopped" }, self.kills);
            let (plugin, version, pair) = (&*self.plugin.name, &*self.plugin.version, &*self.pair);
            tracing::warn!(plugin, version, pair, code = fault.code(), wait_s = wait.as_secs(), kills, "plugin {word}: {fault}");
            self.plugin.logs.write("warn", &self.pair, format!("{word} for {} s: {fault}", wait.as_secs()));
            self.plugin.health.fault(&self.pair, &fault);
            self.plugin.health.killed(&self.pair, state);
        }
        let mut outcome = answer::fault(&fault);
        if let Outcome::Fault(reason) = &mut outcome {
            reason.remaining_ms = u64::try_from(wait.as_millis()).ok();
            if quarantined {
                reason.detail.push_str(&format!("; quarantined after {} kills", self.kills));
            }
        }
        let until = Instant::now() + wait;
        self.state = if quarantined { State::Quarantined(until) } else { State::Waiting(until) };
        self.reading(call, outcome, answer::empty_fields(&self.plugin), cost)
    }

    fn reading(&self, call: &Call<'_>, outcome: Outcome, fields: Vec<(String, String)>, cost: Cost) -> Reading {
        Reading {
            plugin: Arc::clone(&self.plugin.name),
            version: Arc::clone(&self.plugin.version),
            pair: Arc::clone(&self.pair),
            time_ms: call.book.time_ms,
            sequence: call.book.sequence,
            arrival: call.arrival,
            outcome,
            fields,
            notices: Vec::new(),
            cost,
            latency: call.arrival.elapsed(),
        }
    }
}

impl Drop for Analyst {
    fn drop(&mut self) {
        if self.beside {
            return;
        }
        self.plugin.health.forget(&self.pair);
    }
}
