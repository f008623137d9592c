//! Two streams of one pair joined by sequence number: the book that is kept goes on from the new connection without a gap, and is
//! compared with the new connection's own at the same number.
//!
//! The new stream begins with a snapshot at some number. While the kept book is behind it, the new stream's updates are held back;
//! while it is ahead, they are applied to the new book. Where both stand at the same number, the two books must be equal.

use std::collections::VecDeque;

use leadline_market::{Action, BookFrame, BookSide, Level, OrderBook, TrackedBook, Verdict};
use tokio::time::Instant;

use crate::clock::Arrival;

/// Frames of the new stream kept at most, held back or seen: some minutes of a lively pair.
const MAX_HELD: usize = 2048;

/// A frame with its text and time.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) frame: BookFrame,
    pub(super) bytes: Vec<u8>,
    pub(super) arrival: Arrival,
}

/// The new stream of a pair, on its way to take over.
pub(super) struct Join {
    book: TrackedBook,
    /// Frames that the new book has seen, for whoever records the stream.
    seen: Vec<Held>,
    held: VecDeque<Held>,
    /// The exchange's numbers started over meanwhile: they can't be compared.
    reset: bool,
    /// When the snapshot came.
    began: Option<Instant>,
}

/// How far a join has come.
#[derive(Debug)]
pub(super) enum Step {
    /// The streams haven't met.
    Wait,
    /// The new stream is broken itself.
    Broken(String),
    /// The streams can be joined.
    Meet(Comparison),
}

/// What the meeting of the two books showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Level for level the same.
    Equal,
    /// The kept book was wrong.
    Different(Difference),
    /// They could not be compared; why.
    Unaudited(&'static str),
}

/// How two books differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Levels that differ, over both sides.
    pub(super) levels: usize,
    /// One of them, in words.
    pub(super) example: String,
}

impl Join {
    pub(super) fn new() -> Self {
        Self { book: TrackedBook::new(), seen: Vec::new(), held: VecDeque::new(), reset: false, began: None }
    }

    /// When the new stream's snapshot came.
    pub(super) fn began(&self) -> Option<Instant> {
        self.began
    }

    /// Takes a frame of the new stream.
    pub(super) fn take(&mut self, frame: &BookFrame, bytes: &[u8], arrival: Arrival, kept: &TrackedBook) -> Step {
        let held = Held { frame: frame.clone(), bytes: bytes.to_vec(), arrival };
        if frame.action == Action::Snapshot {
            // A second snapshot replaces: the join begins anew with it.
            *self = Self::new();
            self.began = Some(Instant::now());
            return match self.book.apply(frame) {
                Verdict::Broken(why) => Step::Broken(why.to_string()),
                _ => {
                    self.seen.push(held);
                    self.settle(kept)
                }
            };
        }
        if self.began.is_none() {
            return Step::Wait;
        }
        self.reset |= frame.previous.zip(frame.sequence).is_some_and(|(previous, sequence)| sequence < previous);
        if self.held.len() + self.seen.len() > MAX_HELD {
            return Step::Broken(format!("{MAX_HELD} frames and the streams haven't met"));
        }
        self.held.push_back(held);
        self.settle(kept)
    }

    /// Looks whether the streams meet, after the kept book moved.
    pub(super) fn settle(&mut self, kept: &TrackedBook) -> Step {
        if !self.book.is_valid() {
            return Step::Wait;
        }
        if !kept.is_valid() {
            return Step::Meet(Comparison::Unaudited("the kept book was no longer valid"));
        }
        loop {
            let (Some(new), Some(old)) = (self.book.sequence(), kept.sequence()) else {
                return Step::Meet(Comparison::Unaudited("the stream has no sequence numbers"));
            };
            if new == old {
                return Step::Meet(match difference(kept.book(), self.book.book()) {
                    None => Comparison::Equal,
                    Some(difference) => Comparison::Different(difference),
                });
            }
            if new > old {
                return Step::Wait;
            }
            let Some(next) = self.held.pop_front() else { return Step::Wait };
            if let Verdict::Broken(why) = self.book.apply(&next.frame) {
                return Step::Broken(why.to_string());
            }
            self.seen.push(next);
        }
    }

    /// The old stream will not come any further: whether the new one can take over without a comparison. Not if it is behind.
    pub(super) fn force(&self, kept: &TrackedBook) -> Option<Comparison> {
        let behind = kept.is_valid() && !self.reset && self.book.sequence() < kept.sequence();
        (self.book.is_valid() && !behind).then_some(Comparison::Unaudited("the old stream stood still"))
    }

    /// The new stream's book as a snapshot, the frames it was made of, and those that follow.
    pub(super) fn into_parts(self) -> (BookFrame, Vec<Held>, VecDeque<Held>) {
        let levels = |side: &BookSide| side.iter().collect::<Vec<Level>>();
        let book = self.book.book();
        let mut snapshot = self.seen.last().map_or_else(BookFrame::empty, |held| held.frame.clone());
        snapshot.action = Action::Snapshot;
        snapshot.previous = snapshot.sequence.map(|_| -1);
        snapshot.bids = levels(book.bids());
        snapshot.asks = levels(book.asks());
        (snapshot, self.seen, self.held)
    }
}

/// How the new book differs from the kept one; `None`: not at all.
fn difference(kept: &OrderBook, new: &OrderBook) -> Option<Difference> {
    let mut found = Difference { levels: 0, example: String::new() };
    compare("bid", kept.bids(), new.bids(), |a, b| a > b, &mut found);
    compare("ask", kept.asks(), new.asks(), |a, b| a < b, &mut found);
    (found.levels > 0).then_some(found)
}

/// Walks two sides together, best first.
fn compare(name: &str, kept: &BookSide, new: &BookSide, before: impl Fn(f64, f64) -> bool, found: &mut Difference) {
    let (mut kept, mut new) = (kept.iter().peekable(), new.iter().peekable());
    loop {
        let (old, fresh) = match (kept.peek().copied(), new.peek().copied()) {
            (None, None) => return,
            (Some(old), None) => (Some(old), None),
            (None, Some(fresh)) => (None, Some(fresh)),
            (Some(old), Some(fresh)) if before(old.price.to_f64(), fresh.price.to_f64()) => (Some(old), None),
            (Some(old), Some(fresh)) if before(fresh.price.to_f64(), old.price.to_f64()) => (None, Some(fresh)),
            (old, fresh) => (old, fresh),
        };
        if old.is_some() {
            kept.next();
        }
        if fresh.is_some() {
            new.next();
        }
        // By value: the exchange may write one size in two ways.
        let same = old.zip(fresh).is_some_and(|(old, fresh)| old.size.to_f64() == fresh.size.to_f64() && old.orders == fresh.orders);
        if same {
            continue;
        }
        if found.levels == 0 {
            let size =
                |level: Option<Level>| level.map_or_else(|| "none".to_owned(), |level| format!("{} in {}", level.size, level.orders));
            let price = old.or(fresh).map(|level| level.price.to_string()).unwrap_or_default();
            found.example = format!("{name} {price}: kept {}, the exchange has {}", size(old), size(fresh));
        }
        found.levels += 1;
    }
}

#[cfg(test)]
mod tests {
    use leadline_market::{Decimal, Decoder, Message};
    use proptest::prelude::*;

    use super::*;

    fn frame(snapshot: bool, previous: i64, sequence: i64, bids: &[(u32, u32)]) -> BookFrame {
        let decimal = |number: u32| Decimal::from_parts(u64::from(number), 0).expect("a small number");
        let mut frame = BookFrame::empty();
        frame.action = if snapshot { Action::Snapshot } else { Action::Update };
        frame.instrument = "BTC-USDT".to_owned();
        (frame.previous, frame.sequence) = (Some(previous), Some(sequence));
        frame.bids = bids.iter().map(|&(price, size)| Level { price: decimal(price), size: decimal(size), orders: 1 }).collect();
        frame.asks = vec![];
        frame
    }

    fn snapshot_of(book: &OrderBook, sequence: i64) -> BookFrame {
        BookFrame { bids: book.bids().iter().collect(), ..frame(true, -1, sequence, &[]) }
    }

    /// An exchange's frames and its books after each.
    fn history(changes: &[Vec<(u32, u32)>]) -> Vec<(BookFrame, TrackedBook)> {
        let mut tracked = TrackedBook::new();
        let mut all = Vec::new();
        for (i, change) in changes.iter().enumerate() {
            let sequence = 10 * i64::try_from(i).expect("few") + 10;
            let frame =
                if i == 0 { frame(true, -1, sequence, &[(100, 1), (99, 2)]) } else { frame(false, sequence - 10, sequence, change) };
            tracked.apply(&frame);
            all.push((frame, tracked.clone()));
        }
        all
    }

    proptest! {
        /// However the two streams lie in time, they meet, the books are equal there, and nothing is applied twice or left out.
        #[test]
        fn two_streams_of_one_pair_meet_with_equal_books_and_go_on_without_a_gap(
            changes in prop::collection::vec(prop::collection::vec((90_u32..110, 0_u32..5), 1..4), 3..40),
            joined_at in any::<prop::sample::Index>(),
            old_is_next in prop::collection::vec(any::<bool>(), 80),
        ) {
            let history = history(&changes);
            let start = joined_at.index(history.len());
            let mut kept = TrackedBook::new();
            let (mut old, mut new) = (0, start);
            let mut join = Join::new();
            let mut met = None;
            let mut turns = old_is_next.into_iter();
            while met.is_none() {
                // When one stream is at its end, the other goes on; both at their end must have met.
                let take_old = if new == history.len() { true } else if old == history.len() { false } else { turns.next().unwrap_or(true) };
                prop_assert!(old < history.len() || new < history.len(), "they never met");
                let step = if take_old {
                    prop_assert!(matches!(kept.apply(&history[old].0), Verdict::Applied(_)));
                    old += 1;
                    join.settle(&kept)
                } else {
                    let (frame, book) = &history[new];
                    let first = new == start;
                    new += 1;
                    if first {
                        join.take(&snapshot_of(book.book(), frame.sequence.expect("numbered")), b"", Arrival::recorded(0), &kept)
                    } else {
                        join.take(frame, b"", Arrival::recorded(0), &kept)
                    }
                };
                match step {
                    Step::Wait => {}
                    Step::Broken(why) => prop_assert!(false, "{why}"),
                    Step::Meet(comparison) => met = Some(comparison),
                }
            }
            // The new stream may begin before the kept book has anything: then there is nothing to compare with.
            if old > 0 {
                prop_assert_eq!(met, Some(Comparison::Equal));
                let (_, _, held) = join.into_parts();
                for one in held {
                    prop_assert!(matches!(kept.apply(&one.frame), Verdict::Applied(_)), "it links");
                }
            } else {
                kept.apply(&join.into_parts().0);
            }
            for (frame, _) in &history[new..] {
                prop_assert!(matches!(kept.apply(frame), Verdict::Applied(_)), "it links");
            }
            prop_assert!(difference(kept.book(), history.last().expect("some").1.book()).is_none());
        }
    }

    #[test]
    fn a_kept_book_that_drifted_is_found_and_the_level_is_named() {
        let mut kept = TrackedBook::new();
        kept.apply(&frame(true, -1, 10, &[(100, 1), (99, 2), (98, 3)]));
        let mut join = Join::new();
        let step = join.take(&frame(true, -1, 10, &[(100, 1), (99, 7), (97, 1)]), b"", Arrival::recorded(0), &kept);
        let Step::Meet(Comparison::Different(found)) = step else { panic!("{step:?}") };
        assert_eq!(found.levels, 3);
        assert_eq!(found.example, "bid 99: kept 2 in 1, the exchange has 7 in 1");
    }

    #[test]
    fn a_new_stream_that_is_behind_never_takes_over() {
        let mut kept = TrackedBook::new();
        kept.apply(&frame(true, -1, 50, &[(100, 1)]));
        let mut join = Join::new();
        assert!(matches!(join.take(&frame(true, -1, 10, &[(100, 1)]), b"", Arrival::recorded(0), &kept), Step::Wait));
        assert_eq!(join.force(&kept), None);
        // Where the numbers started over, lower is not behind.
        join.take(&frame(false, 10, 3, &[(100, 2)]), b"", Arrival::recorded(0), &kept);
        assert!(join.force(&kept).is_some());
        kept.invalidate();
        assert!(join.force(&kept).is_some());
    }

    #[test]
    fn frames_held_back_are_bounded() {
        let mut kept = TrackedBook::new();
        kept.apply(&frame(true, -1, 5, &[(100, 1)]));
        let mut join = Join::new();
        join.take(&frame(true, -1, 10, &[(100, 1)]), b"", Arrival::recorded(0), &kept);
        let mut last = Step::Wait;
        for i in 0..=i64::try_from(MAX_HELD).expect("few") {
            last = join.take(&frame(false, 10 + i, 11 + i, &[(100, 2)]), b"", Arrival::recorded(0), &kept);
        }
        assert!(matches!(last, Step::Broken(_)), "{last:?}");
    }

    #[test]
    fn a_stream_without_numbers_is_taken_over_without_a_comparison() {
        let text = r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[],"bids":[["1","1","0","1"]],"ts":"1"}]}"#;
        let mut decoder = Decoder::new();
        let Ok(Message::Books([plain])) = decoder.decode(text.as_bytes()) else { panic!("a book") };
        let mut kept = TrackedBook::new();
        kept.apply(plain);
        let step = Join::new().take(plain, b"", Arrival::recorded(0), &kept);
        assert!(matches!(step, Step::Meet(Comparison::Unaudited(_))), "{step:?}");
    }
}
