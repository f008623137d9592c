//! Which pairs have something new in Redis, as `events:{id}` tells: a bell, not the news. Who hears it reads the Hash, so that an event
//! that got lost costs a second and nothing else.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use leadline_market::valid_id;
use tokio_util::sync::CancellationToken;

use crate::results::{Link, keys};

/// Wait before Redis is asked again after an error.
const AGAIN: Duration = Duration::from_secs(1);
/// Pairs that are remembered: beyond, all count as new.
const MOST: usize = 1000;

/// Bells of all pairs.
#[derive(Default)]
pub struct Bells {
    rung: Mutex<HashSet<String>>,
    hears: AtomicBool,
}

impl Bells {
    /// Whether Redis would tell.
    #[must_use]
    pub fn hears(&self) -> bool {
        self.hears.load(Ordering::Relaxed)
    }

    /// Whether a pair's bell rang since this was last asked.
    #[must_use]
    pub fn take(&self, pair: &str) -> bool {
        self.rung().remove(pair)
    }

    fn rung(&self) -> MutexGuard<'_, HashSet<String>> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens until `stop`.
    pub async fn listen(self: Arc<Self>, link: Arc<Link>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = self.hear(&link) => {}
                () = stop.cancelled() => return,
            }
            self.hears.store(false, Ordering::Relaxed);
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn hear(&self, link: &Link) {
        let pattern = keys::events("*");
        // An error shows where the values themselves are read.
        let Ok(mut events) = link.subscribe_pattern(&pattern).await else { return };
        self.hears.store(true, Ordering::Relaxed);
        while let Some(event) = events.next().await {
            let Some(pair) = event.get_channel_name().strip_prefix(keys::events("").as_str()) else { continue };
            let mut rung = self.rung();
            if valid_id(pair) && rung.len() < MOST {
                rung.insert(pair.to_owned());
            }
        }
    }
}
