//! A pair's books into the lanes and into Redis.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use leadline_market::{Instrument, TrackedBook, infer_from};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Arrival;
use crate::lanes::Router;
use crate::monitor::board::PairStatus;
use crate::monitor::{Monitor, PairCell};
use crate::okx::{Change, Outlet};
use crate::recent::Ring;
use crate::results::{Writer, hashes, keys};

/// What a pair's feed hands its books to.
pub struct Publisher {
    /// Its id.
    pub pair: Arc<str>,
    /// The lanes.
    pub router: Router,
    /// What is known of the instrument; shared with the buffered lane's consumer.
    pub instrument: watch::Sender<Option<Arc<Instrument>>>,
    /// Books and states into Redis.
    pub writer: Arc<Writer>,
    /// The exchange's clock against ours.
    pub monitor: Arc<Monitor>,
    /// The frames of the last minutes; none when they aren't kept.
    pub recent: Option<Arc<Ring>>,
    /// Where the book is shown to whoever looks at it live.
    pub cell: Arc<PairCell>,
    /// Shortest time between two writes of the book.
    pub interval: Duration,
    /// The book changed since it was last written.
    pub unwritten: bool,
    /// When it may be written again.
    pub write_at: Instant,
    /// How much later than its interval the second write comes; see [`apart`].
    pub apart: Duration,
    /// The book changed since it was last shown.
    pub unshown: bool,
    /// When it may be shown again.
    pub show_at: Instant,
}

/// Shortest time between two books that a live view gets.
const SHOW_EVERY: Duration = Duration::from_millis(50);

/// A part of the interval that is the pair's own. All pairs begin at once: without it, their books, 20 KB each, would go on being written at one
/// moment of each second, and frames that come then would wait.
pub(super) fn apart(pair: &str, interval: Duration) -> Duration {
    let mut hasher = std::hash::DefaultHasher::new();
    pair.hash(&mut hasher);
    interval.mul_f64((hasher.finish() % 1000) as f64 / 1000.0)
}

impl Publisher {
    /// The pair's instrument; where the exchange didn't say, what its id and its book tell.
    fn known(&self, tracked: &TrackedBook) -> Arc<Instrument> {
        if let Some(known) = &*self.instrument.borrow() {
            return Arc::clone(known);
        }
        let inferred = Arc::new(infer_from(&self.pair, tracked.book()));
        self.instrument.send_replace(Some(Arc::clone(&inferred)));
        inferred
    }

    fn write(&mut self, tracked: &TrackedBook) {
        if self.unwritten && tracked.is_valid() {
            self.writer.hash(keys::orderbook(&self.pair), hashes::orderbook(&self.pair, tracked));
        }
        self.unwritten = false;
    }
}

impl Publisher {
    /// Shows the book if somebody looks and the time has come; says when it will have.
    fn show(&mut self, tracked: &TrackedBook, now: Instant) -> Option<Instant> {
        if !self.unshown || self.cell.look.levels() == 0 {
            return None;
        }
        if now < self.show_at {
            return Some(self.show_at);
        }
        if tracked.is_valid() {
            self.cell.look.show(tracked);
        }
        self.unshown = false;
        self.show_at = now + SHOW_EVERY;
        None
    }
}

impl Outlet for Publisher {
    fn change(&mut self, change: &Change<'_>) {
        let instrument = self.known(change.tracked);
        if let Some(recent) = &self.recent {
            recent.changed(change, &instrument);
        }
        self.router.update(&instrument, change.tracked, change.applied, change.frame, change.arrival);
        self.monitor.book(&self.pair, change);
        self.unwritten = true;
        self.unshown = true;
    }

    fn raw(&mut self, bytes: &[u8], arrival: Arrival) {
        if let Some(recent) = &self.recent {
            recent.raw(bytes, arrival.unix_us());
        }
    }

    fn state(&mut self, status: &PairStatus) {
        let clock = self.monitor.exchange_clock();
        self.writer.hash(keys::feed(&self.pair), status.fields(&self.pair, clock));
        if status.state.is_verified() {
            self.writer.renew(&self.pair);
        }
    }

    fn due(&mut self, tracked: &TrackedBook, now: Instant) -> Option<Instant> {
        if self.unwritten && now >= self.write_at {
            self.write(tracked);
            self.write_at = now + self.interval + std::mem::take(&mut self.apart);
        }
        let shown_at = self.show(tracked, now);
        let written_at = self.unwritten.then_some(self.write_at);
        shown_at.into_iter().chain(written_at).min()
    }

    fn finish(&mut self, tracked: &TrackedBook) {
        self.write(tracked);
    }
}
