//! One price level, and which side of a book it is on.

use std::fmt;

use crate::Decimal;

/// A side of an order book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who wants to buy; the highest price is the best.
    Bid,
    /// Who wants to sell; the lowest price is the best.
    Ask,
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Bid => "bids",
            Self::Ask => "asks",
        })
    }
}

/// One price level of a side. In an update, size zero says that the level is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Level {
    /// Price in the quote currency.
    pub price: Decimal,
    /// Resting size: base currency (spot) or contracts (derivatives).
    pub size: Decimal,
    /// Resting orders; 0 when the exchange doesn't say.
    pub orders: u32,
}
