//! The cost of buying and selling again, the Exchange Liquidity Measure: slippage of a market buy plus slippage of a market sell of one volume,
//! against mid.
//!
//! At constant density ρ (notional a basis point on each side) it is spread + V/ρ in closed form.

use leadline_plugin::{Depth, DepthSide, Kind, Snapshot};

/// What a round trip costs when a side can't fill it.
pub const EXHAUSTED_BPS: f64 = 10_000.0;

/// Cost of a round trip of `volume` (units of notional) in bps of it, or none when a side is exhausted. `depth` was read from `book`.
#[must_use]
pub fn cost(volume: f64, depth: &Depth, book: &Snapshot, kind: Kind) -> Option<f64> {
    let bought = average_price(volume, &book.asks.prices, &depth.asks, kind)?;
    let sold = average_price(volume, &book.bids.prices, &depth.bids, kind)?;
    Some((bought - sold) * (1e4 / depth.mid))
}

/// The price that `volume` is filled at on one side; none when there is less.
fn average_price(volume: f64, prices: &[f64], side: &DepthSide, kind: Kind) -> Option<f64> {
    // The first level at which the best levels hold the volume.
    let last = side.cumulative.get(1..)?.partition_point(|&notional| notional < volume);
    let (&price, &before) = (prices.get(last)?, side.cumulative.get(last)?);
    let rest = volume - before;
    let filled = prices.iter().zip(&side.notional).take(last);
    Some(match kind {
        // Notional is in base units: prices are weighted by it.
        Kind::Options => (filled.map(|(price, notional)| price * notional).sum::<f64>() + price * rest) / volume,
        // Notional is in quote units: what they buy is weighted.
        Kind::Spot | Kind::Linear | Kind::Inverse => {
            volume / (filled.map(|(price, notional)| notional / price).sum::<f64>() + rest / price)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadline_plugin::{Continuity, Side, Trust, synthetic};
    use proptest::prelude::*;

    /// 2 × `levels` levels of equal notional, `gap` bps apart, the best ones half a spread from mid.
    fn uniform(kind: Kind, spread: f64, gap: f64, notional: f64, levels: u32) -> (Depth, Snapshot) {
        let mid = 1000.0;
        let side = |sign: f64| {
            let mut side = Side { prices: vec![], sizes: vec![], orders: vec![] };
            for i in 0..levels {
                let price = mid * (1.0 + sign * (spread / 2.0 + gap * f64::from(i)) * 1e-4);
                side.prices.push(price);
                side.sizes.push(if matches!(kind, Kind::Spot | Kind::Linear) { notional / price } else { notional });
                side.orders.push(1);
            }
            side
        };
        let book = Snapshot {
            time_ms: 0,
            sequence: None,
            trust: Trust::Chain,
            continuity: Continuity::Restarted,
            skipped: 0,
            bids: side(-1.0),
            asks: side(1.0),
            extra: vec![],
        };
        let mut instrument = synthetic::instrument(0.1);
        instrument.kind = kind;
        instrument.contract_value = 1.0;
        let mut depth = Depth::new(&instrument);
        depth.read(&book, false).unwrap();
        (depth, book)
    }

    #[test]
    fn is_spread_plus_volume_by_density_at_constant_density() {
        for kind in [Kind::Spot, Kind::Linear, Kind::Inverse, Kind::Options] {
            let (spread, gap, notional) = (2.0, 0.01, 10.0);
            let (depth, book) = uniform(kind, spread, gap, notional, 4000);
            let density = notional / gap;
            for volume in [1000.0, 5000.0, 20_000.0] {
                let found = cost(volume, &depth, &book, kind).unwrap();
                let exact = spread + volume / density;
                // Levels are steps (half a gap a side), and averages over quote units are harmonic (second order).
                assert!((found - exact).abs() < 0.012, "{kind:?}: {found} for {exact}");
            }
        }
    }

    #[test]
    fn is_the_spread_within_the_best_levels_and_none_beyond_the_last() {
        let (depth, book) = uniform(Kind::Spot, 3.0, 1.0, 100.0, 5);
        assert!((cost(100.0, &depth, &book, Kind::Spot).unwrap() - 3.0).abs() < 1e-9);
        assert!(cost(499.9, &depth, &book, Kind::Spot).is_some());
        assert_eq!(cost(500.1, &depth, &book, Kind::Spot), None);
    }

    proptest! {
        #[test]
        fn grows_with_the_volume_and_is_never_below_the_spread(spread in 0.01_f64..50.0, gap in 0.01_f64..5.0, volume in 1.0_f64..900.0) {
            let (depth, book) = uniform(Kind::Spot, spread, gap, 10.0, 100);
            let (less, more) = (cost(volume, &depth, &book, Kind::Spot).unwrap(), cost(volume * 1.1, &depth, &book, Kind::Spot).unwrap());
            prop_assert!(less >= depth.spread_bps - 1e-9 && more >= less - 1e-9);
        }
    }
}
