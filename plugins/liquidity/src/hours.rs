//! How low a series goes by itself on this pair, hour by hour.
//!
//! What is out of the ordinary differs by pair, so of each hour the lowest value is kept, for two weeks; a line is so many deviations below their median.
//! Hours in which the state wasn't normal say nothing of what is usual and are left out.

use leadline_plugin::math;
use leadline_plugin::windows::Ring;
use leadline_plugin::windows::median::{MAD_TO_SIGMA, absolute_deviation, median};
use serde::{Deserialize, Serialize};

/// Hours that are remembered, and how many say what is usual.
pub const HOURS: usize = 14 * 24;
/// See [`HOURS`].
pub const HOURS_WANTED: usize = 48;
/// Seconds of an hour that make it one to remember.
const HALF_AN_HOUR: u32 = 1800;

/// The lowest values of the last hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hours {
    /// The hour since 1970 that is running, the lowest value in it, its seconds so far, and whether one of them wasn't normal.
    hour: u64,
    lowest: f64,
    seconds: u32,
    spoilt: bool,
    lows: Ring<f64>,
    /// Of the lows: median and 1.4826 · median absolute deviation. None with too few.
    usual: Option<[f64; 2]>,
}

impl Default for Hours {
    fn default() -> Self {
        Self { hour: 0, lowest: f64::NAN, seconds: 0, spoilt: false, lows: Ring::new(HOURS), usual: None }
    }
}

impl Hours {
    /// The value of one second, counted since 1970; NaN where there is none. `normal`: whether the state was, before it. When that ends an hour: whether the
    /// hour says something of what is usual.
    pub fn push(&mut self, second: u64, value: f64, normal: bool) -> Option<bool> {
        let over = second / 3600 != self.hour;
        let told = over.then(|| self.close());
        self.hour = second / 3600;
        self.lowest = if self.lowest.is_nan() { value } else { math::smaller(self.lowest, value) };
        self.seconds = self.seconds.saturating_add(1);
        self.spoilt |= !normal;
        told
    }

    /// What is usual is measured in another way from here on: the hours so far say nothing of it. Their line holds until there are new ones.
    pub fn begin_anew(&mut self) {
        self.lows = Ring::new(HOURS);
        self.spoilt = true;
    }

    /// The value below which it is out of the ordinary, so many deviations from what is usual. None while that isn't known.
    #[must_use]
    pub fn line(&self, deviations: f64) -> Option<f64> {
        self.usual.map(|[middle, deviation]| middle - deviations * deviation)
    }

    /// Whether restored ones have the shape that the rest relies on.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.lows.capacity() == HOURS
    }

    fn close(&mut self) -> bool {
        let good = self.seconds >= HALF_AN_HOUR && !self.spoilt;
        if good && !self.lowest.is_nan() {
            self.lows.push(self.lowest);
            if self.lows.len() >= HOURS_WANTED {
                let mut values: Vec<f64> = self.lows.iter().collect();
                let middle = median(&mut values);
                self.usual = Some([middle, MAD_TO_SIGMA * absolute_deviation(&mut values, middle)]);
            }
        }
        (self.lowest, self.seconds, self.spoilt) = (f64::NAN, 0, false);
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_where_the_pair_goes_by_itself() {
        let mut hours = Hours::default();
        let mut told = Vec::new();
        for second in 0..3600 * 70_u64 {
            if second < 3600 * 48 {
                assert_eq!(hours.line(3.0), None, "{second}");
            }
            // Each hour dips to one of three depths; from the 60th on it is far below, which isn't normal.
            let hour = second / 3600;
            let dip = if second % 3600 < 1800 { -0.2 - 0.05 * (hour % 3) as f64 } else { 0.0 };
            told.extend(hours.push(second, if hour < 60 { dip } else { -7.0 }, hour < 60));
        }
        let line = hours.line(3.0).unwrap();
        assert!((line - (-0.25 - 3.0 * 1.4826 * 0.05)).abs() < 1e-9, "{line}");
        assert_eq!(told.iter().filter(|good| **good).count(), 60);
        hours.begin_anew();
        (3600 * 70..3600 * 120).for_each(|second| assert!(hours.push(second, 0.0, true).is_none_or(|good| good || second == 3600 * 70)));
        assert_eq!(hours.line(3.0), Some(0.0), "two days after a new beginning it is theirs");
    }

    #[test]
    fn an_hour_without_values_has_no_low() {
        let mut hours = Hours::default();
        let told: Vec<bool> = (0..3600 * 60_u64).filter_map(|second| hours.push(second, f64::NAN, true)).collect();
        assert!(told.len() == 59 && told.iter().all(|good| *good));
        assert_eq!(hours.line(3.0), None);
    }
}
