//! Plugins as they are shown: by the API, on the page, by `leadline plugin list`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::kept::KeptVersion;
use crate::analysis::component::{Described, Plugin};
use crate::analysis::contract::OutputKind;
use crate::analysis::health::{Costs, PairHealth, PluginHealth, Tally};
use crate::analysis::limits::Budget;
use crate::analysis::logs::Logs;
use crate::analysis::phase::Phase;
use crate::analysis::shadow::report::ShadowReport;

/// A plugin as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PluginState {
    /// Its name; of a file that never worked, the file's.
    pub name: String,
    /// Its file, without `.wasm`.
    pub file: String,
    /// `active`, `waiting`, `quarantined` or `stopped`: the worst of its pairs.
    pub state: &'static str,
    /// Why it waits.
    pub reason: String,
    /// Where its newest file stands.
    #[schema(value_type = Phase)]
    pub phase: &'static str,
    /// What is wrong with it, with a hint; empty: nothing.
    pub problem: String,
    /// When the version at work took over, milliseconds since 1970.
    pub loaded_ms: Option<u64>,
    /// The version at work.
    pub work: Option<AtWork>,
    /// Versions that a rollback can go to, and the one at work; the newest first.
    pub versions: Vec<KeptVersion>,
    /// The candidate beside it.
    pub shadow: Option<ShadowReport>,
}

/// A version at work.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PluginAtWork)]
pub struct AtWork {
    /// As it says.
    #[schema(value_type = String)]
    pub version: Arc<str>,
    /// SHA-256 of its component.
    #[schema(value_type = String)]
    pub digest: Arc<str>,
    /// One sentence.
    pub summary: String,
    /// `memory` or `buffered`.
    pub lane: &'static str,
    /// Its parameters, of all pairs.
    #[schema(value_type = Object)]
    pub parameters: Value,
    /// Those of pairs that have their own.
    #[schema(value_type = Object)]
    pub pair_parameters: BTreeMap<String, Value>,
    /// What it gives, in its own order.
    pub outputs: Vec<OutputState>,
    /// The JSON Schema of its parameters.
    #[schema(value_type = Object)]
    pub schema: Value,
    /// What a call may use.
    pub budget: Limits,
    /// Since it took over, over all pairs.
    pub tally: Tally,
    /// What calls of the last minute cost.
    pub minute: Option<Costs>,
    /// What the 99th percentile leaves of the fuel, and of the time, percent.
    #[schema(value_type = Option<Vec<f64>>)]
    pub headroom_percent: Option<(f64, f64)>,
    /// Fuel that a plain loop burns in a millisecond on this machine.
    pub fuel_per_ms: u64,
    /// Its pairs.
    pub pairs: Vec<PairState>,
}

/// One output, as the plugin describes it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PluginOutput)]
pub struct OutputState {
    /// Its name within the plugin.
    pub name: String,
    /// Its name in `analysis:{id}`.
    pub field: String,
    /// How it is formatted and drawn: `price`, `size`, `notional`, `bps`, `score`, `ratio`, `state`, `count`, `time` or `other`.
    pub kind: &'static str,
    /// Its unit; empty: none.
    pub unit: String,
    /// The lowest value that it can have.
    pub low: Option<f64>,
    /// The highest.
    pub high: Option<f64>,
    /// One sentence on what it is.
    pub summary: String,
}

/// A budget in plain units.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = PluginLimits)]
pub struct Limits {
    /// Units of fuel.
    fuel: u64,
    /// Wall-clock time.
    deadline_ms: u64,
    /// Memory of one pair.
    memory_bytes: usize,
    /// Entries of a table.
    table_entries: usize,
    /// Stack of a call.
    stack_bytes: usize,
    /// Size of one answer.
    answer_bytes: usize,
    /// Log lines a second and pair.
    log_lines: u32,
    /// Calls after which an instance is replaced by a fresh one with its state.
    recycle_calls: u64,
}

/// One pair of a plugin.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PluginPair)]
pub struct PairState {
    /// The pair.
    #[schema(value_type = String)]
    pub pair: Arc<str>,
    /// `active`, `waiting` or `quarantined`.
    pub state: &'static str,
    /// What stopped it.
    pub reason: String,
    /// Until when, milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// Its counts.
    pub tally: Tally,
}

impl From<Budget> for Limits {
    fn from(budget: Budget) -> Self {
        Self {
            fuel: budget.fuel,
            deadline_ms: u64::try_from(budget.deadline.as_millis()).unwrap_or(u64::MAX),
            memory_bytes: budget.memory,
            table_entries: budget.table_entries,
            stack_bytes: budget.stack,
            answer_bytes: budget.answer,
            log_lines: budget.log_lines,
            recycle_calls: budget.recycle_calls,
        }
    }
}

fn kind(kind: OutputKind) -> &'static str {
    match kind {
        OutputKind::Price => "price",
        OutputKind::Size => "size",
        OutputKind::Notional => "notional",
        OutputKind::Bps => "bps",
        OutputKind::Score => "score",
        OutputKind::Ratio => "ratio",
        OutputKind::State => "state",
        OutputKind::Count => "count",
        OutputKind::Time => "time",
        OutputKind::Other => "other",
    }
}

impl From<&Described> for OutputState {
    fn from(output: &Described) -> Self {
        Self {
            name: output.name.clone(),
            field: output.published.clone(),
            kind: kind(output.kind),
            unit: output.unit.clone(),
            low: output.low,
            high: output.high,
            summary: output.summary.clone(),
        }
    }
}

impl AtWork {
    pub(super) fn of(plugin: &Plugin, health: &PluginHealth) -> Self {
        let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let pair = |(pair, PairHealth { state, tally }): (&Arc<str>, &PairHealth)| {
            let stopped = state.stopped();
            PairState {
                pair: Arc::clone(pair),
                state: state.word(),
                reason: stopped.map(|(reason, _)| reason.to_owned()).unwrap_or_default(),
                until_ms: stopped.map(|(_, until)| until),
                tally: tally.clone(),
            }
        };
        Self {
            version: Arc::clone(&plugin.version),
            digest: Arc::clone(&plugin.digest),
            summary: plugin.summary.clone(),
            lane: plugin.lane.as_str(),
            parameters: json(&plugin.parameters.all),
            pair_parameters: plugin.parameters.pairs.iter().map(|(pair, own)| (pair.clone(), json(own))).collect(),
            outputs: plugin.described.iter().map(OutputState::from).collect(),
            schema: json(plugin.schema()),
            budget: plugin.budget.into(),
            tally: health.tally.clone(),
            minute: health.minute,
            headroom_percent: health.headroom(),
            fuel_per_ms: health.fuel_per_ms,
            pairs: health.pairs.iter().map(pair).collect(),
        }
    }
}

/// What is known of all plugins; the keeper writes it, everybody reads it.
#[derive(Default)]
pub(super) struct Shown(Mutex<BTreeMap<String, (PluginState, Arc<Logs>)>>);

impl Shown {
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (PluginState, Arc<Logs>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, state: PluginState, logs: &Arc<Logs>) {
        self.lock().insert(state.name.clone(), (state, Arc::clone(logs)));
    }

    /// Takes off what isn't a plugin any more.
    pub(super) fn retain(&self, known: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| known(name));
    }
}
