//! The exchange's clock against this host's, asked now and then: whether exchange-to-host delays mean something.
//!
//! A machine's clock may be set to another time while the host runs. Durations don't come from it; but a delay is the difference of two
//! clocks, so what was known of delays is forgotten then, and the exchange is asked again.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Monitor;
use crate::clock;
use crate::okx::{Rest, RestError};

/// How often it is asked, and how soon again after a failure.
const EVERY: Duration = Duration::from_secs(600);
const AGAIN: Duration = Duration::from_secs(60);
/// How often this machine's own clock is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// A clock that is this far from where it was going was set; less is how clocks are kept right.
const STEP_MS: i64 = 1000;

/// Where the wall clock stands against the monotonic one.
struct Wall {
    /// Milliseconds.
    ahead: i64,
}

impl Wall {
    fn now() -> Self {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        Self { ahead: signed(clock::unix_ms()).saturating_sub(signed(clock::since_start() / 1_000_000)) }
    }

    /// By how much the clock was set since the last look, milliseconds; none: it goes on.
    fn stepped(&mut self, now: &Self) -> Option<i64> {
        let by = now.ahead.saturating_sub(self.ahead);
        self.ahead = now.ahead;
        (by.abs() >= STEP_MS).then_some(by)
    }
}

/// Looks at this machine's clock until it is set to another time.
async fn until_stepped(wall: &mut Wall) -> i64 {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Some(by) = wall.stepped(&Wall::now()) {
            return by;
        }
    }
}

/// Asks until `stop`.
pub async fn run(rest: Rest, monitor: Arc<Monitor>, stop: CancellationToken) {
    let mut wall = Wall::now();
    loop {
        let asked = tokio::select! {
            asked = rest.clock() => asked,
            () = stop.cancelled() => return,
        };
        let wait = match asked {
            Ok(offset) => {
                if !offset.agrees() {
                    tracing::debug!(offset_ms = offset.offset_ms, "the exchange's clock and this host's differ");
                }
                monitor.set_exchange_clock(offset);
                EVERY
            }
            Err(RestError::NotAsked) => Duration::MAX,
            Err(error) => {
                tracing::debug!("the exchange's clock isn't known: {error}");
                AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            by = until_stepped(&mut wall) => {
                tracing::warn!(
                    "this machine's clock was set {} by {:.1} s: delays are measured anew\nhint: let a time service slew the clock; times of the log and of the host's own figures jump with it",
                    if by > 0 { "forward" } else { "back" },
                    by.unsigned_abs() as f64 / 1000.0
                );
                monitor.counters.clock_steps.add(1);
                for cell in monitor.board.pairs() {
                    cell.status().figures.forget_delays();
                }
            }
            () = stop.cancelled() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_once_and_one_that_is_slewed_never() {
        let mut wall = Wall { ahead: 1_000_000 };
        let mut step = |ahead: i64| wall.stepped(&Wall { ahead });
        assert_eq!(step(1_000_900), None);
        assert_eq!(step(1_001_800), None, "a little at a time");
        assert_eq!(step(4_601_800), Some(3_600_000));
        assert_eq!(step(4_601_800), None);
        assert_eq!(step(1_001_800), Some(-3_600_000));
    }
}
