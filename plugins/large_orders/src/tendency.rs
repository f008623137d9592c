//! Which way the large orders lean: an imbalance smoothed over seconds, and a word for it that changes seldom.
//!
//! B, A = Σ over large bids, asks of v · 2^(−d / 25 bps) · (½ + ½ (1 − 2^(−age / 10 s))); I = (B − A) / (B + A), smoothed with a half-life of 5 s.
//! On most books a few giants lean one way by mere chance. So a tendency must also exceed what is usual on this pair ([`crate::usual`]): its net weight
//! B − A, smoothed alike, must be `unusual` times its median over the last quarter of an hour. Until a minute and a half of that is known, it must exceed
//! chance instead: if each large level w could as well stand on the other side, I has the standard deviation √Σw² / Σw, 0.5 to 0.6 for the four or so
//! large levels a side of a usual book. One level alone is a tendency when it is `dominant` times what the largest level seldom exceeds on this pair, and as
//! many times the largest of the other side, however far it is within the window: it is no giant of the kind that come and go. And where large levels seldom
//! come, one that has just come says a word of its own, once ([`crate::arrival`]). Resting orders are weak evidence that can be withdrawn at any time: near ones that have stood count for most.

use leadline_plugin::math;
use leadline_plugin::serde::{Deserialize, Serialize};

use crate::usual::Amounts;

/// The word for the imbalance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub enum Trend {
    /// Large bids outweigh large asks.
    Bullish,
    /// Large asks outweigh large bids.
    Bearish,
    /// Neither, or too little to tell.
    #[default]
    Neutral,
}

impl Trend {
    /// The word in the outputs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bullish => "bullish",
            Self::Bearish => "bearish",
            Self::Neutral => "neutral",
        }
    }
}

/// Why the word is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub enum Cause {
    /// One level is larger than levels of this pair are.
    Dominant,
    /// The large levels of one side outweigh those of the other by more than they usually do.
    Lean,
    /// A large level has just come, and large levels seldom come.
    Arrival,
}

impl Cause {
    /// The word in the outputs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Dominant => "dominant",
            Self::Lean => "lean",
            Self::Arrival => "arrival",
        }
    }
}

/// Part of the net weight needed for a tendency at which it stays.
const STAY: f64 = 0.6;

/// Part of what a dominant level needs at which it stays one.
const STAYS_DOMINANT: f64 = 0.8;

/// When the word changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Bullish above this, bearish below its negative.
    pub entry: f64,
    /// And until the imbalance is back within this.
    pub exit: f64,
    /// The net weight must be this many times the usual one, 0.6 times as much to stay.
    pub unusual: f64,
    /// Or one level is this many times what is usual, and what the other side has, 0.8 times as much to stay.
    pub dominant: f64,
    /// While the usual net weight isn't known: both thresholds are raised together, until the entry is this many standard deviations of chance.
    pub evidence: f64,
    /// The new word must have been due for this long, ms.
    pub dwell_ms: u64,
    /// Half-life of the smoothing, ms.
    pub half_life_ms: f64,
}

/// Large levels of a side, weighted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Weight {
    /// Σ w.
    pub sum: f64,
    /// Σ w².
    pub squares: f64,
    /// Notional of the largest, whatever it weighs.
    pub largest: f64,
}

/// The tendency from book to book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct Tendency {
    /// Smoothed imbalance, −1 to 1; none before the first book.
    pub imbalance: Option<f64>,
    /// Smoothed net weight B − A, units of notional.
    pub net: f64,
    /// The word.
    pub trend: Trend,
    /// Why; none while it is neutral.
    pub cause: Option<Cause>,
    /// The word that is due, and since when, ms.
    due: (Trend, u64),
    /// Exchange time of the newest book, ms.
    last_ms: u64,
}

impl Tendency {
    /// Takes the weights of bids and asks. `few`: too few large levels to say anything; `arrival`: the word of one; `usual`: where it is known.
    pub fn update(&mut self, weights: [Weight; 2], few: bool, arrival: Trend, usual: Option<Amounts>, now_ms: u64, rule: Rule) {
        let [bids, asks] = weights;
        let both = bids.sum + asks.sum;
        let (raw, chance) =
            if both > 0.0 { ((bids.sum - asks.sum) / both, (bids.squares + asks.squares).sqrt() / both) } else { (0.0, 1.0) };
        let net = bids.sum - asks.sum;
        let elapsed = now_ms.saturating_sub(self.last_ms) as f64;
        let part = 1.0 - math::exp2(-elapsed / rule.half_life_ms);
        let imbalance = match self.imbalance {
            Some(before) => before + (raw - before) * part,
            None => raw,
        };
        self.net = if self.imbalance.is_some() { self.net + (net - self.net) * part } else { net };
        self.imbalance = Some(imbalance);
        self.last_ms = now_ms;
        let raised = if usual.is_some() { 1.0 } else { (rule.evidence * chance / rule.entry).max(1.0) };
        let (entry, exit) = (rule.entry * raised, rule.exit * raised);
        let needed = rule.unusual * usual.map_or(0.0, |usual| usual.net);
        // What an arrival has said lasts no longer for what leans or dominates by less than it takes to begin.
        let stays = |word: Trend| self.trend == word && self.cause != Some(Cause::Arrival);
        let dominates = |one: Weight, other: Weight, word: Trend| {
            let factor = rule.dominant * if stays(word) { STAYS_DOMINANT } else { 1.0 };
            usual.is_some_and(|usual| one.largest > factor * usual.largest && one.largest > factor * other.largest)
        };
        let dominant = [dominates(bids, asks, Trend::Bullish), dominates(asks, bids, Trend::Bearish)];
        let outweighs = |sign: f64, word: Trend| {
            (sign * imbalance > entry && sign * self.net > needed)
                || (stays(word) && sign * imbalance >= exit && sign * self.net >= STAY * needed)
        };
        // A level that dominates leads; weights speak where none does, and an arrival where both are silent.
        let (next, cause) = match dominant {
            _ if few => (Trend::Neutral, None),
            [true, false] => (Trend::Bullish, Some(Cause::Dominant)),
            [false, true] => (Trend::Bearish, Some(Cause::Dominant)),
            _ if outweighs(1.0, Trend::Bullish) => (Trend::Bullish, Some(Cause::Lean)),
            _ if outweighs(-1.0, Trend::Bearish) => (Trend::Bearish, Some(Cause::Lean)),
            _ => (arrival, (arrival != Trend::Neutral).then_some(Cause::Arrival)),
        };
        if next != self.due.0 {
            self.due = (next, now_ms);
        }
        if next != self.trend && now_ms.saturating_sub(self.due.1) >= rule.dwell_ms {
            self.trend = next;
            if cause == Some(Cause::Arrival) {
                // It is told once; from here on neutral is due.
                self.due = (Trend::Neutral, now_ms);
            }
        } else if next != self.trend || cause == Some(Cause::Arrival) {
            // What was said stays said, for the reason it had.
            return;
        }
        self.cause = cause;
    }

    /// Whether a restored record is one that this code could have written.
    pub(crate) fn is_sound(&self) -> bool {
        self.imbalance.is_none_or(|imbalance| (-1.0..=1.0).contains(&imbalance)) && self.net.is_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { entry: 0.4, exit: 0.25, unusual: 1.5, dominant: 1.5, evidence: 0.0, dwell_ms: 2_000, half_life_ms: 5_000.0 };

    fn weight(sum: f64) -> Weight {
        Weight { sum, squares: sum * sum, largest: sum }
    }

    fn run(tendency: &mut Tendency, seconds: std::ops::Range<u64>, bids: f64, asks: f64) {
        for second in seconds {
            tendency.update([weight(bids), weight(asks)], false, Trend::Neutral, None, second * 1000, RULE);
        }
    }

    #[test]
    fn the_imbalance_is_halfway_there_after_a_half_life() {
        let mut tendency = Tendency::default();
        tendency.update([weight(1.0), weight(1.0)], false, Trend::Neutral, None, 0, RULE);
        tendency.update([weight(1.0), weight(0.0)], false, Trend::Neutral, None, 5_000, RULE);
        assert_eq!(tendency.imbalance, Some(0.5));
        // However many books there are in between: five steps of a second are one of five.
        let mut stepped = Tendency::default();
        tendency.update([weight(1.0), weight(1.0)], false, Trend::Neutral, None, 0, RULE);
        run(&mut stepped, 0..1, 1.0, 1.0);
        run(&mut stepped, 1..6, 1.0, 0.0);
        assert!((stepped.imbalance.unwrap_or(0.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_word_comes_after_the_dwell_and_goes_below_the_exit() {
        let mut tendency = Tendency::default();
        run(&mut tendency, 0..2, 3.0, 1.0);
        assert_eq!(tendency.trend, Trend::Neutral, "one second of 0.5");
        run(&mut tendency, 2..4, 3.0, 1.0);
        assert_eq!(tendency.trend, Trend::Bullish);
        run(&mut tendency, 4..100, 1.7, 1.0);
        assert_eq!(tendency.trend, Trend::Bullish, "0.26 is above the exit");
        run(&mut tendency, 100..200, 1.6, 1.0);
        assert_eq!(tendency.trend, Trend::Neutral, "0.23 is below it");
        run(&mut tendency, 200..300, 1.0, 4.0);
        assert_eq!(tendency.trend, Trend::Bearish);
    }

    #[test]
    fn one_level_against_another_is_chance_and_twenty_against_five_are_not() {
        for (bids, asks, expected) in [(1, 0, Trend::Neutral), (3, 1, Trend::Neutral), (5, 0, Trend::Bullish), (20, 5, Trend::Bullish)] {
            let mut tendency = Tendency::default();
            let even = |levels: i32| Weight { sum: f64::from(levels), squares: f64::from(levels), largest: 1.0 };
            for second in 0..10 {
                tendency.update([even(bids), even(asks)], false, Trend::Neutral, None, second * 1000, Rule { evidence: 2.0, ..RULE });
            }
            assert_eq!(tendency.trend, expected, "{bids} against {asks}");
        }
    }

    #[test]
    fn what_the_pair_usually_has_is_no_tendency() {
        for (usual, expected) in [(1.0, Trend::Bullish), (3.0, Trend::Neutral)] {
            let mut tendency = Tendency::default();
            for second in 0..30 {
                let usual = Some(Amounts { net: usual, largest: 100.0 });
                tendency.update([weight(5.0), weight(1.0)], false, Trend::Neutral, usual, second * 1000, RULE);
            }
            assert_eq!(tendency.trend, expected, "4 against a usual {usual}");
        }
    }

    #[test]
    fn one_level_beyond_what_levels_usually_are_is_enough_wherever_it_weighs_little() {
        let usual = Some(Amounts { net: 100.0, largest: 10.0 });
        let far = |largest: f64| Weight { sum: 1.0, squares: 1.0, largest };
        for (bids, asks, expected) in [
            (16.0, 10.0, Trend::Bullish),
            (14.0, 1.0, Trend::Neutral),
            (16.0, 11.0, Trend::Neutral),
            (11.0, 17.0, Trend::Bearish),
            (30.0, 30.0, Trend::Neutral),
        ] {
            let mut tendency = Tendency::default();
            (0..5).for_each(|second| tendency.update([far(bids), far(asks)], false, Trend::Neutral, usual, second * 1000, RULE));
            assert_eq!(tendency.trend, expected, "{bids} against {asks}");
            // It stays with 0.8 of it.
            (5..10)
                .for_each(|second| tendency.update([far(0.81 * bids), far(0.9 * asks)], false, Trend::Neutral, usual, second * 1000, RULE));
            assert_eq!(tendency.trend, expected, "{bids} against {asks}");
        }
    }

    /// Words and causes of these seconds: nothing unusual but an arrival among the bids, due for the first `due` of them, and asks that lean from `leans` on.
    fn told(due: u64, leans: u64) -> Vec<(Trend, Option<Cause>)> {
        let usual = Some(Amounts { net: 1.0, largest: 100.0 });
        let mut tendency = Tendency::default();
        (0..8)
            .map(|second| {
                let asks = if second < leans { 1.0 } else { 1_000.0 };
                let arrival = if second < due { Trend::Bullish } else { Trend::Neutral };
                tendency.update(
                    [weight(1.0), weight(asks)],
                    false,
                    arrival,
                    usual,
                    second * 1000,
                    Rule { half_life_ms: 1.0, dominant: 1e9, ..RULE },
                );
                (tendency.trend, tendency.cause)
            })
            .collect()
    }

    #[test]
    fn an_arrival_is_told_for_one_dwell_after_it_was_due_for_one() {
        let (none, word) = ((Trend::Neutral, None), (Trend::Bullish, Some(Cause::Arrival)));
        assert_eq!(told(3, 100), [none, none, word, word, none, none, none, none]);
        assert_eq!(told(2, 100), [none; 8], "gone before the dwell was over");
    }

    #[test]
    fn what_leans_comes_before_an_arrival() {
        let lean = (Trend::Bearish, Some(Cause::Lean));
        assert_eq!(told(8, 0)[2..], [lean; 6]);
        assert_eq!(
            told(3, 3)[3..6],
            [(Trend::Bullish, Some(Cause::Arrival)), (Trend::Bullish, Some(Cause::Arrival)), lean],
            "after its own dwell"
        );
    }

    #[test]
    fn without_evidence_it_is_neutral_after_the_dwell() {
        let mut tendency = Tendency::default();
        run(&mut tendency, 0..10, 3.0, 1.0);
        for second in 10..13 {
            assert_eq!(tendency.trend, Trend::Bullish);
            tendency.update([weight(3.0), weight(0.0)], true, Trend::Neutral, None, second * 1000, RULE);
        }
        assert_eq!(tendency.trend, Trend::Neutral);
    }
}
