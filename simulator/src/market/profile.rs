//! The instruments on offer: ten spot pairs and two perpetual swaps, with the numbers that shape each one's book.
//!
//! Level sizes are a mixture of two lognormals: dust (orders of a few quote units, seldom touched) and real orders. On the
//! recorded BTC-USDT books its quantiles come close at every point, which one lognormal doesn't: 8 at 25 %, 50 at the median,
//! 2-7 thousand at 75 %, 170 thousand at 99 % (USDT).

use super::frame::Decimals;

/// What a contract is worth, and in what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Contract {
    /// Sizes are in the base currency.
    Spot,
    /// A perpetual swap whose contract is this many units of the base currency, settled in the quote currency.
    LinearSwap {
        /// Base currency a contract.
        value: f64,
    },
    /// A perpetual swap whose contract is this many units of the quote currency, settled in the base currency.
    InverseSwap {
        /// Quote currency a contract.
        value: f64,
    },
}

/// One instrument, and how its book looks and moves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile {
    /// As OKX names it.
    pub(crate) inst_id: &'static str,
    /// Spot or swap.
    pub(crate) contract: Contract,
    /// Price that the market comes back to.
    pub(crate) mid: f64,
    /// Decimals of prices and sizes.
    pub(crate) decimals: Decimals,
    /// Mean distance between neighbouring levels, in ticks.
    pub(crate) gap: f64,
    /// Share of levels that are dust, between 0 and 1.
    pub(crate) dust_share: f64,
    /// Median of a dust level, in quote currency.
    pub(crate) dust: f64,
    /// Median of a real level, in quote currency.
    pub(crate) real: f64,
    /// Standard deviation of the logarithm of a real level.
    pub(crate) real_sigma: f64,
    /// Largest level that isn't a wall, in quote currency.
    pub(crate) largest: f64,
    /// Median of a wall, in quote currency.
    pub(crate) wall: f64,
    /// Walls stand at multiples of this many ticks.
    pub(crate) wall_step: i64,
    /// Standard deviation of the price over a second, as a share of it.
    pub(crate) volatility: f64,
}

impl Profile {
    /// Price of one tick.
    pub(crate) fn tick(&self) -> f64 {
        1.0 / self.price_scale()
    }

    /// Ticks in a price of 1.
    pub(crate) fn price_scale(&self) -> f64 {
        10_u64.pow(self.decimals.price) as f64
    }

    /// Lots in a size of 1.
    pub(crate) fn size_scale(&self) -> f64 {
        10_u64.pow(self.decimals.size) as f64
    }

    /// Lots of a level worth `quote` at `tick`; at least one.
    pub(crate) fn lots(&self, quote: f64, tick: i64) -> u64 {
        let size_scale = self.size_scale();
        let price = tick.max(1) as f64 * self.tick();
        let units = match self.contract {
            Contract::Spot => quote / price,
            Contract::LinearSwap { value } => quote / (price * value),
            Contract::InverseSwap { value } => quote / value,
        };
        ((units * size_scale).round() as u64).max(1)
    }

    /// Worth of a level in quote currency: the inverse of [`Profile::lots`].
    pub(crate) fn quote(&self, lots: u64, tick: i64) -> f64 {
        lots as f64 / self.lots(1e9, tick) as f64 * 1e9
    }

    /// `BTC` and `USDT` of `BTC-USDT-SWAP`.
    pub(crate) fn currencies(&self) -> (&'static str, &'static str) {
        let mut parts = self.inst_id.split('-');
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }
}

const BTC: Profile = Profile {
    inst_id: "BTC-USDT",
    contract: Contract::Spot,
    mid: 78_000.0,
    decimals: Decimals { price: 1, size: 8 },
    gap: 5.0,
    dust_share: 0.58,
    dust: 10.0,
    real: 2_800.0,
    real_sigma: 1.8,
    largest: 600_000.0,
    wall: 330_000.0,
    wall_step: 100,
    volatility: 0.9e-4,
};

/// The spot pair `inst_id`: everything that isn't said is as on BTC-USDT.
const fn alt(inst_id: &'static str, mid: f64, price: u32, gap: f64, wall_step: i64) -> Profile {
    let decimals = Decimals { price, size: 6 };
    let (dust, real) = (25.0, 1_100.0);
    Profile {
        inst_id,
        mid,
        decimals,
        gap,
        wall_step,
        dust,
        real,
        dust_share: 0.44,
        real_sigma: 1.7,
        wall: 160_000.0,
        volatility: 1.3e-4,
        ..BTC
    }
}

/// Spot pairs, in the order in which a number of pairs is taken.
pub(crate) const SPOT: [Profile; 10] = [
    BTC,
    Profile { dust_share: 0.56, dust: 12.0, real_sigma: 1.85, wall: 350_000.0, ..alt("ETH-USDT", 3_100.0, 2, 4.0, 100) },
    alt("SOL-USDT", 150.0, 2, 1.6, 25),
    alt("XRP-USDT", 2.2, 4, 1.8, 50),
    alt("DOGE-USDT", 0.17, 5, 1.8, 50),
    alt("ADA-USDT", 0.55, 4, 1.4, 25),
    alt("LTC-USDT", 90.0, 2, 1.8, 25),
    alt("LINK-USDT", 14.0, 3, 1.9, 25),
    alt("AVAX-USDT", 16.0, 3, 1.9, 25),
    alt("BCH-USDT", 510.0, 1, 1.6, 10),
];

/// Perpetual swaps: one settled in the quote currency, one in the base currency.
pub(crate) const SWAPS: [Profile; 2] = [
    Profile { inst_id: "BTC-USDT-SWAP", contract: Contract::LinearSwap { value: 0.01 }, decimals: Decimals { price: 1, size: 2 }, ..BTC },
    Profile { inst_id: "BTC-USD-SWAP", contract: Contract::InverseSwap { value: 100.0 }, decimals: Decimals { price: 1, size: 0 }, ..BTC },
];
