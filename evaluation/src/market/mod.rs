//! A market that runs from book to book, and can be made to do things at a moment: the ground that events are planted in.
//!
//! Depth of a side is what its levels hold (heavy-tailed sizes that churn, and a price that walks through them) times swings that come and go over
//! seconds to an hour. How rough that is beside recorded books stands in `docs/quality.md`, measured by [`crate::roughness`].
//!
//! # Layout
//!
//! - [`profile`]: how the pairs look.
//! - `side`: one side of the book.

pub mod profile;
mod side;

use leadline_market::{Book, Continuity, Trust};
use leadline_simulator::market::{Dice, MeanReverting};

use profile::Profile;
use side::Side;

/// Which side of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// Bids.
    Bid,
    /// Asks.
    Ask,
}

impl Of {
    /// Bids, then asks.
    pub const BOTH: [Self; 2] = [Self::Bid, Self::Ask];

    /// 0 for bids, 1 for asks.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self == Self::Ask)
    }

    fn sign(self) -> i64 {
        if self == Self::Bid { 1 } else { -1 }
    }
}

/// Standard deviation and memory of the logarithm of volatility.
const RESTLESSNESS: (f64, f64) = (0.4, 3_600.0);
/// The price is drawn back to its mean within this time, s.
const RETURN_S: f64 = 6.0 * 3_600.0;
/// Memory of the spread's logarithm, s.
const SPREAD_MEMORY_S: f64 = 20.0;
/// How fast a driven price goes, bps a second.
const DRIVE_BPS: f64 = 3.0;
/// How much a day's cycle lifts and lowers the logarithm of depth, and the half of it that the spread follows.
const DAILY: f64 = 0.3;

/// A level that the script planted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planted {
    /// Its side.
    pub side: Of,
    /// Its price, quote units.
    pub price: f64,
    /// Its size, base units, a whole number of lots.
    pub size: f64,
    key: i64,
}

/// A market of one pair.
#[derive(Debug, Clone)]
pub struct Market {
    profile: Profile,
    dice: Dice,
    sides: [Side; 2],
    /// Mid price in ticks, before it is rounded to the two touches.
    mid: f64,
    spread: MeanReverting,
    restless: MeanReverting,
    swings: [[MeanReverting; 2]; 2],
    common: MeanReverting,
    planted: Vec<Planted>,
    /// Where the price is driven to, ticks.
    target: Option<f64>,
    time_ms: u64,
    sequence: i64,
    /// Factor on each side's depth, set by the script.
    pub factor: [f64; 2],
    /// Times as volatile as usual, and as lively.
    pub pace: [f64; 2],
    /// Whether depth and spread follow the time of day.
    pub daily: bool,
}

impl Market {
    /// A market of this profile and seed; its first book is that of `start_ms`, Unix milliseconds.
    #[must_use]
    pub fn new(profile: &Profile, seed: u64, start_ms: u64) -> Self {
        let reverting = |(spread, memory): (f64, f64)| MeanReverting::new(spread, memory);
        let mut market = Self {
            dice: Dice::new(seed, profile.name),
            sides: [Side::new(1), Side::new(-1)],
            mid: profile.mid * profile.price_scale(),
            spread: reverting((profile.spread_sigma, SPREAD_MEMORY_S)),
            restless: reverting(RESTLESSNESS),
            swings: [profile.swings.map(reverting), profile.swings.map(reverting)],
            common: reverting(profile.common),
            planted: Vec::new(),
            target: None,
            time_ms: start_ms,
            sequence: 1,
            factor: [1.0; 2],
            pace: [1.0; 2],
            daily: false,
            profile: profile.clone(),
        };
        market.settle();
        market
    }

    /// Goes on by this much. The price goes, and the book follows it, second by second however long the step is: a price that is away for ten seconds
    /// finds the depth of ten seconds, not that of one.
    pub fn step(&mut self, step_ms: u64) {
        let seconds = step_ms as f64 / 1000.0;
        self.time_ms += step_ms;
        self.sequence += 1;
        self.spread.advance(seconds, &mut self.dice);
        self.restless.advance(seconds, &mut self.dice);
        self.common.advance(seconds, &mut self.dice);
        for swing in self.swings.iter_mut().flatten() {
            swing.advance(seconds, &mut self.dice);
        }
        let pieces = step_ms.div_ceil(1000).max(1);
        let piece = seconds / pieces as f64;
        for i in 0..pieces {
            self.walk(piece);
            for side in &mut self.sides {
                if i == 0 {
                    side.churn(seconds, self.pace[1], &self.profile, &mut self.dice);
                }
                side.even_out(piece, (i + 1 == pieces).then_some(seconds), &self.profile, &mut self.dice);
            }
            self.settle();
        }
    }

    /// Fills the book of now. `restarted` says that frames before it are missing.
    pub fn fill(&self, restarted: bool, book: &mut Book) {
        book.time_ms = self.time_ms;
        book.sequence = Some(self.sequence);
        book.trust = Trust::Chain;
        book.continuity = if restarted { Continuity::Restarted } else { Continuity::Continued };
        book.crossed = false;
        for (side, columns) in Of::BOTH.into_iter().zip([&mut book.bids, &mut book.asks]) {
            self.sides[side.index()].fill(self.depth(side), &self.profile, columns);
        }
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Exchange time of the book of now, Unix milliseconds.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// Mid price, quote units.
    #[must_use]
    pub fn mid(&self) -> f64 {
        self.mid / self.profile.price_scale()
    }

    /// The levels that were planted and stand.
    #[must_use]
    pub fn planted(&self) -> &[Planted] {
        &self.planted
    }

    /// Plants a level worth `notional` quote units at the tick nearest to `price`.
    pub fn plant(&mut self, side: Of, price: f64, notional: f64, orders: u32) -> Planted {
        let tick = (price * self.profile.price_scale()).round().max(1.0) as i64;
        let price = tick as f64 / self.profile.price_scale();
        let size = (notional / price * self.profile.size_scale()).round().max(1.0) / self.profile.size_scale();
        let planted = Planted { side, price, size, key: side.sign() * tick };
        self.sides[side.index()].plant(planted.key, size, orders);
        self.planted.retain(|other| (other.side, other.key) != (side, planted.key));
        self.planted.push(planted);
        planted
    }

    /// Takes a planted level away.
    pub fn uproot(&mut self, planted: &Planted) {
        self.planted.retain(|other| (other.side, other.key) != (planted.side, planted.key));
        self.sides[planted.side.index()].uproot(planted.key);
        self.settle();
    }

    /// Leaves this share of a planted level's present size; gives what is left, base units.
    pub fn erode(&mut self, planted: &Planted, share: f64) -> f64 {
        let scale = self.profile.size_scale();
        let Some(standing) = self.planted.iter_mut().find(|other| (other.side, other.key) == (planted.side, planted.key)) else {
            return 0.0;
        };
        standing.size = (standing.size * share * scale).round().max(1.0) / scale;
        let size = standing.size;
        self.sides[planted.side.index()].plant(planted.key, size, 1);
        size
    }

    /// Takes a planted level away, and the price at least this far beyond it.
    pub fn trade_through(&mut self, planted: &Planted, beyond_bps: f64) {
        let sign = planted.side.sign() as f64;
        let beyond = planted.price * self.profile.price_scale() * (1.0 - sign * beyond_bps * 1e-4);
        self.mid = if sign > 0.0 { self.mid.min(beyond) } else { self.mid.max(beyond) };
        self.uproot(planted);
    }

    /// Whether a planted level is the best of its side.
    #[must_use]
    pub fn at_touch(&self, planted: &Planted) -> bool {
        self.sides[planted.side.index()].best() == Some(planted.key)
    }

    /// Drives the price towards this one, 3 bps a second; none: it walks again.
    pub fn drive(&mut self, price: Option<f64>) {
        self.target = price.map(|price| price * self.profile.price_scale());
    }

    /// The price jumps by so many bps, and all of the book with it; planted levels too.
    pub fn jump(&mut self, bps: f64) {
        let ticks = (self.mid * bps * 1e-4).round();
        self.mid += ticks;
        for side in &mut self.sides {
            side.shift(ticks as i64);
        }
        for planted in &mut self.planted {
            planted.key += planted.side.sign() * ticks as i64;
            planted.price = (planted.side.sign() * planted.key) as f64 / self.profile.price_scale();
        }
        self.settle();
    }

    /// Factor on the natural sizes of a side.
    fn depth(&self, side: Of) -> f64 {
        let own: f64 = self.swings[side.index()].iter().map(MeanReverting::value).sum();
        self.factor[side.index()] * libm::exp(own + self.common.value() + DAILY * self.time_of_day())
    }

    /// From −1 at midnight to 1 at noon, UTC; 0 without a daily cycle.
    fn time_of_day(&self) -> f64 {
        const DAY_MS: u64 = 86_400_000;
        if !self.daily {
            return 0.0;
        }
        -libm::cos(std::f64::consts::TAU * (self.time_ms % DAY_MS) as f64 / DAY_MS as f64)
    }

    fn walk(&mut self, seconds: f64) {
        let home = self.profile.mid * self.profile.price_scale();
        if let Some(target) = self.target {
            let most = DRIVE_BPS * 1e-4 * self.mid * seconds;
            self.mid += (target - self.mid).clamp(-most, most);
            return;
        }
        let volatility = self.profile.volatility_bps * 1e-4 * home * self.pace[0] * libm::exp(self.restless.value());
        self.mid += volatility * libm::sqrt(seconds) * self.dice.normal() + (home - self.mid) * (1.0 - libm::exp(-seconds / RETURN_S));
    }

    /// Both touches to where mid and spread say, but never through a planted level.
    fn settle(&mut self) {
        let spread_bps = self.profile.spread_bps * libm::exp(self.spread.value() - 0.5 * DAILY * self.time_of_day());
        let spread = (spread_bps * 1e-4 * self.mid).round().max(1.0) as i64;
        let mut bid = (self.mid - 0.5 * spread as f64).round() as i64;
        for planted in &self.planted {
            match planted.side {
                Of::Bid => bid = bid.max(planted.key),
                Of::Ask => bid = bid.min(-planted.key - spread),
            }
        }
        let bid = bid.max(1);
        self.mid = bid as f64 + 0.5 * spread as f64;
        for (side, limit) in self.sides.iter_mut().zip([bid, -(bid + spread)]) {
            side.touch_at(limit, &self.profile, &mut self.dice);
            side.extend(&self.profile, &mut self.dice);
        }
    }
}
