//! How far a pair's buffered lane is behind.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::counters::Counter;
use crate::clock::{self, Arrival};

/// The frames of a pair on their way from the producer to Redis's acknowledgement of their readings. Bounded as the lane itself is: by what
/// may wait for Redis, what the List holds, and the batch in hand.
#[derive(Debug, Default)]
pub struct LaneFigures {
    under_way: Mutex<UnderWay>,
    dropped: Counter,
}

#[derive(Debug, Default)]
struct UnderWay {
    run: u64,
    /// Index and arrival of each frame, oldest first.
    frames: VecDeque<(u64, u64)>,
}

impl LaneFigures {
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame set out; `most` frames can be under way.
    pub fn pushed(&self, run: u64, index: u64, arrival: Arrival, most: usize) {
        let mut under_way = self.lock();
        under_way.run = run;
        if under_way.frames.len() >= most {
            under_way.frames.pop_front();
        }
        under_way.frames.push_back((index, arrival.monotonic_ns()));
    }

    /// Everything up to a frame is published or dropped.
    pub fn published(&self, run: u64, index: u64) {
        let mut under_way = self.lock();
        if under_way.run != run {
            return;
        }
        while under_way.frames.front().is_some_and(|frame| frame.0 <= index) {
            under_way.frames.pop_front();
        }
    }

    /// Frames were dropped.
    pub fn dropped(&self, frames: u64) {
        self.dropped.add(frames);
    }

    /// Frames dropped since the pair was added.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.get()
    }

    /// Frames whose readings aren't published yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().frames.len()
    }

    /// How long the oldest of them has been under way; zero when there is none.
    #[must_use]
    pub fn lag(&self) -> Duration {
        let oldest = self.lock().frames.front().map(|frame| frame.1);
        oldest.map_or(Duration::ZERO, |ns| Duration::from_nanos(clock::since_start().saturating_sub(ns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_behind_by_what_is_not_published_and_its_oldest_frame_says_how_long() {
        let figures = LaneFigures::default();
        assert_eq!((figures.waiting(), figures.lag()), (0, Duration::ZERO));
        for index in 0..5 {
            figures.pushed(7, index, Arrival::now(), 4);
        }
        assert_eq!(figures.waiting(), 4, "bounded");
        figures.published(6, 4);
        assert_eq!(figures.waiting(), 4, "another run's");
        figures.published(7, 3);
        assert_eq!(figures.waiting(), 1);
        assert!(figures.lag() > Duration::ZERO);
        figures.published(7, 4);
        assert_eq!(figures.lag(), Duration::ZERO);
    }
}
