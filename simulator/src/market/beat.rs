//! When each pair's frames come: the exchange looks at every book on a grid of 100 ms and sends what changed.

use super::dice::Dice;

/// The exchange's grid.
const GRID_US: f64 = 100_000.0;
/// Share of grid points at which a lively book has changed: 9 frames a second.
const LIVELY: f64 = 0.9;

/// How the frames of several pairs lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// As from the exchange: each pair on a grid of its own phase, some grid points left out.
    #[default]
    Natural,
    /// All pairs at the same instants, strictly regular: the worst case for queues.
    Burst,
    /// Evenly spaced over all pairs, strictly regular: the best case for queues.
    Even,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The book changed.
    Change,
    /// Nothing changed for long: a keep-alive.
    KeepAlive,
}

/// What the beats of all pairs have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rhythm {
    /// How the pairs' frames lie in time.
    pub(crate) shape: Shape,
    /// Frames a second of one pair, on average.
    pub(crate) per_second: f64,
    /// Silence after which a keep-alive is due.
    pub(crate) keep_alive_us: u64,
    /// Exchange time of the start.
    pub(crate) start_us: u64,
}

/// The times of one pair's frames, in microseconds of exchange time.
#[derive(Debug, Clone)]
pub struct Beat {
    dice: Dice,
    /// Distance of grid points.
    grid_us: f64,
    /// Probability that a grid point has a change.
    lively: f64,
    /// Silence after which a keep-alive is due.
    keep_alive_us: u64,
    /// Grid point of the next change, and its number: times are computed from the number, so that rounding doesn't add up.
    first_us: f64,
    number: u64,
    next_change_us: u64,
    /// When the last frame was due.
    last_us: u64,
}

impl Beat {
    /// The beat of the pair `name`, which is number `index` of `pairs`.
    pub(crate) fn new(seed: u64, name: &str, rhythm: Rhythm, index: usize, pairs: usize) -> Self {
        let Rhythm { shape, per_second, keep_alive_us, start_us } = rhythm;
        let mut dice = Dice::new(seed ^ 0xbea7, name);
        let interval_us = 1e6 / per_second;
        let share = index as f64 / pairs.max(1) as f64;
        let (grid_us, lively, phase) = match shape {
            Shape::Natural if interval_us * LIVELY < GRID_US => (interval_us * LIVELY, LIVELY, dice.unit()),
            Shape::Natural => (GRID_US, GRID_US / interval_us, dice.unit()),
            Shape::Burst => (interval_us, 1.0, 0.0),
            Shape::Even => (interval_us, 1.0, share),
        };
        let first_us = start_us as f64 + phase * grid_us;
        let mut beat = Self { dice, grid_us, lively, keep_alive_us, first_us, number: 0, next_change_us: 0, last_us: start_us };
        beat.skip();
        beat
    }

    /// To the next grid point that has a change: the number of points left out is geometric.
    fn skip(&mut self) {
        let left_out = if self.lively >= 1.0 { 0.0 } else { (libm::log(1.0 - self.dice.unit()) / libm::log(1.0 - self.lively)).floor() };
        self.number = self.number.saturating_add(1 + left_out as u64);
        self.next_change_us = (self.first_us + self.number as f64 * self.grid_us) as u64;
    }

    /// What is due next, and when (microseconds of exchange time).
    pub fn peek(&self) -> (u64, Due) {
        let alive = self.last_us.saturating_add(self.keep_alive_us);
        if alive < self.next_change_us { (alive, Due::KeepAlive) } else { (self.next_change_us, Due::Change) }
    }

    /// Takes what [`Beat::peek`] says.
    pub fn take(&mut self) -> (u64, Due) {
        let (at, due) = self.peek();
        self.last_us = at;
        if due == Due::Change {
            self.skip();
        }
        (at, due)
    }
}

#[cfg(test)]
mod tests {
    use super::{Beat, Due, Rhythm, Shape};

    fn rhythm(shape: Shape, per_second: f64) -> Rhythm {
        Rhythm { shape, per_second, keep_alive_us: 60_000_000, start_us: 0 }
    }

    fn changes(shape: Shape, per_second: f64, count: usize, index: usize) -> Vec<u64> {
        let mut beat = Beat::new(7, "BTC-USDT", rhythm(shape, per_second), index, 10);
        (0..count).map(|_| beat.take().0).collect()
    }

    #[test]
    fn the_natural_beat_lies_on_a_100_ms_grid_and_has_nine_frames_a_second() {
        let times = changes(Shape::Natural, 9.0, 9_000, 0);
        assert!(times.windows(2).all(|w| (w[1] - w[0] + 1) % 100_000 <= 2), "off the grid");
        let seconds = (times[8_999] - times[0]) as f64 / 1e6;
        assert!((970.0..1030.0).contains(&seconds), "{seconds}");
    }

    #[test]
    fn a_burst_has_all_pairs_at_once_and_even_shifts_them() {
        assert_eq!(changes(Shape::Burst, 10.0, 5, 0), changes(Shape::Burst, 10.0, 5, 7));
        let (a, b) = (changes(Shape::Even, 10.0, 5, 0), changes(Shape::Even, 10.0, 5, 7));
        assert!(a.iter().zip(&b).all(|(a, b)| b - a == 70_000));
    }

    #[test]
    fn a_silent_pair_gives_a_keep_alive_after_the_time_said() {
        let mut beat = Beat::new(7, "BTC-USDT", rhythm(Shape::Even, 0.004), 0, 1);
        let due: Vec<_> = (0..5).map(|_| beat.take()).collect();
        let alive = |s: u64| (s * 1_000_000, Due::KeepAlive);
        assert_eq!(due, [alive(60), alive(120), alive(180), alive(240), (250_000_000, Due::Change)]);
    }
}
