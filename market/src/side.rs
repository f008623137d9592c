//! One side of a book: sorted columns with the best level at the end, so that changes near the touch, the frequent ones, move
//! little. How changes get in is `merge`'s.

use crate::columns::Columns;
use crate::decimal::POWERS;
use crate::merge::Step;
use crate::{Decimal, Level, Side};

/// One side of an [`OrderBook`](crate::OrderBook). Both columns have one entry a level, in one order: worst first.
#[derive(Clone, Debug)]
pub struct BookSide {
    /// Bids or asks.
    side: Side,
    /// Digits after the point that all prices of the book are compared at; the book keeps it equal on both sides.
    price_scale: u8,
    /// Sort keys, strictly ascending: the price's mantissa at the book's price scale, all bits inverted for asks, so that both
    /// sides are sorted by one rule. Apart from the rest, because they are what is searched.
    pub(crate) ranks: Vec<u64>,
    /// The rest of each level. One column and not several: levels that move are moved at one blow.
    pub(crate) details: Vec<Detail>,
    /// Levels that come and go with the frame in hand; memory that is used again.
    pub(crate) steps: Vec<Step>,
}

/// What a level is besides its rank.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Detail {
    /// The price as a double, kept so that the plugins' columns are plain copies.
    price: f64,
    /// The size as a double, for the same reason.
    size: f64,
    /// The size's digits.
    size_mantissa: u64,
    /// Resting orders.
    orders: u32,
    /// Digits after the point in the size as sent.
    size_scale: u8,
    /// Digits after the point in the price as sent, at most the book's price scale.
    price_scale: u8,
}

impl Detail {
    /// Of a level that comes.
    #[inline]
    pub(crate) fn new(level: &Level) -> Self {
        Self { price: level.price.to_f64(), ..Self::default() }.with(level)
    }

    /// Of a level that stays: its price is the same number, maybe written with other digits.
    #[inline]
    pub(crate) fn with(self, level: &Level) -> Self {
        Self {
            price: self.price,
            size: level.size.to_f64(),
            size_mantissa: level.size.mantissa(),
            orders: level.orders,
            size_scale: level.size.scale(),
            price_scale: level.price.scale(),
        }
    }
}

impl BookSide {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, price_scale: 0, ranks: Vec::new(), details: Vec::new(), steps: Vec::new() }
    }

    /// The number of levels.
    #[inline]
    pub fn len(&self) -> usize {
        self.ranks.len()
    }

    /// Whether there is no level.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    /// Bids or asks.
    pub fn side(&self) -> Side {
        self.side
    }

    /// Copies the side into `columns`, best first; what they held is replaced, their memory is used again.
    pub fn fill(&self, columns: &mut Columns) {
        columns.clear();
        columns.prices.extend(self.details.iter().rev().map(|detail| detail.price));
        columns.sizes.extend(self.details.iter().rev().map(|detail| detail.size));
        columns.orders.extend(self.details.iter().rev().map(|detail| detail.orders));
    }

    /// The best level.
    pub fn best(&self) -> Option<Level> {
        self.level(0)
    }

    /// The level `depth` places behind the best (0 is the best), exactly as sent.
    pub fn level(&self, depth: usize) -> Option<Level> {
        let at = self.len().checked_sub(depth + 1)?;
        let detail = self.details[at];
        let mantissa = self.invert(self.ranks[at]) / POWERS[usize::from(self.price_scale - detail.price_scale)];
        Some(Level {
            price: Decimal::from_parts(mantissa, detail.price_scale)?,
            size: Decimal::from_parts(detail.size_mantissa, detail.size_scale)?,
            orders: detail.orders,
        })
    }

    /// How many levels are better than a price: the depth of the level that has it, or would.
    pub fn place(&self, price: Decimal) -> usize {
        // A price finer than all of the book's is none of them; what it would be at their scale is near enough.
        let rank = self.rank(price).unwrap_or_else(|| self.invert((price.to_f64() * POWERS[usize::from(self.price_scale)] as f64) as u64));
        self.len() - self.ranks.partition_point(|&other| other <= rank)
    }

    /// The levels exactly as sent, best first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Level> + '_ {
        // Every depth below the length has a level; the default is only there to have no panic.
        (0..self.len()).map(|depth| self.level(depth).unwrap_or_default())
    }

    /// Forgets the levels and the scale, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.price_scale = 0;
        self.ranks.clear();
        self.details.clear();
    }

    /// The price key of the best level, at the book's price scale.
    #[inline]
    pub(crate) fn best_key(&self) -> Option<u64> {
        self.ranks.last().map(|&rank| self.invert(rank))
    }

    /// The rank of a price, in the order of this side.
    #[inline]
    pub(crate) fn rank(&self, price: Decimal) -> Option<u64> {
        let factor = POWERS[usize::from(self.price_scale.checked_sub(price.scale())?)];
        Some(self.invert(price.mantissa().checked_mul(factor)?))
    }

    /// Digits after the point that prices are compared at.
    pub(crate) fn price_scale(&self) -> u8 {
        self.price_scale
    }

    /// Whether all keys still fit at a finer scale.
    pub(crate) fn fits(&self, finer_scale: u8) -> bool {
        let factor = POWERS[usize::from(finer_scale - self.price_scale)];
        self.ranks.iter().all(|&rank| self.invert(rank).checked_mul(factor).is_some())
    }

    /// Compares prices at a finer scale from now on; the caller asked [`BookSide::fits`] first.
    pub(crate) fn rescale(&mut self, finer_scale: u8) {
        let factor = POWERS[usize::from(finer_scale - self.price_scale)];
        let side = self.side;
        for rank in &mut self.ranks {
            *rank = invert(side, invert(side, *rank).wrapping_mul(factor));
        }
        self.price_scale = finer_scale;
    }

    /// What is wrong with the columns, if anything: for tests and audits.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let levels = self.len();
        if self.details.len() != levels {
            return Some("columns differ in length");
        }
        if self.ranks.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Some("levels are not strictly sorted");
        }
        if self.ranks.iter().any(|&rank| self.invert(rank) == 0) {
            return Some("a price is zero");
        }
        if self.details.iter().any(|detail| detail.size_mantissa == 0) {
            return Some("a size is zero");
        }
        if self.details.iter().any(|detail| detail.price_scale > self.price_scale) {
            return Some("a price is finer than the book's scale");
        }
        let exact = self.iter().zip(self.details.iter().rev()).all(|(level, detail)| {
            level.price.to_f64().to_bits() == detail.price.to_bits() && level.size.to_f64().to_bits() == detail.size.to_bits()
        });
        (!exact).then_some("a double differs from the exact number")
    }

    #[inline]
    fn invert(&self, key: u64) -> u64 {
        invert(self.side, key)
    }
}

/// Price key to sort rank and back: asks are sorted the other way round.
#[inline]
fn invert(side: Side, key: u64) -> u64 {
    match side {
        Side::Bid => key,
        Side::Ask => !key,
    }
}
