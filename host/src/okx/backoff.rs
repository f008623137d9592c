//! How long to wait before the next try: doubled each time up to a ceiling, with jitter so that many hosts don't return at once.

use std::time::Duration;

/// Waits that grow.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    ceiling: Duration,
    next: Duration,
    /// State of the jitter's xorshift generator; its quality doesn't matter.
    jitter: u64,
}

impl Backoff {
    /// Waits from `first` to `ceiling`. `seed` makes the jitter differ between users of one clock.
    #[must_use]
    pub fn new(first: Duration, ceiling: Duration, seed: u64) -> Self {
        Self { first, ceiling, next: first, jitter: seed | 1 }
    }

    /// The next wait: between half and all of the doubled one.
    pub fn wait(&mut self) -> Duration {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        let whole = self.next;
        self.next = (self.next * 2).min(self.ceiling);
        let part = 0.5 + (self.jitter % 1000) as f64 / 2000.0;
        whole.mul_f64(part)
    }

    /// All is well: the next wait is the first one again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_ceiling_with_jitter_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(4), 7);
        for whole in [500, 1000, 2000, 4000, 4000] {
            let wait = backoff.wait().as_millis();
            assert!((whole / 2..=whole).contains(&wait), "{wait} of {whole}");
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_millis(500));
    }
}
