//! Books without end from a bounded number of them: forth and back, so that each book is one frame away from the one before,
//! while exchange time and sequence go on. The windows of the plugins then stay full for as long as a bench wants to run.

use leadline_market::{Book, Continuity};
use leadline_plugin::Snapshot;

/// Exchange time between two books, milliseconds.
pub const STEP_MS: u64 = 100;

/// What can be put at a place in a stream of books.
pub trait Place {
    /// Puts it there; only the first follows none.
    fn put(&mut self, time_ms: u64, sequence: i64, first: bool);
}

impl Place for Book {
    fn put(&mut self, time_ms: u64, sequence: i64, first: bool) {
        (self.time_ms, self.sequence) = (time_ms, Some(sequence));
        self.continuity = if first { Continuity::Restarted } else { Continuity::Continued };
    }
}

impl Place for Snapshot {
    fn put(&mut self, time_ms: u64, sequence: i64, first: bool) {
        (self.time_ms, self.sequence) = (time_ms, Some(sequence));
        self.continuity = if first { leadline_plugin::Continuity::Restarted } else { leadline_plugin::Continuity::Continued };
    }
}

/// A walk over at least two books.
pub struct Walk<T> {
    books: Vec<T>,
    at: usize,
    back: bool,
    taken: u32,
    start_ms: u64,
}

impl<T: Place> Walk<T> {
    /// Starts at the first book; `start_ms` is its exchange time.
    #[must_use]
    pub fn new(books: Vec<T>, start_ms: u64) -> Self {
        Self { books, at: 0, back: false, taken: 0, start_ms }
    }

    /// The next book.
    pub fn step(&mut self) -> &T {
        let last = self.books.len() - 1;
        if self.taken > 0 {
            self.back = if self.at == last { true } else { self.back && self.at > 0 };
            self.at = if self.back { self.at - 1 } else { self.at + 1 };
        }
        let book = &mut self.books[self.at];
        book.put(self.start_ms + u64::from(self.taken) * STEP_MS, i64::from(self.taken) + 1, self.taken == 0);
        self.taken += 1;
        book
    }
}
