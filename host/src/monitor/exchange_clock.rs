//! The exchange's clock against this host's, asked now and then: whether exchange-to-host delays mean something.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Monitor;
use crate::okx::{Rest, RestError};

/// How often it is asked, and how soon again after a failure.
const EVERY: Duration = Duration::from_secs(600);
const AGAIN: Duration = Duration::from_secs(60);

/// Asks until `stop`.
pub async fn run(rest: Rest, monitor: Arc<Monitor>, stop: CancellationToken) {
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
            Err(RestError::NotAsked) => return,
            Err(error) => {
                tracing::debug!("the exchange's clock isn't known: {error}");
                AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => return,
        }
    }
}
