//! How much the last hour looks like a drain: depth of which half leaves steadily, on one side or on both.
//!
//! Of each side two measures are looked at, ln of its whole depth and ln of its bulk against what is usual, and of each measure means over three lengths of
//! time: a short one says where it is now, the long ones since when. How these twelve swing together by themselves is learned from the pair (their second
//! moments over two weeks of hours that were normal); what a drain makes of them is arithmetic. From both follows the one sum of the twelve that tells a
//! drain best (Fisher's linear discriminant): the quieter measure counts for more, what both sides have in common is set off when one side drains, and added
//! up when both do. In units of its own standard deviation it is the evidence.

use crate::hours::{HOURS, HOURS_WANTED};
use crate::parameters::Settings;
use leadline_plugin::math;
use serde::{Deserialize, Serialize};

/// Lengths of the means, as parts of the drain's.
pub const LENGTHS: [f64; 3] = [0.05, 0.25, 1.0];
/// Measures of a side: depth, bulk.
pub const MEASURES: usize = 2;
/// Means of a side: of its depth, shortest first, then of its bulk.
const A_SIDE: usize = MEASURES * LENGTHS.len();
/// Means of bids, then of asks.
pub const MEANS: usize = 2 * A_SIDE;
/// Least standard deviation that a mean is taken to have, so that a pair that never moves doesn't alarm on nothing.
pub const LEAST: f64 = 0.02;
/// Minutes whose means are about one independent piece of evidence of what is usual.
const QUARTER: f64 = 15.0;
/// Of what is left at the end of a drain.
const LEFT: f64 = 0.5;

/// One number for each mean.
pub type Means = [f64; MEANS];

/// Where a drain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Bids alone.
    Bids,
    /// Asks alone.
    Asks,
    /// Both sides.
    Both,
}

impl On {
    /// As a reading says it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bids => "bid",
            Self::Asks => "ask",
            Self::Both => "both",
        }
    }
}

/// What the means of one side are at the end of a drain of `seconds`, when nothing else happens: those of ln of what is left, second by second.
#[must_use]
pub fn response(seconds: u32) -> [f64; LENGTHS.len()] {
    let parts = LENGTHS.map(|length| 1.0 - math::exp(-1.0 / (length * f64::from(seconds))));
    (1..=seconds).fold([0.0; LENGTHS.len()], |means, second| {
        let value = math::ln(1.0 - (1.0 - LEFT) * f64::from(second) / f64::from(seconds));
        std::array::from_fn(|i| means[i] + parts[i] * (value - means[i]))
    })
}

/// Sums of products of the means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    products: [Means; MEANS],
    count: f64,
}

impl Moments {
    /// The means of one moment.
    pub fn add(&mut self, means: &Means) {
        for (row, left) in self.products.iter_mut().zip(means) {
            row.iter_mut().zip(means).for_each(|(product, right)| *product += left * right);
        }
        self.count += 1.0;
    }

    fn merge(&mut self, other: &Self) {
        let pairs = self.products.iter_mut().flatten().zip(other.products.iter().flatten());
        pairs.for_each(|(product, more)| *product += more);
        self.count += other.count;
    }

    fn scale(&mut self, factor: f64) {
        self.products.iter_mut().flatten().for_each(|product| *product *= factor);
        self.count *= factor;
    }

    /// What a fitted filter's standard deviation in the moments that it was fitted to is of the one that it has elsewhere: 1 − p/n, with p numbers fitted to n
    /// that are independent. Moments are a minute apart; those of a quarter of an hour count as one.
    #[must_use]
    pub fn outside(&self) -> f64 {
        1.0 - QUARTER * MEANS as f64 / self.count
    }

    /// The sums that tell a drain best, by where it is: C⁻¹·μ / √(μᵀ·C⁻¹·μ), with C the mean products and μ what a drain makes of the means. None when the
    /// moments are no numbers.
    #[must_use]
    pub fn filters(&self, response: [f64; LENGTHS.len()]) -> Option<[Means; 3]> {
        let mut matrix = self.products.map(|row| row.map(|product| product / self.count));
        for (i, row) in matrix.iter_mut().enumerate() {
            row[i] += LEAST * LEAST;
        }
        let root = cholesky(&matrix)?;
        let of =
            |drains: [bool; 2]| -> Means { std::array::from_fn(|i| if drains[i / A_SIDE] { response[i % LENGTHS.len()] } else { 0.0 }) };
        Some([[true, false], [false, true], [true, true]].map(|drains| {
            let mean = of(drains);
            let weights = solve(&root, mean);
            let norm = weights.iter().zip(mean).map(|(weight, mean)| weight * mean).sum::<f64>().sqrt();
            weights.map(|weight| weight / norm)
        }))
    }
}

/// The lower triangle L with L·Lᵀ = `matrix`. None when it isn't positive definite.
fn cholesky(matrix: &[Means; MEANS]) -> Option<[Means; MEANS]> {
    let mut root = [[0.0; MEANS]; MEANS];
    for i in 0..MEANS {
        for j in 0..=i {
            let rest = matrix[i][j] - (0..j).map(|k| root[i][k] * root[j][k]).sum::<f64>();
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                root[i][i] = rest.sqrt();
            } else {
                root[i][j] = rest / root[j][j];
            }
        }
    }
    Some(root)
}

/// x with L·Lᵀ·x = `right`.
fn solve(root: &[Means; MEANS], right: Means) -> Means {
    let mut x = right;
    for i in 0..MEANS {
        x[i] = (x[i] - (0..i).map(|k| root[i][k] * x[k]).sum::<f64>()) / root[i][i];
    }
    for i in (0..MEANS).rev() {
        x[i] = (x[i] - (i + 1..MEANS).map(|k| root[k][i] * x[k]).sum::<f64>()) / root[i][i];
    }
    x
}

/// The means, what is usual of them, and the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drain {
    means: Means,
    minute: u64,
    /// Of the running hour, and of those before it.
    hour: Moments,
    gathered: Moments,
    /// Bids, asks, both. None while it isn't known what is usual.
    filters: Option<[Means; 3]>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { means: [0.0; MEANS], minute: 0, hour: Moments::default(), gathered: Moments::default(), filters: None }
    }
}

impl Drain {
    /// Depth and bulk of bids, then of asks, in one second, counted since 1970, as ratios to what is usual; NaN is usual.
    pub fn push(&mut self, second: u64, ratios: [[f64; MEASURES]; 2], settings: &Settings) {
        if second / 60 != self.minute {
            self.minute = second / 60;
            self.hour.add(&self.means);
        }
        let values = ratios.map(|side| side.map(|ratio| if ratio.is_nan() { 0.0 } else { math::ln(ratio.max(0.01)) }));
        self.toward(values, 1.0, settings);
    }

    /// An hour is over. `normal`: whether it says something of what is usual.
    pub fn close_hour(&mut self, normal: bool, settings: &Settings) {
        let hour = std::mem::take(&mut self.hour);
        if !normal {
            return;
        }
        // From two weeks on the oldest make room.
        if self.gathered.count + hour.count > 60.0 * HOURS as f64 {
            self.gathered.scale(1.0 - 1.0 / HOURS as f64);
        }
        self.gathered.merge(&hour);
        if self.gathered.count >= 60.0 * HOURS_WANTED as f64 {
            let outside = self.gathered.outside();
            let filters = self.gathered.filters(response(60 * settings.drain_minutes));
            self.filters = filters.map(|filters| filters.map(|weights| weights.map(|weight| outside * weight))).or(self.filters);
        }
    }

    /// Missing seconds: what isn't seen counts as usual.
    pub fn skip(&mut self, seconds: u64, settings: &Settings) {
        self.toward([[0.0; MEASURES]; 2], seconds as f64, settings);
    }

    /// What is usual is measured in another way from here on. What was learned so far holds until there is as much anew.
    pub fn begin_anew(&mut self) {
        self.gathered = Moments::default();
    }

    /// Standard deviations by which the last hour looks more like a drain than this pair does by itself, and where. None while that isn't known.
    #[must_use]
    pub fn evidence(&self) -> Option<(f64, On)> {
        let [bids, asks, both] =
            self.filters?.map(|weights| weights.iter().zip(self.means).map(|(weight, mean)| weight * mean).sum::<f64>());
        let (one, side) = if bids > asks { (bids, On::Bids) } else { (asks, On::Asks) };
        Some(if both > one { (both, On::Both) } else { (one, side) })
    }

    /// Whether a restored one has the shape that the rest relies on.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.means.iter().all(|mean| mean.is_finite())
    }

    fn toward(&mut self, values: [[f64; MEASURES]; 2], seconds: f64, settings: &Settings) {
        let parts = LENGTHS.map(|length| 1.0 - math::exp(-seconds / (length * 60.0 * f64::from(settings.drain_minutes))));
        for (i, mean) in self.means.iter_mut().enumerate() {
            let value = values[i / A_SIDE][i % A_SIDE / LENGTHS.len()];
            *mean += parts[i % LENGTHS.len()] * (value - *mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadline_plugin::synthetic::Random;

    /// Independent means of these deviations.
    fn independent(deviations: Means) -> Moments {
        let mut moments = Moments::default();
        for i in 0..MEANS {
            let mut means = [0.0; MEANS];
            means[i] = deviations[i] * (MEANS as f64).sqrt();
            moments.add(&means);
        }
        moments
    }

    #[test]
    fn independent_means_are_weighed_by_signal_over_variance() {
        let mean = [-0.6, -0.4, -0.2];
        let deviations = [0.1, 0.2, 0.4, 0.2, 0.1, 0.3];
        let [bids, asks, both] = independent(std::array::from_fn(|i| deviations[i % 6])).filters(mean).unwrap();
        for i in 0..6 {
            let expected = mean[i % 3] / (deviations[i] * deviations[i] + LEAST * LEAST);
            let first = mean[0] / (deviations[0] * deviations[0] + LEAST * LEAST);
            assert!((bids[i] / bids[0] - expected / first).abs() < 1e-9);
            assert_eq!((bids[i], bids[i + 6], asks[i]), (asks[i + 6], 0.0, 0.0));
            assert!((both[i] - both[i + 6]).abs() < 1e-12 && both[i] < 0.0);
        }
    }

    #[test]
    fn what_both_sides_share_is_set_off_when_one_drains() {
        let mut moments = independent([0.1; MEANS]);
        for _ in 0..100 {
            moments.add(&[0.2; MEANS]);
            moments.add(&[-0.2; MEANS]);
        }
        let [bids, _, both] = moments.filters([-0.6, -0.4, -0.2]).unwrap();
        assert!(bids[..6].iter().sum::<f64>() < 0.0 && bids[6..].iter().sum::<f64>() > 0.0, "{bids:?}");
        assert!(both.iter().sum::<f64>() < 0.0);
        assert_eq!(Moments::default().filters([-0.6, -0.4, -0.2]), None, "nothing seen");
    }

    #[test]
    fn a_drain_of_an_hour_stands_out_by_its_end_on_the_side_where_it_is() {
        let settings = Settings::default();
        let (mut drain, mut random) = (Drain::default(), Random::new(5));
        // Depth of each side wanders by some percent, drawn back within a quarter of an hour.
        let mut own = [0.0; 2];
        let mut step = move || {
            own = own.map(|value: f64| value * (1.0 - 1.0 / 900.0) + 0.008 * (random.uniform() - 0.5));
            own
        };
        for second in 1..=3600 * 100_u64 {
            drain.push(second, step().map(|own| [math::exp(own); 2]), &settings);
            if second % 3600 == 0 {
                assert_eq!(drain.evidence().is_some(), second > 3600 * HOURS_WANTED as u64);
                drain.close_hour(true, &settings);
            }
        }
        let calm = drain.clone();
        for (drains, on) in [([1.0, 0.0], On::Bids), ([0.0, 1.0], On::Asks), ([1.0, 1.0], On::Both)] {
            drain = calm.clone();
            let raised: Vec<u64> = (0..3600)
                .filter(|&second| {
                    let left = math::ln(1.0 - 0.5 * second as f64 / 3600.0);
                    let own = step();
                    drain.push(second, std::array::from_fn(|side| [math::exp(own[side] + drains[side] * left); 2]), &settings);
                    drain.evidence().unwrap().0 > settings.drain_deviations
                })
                .collect();
            assert_eq!(drain.evidence().unwrap().1, on);
            assert!(raised.first().is_some_and(|&second| second > 300), "{on:?}: {:?}", raised.first());
        }
        drain.skip(86_400, &settings);
        assert!(drain.evidence().unwrap().0.abs() < 0.01, "what isn't seen is usual");
        drain.begin_anew();
        drain.close_hour(true, &settings);
        assert!(drain.evidence().is_some(), "what was learned holds until there is as much anew");
    }
}
