//! What each book was after each sequence number, as digests: the measure for whoever kept the book from frames.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// FNV-1a's offset basis and prime (64 bit).
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;
/// Stands between bids and asks, so that a level can't change sides unseen.
const BETWEEN: u64 = 0x0061_736b_735f_3a29;

/// Digest of a book: price, size and number of orders of each level, best first, bids then asks.
///
/// FNV-1a over 64-bit words instead of bytes: for each level the bits of the price, the bits of the size, and the orders, each
/// one word, and a fixed word between the sides. Two books that are equal number for number have the same digest, whatever the
/// text of their frames was (`1.50` and `1.5`).
pub fn digest<I, J>(bids: I, asks: J) -> u64
where
    I: IntoIterator<Item = (f64, f64, u32)>,
    J: IntoIterator<Item = (f64, f64, u32)>,
{
    let word = |hash: u64, word: u64| (hash ^ word).wrapping_mul(PRIME);
    // The multiplication carries bits upwards only: the turn brings the upper ones, where a double differs, back down.
    let level = |hash: u64, (price, size, orders): (f64, f64, u32)| {
        word(word(word(hash, price.to_bits()).rotate_left(29), size.to_bits()).rotate_left(29), u64::from(orders))
    };
    let bids = bids.into_iter().fold(OFFSET, level);
    asks.into_iter().fold(word(bids, BETWEEN), level)
}

/// Digests of one pair's book after its newest sequence numbers.
#[derive(Debug)]
pub(crate) struct Truth {
    /// Most that are kept; 0: none.
    limit: usize,
    /// Sequence number and digest, oldest first. After a reset a number may be there twice.
    kept: Mutex<VecDeque<(i64, u64)>>,
}

impl Truth {
    /// Keeps the newest `limit` digests.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, kept: Mutex::default() }
    }

    /// Whether digests are wanted at all: they cost some microseconds a frame.
    pub(crate) fn is_kept(&self) -> bool {
        self.limit > 0
    }

    /// Remembers the book after a sequence number.
    pub(crate) fn add(&self, seq_id: i64, digest: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.limit {
            kept.pop_front();
        }
        kept.push_back((seq_id, digest));
    }

    /// Every digest that a sequence number had, newest first.
    pub(crate) fn of(&self, seq_id: i64) -> Vec<u64> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().filter(|(seq, _)| *seq == seq_id).map(|(_, digest)| *digest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Truth, digest};

    #[test]
    fn every_number_of_a_book_and_its_place_count() {
        let levels = [(100.0, 1.0, 3), (99.5, 2.0, 1)];
        let of = |bids: &[(f64, f64, u32)], asks: &[(f64, f64, u32)]| digest(bids.iter().copied(), asks.iter().copied());
        let whole = of(&levels, &levels);
        assert_eq!(whole, of(&levels, &levels));
        let others = [
            of(&levels[..1], &levels),
            of(&levels, &levels[1..]),
            of(&[levels[1], levels[0]], &levels),
            of(&[levels[0], levels[1], levels[0]], &levels[1..]),
            of(&[(100.0, 1.0, 3), (99.5, 2.0, 2)], &levels),
            of(&[(100.0, 1.0, 3), (99.5, 2.5, 1)], &levels),
            of(&[(100.1, 1.0, 3), (99.5, 2.0, 1)], &levels),
        ];
        assert!(others.iter().all(|other| *other != whole));
        assert_ne!(of(&levels, &[]), of(&[], &levels));
    }

    #[test]
    fn the_newest_digests_are_kept_and_a_number_that_came_twice_has_both() {
        let truth = Truth::new(3);
        for (seq, digest) in [(1, 10), (5, 50), (9, 90), (5, 55)] {
            truth.add(seq, digest);
        }
        assert_eq!((truth.of(1), truth.of(5), truth.of(9)), (vec![], vec![55, 50], vec![90]));
    }
}
