//! Mann-Kendall test for a trend, with the correction for autocorrelation of Hamed and Rao (1998).
//!
//! Plain Mann-Kendall takes the values as independent; at φ = 0.9 it finds a trend in a quarter of the series that have none (p < 0.01).

use crate::math;

/// z of the two-sided 5 % level: autocorrelations within ±z/√n count as none.
const SIGNIFICANT: f64 = 1.959_963_984_540_054;

/// Negative autocorrelation makes the corrected variance small, by chance even negative; less than this share of the plain one is
/// not believed, or a few zigzags would be taken for certainty.
const LEAST_CORRECTION: f64 = 0.1;

/// Below this number of values there is no test: the correction needs three lags that mean something.
pub const LEAST_VALUES: usize = 10;

/// What the test found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannKendall {
    /// Rising minus falling pairs.
    pub s: f64,
    /// Variance of `s` if there is no trend, corrected.
    pub variance: f64,
    /// Probability of a trend at least this clear, up or down, if there is none.
    pub p: f64,
}

/// Tests `values` (equally spaced, NaN is missing) for a trend; `slope` is their Theil-Sen slope a step, that the autocorrelation is freed from.
/// None with fewer than [`LEAST_VALUES`].
#[must_use]
pub fn hamed_rao(values: &[f64], slope: f64) -> Option<MannKendall> {
    let present: Vec<(f64, f64)> =
        values.iter().enumerate().filter(|(_, value)| !value.is_nan()).map(|(i, &value)| (value, value - slope * i as f64)).collect();
    if present.len() < LEAST_VALUES {
        return None;
    }
    let n = present.len() as f64;
    let mut s = 0.0;
    for (i, (from, _)) in present.iter().enumerate() {
        for (to, _) in &present[i + 1..] {
            s += f64::from(i8::from(to > from) - i8::from(to < from));
        }
    }
    let sorted = |mut column: Vec<f64>| {
        column.sort_unstable_by(f64::total_cmp);
        column
    };
    let plain = (n * (n - 1.0) * (2.0 * n + 5.0) - tied(&sorted(present.iter().map(|pair| pair.0).collect()))) / 18.0;
    let residuals: Vec<f64> = present.iter().map(|pair| pair.1).collect();
    let variance = plain * correction(&ranks(&residuals, &sorted(residuals.clone()))).max(LEAST_CORRECTION);
    // All values equal: no variance and no trend.
    let z = if s == 0.0 || variance <= 0.0 { 0.0 } else { (s.abs() - 1.0) / variance.sqrt() };
    Some(MannKendall { s, variance, p: math::erfc(z / std::f64::consts::SQRT_2) })
}

/// Σ t(t−1)(2t+5) over the groups of t equal values.
fn tied(sorted: &[f64]) -> f64 {
    sorted.chunk_by(|a, b| a == b).map(|group| group.len() as f64).map(|t| t * (t - 1.0) * (2.0 * t + 5.0)).sum()
}

/// The rank of each value, less the mean rank; equal values share theirs.
fn ranks(values: &[f64], sorted: &[f64]) -> Vec<f64> {
    let mean = (values.len() as f64 - 1.0) / 2.0;
    let rank = |value: &f64| {
        let (below, through) = (sorted.partition_point(|other| other < value), sorted.partition_point(|other| other <= value));
        (below + through - 1) as f64 / 2.0 - mean
    };
    values.iter().map(rank).collect()
}

/// n/n*: by how much the autocorrelation of the ranks enlarges the variance.
fn correction(ranks: &[f64]) -> f64 {
    let n = ranks.len();
    let power: f64 = ranks.iter().map(|rank| rank * rank).sum();
    if power <= 0.0 {
        return 1.0;
    }
    let bound = SIGNIFICANT / (n as f64).sqrt();
    let mut sum = 0.0;
    for lag in 1..n.saturating_sub(2) {
        let correlation = ranks.iter().zip(&ranks[lag..]).map(|(a, b)| a * b).sum::<f64>() / power;
        if correlation.abs() > bound {
            let left = (n - lag) as f64;
            sum += left * (left - 1.0) * (left - 2.0) * correlation;
        }
    }
    let n = n as f64;
    1.0 + 2.0 / (n * (n - 1.0) * (n - 2.0)) * sum
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::super::trend::theil_sen;
    use super::*;

    fn test(values: &[f64]) -> (f64, MannKendall) {
        let slope = theil_sen(values, &mut Vec::new()).unwrap();
        (slope, hamed_rao(values, slope).unwrap())
    }

    fn waves(n: i64) -> Vec<f64> {
        (0..n).map(|i| ((i * 37 % 101) as f64).sqrt() + 0.04 * i as f64).collect()
    }

    fn carried(n: i64) -> Vec<f64> {
        let mut x = 0.0;
        (0..n).map(|i| (x = 0.75 * x + ((i * i * 29 + 7 * i) % 97 - 48) as f64 / 16.0, x).1).collect()
    }

    fn stairs(n: i64) -> Vec<f64> {
        (0..n).map(|i| ((i / 3) % 4) as f64).collect()
    }

    fn falling(n: i64) -> Vec<f64> {
        (0..n).map(|i| ((i * i * 13) % 7) as f64 - (0.125 * i as f64).floor()).collect()
    }

    #[test]
    fn equals_pymannkendall() {
        // pymannkendall 1.4.3, hamed_rao_modification_test: s, var_s, p, slope.
        for (values, s, variance, p, slope) in [
            (waves(12), 10.0, 212.666_666_666_666_66, 0.537_133_857_176_902_2, 0.256_727_903_722_900_66),
            (waves(60), 386.0, 19_524.249_811_569_618, 0.005_863_304_389_276_402_5, 0.054_837_332_895_631_14),
            (carried(12), 37.0, 211.666_666_666_666_66, 0.013_344_664_289_344_221, 0.443_902_444_839_477_55),
            (carried(60), 169.0, 5_132.663_502_895_504, 0.019_028_446_848_114_777, 0.025_421_589_598_564_956),
            (stairs(60), 270.0, 27_645.472_530_683_808, 0.105_693_307_442_037_64, 0.0),
            (falling(60), -956.0, 35_696.491_018_576_58, 4.311_934_065_359_679_4e-7, -0.125),
        ] {
            let (found_slope, found) = test(&values);
            assert_eq!(found.s, s);
            assert!((found.variance / variance - 1.0).abs() < 1e-12, "variance {} for {variance}", found.variance);
            assert!((found.p / p - 1.0).abs() < 1e-9, "p {} for {p}", found.p);
            assert!((found_slope - slope).abs() < 1e-14, "slope {found_slope} for {slope}");
        }
    }

    #[test]
    fn no_trend_in_equal_values_and_no_test_of_few() {
        assert_eq!(test(&[3.0; 20]).1.p, 1.0);
        assert_eq!(hamed_rao(&[1.0; LEAST_VALUES - 1], 0.0), None);
        assert_eq!(hamed_rao(&[f64::NAN; 60], 0.0), None);
    }

    #[test]
    fn a_correction_below_nothing_is_not_believed() {
        // pymannkendall makes the variance of this series -5.2 and p NaN.
        let (_, found) = test(&falling(12));
        assert!(found.variance > 0.0 && found.p > 0.01 && found.p <= 1.0, "{found:?}");
    }
}
