//! The handle by which others have something done to what is at work, and see it, while the host runs.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::Message;
use super::shown::{PluginState, Shown};
use crate::analysis::logs::LogLine;
use crate::analysis::phase::Phase;
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
