//! Support and resistance of one instrument, book by book: candidates of each side, followed over time, scored, and given their places.
//!
//! strength = 100 · E / (E½ + E) · 2^(−d / H) · (½ + ½ (1 − 2^(−age / T))) with E the excess of density over its background, d the distance from mid,
//! H the larger of 25 bps and 4 spreads, T 30 s, E½ 4: what stands out, is near, and has stood for a while.

use leadline_plugin::serde::{Deserialize, Serialize};
use leadline_plugin::{Book, DepthSide, Outcome, fields, math, parameters};

use crate::density::{Candidate, Density};
use crate::places::{Incumbency, assign};
use crate::tracking::{State, Tracked, Tracker};

parameters! {
    /// What an operator can set.
    pub struct Parameters {
        /// Levels farther from mid than this are left out.
        window_bps: f64 = 200.0, unit "bps", range 10.0 to 1000.0;
        /// A candidate's density exceeds the background at least this many times.
        least_excess: f64 = 1.0, unit "times the background", range 0.1 to 100.0;
        /// A level is given a place when its density exceeds the background this many times, and keeps it down to half as much.
        place_excess: f64 = 3.0, unit "times the background", range 0.1 to 100.0;
        /// Excess at which that part of the strength is one half.
        half_excess: f64 = 4.0, unit "times the background", range 0.1 to 100.0;
        /// Distance over which strength halves; at least four spreads are used.
        distance_half_life: f64 = 25.0, unit "bps", range 1.0 to 1000.0;
        /// Half of the bonus for standing is reached after this time.
        age_half_life: f64 = 30.0, unit "s", range 1.0 to 3600.0;
        /// A challenger takes a place when it is this many times as strong as the incumbent.
        advantage: f64 = 1.25, unit "times", range 1.0 to 10.0;
        /// And has been for this long.
        dwell: f64 = 2.0, unit "s", range 0.0 to 60.0;
        /// A level is forming until it has stood for this long.
        held_after: f64 = 10.0, unit "s", range 0.0 to 600.0;
        /// Candidates a side in the list, strongest first.
        list_length: u32 = 12, range 2.0 to 40.0;
        /// Judge books that neither a chain nor a checksum vouches for.
        accept_unverified: bool = false;
    }
}

/// Fewer levels than this on a side say nothing about where orders pile up.
pub const FEWEST_LEVELS: usize = 10;
/// A level that ended is shown for this long.
const ENDED_SHOWN_MS: u64 = 60_000;
/// And no more than this many a side.
const ENDED_SHOWN: usize = 8;
/// A level that went while price stood before it: whether price trades through it is seen within this time.
const UNDECIDED_MS: u64 = 10_000;
/// After a restart with a longer break, nothing vouches that a level stood in between.
const LONGEST_BREAK_MS: u64 = 60_000;

/// Below mid or above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Bids.
    Support,
    /// Asks.
    Resistance,
}

/// A level that held a place, or stood out enough for one, and is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct Ended {
    /// Its last price, quote units.
    pub price: f64,
    /// Its last notional.
    pub notional: f64,
    /// Its age when it went, s.
    pub age_s: f64,
    /// Exchange time of the first book without it, ms.
    pub time_ms: u64,
    /// `Consumed` or `Pulled`.
    pub state: State,
}

/// What is known about one side; saved is what the next reading depends on beside the next book.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct SideLevels {
    /// Candidates of the newest book.
    pub tracker: Tracker,
    /// Levels that stood out and went, newest last.
    pub ended: Vec<Ended>,
    /// Those that went while price stood before them, with their price, notional, age and when: consumed if price goes on through them.
    undecided: Vec<Ended>,
    /// Whether the newest book had levels enough on this side.
    #[serde(skip)]
    pub judged: bool,
    #[serde(skip)]
    density: Density,
    #[serde(skip)]
    found: Vec<Candidate>,
}

/// The analysis of one instrument, and what is saved of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct SupportResistance {
    /// Bids.
    pub support: SideLevels,
    /// Asks.
    pub resistance: SideLevels,
    last_ms: Option<u64>,
    /// Reused by every reading.
    #[serde(skip)]
    pub(crate) order: Vec<usize>,
}

impl SupportResistance {
    /// Judges one book; then [`SideLevels::place`] has the answer of each side that is `judged`.
    ///
    /// # Errors
    /// The outcome of a book too thin on both sides; nothing has changed then.
    pub fn update(&mut self, book: &Book<'_>, parameters: &Parameters) -> Result<(), Outcome> {
        let Book { depth, snapshot, restarted, .. } = *book;
        let levels = [&depth.bids, &depth.asks].map(|side| side.within(parameters.window_bps));
        if levels.iter().all(|&levels| levels < FEWEST_LEVELS) {
            let detail =
                format!("{} bids and {} asks within {} bps of mid, {FEWEST_LEVELS} needed", levels[0], levels[1], parameters.window_bps);
            return Err(fields::unknown("too_thin", detail));
        }
        let now_ms = snapshot.time_ms;
        let broken = self.last_ms.is_some_and(|last_ms| now_ms < last_ms || (restarted && now_ms - last_ms > LONGEST_BREAK_MS));
        self.last_ms = Some(now_ms);
        let settings = Settings { parameters, mid: depth.mid, spread_bps: depth.spread_bps, now_ms };
        for (side, direction, distances, columns, levels) in [
            (&mut self.support, Direction::Support, &depth.bids, &snapshot.bids, levels[0]),
            (&mut self.resistance, Direction::Resistance, &depth.asks, &snapshot.asks, levels[1]),
        ] {
            if broken {
                side.tracker.forget(now_ms);
                side.ended.clear();
                side.undecided.clear();
            }
            side.judged = levels >= FEWEST_LEVELS;
            if side.judged {
                let bandwidth = side.density.find(distances, columns, levels, depth.mid, parameters.least_excess, &mut side.found);
                side.update(direction, distances, columns.prices[0], bandwidth, &settings);
            }
        }
        Ok(())
    }

    /// Whether a restored state is one that this code could have written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        [&self.support, &self.resistance].into_iter().all(|side| {
            let SideLevels { tracker: Tracker { tracked, .. }, ended, undecided, .. } = side;
            let places = |place| tracked.iter().filter(|level| level.place == Some(place)).count() <= 1;
            let few = tracked.len() <= 1000 && ended.len() <= ENDED_SHOWN && undecided.len() <= ENDED_SHOWN;
            let finite = |ended: &Ended| ended.price.is_finite() && ended.notional.is_finite() && ended.age_s.is_finite();
            few && places(0) && places(1) && tracked.iter().all(Tracked::is_sound) && ended.iter().chain(undecided).all(finite)
        })
    }
}

/// What both sides of one book share.
struct Settings<'a> {
    parameters: &'a Parameters,
    mid: f64,
    spread_bps: f64,
    now_ms: u64,
}

impl SideLevels {
    /// The level in a place: 0 for level 1, 1 for level 2.
    #[must_use]
    pub fn place(&self, place: usize) -> Option<&Tracked> {
        self.tracker.tracked.iter().find(|level| level.place == Some(place))
    }

    fn update(&mut self, direction: Direction, depth: &DepthSide, best: f64, bandwidth: f64, settings: &Settings<'_>) {
        let Settings { parameters, mid, spread_bps, now_ms } = *settings;
        self.tracker.follow(&self.found, bandwidth * mid * 1e-4, now_ms);
        let distance_half_life = parameters.distance_half_life.max(4.0 * spread_bps);
        for level in &mut self.tracker.tracked {
            let stands_out = level.excess / (parameters.half_excess + level.excess);
            let near = math::exp2(-level.distance_bps / distance_half_life);
            let stood = 1.0 - 0.5 * math::exp2(-level.age_s(now_ms) / parameters.age_half_life);
            level.strength = 100.0 * stands_out * near * stood;
            level.stood_out |= level.excess >= parameters.place_excess;
        }
        let dwell_ms = (parameters.dwell * 1000.0) as u64;
        assign(
            &mut self.tracker.tracked,
            now_ms,
            Incumbency { advantage: parameters.advantage, dwell_ms, least_excess: parameters.place_excess },
        );

        self.ended.retain(|ended| now_ms.saturating_sub(ended.time_ms) <= ENDED_SHOWN_MS);
        let Self { tracker, ended, undecided, .. } = self;
        undecided.retain(|level| {
            let in_time = now_ms.saturating_sub(level.time_ms) <= UNDECIDED_MS;
            let back = tracker.tracked.iter().any(|other| (other.price - level.price).abs() <= bandwidth * mid * 1e-4);
            let through = is_through(level.price, direction, best);
            if in_time && through && !back {
                remember(ended, Ended { time_ms: now_ms, state: State::Consumed, ..level.clone() });
            }
            in_time && !through && !back
        });
        for level in tracker.gone.iter().filter(|level| level.place.is_some() || level.stood_out) {
            let gone = |state| Ended { price: level.price, notional: level.notional, age_s: level.age_s(now_ms), time_ms: now_ms, state };
            match fate(level, direction, depth, best, bandwidth, mid) {
                Fate::Told(state) => remember(ended, gone(state)),
                Fate::Undecided => remember(undecided, gone(State::Consumed)),
                Fate::Unknown => {}
            }
        }
    }
}

/// Appends a level; the oldest makes room.
fn remember(list: &mut Vec<Ended>, level: Ended) {
    if list.len() == ENDED_SHOWN {
        list.remove(0);
    }
    list.push(level);
}

fn is_through(price: f64, direction: Direction, best: f64) -> bool {
    match direction {
        Direction::Support => best < price,
        Direction::Resistance => best > price,
    }
}

enum Fate {
    Told(State),
    /// It went while price stood before it: traded or withdrawn, the next seconds tell.
    Undecided,
    /// The book doesn't tell: its price left the window, or it was merely outgrown by what is around it.
    Unknown,
}

/// What became of a level that is no candidate any more.
fn fate(level: &Tracked, direction: Direction, depth: &DepthSide, best: f64, bandwidth: f64, mid: f64) -> Fate {
    if is_through(level.price, direction, best) {
        return Fate::Told(State::Consumed);
    }
    let distance = (level.price - mid).abs() * (1e4 / mid);
    if distance > depth.coverage_bps() {
        return Fate::Unknown;
    }
    let left = depth.notional_within(distance + bandwidth) - depth.notional_within(distance - bandwidth);
    if left >= 0.5 * level.notional_high() {
        Fate::Unknown
    } else if distance <= 2.0 * bandwidth {
        Fate::Undecided
    } else {
        Fate::Told(State::Pulled)
    }
}
