//! What a tracked book has seen, in numbers.

use serde::Serialize;

/// Counts since the tracked book was made. `frames` is always `snapshots + updates`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// All frames given.
    pub frames: u64,
    /// Snapshots among them.
    pub snapshots: u64,
    /// Updates among them, dropped ones and keep-alives included.
    pub updates: u64,
    /// Updates that changed nothing on purpose: both sides empty.
    pub keepalives: u64,
    /// Updates in which the exchange restarted its ids (`seqId < prevSeqId`, linked): not gaps.
    pub resets: u64,
    /// Updates whose `prevSeqId` is not the id of the frame before.
    pub gaps: u64,
    /// Updates not applied because no valid snapshot came before them; the frame that broke the book is not among them.
    pub dropped: u64,
    /// Checksums that were the book's.
    pub checksum_ok: u64,
    /// Checksums that were not.
    pub checksum_bad: u64,
    /// Applied frames without a checksum, or with the 0 that stands for none.
    pub checksum_absent: u64,
    /// Deletes of prices that were not in the book: ignored.
    pub deletes_unknown: u64,
}
