//! Large orders that have just come, where that is rare.
//!
//! A large level that stands is no news on a book that always has some. That one comes can be: an arrival is a level that holds `share` of what its side
//! held without the newest ones, at most `near_bps` from mid, at a price that had no large level in the book before, unless one of its size has just left a
//! price nearby: that one was repriced. It is told once it has stood for `stands_ms`. Whether it is news the pair's last hour tells: where
//! `ordinary` or more came within it none is told. Told for two seconds each, as many as that take a part of the time that is known beforehand.

use std::collections::VecDeque;

use leadline_plugin::serde::{Deserialize, Serialize};

use crate::detection::LargeLevel;
use crate::tendency::Trend;

/// What is ordinary is asked of the last hour, ms.
const HOUR_MS: u64 = 3_600_000;
/// And not before this much of it is known, ms.
const KNOWN_MS: u64 = 900_000;
/// An order was repriced, and is none that came, when one is gone from so near, bps, and held as much but for this part.
const REPRICED_BPS: f64 = 3.0;
const REPRICED_PART: f64 = 0.2;
/// An arrival stands while its level holds this part of what it came with.
const LEFT: f64 = 0.7;

/// What an arrival is, and when it is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Part of what its side holds without the levels that are younger than `stands_ms`.
    pub share: f64,
    /// It is told when it has stood for this long, ms.
    pub stands_ms: u64,
    /// At most so far from mid, bps.
    pub near_bps: f64,
    /// Where so many or more come in an hour none is told.
    pub ordinary: usize,
}

/// A large level as it was in the book before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Before {
    /// Quote units.
    pub price: f64,
    /// Notional.
    pub notional: f64,
    /// See [`LargeLevel::born_ms`].
    pub born_ms: u64,
    /// See [`LargeLevel::came`].
    pub came: f64,
}

/// Finds out which of a side's large levels came with this book. `total`: notional of the side within the window.
pub fn mark(large: &mut [LargeLevel], before: &[Before], total: f64, now_ms: u64, rule: Rule) {
    if large.iter().all(|level| level.born_ms < now_ms) {
        return;
    }
    let young =
        large.iter().filter(|level| now_ms.saturating_sub(level.born_ms) < rule.stands_ms).fold(0.0, |sum, level| sum + level.notional);
    let least = rule.share * (total - young);
    let gone = |old: &Before, large: &[LargeLevel]| large.iter().all(|level| level.price != old.price);
    for at in 0..large.len() {
        let LargeLevel { price, notional, distance_bps, born_ms, .. } = large[at];
        let candidate = born_ms == now_ms && notional >= least && distance_bps <= rule.near_bps;
        if candidate && before.iter().all(|old| old.price != price && !(is_repriced(old, price, notional) && gone(old, large))) {
            large[at].came = notional;
        }
    }
}

fn is_repriced(old: &Before, price: f64, notional: f64) -> bool {
    (old.price - price).abs() * 1e4 <= REPRICED_BPS * price && (old.notional - notional).abs() <= REPRICED_PART * notional.max(old.notional)
}

/// Lets go the arrivals of a side that this book's word has told, and those that are too old to be told. `told`: the word is this side's.
pub fn settle(large: &mut [LargeLevel], told: bool, now_ms: u64, dwell_ms: u64, rule: Rule) {
    let age_ms = |level: &LargeLevel| now_ms.saturating_sub(level.born_ms);
    let told = told && large.iter().any(|level| level.came > 0.0 && age_ms(level) >= rule.stands_ms);
    let most_ms = if told { rule.stands_ms.saturating_sub(dwell_ms) } else { rule.stands_ms + dwell_ms + 1 };
    large.iter_mut().filter(|level| age_ms(level) >= most_ms).for_each(|level| level.came = 0.0);
}

/// How many came, and which is to be told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct Arrivals {
    /// Exchange time of the first book, ms.
    since_ms: Option<u64>,
    /// Exchange time of the newest book, ms.
    last_ms: u64,
    /// When arrivals of the last hour had stood for long enough, told or not, ms; of one side at once they are one. No more than what is ordinary are kept.
    times_ms: VecDeque<u64>,
}

impl Arrivals {
    /// Counts those that have now stood. Gives the word of the largest arrival that stands long enough to be told `dwell_ms` from now, where arrivals are rare;
    /// neutral: there is none.
    pub fn due(&mut self, bids: &mut [LargeLevel], asks: &mut [LargeLevel], now_ms: u64, dwell_ms: u64, rule: Rule) -> Trend {
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        let before_ms = std::mem::replace(&mut self.last_ms, now_ms);
        while self.times_ms.front().is_some_and(|&time_ms| time_ms.saturating_add(HOUR_MS) < now_ms) {
            self.times_ms.pop_front();
        }
        let from_ms = rule.stands_ms.saturating_sub(dwell_ms);
        let [bid, ask] = [bids, asks].map(|large| {
            let (mut largest, mut stood) = (0.0, false);
            for level in large.iter_mut().filter(|level| level.came > 0.0) {
                if level.notional < LEFT * level.came {
                    level.came = 0.0;
                    continue;
                }
                let age_ms = now_ms.saturating_sub(level.born_ms);
                stood |= age_ms >= rule.stands_ms && before_ms.saturating_sub(level.born_ms) < rule.stands_ms;
                if age_ms >= from_ms && level.notional > largest {
                    largest = level.notional;
                }
            }
            if stood {
                self.times_ms.push_back(now_ms);
                if self.times_ms.len() > rule.ordinary {
                    self.times_ms.pop_front();
                }
            }
            largest
        });
        let known_ms = now_ms.saturating_sub(since_ms).min(HOUR_MS);
        let ordinary = self.times_ms.len() as u64 * HOUR_MS >= rule.ordinary as u64 * known_ms;
        match () {
            () if ordinary || known_ms < KNOWN_MS => Trend::Neutral,
            () if bid > ask => Trend::Bullish,
            () if ask > bid => Trend::Bearish,
            () => Trend::Neutral,
        }
    }

    /// How many came within the last hour; no more than what is ordinary are counted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.times_ms.len()
    }

    /// Whether a restored one is one that this code could have written.
    #[must_use]
    pub(crate) fn fits(&self, ordinary: usize) -> bool {
        self.times_ms.len() <= ordinary && self.times_ms.iter().is_sorted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::Kind;

    const RULE: Rule = Rule { share: 0.15, stands_ms: 8_000, near_bps: 50.0, ordinary: 90 };
    const DWELL_MS: u64 = 2_000;

    fn level(price: f64, notional: f64, born_ms: u64, came: f64) -> LargeLevel {
        let kind = Kind::Unknown;
        LargeLevel {
            price,
            size: notional / price,
            base: notional / price,
            notional,
            orders: 0,
            distance_bps: 100.0 - price,
            born_ms,
            kind,
            came,
        }
    }

    fn before(price: f64, notional: f64) -> Before {
        Before { price, notional, born_ms: 0, came: 0.0 }
    }

    /// What is marked of levels that came at 10 s on a side of 1000, beside those that had stood.
    fn came(large: &[(f64, f64)], old: &[Before]) -> Vec<f64> {
        let mut large: Vec<LargeLevel> = large.iter().map(|&(price, notional)| level(price, notional, 10_000, 0.0)).collect();
        mark(&mut large, old, 1_000.0, 10_000, RULE);
        large.iter().map(|level| level.came).collect()
    }

    #[test]
    fn a_level_came_when_it_is_a_share_of_what_was_there_without_it() {
        assert_eq!(came(&[(99.0, 131.0)], &[]), [131.0], "of 869");
        assert_eq!(came(&[(99.0, 130.0)], &[]), [0.0], "of 870");
        // Several at once don't hide each other.
        assert_eq!(came(&[(99.0, 100.0), (98.0, 100.0), (97.0, 200.0)], &[]), [100.0, 100.0, 200.0], "of 600");
        assert_eq!(came(&[(49.0, 400.0)], &[]), [0.0], "51 bps from mid");
    }

    #[test]
    fn an_order_that_was_repriced_did_not_come() {
        assert_eq!(came(&[(99.0, 200.0)], &[before(99.02, 210.0)]), [0.0], "2 bps away, much the same size");
        assert_eq!(came(&[(99.0, 200.0)], &[before(99.04, 210.0)]), [200.0], "4 bps away");
        assert_eq!(came(&[(99.0, 200.0)], &[before(99.02, 300.0)]), [200.0], "half as much again");
        assert_eq!(came(&[(99.02, 200.0), (99.0, 200.0)], &[before(99.02, 200.0)]), [0.0, 200.0], "it still stands");
    }

    /// Words from 900 s on, when enough is known: one bid of 200 came at 900 s.
    fn words(arrivals: &mut Arrivals, seconds: std::ops::Range<u64>, notional: impl Fn(u64) -> f64) -> Vec<Trend> {
        arrivals.since_ms = Some(0);
        let mut bids = [level(99.0, 200.0, 900_000, 200.0)];
        seconds
            .map(|second| {
                bids[0].notional = notional(second);
                let word = arrivals.due(&mut bids, &mut [], second * 1000, DWELL_MS, RULE);
                settle(&mut bids, false, second * 1000, DWELL_MS, RULE);
                word
            })
            .collect()
    }

    #[test]
    fn an_arrival_is_due_from_a_dwell_before_it_has_stood_to_the_first_book_that_is_a_dwell_late() {
        let words = words(&mut Arrivals::default(), 900..920, |_| 200.0);
        let due: Vec<usize> = (0..20).filter(|&second| words[second] == Trend::Bullish).collect();
        assert_eq!(due, [6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn an_arrival_that_does_not_stand_is_none() {
        let words = words(&mut Arrivals::default(), 900..920, |second| if second == 905 { 139.0 } else { 200.0 });
        assert_eq!(words, [Trend::Neutral; 20]);
    }

    #[test]
    fn what_is_told_is_let_go_with_all_of_its_side_that_could_be_told() {
        let mut bids = [level(99.0, 200.0, 0, 200.0), level(98.0, 300.0, 1_000, 300.0), level(97.0, 300.0, 3_000, 300.0)];
        settle(&mut bids, true, 7_000, DWELL_MS, RULE);
        assert!(bids.iter().all(|level| level.came > 0.0), "the word is older: none of them has stood");
        settle(&mut bids, true, 8_000, DWELL_MS, RULE);
        assert_eq!(bids.map(|level| level.came), [0.0, 0.0, 300.0]);
    }

    #[test]
    fn an_arrival_is_counted_once_when_it_has_stood_and_two_at_once_are_one() {
        let mut arrivals = Arrivals::default();
        let mut bids = [level(99.0, 200.0, 0, 200.0), level(98.0, 200.0, 0, 200.0), level(97.0, 200.0, 3_000, 200.0)];
        let counts: Vec<usize> = (0..13)
            .map(|second| {
                arrivals.due(&mut bids, &mut [], second * 1000, DWELL_MS, RULE);
                arrivals.count()
            })
            .collect();
        assert_eq!(counts, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2]);
    }

    #[test]
    fn where_as_many_come_as_is_ordinary_none_is_told_until_the_hour_is_over() {
        let told = |count: u64, last: u64| {
            let times_ms = (0..count).map(|i| last - 1_000 * (count - i)).collect();
            let mut arrivals = Arrivals { since_ms: Some(0), times_ms, ..Arrivals::default() };
            let mut bids = [level(99.0, 200.0, 7_200_000 - 7_000, 200.0)];
            arrivals.due(&mut bids, &mut [], 7_200_000, DWELL_MS, RULE)
        };
        assert_eq!(told(89, 7_000_000), Trend::Bullish);
        assert_eq!(told(90, 7_000_000), Trend::Neutral);
        assert_eq!(told(90, 3_500_000), Trend::Bullish, "more than an hour ago");
    }

    #[test]
    fn no_more_is_kept_than_tells_that_it_is_ordinary() {
        let mut arrivals = Arrivals::default();
        for second in 0..1_000 {
            let mut bids = [level(99.0, 200.0, second * 1000, 200.0)];
            arrivals.due(&mut bids, &mut [], (second + 8) * 1000, DWELL_MS, RULE);
        }
        assert!(arrivals.count() == 90 && arrivals.fits(90) && !arrivals.fits(89));
    }

    #[test]
    fn the_larger_side_is_told_and_two_alike_are_none() {
        for (ask, expected) in [(199.0, Trend::Bullish), (200.0, Trend::Neutral), (201.0, Trend::Bearish)] {
            let mut arrivals = Arrivals { since_ms: Some(0), ..Arrivals::default() };
            let (mut bids, mut asks) = ([level(99.0, 200.0, 1_000_000, 200.0)], [level(101.0, ask, 1_000_000, ask)]);
            assert_eq!(arrivals.due(&mut bids, &mut asks, 1_007_000, DWELL_MS, RULE), expected);
        }
    }
}
