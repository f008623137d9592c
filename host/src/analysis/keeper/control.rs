//! The handle by which others see and change what is at work while the host runs.

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::Message;
use super::kept::KeptVersion;
use crate::analysis::component::Described;
use crate::analysis::contract::OutputKind;
use crate::analysis::health::{Costs, PairHealth, PluginHealth, Tally};
use crate::analysis::limits::Budget;
use crate::analysis::logs::{LogLine, Logs};
use crate::analysis::phase::Phase;
use crate::analysis::shadow::report::ShadowReport;
use crate::analysis::shadow::rule::{NoRule, Rule};

/// Longest rule, bytes.
const MAX_RULE: usize = 1000;
/// Relative difference up to which a shadow's numbers count as alike, when nothing is said.
pub const TOLERANCE: f64 = 1e-9;

/// One command.
#[derive(Clone, Debug)]
pub enum Command {
    /// A component is checked, written into the folder and put to work.
    Install {
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The parameters of a plugin, or those that one pair has of its own, are these from now on; `null` and what is left out: the default.
    SetParameters {
        /// The plugin.
        plugin: String,
        /// One pair alone.
        pair: Option<String>,
        /// All of them.
        parameters: Map<String, Value>,
    },
    /// A plugin that was switched off works again.
    Enable {
        /// The plugin, or the name of its file without `.wasm`.
        plugin: String,
    },
    /// A plugin is stopped, and its fields are cleared.
    Disable {
        /// The plugin.
        plugin: String,
    },
    /// A candidate runs beside a plugin.
    Shadow {
        /// The plugin.
        plugin: String,
        /// The candidate; none: the component at work, with other parameters.
        bytes: Option<Vec<u8>>,
        /// The candidate's parameters; none: those of the version at work.
        parameters: Option<Map<String, Value>>,
        /// See [`TOLERANCE`].
        tolerance: f64,
        /// When it is promoted by itself.
        rule: Option<Rule>,
    },
    /// The candidate takes over, with what it has gathered.
    Promote {
        /// The plugin.
        plugin: String,
    },
    /// The candidate is let go.
    Drop {
        /// The plugin.
        plugin: String,
    },
    /// An earlier version works again.
    Rollback {
        /// The plugin.
        plugin: String,
        /// The first characters of its digest; none: the newest one before this.
        to: Option<String>,
    },
}

impl Command {
    /// A shadow as somebody types it.
    ///
    /// # Errors
    /// [`ControlError::Rule`], [`ControlError::Value`].
    pub fn shadow(
        plugin: &str,
        bytes: Option<Vec<u8>>,
        parameters: Option<Map<String, Value>>,
        tolerance: Option<f64>,
        rule: Option<&str>,
    ) -> Result<Self, ControlError> {
        let rule = match rule {
            Some(text) if text.len() > MAX_RULE => return Err(ControlError::Value(format!("a rule has at most {MAX_RULE} bytes"))),
            Some(text) => Some(text.parse()?),
            None => None,
        };
        let tolerance = tolerance.unwrap_or(TOLERANCE);
        if !(0.0..=1.0).contains(&tolerance) {
            return Err(ControlError::Value(format!("the tolerance is {tolerance}, not from 0 to 1")));
        }
        if bytes.is_none() && parameters.is_none() {
            return Err(ControlError::Value("a shadow needs a component, or parameters other than those at work".to_owned()));
        }
        Ok(Self::Shadow { plugin: plugin.to_owned(), bytes, parameters, tolerance, rule })
    }
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// The plugin.
    pub plugin: String,
    /// The version that the command was about.
    pub version: String,
    /// Its SHA-256.
    pub digest: String,
    /// Where it stands: `running`, or the phase that it is in.
    pub phase: &'static str,
    /// Whether anything is other than before.
    pub changed: bool,
}

/// Why a command wasn't carried out; nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No plugin of this name is known.
    #[error("there is no plugin `{0}`\nhint: these are known: {1}")]
    Unknown(String, String),
    /// The component or its parameters aren't good enough.
    #[error("{reason}")]
    Refused {
        /// In which phase it showed.
        phase: Phase,
        /// What is wrong, with a hint.
        reason: String,
    },
    /// Something else about this plugin is under way.
    #[error("`{0}` is busy: {1}\nhint: try again in a moment")]
    Busy(String, &'static str),
    /// No candidate runs beside it.
    #[error("no shadow runs beside `{0}`\nhint: `leadline plugin shadow {0} FILE.wasm` starts one")]
    NoShadow(String),
    /// No version is there to go back to.
    #[error("no earlier version of `{0}` is kept{1}\nhint: `leadline plugin list {0}` shows those that are")]
    NoVersion(String, String),
    /// The plugin isn't at work.
    #[error("`{0}` is not at work: {1}\nhint: `leadline plugin enable {0}`, or install a good version")]
    NotAtWork(String, &'static str),
    /// A value can't be meant.
    #[error("{0}\nhint: see docs/plugins.md")]
    Value(String),
    /// A rule can't be read.
    #[error(transparent)]
    Rule(#[from] NoRule),
    /// The folder can't be written.
    #[error("{0} can't be written: {1}\nhint: let the host's user write to PLUGIN_DIR, or put the file there yourself")]
    NotWritten(String, String),
    /// The host is stopping, or has too much to do.
    #[error("the host takes no commands now: {0}\nhint: try again in a moment")]
    Unavailable(&'static str),
}

impl ControlError {
    /// The code of the error; `docs/reasons.md` lists them.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(..) => "unknown_plugin",
            Self::Refused { .. } => "plugin_refused",
            Self::Busy(..) => "plugin_busy",
            Self::NoShadow(_) => "no_shadow",
            Self::NoVersion(..) => "no_version",
            Self::NotAtWork(..) => "not_at_work",
            Self::Value(_) => "bad_value",
            Self::Rule(_) => "bad_rule",
            Self::NotWritten(..) => "not_written",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

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
    pub(super) fn of(plugin: &crate::analysis::Plugin, health: &PluginHealth) -> Self {
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
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, (PluginState, Arc<Logs>)>> {
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

/// One command on its way, and who waits for what comes of it.
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Result<Done, ControlError>>,
}

/// Sees and changes what is at work. Cheap to clone.
#[derive(Clone)]
pub struct Control {
    inbox: SyncSender<Message>,
    shown: Arc<Shown>,
}

impl Control {
    pub(super) fn new(inbox: SyncSender<Message>, shown: Arc<Shown>) -> Self {
        Self { inbox, shown }
    }

    /// All plugins, by name.
    #[must_use]
    pub fn list(&self) -> Vec<PluginState> {
        self.shown.lock().values().map(|(state, _)| state.clone()).collect()
    }

    /// One plugin.
    ///
    /// # Errors
    /// [`ControlError::Unknown`].
    pub fn plugin(&self, name: &str) -> Result<PluginState, ControlError> {
        let shown = self.shown.lock();
        shown.get(name).map(|(state, _)| state.clone()).ok_or_else(|| unknown(name, shown.keys().map(String::as_str)))
    }

    /// The newest log lines of a plugin, oldest first: at most `most`, none before number `from`.
    ///
    /// # Errors
    /// [`ControlError::Unknown`].
    pub fn logs(&self, name: &str, most: usize, from: u64) -> Result<Vec<LogLine>, ControlError> {
        let shown = self.shown.lock();
        let logs = shown.get(name).map(|(_, logs)| Arc::clone(logs)).ok_or_else(|| unknown(name, shown.keys().map(String::as_str)))?;
        drop(shown);
        Ok(logs.newest(most, from))
    }

    /// Has a command carried out. The answer comes when it is done, or after some seconds when it is well on its way: the phase says which.
    ///
    /// # Errors
    /// [`ControlError`]; nothing has changed then.
    pub async fn run(&self, command: Command) -> Result<Done, ControlError> {
        let (reply, answer) = oneshot::channel();
        match self.inbox.try_send(Message::Ask(Request { command, reply })) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(ControlError::Unavailable("too many are waiting")),
            Err(TrySendError::Disconnected(_)) => return Err(ControlError::Unavailable("it is stopping")),
        }
        answer.await.unwrap_or(Err(ControlError::Unavailable("it is stopping")))
    }
}

pub(super) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> ControlError {
    let known: Vec<&str> = known.collect();
    ControlError::Unknown(name.chars().take(80).collect(), if known.is_empty() { "none".to_owned() } else { known.join(", ") })
}
