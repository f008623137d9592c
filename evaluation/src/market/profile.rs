//! How the generated pairs look: prices, levels, sizes, and how rough their depth is.

use std::sync::Arc;

use leadline_market::{Decimal, Instrument, Kind, Source, State};

/// One pair. Sizes of levels are a mixture of two lognormals, dust and real orders, as on recorded books.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// What it is called in tables.
    pub name: &'static str,
    /// The instrument's id.
    pub pair: &'static str,
    /// Price that the market comes back to, quote units.
    pub mid: f64,
    /// Decimals of prices and of sizes: tick and lot are one unit of the last one.
    pub decimals: [u8; 2],
    /// Levels a side that the feed carries.
    pub levels: usize,
    /// Mean gap between two levels at the touch, ticks.
    pub gap: f64,
    /// Distance from mid at which gaps are twice as wide, bps; infinite: nowhere.
    pub widening_bps: f64,
    /// Median spread, bps; at least a tick.
    pub spread_bps: f64,
    /// Standard deviation of the spread's logarithm.
    pub spread_sigma: f64,
    /// Share of levels that are dust.
    pub dust_share: f64,
    /// Median notional of dust and of real levels, quote units.
    pub median: [f64; 2],
    /// Standard deviation of their logarithms.
    pub sigma: [f64; 2],
    /// No level is larger, quote units.
    pub largest: f64,
    /// Share of the levels that move to another price within a second, and that get another size.
    pub churn: [f64; 2],
    /// How much of a level's logarithm is kept with another size.
    pub keep: f64,
    /// Swings of depth of each side: standard deviation of the logarithm, and seconds until 1/e of a deviation is left.
    pub swings: [(f64, f64); 2],
    /// The same of both sides at once.
    pub common: (f64, f64),
    /// Standard deviation of the price over a second, bps.
    pub volatility_bps: f64,
}

impl Profile {
    /// The instrument.
    #[must_use]
    pub fn instrument(&self) -> Arc<Instrument> {
        let (base, quote) = self.pair.split_once('-').unwrap_or((self.pair, "USDT"));
        let step = |scale: u8| Decimal::from_parts(1, scale).unwrap_or_default();
        Arc::new(Instrument {
            id: self.pair.to_owned(),
            kind: Kind::Spot,
            base: base.to_owned(),
            quote: quote.to_owned(),
            settle: String::new(),
            tick_size: step(self.decimals[0]),
            lot_size: step(self.decimals[1]),
            contract_value: 1.0,
            state: State::Live,
            expires_ms: None,
            source: Source::Listed,
        })
    }

    /// Ticks in a price of 1.
    pub(crate) fn price_scale(&self) -> f64 {
        10_f64.powi(i32::from(self.decimals[0]))
    }

    /// Lots in a size of 1.
    pub(crate) fn size_scale(&self) -> f64 {
        10_f64.powi(i32::from(self.decimals[1]))
    }
}

/// Like BTC-USDT of 2022: a spread of one tick, 80 bps of 400 levels, most of them dust; depth near the touch halves within seconds.
pub const LIQUID: Profile = Profile {
    name: "liquid",
    pair: "BTC-USDT",
    mid: 30_000.0,
    decimals: [1, 8],
    levels: 400,
    gap: 6.0,
    widening_bps: f64::INFINITY,
    spread_bps: 0.03,
    spread_sigma: 0.3,
    dust_share: 0.56,
    median: [10.0, 2_800.0],
    sigma: [1.5, 1.85],
    largest: 600_000.0,
    churn: [0.06, 0.04],
    keep: 0.8,
    swings: [(0.10, 30.0), (0.12, 900.0)],
    common: (0.10, 3_600.0),
    volatility_bps: 0.8,
};

/// Like ZEN-USDT or ELON-USDT: a spread of 10 bps, 400 levels over tens of per cent.
pub const ALT: Profile = Profile {
    name: "alt",
    pair: "ALT-USDT",
    mid: 40.0,
    decimals: [3, 4],
    levels: 400,
    gap: 7.0,
    widening_bps: 150.0,
    spread_bps: 9.0,
    spread_sigma: 0.25,
    dust_share: 0.5,
    median: [20.0, 600.0],
    sigma: [1.4, 1.6],
    largest: 60_000.0,
    churn: [0.012, 0.02],
    keep: 0.8,
    swings: [(0.08, 30.0), (0.12, 900.0)],
    common: (0.10, 3_600.0),
    volatility_bps: 1.2,
};

/// Like UNI-USD-SWAP: a spread of 13 bps, some 120 levels a side, two dozen of them within six spreads (24 to 28 on the recordings).
pub const THIN: Profile = Profile {
    name: "thin",
    pair: "THIN-USDT",
    mid: 9.0,
    decimals: [3, 2],
    levels: 120,
    gap: 2.2,
    widening_bps: 130.0,
    spread_bps: 14.0,
    spread_sigma: 0.3,
    dust_share: 0.4,
    median: [30.0, 700.0],
    sigma: [1.5, 1.5],
    largest: 30_000.0,
    churn: [0.03, 0.05],
    keep: 0.7,
    swings: [(0.10, 30.0), (0.15, 900.0)],
    common: (0.10, 3_600.0),
    volatility_bps: 1.5,
};

/// Levels of much the same size, and depth that is nearly an AR(1) series with φ 0.97 and σ 0.15: no natural wall, and no noise but that.
pub const EVEN: Profile = Profile {
    name: "even",
    pair: "EVEN-USDT",
    mid: 30_000.0,
    decimals: [1, 8],
    levels: 400,
    gap: 6.0,
    widening_bps: f64::INFINITY,
    spread_bps: 0.03,
    spread_sigma: 0.3,
    dust_share: 0.0,
    median: [10.0, 5_000.0],
    sigma: [0.5, 0.5],
    largest: 50_000.0,
    churn: [0.03, 0.03],
    keep: 0.8,
    swings: [(0.15, 33.0), (0.05, 900.0)],
    common: (0.05, 3_600.0),
    volatility_bps: 0.8,
};

/// All of them.
pub static PROFILES: [Profile; 4] = [LIQUID, ALT, THIN, EVEN];
