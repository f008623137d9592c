//! Numbers that only grow.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of the host.
#[derive(Debug, Default)]
pub struct Counters {
    /// Book frames received.
    pub frames: Counter,
    /// Their bytes.
    pub bytes: Counter,
    /// Frames that could not be read.
    pub frames_invalid: Counter,
    /// Updates dropped while a book was broken.
    pub frames_dropped: Counter,
    /// Books that broke: gap, wrong checksum, impossible levels.
    pub gaps: Counter,
    /// Snapshots asked for anew.
    pub resyncs: Counter,
    /// Frames about pairs that nobody subscribed to on their connection.
    pub frames_unrouted: Counter,
    /// New connections that took a pair over from an old one.
    pub joins: Counter,
    /// Kept books compared with the exchange's own at the same sequence number.
    pub audits: Counter,
    /// Kept books that differed.
    pub drift: Counter,
    /// Tries to connect that failed.
    pub connects_failed: Counter,
    /// Connections made.
    pub connects: Counter,
    /// Connections lost.
    pub disconnects: Counter,
    /// Pairs added or taken away while running.
    pub subscription_changes: Counter,
    /// Readings made.
    pub readings: Counter,
    /// Readings that a newer one overtook before Redis took them.
    pub readings_superseded: Counter,
    /// Calls of plugins that were stopped or failed.
    pub faults: Counter,
    /// Calls to Redis that failed.
    pub redis_errors: Counter,
    /// Checkpoints of the buffered lane written.
    pub checkpoints: Counter,
    /// Events that nobody could be told, since Redis was away too long.
    pub events_dropped: Counter,
    /// Frames of the buffered lane dropped: List full, Redis away too long, or unreadable.
    pub lane_dropped: Counter,
    /// Times at which this machine's clock was set to another time.
    pub clock_steps: Counter,
}
