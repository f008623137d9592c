//! One analysis of one instrument: a Store of its own, with its limits, called under a budget.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leadline_market as market;
use wasmtime::component::{InstancePre, TypedFunc};
use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};

use super::contract::{self, Descriptor, LogHost, LogLevel, PluginIndices};
use super::engine::Engine;
use super::error::Fault;
use super::limits::Budget;
use super::logs::Logs;
use super::reading::Cost;
use super::watchdog::Watch;

/// Log lines one call may write; the rest are counted, not written.
const LOG_LINES: u32 = 8;
/// Longest log line kept, bytes.
const LOG_LINE: usize = 1000;
/// Core instances a component may consist of, and their tables: a Python plugin has its interpreter's libraries as instances of their own.
const INSTANCES: usize = 128;
const TABLES: usize = 64;
/// Bytes of a description, as the host holds it.
const DESCRIPTION: usize = 1 << 20;
/// Bytes of a saved state.
const STATE: usize = 32 << 20;
/// Fuel of `save` and `restore` at least: they write and read whole windows, and nobody waits for them with a book in hand.
const STATE_FUEL: u64 = 1_000_000_000;
/// An instance near its memory limit isn't replaced before this many calls: a plugin that needs so much would be replaced over and over.
const FEWEST_CALLS: u64 = 1000;

/// What the answer of `analyze` is before the host has checked it.
pub(crate) type RawReading = contract::leadline::plugin::report::Reading;

/// The host's side of one Store.
pub(crate) struct HostState {
    /// `plugin pair`, for the log.
    label: String,
    pair: Arc<str>,
    /// The plugin's newest lines.
    logs: Arc<Logs>,
    limits: Budget,
    /// Bytes of memory that it has.
    memory: usize,
    /// Set when the plugin asked for more than it may have.
    memory_refused: bool,
    /// When the running call must have ended.
    due: Instant,
    log: LogAllowance,
}

/// How much a plugin may log: so many lines a call, and so many a second.
struct LogAllowance {
    call: u32,
    second: u32,
    began: Instant,
    dropped: u64,
}

impl LogAllowance {
    /// Whether one more line may be written.
    fn take(&mut self, a_second: u32) -> bool {
        if self.began.elapsed() >= Duration::from_secs(1) {
            (self.began, self.second) = (Instant::now(), a_second);
        }
        let may = self.call > 0 && self.second > 0;
        if may {
            self.call -= 1;
            self.second -= 1;
        } else {
            self.dropped += 1;
        }
        may
    }
}

impl HostState {
    fn new(plugin: &str, pair: &str, limits: Budget, logs: Arc<Logs>) -> Self {
        let now = Instant::now();
        let label = format!("{plugin} {pair}");
        let log = LogAllowance { call: LOG_LINES, second: limits.log_lines, began: now, dropped: 0 };
        Self { label, pair: Arc::from(pair), logs, limits, memory: 0, memory_refused: false, due: now, log }
    }
}

impl ResourceLimiter for HostState {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limits.memory;
        self.memory_refused |= !allowed;
        if allowed {
            self.memory = self.memory.max(desired);
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limits.table_entries;
        self.memory_refused |= !allowed;
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        INSTANCES
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
        if !self.log.take(self.limits.log_lines) {
            return;
        }
        // A plugin's line can't look like several, or like one of the host's.
        let line: String = message.chars().take(LOG_LINE).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let source = self.label.as_str();
        match level {
            LogLevel::Debug => tracing::debug!(plugin = source, "{line}"),
            LogLevel::Info => tracing::info!(plugin = source, "{line}"),
            LogLevel::Warn => tracing::warn!(plugin = source, "{line}"),
            LogLevel::Error => tracing::error!(plugin = source, "{line}"),
        }
        let level = match level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        self.logs.write(level, &self.pair, line);
    }
}

impl contract::leadline::plugin::types::Host for HostState {}
impl contract::leadline::plugin::book::Host for HostState {}
impl contract::leadline::plugin::report::Host for HostState {}

/// An opened analysis. After a [`Fault`] that poisons, it must be dropped.
pub struct Instance {
    store: Store<HostState>,
    exports: contract::Plugin,
    engine: Engine,
    budget: Budget,
    state: Option<StateFunctions>,
    /// Calls since it was opened, or since it couldn't be replaced.
    calls: u64,
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

/// An instance that hasn't been opened.
pub(super) struct Blank {
    store: Store<HostState>,
    exports: contract::Plugin,
}

/// A first instance, to see that there can be one.
///
/// # Errors
/// What stopped it.
pub(super) fn instantiate_once(template: &Template, engine: &Engine, budget: Budget) -> Result<Blank, String> {
    let (store, exports, _) = instantiate(template, engine, budget, HostState::new("describe", "", budget, Arc::default()))?;
    Ok(Blank { store, exports })
}

impl Blank {
    /// Asks it to describe itself; it is thrown away afterwards.
    pub(super) fn describe(mut self, engine: &Engine, budget: Budget) -> Result<Descriptor, String> {
        let allowance = Allowance { fuel: budget.fuel, deadline: FIRST_CALL, answer: DESCRIPTION };
        let _watch = arm(&mut self.store, engine, allowance);
        let described = self.exports.leadline_plugin_analysis().call_describe(&mut self.store);
        described.map_err(|error| classify(&error, self.store.data(), allowance).to_string())
    }
}

/// Time for the calls outside the hot path: instantiation, `describe`, `open`, `save`, `restore`.
const FIRST_CALL: Duration = Duration::from_secs(1);

type Instantiated = (Store<HostState>, contract::Plugin, wasmtime::component::Instance);

fn instantiate(template: &Template, engine: &Engine, budget: Budget, state: HostState) -> Result<Instantiated, String> {
    let mut store = Store::new(engine.wasmtime(), state);
    store.limiter(|state| state);
    // A tick of the epoch says only that some call is due; whether it is this one stands in the state.
    store.epoch_deadline_callback(|context| {
        if Instant::now() >= context.data().due { Err(Trap::Interrupt.into()) } else { Ok(UpdateDeadline::Continue(1)) }
    });
    let allowance = Allowance { fuel: budget.fuel, deadline: FIRST_CALL, answer: budget.answer };
    let watch = arm(&mut store, engine, allowance);
    let made = template.pre.instantiate(&mut store).and_then(|instance| Ok((template.exports.load(&mut store, &instance)?, instance)));
    drop(watch);
    match made {
        Ok((exports, instance)) => Ok((store, exports, instance)),
        Err(error) => Err(classify(&error, store.data(), allowance).to_string()),
    }
}

/// In wasmtime's words: the answer is larger than the call may hand over.
const TOO_MUCH: &str = "too much data is being copied";

/// What one call may use.
#[derive(Clone, Copy)]
struct Allowance {
    fuel: u64,
    deadline: Duration,
    answer: usize,
}

/// All budgets, right before a call; the deadline holds while the watch does.
fn arm<'e>(store: &mut Store<HostState>, engine: &'e Engine, allowance: Allowance) -> Watch<'e> {
    // Fuel is always on in this engine (see `engine.rs`), which is the only way this can fail.
    let _ = store.set_fuel(allowance.fuel);
    store.set_hostcall_fuel(allowance.answer);
    let due = Instant::now() + allowance.deadline;
    let state = store.data_mut();
    state.due = due;
    state.log.call = LOG_LINES;
    // Before the watch begins, so that no tick can come in between unseen.
    store.set_epoch_deadline(1);
    engine.watch(due)
}

fn classify(error: &wasmtime::Error, state: &HostState, allowance: Allowance) -> Fault {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Fault::Fuel(allowance.fuel),
        Some(Trap::Interrupt) => Fault::Deadline(u64::try_from(allowance.deadline.as_millis()).unwrap_or(u64::MAX)),
        _ if state.memory_refused => Fault::Memory(state.limits.memory),
        Some(trap) => Fault::Trap(trap.to_string()),
        None => {
            let text = format!("{error:#}");
            if text.contains(TOO_MUCH) {
                return Fault::TooMuch(allowance.answer);
            }
            Fault::Trap(first_line(&text))
        }
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
        (plugin, logs): (&str, &Arc<Logs>),
        instrument: &market::Instrument,
        parameters: &str,
    ) -> Result<Self, String> {
        let state = HostState::new(plugin, &instrument.id, budget, Arc::clone(logs));
        let (mut store, exports, instance) =
            instantiate(template, engine, budget, state).map_err(|detail| format!("instantiate: {detail}"))?;
        let allowance = Allowance { fuel: budget.fuel, deadline: FIRST_CALL, answer: budget.answer };
        let watch = arm(&mut store, engine, allowance);
        let opened = exports.leadline_plugin_analysis().call_open(&mut store, contract::instrument(instrument), parameters);
        drop(watch);
        opened.map_err(|error| classify(&error, store.data(), allowance).to_string())?.map_err(|said| first_line(&said))?;
        let state = StateFunctions::find(&mut store, &instance);
        Ok(Self { store, exports, engine: engine.clone(), budget, state, calls: 0, log_dropped: 0 })
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
        let Budget { fuel, answer, .. } = self.budget;
        let allowance = Allowance { fuel, deadline, answer };
        let watch = arm(&mut self.store, &self.engine, allowance);
        let began = Instant::now();
        let answer = self.exports.leadline_plugin_analysis().call_analyze(&mut self.store, contract::snapshot(book, continuity, skipped));
        let elapsed = began.elapsed();
        drop(watch);
        self.calls += 1;
        let left = self.store.get_fuel().unwrap_or(0);
        let cost = Cost { fuel: fuel - left.min(fuel), elapsed };
        self.tell_dropped_lines();
        let answer = match answer {
            Ok(Ok(reading)) => Ok(reading),
            Ok(Err(said)) => Err(Fault::Refused(first_line(&said))),
            Err(error) => Err(classify(&error, self.store.data(), allowance)),
        };
        (answer, cost)
    }

    /// Whether it has run so long, or holds so much memory, that a fresh one should take over.
    pub(super) fn is_worn(&self) -> bool {
        let full = self.store.data().memory > self.budget.high_water() && self.calls >= FEWEST_CALLS;
        full || self.calls >= self.budget.recycle_calls
    }

    /// It couldn't be replaced: it goes on as long again.
    pub(super) fn postpone(&mut self) {
        self.calls = 0;
    }

    /// The plugin's state, where it offers one.
    ///
    /// # Errors
    /// Why it can't be saved.
    pub fn save(&mut self) -> Result<Option<Vec<u8>>, String> {
        let Some(state) = &self.state else { return Ok(None) };
        let allowance = self.for_state();
        let _watch = arm(&mut self.store, &self.engine, allowance);
        let (answer,) = state.save.call(&mut self.store, ()).map_err(|error| classify(&error, self.store.data(), allowance).to_string())?;
        answer.map(Some).map_err(|said| first_line(&said))
    }

    /// Hands over the state that an earlier instance saved.
    ///
    /// # Errors
    /// Why it doesn't fit; the instance must then be dropped.
    pub fn restore(&mut self, from_version: &str, from_parameters: &str, saved: Vec<u8>) -> Result<(), String> {
        let Some(state) = &self.state else { return Err("the plugin keeps no state".to_owned()) };
        let allowance = self.for_state();
        let _watch = arm(&mut self.store, &self.engine, allowance);
        let (answer,) = state
            .restore
            .call(&mut self.store, (from_version.to_owned(), from_parameters.to_owned(), saved))
            .map_err(|error| classify(&error, self.store.data(), allowance).to_string())?;
        answer.map_err(|said| first_line(&said))
    }

    fn for_state(&self) -> Allowance {
        Allowance { fuel: self.budget.fuel.max(STATE_FUEL), deadline: FIRST_CALL, answer: STATE }
    }

    fn tell_dropped_lines(&mut self) {
        let dropped = self.store.data().log.dropped;
        if dropped > self.log_dropped {
            // Told on the 1st, 2nd, 4th, 8th ... dropped line, so that a flood of lines doesn't become a flood of warnings.
            if dropped.ilog2() != self.log_dropped.checked_ilog2().unwrap_or(u32::MAX) {
                tracing::warn!(
                    plugin = self.store.data().label.as_str(),
                    dropped,
                    "log lines over the limit of {LOG_LINES} a call or {} a second were dropped",
                    self.budget.log_lines
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
