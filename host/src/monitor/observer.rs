//! The one place where everything that happens can be seen: by history, alerts, and whoever comes next.

use std::sync::{Arc, OnceLock};

use crate::alerts::Alert;
use crate::analysis::Reading;
use crate::okx::Change;
use crate::pairs::PairState;

/// What a plugin is doing, over all pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginState {
    /// Its name; that of its file as long as it never could be used.
    pub plugin: String,
    /// The version at work; empty: none.
    pub version: String,
    /// `active`, `waiting`, `quarantined` or `stopped`.
    pub state: String,
    /// What stopped it on a pair; empty: nothing.
    pub reason: String,
    /// Where the newest file stands: `running`, or the phase in which it failed.
    pub phase: String,
    /// What is wrong with the newest file; empty: nothing.
    pub problem: String,
}

impl PluginState {
    /// Out of the fields of `plugin:{name}`.
    #[must_use]
    pub fn of(plugin: &str, fields: &[(&'static str, String)]) -> Self {
        let field = |name: &str| fields.iter().find(|(field, _)| *field == name).map_or_else(String::new, |(_, value)| value.clone());
        Self {
            plugin: plugin.to_owned(),
            version: field("version"),
            state: field("state"),
            reason: field("reason"),
            phase: field("phase"),
            problem: field("problem"),
        }
    }
}

/// Is told what happens. Every call is made on a thread that has other work: it must not block, and must not take long.
pub trait Observer: Send + Sync {
    /// A reading. Memory lane: when it was made, on the plugin's thread. Buffered lane: once Redis has it, in order for each pair.
    fn reading(&self, reading: &Reading) {
        let _ = reading;
    }

    /// A book changed, verified; on the thread that received it.
    fn book(&self, pair: &Arc<str>, change: &Change<'_>) {
        let _ = (pair, change);
    }

    /// A pair is in another state, since then (milliseconds since 1970).
    fn pair_state(&self, pair: &Arc<str>, state: &PairState, since_ms: u64) {
        let _ = (pair, state, since_ms);
    }

    /// A plugin is doing something else than before.
    fn plugin_state(&self, state: &PluginState) {
        let _ = state;
    }

    /// The fields of `system:monitoring`, once a second.
    fn figures(&self, figures: &[(&'static str, String)]) {
        let _ = figures;
    }

    /// An alert began, changed, was acknowledged, or is over.
    fn alert(&self, alert: &Alert) {
        let _ = alert;
    }
}

/// All observers; set once, when the host starts.
#[derive(Default)]
pub struct Observers(OnceLock<Box<[Arc<dyn Observer>]>>);

impl Observers {
    /// Registers them; a second call changes nothing.
    pub fn set(&self, observers: Vec<Arc<dyn Observer>>) {
        let _ = self.0.set(observers.into_boxed_slice());
    }

    /// Tells all of them.
    pub fn tell(&self, what: impl Fn(&dyn Observer)) {
        for observer in self.0.get().into_iter().flatten() {
            what(&**observer);
        }
    }
}
