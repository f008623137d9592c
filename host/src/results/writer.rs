//! The memory lane's way into Redis: newest wins, and all that waits goes in one round trip.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Pipeline;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::publication::expire;
use super::{Link, Publication, hashes, keys};
use crate::analysis::{LaneKind, Reading};
use crate::monitor::Monitor;

/// First wait after an error, doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait: latency is back to normal within it once Redis is.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Events that may wait for Redis; then the oldest are dropped and counted.
const EVENTS: usize = 1000;

/// What waits to be written. One place a Hash and writer, so it is bounded by pairs and plugins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Reading(Arc<str>, Arc<str>),
    Hash(String),
    Lifetime(Arc<str>),
    /// The pair's results stay, though nothing new is written.
    Renewal(Arc<str>),
    Clear(Arc<str>, Arc<str>),
}

impl Place {
    fn key(&self) -> String {
        match self {
            Self::Reading(pair, _) | Self::Clear(pair, _) => keys::analysis(pair),
            Self::Hash(key) => key.clone(),
            Self::Lifetime(pair) | Self::Renewal(pair) => keys::feed(pair),
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
    /// The pair's results stay so long from now on.
    Renewal(Arc<str>, Duration),
}

/// An event: its channel and its words.
type Event = (String, String);

/// Writes what is handed to it; the caller never waits.
pub struct Writer {
    waiting: Mutex<HashMap<Place, Item>>,
    /// Events, in their order: at most [`EVENTS`].
    events: Mutex<VecDeque<Event>>,
    publication: Arc<Publication>,
    wake: Notify,
    monitor: Arc<Monitor>,
}

impl Writer {
    /// A writer; [`Writer::run`] does the work.
    #[must_use]
    pub fn new(monitor: Arc<Monitor>, publication: Arc<Publication>) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), events: Mutex::default(), publication, wake: Notify::new(), monitor })
    }

    /// How results are published.
    #[must_use]
    pub fn publication(&self) -> &Arc<Publication> {
        &self.publication
    }

    /// Tells something over a channel, once: those who listen then hear it.
    pub fn event(&self, channel: String, words: String) {
        self.put_events([(channel, words)], false);
        self.wake.notify_one();
    }

    /// Puts events behind those that wait, or before them, and drops the oldest of too many.
    fn put_events(&self, events: impl IntoIterator<Item = Event, IntoIter: DoubleEndedIterator>, before: bool) {
        let mut waiting = self.events();
        if before {
            events.into_iter().rev().for_each(|event| waiting.push_front(event));
        } else {
            waiting.extend(events);
        }
        let over = waiting.len().saturating_sub(EVENTS);
        waiting.drain(..over);
        self.monitor.counters.events_dropped.add(over as u64);
    }

    fn events(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pair is well, though its book may stand still: its results stay.
    pub fn renew(&self, pair: &Arc<str>) {
        if let Some(expiry) = self.publication.due_without(pair) {
            self.put(Place::Renewal(Arc::clone(pair)), Item::Renewal(Arc::clone(pair), expiry));
        }
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
            Place::Lifetime(of) | Place::Renewal(of) | Place::Clear(of, _) => of != pair,
        });
        self.publication.forget(pair);
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

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Item>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until `stop`, then once more what still waits.
    pub async fn run(&self, link: Link, stop: CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            if self.is_idle() {
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

    fn is_idle(&self) -> bool {
        self.lock().is_empty() && self.events().is_empty()
    }

    /// Writes all that waits; whether Redis took it. What it didn't take waits again, unless something newer does.
    async fn write(&self, link: &Link) -> bool {
        let batch = std::mem::take(&mut *self.lock());
        let events = std::mem::take(&mut *self.events());
        if batch.is_empty() && events.is_empty() {
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
                (_, Item::Reading(reading)) => hashes::reading(&mut pipeline, reading, &self.publication),
                (Place::Hash(key), Item::Hash(fields)) => {
                    pipeline.hset_multiple(key, fields).ignore();
                    if let Some(expiry) = self.publication.expiry_of(key) {
                        expire(&mut pipeline, key, expiry);
                    }
                }
                _ => {}
            }
        }
        // A lifetime goes last: a key must be there to have one.
        for item in batch.values() {
            match item {
                Item::Lifetime(pair, after) => {
                    for key in self.lasting_keys(pair) {
                        match after {
                            Some(after) => expire(&mut pipeline, &key, *after),
                            None => drop(pipeline.cmd("PERSIST").arg(key).ignore()),
                        }
                    }
                }
                Item::Renewal(pair, after) => {
                    expire(&mut pipeline, &keys::analysis(pair), *after);
                    expire(&mut pipeline, &keys::orderbook(pair), *after);
                }
                _ => {}
            }
        }
        for (channel, words) in &events {
            pipeline.cmd("PUBLISH").arg(channel).arg(words).ignore();
        }
        match link.run::<()>(&pipeline).await {
            Ok(()) => {
                self.monitor.redis_is_there();
                for item in batch.into_values() {
                    if let Item::Reading(reading) = item {
                        self.monitor.latency.reading(&self.monitor.stages, LaneKind::Memory, &reading);
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
                self.put_events(events, true);
                let mut waiting = self.lock();
                for (place, item) in batch {
                    waiting.entry(place).or_insert(item);
                }
                false
            }
        }
    }
}

impl Writer {
    /// The keys of a pair that have no expiry of their own.
    fn lasting_keys(&self, pair: &str) -> Vec<String> {
        let results = [keys::analysis(pair), keys::orderbook(pair)];
        let feed = keys::feed(pair);
        let has_end = |key: &String| *key == feed || (results.contains(key) && self.publication.results_expiry().is_some());
        all_keys(pair).into_iter().filter(|key| !has_end(key)).collect()
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
