//! Where a lane stands: the book that its frames have built, and which frame comes next.

use leadline_market::{Book, Continuity, Level, OrderBook};

use super::codec::LaneFrame;

/// A frame's place in the lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    /// Which run of a host made it.
    pub(super) run: u64,
    /// Its number in that run.
    pub(super) index: u64,
    /// The exchange's sequence number of its book.
    pub(super) sequence: Option<i64>,
}

impl Stand {
    pub(super) fn of(frame: &LaneFrame) -> Self {
        Self { run: frame.run, index: frame.index, sequence: frame.sequence }
    }

    pub(super) fn is_at(&self, run: u64, index: u64) -> bool {
        (self.run, self.index) == (run, index)
    }
}

/// What a frame brought.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// The next book; whether books before it are missing.
    Book {
        /// See [`Place::restarted`].
        restarted: bool,
    },
    /// Nothing: the frame was heard before, or its book is the one that the lane stands at.
    Known,
    /// The frame is of no use without a keyframe before it.
    Useless,
    /// A frame is missing before this one, or this one can't be: on from the next keyframe. In words.
    Lost(String),
}

/// The book of a lane.
pub(super) struct Place {
    pub(super) book: OrderBook,
    /// The book is whole: a keyframe and every frame since.
    pub(super) whole: bool,
    /// Books before the next one are missing.
    pub(super) restarted: bool,
    last: Option<Stand>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl Place {
    /// The beginning.
    pub(super) fn new() -> Self {
        Self { book: OrderBook::new(), whole: false, restarted: true, last: None, bids: Vec::new(), asks: Vec::new() }
    }

    /// The last frame heard.
    pub(super) fn last(&self) -> Option<Stand> {
        self.last
    }

    pub(super) fn stand_after(&mut self, frame: &LaneFrame) {
        self.last = Some(Stand::of(frame));
    }

    /// Something is missing: nothing is analysed until the next keyframe.
    pub(super) fn lose(&mut self) {
        self.whole = false;
        self.restarted = true;
    }

    /// Takes the next frame.
    pub(super) fn hear(&mut self, frame: &LaneFrame) -> Heard {
        let before = self.last;
        match before {
            // Sent twice, since an answer of Redis was lost on its way.
            Some(last) if last.run == frame.run && frame.index <= last.index => return Heard::Known,
            Some(last) if last.run == frame.run && frame.index == last.index + 1 => {}
            _ if frame.keyframe => {
                if self.is_the_same_book(frame) {
                    // Another run began where this one had come to: nothing is missing between them.
                    self.stand_after(frame);
                    return Heard::Known;
                }
                self.restarted = true;
            }
            _ => {
                self.stand_after(frame);
                self.lose();
                return Heard::Lost("frames before it are missing".to_owned());
            }
        }
        self.stand_after(frame);
        if !frame.keyframe && !self.whole {
            return Heard::Useless;
        }
        if !frame.levels_into(&mut self.bids, &mut self.asks) {
            self.lose();
            return Heard::Lost("a level is no number".to_owned());
        }
        let applied = if frame.keyframe {
            self.book.apply_snapshot(&self.bids, &self.asks)
        } else {
            self.book.apply_update(&self.bids, &self.asks).map(|_| ())
        };
        if let Err(error) = applied {
            self.lose();
            return Heard::Lost(error.to_string());
        }
        self.whole = true;
        Heard::Book { restarted: std::mem::take(&mut self.restarted) || frame.restarted }
    }

    fn is_the_same_book(&mut self, frame: &LaneFrame) -> bool {
        let same = self.whole && frame.sequence.is_some() && self.last.is_some_and(|last| last.sequence == frame.sequence);
        same && frame.levels_into(&mut self.bids, &mut self.asks)
            && self.book.bids().iter().eq(self.bids.iter().copied())
            && self.book.asks().iter().eq(self.asks.iter().copied())
    }

    /// Writes the book as plugins see it.
    pub(super) fn fill(&self, frame: &LaneFrame, restarted: bool, book: &mut Book) {
        book.time_ms = frame.time_ms;
        book.sequence = frame.sequence;
        book.trust = frame.trust();
        book.continuity = if restarted { Continuity::Restarted } else { Continuity::Continued };
        book.crossed = self.book.is_crossed();
        self.book.fill(&mut book.bids, &mut book.asks);
    }
}

#[cfg(test)]
mod tests {
    use super::super::codec::Head;
    use super::*;
    use leadline_market::Decimal;

    fn level(price: u64, size: u64) -> Level {
        let whole = |n| Decimal::from_parts(n, 0).expect("in range");
        Level { price: whole(price), size: whole(size), orders: 1 }
    }

    fn changes(run: u64, index: u64, size: u64) -> LaneFrame {
        let sequence = i64::try_from(100 + index).ok();
        LaneFrame::changes(Head { run, index, sequence, ..Head::default() }, &[level(99, size)], &[level(101, size)])
    }

    fn keyframe(run: u64, index: u64, sequence: i64, book: &OrderBook) -> LaneFrame {
        LaneFrame::keyframe(Head { run, index, sequence: Some(sequence), ..Head::default() }, book.bids(), book.asks())
    }

    fn begun() -> Place {
        let mut book = OrderBook::new();
        book.apply_snapshot(&[level(99, 5)], &[level(101, 5)]).expect("a book");
        let mut place = Place::new();
        assert_eq!(place.hear(&keyframe(1, 0, 100, &book)), Heard::Book { restarted: true });
        place
    }

    #[test]
    fn frames_follow_each_other_and_one_that_came_twice_is_known() {
        let mut place = begun();
        assert_eq!(place.hear(&changes(1, 1, 6)), Heard::Book { restarted: false });
        assert_eq!(place.hear(&changes(1, 1, 6)), Heard::Known);
    }

    #[test]
    fn after_a_hole_nothing_is_a_book_until_a_keyframe_which_is_restarted() {
        let mut place = begun();
        assert!(matches!(place.hear(&changes(1, 3, 6)), Heard::Lost(_)));
        assert_eq!(place.hear(&changes(1, 4, 6)), Heard::Useless);
        let book = place.book.clone();
        assert_eq!(place.hear(&keyframe(1, 5, 200, &book)), Heard::Book { restarted: true });
    }

    #[test]
    fn another_run_that_begins_at_the_same_book_goes_on_and_one_that_begins_elsewhere_is_restarted() {
        let mut place = begun();
        let book = place.book.clone();
        assert_eq!(place.hear(&keyframe(2, 0, 100, &book)), Heard::Known);
        assert_eq!(place.hear(&changes(2, 1, 6)), Heard::Book { restarted: false });
        // The number is the lane's, the book isn't.
        assert_eq!(place.hear(&keyframe(3, 0, 101, &book)), Heard::Book { restarted: true });
        assert_eq!(place.hear(&keyframe(4, 0, 999, &book)), Heard::Book { restarted: true });
    }
}
