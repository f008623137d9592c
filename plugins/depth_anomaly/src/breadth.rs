//! How many levels of a side lose size: what tells a withdrawal from one large order that went.
//!
//! The notional of a band is mostly its few giants, and it halves whenever one of them goes: on recorded books the widest band changes within a second by
//! 6 to 37 % (standard deviation) and by up to 170 %. Counted by levels it is quiet: a level that lost a third of its size or more counts −1, and so does
//! one that went; one that gained half or more, or came, counts 1; between these a level counts by the logarithm of its change. Their sum by the number
//! of levels is the **breadth** of the change. A third or more of every level gone is −1, half of the levels gone −0.5, one giant among 100 levels −0.01;
//! a price that moves with its book takes as many levels as it brings. On the same books its standard deviation is 0.05 to 0.2.
//!
//! A third counts in full because a withdrawal of a half that takes two seconds is one of a quarter and one of a third, while what usually moves a book is
//! few levels that change much, and those count no more for it: in standard deviations of the recorded books half of every level is 1.7 times as far off as
//! when only a halving counts in full.

use crate::parameters::Settings;
use crate::stream::Direction;
use leadline_plugin::windows::median::MAD_TO_SIGMA;
use leadline_plugin::windows::{Cusum, RollingMedian};
use leadline_plugin::{DepthSide, kernels, math};
use serde::{Deserialize, Serialize};

/// A level that is this many times what it was counts in full; so does one that came, and what shrank as much or went.
const FULL: f64 = 1.5;
/// 1 / ln [`FULL`].
const PER_LOGARITHM: f64 = 2.466_303_462_376_431_7;

/// The part of the values within ±2.576 standard deviations of a normal distribution.
const NEARLY_ALL: f64 = 0.99;
const NEARLY_ALL_SIGMA: f64 = 2.576;

/// Distances in price and notional of a side's levels within its widest band, best first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    /// Prices of asks, negative prices of bids: ascending on both sides.
    keys: Vec<f64>,
    notional: Vec<f64>,
}

impl Levels {
    /// Takes over the levels within `reach` bps. `prices` are those of `side`, whose sign is −1 for bids and 1 for asks.
    pub fn fill(&mut self, sign: f64, prices: &[f64], side: &DepthSide, reach: f64) {
        let count = side.within(reach);
        kernels::scale(&prices[..count], sign, &mut self.keys);
        self.notional.clear();
        self.notional.extend_from_slice(&side.notional[..count]);
    }

    /// Forgets them; their room stays.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.notional.clear();
    }

    /// Takes over those of another.
    pub fn copy(&mut self, other: &Self) {
        self.keys.clone_from(&other.keys);
        self.notional.clone_from(&other.notional);
    }

    /// The change from these levels to `now`, added up.
    #[must_use]
    pub fn change(&self, now: &Self) -> Change {
        let (before, after) = (self.keys.len(), now.keys.len());
        let (mut i, mut j, mut sum) = (0, 0, 0.0);
        while i < before && j < after {
            let (old, new) = (self.keys[i], now.keys[j]);
            if old == new {
                let (was, is) = (self.notional[i], now.notional[j]);
                // Most levels stay as they are, and most of the others change by more than a third: logarithms of the rest.
                sum += if is >= FULL * was {
                    1.0
                } else if FULL * is <= was {
                    -1.0
                } else if is == was {
                    0.0
                } else {
                    PER_LOGARITHM * math::ln(is / was)
                };
                (i, j) = (i + 1, j + 1);
            } else if old < new {
                sum -= 1.0;
                i += 1;
            } else {
                sum += 1.0;
                j += 1;
            }
        }
        sum += (after - j) as f64 - (before - i) as f64;
        Change { sum, levels: before.max(after) as f64 }
    }
}

/// What the levels of a side went through within a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Over all levels, each −1 to 1: negative when most lost size.
    pub sum: f64,
    /// Levels before or after, whichever were more.
    pub levels: f64,
}

/// The breadth of one side against its own past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breadth {
    /// How many levels there were; what is usual, since few levels change much by chance.
    levels: RollingMedian,
    usual_levels: f64,
    /// Breadth of the changes within a second; NaN where there was no step.
    changes: RollingMedian,
    /// What has added up of late, forgotten by halves: see `drift_half_life`.
    drift: f64,
    drifts: RollingMedian,
    /// Scale of the changes and of the drift, floored; none without a baseline.
    scales: Option<[f64; 2]>,
    /// Shocks: sums of what exceeds the usual.
    withdrawal: Cusum,
    surge: Cusum,
}

impl Breadth {
    /// Without history.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let cusum = Cusum::new(settings.breadth_slack, 3.0 * settings.breadth_threshold);
        let window = || RollingMedian::new(settings.window as usize);
        Self {
            levels: window(),
            usual_levels: 1.0,
            changes: window(),
            drift: 0.0,
            drifts: window(),
            scales: None,
            withdrawal: cusum,
            surge: cusum,
        }
    }

    /// The change of one second; none: the step to it is none.
    pub fn push(&mut self, change: Option<Change>, settings: &Settings) {
        self.drift *= math::exp2(-1.0 / settings.drift_half_life);
        self.levels.push(change.map_or(f64::NAN, |change| change.levels));
        // Chance moves a sum over n levels by √n: so that few levels are as quiet as many, the mean is taken over what lies between n and the usual n.
        let breadth = change.map_or(f64::NAN, |change| {
            let levels = change.levels.max(1.0);
            let usual = if self.scales.is_some() { self.usual_levels } else { levels };
            change.sum / (levels * usual).sqrt()
        });
        self.changes.push(breadth);
        if !breadth.is_nan() {
            self.drift += breadth;
            if let Some([scale, _]) = self.scales {
                self.withdrawal.push(-breadth / scale);
                self.surge.push(breadth / scale);
            }
        }
        self.drifts.push(self.drift);
    }

    /// Missing seconds.
    pub fn skip(&mut self, seconds: u64) {
        self.levels.skip(seconds);
        self.changes.skip(seconds);
        self.drifts.skip(seconds);
        self.drift = 0.0;
    }

    /// Takes the window as what is usual.
    pub fn refresh(&mut self, settings: &Settings) {
        self.usual_levels = self.levels.median().unwrap_or(1.0).max(1.0);
        let scale = |window: &RollingMedian| {
            let around = MAD_TO_SIGMA * window.absolute_deviation(window.median()?)?;
            // Where the tails are heavier than normal ones, they are the scale.
            let (low, high) = (window.quantile(0.5 - 0.5 * NEARLY_ALL)?, window.quantile(0.5 + 0.5 * NEARLY_ALL)?);
            Some(math::larger(around, 0.5 * (high - low) / NEARLY_ALL_SIGMA))
        };
        self.scales = scale(&self.changes)
            .zip(scale(&self.drifts))
            .map(|(change, drift)| [change.max(settings.breadth_floor), drift.max(settings.drift_floor / settings.drift_full)]);
    }

    /// How far a shock goes: 1 is the threshold.
    #[must_use]
    pub fn shock(&self, direction: Direction, settings: &Settings) -> f64 {
        let sum = if direction == Direction::Withdrawal { self.withdrawal.sum() } else { self.surge.sum() };
        sum / settings.breadth_threshold
    }

    /// How far what has added up goes: 1 is the threshold.
    #[must_use]
    pub fn drift(&self, direction: Direction, settings: &Settings) -> f64 {
        let Some([_, scale]) = self.scales else { return 0.0 };
        let lost = if direction == Direction::Withdrawal { -self.drift } else { self.drift };
        lost / (scale * settings.drift_full)
    }

    /// The last change; none when there was no step.
    #[must_use]
    pub fn change(&self) -> Option<f64> {
        self.changes.window().newest().filter(|change| !change.is_nan())
    }

    /// Forgets what was out of the ordinary, when the baseline has moved to it.
    pub fn forgive(&mut self) {
        self.withdrawal.reset();
        self.surge.reset();
        self.drift = 0.0;
    }

    /// Whether a restored one is one that `settings` lead to.
    #[must_use]
    pub fn fits(&self, settings: &Settings) -> bool {
        [&self.levels, &self.changes, &self.drifts].iter().all(|window| window.window().capacity() == settings.window as usize)
            && self.drift.is_finite()
            && self.usual_levels >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bids by price and notional, best first.
    fn bids(list: &[(f64, f64)]) -> Levels {
        Levels { keys: list.iter().map(|level| -level.0).collect(), notional: list.iter().map(|level| level.1).collect() }
    }

    #[test]
    fn changes_worked_by_hand() {
        let before = bids(&[(10.0, 4.0), (9.0, 4.0), (8.0, 4.0), (7.0, 1_000.0)]);
        let change = |now: &[(f64, f64)]| {
            let change = before.change(&bids(now));
            (change.sum, change.levels)
        };
        assert_eq!(change(&[(10.0, 4.0), (9.0, 4.0), (8.0, 4.0), (7.0, 1_000.0)]), (0.0, 4.0));
        assert_eq!(change(&[(10.0, 2.0), (9.0, 2.0), (8.0, 2.0), (7.0, 500.0)]), (-4.0, 4.0), "half of everything");
        assert_eq!(change(&[(10.0, 4.0), (8.0, 4.0)]), (-2.0, 4.0), "half of the levels");
        assert_eq!(change(&[(10.0, 4.0), (9.0, 4.0), (8.0, 4.0), (7.0, 1.0)]), (-1.0, 4.0), "a giant counts as one level");
        assert!((change(&[(10.0, 4.0), (9.0, 4.0), (8.0, 4.0), (7.0, 1_000.0 * FULL.sqrt())]).0 - 0.5).abs() < 1e-12);
        assert_eq!(change(&[]), (-4.0, 4.0));
        assert_eq!(change(&[(11.0, 4.0), (10.0, 4.0), (9.0, 4.0), (8.0, 4.0)]), (0.0, 4.0), "one came, one went");
        assert_eq!(change(&[(20.0, 4.0), (19.0, 4.0), (18.0, 4.0), (17.0, 4.0)]), (0.0, 4.0), "a jump");
        let nothing = bids(&[]);
        assert_eq!(nothing.change(&nothing), Change { sum: 0.0, levels: 0.0 });
    }

    proptest! {
        /// Forth is minus back, and units don't matter.
        #[test]
        fn is_antisymmetric_and_blind_to_units(
            list in prop::collection::btree_map(1_u32..60, (0.1..100.0_f64, 0.1..100.0_f64, 0_u8..4), 2..40),
        ) {
            let book = |new: bool, unit: f64| {
                let there = |level: &(f64, f64, u8)| match (level.2, new) {
                    (1, false) | (2, true) => None,
                    (3, _) | (_, false) => Some(level.0),
                    _ => Some(level.1),
                };
                bids(&list.iter().rev().filter_map(|(key, level)| Some((unit * f64::from(*key), there(level)?))).collect::<Vec<_>>())
            };
            let forth = book(false, 1.0).change(&book(true, 1.0));
            let back = book(true, 1.0).change(&book(false, 1.0));
            prop_assert!(forth.sum.abs() <= forth.levels + 1e-9);
            prop_assert!((forth.sum + back.sum).abs() < 1e-9);
            prop_assert_eq!(forth.levels, back.levels);
            prop_assert_eq!(forth, book(false, 4.0).change(&book(true, 4.0)));
        }
    }
}
