//! What of the index lasts: its mean over the last minutes, and how low that gets by itself on this pair.
//!
//! The index of a minute jumps on most pairs: single giants make much of a band's depth. What a drain leaves is seen in the mean of some minutes, and
//! how low that goes without one is a property of the pair. So of each hour the lowest mean is kept, for two weeks; the line that a warning wants is so many
//! deviations below their median. Medians, because hours in which liquidity did drain must not move the line.

use crate::parameters::Settings;
use leadline_plugin::math;
use leadline_plugin::windows::Ring;
use leadline_plugin::windows::median::{MAD_TO_SIGMA, absolute_deviation, median};
use serde::{Deserialize, Serialize};

/// Hours that are remembered, and how many say what is usual.
const HOURS: usize = 14 * 24;
const HOURS_WANTED: usize = 24;
/// Seconds of an hour that make it one to remember.
const HALF_AN_HOUR: u32 = 1800;

/// The index that lasts, as the logarithm of its ratio to 100.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lasting {
    /// Mean of ln(index / 100), the newest second weighing most.
    mean: f64,
    /// The hour since 1970 that is running, the lowest mean in it, and its seconds so far.
    hour: u64,
    lowest: f64,
    seconds: u32,
    hours: Ring<f64>,
    /// Of the lowest means: median and 1.4826 · median absolute deviation. None with too few.
    usual: Option<[f64; 2]>,
}

impl Default for Lasting {
    fn default() -> Self {
        Self { mean: 0.0, hour: 0, lowest: 0.0, seconds: 0, hours: Ring::new(HOURS), usual: None }
    }
}

impl Lasting {
    /// The index of one second, counted since 1970. Below 1 counts as 1.
    pub fn push(&mut self, second: u64, index: f64, settings: &Settings) {
        if second / 3600 != self.hour {
            self.close_hour();
            self.hour = second / 3600;
        }
        let part = 1.0 - math::exp(-1.0 / (60.0 * settings.lasting_minutes));
        self.mean += part * (math::ln(index.max(1.0) / 100.0) - self.mean);
        self.lowest = if self.seconds == 0 { self.mean } else { math::smaller(self.lowest, self.mean) };
        self.seconds = self.seconds.saturating_add(1);
    }

    /// Missing seconds: what isn't seen counts as usual.
    pub fn skip(&mut self, seconds: u64, settings: &Settings) {
        self.mean *= math::exp(-(seconds as f64) / (60.0 * settings.lasting_minutes));
    }

    /// The index that lasts, 0 to 200.
    #[must_use]
    pub fn index(&self) -> f64 {
        100.0 * math::exp(self.mean)
    }

    /// The index below which it is out of the ordinary: `below`, or less where this pair goes that low by itself.
    #[must_use]
    pub fn line(&self, below: f64, deviations: f64) -> f64 {
        match self.usual {
            Some([middle, deviation]) => math::smaller(below, 100.0 * math::exp(middle - deviations * deviation)),
            None => below,
        }
    }

    /// Whether a restored one has the shape that the rest relies on.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.hours.capacity() == HOURS && self.mean.is_finite()
    }

    fn close_hour(&mut self) {
        if self.seconds >= HALF_AN_HOUR {
            self.hours.push(self.lowest);
            if self.hours.len() >= HOURS_WANTED {
                let mut values: Vec<f64> = self.hours.iter().collect();
                let middle = median(&mut values);
                self.usual = Some([middle, MAD_TO_SIGMA * absolute_deviation(&mut values, middle)]);
            }
        }
        self.seconds = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_index_within_minutes() {
        let (mut lasting, settings) = (Lasting::default(), Settings::default());
        let minutes = settings.lasting_minutes;
        (0..(60.0 * minutes) as u64).for_each(|second| lasting.push(second, 50.0, &settings));
        let expected = 100.0 * (0.5_f64.ln() * (1.0 - (-1.0_f64).exp())).exp();
        assert!((lasting.index() - expected).abs() < 0.1, "{}", lasting.index());
        lasting.skip(86_400, &settings);
        assert!((lasting.index() - 100.0).abs() < 1e-6, "what isn't seen is usual");
    }

    #[test]
    fn the_line_is_where_the_pair_goes_by_itself() {
        let (mut lasting, settings) = (Lasting::default(), Settings::default());
        // Each hour dips to one of three depths.
        for second in 0..3600 * 30_u64 {
            if second < 3600 * 24 {
                assert_eq!(lasting.line(75.0, 3.0), 75.0, "{second}");
            }
            let index = 100.0 * (-0.2 - 0.05 * (second / 3600 % 3) as f64).exp();
            lasting.push(second, index, &settings);
        }
        let line = lasting.line(75.0, 3.0);
        // Lowest means near -0.2, -0.25 and -0.3: their median, and 3 · 1.4826 · 0.05 below.
        assert!((line - 100.0 * (-0.25_f64 - 3.0 * 1.4826 * 0.05).exp()).abs() < 4.0, "{line}");
        assert!(lasting.line(40.0, 3.0) <= 40.0);
    }
}
