//! Seeded books that look like real ones, for tests: levels are mostly dust with a few giants, prices stand on a tick grid, gaps are a fraction of a
//! basis point to a few, and from frame to frame a few levels change, mostly near the touch.
//!
//! The two sides are drawn alike, so a market made here is symmetric.

use crate::{Continuity, Instrument, Kind, Side, Snapshot, TickGrid, Trust, math};

/// A small generator (SplitMix64): the same seed gives the same books on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `end` (which must be above 0).
    pub fn below(&mut self, end: usize) -> usize {
        ((self.uniform() * end as f64) as usize).min(end.saturating_sub(1))
    }

    /// Normal with mean 0 and variance 1 (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * math::ln(1.0 - self.uniform())).sqrt();
        radius * math::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -math::ln(1.0 - self.uniform())
    }
}

/// How the books of a [`Market`] look.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Levels a side.
    pub levels: usize,
    /// Mid price of the first book, quote units.
    pub mid: f64,
    /// Tick size, quote units.
    pub tick: f64,
    /// Mean gap between two levels, bps; exponential, at least one tick.
    pub gap_bps: f64,
    /// Median notional of a level, quote units.
    pub median_notional: f64,
    /// Standard deviation of the logarithm of notional: 2.3-3.3 on real books.
    pub sigma: f64,
    /// Levels that change from frame to frame; each is drawn near the touch (exponential, a tenth of the side).
    pub changes: usize,
    /// Chance a frame that mid moves by one gap, up or down alike.
    pub moves: f64,
    /// Exchange time between two frames, ms.
    pub step_ms: u64,
}

impl Default for Settings {
    /// Like BTC-USDT in 2022.
    fn default() -> Self {
        Self {
            levels: 400,
            mid: 30_000.0,
            tick: 0.1,
            gap_bps: 0.2,
            median_notional: 45.0,
            sigma: 2.8,
            changes: 20,
            moves: 0.1,
            step_ms: 100,
        }
    }
}

/// A spot instrument with this tick size, named `SYN-USDT`.
#[must_use]
pub fn instrument(tick: f64) -> Instrument {
    Instrument {
        id: "SYN-USDT".to_owned(),
        kind: Kind::Spot,
        base: "SYN".to_owned(),
        quote: "USDT".to_owned(),
        settle: String::new(),
        tick_size: tick,
        lot_size: 1e-8,
        contract_value: 1.0,
        extra: Vec::new(),
    }
}

/// A market that runs from frame to frame.
#[derive(Debug, Clone)]
pub struct Market {
    settings: Settings,
    random: Random,
    grid: TickGrid,
    /// Prices in ticks, best first.
    bids: Vec<(i64, f64, u32)>,
    asks: Vec<(i64, f64, u32)>,
    time_ms: u64,
    frames: i64,
}

impl Market {
    /// A market of this seed.
    #[must_use]
    pub fn new(seed: u64, settings: Settings) -> Self {
        let grid = TickGrid::new(settings.tick);
        let mid = math::nearest(settings.mid / settings.tick) as i64;
        let mut market =
            Self { settings, random: Random::new(seed), grid, bids: Vec::new(), asks: Vec::new(), time_ms: 1_700_000_000_000, frames: 0 };
        for direction in [-1, 1] {
            let mut at = mid;
            let mut levels = Vec::with_capacity(market.settings.levels);
            while levels.len() < market.settings.levels {
                at += direction * market.gap();
                levels.push(market.level(at));
            }
            *market.side(direction) = levels;
        }
        market
    }

    /// The next `count` books.
    #[must_use]
    pub fn take(&mut self, count: usize) -> Vec<Snapshot> {
        (0..count).map(|_| self.frame()).collect()
    }

    /// The next book: the first `restarted`, the others `continued`.
    pub fn frame(&mut self) -> Snapshot {
        if self.frames > 0 {
            self.time_ms += self.settings.step_ms;
            if self.random.uniform() < self.settings.moves {
                let direction = if self.random.uniform() < 0.5 { -1 } else { 1 };
                self.shift(direction);
            }
            for _ in 0..self.settings.changes {
                let direction = if self.random.uniform() < 0.5 { -1 } else { 1 };
                self.change(direction);
            }
        }
        self.frames += 1;
        Snapshot {
            time_ms: self.time_ms,
            sequence: Some(self.frames),
            trust: Trust::Checksum,
            continuity: if self.frames == 1 { Continuity::Restarted } else { Continuity::Continued },
            skipped: 0,
            bids: self.columns(&self.bids),
            asks: self.columns(&self.asks),
            extra: Vec::new(),
        }
    }

    fn side(&mut self, direction: i64) -> &mut Vec<(i64, f64, u32)> {
        if direction < 0 { &mut self.bids } else { &mut self.asks }
    }

    fn gap(&mut self) -> i64 {
        let ticks = self.settings.gap_bps * 1e-4 * self.settings.mid / self.settings.tick;
        1 + (self.random.exponential() * (ticks - 1.0).max(0.0)) as i64
    }

    fn level(&mut self, at: i64) -> (i64, f64, u32) {
        let notional = self.settings.median_notional * math::exp(self.settings.sigma * self.random.normal());
        let orders = 1 + (self.random.exponential() * 2.0) as u32;
        (at, notional / (at as f64 * self.settings.tick), orders)
    }

    /// A level near the touch gets a new size, or goes and another comes at the far end.
    fn change(&mut self, direction: i64) {
        let n = self.settings.levels;
        let at = ((self.random.exponential() * 0.1 * n as f64) as usize).min(n - 1);
        let price = self.side(direction)[at].0;
        if self.random.uniform() < 0.5 {
            let level = self.level(price);
            self.side(direction)[at] = level;
        } else if at > 0 {
            // The price moves within the gap to the level before, where there is room.
            let before = self.side(direction)[at - 1].0;
            let room = (price - before).abs();
            let moved = before + direction * (1 + self.random.below(usize::try_from(room).unwrap_or(1).max(1)) as i64);
            let level = self.level(moved);
            self.side(direction)[at] = level;
        }
    }

    /// The best level of one side goes, the other side gets a new best one: mid moves towards `direction`.
    fn shift(&mut self, direction: i64) {
        let far = self.side(direction).last().map_or(0, |level| level.0) + direction * self.gap();
        let taken = self.side(direction).remove(0).0;
        let level = self.level(far);
        self.side(direction).push(level);
        let limit = self.side(direction)[0].0;
        let best = taken.clamp(taken.min(limit - direction), taken.max(limit - direction));
        let level = self.level(best);
        let other = self.side(-direction);
        other.insert(0, level);
        other.pop();
    }

    fn columns(&self, levels: &[(i64, f64, u32)]) -> Side {
        Side {
            prices: levels.iter().map(|level| self.grid.snap(level.0 as f64 * self.settings.tick)).collect(),
            sizes: levels.iter().map(|level| level.1).collect(),
            orders: levels.iter().map(|level| level.2).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Depth;

    #[test]
    fn every_book_is_one_that_depth_accepts() {
        for seed in 0..20 {
            let settings = Settings { changes: 50, moves: 0.5, gap_bps: [0.05, 0.2, 3.0][seed as usize % 3], ..Settings::default() };
            let mut depth = Depth::new(&instrument(settings.tick));
            for (i, book) in Market::new(seed, settings).take(200).iter().enumerate() {
                assert_eq!(depth.read(book, false), Ok(()), "seed {seed}, frame {i}");
                assert_eq!(depth.bids.len(), 400);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_books() {
        let make = || Market::new(7, Settings::default()).take(30);
        assert_eq!(make(), make());
        assert_ne!(make(), Market::new(8, Settings::default()).take(30));
    }

    #[test]
    fn levels_are_dust_with_a_few_giants() {
        let book = Market::new(1, Settings::default()).frame();
        let mut notional: Vec<f64> = book.bids.prices.iter().zip(&book.bids.sizes).map(|(p, q)| p * q).collect();
        notional.sort_by(f64::total_cmp);
        let total: f64 = notional.iter().sum();
        assert!(notional[200] < 0.001 * total, "the median level is dust");
        assert!(notional[390..].iter().sum::<f64>() > 0.5 * total, "ten levels hold most of the side");
    }
}
