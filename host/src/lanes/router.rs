//! One update in, both lanes fed.

use std::sync::Arc;

use leadline_market::{Applied, Book, BookFrame, Instrument, TrackedBook};

use super::producer::{Producer, Queue};
use crate::analysis::{Desks, MemoryDesk};
use crate::clock::Arrival;

/// Pictures kept for use again: one for each plugin that may still read one, and one to fill.
const POOL: usize = 8;

/// The lanes as one pair's feed sees them.
pub struct Router {
    pair: Arc<str>,
    desks: Desks<MemoryDesk>,
    producer: Arc<Producer>,
    queue: Arc<Queue>,
    /// Pictures whose memory is used again once no plugin reads them.
    pool: Vec<Arc<Book>>,
}

impl Router {
    /// The lanes of a pair.
    #[must_use]
    pub fn new(pair: &Arc<str>, desks: Desks<MemoryDesk>, producer: Arc<Producer>) -> Self {
        let queue = producer.queue(pair);
        Self { pair: Arc::clone(pair), desks, producer, queue, pool: Vec::new() }
    }

    /// Sends an applied frame down both lanes; never waits.
    pub fn update(&mut self, instrument: &Arc<Instrument>, tracked: &TrackedBook, applied: &Applied, frame: &BookFrame, arrival: Arrival) {
        let desks = self.desks.all();
        if !desks.is_empty() {
            let book = self.picture(tracked, applied);
            for desk in desks.iter() {
                desk.offer(&self.pair, instrument, &book, arrival);
            }
        }
        self.producer.push(&self.queue, tracked, applied, frame, arrival);
    }

    /// The book as plugins see it, copied once for all of them.
    fn picture(&mut self, tracked: &TrackedBook, applied: &Applied) -> Arc<Book> {
        for free in &mut self.pool {
            if let Some(book) = Arc::get_mut(free) {
                tracked.fill(applied, book);
                return Arc::clone(free);
            }
        }
        let mut book = Book::empty();
        tracked.fill(applied, &mut book);
        let book = Arc::new(book);
        if self.pool.len() < POOL {
            self.pool.push(Arc::clone(&book));
        }
        book
    }
}
