//! What the host knows of itself.
//!
//! # Layout
//!
//! - [`counters`]: numbers that only grow.
//! - [`latency`]: histograms from frame received to Redis acknowledged, by lane.
//! - [`board`]: the state of each pair and its newest readings, for the page.
//! - [`exchange_clock`]: the exchange's clock against this host's, asked now and then.
//! - [`observer`]: the one place where everything that happens can be seen.
//! - [`figures`]: rates, sizes, delays of one pair, and how long its book was verified.
//! - [`lane`]: how far a pair's buffered lane is behind.
//! - [`look`]: the best levels of a book, copied out only while somebody looks at them.
//! - [`history_figures`]: what the history says of itself.
//! - [`machine`]: what this process uses of its machine.
//! - [`redis_figures`]: what Redis says of itself.
//! - [`stages`]: how long frames took to each stage of their way.
//! - [`ready`]: whether the host does its work now.
//! - [`publish`]: `system:monitoring` and `system:stages`, once a second.

pub mod board;
pub mod counters;
pub mod exchange_clock;
pub mod figures;
pub mod history_figures;
pub mod lane;
pub mod latency;
pub mod look;
pub mod machine;
pub mod observer;
pub mod publish;
pub mod ready;
pub mod redis_figures;
pub mod stages;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use board::{Board, PairCell};
pub use counters::Counters;
pub use history_figures::{HistoryFigures, HistoryReport};
pub use lane::LaneFigures;
pub use latency::Latency;
pub use observer::{Observer, PluginState};
pub use stages::StageTimes;

use self::machine::MachineFigures;
use self::observer::Observers;
use self::redis_figures::RedisFigures;
use self::stages::Stages;
use crate::analysis::{Outcome, Reading};
use crate::okx::Change;
use crate::pairs::PairState;
use crate::recent::Recent;
use crate::results::LinkError;

/// The exchange's clock against this host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// The exchange's time less this host's, milliseconds.
    pub offset_ms: i64,
    /// It may be wrong by this much either way: half of the time the question took.
    pub uncertainty_ms: u64,
}

impl ClockOffset {
    /// Whether delays between the two clocks mean something: nothing shows that the clocks differ by more than 10 ms.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.offset_ms.unsigned_abs() <= self.uncertainty_ms.max(10)
    }
}

/// What the wanted Set asks for and doesn't get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotRun {
    /// Pairs over the limit.
    pub left_out: Vec<String>,
    /// Members that are no instrument's name, shortened.
    pub refused: Vec<String>,
}

/// Everything that is measured, shared by all parts.
#[derive(Default)]
pub struct Monitor {
    /// Numbers that only grow.
    pub counters: Counters,
    /// From frame received to Redis acknowledged.
    pub latency: Latency,
    /// Pairs and readings.
    pub board: Board,
    /// The frames of the last minutes, once the host keeps them.
    pub recent: OnceLock<Arc<Recent>>,
    /// Connections to the exchange that are open now.
    pub connections: AtomicU64,
    /// The exchange's clock against this host's, once it was asked.
    exchange_clock: Mutex<Option<ClockOffset>>,
    /// Wanted pairs over the limit, and members of the Set that are no instrument's name.
    not_run: Mutex<NotRun>,
    /// When the wanted pairs were last read, milliseconds since 1970; 0: not yet.
    pub last_config_check_ms: AtomicU64,
    /// What Redis said last of itself; none: it doesn't answer.
    redis: Mutex<Option<RedisFigures>>,
    /// What this process uses of its machine.
    machine: Mutex<MachineFigures>,
    /// Numbers of the alerts, by name.
    alerts: Mutex<Vec<(&'static str, u64)>>,
    /// How long frames took to each stage.
    pub stages: Stages,
    redis_away: AtomicBool,
    /// What the history says of itself.
    pub history: HistoryFigures,
    /// Fields of each plugin's Hash, as they were last told; bounded by the files of the folder.
    plugins: Mutex<BTreeMap<String, PluginFields>>,
    observers: Observers,
}

/// The fields of `plugin:{name}`.
pub type PluginFields = Vec<(&'static str, String)>;

impl Monitor {
    /// Redis failed; told once an outage.
    pub fn redis_failed(&self, error: &LinkError) {
        self.counters.redis_errors.add(1);
        if !self.redis_away.swap(true, Ordering::Relaxed) {
            tracing::warn!("Redis writes wait: {error}");
        }
    }

    /// Redis took a write.
    pub fn redis_is_there(&self) {
        if self.redis_away.load(Ordering::Relaxed) && self.redis_away.swap(false, Ordering::Relaxed) {
            tracing::info!("Redis takes writes again");
        }
    }
}

impl Monitor {
    /// The exchange's clock against this host's, once it was asked.
    pub fn exchange_clock(&self) -> Option<ClockOffset> {
        *self.exchange_clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exchange said what time it is.
    pub fn set_exchange_clock(&self, offset: ClockOffset) {
        *self.exchange_clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(offset);
    }

    /// What the wanted Set asks for and doesn't get.
    pub fn not_run(&self) -> NotRun {
        self.not_run.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The wanted Set was read.
    pub fn set_not_run(&self, not_run: NotRun) {
        *self.not_run.lock().unwrap_or_else(PoisonError::into_inner) = not_run;
    }

    /// What Redis said last of itself; none: it doesn't answer.
    pub fn redis(&self) -> Option<RedisFigures> {
        *self.redis.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Redis was asked.
    pub fn set_redis(&self, figures: Option<RedisFigures>) {
        *self.redis.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    /// What this process uses of its machine.
    pub fn machine(&self) -> MachineFigures {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The machine was looked at.
    pub fn set_machine(&self, figures: MachineFigures) {
        *self.machine.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    /// Numbers of the alerts, by name.
    pub fn alert_figures(&self) -> Vec<(&'static str, u64)> {
        self.alerts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The alerts were counted.
    pub fn set_alert_figures(&self, figures: &[(&'static str, u64)]) {
        *self.alerts.lock().unwrap_or_else(PoisonError::into_inner) = figures.to_vec();
    }
}

/// What happens, on its way to the board and to the observers. Both lanes, the feeds and the keeper of the plugins call these, once each.
impl Monitor {
    /// Registers who is told of everything; once, before anything is started. They are held for as long as the monitor: one that knows the
    /// monitor, or what does, holds it weakly, or neither is ever freed.
    pub fn observe(&self, observers: Vec<Arc<dyn Observer>>) {
        self.observers.set(observers);
    }

    /// A reading, which nothing will make a second time. Memory lane: when it was made, on the plugin's thread. Buffered lane: once Redis has
    /// it, in order for each pair.
    pub fn reading(&self, reading: &Arc<Reading>) {
        self.counters.readings.add(1);
        if matches!(reading.outcome, Outcome::Fault(_)) {
            self.counters.faults.add(1);
        }
        self.board.reading(Arc::clone(reading));
        self.observers.tell(|observer| observer.reading(reading));
    }

    /// A verified book changed.
    pub fn book(&self, pair: &Arc<str>, change: &Change<'_>) {
        self.observers.tell(|observer| observer.book(pair, change));
    }

    /// Moves a pair to another state; whether it is another.
    pub fn enter(&self, cell: &PairCell, state: PairState) -> bool {
        let told = state.clone();
        let Some(since_ms) = cell.enter(state) else { return false };
        self.observers.tell(|observer| observer.pair_state(&cell.pair, &told, since_ms));
        true
    }

    /// What a plugin is doing: the fields of its Hash, each second and when something changes.
    pub fn plugin(&self, name: &str, fields: &[(&'static str, String)]) {
        let state = PluginState::of(name, fields);
        let before = self.plugin_fields().insert(name.to_owned(), fields.to_vec());
        if before.is_none_or(|before| PluginState::of(name, &before) != state) {
            self.observers.tell(|observer| observer.plugin_state(&state));
        }
    }

    /// The fields of each plugin's Hash, as they were last told.
    pub fn plugins(&self) -> BTreeMap<String, PluginFields> {
        self.plugin_fields().clone()
    }

    fn plugin_fields(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, PluginFields>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fields of `system:monitoring` were made.
    pub fn figures(&self, figures: &[(&'static str, String)]) {
        self.observers.tell(|observer| observer.figures(figures));
    }

    /// An alert began, changed, was acknowledged, or is over.
    pub fn alert(&self, alert: &crate::alerts::Alert) {
        self.observers.tell(|observer| observer.alert(alert));
    }
}
