//! Where a pair's verified books go: to the lanes and Redis, or into a recording.

use leadline_market::{Applied, BookFrame, TrackedBook};
use tokio::time::Instant;

use crate::clock::Arrival;
use crate::monitor::board::PairStatus;

/// A frame that was verified and applied.
pub struct Change<'a> {
    /// The book after it.
    pub tracked: &'a TrackedBook,
    /// What it was.
    pub applied: &'a Applied,
    /// The frame.
    pub frame: &'a BookFrame,
    /// When it arrived.
    pub arrival: Arrival,
}

/// What a feed hands its pair's news to. Nothing here may wait.
pub trait Outlet: Send {
    /// A book changed, verified. Never called for a book that broke.
    fn change(&mut self, change: &Change<'_>);

    /// Every frame of the stream that the pair goes by, applied or not, as text and in its order.
    fn raw(&mut self, bytes: &[u8], arrival: Arrival) {
        let _ = (bytes, arrival);
    }

    /// Whether a new connection's snapshot belongs into [`Outlet::raw`] also where the kept book goes on without it: a recording can be
    /// read from there on.
    fn keeps_snapshots(&self) -> bool {
        false
    }

    /// The pair's state, when it changed and now and then.
    fn state(&mut self, status: &PairStatus);

    /// Does what is due by now; says when something will be.
    fn due(&mut self, tracked: &TrackedBook, now: Instant) -> Option<Instant> {
        let _ = (tracked, now);
        None
    }

    /// The pair is taken away: the last chance to write.
    fn finish(&mut self, tracked: &TrackedBook) {
        let _ = tracked;
    }
}
