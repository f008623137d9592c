//! The fair price: a mean-reverting walk that mostly rests and sometimes jumps.

use super::dice::Dice;
use super::profile::Profile;

/// Share of frames in which the price moves at all.
const MOVES: f64 = 0.15;
/// Time after which a deviation from the profile's price has shrunk to 1/e, in seconds. With the usual volatility the price
/// stays within about 2 % for ever.
const MEMORY_S: f64 = 7_200.0;
/// Furthest move of one frame, in mean gaps between levels: frames stay at the size they have on the exchange.
const FURTHEST_GAPS: f64 = 25.0;

/// Where buyers and sellers part: every bid is at or below, every ask above.
#[derive(Debug, Clone)]
pub(crate) struct FairPrice {
    /// Deviation from the profile's price, in logarithms.
    deviation: f64,
    /// The price in ticks.
    tick: i64,
}

impl FairPrice {
    /// At the profile's price.
    pub(crate) fn new(profile: &Profile) -> Self {
        Self { deviation: 0.0, tick: to_tick(profile, 0.0) }
    }

    /// The price in ticks.
    pub(crate) fn tick(&self) -> i64 {
        self.tick
    }

    /// Moves on by `seconds`; returns the new price.
    pub(crate) fn advance(&mut self, profile: &Profile, seconds: f64, dice: &mut Dice) -> i64 {
        self.deviation *= libm::exp(-seconds / MEMORY_S);
        if dice.chance(MOVES) {
            let jump = profile.volatility * (seconds / MOVES).sqrt() * dice.normal();
            let most = FURTHEST_GAPS * profile.gap / (profile.mid * profile.price_scale());
            self.deviation += jump.clamp(-most, most);
        }
        self.tick = to_tick(profile, self.deviation);
        self.tick
    }

    /// Holds the price at a tick: something large stood in its way.
    pub(crate) fn hold(&mut self, profile: &Profile, tick: i64) {
        self.tick = tick;
        self.deviation = libm::log(tick as f64 / (profile.mid * profile.price_scale()));
    }
}

fn to_tick(profile: &Profile, deviation: f64) -> i64 {
    (profile.mid * profile.price_scale() * libm::exp(deviation)).round() as i64
}
