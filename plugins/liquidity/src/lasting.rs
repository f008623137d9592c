//! What lasts: the mean over the last minutes, and how low that gets by itself on this pair.
//!
//! The index of a minute jumps on most pairs: single giants make much of a band's depth. What a drain leaves is seen in the mean of some minutes, and
//! how low that goes without one is a property of the pair. So of each hour the lowest mean is kept, for two weeks; the line that a warning wants is so many
//! deviations below their median. Hours in which the state wasn't normal say nothing of what is usual and are left out.

use crate::parameters::Settings;
use leadline_plugin::math;
use leadline_plugin::windows::Ring;
use leadline_plugin::windows::median::{MAD_TO_SIGMA, absolute_deviation, median};
use serde::{Deserialize, Serialize};

/// Hours that are remembered, and how many say what is usual.
const HOURS: usize = 14 * 24;
const HOURS_WANTED: usize = 48;
/// Seconds of an hour that make it one to remember.
const HALF_AN_HOUR: u32 = 1800;

/// Two series of ratios to what is usual, in percent (100 is usual), and the lower of their means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lasting {
    /// Means of ln(ratio / 100), the newest second weighing most.
    means: [f64; 2],
    /// The hour since 1970 that is running, the lowest mean in it, its seconds so far, and whether one of them wasn't normal.
    hour: u64,
    lowest: f64,
    seconds: u32,
    spoilt: bool,
    hours: Ring<f64>,
    /// Of the lowest means: median and 1.4826 · median absolute deviation. None with too few.
    usual: Option<[f64; 2]>,
}

impl Default for Lasting {
    fn default() -> Self {
        Self { means: [0.0; 2], hour: 0, lowest: 0.0, seconds: 0, spoilt: false, hours: Ring::new(HOURS), usual: None }
    }
}

impl Lasting {
    /// The ratios of one second, counted since 1970. Below 1 % counts as 1 %; NaN is usual. `normal`: whether the state was, before it.
    pub fn push(&mut self, second: u64, ratios: [f64; 2], normal: bool, settings: &Settings) {
        if second / 3600 != self.hour {
            self.close_hour();
            self.hour = second / 3600;
        }
        let part = 1.0 - math::exp(-1.0 / (60.0 * settings.lasting_minutes));
        for (mean, ratio) in self.means.iter_mut().zip(ratios) {
            let value = if ratio.is_nan() { 0.0 } else { math::ln(ratio.max(1.0) / 100.0) };
            *mean += part * (value - *mean);
        }
        let mean = self.mean();
        self.lowest = if self.seconds == 0 { mean } else { math::smaller(self.lowest, mean) };
        self.seconds = self.seconds.saturating_add(1);
        self.spoilt |= !normal;
    }

    /// Missing seconds: what isn't seen counts as usual.
    pub fn skip(&mut self, seconds: u64, settings: &Settings) {
        let left = math::exp(-(seconds as f64) / (60.0 * settings.lasting_minutes));
        self.means.iter_mut().for_each(|mean| *mean *= left);
    }

    /// What is usual is measured in another way from here on: the hours so far say nothing of it. Their line holds until there are new ones.
    pub fn begin_anew(&mut self) {
        self.hours = Ring::new(HOURS);
        self.spoilt = true;
    }

    /// The lower one of the ratios that last.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        100.0 * math::exp(self.mean())
    }

    /// The ratio below which it is out of the ordinary, so many deviations from what is usual. None while that isn't known.
    #[must_use]
    pub fn line(&self, deviations: f64) -> Option<f64> {
        self.usual.map(|[middle, deviation]| 100.0 * math::exp(middle - deviations * deviation))
    }

    /// Whether a restored one has the shape that the rest relies on.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.hours.capacity() == HOURS && self.means.iter().all(|mean| mean.is_finite())
    }

    fn mean(&self) -> f64 {
        math::smaller(self.means[0], self.means[1])
    }

    fn close_hour(&mut self) {
        if self.seconds >= HALF_AN_HOUR && !self.spoilt {
            self.hours.push(self.lowest);
            if self.hours.len() >= HOURS_WANTED {
                let mut values: Vec<f64> = self.hours.iter().collect();
                let middle = median(&mut values);
                self.usual = Some([middle, MAD_TO_SIGMA * absolute_deviation(&mut values, middle)]);
            }
        }
        self.seconds = 0;
        self.spoilt = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_lower_one_within_minutes() {
        let (mut lasting, settings) = (Lasting::default(), Settings::default());
        let seconds = (60.0 * settings.lasting_minutes) as u64;
        (0..seconds).for_each(|second| lasting.push(second, [50.0, f64::NAN], true, &settings));
        let expected = 100.0 * (0.5_f64.ln() * (1.0 - (-1.0_f64).exp())).exp();
        assert!((lasting.ratio() - expected).abs() < 0.1, "{}", lasting.ratio());
        lasting.skip(86_400, &settings);
        assert!((lasting.ratio() - 100.0).abs() < 1e-6, "what isn't seen is usual");
    }

    #[test]
    fn the_line_is_where_the_pair_goes_by_itself() {
        let (mut lasting, settings) = (Lasting::default(), Settings::default());
        for second in 0..3600 * 70_u64 {
            if second < 3600 * 48 {
                assert_eq!(lasting.line(3.0), None, "{second}");
            }
            // Each hour dips to one of three depths, for half of it; from the 60th on it is gone, which isn't normal.
            let hour = second / 3600;
            let dip = if second % 3600 < 1800 { -0.2 - 0.05 * (hour % 3) as f64 } else { 0.0 };
            let ratio = 100.0 * if hour < 60 { dip.exp() } else { 0.1 };
            lasting.push(second, [ratio, 100.0], hour < 60, &settings);
        }
        // Lowest means: 95 % of -0.2, -0.25 and -0.3. Their median, and 3 · 1.4826 · 0.05 below.
        let expected = 100.0 * (0.95 * (-0.25_f64 - 3.0 * 1.4826 * 0.05)).exp();
        let line = lasting.line(3.0).unwrap();
        assert!((line - expected).abs() < 1.0, "{line} for {expected}");
        lasting.begin_anew();
        (3600 * 70..3600 * 120).for_each(|second| lasting.push(second, [100.0; 2], true, &settings));
        assert!(lasting.line(3.0).unwrap() > 99.0, "two days after a new beginning it is theirs");
    }
}
