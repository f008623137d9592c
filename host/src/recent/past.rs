//! A pair's books of the last minutes, made again from its frames.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use leadline_market::{BookFrame, Decoder, Message, OrderBook, TrackedBook};
use leadline_recording::parcel::records;

use super::Recent;
use super::ring::Block;

/// The blocks that hold a pair's last minutes: held, so that they stay while they are read.
pub struct Past {
    blocks: Vec<Arc<Block>>,
    pair: Arc<str>,
    from_us: u64,
}

impl Recent {
    /// What is held of a pair's last `span` before `now_us` (since 1970); none: nothing.
    #[must_use]
    pub fn past(&self, pair: &str, span: Duration, now_us: u64) -> Option<Past> {
        let ring = Arc::clone(self.pairs().get(pair)?);
        let (blocks, _) = ring.take(span, now_us);
        let from_us = now_us.saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        (!blocks.is_empty()).then(|| Past { blocks, pair: Arc::clone(ring.pair()), from_us })
    }
}

impl Past {
    /// Calls `each` with the verified book as it stood at the end of every piece of `every`, with that time in milliseconds since 1970.
    /// A piece without a verified book is left out. One unpacked block is in memory at a time.
    ///
    /// # Errors
    /// A damaged block.
    pub fn books(&self, every: Duration, mut each: impl FnMut(u64, &OrderBook)) -> io::Result<()> {
        let every_us = u64::try_from(every.as_micros()).unwrap_or(u64::MAX).max(1);
        let mut replay = Replay { pair: &self.pair, decoder: Decoder::new(), tracked: TrackedBook::new(), piece: None };
        let mut step = |replay: &mut Replay<'_>, received_us: u64, frame: &[u8]| {
            let piece = received_us / every_us;
            if let Some(before) = replay.piece.replace(piece)
                && before < piece
                && replay.tracked.is_valid()
                && before * every_us >= self.from_us.saturating_sub(every_us)
            {
                each((before + 1) * every_us / 1000, replay.tracked.book());
            }
            replay.take(frame);
        };
        if let Some((at_us, text)) = self.blocks.first().and_then(|block| block.keyframe()) {
            step(&mut replay, at_us, text.as_bytes());
        }
        for block in &self.blocks {
            for (received_us, frame) in records(&block.records()?) {
                step(&mut replay, received_us, frame);
            }
        }
        Ok(())
    }
}

struct Replay<'a> {
    pair: &'a str,
    decoder: Decoder,
    tracked: TrackedBook,
    /// The piece of time that the last frame lies in.
    piece: Option<u64>,
}

impl Replay<'_> {
    fn take(&mut self, frame: &[u8]) {
        let Ok(Message::Books(books)) = self.decoder.decode(frame) else { return };
        let of_pair = |book: &&BookFrame| *book.instrument == *self.pair;
        for book in books.iter().filter(of_pair) {
            self.tracked.apply(book);
        }
    }
}
