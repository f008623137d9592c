//! Where notional piles up on one side of a book: a kernel density over the distance from mid, its local background, and the peaks above it.

use leadline_plugin::{DepthSide, Side, kernels, math};

/// Grid points to a bandwidth.
const POINTS: usize = 4;
/// Grid points on each side of a peak that make its background: 8 bandwidths.
const REACH: usize = 8 * POINTS;
/// Of two peaks this near, the larger stays: 2 bandwidths.
const SEPARATION: usize = 2 * POINTS;
/// Grid points before distance 0, so that the kernel of a level at the touch needs no special case.
const PAD: usize = POINTS - 1;

/// A pile of resting orders that stands out from what is around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Notional-weighted mean price of the levels within one bandwidth of the peak; not yet on the tick grid.
    pub price: f64,
    /// Distance of that price from mid, bps.
    pub distance_bps: f64,
    /// How many times the background the density exceeds it: 0 is the background itself.
    pub excess: f64,
    /// Notional within one bandwidth of the peak.
    pub notional: f64,
    /// Resting orders within one bandwidth; none when the exchange doesn't say.
    pub orders: Option<u64>,
}

/// Finds candidates; keeps its buffers from call to call.
#[derive(Debug, Clone, Default)]
pub struct Density {
    /// The density at every point, from [`PAD`] points before distance 0 to one beyond the reach of the farthest level.
    grid: Vec<f64>,
    masses: Vec<f64>,
    offsets: Vec<f64>,
    gaps: Vec<f64>,
    /// Grid index, density and excess of the peaks, largest density first.
    peaks: Vec<(usize, f64, f64)>,
    window: Vec<u64>,
}

impl Density {
    /// Writes the candidates among the best `levels` levels of a side to `candidates`, largest density first; gives the bandwidth in bps.
    ///
    /// `levels` must be at least 2 and at most the length of the side.
    pub fn find(
        &mut self,
        depth: &DepthSide,
        side: &Side,
        levels: usize,
        mid: f64,
        least_excess: f64,
        candidates: &mut Vec<Candidate>,
    ) -> f64 {
        let distance = &depth.distance_bps[..levels];
        let bandwidth = self.bandwidth(distance);
        self.fill(distance, &depth.notional[..levels], bandwidth);
        self.find_peaks(least_excess);
        candidates.clear();
        let step = bandwidth / POINTS as f64;
        for &(at, _, excess) in &self.peaks {
            let centre = at as f64 * step;
            let from = distance.partition_point(|&d| d < centre - bandwidth);
            let to = distance.partition_point(|&d| d <= centre + bandwidth);
            let notional = kernels::sum(&depth.notional[from..to]);
            let price = kernels::dot(&depth.notional[from..to], &side.prices[from..to]) / notional;
            let orders = &side.orders[from..to];
            candidates.push(Candidate {
                price,
                distance_bps: (price - mid).abs() * (1e4 / mid),
                excess,
                notional,
                orders: (!orders.contains(&0)).then(|| orders.iter().map(|&n| u64::from(n)).sum()),
            });
        }
        bandwidth
    }

    /// clamp(max(0.5, 1.5 · median gap, coverage / 100), 0.5, 5) bps.
    fn bandwidth(&mut self, distance: &[f64]) -> f64 {
        let n = distance.len() - 1;
        let floor = (distance[n] / 100.0).max(0.5);
        kernels::differences(distance, &mut self.gaps);
        // The median matters only when 1.5 times it is above the floor. When more than half of the gaps are below that, it isn't: no need to select it.
        if floor >= 5.0 || kernels::count_at_most(&self.gaps, floor / 1.5) > n / 2 {
            return floor.min(5.0);
        }
        (1.5 * select_median(&self.gaps, &mut self.window)).max(floor).min(5.0)
    }

    /// f(x) = Σ v · max(0, 1 − |x − d| / h) at every h/4.
    ///
    /// A level at the fraction r between two points weighs 1−r, 2−r, 3−r, 4−r, 3+r, 2+r, 1+r, r quarters at the eight points around it: linear in r. So
    /// the levels between two points enter by two sums, of v and of v·r, and the density is those sums convolved: no level touches eight points.
    fn fill(&mut self, distance: &[f64], notional: &[f64], bandwidth: f64) {
        let per_bps = POINTS as f64 / bandwidth;
        // On wide books the bandwidth is a hundredth of the coverage, and this is 404 but for rounding: it must not be 403 by chance.
        let points = ((distance[distance.len() - 1] + bandwidth) * per_bps + 1e-6) as usize + 1;
        let length = PAD + points + 1;
        let reach = length + 2 * POINTS;
        let Self { grid, masses, offsets, .. } = self;
        for column in [&mut *masses, &mut *offsets] {
            column.clear();
            column.resize(reach.next_multiple_of(8), 0.0);
        }
        scatter(distance, notional, per_bps, masses, offsets);
        grid.resize(length, 0.0);
        convolve(masses, offsets, grid);
    }

    /// Local maxima whose excess over the background is large enough; of two within 2 bandwidths the larger stays.
    ///
    /// The background is the median of the density within ±8 bandwidths, at least half the mean of the density. So a peak below the mean can't be one
    /// (for a least excess of 1); whether the others are is told by counting; and the median itself is selected only where a peak stays and the
    /// background is above the floor. A running median at every point would cost several times as much.
    fn find_peaks(&mut self, least_excess: f64) {
        let Self { grid, peaks, window, .. } = self;
        // The last point is beyond the reach of every level: it closes the last peak.
        let density = &grid[PAD..grid.len() - 1];
        let floor = 0.5 * kernels::sum(density) / density.len() as f64;
        let least = floor * (1.0 + least_excess);
        let around = |at: usize| &density[at.saturating_sub(REACH)..(at + REACH + 1).min(density.len())];
        peaks.clear();
        // Few points are that high.
        kernels::each_at_least(density, least, |at, value| {
            let (before, after) = (grid[PAD + at - 1], grid[PAD + at + 1]);
            if value >= before && value > after && median_at_most(around(at), value / (1.0 + least_excess), window) {
                peaks.push((at, value, 0.0));
            }
        });
        peaks.sort_unstable_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
        let mut kept = 0;
        for i in 0..peaks.len() {
            let peak = peaks[i];
            if peaks[..kept].iter().all(|larger| larger.0.abs_diff(peak.0) > SEPARATION) {
                peaks[kept] = peak;
                kept += 1;
            }
        }
        peaks.truncate(kept);
        for (at, value, excess) in peaks.iter_mut() {
            let around = around(*at);
            let at_floor = kernels::count_at_most(around, floor) > around.len() / 2;
            let background = if at_floor { floor } else { select_median(around, window).max(floor) };
            *excess = *value / background - 1.0;
        }
    }
}

/// Adds each level's quarter of notional v, and v·r, to the sums between the points j and j + 1, which stand at j + 7: four for the convolution's reach
/// to the left, three for the padding of the grid. A function of its own: in one with all the rest, what this loop needs wouldn't stay in registers.
#[inline(never)]
fn scatter(distance: &[f64], notional: &[f64], per_bps: f64, masses: &mut [f64], offsets: &mut [f64]) {
    let n = masses.len().min(offsets.len());
    let (masses, offsets) = (&mut masses[..n], &mut offsets[..n]);
    let mut add = |(&d, &v): (&f64, &f64)| {
        let at = d * per_bps;
        let below = at.floor();
        let j = whole(below) + POINTS + PAD;
        let v = v * (1.0 / POINTS as f64);
        if j < n {
            masses[j] += v;
            offsets[j] += v * (at - below);
        }
    };
    let ((distances, distance_rest), (notionals, notional_rest)) = (distance.as_chunks::<8>(), notional.as_chunks::<8>());
    for (distances, notionals) in distances.iter().zip(notionals) {
        distances.iter().zip(notionals).for_each(&mut add);
    }
    distance_rest.iter().zip(notional_rest).for_each(add);
}

/// A whole number from 0 up to 2^32 as an index: added to 2^52 it stands in the lowest bits, which costs an addition. The conversion of a number that may
/// be anything costs branches in WebAssembly.
fn whole(number: f64) -> usize {
    (number + 4_503_599_627_370_496.0).to_bits() as u32 as usize
}

/// The density at each point of `grid` from the sums around it.
#[inline(never)]
fn convolve(masses: &[f64], offsets: &[f64], grid: &mut [f64]) {
    let density = |m: &[f64], r: &[f64]| {
        let weighted = (m[1] + m[7]) + 2.0 * (m[2] + m[6]) + 3.0 * (m[3] + m[5]) + 4.0 * m[4];
        let shifted = ((r[0] + r[1]) + (r[2] + r[3])) - ((r[4] + r[5]) + (r[6] + r[7]));
        // Never below 0 but for rounding, and the medians order numbers by their bits.
        math::larger(0.0, weighted + shifted)
    };
    // Eight points a turn, since the host's checks come once a turn.
    let (turns, rest) = grid.as_chunks_mut::<8>();
    let mut from = 0;
    for points in turns {
        let (m, r) = (&masses[from..from + 15], &offsets[from..from + 15]);
        (0..8).for_each(|lane| points[lane] = density(&m[lane..lane + 8], &r[lane..lane + 8]));
        from += 8;
    }
    for ((point, m), r) in rest.iter_mut().zip(masses[from..].windows(8)).zip(offsets[from..].windows(8)) {
        *point = density(m, r);
    }
}

/// Whether the median of `values` is at most `limit`.
fn median_at_most(values: &[f64], limit: f64, room: &mut Vec<u64>) -> bool {
    let (count, half) = (kernels::count_at_most(values, limit), values.len() / 2);
    // Of an even number, exactly half at most `limit` leaves it to the mean of the middle two.
    count > half || (count == half && values.len().is_multiple_of(2) && select_median(values, room) <= limit)
}

fn select_median(values: &[f64], room: &mut Vec<u64>) -> f64 {
    room.clear();
    room.extend(values.iter().map(|value| value.to_bits()));
    median(room)
}

/// The median of numbers that aren't negative, given by their bits, which order like the numbers; the mean of the middle two of an even count.
fn median(bits: &mut [u64]) -> f64 {
    let n = bits.len();
    let (below, middle, _) = bits.select_nth_unstable(n / 2);
    let upper = f64::from_bits(*middle);
    if n % 2 == 1 { upper } else { 0.5 * (upper + f64::from_bits(below.iter().copied().max().unwrap_or(0))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadline_plugin::Depth;
    use leadline_plugin::synthetic::{Market, Settings, instrument};
    use proptest::prelude::*;

    fn plain_median(values: &[f64]) -> f64 {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let n = values.len();
        if n % 2 == 1 { values[n / 2] } else { 0.5 * (values[n / 2 - 1] + values[n / 2]) }
    }

    /// The definition written down directly, without any of the shortcuts: grid index, excess. None: two numbers that it compares are equal
    /// but for rounding, so that which of them is larger is nobody's to say.
    fn by_definition(distance: &[f64], notional: &[f64]) -> Option<(f64, Vec<(usize, f64)>)> {
        let tied = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (a.abs() + b.abs());
        let gaps: Vec<f64> = distance.windows(2).map(|w| w[1] - w[0]).collect();
        let coverage = distance[distance.len() - 1];
        let h = (1.5 * plain_median(&gaps)).max(coverage / 100.0).clamp(0.5, 5.0);
        let density = |x: f64| distance.iter().zip(notional).map(|(d, v)| v * (1.0 - (x - d).abs() / h).max(0.0)).sum::<f64>();
        let points = ((coverage + h) * 4.0 / h + 1e-6) as usize + 1;
        let f: Vec<f64> = (0..points).map(|i| density(i as f64 * h / 4.0)).collect();
        let floor = 0.5 * f.iter().sum::<f64>() / points as f64;
        let mut peaks = Vec::new();
        for i in 0..points {
            let g = plain_median(&f[i.saturating_sub(32)..(i + 33).min(points)]).max(floor);
            let excess = f[i] / g - 1.0;
            let neighbours = [i.checked_sub(1), Some(i + 1).filter(|&next| next < points)];
            if excess > 0.999_999 && (tied(excess, 1.0) || neighbours.into_iter().flatten().any(|next| tied(f[i], f[next]))) {
                return None;
            }
            let rises = i == 0 || f[i] >= f[i - 1];
            let falls = i + 1 == points || f[i] > f[i + 1];
            if rises && falls && excess >= 1.0 {
                peaks.push((i, excess));
            }
        }
        peaks.sort_by(|a, b| f[b.0].total_cmp(&f[a.0]));
        if peaks.windows(2).any(|pair| tied(f[pair[0].0], f[pair[1].0])) {
            return None;
        }
        let mut kept: Vec<(usize, f64)> = Vec::new();
        for peak in peaks {
            if kept.iter().all(|k| k.0.abs_diff(peak.0) > 8) {
                kept.push(peak);
            }
        }
        Some((h, kept))
    }

    proptest! {
        /// The fast form finds what the definition finds, on narrow and wide, dense and sparse, smooth and rough books.
        #[test]
        fn the_fast_form_is_the_definition(seed in 0u64..10_000, gap in 0.02..12.0f64, sigma in 0.1..3.3f64, levels in 10usize..400) {
            let settings = Settings { levels, gap_bps: gap, sigma, tick: 0.01, ..Settings::default() };
            let book = Market::new(seed, settings.clone()).frame();
            let mut depth = Depth::new(&instrument(settings.tick));
            prop_assert_eq!(depth.read(&book, false), Ok(()));
            let n = depth.bids.within(200.0);
            prop_assume!(n >= 2);
            let mut found = Vec::new();
            let mut fast = Density::default();
            let h = fast.find(&depth.bids, &book.bids, n, depth.mid, 1.0, &mut found);
            let definition = by_definition(&depth.bids.distance_bps[..n], &depth.bids.notional[..n]);
            prop_assume!(definition.is_some());
            let (expected_h, expected) = definition.unwrap_or_default();
            prop_assert!((h - expected_h).abs() < 1e-9);
            let got: Vec<usize> = fast.peaks.iter().map(|p| p.0).collect();
            prop_assert_eq!(got, expected.iter().map(|p| p.0).collect::<Vec<_>>());
            for (candidate, (at, excess)) in found.iter().zip(&expected) {
                prop_assert!((candidate.excess - excess).abs() <= 1e-9 * (1.0 + excess), "{} against {excess}", candidate.excess);
                prop_assert!((candidate.distance_bps - *at as f64 * h / 4.0).abs() <= h * 1.001, "the price is within a bandwidth of the peak");
            }
        }
    }

    #[test]
    fn a_wall_on_a_flat_book_is_the_only_candidate_and_has_its_notional() {
        let mut market = Market::new(5, Settings { sigma: 0.0, gap_bps: 0.0, tick: 1.0, ..Settings::default() });
        let mut book = market.frame();
        book.bids.sizes[100] *= 60.0;
        book.bids.orders[100] = 7;
        let mut depth = Depth::new(&instrument(1.0));
        assert_eq!(depth.read(&book, false), Ok(()));
        let mut found = Vec::new();
        Density::default().find(&depth.bids, &book.bids, 400, depth.mid, 1.0, &mut found);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found[0].price - book.bids.prices[100]).abs() < 0.5, "{found:?}");
        assert!(found[0].notional >= depth.bids.notional[100] && found[0].orders.is_some_and(|n| n >= 7));
    }

    #[test]
    fn orders_are_left_open_when_the_exchange_does_not_say() {
        let mut book = Market::new(2, Settings::default()).frame();
        book.bids.orders.fill(0);
        let mut depth = Depth::new(&instrument(0.1));
        assert_eq!(depth.read(&book, false), Ok(()));
        let mut found = Vec::new();
        Density::default().find(&depth.bids, &book.bids, 400, depth.mid, 1.0, &mut found);
        assert!(!found.is_empty() && found.iter().all(|candidate| candidate.orders.is_none()));
    }
}
