//! Simple alarms on depth, for depth anomaly (seconds to minutes) and for liquidity (minutes to hours).

use leadline_market::Book;

use super::Rule;
use super::series::Series;
use crate::background::{depth, mid};
use crate::market::Of;
use crate::seen::{Alarm, Direction, Gravity};

/// Reach of the depth that is watched: bps, or so many spreads.
const REACH_BPS: f64 = 25.0;
const REACH_SPREADS: f64 = 6.0;
/// The spread is measured over this many books first.
const GAUGE: usize = 60;

/// How one rule goes about it.
#[derive(Debug, Clone, Copy)]
struct Settings {
    /// From one value to the next, ms.
    grid_ms: u64,
    /// Values that a window holds, and wants before it says anything.
    window: usize,
    least: usize,
    /// Off by this much it warns, and until this much is left.
    enter: f64,
    leave: f64,
    /// Only depth that leaves counts, on the weaker side.
    weaker: bool,
}

/// A rule that watches depth.
#[derive(Debug)]
pub struct Watch {
    rule: Rule,
    settings: Settings,
    spreads: Vec<f64>,
    reach_bps: f64,
    next_ms: u64,
    series: [Series; 2],
    state: Alarm,
}

impl Watch {
    /// For depth anomaly: 30 % below or above what it was 10 s ago; 4 deviations off the mean of 15 min.
    #[must_use]
    pub fn minutes(rule: Rule) -> Self {
        Self::new(
            rule,
            match rule {
                Rule::FixedChange => Settings { grid_ms: 1_000, window: 10, least: 10, enter: 0.30, leave: 0.10, weaker: false },
                Rule::RollingZ => Settings { grid_ms: 1_000, window: 900, least: 300, enter: 4.0, leave: 2.0, weaker: false },
            },
        )
    }

    /// For liquidity: 25 % below what it was an hour ago; 3 deviations below the mean of a day.
    #[must_use]
    pub fn hours(rule: Rule) -> Self {
        Self::new(
            rule,
            match rule {
                Rule::FixedChange => Settings { grid_ms: 60_000, window: 60, least: 60, enter: 0.25, leave: 0.15, weaker: true },
                Rule::RollingZ => Settings { grid_ms: 60_000, window: 1_440, least: 60, enter: 3.0, leave: 2.0, weaker: true },
            },
        )
    }

    fn new(rule: Rule, settings: Settings) -> Self {
        let series = [Series::new(settings.window), Series::new(settings.window)];
        Self { rule, settings, spreads: Vec::new(), reach_bps: 0.0, next_ms: 0, series, state: Alarm::default() }
    }

    /// The state after a book; none while the window is short of values.
    pub fn see(&mut self, book: &Book) -> Option<Alarm> {
        let mid = mid(book)?;
        if self.spreads.len() < GAUGE {
            self.spreads.push((book.asks.prices.first()? - book.bids.prices.first()?) / mid * 1e4);
            self.spreads.sort_by(f64::total_cmp);
            self.reach_bps = REACH_BPS.max(REACH_SPREADS * self.spreads[self.spreads.len() / 2]);
            return None;
        }
        if book.time_ms >= self.next_ms {
            self.next_ms = book.time_ms + self.settings.grid_ms;
            let depths = Of::BOTH.map(|side| libm::log(depth(book, side, self.reach_bps).max(1.0)));
            if self.settings.weaker {
                self.judge([depths[0].min(depths[1]), f64::NAN]);
            } else {
                self.judge(depths);
            }
        }
        (self.series[0].len() >= self.settings.least).then_some(self.state)
    }

    fn judge(&mut self, depths: [f64; 2]) {
        let Settings { enter, leave, least, weaker, .. } = self.settings;
        let mut off = [0.0; 2];
        for (i, value) in depths.into_iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let series = &mut self.series[i];
            if series.len() >= least {
                off[i] = match self.rule {
                    Rule::FixedChange => series.oldest().map_or(0.0, |old| libm::exp(value - old) - 1.0),
                    Rule::RollingZ => series.z(value),
                };
            }
            series.push(value);
        }
        let low = off[0].min(off[1]);
        let high = if weaker { 0.0 } else { off[0].max(off[1]) };
        let (most, direction) = if -low >= high { (-low, Direction::Withdrawal) } else { (high, Direction::Surge) };
        if most >= enter {
            let beyond = |off: f64| if direction == Direction::Withdrawal { -off >= enter } else { off >= enter };
            self.state = Alarm { gravity: Gravity::Warning, sides: off.map(beyond), direction: Some(direction) };
        } else if most < leave {
            self.state = Alarm::default();
        }
    }
}
