//! The index: how liquid a book is against what is usual, and where it is going.

use crate::baseline::{PARTS, Weights};
use leadline_plugin::math;
use leadline_plugin::windows::{Ring, evidence, trend};
use serde::{Deserialize, Serialize};

/// The most the index can be; 100 is usual.
pub const MOST: f64 = 200.0;

/// Minutes of the trend.
pub const TREND_MINUTES: usize = 60;

/// Whether more of a component is more liquid.
const SIGN: Weights = [-1.0, 1.0, 1.0, -1.0];

/// 100·exp(Σ w·ln(value/usual)), signs turned for spread and cost, within [0, 200]. A component with weight 0 isn't looked at. NaN when another one is missing;
/// what comes after the components of the index is no part of it.
#[must_use]
pub fn index(value: &[f64], usual: &[f64], weights: &Weights) -> f64 {
    let mut sum = 0.0;
    for (((value, usual), weight), sign) in value.iter().zip(usual).zip(weights).zip(SIGN).take(PARTS).filter(|part| *part.0.1 > 0.0) {
        sum += weight * sign * math::ln(value / usual);
    }
    // `clamp` leaves NaN alone, and minus infinity (a band without orders) is an index of 0.
    (100.0 * math::exp(sum)).clamp(0.0, MOST)
}

/// Where the index has gone within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Change of the index in percent an hour, by Theil-Sen.
    pub percent_an_hour: f64,
    /// Probability of a trend at least this clear if there is none, by Hamed-Rao corrected Mann-Kendall.
    pub p: f64,
    /// Minutes that it was made from.
    pub minutes: usize,
}

/// ln of the index, minute by minute, NaN where one is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    minutes: Ring<f64>,
    /// None with fewer than ten minutes.
    pub trend: Option<Trend>,
}

impl Default for Course {
    fn default() -> Self {
        Self { minutes: Ring::new(TREND_MINUTES), trend: None }
    }
}

impl Course {
    /// The index of one minute. Below 1 counts as 1, so that a minute without orders isn't an infinite fall.
    pub fn push(&mut self, index: f64) {
        self.minutes.push(if index.is_nan() { index } else { math::ln(index.max(1.0)) });
        let values: Vec<f64> = self.minutes.iter().collect();
        let minutes = values.iter().filter(|value| !value.is_nan()).count();
        self.trend = trend::theil_sen(&values, &mut Vec::with_capacity(TREND_MINUTES * TREND_MINUTES / 2)).and_then(|slope| {
            let test = evidence::hamed_rao(&values, slope)?;
            Some(Trend { percent_an_hour: 100.0 * (math::exp(slope * TREND_MINUTES as f64) - 1.0), p: test.p, minutes })
        });
    }

    /// Minutes without an index.
    pub fn skip(&mut self, minutes: u64) {
        for _ in 0..minutes.min(TREND_MINUTES as u64) {
            self.minutes.push(f64::NAN);
        }
        if minutes > 0 {
            self.trend = None;
        }
    }

    /// Whether a restored course has the shape that the rest relies on.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.minutes.capacity() == TREND_MINUTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: Weights = [0.20, 0.25, 0.25, 0.30];
    const USUAL: Weights = [2.0, 1000.0, 5000.0, 3.0];

    #[test]
    fn closed_forms() {
        let close = |value: Weights, expected: f64| {
            let found = index(&value, &USUAL, &WEIGHTS);
            assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        };
        close(USUAL, 100.0);
        close([4.0, 500.0, 2500.0, 6.0], 50.0);
        close([2.0, 500.0, 2500.0, 3.0], 100.0 * 0.5_f64.sqrt());
        close([1.0, 2000.0, 10_000.0, 1.5], 200.0);
        close([0.1, 9000.0, 90_000.0, 0.1], 200.0);
        close([2.0, 0.0, 5000.0, 3.0], 0.0);
    }

    #[test]
    fn a_missing_component_makes_no_index_and_one_without_weight_doesnt_matter() {
        assert!(index(&[2.0, f64::NAN, 5000.0, 3.0], &USUAL, &WEIGHTS).is_nan());
        assert_eq!(index(&[2.0, f64::NAN, 5000.0, 3.0], &USUAL, &[0.25, 0.0, 0.35, 0.40]), 100.0);
    }

    #[test]
    fn a_steady_fall_of_an_hour_is_found() {
        let after = |minutes: u32, percent: f64| {
            let mut course = Course::default();
            let step = (1.0 - percent / 100.0_f64).ln() / 60.0;
            // A wobble of 1 %, so that the test has something to doubt.
            (0..minutes).for_each(|i| course.push(100.0 * (step * f64::from(i)).exp() * (1.0 + 0.01 * f64::from(i * 7 % 5))));
            course
        };
        let trend = after(60, 30.0).trend.unwrap();
        assert!((trend.percent_an_hour + 30.0).abs() < 1.0 && trend.p < 0.01);
        assert!(after(9, 30.0).trend.is_none());
        let mut course = after(60, 30.0);
        course.skip(3);
        assert_eq!(course.trend, None);
    }
}
