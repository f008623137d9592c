//! Lag-1 autocorrelation of a window, and the innovations that are left without it.

/// Lag-1 autocorrelation about the mean, NaN for a series without variance.
///
/// `steps[i]` says whether the step from value i−1 to value i is one; a NaN value has no step to or from it.
#[must_use]
pub fn autocorrelation(values: &[f64], steps: &[bool]) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for &value in values {
        if !value.is_nan() {
            sum += value;
            count += 1.0;
        }
    }
    let mean = sum / count;
    let (mut variance, mut covariance) = (0.0, 0.0);
    let mut before = f64::NAN;
    for (&value, &step) in values.iter().zip(steps) {
        let deviation = value - mean;
        if !deviation.is_nan() {
            variance += deviation * deviation;
            if step && !before.is_nan() {
                covariance += deviation * before;
            }
        }
        before = deviation;
    }
    covariance / variance
}

/// Innovations e = (x − center) − φ·(x before − center) of every step, appended to `out`.
pub fn innovations(values: &[f64], steps: &[bool], center: f64, phi: f64, out: &mut Vec<f64>) {
    for (pair, &step) in values.windows(2).zip(steps.iter().skip(1)) {
        let innovation = (pair[1] - center) - phi * (pair[0] - center);
        if step && !innovation.is_nan() {
            out.push(innovation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn autocorrelation_by_hand() {
        // Mean 2, deviations -1 0 1 0: covariance 0, variance 2.
        assert_eq!(autocorrelation(&[1.0, 2.0, 3.0, 2.0], &[true; 4]), 0.0);
        // Deviations 1 -1 1 -1: covariance -3 of 4.
        assert_eq!(autocorrelation(&[3.0, 1.0, 3.0, 1.0], &[true; 4]), -0.75);
        // The last step is none: covariance -2 of 4.
        assert_eq!(autocorrelation(&[3.0, 1.0, 3.0, 1.0], &[true, true, true, false]), -0.5);
        // A missing value takes both of its steps along: -1 of 4.
        assert_eq!(autocorrelation(&[3.0, 1.0, f64::NAN, 3.0, 1.0], &[true; 5]), -0.5);
        assert!(autocorrelation(&[2.0; 4], &[true; 4]).is_nan());
        assert!(autocorrelation(&[], &[]).is_nan());
    }

    #[test]
    fn innovations_by_hand() {
        let mut out = Vec::new();
        innovations(&[1.0, 2.0, f64::NAN, 4.0, 6.0, 7.0], &[true, true, true, true, true, false], 1.0, 0.5, &mut out);
        assert_eq!(out, [1.0, 3.5]);
    }
}
