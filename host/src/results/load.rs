//! What goes into Redis in one round trip.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::Pipeline;

use super::publication::expire;
use super::{Publication, hashes, keys, sent};
use crate::analysis::Reading;

/// What waits to be written. One place a Hash and writer, so it is bounded by pairs and plugins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Reading(Arc<str>, Arc<str>),
    Hash(String),
    Lifetime(Arc<str>),
    /// The pair's results stay, though nothing new is written.
    Renewal(Arc<str>),
    Clear(Arc<str>, Arc<str>),
}

impl Place {
    pub(super) fn key(&self) -> String {
        match self {
            Self::Reading(pair, _) | Self::Clear(pair, _) => keys::analysis(pair),
            Self::Hash(key) => key.clone(),
            Self::Lifetime(pair) | Self::Renewal(pair) => keys::feed(pair),
        }
    }
}

pub(super) enum Item {
    Reading(Arc<Reading>),
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
pub(super) type Event = (String, String);

/// What goes into Redis in one round trip.
#[derive(Default)]
pub(super) struct Load {
    pub(super) batch: HashMap<Place, Item>,
    pub(super) events: Vec<Event>,
    /// Readings whose details follow.
    pub(super) details: Vec<Arc<Reading>>,
}

impl Load {
    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.events.is_empty() && self.details.is_empty()
    }

    /// Whether it is readings and nothing else.
    pub(super) fn is_of_readings(&self) -> bool {
        self.events.is_empty() && self.details.is_empty() && self.batch.keys().all(|place| matches!(place, Place::Reading(..)))
    }

    /// The readings in it.
    pub(super) fn readings(&self) -> impl Iterator<Item = &Arc<Reading>> {
        self.batch.values().filter_map(|item| if let Item::Reading(reading) = item { Some(reading) } else { None })
    }

    /// Its commands, for a connection with that number.
    pub(super) fn pipeline(&self, publication: &Publication, connection: u64) -> Pipeline {
        let mut pipeline = redis::pipe();
        // A removal goes first: what a pair that came back has to say must stand after it.
        for item in self.batch.values() {
            if let Item::Remove(pair) = item {
                for key in all_keys(pair) {
                    pipeline.del(key).ignore();
                }
            }
        }
        for (place, item) in &self.batch {
            if let (Place::Clear(pair, _), Item::Clear(fields)) = (place, item) {
                pipeline.hdel(keys::analysis(pair), fields).ignore();
            }
        }
        for (place, item) in &self.batch {
            if let (Place::Hash(key), Item::Hash(fields)) = (place, item) {
                pipeline.hset_multiple(key, fields).ignore();
                if let Some(expiry) = publication.expiry_of(key) {
                    expire(&mut pipeline, key, expiry);
                }
            }
        }
        // What two plugins say of a pair goes in one command, with the newer time as the Hash's.
        let mut readings: Vec<&Reading> = self.readings().map(|reading| &**reading).collect();
        readings.sort_unstable_by(|one, other| (&one.pair, one.arrival.monotonic_ns()).cmp(&(&other.pair, other.arrival.monotonic_ns())));
        for of_a_pair in readings.chunk_by(|one, other| one.pair == other.pair) {
            hashes::readings(&mut pipeline, of_a_pair, publication, connection);
            of_a_pair.iter().for_each(|reading| hashes::event(&mut pipeline, reading, publication));
        }
        self.details.iter().for_each(|reading| sent::follow(&mut pipeline, reading));
        // A lifetime goes last: a key must be there to have one.
        for item in self.batch.values() {
            match item {
                Item::Lifetime(pair, after) => {
                    for key in lasting_keys(pair, publication) {
                        match after {
                            Some(after) => expire(&mut pipeline, &key, *after),
                            None => {
                                pipeline.cmd("PERSIST").arg(key).ignore();
                            }
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
        for (channel, words) in &self.events {
            pipeline.cmd("PUBLISH").arg(channel).arg(words).ignore();
        }
        pipeline
    }
}

/// The keys of a pair that have no expiry of their own.
fn lasting_keys(pair: &str, publication: &Publication) -> Vec<String> {
    let results = [keys::analysis(pair), keys::orderbook(pair)];
    let feed = keys::feed(pair);
    let has_end = |key: &String| *key == feed || (results.contains(key) && publication.results_expiry().is_some());
    all_keys(pair).into_iter().filter(|key| !has_end(key)).collect()
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
