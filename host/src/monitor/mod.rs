//! What the host knows of itself.
//!
//! # Layout
//!
//! - [`counters`]: numbers that only grow.
//! - [`latency`]: histograms from frame received to Redis acknowledged, by lane.
//! - [`board`]: the state of each pair and its newest readings, for the page.
//! - [`exchange_clock`]: the exchange's clock against this host's, asked now and then.
//! - [`figures`]: rates, sizes, delays of one pair, and how long its book was verified.
//! - [`lane`]: how far a pair's buffered lane is behind.
//! - [`publish`]: `system:monitoring`, once a second.

pub mod board;
pub mod counters;
pub mod exchange_clock;
pub mod figures;
pub mod lane;
pub mod latency;
pub mod publish;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

pub use board::{Board, PairCell};
pub use counters::Counters;
pub use lane::LaneFigures;
pub use latency::Latency;

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
    /// Connections to the exchange that are open now.
    pub connections: AtomicU64,
    /// The exchange's clock against this host's, once it was asked.
    exchange_clock: Mutex<Option<ClockOffset>>,
    /// Wanted pairs over the limit, and members of the Set that are no instrument's name.
    not_run: Mutex<NotRun>,
    /// When the wanted pairs were last read, milliseconds since 1970; 0: not yet.
    pub last_config_check_ms: AtomicU64,
    /// Bytes that Redis uses, as it said last; 0: it hasn't.
    redis_memory: AtomicU64,
    redis_away: AtomicBool,
}

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

    /// Bytes that Redis uses, as it said last.
    pub fn redis_memory(&self) -> Option<u64> {
        Some(self.redis_memory.load(Ordering::Relaxed)).filter(|&bytes| bytes > 0)
    }

    /// Redis said how many bytes it uses; or it didn't answer.
    pub fn set_redis_memory(&self, bytes: Option<u64>) {
        self.redis_memory.store(bytes.unwrap_or(0), Ordering::Relaxed);
    }

    /// A reading was made, and nothing will make it a second time: what is done with every reading in this process begins here. On the
    /// memory lane on the plugin's thread, as soon as it is made; on the buffered lane in order for each pair, once Redis has it. It must
    /// not block.
    pub fn reading(&self, reading: &crate::analysis::Reading) {
        self.counters.readings.add(1);
        if matches!(reading.outcome, crate::analysis::Outcome::Fault(_)) {
            self.counters.faults.add(1);
        }
        self.board.reading(reading.clone());
    }
}
