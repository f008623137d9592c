//! How often something may be done: so many times within a span that slides.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A sliding window.
#[derive(Debug)]
pub(super) struct Window {
    /// Most within the span; 0: not limited.
    limit: usize,
    span: Duration,
    /// When it was done, oldest first; at most `limit` of them.
    times: VecDeque<Instant>,
}

impl Window {
    pub(super) fn new(limit: u32, span: Duration) -> Self {
        Self { limit: limit as usize, span, times: VecDeque::new() }
    }

    /// Counts one; false if it is too many. What is refused doesn't count.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self.limit == 0 {
            return true;
        }
        while self.times.front().is_some_and(|&oldest| now.duration_since(oldest) >= self.span) {
            self.times.pop_front();
        }
        let free = self.times.len() < self.limit;
        if free {
            self.times.push_back(now);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::Window;
    use std::time::Duration;
    use tokio::time::Instant;

    #[test]
    fn a_window_slides_and_none_is_no_limit() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut window = Window::new(2, Duration::from_secs(1));
        let taken: Vec<bool> = [0, 600, 700, 999, 1000, 1500, 1600].map(|ms| window.take(at(ms))).to_vec();
        assert_eq!(taken, [true, true, false, false, true, false, true]);
        let mut open = Window::new(0, Duration::from_secs(1));
        assert!((0..1000).all(|_| open.take(start)));
    }
}
