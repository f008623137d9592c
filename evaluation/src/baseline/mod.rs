//! Two simple rules for each analysis: what somebody would write in an afternoon. An analysis that isn't clearly better than both isn't worth its code.
//!
//! - *Fixed change*: a figure is so many per cent off what it was a while ago.
//! - *Rolling z-score*: a figure is so many standard deviations off the mean of a window.
//!
//! Both are given the depth within 25 bps of mid on each side (or six spreads, where that is more). On levels and large orders, which have no past to
//! compare with, the fixed rule takes levels of at least so many times the mean level, the z-score those so many deviations above it.
//!
//! - [`series`]: a window with mean and deviation.
//! - [`alarms`]: for depth anomaly and liquidity.
//! - [`levels`]: for levels and large orders.

pub mod alarms;
pub mod levels;
pub mod series;

use leadline_market::Book;

use crate::seen::{Analysis, Seen};

/// The two rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// So many per cent off what it was.
    FixedChange,
    /// So many deviations off the mean of a window.
    RollingZ,
}

impl Rule {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::FixedChange, Self::RollingZ];

    /// As the head of a column.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FixedChange => "fixed change",
            Self::RollingZ => "rolling z",
        }
    }
}

/// A rule at work for one analysis on one pair.
#[derive(Debug)]
pub enum Baseline {
    /// Of depth anomaly or liquidity.
    Alarm(alarms::Watch),
    /// Of levels.
    Levels(levels::LevelRule),
    /// Of large orders.
    Orders(levels::OrderRule),
}

impl Baseline {
    /// A rule without history.
    #[must_use]
    pub fn new(rule: Rule, analysis: Analysis) -> Self {
        match analysis {
            Analysis::SupportResistance => Self::Levels(levels::LevelRule::new(rule)),
            Analysis::LargeOrders => Self::Orders(levels::OrderRule::new(rule)),
            Analysis::DepthAnomaly => Self::Alarm(alarms::Watch::minutes(rule)),
            Analysis::Liquidity => Self::Alarm(alarms::Watch::hours(rule)),
        }
    }

    /// What it says of a book.
    pub fn see(&mut self, book: &Book) -> Seen<'_> {
        match self {
            Self::Alarm(watch) => watch.see(book).map_or(Seen::Nothing, Seen::Alarm),
            Self::Levels(rule) => rule.see(book).map_or(Seen::Nothing, Seen::Levels),
            Self::Orders(rule) => rule.see(book).map_or(Seen::Nothing, Seen::Orders),
        }
    }
}
