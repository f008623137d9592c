//! The three depth bands a side, fixed from the median spread and the side's coverage.
//!
//! Band i reaches max(5, 1.5 s), max(10, 3 s), max(25, 6 s) bps, s being the median spread, and at most as far as the 5th percentile of the
//! side's coverage: 400 levels are narrow (14 bps of bids on a liquid pair), illiquid pairs have spreads wider than a fixed band.

use super::median::{median, quantile};
use crate::{Depth, DepthSide};
use serde::{Deserialize, Serialize};

/// Bands a side.
pub const BANDS: usize = 3;

/// A side with at least this share of the levels that the feed carries ends where the feed ends; with fewer, where the orders end.
const FULL: f64 = 0.95;

/// How far the bands reach, narrow to wide, in bps from mid. Two bands are equal where the coverage ends before both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bands {
    /// Of the bids.
    pub bids: [f64; BANDS],
    /// Of the asks.
    pub asks: [f64; BANDS],
    /// The median spread that they were made from, bps.
    pub spread_bps: f64,
}

/// What one side holds within one band of one book.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum BandDepth {
    /// Notional of the levels in the band; 0 when it is empty.
    Seen(f64),
    /// The feed ends before the band does: its depth isn't known.
    Cut,
}

impl Bands {
    /// The bands that one spread and the coverage of two sides make.
    #[must_use]
    pub fn new(spread_bps: f64, bid_coverage: f64, ask_coverage: f64) -> Self {
        let reach = |coverage: f64| {
            [(5.0, 1.5), (10.0, 3.0), (25.0, 6.0)].map(|(least, times): (f64, f64)| least.max(times * spread_bps).min(coverage))
        };
        Self { bids: reach(bid_coverage), asks: reach(ask_coverage), spread_bps }
    }

    /// Reach of the widest band of a side, bps: 0 is bids, anything else asks.
    #[must_use]
    pub fn widest(&self, side: usize) -> f64 {
        if side == 0 { self.bids[BANDS - 1] } else { self.asks[BANDS - 1] }
    }

    /// Depth in each band of one book, bids first, narrow to wide. `feed_levels`: how many levels a side the feed carries.
    #[must_use]
    pub fn depths(&self, depth: &Depth, feed_levels: usize) -> [BandDepth; 2 * BANDS] {
        let one = |side: &DepthSide, reach: f64| {
            if coverage(side, feed_levels) < reach { BandDepth::Cut } else { BandDepth::Seen(side.notional_within(reach)) }
        };
        let [a, b, c] = self.bids.map(|reach| one(&depth.bids, reach));
        let [d, e, f] = self.asks.map(|reach| one(&depth.asks, reach));
        [a, b, c, d, e, f]
    }
}

/// How far a side is known, bps: to its last level when the feed cut it there, else without end, since a short side is a whole one.
#[must_use]
pub fn coverage(side: &DepthSide, feed_levels: usize) -> f64 {
    if side.len() as f64 >= FULL * feed_levels as f64 { side.coverage_bps() } else { f64::INFINITY }
}

/// Gathers spreads and coverage until there are enough to fix the bands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandGauge {
    wanted: usize,
    spreads: Vec<f64>,
    coverage: [Vec<f64>; 2],
}

impl BandGauge {
    /// Wants this many samples, at least one.
    #[must_use]
    pub fn new(wanted: usize) -> Self {
        Self { wanted: wanted.max(1), spreads: Vec::new(), coverage: [Vec::new(), Vec::new()] }
    }

    /// One sample more; the bands when it was the last one.
    pub fn push(&mut self, spread_bps: f64, coverage: [f64; 2]) -> Option<Bands> {
        self.spreads.push(spread_bps);
        for (all, one) in self.coverage.iter_mut().zip(coverage) {
            all.push(one);
        }
        if self.spreads.len() < self.wanted {
            return None;
        }
        let [bids, asks] = &mut self.coverage;
        Some(Bands::new(median(&mut self.spreads), quantile(bids, 0.05), quantile(asks, 0.05)))
    }

    /// Samples that are still missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.wanted.saturating_sub(self.spreads.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(levels: usize, step_bps: f64) -> DepthSide {
        let mut side = DepthSide { cumulative: vec![0.0], ..DepthSide::default() };
        for i in 0..levels {
            side.distance_bps.push(step_bps * (i + 1) as f64);
            side.notional.push(10.0);
            side.cumulative.push(10.0 * (i + 1) as f64);
        }
        side
    }

    #[test]
    fn wide_spreads_widen_the_bands_and_narrow_coverage_ends_them() {
        let bands = Bands::new(20.0, 13.6, f64::INFINITY);
        assert_eq!(bands.asks, [30.0, 60.0, 120.0]);
        assert_eq!(bands.bids, [13.6; 3]);
        assert_eq!(Bands::new(0.1, 100.0, 7.0).asks, [5.0, 7.0, 7.0]);
    }

    #[test]
    fn the_gauge_takes_the_median_spread_and_the_low_coverage() {
        let mut gauge = BandGauge::new(40);
        for i in 0..39 {
            assert_eq!(gauge.push(f64::from(i), [f64::from(i), f64::INFINITY]), None);
        }
        assert_eq!(gauge.missing(), 1);
        // Median of 0..=39; of 40 coverages the second lowest is the last that 5 % lie below.
        assert_eq!(gauge.push(39.0, [39.0, f64::INFINITY]), Some(Bands::new(19.5, 1.0, f64::INFINITY)));
    }

    #[test]
    fn a_band_beyond_the_feed_is_cut_and_beyond_the_last_order_is_not() {
        let instrument = crate::Instrument {
            id: "A-B".into(),
            kind: crate::Kind::Spot,
            base: "A".into(),
            quote: "B".into(),
            settle: "B".into(),
            tick_size: 0.1,
            lot_size: 0.1,
            contract_value: 1.0,
            extra: vec![],
        };
        let mut depth = Depth::new(&instrument);
        depth.bids = side(400, 0.05);
        depth.asks = side(100, 0.05);
        let bands = Bands::new(0.1, 100.0, 100.0);
        let seen = bands.depths(&depth, 400);
        assert_eq!(seen[..3], [BandDepth::Seen(1000.0), BandDepth::Seen(2000.0), BandDepth::Cut]);
        assert_eq!(seen[3..], [BandDepth::Seen(1000.0); 3]);
    }
}
