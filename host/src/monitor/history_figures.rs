//! What the history says of itself once a second.

use std::sync::{Mutex, PoisonError};

/// The newest report of the history.
#[derive(Debug, Default)]
pub struct HistoryFigures(Mutex<Option<HistoryReport>>);

/// The history at one moment. Counts are since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HistoryReport {
    /// Points a second that were written and acknowledged, over the last ten seconds.
    pub write_rate: f64,
    /// Points that wait in memory.
    pub queued: u64,
    /// Bytes that wait on the disk.
    pub spooled_bytes: u64,
    /// Points dropped, since queue and spool were full.
    pub dropped: u64,
    /// Points refused for their content, and laid aside.
    pub refused: u64,
    /// Writes that failed.
    pub errors: u64,
}

impl HistoryFigures {
    /// The history is so now.
    pub fn set(&self, report: HistoryReport) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
    }

    /// What it said last; none where no history is kept.
    pub fn get(&self) -> Option<HistoryReport> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
