//! The best levels of a pair's book, copied out only while somebody looks at them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use leadline_market::{Level, TrackedBook};

/// The best levels of a verified book.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopBook {
    /// The exchange's sequence number.
    pub sequence: Option<i64>,
    /// Exchange time, milliseconds since 1970.
    pub time_ms: Option<u64>,
    /// Best first.
    pub bids: Vec<Level>,
    /// Best first.
    pub asks: Vec<Level>,
}

/// What of a pair's book is looked at.
#[derive(Debug, Default)]
pub struct Look {
    levels: AtomicUsize,
    newest: Mutex<Option<Arc<TopBook>>>,
}

impl Look {
    /// Levels a side that somebody looks at; 0: nobody does.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.levels.load(Ordering::Relaxed)
    }

    /// Somebody looks at so many levels a side; 0: nobody does any more. A copy with fewer levels, or for nobody, is let go.
    pub fn ask(&self, levels: usize) {
        let before = self.levels.swap(levels, Ordering::Relaxed);
        if levels == 0 || levels > before {
            *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Copies a book's best levels, if somebody looks.
    pub fn show(&self, tracked: &TrackedBook) {
        let levels = self.levels();
        if levels == 0 {
            return;
        }
        let book = tracked.book();
        let top = TopBook {
            sequence: tracked.sequence(),
            time_ms: tracked.time_ms(),
            bids: book.bids().iter().take(levels).collect(),
            asks: book.asks().iter().take(levels).collect(),
        };
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(top));
    }

    /// The newest copy; none when nobody looked yet.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<TopBook>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
