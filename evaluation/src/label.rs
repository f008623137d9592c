//! What happened in a market: the truth that scores are made against.

use crate::market::Of;

/// Which sides depth changed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sides {
    /// Bids alone, or asks alone.
    One(Of),
    /// Both.
    Both,
}

impl Sides {
    /// Whether this side is among them.
    #[must_use]
    pub fn has(self, side: Of) -> bool {
        match self {
            Self::One(one) => one == side,
            Self::Both => true,
        }
    }
}

/// How a wall ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Taken away while the price is not near.
    Pulled,
    /// Price trades through it.
    Consumed,
}

/// How large a wall is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// So many times what its surroundings hold in a bandwidth.
    Times(f64),
    /// This share of what its side holds within 100 bps: the measure for books that have giants of their own, whose background is mostly dust.
    OfSide(f64),
}

impl Measured {
    /// As tables name it; shares of a side by their range.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Times(times) => format!("{times:.0}× the background"),
            Self::OfSide(share) if share < 0.5 => "15-30 % of its side".to_owned(),
            Self::OfSide(_) => "50-100 % of its side".to_owned(),
        }
    }
}

/// One kind of event with its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// Depth goes to `share` of what it would be over `over_s` seconds, stays, and comes back. Below 1 it is a withdrawal, above a surge.
    Depth {
        /// On these sides.
        sides: Sides,
        /// Of what depth would be.
        share: f64,
        /// Seconds until it is there.
        over_s: u64,
    },
    /// A level of `multiple` times the local background.
    Wall {
        /// On this side.
        side: Of,
        /// At this price, quote units.
        price: f64,
        /// Of this size, base units.
        size: f64,
        /// Large by this measure.
        measured: Measured,
        /// Resting orders behind it.
        orders: u32,
        /// How it ends.
        ending: Ending,
    },
    /// Only this side has walls.
    Lean {
        /// Bids or asks.
        side: Of,
        /// How many.
        walls: usize,
        /// How large the smallest is.
        least: Measured,
    },
    /// A level of 20 times the background that comes and goes again and again.
    Flicker {
        /// On this side.
        side: Of,
    },
    /// The price jumps, and the whole book with it.
    Jump {
        /// By so much, either way.
        bps: f64,
    },
    /// Price and book are several times as lively as usual.
    Regime {
        /// So many times.
        times: f64,
    },
    /// No frame comes.
    Gap {
        /// For so long.
        seconds: u64,
    },
}

/// An event with its times, Unix milliseconds of exchange time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Label {
    /// What happened.
    pub event: Event,
    /// The last book before it: what is said of later books is about it.
    pub begin_ms: u64,
    /// The first book in which it has happened in full.
    pub full_ms: u64,
    /// The first book in which nothing of it is left; the far future while that isn't known.
    pub end_ms: u64,
}

impl Label {
    /// Whether it isn't over at a time.
    #[must_use]
    pub fn covers(&self, time_ms: u64) -> bool {
        (self.begin_ms..self.end_ms).contains(&time_ms)
    }
}
