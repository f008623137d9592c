//! What is to happen in a market, drawn from its seed. Each kind of market has a script of its own kind.

use leadline_simulator::market::Dice;

use crate::label::{Ending, Measured, Sides};
use crate::market::Of;
use crate::market::profile::{EVEN, LIQUID, PROFILES, Profile};
use crate::seen::Analysis;

/// The kinds of markets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// A day without events, with the daily cycle: whatever alarms is false.
    Quiet,
    /// A day of depth that leaves and comes, price jumps, restless times, flickering levels and gaps in the feed.
    Depth,
    /// Six hours of walls.
    Walls,
    /// Eighteen days without events, with the daily cycle, a frame in ten seconds.
    Long,
    /// Fifteen days with drains from the tenth on, a frame in ten seconds.
    Drains,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Quiet, Self::Depth, Self::Walls, Self::Long, Self::Drains];

    /// As on the command line and in tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Depth => "depth",
            Self::Walls => "walls",
            Self::Long => "long",
            Self::Drains => "drains",
        }
    }

    /// Length of one market, seconds.
    #[must_use]
    pub fn seconds(self) -> u64 {
        match self {
            Self::Quiet | Self::Depth => DAY,
            Self::Walls => DAY / 4,
            Self::Long => 18 * DAY,
            Self::Drains => 15 * DAY,
        }
    }

    /// From one frame to the next, ms.
    #[must_use]
    pub fn step_ms(self) -> u64 {
        if matches!(self, Self::Long | Self::Drains) { 10_000 } else { 1_000 }
    }

    /// Whether depth and spread follow the time of day.
    #[must_use]
    pub fn is_daily(self) -> bool {
        // Depth by the hour is what slow analyses must live with; within a minute next to nothing of it is seen.
        matches!(self, Self::Quiet | Self::Long | Self::Drains)
    }

    /// The analyses that have something to say of such a market. A frame in ten seconds is nothing for those that look at seconds.
    #[must_use]
    pub fn analyses(self) -> &'static [Analysis] {
        use Analysis::{DepthAnomaly, LargeOrders, Liquidity, SupportResistance};
        match self {
            Self::Quiet => &Analysis::ALL,
            Self::Depth => &[LargeOrders, DepthAnomaly],
            Self::Walls => &[SupportResistance, LargeOrders],
            Self::Long | Self::Drains => &[Liquidity],
        }
    }

    /// The profiles that such markets are made of.
    #[must_use]
    pub fn profiles(self) -> &'static [Profile] {
        static WALLS: [Profile; 2] = [EVEN, LIQUID];
        match self {
            Self::Walls => &WALLS,
            _ => &PROFILES,
        }
    }
}

const DAY: u64 = 86_400;
/// What comes first in a market of events: time for every baseline to be complete.
const WARM_UP: u64 = 1_500;
/// Day on which drains begin: more than the eight days that an hour-of-day baseline wants.
const DRAINS_FROM: u64 = 9 * DAY;

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Depth changes, stays so for `hold_s`, and comes back within `back_s`.
    Depth {
        /// On these sides.
        sides: Sides,
        /// To this share.
        share: f64,
        /// Over this time.
        over_s: u64,
        /// Stays.
        hold_s: u64,
        /// Comes back.
        back_s: u64,
    },
    /// See [`crate::label::Event::Jump`].
    Jump(f64),
    /// See [`crate::label::Event::Regime`].
    Regime {
        /// Times as lively.
        times: f64,
        /// For so long.
        seconds: u64,
    },
    /// A level on this side comes for 2 s and goes for 3 s, so many times.
    Flicker(Of, u64),
    /// No frame for so many seconds.
    Gap(u64),
    /// Walls that stand for this long, then end.
    Walls {
        /// Each with its side, distance, size and end.
        walls: Vec<WallPlan>,
        /// Seconds until they end.
        stand_s: u64,
    },
}

/// A wall to be planted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WallPlan {
    /// On this side.
    pub side: Of,
    /// From mid, bps.
    pub distance_bps: f64,
    /// How large.
    pub measured: Measured,
    /// Resting orders.
    pub orders: u32,
    /// How it ends.
    pub ending: Ending,
}

/// When it begins, seconds from the start, and what; in order of time.
pub type Script = Vec<(u64, Act)>;

/// The script of a market.
#[must_use]
pub fn script(scenario: Scenario, profile: &Profile, seed: u64) -> Script {
    let mut dice = Dice::new(seed, scenario.word());
    match scenario {
        Scenario::Quiet | Scenario::Long => Vec::new(),
        Scenario::Depth => depth(&mut dice),
        Scenario::Walls => walls(&mut dice, profile.dust_share > 0.0),
        Scenario::Drains => drains(&mut dice),
    }
}

fn either(dice: &mut Dice) -> Of {
    if dice.chance(0.5) { Of::Bid } else { Of::Ask }
}

/// One of each kind of depth event, the two that targets are about several times, in any order.
fn deck(dice: &mut Dice) -> Vec<Act> {
    let mut deck = Vec::new();
    let mut change = |dice: &mut Dice, both: bool, share: f64, over_s: u64| {
        let sides = if both { Sides::Both } else { Sides::One(either(dice)) };
        deck.push(Act::Depth { sides, share, over_s, hold_s: 90, back_s: 60 });
    };
    for share in [0.7, 0.5, 0.3, 0.1] {
        for over_s in [2, 30, 300] {
            change(dice, false, share, over_s);
            change(dice, true, share, over_s);
        }
    }
    for _ in 0..10 {
        change(dice, false, 0.5, 2);
        change(dice, false, 0.3, 2);
    }
    for share in [2.0, 4.0] {
        for over_s in [2, 30] {
            change(dice, false, share, over_s);
        }
    }
    for bps in [10.0, 20.0, 50.0, 100.0] {
        let signed = if dice.chance(0.5) { bps } else { -bps };
        deck.push(Act::Jump(signed));
    }
    for times in [2.0, 3.0] {
        deck.push(Act::Regime { times, seconds: 600 });
    }
    for times in [4, 12] {
        deck.push(Act::Flicker(either(dice), times));
    }
    for seconds in [5, 45, 120] {
        deck.push(Act::Gap(seconds));
    }
    // Fisher and Yates.
    for last in (1..deck.len()).rev() {
        deck.swap(last, dice.between(0, last as i64 + 1) as usize);
    }
    deck
}

fn depth(dice: &mut Dice) -> Script {
    let mut script = Script::new();
    let (mut at, mut left) = (WARM_UP, deck(dice));
    loop {
        let Some(act) = left.pop() else {
            left = deck(dice);
            continue;
        };
        let lasts = match &act {
            Act::Depth { over_s, hold_s, back_s, .. } => over_s + hold_s + back_s,
            Act::Regime { seconds, .. } => *seconds,
            Act::Gap(seconds) => *seconds,
            Act::Flicker(_, times) => 5 * times,
            Act::Jump(_) | Act::Walls { .. } => 0,
        };
        if at + lasts + 300 > DAY {
            return script;
        }
        script.push((at, act));
        // Long enough for windows of a quarter of an hour to hold mostly usual depth again.
        at += lasts + 600 + dice.between(0, 300) as u64;
    }
}

/// `giants`: the book has large levels of its own, beside which walls of one side alone must be large too.
fn walls(dice: &mut Dice, giants: bool) -> Script {
    let mut script = Script::new();
    let mut at = WARM_UP;
    while at + 300 < Scenario::Walls.seconds() {
        let (both, first) = (dice.chance(0.5), either(dice));
        // Shares of a side that giants of a usual book have too, or that they seldom have.
        let least_share = if dice.chance(0.5) { 0.15 } else { 0.5 };
        let mut walls: Vec<WallPlan> = Vec::new();
        for side in Of::BOTH.into_iter().filter(|&side| both || side == first) {
            let count = if both { dice.between(1, 3) as usize } else { [1, 2, 3, 5][dice.between(0, 4) as usize] };
            let mut distances: Vec<f64> = Vec::new();
            while distances.len() < count {
                let distance = 5.0 + 43.0 * dice.unit();
                // Three bandwidths and more apart: nearer ones are one pile.
                if distances.iter().all(|other| (other - distance).abs() > 4.0) {
                    distances.push(distance);
                }
            }
            for distance_bps in distances {
                let times = if dice.chance(0.7) { 10.0 } else { [5.0, 20.0][usize::from(dice.chance(0.5))] };
                let of_side = least_share * (1.0 + dice.unit());
                let measured = if giants && !both { Measured::OfSide(of_side) } else { Measured::Times(times) };
                let orders = if dice.chance(0.5) { 1 } else { 40 + dice.exponential(30.0) as u32 };
                walls.push(WallPlan { side, distance_bps, measured, orders, ending: Ending::Pulled });
            }
        }
        if dice.chance(0.6) {
            // The price can trade through one side only, through its nearest wall only.
            let side = if both { either(dice) } else { first };
            let nearest = walls.iter_mut().filter(|wall| wall.side == side).min_by(|a, b| a.distance_bps.total_cmp(&b.distance_bps));
            if let Some(nearest) = nearest {
                nearest.ending = Ending::Consumed;
            }
        }
        let stand_s = dice.between(60, 121) as u64;
        script.push((at, Act::Walls { walls, stand_s }));
        at += stand_s + 90 + dice.between(0, 30) as u64;
    }
    script
}

fn drains(dice: &mut Dice) -> Script {
    let mut script = Script::new();
    let mut at = DRAINS_FROM;
    let mut left: Vec<(f64, u64)> = Vec::new();
    loop {
        let Some((share, minutes)) = left.pop() else {
            left = [(0.5, 10), (0.5, 30), (0.5, 120), (0.5, 60), (0.3, 60), (0.7, 60), (0.5, 60)].to_vec();
            for last in (1..left.len()).rev() {
                left.swap(last, dice.between(0, last as i64 + 1) as usize);
            }
            continue;
        };
        // Both sides, or one: the index follows the weaker one.
        let sides = if dice.chance(0.5) { Sides::Both } else { Sides::One(either(dice)) };
        let act = Act::Depth { sides, share, over_s: minutes * 60, hold_s: 1_200, back_s: 600 };
        if at + minutes * 60 + 6 * 3_600 > Scenario::Drains.seconds() {
            return script;
        }
        script.push((at, act));
        at += minutes * 60 + 1_800 + 3 * 3_600 + dice.between(0, 7_200) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_depends_on_its_seed_alone_and_is_in_order() {
        for scenario in Scenario::ALL {
            let once = script(scenario, &EVEN, 7);
            assert_eq!(once, script(scenario, &EVEN, 7), "{scenario:?}");
            assert!(once.windows(2).all(|pair| pair[0].0 < pair[1].0), "{scenario:?}");
            assert!(once.iter().all(|act| act.0 < scenario.seconds()));
            assert!(matches!(scenario, Scenario::Quiet | Scenario::Long) || once.len() >= 10, "{scenario:?}: {}", once.len());
        }
        assert_ne!(script(Scenario::Depth, &EVEN, 1), script(Scenario::Depth, &EVEN, 2));
    }

    #[test]
    fn walls_of_a_side_are_planted_apart_and_at_most_one_is_traded_through() {
        for seed in 0..20 {
            for (_, act) in script(Scenario::Walls, &LIQUID, seed) {
                let Act::Walls { walls, .. } = act else { panic!("only walls here") };
                assert!(walls.iter().filter(|wall| wall.ending == Ending::Consumed).count() <= 1);
                for (i, one) in walls.iter().enumerate() {
                    assert!(walls[..i].iter().all(|other| other.side != one.side || (other.distance_bps - one.distance_bps).abs() > 4.0));
                }
            }
        }
    }
}
