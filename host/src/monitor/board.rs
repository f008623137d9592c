//! The state of each pair and its newest readings, for the page.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use leadline_market::{Decimal, Trust};

use super::figures::Figures;
use super::lane::LaneFigures;
use super::look::Look;
use crate::analysis::Reading;
use crate::clock::{self, Arrival};
use crate::pairs::PairState;

/// All pairs.
#[derive(Default)]
pub struct Board {
    pairs: RwLock<BTreeMap<Arc<str>, Arc<PairCell>>>,
}

/// One pair.
pub struct PairCell {
    /// Its id.
    pub pair: Arc<str>,
    /// What of its book is looked at.
    pub look: Look,
    status: Mutex<PairStatus>,
    readings: Mutex<BTreeMap<Arc<str>, Arc<Reading>>>,
}

/// What is known of a pair's feed.
#[derive(Debug)]
pub struct PairStatus {
    /// Where it stands.
    pub state: PairState,
    /// Since when, milliseconds since 1970.
    pub since_ms: u64,
    /// How the newest book was verified.
    pub trust: Option<Trust>,
    /// Whether the newest book is crossed.
    pub crossed: bool,
    /// Exchange time of the newest book, milliseconds since 1970.
    pub time_ms: Option<u64>,
    /// The exchange's sequence number of the newest book.
    pub sequence: Option<i64>,
    /// Best bid, as sent.
    pub best_bid: Option<Decimal>,
    /// Best ask, as sent.
    pub best_ask: Option<Decimal>,
    /// Levels a side: bids, asks.
    pub levels: (usize, usize),
    /// Book frames received.
    pub frames: u64,
    /// Times the book broke.
    pub gaps: u64,
    /// Snapshots asked for anew.
    pub resyncs: u64,
    /// Books that followed none: a second snapshot, or exchange time that went back.
    pub restarts: u64,
    /// When the last frame arrived.
    pub last_frame: Option<Arrival>,
    /// Connections that have carried the pair.
    pub connects: u64,
    /// Those of them that followed a lost one.
    pub reconnects: u64,
    /// Times a new connection took the pair over without a gap.
    pub joins: u64,
    /// Times the kept book was compared with the exchange's own at the same sequence number.
    pub audits: u64,
    /// Audits that found the kept book wrong.
    pub drift: u64,
    /// When it was last compared, milliseconds since 1970.
    pub audited_ms: Option<u64>,
    /// Rates, sizes, delays, and how long the book was verified.
    pub figures: Figures,
    /// How far the buffered lane is behind.
    pub lane: Arc<LaneFigures>,
    /// Books that plugins of the memory lane skipped, by plugin; looked up once a second.
    pub skipped: Vec<(Arc<str>, u64)>,
}

impl Board {
    /// The pairs, by id.
    #[must_use]
    pub fn pairs(&self) -> Vec<Arc<PairCell>> {
        self.pairs.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A pair; made when it isn't there.
    pub fn add(&self, pair: &Arc<str>) -> Arc<PairCell> {
        let mut pairs = self.pairs.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pairs.entry(Arc::clone(pair)).or_insert_with(|| Arc::new(PairCell::new(pair))))
    }

    /// A pair, if it is there.
    #[must_use]
    pub fn get(&self, pair: &str) -> Option<Arc<PairCell>> {
        self.pairs.read().unwrap_or_else(PoisonError::into_inner).get(pair).cloned()
    }

    /// Takes a pair off.
    pub fn remove(&self, pair: &str) {
        self.pairs.write().unwrap_or_else(PoisonError::into_inner).remove(pair);
    }

    /// Puts a reading up; one of a pair that was taken off is let go.
    pub fn reading(&self, reading: Arc<Reading>) {
        let cell = self.pairs.read().unwrap_or_else(PoisonError::into_inner).get(&reading.pair).cloned();
        if let Some(cell) = cell {
            cell.readings().insert(Arc::clone(&reading.plugin), reading);
        }
    }

    /// Takes the readings of a plugin off that is no longer at work; answers the pairs.
    pub fn unload(&self, plugin: &str) -> Vec<Arc<str>> {
        let cells = self.pairs();
        for cell in &cells {
            cell.readings().remove(plugin);
        }
        cells.iter().map(|cell| Arc::clone(&cell.pair)).collect()
    }

    /// Pairs whose books are verified and up to date.
    #[must_use]
    pub fn live(&self) -> usize {
        self.pairs().iter().filter(|cell| cell.status().state.is_verified()).count()
    }
}

impl PairCell {
    fn new(pair: &Arc<str>) -> Self {
        let status = PairStatus {
            state: PairState::Connecting { attempt: 0, why: None },
            since_ms: clock::unix_ms(),
            trust: None,
            crossed: false,
            time_ms: None,
            sequence: None,
            best_bid: None,
            best_ask: None,
            levels: (0, 0),
            frames: 0,
            gaps: 0,
            resyncs: 0,
            restarts: 0,
            last_frame: None,
            connects: 0,
            reconnects: 0,
            joins: 0,
            audits: 0,
            drift: 0,
            audited_ms: None,
            figures: Figures::new(),
            lane: Arc::default(),
            skipped: Vec::new(),
        };
        Self { pair: Arc::clone(pair), look: Look::default(), status: Mutex::new(status), readings: Mutex::default() }
    }

    /// Its feed.
    pub fn status(&self) -> MutexGuard<'_, PairStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its newest readings, by plugin.
    pub fn readings(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Reading>>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves to another state; since when, if it is another. [`super::Monitor::enter`] also tells the observers.
    pub(super) fn enter(&self, state: PairState) -> Option<u64> {
        let mut status = self.status();
        if status.state == state {
            return None;
        }
        status.figures.verified(state.is_verified());
        status.state = state;
        status.since_ms = clock::unix_ms();
        Some(status.since_ms)
    }
}
