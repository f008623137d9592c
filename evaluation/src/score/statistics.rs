//! How sure a figure is: intervals that hold with 95 % confidence.

use leadline_simulator::market::Dice;

/// 97.5 % of a standard normal lie below.
const Z: f64 = 1.959_963_984_540_054;

/// The interval of a share of which `hits` of `of` trials are known (Wilson, 1927). None without trials.
#[must_use]
pub fn wilson(hits: u64, of: u64) -> Option<[f64; 2]> {
    if of == 0 {
        return None;
    }
    let (n, p) = (of as f64, hits as f64 / of as f64);
    let z2 = Z * Z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * libm::sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n));
    Some([(centre - half).max(0.0), (centre + half).min(1.0)])
}

/// The interval of the mean of a Poisson count, by Byar's approximation to the exact one (Breslow and Day, 1987); without a count, exact: [0, 3.69].
#[must_use]
pub fn byar(count: u64) -> [f64; 2] {
    let bound = |n: f64, z: f64| n * (1.0 - 1.0 / (9.0 * n) + z / (3.0 * libm::sqrt(n))).powi(3);
    let n = count as f64;
    if count == 0 {
        return [0.0, -libm::log(0.025)];
    }
    [bound(n, -Z).max(0.0), bound(n + 1.0, Z)]
}

/// The value that a share of all don't exceed, between neighbours by straight line (type 7 of Hyndman and Fan). None of none. Sorts.
pub fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let at = share * (values.len().checked_sub(1)?) as f64;
    let low = values[at as usize];
    let high = values.get(at as usize + 1).copied().unwrap_or(low);
    Some(low + (high - low) * at.fract())
}

/// The interval of a figure that is made from whole markets: it is made again from as many markets drawn with replacement (Efron's percentile bootstrap),
/// so that what happens within one market may depend on each other. None with fewer than three markets, or when it can't be made from most draws.
pub fn bootstrap(markets: usize, seed: u64, mut figure: impl FnMut(&[usize]) -> Option<f64>) -> Option<[f64; 2]> {
    const DRAWS: usize = 1_000;
    if markets < 3 {
        return None;
    }
    let mut dice = Dice::new(seed, "bootstrap");
    let mut drawn = vec![0; markets];
    let mut figures = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        drawn.fill_with(|| dice.between(0, markets as i64) as usize);
        figures.extend(figure(&drawn));
    }
    if figures.len() < DRAWS / 2 {
        return None;
    }
    Some([quantile(&mut figures, 0.025)?, quantile(&mut figures, 0.975)?])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;

    fn near(actual: [f64; 2], expected: [f64; 2], off: f64) {
        assert!(actual.iter().zip(expected).all(|(a, e)| (a - e).abs() <= off), "{actual:?}, not {expected:?}");
    }

    #[test]
    fn wilsons_interval_is_that_of_the_tables() {
        // Newcombe (1998), table I.
        near(wilson(81, 263).unwrap(), [0.2553, 0.3662], 1e-4);
        near(wilson(15, 148).unwrap(), [0.0624, 0.1605], 1e-4);
        near(wilson(0, 20).unwrap(), [0.0, 0.1611], 1e-4);
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn the_interval_of_a_count_is_near_the_exact_one() {
        near(byar(0), [0.0, 3.689], 1e-3);
        near(byar(5), [1.623, 11.668], 0.03);
        near(byar(100), [81.36, 121.63], 0.03);
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&mut [4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(quantile(&mut [1.0], 0.95), Some(1.0));
        assert_eq!(quantile(&mut [], 0.5), None);
    }

    #[test]
    fn a_bootstrap_of_like_markets_is_narrow_and_of_unlike_ones_wide() {
        let mean = |values: [f64; 6]| bootstrap(6, 1, |drawn| Some(drawn.iter().map(|&i| values[i]).sum::<f64>() / 6.0)).unwrap();
        assert_eq!(mean([2.0; 6]), [2.0, 2.0]);
        let [low, high] = mean([0.0, 0.0, 0.0, 10.0, 10.0, 10.0]);
        assert!(low < 3.0 && high > 7.0, "{low} {high}");
        assert_eq!(bootstrap(2, 1, |_| Some(1.0)), None);
    }
}
