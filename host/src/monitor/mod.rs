//! What the host knows of itself.
//!
//! # Layout
//!
//! - [`counters`]: numbers that only grow.
//! - [`latency`]: histograms from frame received to Redis acknowledged, by lane.
//! - [`board`]: the state of each pair and its newest readings, for the page.
//! - [`publish`]: `system:monitoring`, once a second.

pub mod board;
pub mod counters;
pub mod latency;
pub mod publish;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use board::{Board, PairCell};
pub use counters::Counters;
pub use latency::Latency;

use crate::results::LinkError;

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
    /// Bytes that Redis uses, as it said last.
    pub fn redis_memory(&self) -> Option<u64> {
        Some(self.redis_memory.load(Ordering::Relaxed)).filter(|&bytes| bytes > 0)
    }

    /// Redis said how many bytes it uses; or it didn't answer.
    pub fn set_redis_memory(&self, bytes: Option<u64>) {
        self.redis_memory.store(bytes.unwrap_or(0), Ordering::Relaxed);
    }

    /// A reading was made.
    pub fn reading(&self, reading: &crate::analysis::Reading) {
        self.counters.readings.add(1);
        if matches!(reading.outcome, crate::analysis::Outcome::Fault(_)) {
            self.counters.faults.add(1);
        }
    }
}
