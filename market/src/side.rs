//! One side of a book: sorted columns with the best level at the end, so that changes near the touch, the frequent ones, move
//! little.

use crate::columns::Columns;
use crate::decimal::POWERS;
use crate::{Decimal, Level, Side};

/// One side of an [`OrderBook`](crate::OrderBook). All columns have one entry a level, in one order: worst first.
#[derive(Clone, Debug)]
pub struct BookSide {
    /// Bids or asks.
    side: Side,
    /// Digits after the point that all prices of the book are compared at; the book keeps it equal on both sides.
    price_scale: u8,
    /// Sort keys, strictly ascending: the price's mantissa at the book's price scale, all bits inverted for asks, so that both
    /// sides are sorted by one rule.
    ranks: Vec<u64>,
    /// Prices as doubles, kept so that the plugins' columns are plain copies.
    prices: Vec<f64>,
    /// Sizes as doubles, for the same reason.
    sizes: Vec<f64>,
    /// What the checksum and exact prints need besides the rank.
    details: Vec<Detail>,
}

/// The exact rest of a level; the price's mantissa is in the rank. Taken apart so that it needs 16 bytes and not 24: it is moved
/// whenever a level comes or goes.
#[derive(Clone, Copy, Debug)]
struct Detail {
    /// The size's digits.
    size_mantissa: u64,
    /// Resting orders.
    orders: u32,
    /// Digits after the point in the size as sent.
    size_scale: u8,
    /// Digits after the point in the price as sent, at most the book's price scale.
    price_scale: u8,
}

impl BookSide {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, price_scale: 0, ranks: Vec::new(), prices: Vec::new(), sizes: Vec::new(), details: Vec::new() }
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

    /// Prices as doubles, **worst first**.
    pub fn prices_worst_first(&self) -> &[f64] {
        &self.prices
    }

    /// Sizes as doubles, **worst first**.
    pub fn sizes_worst_first(&self) -> &[f64] {
        &self.sizes
    }

    /// Copies the side into `columns`, best first; what they held is replaced, their memory is used again.
    pub fn fill(&self, columns: &mut Columns) {
        columns.clear();
        columns.prices.extend(self.prices.iter().rev());
        columns.sizes.extend(self.sizes.iter().rev());
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

    /// The levels exactly as sent, best first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Level> + '_ {
        // Every depth below the length has a level; the default is only there to have no panic.
        (0..self.len()).map(|depth| self.level(depth).unwrap_or_default())
    }

    /// Forgets the levels and the scale, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.price_scale = 0;
        self.ranks.clear();
        self.prices.clear();
        self.sizes.clear();
        self.details.clear();
    }

    /// The price key of the best level, at the book's price scale.
    #[inline]
    pub(crate) fn best_key(&self) -> Option<u64> {
        self.ranks.last().map(|&rank| self.invert(rank))
    }

    /// Sets a level's size and orders, or puts a level in. `key` is the price's mantissa at the book's scale.
    #[inline]
    pub(crate) fn set(&mut self, key: u64, level: &Level) {
        let rank = self.invert(key);
        let size = level.size.to_f64();
        let detail = Detail {
            size_mantissa: level.size.mantissa(),
            orders: level.orders,
            size_scale: level.size.scale(),
            price_scale: level.price.scale(),
        };
        // Snapshots are taken in worst first, so that each level lands at the end.
        let at = match self.ranks.last() {
            Some(&last) if last < rank => self.len(),
            None => 0,
            Some(_) => match self.ranks.binary_search(&rank) {
                Ok(at) => {
                    self.sizes[at] = size;
                    self.details[at] = detail;
                    return;
                }
                Err(at) => at,
            },
        };
        self.ranks.insert(at, rank);
        self.prices.insert(at, level.price.to_f64());
        self.sizes.insert(at, size);
        self.details.insert(at, detail);
    }

    /// Takes a level out; `false` when there is none at this price.
    #[inline]
    pub(crate) fn remove(&mut self, key: u64) -> bool {
        let Ok(at) = self.ranks.binary_search(&self.invert(key)) else { return false };
        self.ranks.remove(at);
        self.prices.remove(at);
        self.sizes.remove(at);
        self.details.remove(at);
        true
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
        if [self.prices.len(), self.sizes.len(), self.details.len()].iter().any(|&other| other != levels) {
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
        let floats = self.prices.iter().zip(&self.sizes).rev();
        let exact = self.iter().zip(floats).all(|(level, (price, size))| {
            level.price.to_f64().to_bits() == price.to_bits() && level.size.to_f64().to_bits() == size.to_bits()
        });
        (!exact).then_some("a float column differs from the exact level")
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
