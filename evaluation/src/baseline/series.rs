//! The last values of a figure, with their mean and deviation.

use std::collections::VecDeque;

/// A window of at most so many values.
#[derive(Debug, Clone)]
pub struct Series {
    length: usize,
    values: VecDeque<f64>,
    sum: f64,
    squares: f64,
    /// Pushes since the sums were made anew: rounding errors must not pile up.
    since: usize,
}

impl Series {
    /// An empty window.
    #[must_use]
    pub fn new(length: usize) -> Self {
        Self { length: length.max(1), values: VecDeque::with_capacity(length), sum: 0.0, squares: 0.0, since: 0 }
    }

    /// The newest value; the oldest one of a full window goes.
    pub fn push(&mut self, value: f64) {
        if self.values.len() == self.length
            && let Some(old) = self.values.pop_front()
        {
            self.sum -= old;
            self.squares -= old * old;
        }
        self.values.push_back(value);
        self.sum += value;
        self.squares += value * value;
        self.since += 1;
        if self.since > 4 * self.length {
            self.since = 0;
            self.sum = self.values.iter().sum();
            self.squares = self.values.iter().map(|value| value * value).sum();
        }
    }

    /// Values so far, at most the length.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The oldest value.
    #[must_use]
    pub fn oldest(&self) -> Option<f64> {
        self.values.front().copied()
    }

    /// How many standard deviations a value is above the mean; 0 while there is no deviation.
    #[must_use]
    pub fn z(&self, value: f64) -> f64 {
        let n = self.values.len() as f64;
        if n < 2.0 {
            return 0.0;
        }
        let mean = self.sum / n;
        let deviation = libm::sqrt((self.squares / n - mean * mean).max(0.0));
        if deviation > 1e-12 { (value - mean) / deviation } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_forgets_what_is_old() {
        let mut series = Series::new(4);
        [100.0, 1.0, 3.0, 1.0, 3.0].into_iter().for_each(|value| series.push(value));
        assert_eq!((series.len(), series.oldest()), (4, Some(1.0)));
        assert!((series.z(4.0) - 2.0).abs() < 1e-9);
    }
}
