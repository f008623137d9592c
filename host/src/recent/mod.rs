//! The frames of the last minutes, as the exchange sent them, so that an idea can be tried on what just happened: `leadline record --last 10m`.
//!
//! # Layout
//!
//! - [`ring`]: one pair's frames in packed blocks, bounded by time and by bytes.
//! - [`keyframe`]: the book that a block begins with, as a snapshot in the exchange's form.
//! - [`past`]: a pair's books of the last minutes, made again from its frames.
//! - [`parcel`]: the rings of some pairs as one stream, in the order in which the frames were received.

mod keyframe;
mod parcel;
mod past;
mod ring;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use parcel::{Asked, Gathered};
pub use past::Past;
pub use ring::Ring;

/// What bounds the rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long frames are kept; zero keeps none.
    pub span: Duration,
    /// Bytes kept of a pair, packed.
    pub bytes: usize,
}

/// The rings of all pairs.
pub struct Recent {
    limits: Limits,
    endpoint: String,
    channel: String,
    pairs: Mutex<BTreeMap<Arc<str>, Arc<Ring>>>,
    asking: Arc<AtomicUsize>,
}

/// How many may fetch frames at once: each holds a block a pair unpacked, and packs what it sends.
const AT_ONCE: usize = 2;

/// One that may; given back when it is dropped.
pub struct Turn(Arc<AtomicUsize>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the rings hold, to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes in memory.
    pub bytes: u64,
    /// Frames that were given up before their time, since a ring was full.
    pub dropped: u64,
}

impl Recent {
    /// No ring yet. Where the frames come from is told to whoever asks for them.
    #[must_use]
    pub fn new(limits: Limits, endpoint: &str, channel: &str) -> Self {
        Self { limits, endpoint: endpoint.to_owned(), channel: channel.to_owned(), pairs: Mutex::default(), asking: Arc::default() }
    }

    /// The pair's ring, the same for every feed that it has; none when nothing is kept.
    #[must_use]
    pub fn ring(&self, pair: &Arc<str>) -> Option<Arc<Ring>> {
        if self.limits.span.is_zero() {
            return None;
        }
        let mut pairs = self.pairs();
        Some(Arc::clone(pairs.entry(Arc::clone(pair)).or_insert_with(|| Arc::new(Ring::new(pair, self.limits)))))
    }

    /// The pair isn't wanted any more: its frames go.
    pub fn forget(&self, pair: &str) {
        self.pairs().remove(pair);
    }

    /// The right to fetch frames; none while as many as may do so.
    #[must_use]
    pub fn turn(&self) -> Option<Turn> {
        let turn = Turn(Arc::clone(&self.asking));
        // Counted before it is looked at: whoever is one too many gives it back at once.
        (self.asking.fetch_add(1, Ordering::Relaxed) < AT_ONCE).then_some(turn)
    }

    /// What they hold.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let rings: Vec<_> = self.pairs().values().map(Arc::clone).collect();
        rings
            .iter()
            .map(|ring| ring.figures())
            .fold(Figures::default(), |all, one| Figures { bytes: all.bytes + one.bytes, dropped: all.dropped + one.dropped })
    }

    fn pairs(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Ring>>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
