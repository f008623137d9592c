//! Lag-1 autocorrelation of a window, and the innovations that are left without it.

/// Lag-1 autocorrelation about the mean, NaN for a series without variance.
///
/// `steps[i]` says whether the step from value i−1 to value i is one; a NaN value has no step to or from it.
#[must_use]
pub fn autocorrelation(values: &[f64], steps: &[bool]) -> f64 {
    // What isn't there adds 0, which changes no bit; so there is no branch, and eight values are one turn of a loop.
    let (mut sum, mut count) = (0.0, 0.0);
    let mut add = |&value: &f64| {
        let there = !value.is_nan();
        sum += if there { value } else { 0.0 };
        count += if there { 1.0 } else { 0.0 };
    };
    let (eights, rest) = values.as_chunks::<8>();
    eights.iter().for_each(|eight| eight.iter().for_each(&mut add));
    rest.iter().for_each(add);
    let mean = sum / count;

    let (mut variance, mut covariance) = (0.0, 0.0);
    let mut before = f64::NAN;
    let mut add = |(&value, &step): (&f64, &bool)| {
        let deviation = value - mean;
        let (square, product) = (deviation * deviation, deviation * before);
        variance += if square.is_nan() { 0.0 } else { square };
        covariance += if step && !product.is_nan() { product } else { 0.0 };
        before = deviation;
    };
    let (step_eights, _) = steps.as_chunks::<8>();
    eights.iter().zip(step_eights).for_each(|(values, steps)| values.iter().zip(steps).for_each(&mut add));
    let whole = 8 * eights.len().min(step_eights.len());
    values[whole..].iter().zip(&steps[whole..]).for_each(add);
    covariance / variance
}

/// Innovations e = (x − center) − φ·(x before − center) of every step, appended to `out`.
pub fn innovations(values: &[f64], steps: &[bool], center: f64, phi: f64, out: &mut Vec<f64>) {
    let Some((_, next)) = values.split_first() else { return };
    let (befores, steps) = (&values[..next.len()], steps.get(1..).unwrap_or_default());
    let begin = out.len();
    out.resize(begin + next.len().min(steps.len()), 0.0);
    let room = &mut out[begin..];
    let mut kept = 0;
    // Written each time, and left there where it counts: no branch, and eight are one turn of a loop.
    let mut put = |((&before, &after), &step): ((&f64, &f64), &bool)| {
        let innovation = (after - center) - phi * (before - center);
        if let Some(place) = room.get_mut(kept) {
            *place = innovation;
        }
        kept += usize::from(step & !innovation.is_nan());
    };
    let ((before_eights, _), (after_eights, _), (step_eights, _)) =
        (befores.as_chunks::<8>(), next.as_chunks::<8>(), steps.as_chunks::<8>());
    for ((before, after), step) in before_eights.iter().zip(after_eights).zip(step_eights) {
        before.iter().zip(after).zip(step).for_each(&mut put);
    }
    let whole = 8 * before_eights.len().min(step_eights.len());
    befores[whole..].iter().zip(&next[whole..]).zip(&steps[whole..]).for_each(put);
    out.truncate(begin + kept);
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
