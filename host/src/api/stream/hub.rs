//! The topics that somebody has, and the newest of each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::watch;

use super::protocol;
use super::topic::Topic;
use crate::clock::unix_ms;

/// Topics that all clients together can have: each is asked for ten times a second or so.
const TOPICS: usize = 1024;

/// All topics that somebody has.
pub struct Hub {
    channels: Mutex<HashMap<Topic, Arc<Channel>>>,
    /// Sequence numbers are the hub's, not the topic's: one that was let go and made again never repeats one.
    sequence: AtomicU64,
    wake: watch::Sender<()>,
    /// Rung when a topic came that nobody had: its first news needn't wait for the next round.
    pub(super) asked: tokio::sync::Notify,
    run: String,
    clients: AtomicUsize,
    counts: Counts,
}

/// What the stream has done since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages of topics that were made, once for all clients.
    pub made: AtomicU64,
    /// Messages of topics that were sent.
    pub sent: AtomicU64,
    /// Messages that a client didn't get because a newer one had come.
    pub skipped: AtomicU64,
    /// Clients that were let go because they took nothing, or nothing was heard of them.
    pub let_go: AtomicU64,
}

/// One topic.
pub struct Channel {
    pub(super) topic: Topic,
    newest: Mutex<Newest>,
    subscribers: AtomicUsize,
}

#[derive(Default)]
struct Newest {
    sequence: u64,
    /// How many messages there were: by how much a slow client is behind.
    count: u64,
    whole: Utf8Bytes,
    /// What changed since the message before, whose sequence number stands beside it.
    change: Option<(u64, Utf8Bytes)>,
}

/// A client's place at a topic, given back when it is dropped.
pub struct Subscription {
    hub: Arc<Hub>,
    channel: Arc<Channel>,
    seen: u64,
    count: u64,
}

/// A client's place at the stream, given back when it is dropped.
pub struct Place(Arc<Hub>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Hub {
    /// A hub without topics. `run`: what tells this run of the host from others.
    #[must_use]
    pub fn new(run: String) -> Arc<Self> {
        Arc::new(Self {
            channels: Mutex::default(),
            sequence: AtomicU64::new(0),
            wake: watch::Sender::new(()),
            asked: tokio::sync::Notify::new(),
            run,
            clients: AtomicUsize::new(0),
            counts: Counts::default(),
        })
    }

    /// What tells this run of the host from others.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// What the stream has done.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Clients now.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// A place for one more client, unless `most` are there.
    #[must_use]
    pub fn enter(self: &Arc<Self>, most: usize) -> Option<Place> {
        let taken = self.clients.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |clients| (clients < most).then_some(clients + 1));
        taken.ok().map(|_| Place(Arc::clone(self)))
    }

    /// Rung after each round of news.
    #[must_use]
    pub fn bell(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }

    /// Subscribes to a topic. `since`: the sequence number of what the client has; 0: nothing. None: all clients together have as many
    /// topics as may be, and this one isn't among them.
    #[must_use]
    pub fn subscribe(self: &Arc<Self>, topic: &Topic, since: u64) -> Option<Subscription> {
        let mut channels = self.channels();
        if channels.len() >= TOPICS && !channels.contains_key(topic) {
            return None;
        }
        let channel = channels.entry(topic.clone()).or_insert_with(|| {
            self.asked.notify_one();
            Arc::new(Channel { topic: topic.clone(), newest: Mutex::default(), subscribers: AtomicUsize::new(0) })
        });
        channel.subscribers.fetch_add(1, Ordering::Relaxed);
        Some(Subscription { hub: Arc::clone(self), channel: Arc::clone(channel), seen: since, count: 0 })
    }

    /// The topics that somebody has.
    #[must_use]
    pub fn wanted(&self) -> Vec<Arc<Channel>> {
        self.channels().values().cloned().collect()
    }

    /// Puts a topic's news out. `change`: what is other than in the message before, if that is shorter to say.
    pub fn publish(&self, channel: &Channel, whole: &str, change: Option<&str>) {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let now = unix_ms();
        let text = protocol::news(&channel.topic, sequence, None, now, whole);
        let mut newest = channel.newest();
        let before = newest.sequence;
        newest.change =
            change.filter(|_| before > 0).map(|change| (before, protocol::news(&channel.topic, sequence, Some(before), now, change)));
        newest.whole = text;
        newest.sequence = sequence;
        newest.count += 1;
        self.counts.made.fetch_add(1, Ordering::Relaxed);
    }

    /// Wakes all clients after a round of news.
    pub fn ring(&self) {
        self.wake.send_replace(());
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<Topic, Arc<Channel>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// What the client hasn't got yet: the newest, whole, or as what changed where it has the one before.
    pub fn take(&mut self) -> Option<Utf8Bytes> {
        let newest = self.channel.newest();
        if newest.sequence == 0 || newest.sequence == self.seen {
            return None;
        }
        let text = match &newest.change {
            Some((before, change)) if *before == self.seen => change.clone(),
            _ => newest.whole.clone(),
        };
        if self.count > 0 {
            self.hub.counts.skipped.fetch_add(newest.count.saturating_sub(self.count + 1), Ordering::Relaxed);
        }
        (self.seen, self.count) = (newest.sequence, newest.count);
        drop(newest);
        self.hub.counts.sent.fetch_add(1, Ordering::Relaxed);
        Some(text)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut channels = self.hub.channels();
        // Under the lock, so that nobody subscribes to a channel that is being let go.
        if self.channel.subscribers.fetch_sub(1, Ordering::Relaxed) == 1 {
            channels.remove(&self.channel.topic);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    fn value(text: Option<Utf8Bytes>) -> serde_json::Value {
        serde_json::from_str(&text.expect("news")).unwrap()
    }

    #[test]
    fn a_client_that_keeps_up_gets_changes_and_a_slow_one_the_newest_whole() {
        let hub = Hub::new("r".to_owned());
        let (mut fast, mut slow) = (hub.subscribe(&Topic::Feed, 0).unwrap(), hub.subscribe(&Topic::Feed, 0).unwrap());
        let channel = hub.wanted().pop().unwrap();
        hub.publish(&channel, "1", None);
        let first = value(fast.take());
        assert_eq!((&first["data"], first.get("follows")), (&1.into(), None));
        assert_eq!(value(slow.take())["data"], 1);
        assert_eq!(fast.take(), None, "nothing is new");
        for number in 2..=4 {
            hub.publish(&channel, &number.to_string(), Some("\"change\""));
            let news = value(fast.take());
            assert_eq!((&news["data"], &news["follows"]), (&"change".into(), &(number - 1).into()));
        }
        let news = value(slow.take());
        assert_eq!((&news["data"], &news["sequence"], news.get("follows")), (&4.into(), &4.into(), None));
        assert_eq!(hub.counts().skipped.load(Ordering::Relaxed), 2);
        assert_eq!(hub.counts().made.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn who_comes_back_with_the_newest_gets_nothing_twice_and_a_topic_without_clients_is_let_go() {
        let hub = Hub::new("r".to_owned());
        let first = hub.subscribe(&Topic::System, 0).unwrap();
        let channel = hub.wanted().pop().unwrap();
        hub.publish(&channel, "1", None);
        let mut again = hub.subscribe(&Topic::System, 1).unwrap();
        assert_eq!(again.take(), None);
        drop((first, again));
        assert!(hub.wanted().is_empty());
        let mut later = hub.subscribe(&Topic::System, 1).unwrap();
        let channel = hub.wanted().pop().unwrap();
        hub.publish(&channel, "1", None);
        assert_eq!(value(later.take())["sequence"], 2, "a number is never given twice");
    }

    #[test]
    fn all_clients_together_have_a_bounded_number_of_topics() {
        let hub = Hub::new("r".to_owned());
        let topic = |number: usize| Topic::Readings(Arc::from(format!("A{number}-USDT")));
        let kept: Vec<_> = (0..TOPICS).map(|number| hub.subscribe(&topic(number), 0).unwrap()).collect();
        assert!(hub.subscribe(&topic(TOPICS), 0).is_none());
        assert!(hub.subscribe(&topic(0), 0).is_some(), "one that is there already");
        drop(kept);
        assert!(hub.subscribe(&topic(TOPICS), 0).is_some());
    }

    #[test]
    fn there_are_no_more_places_than_there_may_be() {
        let hub = Hub::new("r".to_owned());
        let one = hub.enter(1);
        assert!(one.is_some() && hub.enter(1).is_none());
        drop(one);
        assert!(hub.enter(1).is_some());
    }
}
