//! Candidates followed from book to book: how long each has stood, its high, and what became of those that are gone.

use std::collections::VecDeque;

use leadline_plugin::serde::{Deserialize, Serialize};

use crate::density::Candidate;
use crate::places::PLACES;

/// A candidate with its history.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct Tracked {
    /// Notional-weighted price in the newest book, quote units.
    pub price: f64,
    /// Distance from mid in the newest book, bps.
    pub distance_bps: f64,
    /// How many times the background the density exceeds it.
    pub excess: f64,
    /// Notional in the newest book.
    pub notional: f64,
    /// Resting orders; none when the exchange doesn't say.
    pub orders: Option<u64>,
    /// Exchange time of the first book that had it, ms.
    pub born_ms: u64,
    /// Score from 0 to 100 in the newest book.
    pub strength: f64,
    /// 0: level 1 of its side; 1: level 2.
    pub place: Option<usize>,
    /// Whether it has ever stood out enough for a place.
    pub stood_out: bool,
    /// Since when it has been strong enough to take each place, ms.
    pub stronger_since: [Option<u64>; PLACES],
    /// Highest notional a second over the last minute, only those that no later one reaches: the first is the minute's high. At most 61.
    pub(crate) highs: VecDeque<(u64, f64)>,
}

/// What a level is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub enum State {
    /// Younger than it takes to count as held.
    Forming,
    /// Stands.
    Held,
    /// Less than half of its high of the last minute is left.
    Weakening,
    /// Gone; price traded through it.
    Consumed,
    /// Gone while price was not near.
    Pulled,
}

impl State {
    /// The word in the outputs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Forming => "forming",
            Self::Held => "held",
            Self::Weakening => "weakening",
            Self::Consumed => "consumed",
            Self::Pulled => "pulled",
        }
    }
}

/// Seconds of the high that a level is measured against.
const HIGH_SECONDS: u64 = 60;

impl Tracked {
    /// Age at `now_ms`, s.
    #[must_use]
    pub fn age_s(&self, now_ms: u64) -> f64 {
        now_ms.saturating_sub(self.born_ms) as f64 / 1000.0
    }

    /// The highest notional of the last minute.
    #[must_use]
    pub fn notional_high(&self) -> f64 {
        self.highs.front().map_or(self.notional, |high| high.1)
    }

    /// What it is doing, while it is there.
    #[must_use]
    pub fn state(&self, now_ms: u64, held_after_s: f64) -> State {
        if self.notional < 0.5 * self.notional_high() {
            State::Weakening
        } else if self.age_s(now_ms) < held_after_s {
            State::Forming
        } else {
            State::Held
        }
    }

    /// Forgets all that depends on time, when time itself went back.
    fn forget(&mut self, now_ms: u64) {
        self.born_ms = now_ms;
        self.highs.clear();
        self.stronger_since = [None; PLACES];
    }

    /// Takes over what the newest book says.
    fn update(&mut self, candidate: &Candidate, now_ms: u64) {
        self.price = candidate.price;
        self.distance_bps = candidate.distance_bps;
        self.excess = candidate.excess;
        self.notional = candidate.notional;
        self.orders = candidate.orders;
        let second = now_ms / 1000;
        while self.highs.back().is_some_and(|high| high.1 <= candidate.notional) {
            self.highs.pop_back();
        }
        if self.highs.back().is_none_or(|high| high.0 < second) {
            self.highs.push_back((second, candidate.notional));
        }
        while self.highs.front().is_some_and(|high| high.0 + HIGH_SECONDS < second) {
            self.highs.pop_front();
        }
    }

    /// Whether a restored record is one that this code could have written.
    pub(crate) fn is_sound(&self) -> bool {
        let numbers = [self.price, self.distance_bps, self.excess, self.notional, self.strength];
        numbers.iter().all(|number| number.is_finite())
            && self.place.is_none_or(|place| place < PLACES)
            && self.highs.len() <= HIGH_SECONDS as usize + 1
            && self.highs.iter().all(|high| high.1.is_finite())
    }
}

/// The candidates of one side, from book to book.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde")]
pub struct Tracker {
    /// Those of the newest book, in the order given.
    pub tracked: Vec<Tracked>,
    /// Those of the book before that the newest one hasn't.
    #[serde(skip)]
    pub gone: Vec<Tracked>,
}

impl Tracker {
    /// Matches the candidates of a new book to those of the one before: each to the nearest within `reach` (quote units) that no other has taken.
    pub fn follow(&mut self, candidates: &[Candidate], reach: f64, now_ms: u64) {
        // What was there goes to `gone`; each match takes its record back. Both vectors keep their room.
        self.gone.clear();
        std::mem::swap(&mut self.tracked, &mut self.gone);
        for candidate in candidates {
            let mut nearest: Option<(usize, f64)> = None;
            for (i, level) in self.gone.iter().enumerate() {
                let off = (level.price - candidate.price).abs();
                if off <= reach && nearest.is_none_or(|(_, least)| off < least) {
                    nearest = Some((i, off));
                }
            }
            let mut level = match nearest {
                Some((i, _)) => self.gone.swap_remove(i),
                None => Tracked { born_ms: now_ms, ..Tracked::default() },
            };
            level.update(candidate, now_ms);
            self.tracked.push(level);
        }
    }

    /// Keeps prices and places, drops ages and highs.
    pub fn forget(&mut self, now_ms: u64) {
        self.tracked.iter_mut().for_each(|level| level.forget(now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(price: f64, notional: f64) -> Candidate {
        Candidate { price, distance_bps: 1.0, excess: 5.0, notional, orders: Some(1) }
    }

    #[test]
    fn a_candidate_is_followed_by_price_and_keeps_its_age() {
        let mut tracker = Tracker::default();
        tracker.follow(&[candidate(100.0, 1.0), candidate(90.0, 1.0)], 0.5, 1_000);
        tracker.follow(&[candidate(90.4, 1.0), candidate(95.0, 1.0)], 0.5, 4_000);
        let ages: Vec<_> = tracker.tracked.iter().map(|level| (level.price, level.age_s(4_000))).collect();
        assert_eq!(ages, [(90.4, 3.0), (95.0, 0.0)]);
        assert_eq!(tracker.gone.iter().map(|level| level.price).collect::<Vec<_>>(), [100.0]);
    }

    #[test]
    fn two_candidates_never_share_one_history() {
        let mut tracker = Tracker::default();
        tracker.follow(&[candidate(100.0, 1.0)], 0.5, 0);
        tracker.follow(&[candidate(100.1, 1.0), candidate(99.9, 1.0)], 0.5, 1_000);
        assert_eq!(tracker.tracked.iter().map(|level| level.born_ms).collect::<Vec<_>>(), [0, 1_000]);
    }

    #[test]
    fn a_level_forms_is_held_and_weakens_against_its_high_of_a_minute() {
        let mut tracker = Tracker::default();
        let mut state_at = |second: u64, notional: f64| {
            tracker.follow(&[candidate(100.0, notional)], 0.5, second * 1000);
            tracker.tracked[0].state(second * 1000, 10.0)
        };
        assert_eq!(state_at(0, 100.0), State::Forming);
        assert_eq!(state_at(9, 60.0), State::Forming);
        assert_eq!(state_at(10, 60.0), State::Held);
        assert_eq!(state_at(60, 49.0), State::Weakening);
        assert_eq!(state_at(61, 49.0), State::Held, "the 100 of second 0 is more than a minute old");
        assert_eq!(state_at(62, 29.0), State::Weakening, "against the 60 of second 10");
    }
}
