//! Sums, prefix sums and comparisons over columns.
//!
//! The host interrupts plugins by counting fuel and watching the epoch at every turn of a loop, and what lives in registers is put away for it: in a
//! scalar loop over f64 that costs four times the work itself. So every loop here does 32 elements a turn, eight at a time with independent accumulators,
//! which also fixes the order of additions: the result has the same bits natively and in WebAssembly.

/// Elements with an accumulator each.
const LANES: usize = 8;
/// Elements a turn.
const TURN: usize = 4 * LANES;

/// Runs `step` on each whole eight of `values`, in order; gives what is left.
#[inline(always)]
fn eights(values: &[f64], mut step: impl FnMut(&[f64; LANES])) -> &[f64] {
    let (turns, tail) = values.as_chunks::<TURN>();
    for turn in turns {
        turn.as_chunks::<LANES>().0.iter().for_each(&mut step);
    }
    let (chunks, rest) = tail.as_chunks::<LANES>();
    chunks.iter().for_each(step);
    rest
}

/// As [`eights`], of two columns of one length.
#[inline(always)]
fn pairs<'v>(lefts: &'v [f64], rights: &'v [f64], mut step: impl FnMut(&[f64; LANES], &[f64; LANES])) -> (&'v [f64], &'v [f64]) {
    let ((left_turns, left_tail), (right_turns, right_tail)) = (lefts.as_chunks::<TURN>(), rights.as_chunks::<TURN>());
    for (left, right) in left_turns.iter().zip(right_turns) {
        left.as_chunks::<LANES>().0.iter().zip(right.as_chunks::<LANES>().0).for_each(|(x, y)| step(x, y));
    }
    let ((left_chunks, left_rest), (right_chunks, right_rest)) = (left_tail.as_chunks::<LANES>(), right_tail.as_chunks::<LANES>());
    left_chunks.iter().zip(right_chunks).for_each(|(x, y)| step(x, y));
    (left_rest, right_rest)
}

/// As [`eights`], with a column of the same length that is written.
#[inline(always)]
fn written<'v>(
    values: &'v [f64],
    out: &'v mut [f64],
    mut step: impl FnMut(&[f64; LANES], &mut [f64; LANES]),
) -> (&'v [f64], &'v mut [f64]) {
    let ((turns, tail), (out_turns, out_tail)) = (values.as_chunks::<TURN>(), out.as_chunks_mut::<TURN>());
    for (turn, out) in turns.iter().zip(out_turns) {
        turn.as_chunks::<LANES>().0.iter().zip(out.as_chunks_mut::<LANES>().0).for_each(|(v, o)| step(v, o));
    }
    let ((chunks, rest), (out_chunks, out_rest)) = (tail.as_chunks::<LANES>(), out_tail.as_chunks_mut::<LANES>());
    chunks.iter().zip(out_chunks).for_each(|(v, o)| step(v, o));
    (rest, out_rest)
}

/// Reduces eight accumulators pairwise, which loses fewer digits than one after another.
fn fold(a: [f64; LANES]) -> f64 {
    ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]))
}

/// The larger, or `x` where they can't be compared: one vector instruction.
#[inline(always)]
fn larger(x: f64, y: f64) -> f64 {
    if y > x { y } else { x }
}

/// The smaller, or `x` where they can't be compared: one vector instruction.
#[inline(always)]
fn smaller(x: f64, y: f64) -> f64 {
    if y < x { y } else { x }
}

/// The largest of eight.
#[inline(always)]
fn largest(a: [f64; LANES]) -> f64 {
    let four = [larger(a[0], a[1]), larger(a[2], a[3]), larger(a[4], a[5]), larger(a[6], a[7])];
    larger(larger(four[0], four[1]), larger(four[2], four[3]))
}

/// The sum of `values`; 0 when there are none.
#[must_use]
pub fn sum(values: &[f64]) -> f64 {
    let mut a = [0.0; LANES];
    let rest = eights(values, |chunk| (0..LANES).for_each(|lane| a[lane] += chunk[lane]));
    rest.iter().fold(fold(a), |sum, value| sum + value)
}

/// The sum of products of two columns of one length (the shorter one counts).
#[must_use]
pub fn dot(left: &[f64], right: &[f64]) -> f64 {
    let n = left.len().min(right.len());
    let mut a = [0.0; LANES];
    let (lefts, rights) = pairs(&left[..n], &right[..n], |x, y| (0..LANES).for_each(|lane| a[lane] += x[lane] * y[lane]));
    lefts.iter().zip(rights).fold(fold(a), |sum, (x, y)| sum + x * y)
}

/// The largest value; minus infinity when there are none. NaN is passed over.
#[must_use]
pub fn max(values: &[f64]) -> f64 {
    let mut a = [f64::NEG_INFINITY; LANES];
    let rest = eights(values, |chunk| (0..LANES).for_each(|lane| a[lane] = larger(a[lane], chunk[lane])));
    rest.iter().fold(largest(a), |largest, &value| larger(largest, value))
}

/// The smallest value; infinity when there are none. NaN is passed over.
#[must_use]
pub fn min(values: &[f64]) -> f64 {
    let mut a = [f64::INFINITY; LANES];
    let rest = eights(values, |chunk| (0..LANES).for_each(|lane| a[lane] = smaller(a[lane], chunk[lane])));
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
    let mut before = 0.0;
    let (rest, sums) = written(values, &mut out[1..], |v, s| {
        // Sums within the chunk hang together in threes, not in eights: only `before` is carried from one to the next.
        let pair = [v[0] + v[1], v[2] + v[3], v[4] + v[5], v[6] + v[7]];
        let (four, six) = (pair[0] + pair[1], pair[0] + pair[1] + pair[2]);
        *s = [
            before + v[0],
            before + pair[0],
            before + (pair[0] + v[2]),
            before + four,
            before + (four + v[4]),
            before + six,
            before + (six + v[6]),
            before + (six + pair[3]),
        ];
        before = s[7];
    });
    for (v, s) in rest.iter().zip(sums) {
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
    join(&left[..n], &right[..n], out, |x, y| x * y * factor);
}

/// Writes `values[i + 1] − values[i]` to `out`, one shorter than `values`.
pub fn differences(values: &[f64], out: &mut Vec<f64>) {
    let Some((_, next)) = values.split_first() else {
        out.clear();
        return;
    };
    join(&values[..next.len()], next, out, |x, y| y - x);
}

/// Writes `f(left[i], right[i])` to `out`, of two columns of one length.
#[inline(always)]
fn join(left: &[f64], right: &[f64], out: &mut Vec<f64>, f: impl Fn(f64, f64) -> f64) {
    out.resize(left.len(), 0.0);
    let ((lefts, left_tail), (outs, out_tail)) = (left.as_chunks::<TURN>(), out.as_chunks_mut::<TURN>());
    let (rights, right_tail) = right.as_chunks::<TURN>();
    for ((x, y), o) in lefts.iter().zip(rights).zip(outs) {
        (0..TURN).for_each(|lane| o[lane] = f(x[lane], y[lane]));
    }
    let ((lefts, left_rest), (outs, out_rest)) = (left_tail.as_chunks::<LANES>(), out_tail.as_chunks_mut::<LANES>());
    let (rights, right_rest) = right_tail.as_chunks::<LANES>();
    for ((x, y), o) in lefts.iter().zip(rights).zip(outs) {
        (0..LANES).for_each(|lane| o[lane] = f(x[lane], y[lane]));
    }
    for ((x, y), o) in left_rest.iter().zip(right_rest).zip(out_rest) {
        *o = f(*x, *y);
    }
}

/// How many values are at most `limit`; NaN never is.
#[must_use]
pub fn count_at_most(values: &[f64], limit: f64) -> usize {
    let mut counts = [0u64; LANES];
    let rest = eights(values, |chunk| (0..LANES).for_each(|lane| counts[lane] += u64::from(chunk[lane] <= limit)));
    counts.iter().sum::<u64>() as usize + rest.iter().filter(|&&value| value <= limit).count()
}

/// Writes `f(values[i])` to `out`. Worth it for an `f` without branches or calls.
pub fn map(values: &[f64], out: &mut Vec<f64>, f: impl Fn(f64) -> f64) {
    out.resize(values.len(), 0.0);
    let (rest, outs) = written(values, out, |v, o| (0..LANES).for_each(|lane| o[lane] = f(v[lane])));
    for (v, o) in rest.iter().zip(outs) {
        *o = f(*v);
    }
}

/// Whether any value is at least `limit`; NaN never is.
#[must_use]
pub fn any_at_least(values: &[f64], limit: f64) -> bool {
    max(values) >= limit
}

/// Calls `each` with place and value of all that are at least `limit`, in order. Worth it where few are: the others are passed over eight at a time.
#[inline]
pub fn each_at_least(values: &[f64], limit: f64, mut each: impl FnMut(usize, f64)) {
    let (chunks, rest) = values.as_chunks::<LANES>();
    for (turn, chunk) in chunks.iter().enumerate() {
        // NaN would win over all that it is compared with, so it isn't let in.
        if largest(chunk.map(|value| larger(f64::NEG_INFINITY, value))) >= limit {
            // A bit for each that is, so that a turn of this loop is one of them.
            let mut found = (0..LANES).fold(0_u32, |found, lane| found | u32::from(chunk[lane] >= limit) << lane);
            while found != 0 {
                let lane = found.trailing_zeros() as usize % LANES;
                each(turn * LANES + lane, chunk[lane]);
                found &= found - 1;
            }
        }
    }
    let found = rest.iter().enumerate().filter(|(_, value)| **value >= limit);
    found.for_each(|(place, &value)| each(chunks.len() * LANES + place, value));
}

/// Whether every value is above 0 and finite.
#[must_use]
pub fn all_positive(values: &[f64]) -> bool {
    // In numbers, not in truth values: those of several lanes in one are taken apart and put together again. 0 · NaN and 0 · ∞ are NaN, and stay.
    let (mut lowest, mut poison) = ([f64::INFINITY; LANES], [0.0; LANES]);
    let rest = eights(values, |chunk| {
        (0..LANES).for_each(|lane| lowest[lane] = smaller(lowest[lane], chunk[lane]));
        (0..LANES).for_each(|lane| poison[lane] += chunk[lane] * 0.0);
    });
    let good = lowest.into_iter().fold(f64::INFINITY, smaller) > 0.0 && fold(poison) == 0.0;
    good && rest.iter().all(|&value| value > 0.0 && value < f64::INFINITY)
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

#[inline(always)]
fn ordered(values: &[f64], good: impl Fn(f64, f64) -> bool) -> bool {
    let Some((_, next)) = values.split_first() else { return true };
    // Counted in numbers, as in `all_positive`.
    let mut wrong = [0.0; LANES];
    let (lefts, rights) = pairs(&values[..next.len()], next, |x, y| {
        (0..LANES).for_each(|lane| wrong[lane] += if good(x[lane], y[lane]) { 0.0 } else { 1.0 });
    });
    fold(wrong) == 0.0 && lefts.iter().zip(rights).all(|(&x, &y)| good(x, y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every length from 0 to 80, so that whole turns, whole chunks, rests and all together are met.
        #[test]
        fn kernels_agree_with_the_plain_loops(values in proptest::collection::vec(0.001..1e6f64, 0..80), factor in 0.5..2.0f64) {
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
            let mut found = Vec::new();
            each_at_least(&values, 9e5, |place, value| found.push((place, value)));
            prop_assert_eq!(found, values.iter().copied().enumerate().filter(|(_, v)| *v >= 9e5).collect::<Vec<_>>());
            scale(&values, factor, &mut out);
            prop_assert_eq!(&out, &values.iter().map(|v| v * factor).collect::<Vec<_>>());
        }

        /// NaN hides nothing.
        #[test]
        fn each_value_that_is_large_enough_is_met_beside_nan(values in proptest::collection::vec(prop_oneof![Just(f64::NAN), 0.0..1.0f64], 0..80)) {
            let mut found = Vec::new();
            each_at_least(&values, 0.5, |place, _| found.push(place));
            prop_assert_eq!(any_at_least(&values, 0.5), !found.is_empty());
            prop_assert_eq!(found, (0..values.len()).filter(|&place| values[place] >= 0.5).collect::<Vec<_>>());
        }

        /// One bad value anywhere is found.
        #[test]
        fn one_bad_value_is_found(n in 1usize..80, at in 0usize..80, bad in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(0.0), Just(-1.0)]) {
            let mut values: Vec<f64> = (1..=n).map(|i| i as f64).collect();
            prop_assert!(all_positive(&values) && ascending(&values));
            values[at % n] = bad;
            prop_assert!(!all_positive(&values));
        }

        /// Order is strict: two equal neighbours are out of order.
        #[test]
        fn equal_neighbours_are_out_of_order(n in 2usize..80, at in 0usize..80) {
            let mut values: Vec<f64> = (1..=n).map(|i| i as f64).collect();
            let i = at % (n - 1);
            values[i + 1] = values[i];
            prop_assert!(!ascending(&values));
            values.reverse();
            prop_assert!(!descending(&values));
        }
    }
}
