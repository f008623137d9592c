//! A book at an instant, from the last whole book before it and the changes since.

use std::collections::BTreeMap;

use leadline_market::Side;

use super::entry::{BookEntry, BookLevel};
use super::query::BookAt;

/// A book that entries are put into in order of time.
#[derive(Clone, Default)]
pub(super) struct Fold {
    /// Set by the first whole book.
    time_ns: Option<i64>,
    bids: BTreeMap<u64, BookLevel>,
    asks: BTreeMap<u64, BookLevel>,
}

impl Fold {
    /// Puts one frame in. Changes before a whole book say nothing and are left out.
    pub(super) fn add(&mut self, entry: &BookEntry) {
        if entry.whole {
            self.bids.clear();
            self.asks.clear();
        } else if self.time_ns.is_none() {
            return;
        }
        self.time_ns = Some(entry.time_ns);
        for level in &entry.levels {
            // Prices are not negative, and then the bits of a double are in the order of the numbers.
            let key = level.price.to_bits();
            let (side, key) = match level.side {
                Side::Bid => (&mut self.bids, !key),
                Side::Ask => (&mut self.asks, key),
            };
            if level.amount == 0.0 {
                side.remove(&key);
            } else {
                side.insert(key, *level);
            }
        }
    }

    /// The book; none if there was no whole one.
    pub(super) fn finish(self) -> Option<BookAt> {
        let numbered = |side: BTreeMap<u64, BookLevel>| {
            let places = side.into_values().zip(0_u32..);
            places.map(|(level, depth)| BookLevel { depth, ..level }).collect()
        };
        Some(BookAt { time_ns: self.time_ns?, bids: numbered(self.bids), asks: numbered(self.asks) })
    }
}
