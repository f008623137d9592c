//! One side of a generated book: levels by key, how they come, move, change and go.

use leadline_market::Columns;
use leadline_simulator::market::Dice;

use super::profile::Profile;

/// Mean rank of what happens near the touch, and the share of what happens there rather than anywhere.
const NEAR_RANKS: f64 = 40.0;
const NEAR: f64 = 0.5;
/// Share of attempts on a dust level that go through: dust lies for days.
const DUST_TOUCHED: f64 = 0.3;
/// Share of new sizes that owe nothing to the old one: the order went, another came.
const FRESH: f64 = 0.3;

/// Density is looked at in blocks of so many levels, left alone while its logarithm is no further off than this, and else comes back in about this time, s.
const BLOCK: usize = 8;
const USUAL_OFF: f64 = 0.35;
const EVENS_OUT_S: f64 = 60.0;
/// So many blocks next to the touch are near it: holes that the price leaves are there.
const NEAR_BLOCKS: usize = 12;
/// A block that spans so many mean gaps (7, and 2 standard deviations of what chance makes of them) was left behind by the price. Of the levels that are
/// missing there all but 1/e come within this time, s: on recorded BTC-USDT the 5 bps next to the touch have as many levels as usual one to two seconds
/// after the price has gone 3 to 7 bps.
const VACATED: f64 = 12.3;
const FILLS_S: f64 = 2.0;

/// One level. A key is the price in ticks, negative for asks: the higher, the better on both sides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    pub(super) key: i64,
    /// Notional before the side's factors, quote units; of a planted level its size.
    quote: f64,
    orders: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dust,
    Real,
    /// Put there by the script, out of reach of chance.
    Planted,
}

/// The levels of a side, best last, more of them than the feed carries.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// 1 for bids, −1 for asks.
    sign: i64,
    levels: Vec<Level>,
}

impl Side {
    pub(super) fn new(sign: i64) -> Self {
        Self { sign, levels: Vec::new() }
    }

    fn draw(profile: &Profile, key: i64, dice: &mut Dice) -> Level {
        let kind = if dice.chance(profile.dust_share) { Kind::Dust } else { Kind::Real };
        Self::drawn(profile, key, kind, dice)
    }

    fn drawn(profile: &Profile, key: i64, kind: Kind, dice: &mut Dice) -> Level {
        let i = usize::from(kind == Kind::Real);
        let quote = dice.lognormal(profile.median[i], profile.sigma[i]);
        // Drawn again, not cut: cutting would put many levels at one size.
        let quote = if quote > profile.largest { profile.largest * (0.5 + 0.5 * dice.unit()) } else { quote };
        Level { key, quote, orders: orders(quote, dice), kind }
    }

    /// Mean gap between levels at this many ticks from the touch, ticks.
    fn mean_gap(profile: &Profile, off: i64) -> f64 {
        let off_bps = off as f64 / (profile.mid * profile.price_scale()) * 1e4;
        profile.gap * (1.0 + off_bps / profile.widening_bps)
    }

    /// Ticks from one level to the next at this many ticks from the touch.
    fn gap(profile: &Profile, off: i64, dice: &mut Dice) -> i64 {
        let mean = Self::mean_gap(profile, off);
        1 + if mean > 1.0 { dice.exponential(mean - 1.0) as i64 } else { 0 }
    }

    /// The best level may now be at `limit`, and is there: what is better goes, and the best of the rest, or a new one, goes to the limit. What that
    /// leaves empty fills in time. Planted levels must not be better.
    pub(super) fn touch_at(&mut self, limit: i64, profile: &Profile, dice: &mut Dice) {
        while self.levels.last().is_some_and(|level| level.key > limit) {
            self.levels.pop();
        }
        match self.levels.last_mut() {
            Some(best) if best.key == limit => {}
            // Nearer than neighbours are: whoever was best follows the price.
            Some(best) if best.kind != Kind::Planted && ((limit - best.key) as f64) < profile.gap => best.key = limit,
            _ => self.levels.push(Self::draw(profile, limit, dice)),
        }
    }

    /// Where a side is sparser than its profile says levels come, where it is denser they go, within half a minute or so, and within seconds where the price
    /// has left a hole: whatever it does, the density of levels comes back.
    ///
    /// `near_s` have passed for the levels near the touch, where the price goes; `far_s` for the others, and none: they are left for later.
    pub(super) fn even_out(&mut self, near_s: f64, far_s: Option<f64>, profile: &Profile, dice: &mut Dice) {
        let Some(best) = self.best() else { return };
        let mut end = self.levels.len();
        let mut block = 0;
        while end > BLOCK {
            let Some(seconds) = (if block < NEAR_BLOCKS { Some(near_s) } else { far_s }) else { return };
            block += 1;
            let begin = end - BLOCK;
            let (far, near) = (self.levels[begin].key, self.levels[end - 1].key);
            let mean = Self::mean_gap(profile, best - (far + near) / 2);
            let gaps = (near - far).max(1) as f64 / mean;
            let off = libm::log(gaps / (BLOCK - 1) as f64);
            end = begin + 1;
            // Wider than chance makes so many gaps: the price has left it behind.
            let missing = gaps - VACATED;
            let come = if missing > 0.0 {
                (missing * (1.0 - libm::exp(-seconds / FILLS_S)) + dice.unit()) as usize
            } else {
                usize::from(off.abs() > USUAL_OFF && dice.chance(1.0 - libm::exp(-off.abs() * BLOCK as f64 * seconds / EVENS_OUT_S)))
            };
            for _ in 0..come {
                if off > 0.0 {
                    let key = dice.between(far + 1, near);
                    if let Err(at) = self.levels.binary_search_by_key(&key, |level| level.key) {
                        let level = Self::draw(profile, key, dice);
                        self.levels.insert(at, level);
                    }
                } else {
                    let at = begin + dice.between(1, BLOCK as i64) as usize;
                    if at + 1 < self.levels.len() && self.levels[at].kind != Kind::Planted {
                        self.levels.remove(at);
                    }
                }
            }
        }
    }

    /// As many levels as the feed carries, and some beyond, so that what leaves the window can come back.
    pub(super) fn extend(&mut self, profile: &Profile, dice: &mut Dice) {
        let (least, most) = (profile.levels + profile.levels / 8, profile.levels + profile.levels / 2);
        if self.levels.len() > most {
            let beyond = self.levels.len() - least;
            self.levels.drain(..beyond);
        }
        if self.levels.len() >= least {
            return;
        }
        let (Some(worst), Some(best)) = (self.levels.first(), self.levels.last()) else { return };
        let (mut key, best) = (worst.key, best.key);
        let mut beyond = Vec::with_capacity(most - self.levels.len());
        while self.levels.len() + beyond.len() < most - profile.levels / 8 {
            key -= Self::gap(profile, best - key, dice);
            if self.sign > 0 && key < 1 {
                break;
            }
            beyond.push(Self::draw(profile, key, dice));
        }
        beyond.reverse();
        self.levels.splice(0..0, beyond);
    }

    /// What traders do within `seconds`, `pace` times as much as usual: levels move between their neighbours, and get other sizes.
    pub(super) fn churn(&mut self, seconds: f64, pace: f64, profile: &Profile, dice: &mut Dice) {
        for (i, share) in profile.churn.into_iter().enumerate() {
            let wanted = self.levels.len() as f64 * (1.0 - libm::exp(-share * pace * seconds));
            let count = (wanted + dice.unit()) as usize;
            for _ in 0..count {
                let Some(at) = self.tended(dice) else { continue };
                if i == 0 { self.relocate(at, profile, dice) } else { self.resize(at, profile, dice) }
            }
        }
    }

    /// A level that somebody tends.
    fn tended(&self, dice: &mut Dice) -> Option<usize> {
        let count = self.levels.len();
        let rank = if dice.chance(NEAR) { dice.exponential(NEAR_RANKS) as usize } else { dice.between(0, count as i64) as usize };
        let at = count.checked_sub(1 + rank)?;
        match self.levels[at].kind {
            Kind::Planted => None,
            Kind::Dust if !dice.chance(DUST_TOUCHED) => None,
            _ => Some(at),
        }
    }

    /// A free price between the neighbours is as likely as any other, so that the density of levels stays what it is. The touch stays.
    fn relocate(&mut self, at: usize, profile: &Profile, dice: &mut Dice) {
        let above = self.levels.get(at + 1).map(|level| level.key);
        let below = at.checked_sub(1).map(|at| self.levels[at].key);
        if let (Some(below), Some(above)) = (below, above) {
            let key = dice.between(below + 1, above);
            let level = &mut self.levels[at];
            level.key = key;
            if dice.chance(FRESH) {
                *level = Self::drawn(profile, key, level.kind, dice);
            }
        }
    }

    /// A step of an autoregression around the mean of the logarithm, whose long run is what levels are drawn from; or a size drawn anew.
    fn resize(&mut self, at: usize, profile: &Profile, dice: &mut Dice) {
        let Level { key, quote, kind, .. } = self.levels[at];
        let fresh = Self::drawn(profile, key, kind, dice);
        if dice.chance(FRESH) {
            self.levels[at] = fresh;
            return;
        }
        let keep = profile.keep;
        let mean = libm::log(profile.median[usize::from(kind == Kind::Real)]);
        let off = keep * (libm::log(quote) - mean) + libm::sqrt(1.0 - keep * keep) * (libm::log(fresh.quote) - mean);
        let quote = libm::exp(mean + off).min(profile.largest);
        self.levels[at] = Level { quote, orders: orders(quote, dice), ..fresh };
    }

    /// Moves every level by so many ticks of price.
    pub(super) fn shift(&mut self, ticks: i64) {
        let shift = self.sign * ticks;
        self.levels.iter_mut().for_each(|level| level.key += shift);
        // Far bids can't go below a tick.
        if self.sign > 0 {
            let gone = self.levels.partition_point(|level| level.key < 1);
            self.levels.drain(..gone);
        }
    }

    /// Puts a level of this size at a key, in the place of what is there.
    pub(super) fn plant(&mut self, key: i64, size: f64, orders: u32) {
        let level = Level { key, quote: size, orders, kind: Kind::Planted };
        match self.levels.binary_search_by_key(&key, |level| level.key) {
            Ok(at) => self.levels[at] = level,
            Err(at) => self.levels.insert(at, level),
        }
    }

    /// Takes a planted level away.
    pub(super) fn uproot(&mut self, key: i64) {
        if let Ok(at) = self.levels.binary_search_by_key(&key, |level| level.key)
            && self.levels[at].kind == Kind::Planted
        {
            self.levels.remove(at);
        }
    }

    /// Fills the columns of the feed's window; natural sizes times `factor`.
    pub(super) fn fill(&self, factor: f64, profile: &Profile, columns: &mut Columns) {
        let (price_scale, size_scale) = (profile.price_scale(), profile.size_scale());
        columns.clear();
        for level in self.levels.iter().rev().take(profile.levels) {
            let price = (self.sign * level.key) as f64 / price_scale;
            let size = if level.kind == Kind::Planted { level.quote } else { level.quote * factor / price };
            columns.prices.push(price);
            columns.sizes.push((size * size_scale + 0.5).floor().max(1.0) / size_scale);
            columns.orders.push(level.orders);
        }
    }

    /// The key of the best level.
    pub(super) fn best(&self) -> Option<i64> {
        self.levels.last().map(|level| level.key)
    }
}

/// Orders behind a level of this notional.
fn orders(quote: f64, dice: &mut Dice) -> u32 {
    if quote < 500.0 { 1 } else { 1 + dice.exponential(0.6 + quote / 25_000.0).min(60.0) as u32 }
}
