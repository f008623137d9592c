//! One analysis of one instrument: a Store of its own, with its limits, called under a budget.

use std::time::{Duration, Instant};

use leadline_market as market;
use wasmtime::component::{InstancePre, TypedFunc};
use wasmtime::{ResourceLimiter, Store, Trap};

use super::contract::{self, Descriptor, LogHost, LogLevel, PluginIndices};
use super::engine::{Budget, Engine, TICK};
use super::error::Fault;
use super::reading::Cost;

/// Log lines one call may write; the rest are counted, not written.
const LOG_LINES: u32 = 8;
/// Longest log line kept, bytes.
const LOG_LINE: usize = 1000;
/// Tables an instance may have, and their entries: a Rust plugin has one with a few hundred.
const TABLES: usize = 16;
const TABLE_ENTRIES: usize = 20_000;

/// What the answer of `analyze` is before the host has checked it.
pub(crate) type RawReading = contract::leadline::plugin::report::Reading;

/// The host's side of one Store.
pub(crate) struct HostState {
    /// `plugin pair`, for the log.
    label: String,
    memory: usize,
    /// Set when the plugin asked for more than it may have.
    memory_refused: bool,
    /// Lines left in this call.
    log_lines: u32,
    log_dropped: u64,
}

impl HostState {
    fn new(label: String, memory: usize) -> Self {
        Self { label, memory, memory_refused: false, log_lines: LOG_LINES, log_dropped: 0 }
    }
}

impl ResourceLimiter for HostState {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= self.memory;
        self.memory_refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= TABLE_ENTRIES;
        self.memory_refused |= !allowed;
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        32
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        4
    }
}

impl LogHost for HostState {
    fn write(&mut self, level: LogLevel, message: String) {
        if self.log_lines == 0 {
            self.log_dropped += 1;
            return;
        }
        self.log_lines -= 1;
        // A plugin's line can't look like several, or like one of the host's.
        let line: String = message.chars().take(LOG_LINE).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let source = self.label.as_str();
        match level {
            LogLevel::Debug => tracing::debug!(plugin = source, "{line}"),
            LogLevel::Info => tracing::info!(plugin = source, "{line}"),
            LogLevel::Warn => tracing::warn!(plugin = source, "{line}"),
            LogLevel::Error => tracing::error!(plugin = source, "{line}"),
        }
    }
}

impl contract::leadline::plugin::types::Host for HostState {}
impl contract::leadline::plugin::book::Host for HostState {}
impl contract::leadline::plugin::report::Host for HostState {}

/// An opened analysis. After a [`Fault`] that poisons, it must be dropped.
pub struct Instance {
    store: Store<HostState>,
    exports: contract::Plugin,
    budget: Budget,
    state: Option<StateFunctions>,
    /// Log lines of earlier calls that were over the limit, not yet told.
    log_dropped: u64,
}

type Save = TypedFunc<(), (Result<Vec<u8>, String>,)>;
type Restore = TypedFunc<(String, String, Vec<u8>), (Result<(), String>,)>;

struct StateFunctions {
    save: Save,
    restore: Restore,
}

/// What instances are made of: the component with its imports resolved, and where its exports lie.
pub(super) struct Template {
    pub(super) pre: InstancePre<HostState>,
    pub(super) exports: PluginIndices,
}

/// Asks a component to describe itself, in a Store that is thrown away.
pub(super) fn describe(template: &Template, engine: &Engine, budget: Budget) -> Result<Descriptor, String> {
    let (mut store, exports, _) = instantiate(template, engine, budget, "describe".to_owned())?;
    arm(&mut store, budget.fuel, FIRST_CALL);
    exports
        .leadline_plugin_analysis()
        .call_describe(&mut store)
        .map_err(|error| classify(&error, store.data(), budget.fuel, FIRST_CALL, budget.memory).to_string())
}

/// Time for the calls outside the hot path: instantiation, `describe`, `open`.
const FIRST_CALL: Duration = Duration::from_secs(1);

type Instantiated = (Store<HostState>, contract::Plugin, wasmtime::component::Instance);

fn instantiate(template: &Template, engine: &Engine, budget: Budget, label: String) -> Result<Instantiated, String> {
    let mut store = Store::new(engine.wasmtime(), HostState::new(label, budget.memory));
    store.limiter(|state| state);
    arm(&mut store, budget.fuel, FIRST_CALL);
    let made = template.pre.instantiate(&mut store).and_then(|instance| Ok((template.exports.load(&mut store, &instance)?, instance)));
    match made {
        Ok((exports, instance)) => Ok((store, exports, instance)),
        Err(error) => Err(format!("instantiate: {}", classify(&error, store.data(), budget.fuel, FIRST_CALL, budget.memory))),
    }
}

/// Both budgets, right before a call.
fn arm(store: &mut Store<HostState>, fuel: u64, deadline: Duration) {
    // Fuel is always on in this engine (see `engine.rs`), which is the only way this can fail.
    let _ = store.set_fuel(fuel);
    // The first tick may come at once: n ticks last between n - 1 and n milliseconds.
    let ticks = deadline.as_nanos().div_ceil(TICK.as_nanos()).max(1);
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX));
    store.data_mut().log_lines = LOG_LINES;
}

fn classify(error: &wasmtime::Error, state: &HostState, fuel: u64, deadline: Duration, memory: usize) -> Fault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Fault::Fuel(fuel),
        Some(Trap::Interrupt) => Fault::Deadline(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX)),
        _ if state.memory_refused => Fault::Memory(memory),
        Some(trap) => Fault::Trap(trap.to_string()),
        None => Fault::Trap(first_line(&format!("{error:#}"))),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

impl Instance {
    pub(super) fn open(
        template: &Template,
        engine: &Engine,
        budget: Budget,
        plugin: &str,
        instrument: &market::Instrument,
        parameters: &str,
    ) -> Result<Self, String> {
        let label = format!("{plugin} {}", instrument.id);
        let (mut store, exports, instance) = instantiate(template, engine, budget, label)?;
        arm(&mut store, budget.fuel, FIRST_CALL);
        exports
            .leadline_plugin_analysis()
            .call_open(&mut store, contract::instrument(instrument), parameters)
            .map_err(|error| classify(&error, store.data(), budget.fuel, FIRST_CALL, budget.memory).to_string())??;
        let state = StateFunctions::find(&mut store, &instance);
        Ok(Self { store, exports, budget, state, log_dropped: 0 })
    }

    /// Hands one book to the plugin. `deadline` is what is left of its wall-clock time.
    ///
    /// # Errors
    /// The [`Fault`] that stopped it, with what the call had used by then.
    pub(crate) fn analyze(
        &mut self,
        book: &market::Book,
        continuity: market::Continuity,
        skipped: u32,
        deadline: Duration,
    ) -> (Result<RawReading, Fault>, Cost) {
        let fuel = self.budget.fuel;
        arm(&mut self.store, fuel, deadline);
        let began = Instant::now();
        let answer = self.exports.leadline_plugin_analysis().call_analyze(&mut self.store, contract::snapshot(book, continuity, skipped));
        let elapsed = began.elapsed();
        let left = self.store.get_fuel().unwrap_or(0);
        let cost = Cost { fuel: fuel - left.min(fuel), elapsed };
        self.tell_dropped_lines();
        let answer = match answer {
            Ok(Ok(reading)) => Ok(reading),
            Ok(Err(said)) => Err(Fault::Refused(first_line(&said))),
            Err(error) => Err(classify(&error, self.store.data(), fuel, deadline, self.budget.memory)),
        };
        (answer, cost)
    }

    /// The plugin's state, where it offers one.
    ///
    /// # Errors
    /// Why it can't be saved.
    pub fn save(&mut self) -> Result<Option<Vec<u8>>, String> {
        let Some(state) = &self.state else { return Ok(None) };
        arm(&mut self.store, self.budget.fuel, FIRST_CALL);
        let (answer,) = state
            .save
            .call(&mut self.store, ())
            .map_err(|error| classify(&error, self.store.data(), self.budget.fuel, FIRST_CALL, self.budget.memory).to_string())?;
        answer.map(Some)
    }

    /// Hands over the state that an earlier instance saved.
    ///
    /// # Errors
    /// Why it doesn't fit; the instance must then be dropped.
    pub fn restore(&mut self, from_version: &str, from_parameters: &str, saved: Vec<u8>) -> Result<(), String> {
        let Some(state) = &self.state else { return Err("the plugin keeps no state".to_owned()) };
        arm(&mut self.store, self.budget.fuel, FIRST_CALL);
        let (answer,) = state
            .restore
            .call(&mut self.store, (from_version.to_owned(), from_parameters.to_owned(), saved))
            .map_err(|error| classify(&error, self.store.data(), self.budget.fuel, FIRST_CALL, self.budget.memory).to_string())?;
        answer
    }

    fn tell_dropped_lines(&mut self) {
        let dropped = self.store.data().log_dropped;
        if dropped > self.log_dropped {
            // Told on the 1st, 2nd, 4th, 8th ... dropped line, so that a flood of lines doesn't become a flood of warnings.
            if dropped.ilog2() != self.log_dropped.checked_ilog2().unwrap_or(u32::MAX) {
                tracing::warn!(
                    plugin = self.store.data().label.as_str(),
                    dropped,
                    "log lines over the limit of {LOG_LINES} a call were dropped"
                );
            }
            self.log_dropped = dropped;
        }
    }
}

impl StateFunctions {
    /// The optional interface, probed on its own so that a plugin without it loads all the same.
    fn find(store: &mut Store<HostState>, instance: &wasmtime::component::Instance) -> Option<Self> {
        let interface = instance.get_export_index(&mut *store, None, contract::STATE_INTERFACE)?;
        let save = instance.get_export_index(&mut *store, Some(&interface), "save")?;
        let restore = instance.get_export_index(&mut *store, Some(&interface), "restore")?;
        Some(Self { save: instance.get_typed_func(&mut *store, save).ok()?, restore: instance.get_typed_func(&mut *store, restore).ok()? })
    }
}
