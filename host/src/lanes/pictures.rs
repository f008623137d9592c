//! Books as plugins see them, in memory that is used again.

use std::collections::VecDeque;
use std::sync::Arc;

use leadline_market::Book;

use crate::analysis::RECENT_BOOKS;

/// Pictures kept: as many as the recent books of two plugins that skip differently hold on to, and some for those that are being read. 16 KB each with 400 levels a side.
const KEPT: usize = 2 * RECENT_BOOKS + 8;

/// The pictures of one pair on one lane, oldest first.
#[derive(Default)]
pub(super) struct Pictures(VecDeque<Arc<Book>>);

impl Pictures {
    /// The next picture, written by `fill`: in the memory of the oldest once nobody reads that any more, else in new memory.
    pub(super) fn next(&mut self, fill: impl FnOnce(&mut Book)) -> Arc<Book> {
        let is_free = self.0.front_mut().is_some_and(|oldest| Arc::get_mut(oldest).is_some());
        let oldest = if is_free || self.0.len() >= KEPT { self.0.pop_front() } else { None };
        let mut picture = oldest.filter(|_| is_free).unwrap_or_else(|| Arc::new(Book::empty()));
        if let Some(book) = Arc::get_mut(&mut picture) {
            fill(book);
        }
        self.0.push_back(Arc::clone(&picture));
        picture
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_once_nobody_reads_it_and_what_is_read_never_changes() {
        let mut pictures = Pictures::default();
        let mut held = VecDeque::new();
        let mut places = std::collections::BTreeSet::new();
        for time_ms in 0..1000 {
            let picture = pictures.next(|book| book.time_ms = time_ms);
            places.insert(Arc::as_ptr(&picture) as usize);
            held.push_back((time_ms, picture));
            if held.len() > 64 {
                held.pop_front();
            }
            assert!(held.iter().all(|(time_ms, picture)| picture.time_ms == *time_ms));
        }
        assert!(places.len() <= 66, "{} pictures for 64 that are read", places.len());
        assert!(pictures.0.len() <= KEPT);
    }
}
