//! An order book: two sorted sides, changed by snapshots and updates.

use thiserror::Error;

use crate::columns::Columns;
use crate::decimal::MAX_TEXT;
use crate::{BookSide, Decimal, Level, Side};

/// Most levels a side may hold. OKX keeps 400; beyond this bound a feed is broken or hostile.
pub const MAX_LEVELS_A_SIDE: usize = 10_000;

/// Levels of each side that the checksum covers.
const CHECKSUM_LEVELS: usize = 25;

/// Longest checksum text: each level is a price and a size, each with a colon.
const MAX_CHECKSUM_TEXT: usize = CHECKSUM_LEVELS * 2 * 2 * (MAX_TEXT + 1);

/// Why a book can't take a frame.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BookError {
    /// A level without a price makes no sense on any market.
    #[error("{side}: a level has price zero")]
    PriceZero {
        /// Where.
        side: Side,
    },
    /// More levels than [`MAX_LEVELS_A_SIDE`].
    #[error("{side}: more than {MAX_LEVELS_A_SIDE} levels")]
    TooManyLevels {
        /// Where.
        side: Side,
    },
    /// The prices of one book can't be compared in 64 bits.
    #[error("price {price} has too many digits beside the book's other prices ({scale} after the point)")]
    PriceOverflow {
        /// The price that doesn't fit.
        price: Decimal,
        /// Digits after the point that the book's prices need.
        scale: u8,
    },
}

/// What an update did besides changing levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct UpdateSummary {
    /// Deletes of prices that were not in the book. Ordinary on `books`: 29 % of the deletes in recordings.
    pub deletes_unknown: u32,
}

/// Both sides of one instrument's book. An operation that fails leaves an empty book, never a half-changed one.
#[derive(Clone, Debug)]
pub struct OrderBook {
    /// Who wants to buy.
    bids: BookSide,
    /// Who wants to sell.
    asks: BookSide,
}

impl Default for OrderBook {
    fn default() -> Self {
        Self::new()
    }
}

impl OrderBook {
    /// A book without levels.
    pub fn new() -> Self {
        Self { bids: BookSide::new(Side::Bid), asks: BookSide::new(Side::Ask) }
    }

    /// The bids.
    #[inline]
    pub fn bids(&self) -> &BookSide {
        &self.bids
    }

    /// The asks.
    #[inline]
    pub fn asks(&self) -> &BookSide {
        &self.asks
    }

    /// Whether no side has a level.
    pub fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    /// Forgets all levels.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// Replaces the book. Levels may come in any order; of two at one price the later stays; size zero is no level.
    ///
    /// # Errors
    /// [`BookError`]; the book is empty then.
    pub fn apply_snapshot(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), BookError> {
        self.clear();
        // With the finest price known, none of the levels taken in has to be rescaled.
        let scale = bids.iter().chain(asks).map(|level| level.price.scale()).max().unwrap_or(0);
        self.bids.rescale(scale);
        self.asks.rescale(scale);
        let result = self.change_side(Side::Bid, bids).and_then(|_| self.change_side(Side::Ask, asks)).map(|_| ());
        self.or_empty(result)
    }

    /// Changes the levels named: size zero takes a level out, any other sets it.
    ///
    /// # Errors
    /// [`BookError`]; the book is empty then.
    pub fn apply_update(&mut self, bids: &[Level], asks: &[Level]) -> Result<UpdateSummary, BookError> {
        let result = self.change_side(Side::Bid, bids).and_then(|of_bids| {
            let of_asks = self.change_side(Side::Ask, asks)?;
            Ok(UpdateSummary { deletes_unknown: of_bids + of_asks })
        });
        self.or_empty(result)
    }

    fn or_empty<T>(&mut self, result: Result<T, BookError>) -> Result<T, BookError> {
        if result.is_err() {
            self.clear();
        }
        result
    }

    /// Whether the best bid is at or over the best ask.
    #[inline]
    pub fn is_crossed(&self) -> bool {
        matches!((self.bids.best_key(), self.asks.best_key()), (Some(bid), Some(ask)) if bid >= ask)
    }

    /// Digits after the point that all prices are compared at: the most that any price since the last snapshot had.
    pub fn price_scale(&self) -> u8 {
        self.bids.price_scale()
    }

    /// Copies both sides into columns, best first; the columns' memory is used again.
    pub fn fill(&self, bids: &mut Columns, asks: &mut Columns) {
        self.bids.fill(bids);
        self.asks.fill(asks);
    }

    /// OKX's checksum: CRC-32, as a signed number, over the best 25 levels interleaved as `bidpx:bidsz:askpx:asksz:…`, texts as
    /// sent, missing levels skipped. 0 for an empty book.
    pub fn checksum(&self) -> i32 {
        let mut text = ChecksumText { bytes: [0; MAX_CHECKSUM_TEXT], length: 0 };
        for depth in 0..CHECKSUM_LEVELS.min(self.bids.len().max(self.asks.len())) {
            for level in [self.bids.level(depth), self.asks.level(depth)].into_iter().flatten() {
                text.push(level.price);
                text.push(level.size);
            }
        }
        // No colon after the last number.
        crc32fast::hash(&text.bytes[..text.length.saturating_sub(1)]).cast_signed()
    }

    /// What is wrong with the book, if anything: sides sorted strictly, prices and sizes positive, columns in step. `None` always,
    /// unless this crate has a defect; for tests and audits.
    pub fn check_invariants(&self) -> Option<String> {
        if self.bids.price_scale() != self.asks.price_scale() {
            return Some("the sides differ in price scale".to_owned());
        }
        [&self.bids, &self.asks].into_iter().find_map(|side| side.broken_invariant().map(|what| format!("{}: {what}", side.side())))
    }

    fn side_mut(&mut self, side: Side) -> &mut BookSide {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }

    /// Applies changes to one side, run by run; answers how many deletes named no level.
    fn change_side(&mut self, side: Side, mut changes: &[Level]) -> Result<u32, BookError> {
        let mut deletes_unknown = 0;
        while let Some(first) = changes.first() {
            if first.price.scale() > self.price_scale() {
                self.refine(side, first.price)?;
            }
            let run = self.side_mut(side).apply_run(changes)?;
            deletes_unknown += run.deletes_unknown;
            changes = &changes[run.length..];
        }
        Ok(deletes_unknown)
    }

    /// Compares all prices of the book at this one's scale from now on.
    #[cold]
    fn refine(&mut self, side: Side, price: Decimal) -> Result<(), BookError> {
        if price.is_zero() {
            return Err(BookError::PriceZero { side });
        }
        let scale = price.scale();
        if !(self.bids.fits(scale) && self.asks.fits(scale)) {
            return Err(BookError::PriceOverflow { price, scale });
        }
        self.bids.rescale(scale);
        self.asks.rescale(scale);
        Ok(())
    }
}

/// The text under the checksum, on the stack.
struct ChecksumText {
    bytes: [u8; MAX_CHECKSUM_TEXT],
    length: usize,
}

impl ChecksumText {
    /// Appends the number as sent, and a colon.
    fn push(&mut self, number: Decimal) {
        let mut buffer = [0; MAX_TEXT];
        let start = number.write_text(&mut buffer);
        let digits = &buffer[start..];
        // 100 numbers of at most MAX_TEXT bytes and a colon: MAX_CHECKSUM_TEXT is never passed.
        self.bytes[self.length..self.length + digits.len()].copy_from_slice(digits);
        self.length += digits.len();
        self.bytes[self.length] = b':';
        self.length += 1;
    }
}
