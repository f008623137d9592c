//! How far the large orders of this pair usually lean, so that what always is so isn't called a tendency.
//!
//! Level sizes are heavy-tailed: on most books a few giants stand on either side and lean one way or the other by mere chance, for minutes. A book alone
//! can't tell such a giant from a wall that means something; the pair's own last minutes can. So the net weight is sampled once a second, and only one
//! that is a multiple of the median of those samples is a tendency. While there is one, nothing is sampled, or a wall that stands would soon be usual
//! itself; after `freeze` it is. The median, not a high percentile: walls that stand a third of the time must not hide the next one.

use leadline_plugin::serde::{Deserialize, Serialize};
use leadline_plugin::windows::{RollingMedian, SecondGrid, Tick};

/// Fewer samples than this say nothing.
pub const FEWEST_SAMPLES: usize = 90;

/// The net weight of the last minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct Usual {
    grid: SecondGrid<f64>,
    /// |B − A| of one second each.
    window: RollingMedian,
    /// Seconds since there was no tendency.
    frozen_s: u64,
}

impl Usual {
    /// Of the last `seconds`.
    #[must_use]
    pub fn new(seconds: usize) -> Self {
        Self { grid: SecondGrid::default(), window: RollingMedian::new(seconds), frozen_s: 0 }
    }

    /// A book has come with this net weight. `neutral`: there was no tendency before it; `freeze_s`: how long one keeps samples away at most.
    pub fn push(&mut self, net: f64, now_ms: u64, restarted: bool, neutral: bool, freeze_s: u64) {
        let Self { grid, window, frozen_s } = self;
        grid.advance(now_ms, restarted, |tick| {
            let (sample, seconds) = match tick {
                Tick::Sample { value, .. } => (Some(*value), 1),
                Tick::Missing { seconds, .. } => (None, seconds),
            };
            *frozen_s = if neutral { 0 } else { frozen_s.saturating_add(seconds) };
            if let Some(net) = sample
                && (neutral || *frozen_s > freeze_s)
            {
                window.push(net.abs());
            }
        });
        grid.hold(now_ms, net);
    }

    /// The median of |B − A|; none with too few samples.
    #[must_use]
    pub fn net(&self) -> Option<f64> {
        if self.window.count() < FEWEST_SAMPLES { None } else { self.window.median() }
    }

    /// Samples that are still missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        FEWEST_SAMPLES.saturating_sub(self.window.count())
    }

    /// Whether a restored one is of `seconds`.
    #[must_use]
    pub fn fits(&self, seconds: usize) -> bool {
        self.window.window().capacity() == seconds && self.grid.held().is_none_or(|net| net.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, net: impl Fn(u64) -> f64, neutral: impl Fn(u64) -> bool) -> Usual {
        let mut usual = Usual::new(100);
        (0..=seconds).for_each(|second| usual.push(net(second), second * 1000, second == 0, neutral(second), 30));
        usual
    }

    #[test]
    fn says_nothing_before_a_minute_and_a_half_and_then_the_median() {
        assert_eq!((after(89, |_| 1.0, |_| true).net(), after(89, |_| 1.0, |_| true).missing()), (None, 1));
        assert_eq!(after(90, |_| 1.0, |_| true).net(), Some(1.0));
        // 1 to 100 with changing signs: the window holds the newest 100.
        let usual = after(200, |second| (second % 100) as f64 * if second % 2 == 0 { 1.0 } else { -1.0 }, |_| true);
        assert_eq!(usual.net(), Some(49.5));
    }

    #[test]
    fn a_tendency_keeps_samples_away_for_as_long_as_it_is_frozen() {
        let wall = |second: u64| if second > 95 { 9.0 } else { 1.0 };
        assert_eq!(after(120, wall, |second| second <= 97).net(), Some(1.0));
        assert_eq!(after(190, wall, |second| second <= 97).net(), Some(9.0), "from 30 s on it is sampled, and then it is usual");
    }
}
