//! What the exchange allows in a time: so many connections a second, so many requests an hour.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;

/// At most `limit` uses in any `window`: the times of the last uses are kept, so no alignment of windows can let more through.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    window: Duration,
    used: VecDeque<Instant>,
}

impl Budget {
    /// A budget of which nothing is used.
    #[must_use]
    pub fn new(limit: usize, window: Duration) -> Self {
        Self { limit, window, used: VecDeque::with_capacity(limit) }
    }

    /// Uses `n` at once, or says when as many will be free. More than the limit at once are never free: they count as the limit.
    ///
    /// # Errors
    /// The time from which on they are.
    pub fn take(&mut self, n: usize, now: Instant) -> Result<(), Instant> {
        let n = n.min(self.limit);
        while self.used.front().is_some_and(|&at| at + self.window <= now) {
            self.used.pop_front();
        }
        let free = self.limit - self.used.len();
        if free < n {
            // The uses are in order: once the (n - free)th oldest has passed out of the window, there is room.
            return Err(self.used.get(n - free - 1).map_or(now, |&at| at + self.window));
        }
        self.used.extend(std::iter::repeat_n(now, n));
        Ok(())
    }
}

/// A budget that many tasks wait for, in the order in which they come.
#[derive(Debug)]
pub struct Turnstile {
    budget: Mutex<Budget>,
    queue: tokio::sync::Mutex<()>,
}

impl Turnstile {
    /// One use at a time of a budget.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self { budget: Mutex::new(budget), queue: tokio::sync::Mutex::new(()) }
    }

    /// Waits for one use, and uses it. Dropped while waiting, it uses nothing.
    pub async fn pass(&self) {
        let _turn = self.queue.lock().await;
        loop {
            let taken = self.budget.lock().unwrap_or_else(PoisonError::into_inner).take(1, Instant::now());
            match taken {
                Ok(()) => return,
                Err(at) => tokio::time::sleep_until(at).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_the_limit_and_no_wait_is_longer_than_needed(
            limit in 1_usize..6, asks in prop::collection::vec((0_u64..700, 1_usize..4), 1..60)
        ) {
            let window = Duration::from_secs(1);
            let mut budget = Budget::new(limit, window);
            let mut now = Instant::now();
            let mut uses: Vec<Instant> = Vec::new();
            for (later, n) in asks {
                now += Duration::from_millis(later);
                let n = n.min(limit);
                if let Err(at) = budget.take(n, now) {
                    prop_assert!(at > now);
                    prop_assert!(budget.take(n, at - Duration::from_millis(1)).is_err(), "it was free before");
                    now = at;
                    prop_assert!(budget.take(n, now).is_ok(), "not free when said");
                }
                uses.extend(std::iter::repeat_n(now, n));
                let within = uses.iter().filter(|&&at| at + window > now).count();
                prop_assert!(within <= limit, "{within} of {limit}");
            }
        }
    }

    #[tokio::test]
    async fn those_who_wait_together_pass_no_faster_than_the_budget() {
        let window = Duration::from_millis(40);
        let turnstile = Arc::new(Turnstile::new(Budget::new(3, window)));
        let mut passing = Vec::new();
        for _ in 0..10 {
            let turnstile = Arc::clone(&turnstile);
            passing.push(tokio::spawn(async move {
                turnstile.pass().await;
                Instant::now()
            }));
        }
        let mut passed = Vec::new();
        for one in passing {
            passed.push(one.await.expect("it passed"));
        }
        passed.sort_unstable();
        // The time is noted after passing: so a pass may seem later than it was, and only the whole is sure to take its time.
        assert!(passed[9] - passed[0] >= window * 2, "{:?}", passed[9] - passed[0]);
    }
}
