//! The last books that a plugin was given, by pair: what a new version is tried and warmed up on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadline_market::{Book, Instrument};

/// Books kept a pair. A book of 400 levels a side has 16 KB, shared by all plugins of the memory lane: about 1 MB a pair and lane.
const BOOKS: usize = 64;

/// One book as it was handed over.
#[derive(Clone)]
pub(super) struct Past {
    pub(super) book: Arc<Book>,
    pub(super) restarted: bool,
}

type Pairs = HashMap<Arc<str>, (Arc<Instrument>, VecDeque<Past>)>;

/// The last books of each pair, oldest first.
#[derive(Default)]
pub(super) struct Recents {
    pairs: Mutex<Pairs>,
}

impl Recents {
    fn lock(&self) -> MutexGuard<'_, Pairs> {
        // Nothing under this lock can panic half way through a change.
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, pair: &Arc<str>, instrument: &Arc<Instrument>, past: Past) {
        let mut pairs = self.lock();
        let (known, books) = pairs.entry(Arc::clone(pair)).or_insert_with(|| (Arc::clone(instrument), VecDeque::new()));
        if known != instrument {
            books.clear();
        }
        *known = Arc::clone(instrument);
        if books.len() == BOOKS {
            books.pop_front();
        }
        books.push_back(past);
    }

    pub(super) fn forget(&self, pair: &str) {
        self.lock().remove(pair);
    }

    pub(super) fn of(&self, pair: &str) -> VecDeque<Past> {
        self.lock().get(pair).map(|(_, books)| books.clone()).unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<(Arc<Instrument>, VecDeque<Past>)> {
        self.lock().values().cloned().collect()
    }
}
