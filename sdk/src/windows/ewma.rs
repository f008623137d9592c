//! Exponentially weighted mean and deviation over exchange time.

use serde::{Deserialize, Serialize};

use crate::math;

/// A mean in which a value counts half as much after each half-life, whatever the spacing of the values.
///
/// A value holds until the next one comes: after Δt the old mean keeps the weight w = 2^(−Δt / half-life), and the value that stood since then gets
/// 1 − w. Mean and variance are those of West (1979) for weighted increments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ewma {
    half_life_ms: f64,
    /// Time and value of the newest, and mean and variance before it; none before the first.
    held: Option<Held>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Held {
    time_ms: u64,
    value: f64,
    mean: f64,
    variance: f64,
}

impl Ewma {
    /// `half_life_s`: above 0; what isn't counts as a millisecond.
    #[must_use]
    pub fn new(half_life_s: f64) -> Self {
        Self { half_life_ms: math::larger(1.0, half_life_s * 1000.0), held: None }
    }

    /// The value from this time on. One that isn't finite is passed over; a time before the last one counts as the last one.
    pub fn push(&mut self, time_ms: u64, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.held = Some(match self.held {
            None => Held { time_ms, value, mean: value, variance: 0.0 },
            Some(held) => {
                let (mean, variance) = held.at(time_ms, self.half_life_ms);
                Held { time_ms: time_ms.max(held.time_ms), value, mean, variance }
            }
        });
    }

    /// The mean at this time, the newest value counted until then; none before the first.
    #[must_use]
    pub fn mean(&self, time_ms: u64) -> Option<f64> {
        self.held.map(|held| held.at(time_ms, self.half_life_ms).0)
    }

    /// The standard deviation at this time; none before the first.
    #[must_use]
    pub fn deviation(&self, time_ms: u64) -> Option<f64> {
        self.held.map(|held| held.at(time_ms, self.half_life_ms).1.sqrt())
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.held = None;
    }
}

impl Held {
    fn at(&self, time_ms: u64, half_life_ms: f64) -> (f64, f64) {
        let weight = math::exp2(-(time_ms.saturating_sub(self.time_ms) as f64) / half_life_ms);
        let difference = self.value - self.mean;
        let mean = self.mean + (1.0 - weight) * difference;
        (mean, weight * (self.variance + (1.0 - weight) * difference * difference))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn after_a_half_life_the_mean_is_half_way_to_the_value() {
        let mut ewma = Ewma::new(10.0);
        assert_eq!(ewma.mean(0), None);
        ewma.push(0, 0.0);
        ewma.push(1000, 8.0);
        assert_eq!((ewma.mean(1000), ewma.mean(11_000), ewma.mean(21_000)), (Some(0.0), Some(4.0), Some(6.0)));
        // Half of the weight lies 4 below and half 4 above the mean.
        assert_eq!(ewma.deviation(11_000), Some(4.0));
    }

    proptest! {
        #[test]
        fn the_mean_lies_between_the_values_and_more_of_the_same_values_change_nothing(
            steps in proptest::collection::vec((0..60_000_u64, -1e6..1e6_f64), 1..60),
            half_life in 0.1..600.0_f64,
        ) {
            let (mut plain, mut often) = (Ewma::new(half_life), Ewma::new(half_life));
            let mut time = 0;
            for &(step, value) in &steps {
                // The same value said again half-way through.
                if let Some(before) = often.held {
                    often.push(time + step / 2, before.value);
                }
                time += step;
                plain.push(time, value);
                often.push(time, value);
            }
            let values = || steps.iter().map(|&(_, value)| value);
            let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
            let mean = plain.mean(time + 1000).unwrap();
            prop_assert!((low - 1e-6..=high + 1e-6).contains(&mean));
            prop_assert!((mean - often.mean(time + 1000).unwrap()).abs() <= 1e-7 * (high - low).max(1.0));
            let (one, other) = (plain.deviation(time + 1000).unwrap(), often.deviation(time + 1000).unwrap());
            prop_assert!((one - other).abs() <= 1e-6 * (high - low).max(1.0), "{one} {other}");
            prop_assert!(one <= (high - low) / 2.0 + 1e-6);
        }
    }

    #[test]
    fn a_value_that_is_none_changes_nothing() {
        let mut ewma = Ewma::new(10.0);
        ewma.push(0, 1.0);
        let before = ewma;
        ewma.push(1000, f64::NAN);
        ewma.push(2000, f64::INFINITY);
        assert_eq!(ewma, before);
    }
}
