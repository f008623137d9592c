//! One update in, both lanes fed.

use std::collections::VecDeque;
use std::sync::Arc;

use leadline_market::{Applied, BookFrame, Instrument, TrackedBook};

use super::pictures::Pictures;
use super::producer::{Producer, Queue};
use crate::analysis::{Desks, MemoryDesk, RECENT_BOOKS};
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

#[cfg(test)]
#[allow(clippy::expect_used)] // A test that can't go on fails.
mod tests {
    use std::collections::HashSet;

    use leadline_market::{BookFrame, Decoder, Message, Verdict};

    use super::*;

    fn frame(decoder: &mut Decoder, id: i64) -> BookFrame {
        let (action, previous) = if id == 1 { ("snapshot", -1) } else { ("update", id - 1) };
        let text = format!(
            r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[["100.1","{id}","0","1"]],"bids":[["99.9","{id}","0","1"]],"ts":"{}","checksum":0,"seqId":{id},"prevSeqId":{previous}}}]}}"#,
            1_700_000_000_000 + id
        );
        match decoder.decode(text.as_bytes()).expect("a frame") {
            Message::Books(books) => books[0].clone(),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn pictures_are_made_of_those_that_nobody_keeps_any_more() {
        let mut pool = Pool::default();
        let (mut decoder, mut tracked) = (Decoder::new(), TrackedBook::new());
        let (mut kept, mut made) = (VecDeque::new(), HashSet::new());
        for id in 1..=1000 {
            let Verdict::Applied(applied) = tracked.apply(&frame(&mut decoder, id)) else { unreachable!("a chain") };
            let book = pool.picture(&tracked, &applied);
            assert_eq!((book.sequence, book.bids.sizes[0]), (Some(id), id as f64));
            made.insert(Arc::as_ptr(&book));
            kept.push_back(book);
            if kept.len() > RECENT_BOOKS {
                kept.pop_front();
            }
        }
        assert!(made.len() <= POOL, "{} pictures were made", made.len());
    }
}
