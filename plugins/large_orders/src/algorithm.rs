//! Large orders of one instrument, book by book: the large levels of each side, and which way they lean.

use leadline_plugin::serde::{Deserialize, Serialize};
use leadline_plugin::{Book, Outcome, fields, math, parameters};

use crate::arrival::{self, Arrivals};
use crate::detection::{FEWEST_LEVELS, SideOrders, Threshold, WINDOW_BPS};
use crate::tendency::{Rule, Tendency, Trend, Weight};
use crate::usual::{Second, Usual};

parameters! {
    /// What an operator can set.
    pub struct Parameters {
        /// A large level holds at least this part of its side's notional within 100 bps.
        share: f64 = 0.05, unit "1", range 0.01 to 1.0;
        /// And at least this many times the mean level.
        multiple: f64 = 5.0, unit "times", range 1.0 to 1000.0;
        /// And at least this notional, where set.
        floor: Option<f64> = None, unit "quote units", range 0.0 to 1e15;
        /// Distance over which a large level's weight halves.
        distance_half_life: f64 = 25.0, unit "bps", range 1.0 to 1000.0;
        /// Half of the bonus for standing is reached after this time.
        age_half_life: f64 = 10.0, unit "s", range 0.1 to 3600.0;
        /// Half-life of the smoothing of the imbalance.
        smoothing: f64 = 5.0, unit "s", range 0.1 to 600.0;
        /// Bullish above this imbalance, bearish below its negative.
        entry: f64 = 0.4, unit "1", range 0.01 to 1.0;
        /// And until the imbalance is back within this; not above entry.
        exit: f64 = 0.25, unit "1", range 0.0 to 1.0;
        /// And the net weight of the large levels is this many times its median over the last seconds.
        unusual: f64 = 8.0, unit "times", range 0.0 to 100.0;
        /// Or one level is this many times what 97 % of the largest levels of `largest_history` are below, and the largest of the other side.
        dominant: f64 = 1.2, unit "times", range 1.0 to 100.0;
        /// The seconds that tell what is usual.
        history: u32 = 900, unit "s", range 60.0 to 3600.0;
        /// The seconds that tell how large a single level usually is.
        largest_history: u32 = 3600, unit "s", range 60.0 to 14400.0;
        /// A tendency that lasts longer than this becomes the usual.
        freeze: u32 = 600, unit "s", range 10.0 to 86400.0;
        /// Until a minute and a half of them is known, entry and exit are raised together until entry is this many standard deviations of chance.
        evidence: f64 = 1.65, unit "standard deviations", range 0.0 to 10.0;
        /// A level that comes is an arrival when it holds this part of what its side holds within 100 bps without the newest.
        arrival: f64 = 0.16, unit "1", range 0.01 to 10.0;
        /// An arrival is told, for `dwell`, when it has stood for this long.
        stands: f64 = 8.0, unit "s", range 0.0 to 600.0;
        /// At most so far from mid.
        near: f64 = 50.0, unit "bps", range 0.0 to 100.0;
        /// Where so many arrivals or more stood in the last hour none is told; 0: never.
        ordinary: u32 = 90, unit "an hour", range 0.0 to 1000.0;
        /// The word changes when it has been due for this long.
        dwell: f64 = 2.0, unit "s", range 0.0 to 60.0;
        /// Judge books that neither a chain nor a checksum vouches for.
        accept_unverified: bool = false;
    }
}

/// After a restart with a longer break, nothing vouches that a level stood in between.
const LONGEST_BREAK_MS: u64 = 60_000;
/// Large levels over both sides that say something about a tendency, while it isn't known what is usual.
const FEWEST_LARGE: usize = 2;

/// The analysis of one instrument, and what is saved of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct LargeOrders {
    /// Bids.
    pub buys: SideOrders,
    /// Asks.
    pub sells: SideOrders,
    /// Which way they lean; means something when both sides were judged.
    pub tendency: Tendency,
    usual: Usual,
    /// The large levels that came.
    pub arrivals: Arrivals,
    last_ms: Option<u64>,
}

impl LargeOrders {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(parameters: &Parameters) -> Self {
        Self {
            buys: SideOrders::default(),
            sells: SideOrders::default(),
            tendency: Tendency::default(),
            usual: Usual::new(parameters.history as usize, parameters.largest_history as usize),
            arrivals: Arrivals::default(),
            last_ms: None,
        }
    }

    /// Judges one book.
    ///
    /// # Errors
    /// The outcome of a book too thin on both sides; nothing has changed then.
    pub fn update(&mut self, book: &Book<'_>, parameters: &Parameters) -> Result<(), Outcome> {
        let Book { depth, snapshot, restarted, .. } = *book;
        let levels = [&depth.bids, &depth.asks].map(|side| side.within(WINDOW_BPS));
        if levels.iter().all(|&levels| levels < FEWEST_LEVELS) {
            let detail = format!("{} bids and {} asks within {WINDOW_BPS} bps of mid, {FEWEST_LEVELS} needed", levels[0], levels[1]);
            return Err(fields::unknown("too_thin", detail));
        }
        let now_ms = snapshot.time_ms;
        if let Some(last_ms) = self.last_ms
            && (now_ms < last_ms || (restarted && now_ms - last_ms > LONGEST_BREAK_MS))
        {
            self.buys.forget(now_ms);
            self.sells.forget(now_ms);
            self.tendency = Tendency::default();
            self.arrivals = Arrivals::default();
        }
        self.last_ms = Some(now_ms);
        let Parameters { share, multiple, floor, .. } = *parameters;
        let rule = Threshold { share, multiple, floor: floor.unwrap_or(0.0) };
        let arrival = parameters.arrival();
        // With books missing in between nobody knows when a level came.
        let marked = (!restarted).then_some(arrival);
        self.buys.update(depth, &depth.bids, &snapshot.bids, rule, marked, now_ms);
        self.sells.update(depth, &depth.asks, &snapshot.asks, rule, marked, now_ms);
        if self.both_judged() {
            let weights = [&self.buys, &self.sells].map(|side| weight(side, now_ms, parameters));
            let Parameters { entry, exit, unusual, dominant, evidence, dwell, smoothing, freeze, .. } = *parameters;
            let rule =
                Rule { entry, exit, unusual, dominant, evidence, dwell_ms: (dwell * 1000.0) as u64, half_life_ms: smoothing * 1000.0 };
            let neutral = self.tendency.trend == Trend::Neutral;
            let arrived = self.arrivals.due(&mut self.buys.large, &mut self.sells.large, now_ms, rule.dwell_ms, arrival);
            self.tendency.update(weights, self.low_evidence(), arrived, self.usual.amounts(), now_ms, rule);
            for (side, word) in [(&mut self.buys, Trend::Bullish), (&mut self.sells, Trend::Bearish)] {
                arrival::settle(&mut side.large, self.tendency.trend == word, now_ms, rule.dwell_ms, arrival);
            }
            let second = Second { net: self.tendency.net, largest: math::larger(weights[0].largest, weights[1].largest) };
            self.usual.push(second, now_ms, restarted, neutral, u64::from(freeze));
        }
        Ok(())
    }

    /// Whether both sides had levels enough: without that there is no tendency.
    #[must_use]
    pub fn both_judged(&self) -> bool {
        self.buys.judged && self.sells.judged
    }

    /// Whether there are too few large levels to tell a tendency: none, or fewer than two while it isn't known what is usual.
    #[must_use]
    pub fn low_evidence(&self) -> bool {
        let large = self.buys.large.len() + self.sells.large.len();
        large < if self.usual.missing() == 0 { 1 } else { FEWEST_LARGE }
    }

    /// Whether a restored state is one that this code could have written with these parameters.
    #[must_use]
    pub fn fits(&self, parameters: &Parameters) -> bool {
        let sides = self.buys.is_sound() && self.sells.is_sound();
        let arrivals = self.arrivals.fits(parameters.ordinary as usize);
        sides && arrivals && self.tendency.is_sound() && self.usual.fits(parameters.history as usize, parameters.largest_history as usize)
    }
}

fn weight(side: &SideOrders, now_ms: u64, parameters: &Parameters) -> Weight {
    let Parameters { distance_half_life, age_half_life, .. } = *parameters;
    side.large.iter().fold(Weight::default(), |weight, level| {
        let age_s = now_ms.saturating_sub(level.born_ms) as f64 / 1000.0;
        let near = math::exp2(-level.distance_bps / distance_half_life);
        let stood = 1.0 - 0.5 * math::exp2(-age_s / age_half_life);
        let w = level.notional * near * stood;
        Weight { sum: weight.sum + w, squares: weight.squares + w * w, largest: math::larger(weight.largest, level.notional) }
    })
}

impl Parameters {
    fn arrival(&self) -> arrival::Rule {
        let Self { arrival, stands, near, ordinary, .. } = *self;
        arrival::Rule { share: arrival, stands_ms: (stands * 1000.0) as u64, near_bps: near, ordinary: ordinary as usize }
    }

    /// Whether a state saved under `other` means the same here: the smoothed imbalance depends on what is large and on the weights,
    /// what is ordinary on what an arrival is.
    #[must_use]
    pub fn same_measure(&self, other: &Self) -> bool {
        let key =
            |p: &Self| (p.share, p.multiple, p.floor, p.distance_half_life, p.age_half_life, p.smoothing, p.history, p.largest_history);
        key(self) == key(other) && self.arrival() == other.arrival()
    }
}
