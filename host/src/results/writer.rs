//! The way of everything but the buffered lane's readings into Redis.
//!
//! Readings have a connection of their own: a book of 20 KB, which goes once a second, doesn't stand before them.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::load::{Item, Place};
use super::sender::Sender;
use super::{Link, Publication, keys};
use crate::analysis::Reading;
use crate::monitor::Monitor;

/// Writes what is handed to it; the caller never waits.
pub struct Writer {
    /// Readings of the memory lane, and what must not overtake them.
    readings: Sender,
    /// Books, states, events of states.
    states: Sender,
    publication: Arc<Publication>,
    monitor: Arc<Monitor>,
}

impl Writer {
    /// A writer; [`Writer::run`] does the work.
    #[must_use]
    pub fn new(monitor: Arc<Monitor>, publication: Arc<Publication>) -> Arc<Self> {
        let sender = || Sender::new(Arc::clone(&monitor), Arc::clone(&publication));
        Arc::new(Self { readings: sender(), states: sender(), publication, monitor })
    }

    /// How results are published.
    #[must_use]
    pub fn publication(&self) -> &Arc<Publication> {
        &self.publication
    }

    /// Writes until `stop`, then once more what still waits; over one connection for readings and one for all else.
    pub async fn run(self: Arc<Self>, links: [Link; 2], stop: CancellationToken) {
        let [for_readings, for_states] = links;
        let (writer, stopped) = (Arc::clone(&self), stop.clone());
        let readings = tokio::spawn(async move { writer.readings.run(for_readings, true, stopped).await });
        self.states.run(for_states, false, stop).await;
        let _ = readings.await;
    }

    /// Tells something over a channel, once: those who listen then hear it.
    pub fn event(&self, channel: String, words: String) {
        self.states.event((channel, words));
    }

    /// The pair is well, though its book may stand still: its results stay.
    pub fn renew(&self, pair: &Arc<str>) {
        if let Some(expiry) = self.publication.due_without(pair) {
            self.states.put(Place::Renewal(Arc::clone(pair)), Item::Renewal(Arc::clone(pair), expiry));
        }
    }

    /// A reading of the memory lane.
    pub fn reading(&self, reading: Arc<Reading>) {
        let place = Place::Reading(Arc::clone(&reading.pair), Arc::clone(&reading.plugin));
        if let Some(Item::Reading(_)) = self.readings.put(place, Item::Reading(reading)) {
            self.monitor.counters.readings_superseded.add(1);
        }
    }

    /// All fields of a Hash.
    pub fn hash(&self, key: String, fields: Vec<(&'static str, String)>) {
        self.states.put(Place::Hash(key), Item::Hash(fields));
    }

    /// Deletes what stands in Redis of a pair that is no longer analysed.
    pub fn remove(&self, pair: &Arc<str>) {
        let (analysis, orderbook, feed) = (keys::analysis(pair), keys::orderbook(pair), keys::feed(pair));
        self.publication.forget(pair);
        let lane = [keys::lane(pair), keys::lane_processing(pair), keys::lane_position(pair), keys::lane_state(pair)];
        let all = lane.into_iter().chain([analysis.clone()]).collect();
        self.readings.put_instead(|place| place.is_of(pair), [(Place::Gone(analysis), Item::Remove(all))]);
        let is_theirs = |place: &Place| place.is_of(pair) || matches!(place, Place::Hash(key) if *key == orderbook || *key == feed);
        let both = vec![orderbook.clone(), feed.clone()];
        self.states.put_instead(is_theirs, [(Place::Gone(feed.clone()), Item::Remove(both))]);
    }

    /// Deletes the fields of a plugin that is no longer at work, on these pairs.
    pub fn clear(&self, plugin: &Arc<str>, fields: &[String], pairs: &[Arc<str>]) {
        pairs.iter().for_each(|pair| self.publication.doubt(pair, |name| name == &**plugin));
        let is_theirs = |place: &Place| matches!(place, Place::Reading(pair, name) if name == plugin && pairs.contains(pair));
        let clear = |pair: &Arc<str>| (Place::Clear(Arc::clone(pair), Arc::clone(plugin)), Item::Clear(fields.to_vec()));
        self.readings.put_instead(is_theirs, pairs.iter().map(clear));
    }

    /// Lets the keys of a pair whose instrument is dead go after a while.
    pub fn expire(&self, pair: &Arc<str>, after: Duration) {
        self.states.put(Place::Lifetime(Arc::clone(pair)), Item::Lifetime(Arc::clone(pair), Some(after)));
    }

    /// Keeps the keys of a pair that is alive again.
    pub fn keep(&self, pair: &Arc<str>) {
        self.states.put(Place::Lifetime(Arc::clone(pair)), Item::Lifetime(Arc::clone(pair), None));
    }
}
