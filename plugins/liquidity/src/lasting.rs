//! What lasts: the mean over the last minutes.
//!
//! The index of a minute jumps on most pairs: single giants make much of a band's depth. What a drain leaves is seen in the mean of some minutes.

use crate::parameters::Settings;
use leadline_plugin::math;
use serde::{Deserialize, Serialize};

/// The mean of a series of ratios to what is usual, in percent (100 is usual).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Lasting {
    /// Mean of ln(ratio / 100), the newest second weighing most.
    mean: f64,
}

impl Lasting {
    /// The ratio of one second. Below 1 % counts as 1 %; NaN is usual.
    pub fn push(&mut self, ratio: f64, settings: &Settings) {
        let value = if ratio.is_nan() { 0.0 } else { math::ln(ratio.max(1.0) / 100.0) };
        self.mean += (1.0 - math::exp(-1.0 / (60.0 * settings.lasting_minutes))) * (value - self.mean);
    }

    /// Missing seconds: what isn't seen counts as usual.
    pub fn skip(&mut self, seconds: u64, settings: &Settings) {
        self.mean *= math::exp(-(seconds as f64) / (60.0 * settings.lasting_minutes));
    }

    /// The mean of ln(ratio / 100).
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The ratio that lasts, percent.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        100.0 * math::exp(self.mean)
    }

    /// Whether a restored one is a number.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.mean.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_within_minutes() {
        let (mut lasting, settings) = (Lasting::default(), Settings::default());
        let seconds = (60.0 * settings.lasting_minutes) as u64;
        (0..seconds).for_each(|_| lasting.push(50.0, &settings));
        let expected = 100.0 * (0.5_f64.ln() * (1.0 - (-1.0_f64).exp())).exp();
        assert!((lasting.ratio() - expected).abs() < 0.1, "{}", lasting.ratio());
        lasting.push(f64::NAN, &settings);
        lasting.skip(86_400, &settings);
        assert!((lasting.ratio() - 100.0).abs() < 1e-6, "what isn't seen is usual");
    }
}
