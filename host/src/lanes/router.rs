//! One update in, both lanes fed.

use std::collections::VecDeque;
use std::sync::Arc;

use leadline_market::{Applied, Book, BookFrame, Instrument, TrackedBook};

use super::producer::{Producer, Queue};
use crate::analysis::{Desks, MemoryDesk, RECENT_BOOKS};
use crate::clock::Arrival;

/// Pictures kept for use again. Each plugin of the memory lane keeps a pair's last books, so that a new version can be tried on them; those of plugins
/// that follow are the same. With fewer, every picture would be made anew.
const POOL: usize = 2 * RECENT_BOOKS + 8;
/// The oldest pictures that are looked at: one of them is free, unless a plugin holds on to books that the others have long let go.
const LOOK: usize = 4;

/// The lanes as one pair's feed sees them.
pub struct Router {
    pair: Arc<str>,
    desks: Desks<MemoryDesk>,
    producer: Arc<Producer>,
    queue: Arc<Queue>,
    pool: Pool,
}

impl Router {
    /// The lanes of a pair.
    #[must_use]
    pub fn new(pair: &Arc<str>, desks: Desks<MemoryDesk>, producer: Arc<Producer>) -> Self {
        let queue = producer.queue(pair);
        Self { pair: Arc::clone(pair), desks, producer, queue, pool: Pool::default() }
    }

    /// Sends an applied frame down both lanes; never waits.
    pub fn update(&mut self, instrument: &Arc<Instrument>, tracked: &TrackedBook, applied: &Applied, frame: &BookFrame, arrival: Arrival) {
        let desks = self.desks.all();
        if !desks.is_empty() {
            let book = self.pool.picture(tracked, applied);
            for desk in desks.iter() {
                desk.offer(&self.pair, instrument, &book, arrival);
            }
        }
        self.producer.push(&self.queue, tracked, applied, frame, arrival);
    }
}

/// Pictures of books, made of those that nobody reads any more; oldest first.
#[derive(Default)]
struct Pool(VecDeque<Arc<Book>>);

impl Pool {
    /// The book as plugins see it, copied once for all of them.
    fn picture(&mut self, tracked: &TrackedBook, applied: &Applied) -> Arc<Book> {
        for _ in 0..LOOK.min(self.0.len()) {
            let Some(mut oldest) = self.0.pop_front() else { break };
            if let Some(book) = Arc::get_mut(&mut oldest) {
                tracked.fill(applied, book);
                self.0.push_back(Arc::clone(&oldest));
                return oldest;
            }
            // Somebody still reads it.
            self.0.push_back(oldest);
        }
        let mut book = Book::empty();
        tracked.fill(applied, &mut book);
        let book = Arc::new(book);
        if self.0.len() < POOL {
            self.0.push_back(Arc::clone(&book));
        }
        book
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
