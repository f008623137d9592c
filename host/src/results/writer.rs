//! The memory lane's way into Redis: newest wins, and all that waits goes in one round trip.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::Pipeline;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Link, hashes, keys};
use crate::analysis::{LaneKind, Reading};
use crate::monitor::Monitor;

/// First wait after an error, doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait: latency is back to normal within it once Redis is.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What waits to be written. One place a Hash and writer, so it is bounded by pairs and plugins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Reading(Arc<str>, Arc<str>),
    Hash(String),
    Lifetime(Arc<str>),
    Clear(Arc<str>, Arc<str>),
}

impl Place {
    fn key(&self) -> String {
        match self {
            Self::Reading(pair, _) | Self::Clear(pair, _) => keys::analysis(pair),
            Self::Hash(key) => key.clone(),
            Self::Lifetime(pair) => keys::feed(pair),
        }
    }
}

enum Item {
    Reading(Box<Reading>),
    Hash(Vec<(&'static str, String)>),
    /// The pair was removed: no number of it may look alive.
    Remove(Arc<str>),
    /// A plugin is no longer at work: its fields of a pair go.
    Clear(Vec<String>),
    /// How long a pair's keys stay; for ever, if none is said.
    Lifetime(Arc<str>, Option<Duration>),
}

/// Writes what is handed to it; the caller never waits.
pub struct Writer {
    waiting: Mutex<HashMap<Place, Item>>,
    wake: Notify,
    monitor: Arc<Monitor>,
}

impl Writer {
    /// A writer; [`Writer::run`] does the work.
    #[must_use]
    pub fn new(monitor: Arc<Monitor>) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), wake: Notify::new(), monitor })
    }

    /// A reading of the memory lane.
    pub fn reading(&self, reading: Reading) {
        let place = Place::Reading(Arc::clone(&reading.pair), Arc::clone(&reading.plugin));
        if let Some(Item::Reading(_)) = self.put(place, Item::Reading(Box::new(reading))) {
            self.monitor.counters.readings_superseded.add(1);
        }
    }

    /// All fields of a Hash.
    pub fn hash(&self, key: String, fields: Vec<(&'static str, String)>) {
        self.put(Place::Hash(key), Item::Hash(fields));
    }

    /// Deletes what stands in Redis of a pair that is no longer analysed.
    pub fn remove(&self, pair: &Arc<str>) {
        let mut waiting = self.lock();
        let (analysis, orderbook, feed) = (keys::analysis(pair), keys::orderbook(pair), keys::feed(pair));
        waiting.retain(|place, _| match place {
            Place::Reading(of, _) => of != pair,
            Place::Hash(key) => *key != orderbook && *key != feed,
            Place::Lifetime(of) | Place::Clear(of, _) => of != pair,
        });
        waiting.insert(Place::Hash(analysis), Item::Remove(Arc::clone(pair)));
        drop(waiting);
        self.wake.notify_one();
    }

    /// Deletes the fields of a plugin that is no longer at work, on these pairs.
    pub fn clear(&self, plugin: &Arc<str>, fields: &[String], pairs: &[Arc<str>]) {
        let mut waiting = self.lock();
        for pair in pairs {
            waiting.remove(&Place::Reading(Arc::clone(pair), Arc::clone(plugin)));
            waiting.insert(Place::Clear(Arc::clone(pair), Arc::clone(plugin)), Item::Clear(fields.to_vec()));
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Lets the keys of a pair whose instrument is dead go after a while.
    pub fn expire(&self, pair: &Arc<str>, after: Duration) {
        self.put(Place::Lifetime(Arc::clone(pair)), Item::Lifetime(Arc::clone(pair), Some(after)));
    }

    /// Keeps the keys of a pair that is alive again.
    pub fn keep(&self, pair: &Arc<str>) {
        self.put(Place::Lifetime(Arc::clone(pair)), Item::Lifetime(Arc::clone(pair), None));
    }

    fn put(&self, place: Place, item: Item) -> Option<Item> {
        let older = self.lock().insert(place, item);
        self.wake.notify_one();
        older
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Item>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until `stop`, then once more what still waits.
    pub async fn run(&self, link: Link, stop: CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            if self.lock().is_empty() {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = stop.cancelled() => {
                        self.write(&link).await;
                        return;
                    }
                }
            }
            if self.write(&link).await {
                wait = FIRST_WAIT;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
                () = stop.cancelled() => {
                    self.write(&link).await;
                    return;
                }
            }
        }
    }

    /// Writes all that waits; whether Redis took it. What it didn't take waits again, unless something newer does.
    async fn write(&self, link: &Link) -> bool {
        let batch = std::mem::take(&mut *self.lock());
        if batch.is_empty() {
            return true;
        }
        let mut pipeline = redis::pipe();
        // A removal goes first: what a pair that came back has to say must stand after it.
        for item in batch.values() {
            if let Item::Remove(pair) = item {
                remove(&mut pipeline, pair);
            }
        }
        for (place, item) in &batch {
            if let (Place::Clear(pair, _), Item::Clear(fields)) = (place, item) {
                pipeline.hdel(keys::analysis(pair), fields).ignore();
            }
        }
        for (place, item) in &batch {
            match (place, item) {
                (_, Item::Reading(reading)) => hashes::reading(&mut pipeline, reading),
                (Place::Hash(key), Item::Hash(fields)) => {
                    pipeline.hset_multiple(key, fields).ignore();
                }
                _ => {}
            }
        }
        // A lifetime goes last: a key must be there to have one.
        for item in batch.values() {
            if let Item::Lifetime(pair, after) = item {
                for key in all_keys(pair) {
                    match after {
                        Some(after) => pipeline.cmd("EXPIRE").arg(key).arg(after.as_secs()).ignore(),
                        None => pipeline.cmd("PERSIST").arg(key).ignore(),
                    };
                }
            }
        }
        match link.run::<()>(&pipeline).await {
            Ok(()) => {
                self.monitor.redis_is_there();
                for item in batch.into_values() {
                    if let Item::Reading(reading) = item {
                        self.monitor.latency.record(LaneKind::Memory, reading.arrival.elapsed());
                    }
                }
                true
            }
            Err(error) if !error.may_pass() => {
                // One of the commands can't be carried out, and won't be next time; the others were.
                let errors = &self.monitor.counters.redis_errors;
                errors.add(1);
                if errors.get().is_power_of_two() {
                    let keys: Vec<String> = batch.keys().map(Place::key).collect();
                    tracing::error!(
                        errors = errors.get(),
                        "a write to one of {}: {error}\nhint: redis-cli TYPE KEY says what a key holds; all of these must be Hashes",
                        keys.join(", ")
                    );
                }
                true
            }
            Err(error) => {
                self.monitor.redis_failed(&error);
                let mut waiting = self.lock();
                for (place, item) in batch {
                    waiting.entry(place).or_insert(item);
                }
                false
            }
        }
    }
}

fn remove(pipeline: &mut Pipeline, pair: &str) {
    for key in all_keys(pair) {
        pipeline.del(key).ignore();
    }
}

/// Every key of a pair.
fn all_keys(pair: &str) -> [String; 7] {
    [
        keys::analysis(pair),
        keys::orderbook(pair),
        keys::feed(pair),
        keys::lane(pair),
        keys::lane_processing(pair),
        keys::lane_position(pair),
        keys::lane_state(pair),
    ]
}
