//! The 1 s grid: which book is the sample of which second, what a quiet, missing or restarted second is.
//!
//! - The sample at second s is the last valid book at or before s. It is known, and told, when the first book after s comes.
//! - A quiet second repeats the sample before, for 60 s at most; then seconds are missing.
//! - Across a restart (first book, resynchronisation, jump in time) and across missing seconds the difference to the sample before
//!   means nothing: the first sample after has `step: false`.
//! - When exchange time goes back (a recording starts over), the grid goes on from the new time. The seconds in between aren't filled, the book
//!   held before is no sample any more, and windows keep the values they have.

use serde::{Deserialize, Serialize};

/// Seconds that a quiet book stays the sample.
pub const QUIET_SECONDS: u64 = 60;

/// One grid second, or a run of missing ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tick<'a, T> {
    /// The sample of this second.
    Sample {
        /// Seconds since 1970 UTC.
        second: u64,
        /// What was held of the last valid book.
        value: &'a T,
        /// Whether the difference to the sample before means something.
        step: bool,
    },
    /// Nothing is known about these seconds.
    Missing {
        /// The first of them.
        second: u64,
        /// How many; at least 1.
        seconds: u64,
    },
}

/// Makes one sample a second of books that come when they come. `T` is what is kept of a book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondGrid<T> {
    held: Option<(u64, T)>,
    /// The first second that has no sample yet; means nothing before the first book.
    next: u64,
    /// Whether something came between the last sample and the book held.
    broken: bool,
}

impl<T> Default for SecondGrid<T> {
    fn default() -> Self {
        Self { held: None, next: 0, broken: true }
    }
}

impl<T> SecondGrid<T> {
    /// A valid book has come: tells every second that ended before it. Call [`SecondGrid::hold`] with the same book afterwards.
    ///
    /// At most [`QUIET_SECONDS`] samples and one run of missing seconds are told a call.
    pub fn advance(&mut self, time_ms: u64, restarted: bool, mut tell: impl FnMut(Tick<'_, T>)) {
        match &self.held {
            None => self.next = time_ms.div_ceil(1000),
            Some((held_ms, _)) if time_ms < *held_ms => {
                self.next = time_ms.div_ceil(1000);
                self.broken = true;
            }
            Some((held_ms, value)) => {
                while self.next.saturating_mul(1000) < time_ms {
                    if self.next.saturating_mul(1000) - held_ms > QUIET_SECONDS * 1000 {
                        let end = time_ms.div_ceil(1000);
                        tell(Tick::Missing { second: self.next, seconds: end - self.next });
                        self.next = end;
                        self.broken = true;
                        break;
                    }
                    tell(Tick::Sample { second: self.next, value, step: !self.broken });
                    self.next += 1;
                    self.broken = false;
                }
            }
        }
        self.broken |= restarted;
    }

    /// Keeps this book as the one that seconds from now on are sampled from.
    pub fn hold(&mut self, time_ms: u64, value: T) {
        self.held = Some((time_ms, value));
    }

    /// As [`SecondGrid::hold`], with what was held before in hand, so that its buffers can be used again.
    pub fn renew(&mut self, time_ms: u64, make: impl FnOnce(Option<T>) -> T) {
        let before = self.held.take().map(|(_, value)| value);
        self.held = Some((time_ms, make(before)));
    }

    /// A book that can't be judged said `restarted`: the next sample is no step either.
    pub fn restart(&mut self) {
        self.broken = true;
    }

    /// What is held of the last valid book.
    #[must_use]
    pub fn held(&self) -> Option<&T> {
        self.held.as_ref().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(books: &[(u64, bool)]) -> Vec<String> {
        let mut grid = SecondGrid::default();
        let mut told = Vec::new();
        for (number, &(time_ms, restarted)) in books.iter().enumerate() {
            grid.advance(time_ms, restarted, |tick| {
                told.push(match tick {
                    Tick::Sample { second, value, step } => format!("{second}:{value}{}", if step { "" } else { "|" }),
                    Tick::Missing { second, seconds } => format!("{second}+{seconds}"),
                });
            });
            grid.hold(time_ms, number);
        }
        told
    }

    #[test]
    fn the_sample_of_a_second_is_the_last_book_at_or_before_it() {
        // Book 1 stands on second 11 exactly and is its sample, book 2 too, being later in the same millisecond.
        assert_eq!(run(&[(10_200, true), (11_000, false), (11_000, false), (11_001, false), (12_500, false)]), ["11:2|", "12:3"]);
    }

    #[test]
    fn quiet_seconds_repeat_the_sample_before_for_a_minute_then_are_missing() {
        let told = run(&[(10_000, true), (10_500, false), (75_000, false), (76_500, false)]);
        assert_eq!(told.first().map(String::as_str), Some("10:0|"));
        assert_eq!(told[1..61], (11..=70).map(|second| format!("{second}:1")).collect::<Vec<_>>());
        assert_eq!(told[61..], ["71+4", "75:2|", "76:2"]);
    }

    #[test]
    fn the_step_across_a_restart_is_none() {
        assert_eq!(
            run(&[(10_100, true), (11_100, false), (12_100, true), (13_100, false), (14_100, false)]),
            ["11:0|", "12:1", "13:2|", "14:3"]
        );
    }

    #[test]
    fn time_that_goes_back_starts_the_grid_again_without_filling() {
        assert_eq!(run(&[(90_100, true), (91_100, false), (10_100, true), (11_100, false), (12_100, false)]), ["91:0|", "11:2|", "12:3"]);
        // The contract promises `restarted` then; without the promise kept the grid is still right.
        assert_eq!(run(&[(90_100, true), (91_100, false), (10_100, false), (11_100, false)]), ["91:0|", "11:2|"]);
    }

    proptest! {
        #[test]
        fn any_times_are_bounded_and_told_in_order(times in prop::collection::vec((any::<u64>(), any::<bool>()), 1..40)) {
            let mut grid = SecondGrid::default();
            for &(time_ms, restarted) in &times {
                let (mut count, mut last) = (0, None);
                grid.advance(time_ms, restarted, |tick| {
                    count += 1;
                    let second = match tick { Tick::Sample { second, .. } | Tick::Missing { second, .. } => second };
                    assert!(last.is_none_or(|last| last < second) && second.saturating_mul(1000) < time_ms);
                    last = Some(second);
                });
                prop_assert!(count <= QUIET_SECONDS + 2);
                grid.hold(time_ms, ());
            }
        }

        #[test]
        fn every_second_is_told_once(steps in prop::collection::vec(0_u64..90_000, 1..40)) {
            let mut grid = SecondGrid::default();
            let (mut time_ms, mut next) = (5_000, 5);
            for step in steps {
                grid.advance(time_ms, false, |tick| match tick {
                    Tick::Sample { second, .. } => { assert_eq!(second, next); next += 1; }
                    Tick::Missing { second, seconds } => { assert_eq!(second, next); next += seconds; }
                });
                prop_assert_eq!(next, time_ms.div_ceil(1000));
                grid.hold(time_ms, ());
                time_ms += step;
            }
        }
    }
}
