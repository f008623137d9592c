//! The last books that a plugin was given, by pair: what a new version is tried and warmed up on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leadline_market::{Book, Instrument};

/// Books kept a pair. A book of 400 levels a side has 16 KB, shared by all plugins of the memory lane: about 1 MB a pair and lane.
pub(crate) const BOOKS: usize = 64;

/// One book as it was handed over.
#[derive(Clone)]
pub(super) struct Past {
    pub(super) book: Arc<Book>,
    pub(super) restarted: bool,
    /// Books of the pair left out right before it.
    pub(super) skipped: u32,
}

/// One pair.
#[derive(Clone)]
pub(super) struct PairPast {
    pub(super) instrument: Arc<Instrument>,
    /// Oldest first.
    pub(super) books: VecDeque<Past>,
    /// The number of the next book; they are counted from 0 since the plugin has the pair.
    pub(super) next: u64,
}

impl PairPast {
    /// The books from a number on; none when some of them are no longer kept.
    fn since(&self, number: u64) -> Option<VecDeque<Past>> {
        let wanted = usize::try_from(self.next.checked_sub(number)?).ok()?;
        let first = self.books.len().checked_sub(wanted)?;
        Some(self.books.range(first..).cloned().collect())
    }
}

/// The last books of each pair.
#[derive(Default)]
pub(super) struct Recents {
    pairs: Mutex<HashMap<Arc<str>, PairPast>>,
}

impl Recents {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, PairPast>> {
        // Nothing under this lock can panic half way through a change.
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a book; its number.
    pub(super) fn note(&self, pair: &Arc<str>, instrument: &Arc<Instrument>, past: Past) -> u64 {
        let mut pairs = self.lock();
        let known = pairs.entry(Arc::clone(pair)).or_insert_with(|| PairPast {
            instrument: Arc::clone(instrument),
            books: VecDeque::with_capacity(BOOKS),
            next: 0,
        });
        if known.instrument != *instrument {
            known.books.clear();
        }
        known.instrument = Arc::clone(instrument);
        if known.books.len() == BOOKS {
            known.books.pop_front();
        }
        known.books.push_back(past);
        known.next += 1;
        known.next - 1
    }

    pub(super) fn forget(&self, pair: &str) {
        self.lock().remove(pair);
    }

    pub(super) fn of(&self, pair: &str) -> VecDeque<Past> {
        self.lock().get(pair).map(|past| past.books.clone()).unwrap_or_default()
    }

    /// How many books a pair has had.
    pub(super) fn next(&self, pair: &str) -> u64 {
        self.lock().get(pair).map_or(0, |past| past.next)
    }

    /// The books of a pair from a number on; none when some of them are no longer kept.
    pub(super) fn since(&self, pair: &str, number: u64) -> Option<VecDeque<Past>> {
        self.lock().get(pair)?.since(number)
    }

    pub(super) fn all(&self) -> Vec<PairPast> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn pairs(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn books_from_a_number_on_are_all_of_them_or_none() {
        let (recents, pair) = (Recents::default(), Arc::from("BTC-USDT"));
        let instrument = Arc::new(leadline_market::infer("BTC-USDT", 1, 0));
        let note = |n: u32| {
            let past = Past { book: Arc::new(Book::empty()), restarted: false, skipped: n };
            assert_eq!(recents.note(&pair, &instrument, past), u64::from(n));
        };
        (0..100).for_each(note);
        let since = |number| recents.since("BTC-USDT", number).map(|books| books.iter().map(|past| past.skipped).collect::<Vec<_>>());
        assert_eq!(since(97), Some(vec![97, 98, 99]));
        assert_eq!(since(100), Some(vec![]));
        assert_eq!(since(36).map(|books| books.len()), Some(64));
        assert_eq!((since(35), since(101)), (None, None), "no longer kept, and not yet there");
    }
}
