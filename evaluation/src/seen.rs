//! What an analysis said of one book, in words that scores understand: the same for a plugin and for a simple rule.

use crate::label::Ending;
use crate::market::Of;

/// The analyses that are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Analysis {
    /// Support and resistance.
    SupportResistance,
    /// Large orders and their tendency.
    LargeOrders,
    /// Depth that leaves or comes within minutes.
    DepthAnomaly,
    /// Liquidity over hours.
    Liquidity,
}

impl Analysis {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::SupportResistance, Self::LargeOrders, Self::DepthAnomaly, Self::Liquidity];

    /// The plugin's name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SupportResistance => "support_resistance",
            Self::LargeOrders => "large_orders",
            Self::DepthAnomaly => "depth_anomaly",
            Self::Liquidity => "liquidity",
        }
    }
}

/// How grave an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Gravity {
    /// None.
    #[default]
    Normal,
    /// A warning.
    Warning,
    /// An alert.
    Alert,
}

/// Where depth goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It leaves.
    Withdrawal,
    /// It comes.
    Surge,
}

/// The state of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Alarm {
    /// How grave.
    pub gravity: Gravity,
    /// Bids, asks: which it names.
    pub sides: [bool; 2],
    /// Where depth goes, where it says so.
    pub direction: Option<Direction>,
}

/// Which way large orders lean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trend {
    /// Neither way.
    #[default]
    Neutral,
    /// To the bids.
    Bullish,
    /// To the asks.
    Bearish,
}

/// A level that is gone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    /// Its side.
    pub side: Of,
    /// Its last price.
    pub price: f64,
    /// How it went.
    pub how: Ending,
}

/// Levels of a book. Kept by its reader and filled anew.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Levels {
    /// Bids, asks: the two that are published, strongest first.
    pub published: [[Option<f64>; 2]; 2],
    /// Bids, asks: prices of all candidates.
    pub candidates: [Vec<f64>; 2],
    /// Levels that ended of late; the same one may be told again and again.
    pub ended: Vec<Ended>,
}

/// Large orders of a book. Kept by its reader and filled anew.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Orders {
    /// Which way they lean; none where nothing is said about it.
    pub trend: Option<Trend>,
    /// Bids, asks: price of each large level, and whether it is one order (`Some(true)`) or many.
    pub large: [Vec<(f64, Option<bool>)>; 2],
}

/// What was said.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// No numbers yet, or none for this book.
    Nothing,
    /// The state of an alarm.
    Alarm(Alarm),
    /// Levels.
    Levels(&'a Levels),
    /// Large orders.
    Orders(&'a Orders),
}
