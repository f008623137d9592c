//! One update in, both lanes fed.

use std::sync::Arc;

use leadline_market::{Applied, BookFrame, Instrument, TrackedBook};

use super::pictures::Pictures;
use super::producer::{Producer, Queue};
use crate::analysis::{Desks, MemoryDesk};
use crate::clock::Arrival;

/// The lanes as one pair's feed sees them.
pub struct Router {
    pair: Arc<str>,
    desks: Desks<MemoryDesk>,
    producer: Arc<Producer>,
    queue: Arc<Queue>,
    pictures: Pictures,
}

impl Router {
    /// The lanes of a pair.
    #[must_use]
    pub fn new(pair: &Arc<str>, desks: Desks<MemoryDesk>, producer: Arc<Producer>) -> Self {
        let queue = producer.queue(pair);
        Self { pair: Arc::clone(pair), desks, producer, queue, pictures: Pictures::default() }
    }

    /// Sends an applied frame down both lanes; never waits.
    pub fn update(&mut self, instrument: &Arc<Instrument>, tracked: &TrackedBook, applied: &Applied, frame: &BookFrame, arrival: Arrival) {
        let desks = self.desks.all();
        if !desks.is_empty() {
            // Copied once for all of them.
            let book = self.pictures.next(|book| tracked.fill(applied, book));
            for desk in desks.iter() {
                desk.offer(&self.pair, instrument, &book, arrival);
            }
        }
        self.producer.push(&self.queue, tracked, applied, frame, arrival);
    }
}
