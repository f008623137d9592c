//! Which levels of a side are large, what kind each is, and how notional spreads over distance.

use leadline_plugin::serde::{Deserialize, Serialize};
use leadline_plugin::{Depth, DepthSide, Side, kernels, math};

use crate::arrival::{self, Before};

/// Levels farther from mid than this are left out, bps.
pub const WINDOW_BPS: f64 = 100.0;
/// Upper ends of the ranges of the distribution, bps: each from the one before; the last includes its end.
pub const RANGES_BPS: [f64; 5] = [5.0, 10.0, 25.0, 50.0, WINDOW_BPS];
/// Fewer levels than this within the window: `too_thin`.
pub const FEWEST_LEVELS: usize = 10;

/// When a level is large: its notional is at least all of these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    /// This part of the side's notional within the window.
    pub share: f64,
    /// This many times the mean level.
    pub multiple: f64,
    /// This much, quote units.
    pub floor: f64,
}

/// What stands behind a large level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub enum Kind {
    /// The exchange doesn't say how many orders.
    Unknown,
    /// One order holds it, or nearly: at most two orders, or the average order is at least half of what is large.
    Single,
    /// Many small orders add up to it.
    Stacked,
}

impl Kind {
    /// The word in the outputs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Single => "single",
            Self::Stacked => "stacked",
        }
    }
}

/// A level that is large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct LargeLevel {
    /// Quote units.
    pub price: f64,
    /// As the book has it: base units or contracts.
    pub size: f64,
    /// Base units.
    pub base: f64,
    /// Notional.
    pub notional: f64,
    /// Resting orders; 0 when the exchange doesn't say.
    pub orders: u32,
    /// Distance from mid, bps.
    pub distance_bps: f64,
    /// Exchange time of the first book in which it was large, ms.
    pub born_ms: u64,
    /// What stands behind it.
    pub kind: Kind,
    /// Notional that it came with, while its arrival may still be told; 0 if not.
    pub came: f64,
}

/// One range of the distribution.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Range {
    /// Levels.
    pub count: usize,
    /// Their notional.
    pub notional: f64,
    /// Their part of the side's notional within the window.
    pub share: f64,
    /// The notional of the largest.
    pub largest: f64,
}

/// One side of the newest book; saved are the large levels, which the next book finds by price.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct SideOrders {
    /// Large levels, best first; at most 1 / share of them.
    pub large: Vec<LargeLevel>,
    /// Notional by distance, see [`RANGES_BPS`].
    #[serde(skip)]
    pub ranges: [Range; 5],
    /// What makes a level large, quote units.
    #[serde(skip)]
    pub threshold: f64,
    /// Whether there were levels enough to say anything; saved, since a level can only come where the book before is known.
    pub judged: bool,
    /// The large levels of the book before.
    #[serde(skip)]
    before: Vec<Before>,
}

impl SideOrders {
    /// Judges one side. Levels large before keep their birth, found by price. `arrivals`: what came with this book, if the one before was just before it.
    pub fn update(
        &mut self,
        depth: &Depth,
        side: &DepthSide,
        columns: &Side,
        rule: Threshold,
        arrivals: Option<arrival::Rule>,
        now_ms: u64,
    ) {
        let levels = side.within(WINDOW_BPS);
        let arrivals = arrivals.filter(|_| self.judged);
        self.judged = levels >= FEWEST_LEVELS;
        if !self.judged {
            // What is known about the large levels stays for when there are levels enough again.
            return;
        }
        let total = side.cumulative[levels];
        let notional = &side.notional[..levels];
        self.threshold = (rule.share * total).max(rule.multiple * total / levels as f64).max(rule.floor);
        self.before.clear();
        self.before.extend(self.large.iter().map(|&LargeLevel { price, notional, born_ms, came, .. }| Before {
            price,
            notional,
            born_ms,
            came,
        }));
        self.large.clear();
        let Self { large, before, threshold, .. } = self;
        let threshold = *threshold;
        kernels::each_at_least(notional, threshold, |at, value| {
            let (price, size, orders) = (columns.prices[at], columns.sizes[at], columns.orders[at]);
            let (born_ms, came) = before.iter().find(|old| old.price == price).map_or((now_ms, 0.0), |old| (old.born_ms, old.came));
            large.push(LargeLevel {
                price,
                size,
                base: depth.base_units(price, size),
                notional: value,
                orders,
                distance_bps: side.distance_bps[at],
                born_ms,
                kind: kind(value, orders, threshold),
                came,
            });
        });
        if let Some(rule) = arrivals {
            arrival::mark(large, before, total, now_ms, rule);
        }
        self.spread(side, levels, total);
    }

    /// Notional of the large levels.
    #[must_use]
    pub fn notional(&self) -> f64 {
        self.large.iter().fold(0.0, |sum, level| sum + level.notional)
    }

    /// Base units of the large levels.
    #[must_use]
    pub fn base(&self) -> f64 {
        self.large.iter().fold(0.0, |sum, level| sum + level.base)
    }

    /// Ages start again, when time itself went back; nothing came.
    pub fn forget(&mut self, now_ms: u64) {
        self.large.iter_mut().for_each(|level| (level.born_ms, level.came) = (now_ms, 0.0));
    }

    /// Whether a restored side is one that this code could have written.
    #[must_use]
    pub(crate) fn is_sound(&self) -> bool {
        let finite = |level: &LargeLevel| {
            [level.price, level.size, level.base, level.notional, level.distance_bps, level.came].iter().all(|number| number.is_finite())
        };
        self.large.len() <= 1000 && self.large.iter().all(finite)
    }

    fn spread(&mut self, side: &DepthSide, levels: usize, total: f64) {
        let mut from = 0;
        for (range, &end) in self.ranges.iter_mut().zip(&RANGES_BPS) {
            let to = if end < WINDOW_BPS { side.distance_bps[..levels].partition_point(|&distance| distance < end) } else { levels };
            let notional = side.cumulative[to] - side.cumulative[from];
            *range = Range {
                count: to - from,
                notional,
                share: notional / total,
                largest: math::larger(0.0, kernels::max(&side.notional[from..to])),
            };
            from = to;
        }
    }
}

fn kind(notional: f64, orders: u32, threshold: f64) -> Kind {
    match orders {
        0 => Kind::Unknown,
        1 | 2 => Kind::Single,
        _ if notional / f64::from(orders) >= 0.5 * threshold => Kind::Single,
        _ => Kind::Stacked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadline_plugin::Snapshot;
    use leadline_plugin::synthetic::{Market, Settings, instrument};

    const RULE: Threshold = Threshold { share: 0.05, multiple: 5.0, floor: 0.0 };

    fn flat(levels: usize) -> Snapshot {
        Market::new(1, Settings { sigma: 0.0, gap_bps: 0.0, tick: 1.0, levels, ..Settings::default() }).frame()
    }

    fn judge(book: &Snapshot, rule: Threshold) -> SideOrders {
        let mut depth = Depth::new(&instrument(1.0));
        assert_eq!(depth.read(book, false), Ok(()));
        let mut side = SideOrders::default();
        side.update(&depth, &depth.bids, &book.bids, rule, None, 0);
        side
    }

    #[test]
    fn equal_levels_are_never_large() {
        for levels in [10, 19, 20, 21, 100, 290] {
            assert_eq!(judge(&flat(levels), RULE).large, [], "{levels} levels");
        }
    }

    #[test]
    fn fewer_than_ten_levels_are_too_thin() {
        assert!(!judge(&flat(9), RULE).judged);
        assert!(judge(&flat(10), RULE).judged);
    }

    #[test]
    fn a_level_is_large_from_the_threshold_on() {
        let mut book = flat(200);
        book.bids.sizes[50] *= 40.0;
        book.bids.sizes[60] *= 5.0;
        let side = judge(&book, RULE);
        assert_eq!(
            side.large.iter().map(|level| level.price).collect::<Vec<_>>(),
            [book.bids.prices[50]],
            "five times the mean is not 5 % of the side"
        );
        // S is about 198 + 40 + 5 levels; T = 5 % of that is about 12 levels.
        let unit = book.bids.prices[0] * book.bids.sizes[0];
        assert!((side.threshold / unit - 12.15).abs() < 0.01, "{}", side.threshold / unit);
        assert_eq!(judge(&book, Threshold { floor: 1e9, ..RULE }).large, [], "below the floor");
        assert_eq!(judge(&book, Threshold { share: 0.001, ..RULE }).large.len(), 1, "5 times the mean is needed too: {unit}");
    }

    #[test]
    fn the_kind_follows_the_number_of_orders_and_the_average_order() {
        for (orders, notional, expected) in [
            (0, 100.0, Kind::Unknown),
            (1, 100.0, Kind::Single),
            (2, 100.0, Kind::Single),
            (3, 150.0, Kind::Single),
            (3, 149.0, Kind::Stacked),
            (80, 150.0, Kind::Stacked),
        ] {
            assert_eq!(kind(notional, orders, 100.0), expected, "{orders} orders of {notional}");
        }
    }

    #[test]
    fn the_distribution_covers_the_window_once() {
        for seed in 0..20 {
            let book = Market::new(seed, Settings { gap_bps: 0.5, ..Settings::default() }).frame();
            let side = judge(&book, RULE);
            let shares: f64 = side.ranges.iter().map(|range| range.share).sum();
            assert!((shares - 1.0).abs() < 1e-9);
            let mut depth = Depth::new(&instrument(1.0));
            assert_eq!(depth.read(&book, false), Ok(()));
            assert_eq!(side.ranges.iter().map(|range| range.count).sum::<usize>(), depth.bids.within(WINDOW_BPS));
            let second: f64 =
                depth.bids.distance_bps.iter().zip(&depth.bids.notional).filter(|(d, _)| (5.0..10.0).contains(*d)).map(|(_, v)| v).sum();
            assert!((side.ranges[1].notional - second).abs() <= 1e-9 * second);
            assert!(side.large.len() <= 20);
        }
    }
}
