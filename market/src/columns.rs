//! The picture of a book that plugins are given: immutable columns of doubles, best level first.

/// How the exchange let us verify a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The chain of ids is unbroken since the snapshot.
    Chain,
    /// The checksum that the exchange sent with the frame is the book's.
    Checksum,
    /// The exchange offered neither ids nor a checksum.
    Unverified,
}

impl Trust {
    /// `chain`, `checksum` or `unverified`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Checksum => "checksum",
            Self::Unverified => "unverified",
        }
    }
}

/// How a book follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Continuity {
    /// One update after the book before.
    Continued,
    /// The first book, a book after a snapshot, or exchange time went back: the step across is not a sample.
    Restarted,
}

impl Continuity {
    /// `continued` or `restarted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continued => "continued",
            Self::Restarted => "restarted",
        }
    }
}

/// One side as three columns of one length, best level first.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Columns {
    /// Prices in the quote currency.
    pub prices: Vec<f64>,
    /// Sizes: base currency (spot) or contracts.
    pub sizes: Vec<f64>,
    /// Resting orders; 0 when the exchange doesn't say.
    pub orders: Vec<u32>,
}

impl Columns {
    /// The number of levels.
    pub fn len(&self) -> usize {
        self.prices.len()
    }

    /// Whether there is no level.
    pub fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    /// Forgets the levels and keeps the memory.
    pub fn clear(&mut self) {
        self.prices.clear();
        self.sizes.clear();
        self.orders.clear();
    }
}

/// A verified book at one moment, as plugins see it. Copied out of the tracked book once, then shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Book {
    /// Exchange time of the frame, milliseconds since 1970.
    pub time_ms: u64,
    /// The exchange's id of the frame, when it sends ids.
    pub sequence: Option<i64>,
    /// How the book was verified.
    pub trust: Trust,
    /// How it follows the book before.
    pub continuity: Continuity,
    /// Whether the best bid is at or over the best ask (auctions, pre-open).
    pub crossed: bool,
    /// Bids, highest price first.
    pub bids: Columns,
    /// Asks, lowest price first.
    pub asks: Columns,
}

impl Book {
    /// A book without levels, whose columns are filled later (and again) by [`TrackedBook::fill`](crate::TrackedBook::fill).
    pub fn empty() -> Self {
        Self {
            time_ms: 0,
            sequence: None,
            trust: Trust::Unverified,
            continuity: Continuity::Restarted,
            crossed: false,
            bids: Columns::default(),
            asks: Columns::default(),
        }
    }
}

impl Default for Book {
    fn default() -> Self {
        Self::empty()
    }
}
