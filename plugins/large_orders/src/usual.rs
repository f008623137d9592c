//! How far the large orders of this pair usually lean, so that what always is so isn't called a tendency.
//!
//! Level sizes are heavy-tailed: on most books a few giants stand on either side and lean one way or the other by mere chance, for minutes. A book alone
//! can't tell such a giant from a wall that means something; the pair's own last minutes can. So the net weight is sampled once a second, and only one
//! that is a multiple of the median of those samples is a tendency. While there is one, nothing is sampled, or a wall that stands would soon be usual
//! itself; after `freeze` it is. The median, not a high percentile: walls that stand a third of the time must not hide the next one.
//!
//! A single level is held against the largest single levels of a longer time: what 97 of 100 seconds stayed below, since one that usually is there now and
//! then says as little as one that always is.

use leadline_plugin::serde::{Deserialize, Serialize};
use leadline_plugin::windows::{RollingMedian, SecondGrid, Tick};

/// Fewer samples than this say nothing.
pub const FEWEST_SAMPLES: usize = 90;

/// And fewer than this, or than the window holds, nothing of the largest levels: their highest few in a hundred are to be told.
const FEWEST_LARGEST: usize = 900;
/// Share of the seconds whose largest level is below what is usual.
const BELOW: f64 = 0.97;

/// What large levels there were in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct Second {
    /// Net weight B − A.
    pub net: f64,
    /// Notional of the largest level of either side.
    pub largest: f64,
}

/// What is usual of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amounts {
    /// The median of |B − A|.
    pub net: f64,
    /// What the largest level of a side seldom exceeds; infinite while that isn't known.
    pub largest: f64,
}

/// The large levels of the last minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct Usual {
    grid: SecondGrid<Second>,
    /// |B − A| of one second each.
    window: RollingMedian,
    /// The largest level of one second each.
    largest: RollingMedian,
    /// Seconds since there was no tendency.
    frozen_s: u64,
}

impl Usual {
    /// Of the last `seconds`, and of the largest levels of the last `largest_seconds`.
    #[must_use]
    pub fn new(seconds: usize, largest_seconds: usize) -> Self {
        let [window, largest] = [seconds, largest_seconds].map(RollingMedian::new);
        Self { grid: SecondGrid::default(), window, largest, frozen_s: 0 }
    }

    /// A book has come with these. `neutral`: there was no tendency before it; `freeze_s`: how long one keeps samples away at most.
    pub fn push(&mut self, second: Second, now_ms: u64, restarted: bool, neutral: bool, freeze_s: u64) {
        let Self { grid, window, largest, frozen_s } = self;
        grid.advance(now_ms, restarted, |tick| {
            let (sample, seconds) = match tick {
                Tick::Sample { value, .. } => (Some(*value), 1),
                Tick::Missing { seconds, .. } => (None, seconds),
            };
            *frozen_s = if neutral { 0 } else { frozen_s.saturating_add(seconds) };
            if let Some(second) = sample
                && (neutral || *frozen_s > freeze_s)
            {
                window.push(second.net.abs());
                largest.push(second.largest);
            }
        });
        grid.hold(now_ms, second);
    }

    /// What is usual; none with too few samples.
    #[must_use]
    pub fn amounts(&self) -> Option<Amounts> {
        if self.window.count() < FEWEST_SAMPLES {
            return None;
        }
        let known = self.largest.count() >= FEWEST_LARGEST.min(self.largest.window().capacity());
        let largest = if known { self.largest.quantile(BELOW)? } else { f64::INFINITY };
        Some(Amounts { net: self.window.median()?, largest })
    }

    /// Samples that are still missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        FEWEST_SAMPLES.saturating_sub(self.window.count())
    }

    /// Whether a restored one is of these.
    #[must_use]
    pub fn fits(&self, seconds: usize, largest_seconds: usize) -> bool {
        let shape = self.window.window().capacity() == seconds && self.largest.window().capacity() == largest_seconds;
        shape && self.grid.held().is_none_or(|second| second.net.is_finite() && second.largest.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, net: impl Fn(u64) -> f64, neutral: impl Fn(u64) -> bool) -> Usual {
        let mut usual = Usual::new(100, 400);
        for second in 0..=seconds {
            let of = Second { net: net(second), largest: (second % 100) as f64 };
            usual.push(of, second * 1000, second == 0, neutral(second), 30);
        }
        usual
    }

    fn net(usual: &Usual) -> Option<f64> {
        usual.amounts().map(|amounts| amounts.net)
    }

    #[test]
    fn says_nothing_before_a_minute_and_a_half_and_then_the_median() {
        let early = after(89, |_| 1.0, |_| true);
        assert_eq!((net(&early), early.missing()), (None, 1));
        assert_eq!(net(&after(90, |_| 1.0, |_| true)), Some(1.0));
        // 1 to 100 with changing signs: the window holds the newest 100.
        let usual = after(200, |second| (second % 100) as f64 * if second % 2 == 0 { 1.0 } else { -1.0 }, |_| true);
        assert_eq!(net(&usual), Some(49.5));
    }

    #[test]
    fn a_tendency_keeps_samples_away_for_as_long_as_it_is_frozen() {
        let wall = |second: u64| if second > 95 { 9.0 } else { 1.0 };
        assert_eq!(net(&after(120, wall, |second| second <= 97)), Some(1.0));
        assert_eq!(net(&after(190, wall, |second| second <= 97)), Some(9.0), "from 30 s on it is sampled, and then it is usual");
    }

    #[test]
    fn the_largest_level_is_usual_up_to_what_three_of_a_hundred_seconds_exceed() {
        let usual = after(400, |_| 1.0, |_| true);
        assert_eq!(usual.amounts().map(|amounts| amounts.largest), Some(96.0));
        assert_eq!(after(399, |_| 1.0, |_| true).amounts().map(|amounts| amounts.largest), Some(f64::INFINITY), "a second is missing");
        assert!(usual.fits(100, 400) && !usual.fits(100, 401) && !usual.fits(99, 400));
    }
}
