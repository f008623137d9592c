//! Sizes and order counts of new and changed levels.

use super::dice::Dice;
use super::profile::Profile;
use super::side::{Kind, Level};

/// Share of sizes that a person typed: 0.12 rather than 0.11970413.
const ROUND_SHARE: f64 = 0.3;
/// How much of a real level's size is kept when it changes (in logarithms): orders come and go, the level stays.
const KEEP: f64 = 0.8;
/// Standard deviation of the logarithm of a dust level.
const DUST_SIGMA: f64 = 1.5;

/// A level of this kind at this price. `depth` is the side's present factor on real sizes (1 on average).
pub(crate) fn draw(profile: &Profile, kind: Kind, key: i64, tick: i64, depth: f64, dice: &mut Dice) -> Level {
    match kind {
        Kind::Dust => {
            let quote = dice.lognormal(profile.dust, DUST_SIGMA);
            Level { key, lots: rounded(profile.lots(quote, tick), dice), orders: 1 + u32::from(dice.chance(0.08)), kind }
        }
        Kind::Real => {
            let quote = dice.lognormal(profile.real, profile.real_sigma) * depth;
            real(profile, key, tick, quote, dice)
        }
        Kind::Wall => {
            let quote = dice.lognormal(profile.wall, 0.3).min(2.2 * profile.wall);
            Level { key, lots: profile.lots(quote, tick), orders: 40 + dice.exponential(30.0) as u32, kind }
        }
    }
}

/// The same level after orders were added, filled or withdrawn.
pub(crate) fn redraw(profile: &Profile, level: Level, tick: i64, depth: f64, dice: &mut Dice) -> Level {
    match level.kind {
        Kind::Dust => draw(profile, Kind::Dust, level.key, tick, depth, dice),
        Kind::Real => {
            // A step of an autoregression around the mean of the logarithm: its long-run distribution is that of `draw`.
            let mean = libm::log(profile.real * depth);
            let old = libm::log(profile.quote(level.lots, tick).max(1.0));
            let new = mean + KEEP * (old - mean) + profile.real_sigma * (1.0 - KEEP * KEEP).sqrt() * dice.normal();
            real(profile, level.key, tick, libm::exp(new), dice)
        }
        Kind::Wall => {
            let factor = 0.97 + 0.06 * dice.unit();
            let orders = (i64::from(level.orders) + dice.between(-3, 4)).max(30);
            let most = profile.lots(2.5 * profile.wall, tick);
            let lots = ((level.lots as f64 * factor) as u64).clamp(1, most);
            Level { lots, orders: u32::try_from(orders).unwrap_or(30), ..level }
        }
    }
}

fn real(profile: &Profile, key: i64, tick: i64, quote: f64, dice: &mut Dice) -> Level {
    // Redrawn, not cut: cutting would put many levels at one size.
    let quote = if quote > profile.largest { profile.largest * (0.5 + 0.5 * dice.unit()) } else { quote };
    let orders = if quote < 500.0 { 1 } else { 1 + dice.exponential(0.6 + quote / 25_000.0).min(60.0) as u32 };
    Level { key, lots: rounded(profile.lots(quote, tick), dice), orders, kind: Kind::Real }
}

/// Sometimes two or three digits only.
fn rounded(lots: u64, dice: &mut Dice) -> u64 {
    if !dice.chance(ROUND_SHARE) {
        return lots;
    }
    let digits = if dice.chance(0.5) { 100 } else { 1000 };
    let mut step = 1;
    while lots / step >= digits {
        step *= 10;
    }
    (lots / step * step).max(1)
}
