//! Sums, prefix sums and comparisons over columns.
//!
//! The host interrupts plugins by counting fuel and watching the epoch at every turn of a loop; in a scalar loop over f64 that costs four times the
//! work itself. So every loop here does eight elements a turn with independent accumulators, which also fixes the order of additions: the result has
//! the same bits natively and in WebAssembly.

/// Elements a turn.
const LANES: usize = 8;

/// Reduces eight accumulators pairwise, which loses fewer digits than one after another.
fn fold(a: [f64; LANES]) -> f64 {
    ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]))
}

/// The sum of `values`; 0 when there are none.
#[must_use]
pub fn sum(values: &[f64]) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut a = [0.0; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            a[lane] += chunk[lane];
        }
    }
    rest.iter().fold(fold(a), |sum, value| sum + value)
}

/// The sum of products of two columns of one length (the shorter one counts).
#[must_use]
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    let n = left.len().min(right.len());
    let (lefts, left_rest) = left[..n].as_chunks::<LANES>();
    let (rights, right_rest) = right[..n].as_chunks::<LANES>();
    let mut a = [0.0; LANES];
    for (x, y) in lefts.iter().zip(rights) {
        for lane in 0..LANES {
            a[lane] += x[lane] * y[lane];
        }
    }
    left_rest.iter().zip(right_rest).fold(fold(a), |sum, (x, y)| sum + x * y)
}

/// The largest value; minus infinity when there are none. NaN is passed over.
#[must_use]
pub fn max(values: &[f64]) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut a = [f64::NEG_INFINITY; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            a[lane] = if chunk[lane] > a[lane] { chunk[lane] } else { a[lane] };
        }
    }
    let larger = |x: f64, y: f64| if y > x { y } else { x };
    let four = [larger(a[0], a[1]), larger(a[2], a[3]), larger(a[4], a[5]), larger(a[6], a[7])];
    rest.iter().fold(larger(larger(four[0], four[1]), larger(four[2], four[3])), |largest, &value| larger(largest, value))
}

/// The smallest value; infinity when there are none. NaN is passed over.
#[must_use]
pub fn min(values: &[f64]) -> f64 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut a = [f64::INFINITY; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            a[lane] = if chunk[lane] < a[lane] { chunk[lane] } else { a[lane] };
        }
    }
    let smaller = |x: f64, y: f64| if y < x { y } else { x };
    rest.iter().fold(a.into_iter().fold(f64::INFINITY, smaller), |smallest, &value| smaller(smallest, value))
}

/// The place of the first of ascending prefix sums that reaches `share` of the last one: the level by which so much of a side is used up. None when
/// nothing is there to be used up. `cumulative` is as [`prefix_sums`] writes it; the place counts levels, so 1 is the best one.
#[must_use]
pub fn weighted_quantile(cumulative: &[f64], share: f64) -> Option<usize> {
    let total = *cumulative.last()?;
    let wanted = total * share.clamp(0.0, 1.0);
    (total > 0.0).then(|| cumulative.partition_point(|&sum| sum < wanted).clamp(1, cumulative.len() - 1))
}

/// Writes the prefix sums of `values` to `out`: `out[i]` is the sum of the first `i` values, so `out` is one longer than `values`.
pub fn prefix_sums(values: &[f64], out: &mut Vec<f64>) {
    out.resize(values.len() + 1, 0.0);
    out[0] = 0.0;
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (sums, sums_rest) = out[1..].as_chunks_mut::<LANES>();
    let mut before = 0.0;
    for (v, s) in chunks.iter().zip(sums) {
        // Sums within the chunk hang together in threes, not in eights: only `before` is carried from turn to turn.
        let pair = [v[0] + v[1], v[2] + v[3], v[4] + v[5], v[6] + v[7]];
        let (four, six) = (pair[0] + pair[1], pair[0] + pair[1] + pair[2]);
        s[0] = before + v[0];
        s[1] = before + pair[0];
        s[2] = before + (pair[0] + v[2]);
        s[3] = before + four;
        s[4] = before + (four + v[4]);
        s[5] = before + six;
        s[6] = before + (six + v[6]);
        s[7] = before + (six + pair[3]);
        before = s[7];
    }
    for (v, s) in rest.iter().zip(sums_rest) {
        before += v;
        *s = before;
    }
}

/// Writes `values[i] · factor` to `out`.
pub fn scale(values: &[f64], factor: f64, out: &mut Vec<f64>) {
    map(values, out, |value| value * factor);
}

/// Writes `left[i] · right[i] · factor` to `out`; the shorter column gives the length.
pub fn products(left: &[f64], right: &[f64], factor: f64, out: &mut Vec<f64>) {
    let n = left.len().min(right.len());
    out.resize(n, 0.0);
    let (lefts, left_rest) = left[..n].as_chunks::<LANES>();
    let (rights, right_rest) = right[..n].as_chunks::<LANES>();
    let (outs, out_rest) = out.as_chunks_mut::<LANES>();
    for ((x, y), o) in lefts.iter().zip(rights).zip(outs) {
        for lane in 0..LANES {
            o[lane] = x[lane] * y[lane] * factor;
        }
    }
    for ((x, y), o) in left_rest.iter().zip(right_rest).zip(out_rest) {
        *o = x * y * factor;
    }
}

/// Writes `values[i + 1] − values[i]` to `out`, one shorter than `values`.
pub fn differences(values: &[f64], out: &mut Vec<f64>) {
    let Some((_, next)) = values.split_first() else {
        out.clear();
        return;
    };
    out.resize(next.len(), 0.0);
    let (befores, before_rest) = values[..next.len()].as_chunks::<LANES>();
    let (afters, after_rest) = next.as_chunks::<LANES>();
    let (outs, out_rest) = out.as_chunks_mut::<LANES>();
    for ((x, y), o) in befores.iter().zip(afters).zip(outs) {
        for lane in 0..LANES {
            o[lane] = y[lane] - x[lane];
        }
    }
    for ((x, y), o) in before_rest.iter().zip(after_rest).zip(out_rest) {
        *o = y - x;
    }
}

/// How many values are at most `limit`; NaN never is.
#[must_use]
pub fn count_at_most(values: &[f64], limit: f64) -> usize {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut counts = [0u64; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            counts[lane] += u64::from(chunk[lane] <= limit);
        }
    }
    counts.iter().sum::<u64>() as usize + rest.iter().filter(|&&value| value <= limit).count()
}

/// Writes `f(values[i])` to `out`. Worth it for an `f` without branches or calls.
pub fn map(values: &[f64], out: &mut Vec<f64>, f: impl Fn(f64) -> f64) {
    out.resize(values.len(), 0.0);
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (outs, out_rest) = out.as_chunks_mut::<LANES>();
    for (v, o) in chunks.iter().zip(outs) {
        for lane in 0..LANES {
            o[lane] = f(v[lane]);
        }
    }
    for (v, o) in rest.iter().zip(out_rest) {
        *o = f(*v);
    }
}

/// Whether any value is at least `limit`; NaN never is.
#[must_use]
pub fn any_at_least(values: &[f64], limit: f64) -> bool {
    let (chunks, rest) = values.as_chunks::<LANES>();
    // One mask a lane and `|`, not `||`: no branch within the turn, and vector instructions fit.
    let mut any = [0u64; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            any[lane] |= 0u64.wrapping_sub(u64::from(chunk[lane] >= limit));
        }
    }
    any.iter().fold(0, |all, lane| all | lane) != 0 || rest.iter().any(|&value| value >= limit)
}

/// Whether every value is above 0 and finite.
#[must_use]
pub fn all_positive(values: &[f64]) -> bool {
    let good = |value: f64| (value > 0.0) & (value < f64::INFINITY);
    let (chunks, rest) = values.as_chunks::<LANES>();
    // One mask a lane and `&`, not `&&`: no branch within the turn, and vector instructions fit.
    let mut all = [u64::MAX; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            all[lane] &= 0u64.wrapping_sub(u64::from(good(chunk[lane])));
        }
    }
    all.iter().all(|&lane| lane != 0) && rest.iter().all(|&value| good(value))
}

/// Whether every value is larger than the one before. NaN is never in order.
#[must_use]
pub fn ascending(values: &[f64]) -> bool {
    ordered(values, |before, after| before < after)
}

/// Whether every value is smaller than the one before. NaN is never in order.
#[must_use]
pub fn descending(values: &[f64]) -> bool {
    ordered(values, |before, after| before > after)
}

fn ordered(values: &[f64], good: impl Fn(f64, f64) -> bool) -> bool {
    let Some((_, next)) = values.split_first() else { return true };
    let n = next.len();
    let (lefts, left_rest) = values[..n].as_chunks::<LANES>();
    let (rights, right_rest) = next.as_chunks::<LANES>();
    let mut all = [u64::MAX; LANES];
    for (x, y) in lefts.iter().zip(rights) {
        for lane in 0..LANES {
            all[lane] &= 0u64.wrapping_sub(u64::from(good(x[lane], y[lane])));
        }
    }
    all.iter().all(|&lane| lane != 0) && left_rest.iter().zip(right_rest).all(|(&x, &y)| good(x, y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every length from 0 to 40, so that whole chunks, rests and both together are met.
        #[test]
        fn kernels_agree_with_the_plain_loops(values in proptest::collection::vec(0.001..1e6f64, 0..40), factor in 0.5..2.0f64) {
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
            let plain: f64 = values.iter().sum();
            prop_assert!(close(sum(&values), plain));
            prop_assert!(close(dot(&values, &values), values.iter().map(|v| v * v).sum()));
            prop_assert_eq!(min(&values), values.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(max(&values), values.iter().copied().fold(f64::NEG_INFINITY, f64::max));

            let mut out = vec![7.0; 3];
            prefix_sums(&values, &mut out);
            prop_assert_eq!(out.len(), values.len() + 1);
            let mut running = 0.0;
            prop_assert_eq!(out[0], 0.0);
            for (value, sum) in values.iter().zip(&out[1..]) {
                running += value;
                prop_assert!(close(*sum, running));
            }
            prop_assert!(out.windows(2).all(|w| w[0] < w[1]), "prefix sums of positive values grow");

            let half = weighted_quantile(&out, 0.5);
            let reached = |place: usize| out[place] >= 0.5 * out[values.len()];
            prop_assert!(half.map_or(values.is_empty(), |place| reached(place) && (place == 1 || !reached(place - 1))));

            products(&values, &values, factor, &mut out);
            prop_assert_eq!(&out, &values.iter().map(|v| v * v * factor).collect::<Vec<_>>());
            differences(&values, &mut out);
            prop_assert_eq!(&out, &values.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>());
            prop_assert_eq!(count_at_most(&values, 5e5), values.iter().filter(|v| **v <= 5e5).count());
            prop_assert_eq!(any_at_least(&values, 9e5), values.iter().any(|v| *v >= 9e5));
            scale(&values, factor, &mut out);
            prop_assert_eq!(&out, &values.iter().map(|v| v * factor).collect::<Vec<_>>());
        }

        /// One bad value anywhere is found.
        #[test]
        fn one_bad_value_is_found(n in 1usize..40, at in 0usize..40, bad in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(0.0), Just(-1.0)]) {
            let mut values: Vec<f64> = (1..=n).map(|i| i as f64).collect();
            prop_assert!(all_positive(&values) && ascending(&values));
            values[at % n] = bad;
            prop_assert!(!all_positive(&values));
        }

        /// Order is strict: two equal neighbours are out of order.
        #[test]
        fn equal_neighbours_are_out_of_order(n in 2usize..40, at in 0usize..40) {
            let mut values: Vec<f64> = (1..=n).map(|i| i as f64).collect();
            let i = at % (n - 1);
            values[i + 1] = values[i];
            prop_assert!(!ascending(&values));
            values.reverse();
            prop_assert!(!descending(&values));
        }
    }
}
