//! What waits for Redis, sent over one connection: newest wins, and all that waits goes in one round trip.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::load::{Event, Item, Load, Place};
use super::{Link, LinkError, Publication};
use crate::analysis::{LaneKind, Reading};
use crate::monitor::Monitor;

/// First wait after an error, doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait: latency is back to normal within it once Redis is.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often it is looked for details that are due, and for somebody who listens to events.
const LOOK: Duration = Duration::from_secs(1);
/// Round trips under way at once: a reading needn't wait for the answer to another plugin's.
const UNDER_WAY: usize = 2;
/// Events that may wait for Redis; then the oldest are dropped and counted.
const EVENTS: usize = 1000;

/// What waits to be sent over one connection.
pub(super) struct Sender {
    waiting: Mutex<HashMap<Place, Item>>,
    /// Events, in their order: at most [`EVENTS`].
    events: Mutex<VecDeque<Event>>,
    publication: Arc<Publication>,
    wake: Notify,
    monitor: Arc<Monitor>,
}

impl Sender {
    pub(super) fn new(monitor: Arc<Monitor>, publication: Arc<Publication>) -> Self {
        Self { waiting: Mutex::default(), events: Mutex::default(), publication, wake: Notify::new(), monitor }
    }

    /// Tells an event.
    pub(super) fn event(&self, event: Event) {
        self.put_events([event], false);
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

    /// Puts something into its place; answers what lay there.
    pub(super) fn put(&self, place: Place, item: Item) -> Option<Item> {
        let older = self.lock().insert(place, item);
        self.wake.notify_one();
        older
    }

    /// The same after whatever lies in places of that kind was taken away.
    pub(super) fn put_instead(&self, is_gone: impl Fn(&Place) -> bool, items: impl IntoIterator<Item = (Place, Item)>) {
        let mut waiting = self.lock();
        waiting.retain(|place, _| !is_gone(place));
        waiting.extend(items);
        drop(waiting);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Item>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends until `stop`, then once more what still waits. `looks`: whether it also sees to details and looks for listeners.
    pub(super) async fn run(&self, link: Link, looks: bool, stop: CancellationToken) {
        // Everything that uses the link is polled together: one of them may hold what the other waits for.
        let (mut under_way, mut looking) = (FuturesUnordered::new(), FuturesUnordered::new());
        // Places of the readings that are under way; none: something is, and must be there before anything else.
        let mut places: Option<HashSet<Place>> = Some(HashSet::new());
        let (mut wait, mut resume_at) = (FIRST_WAIT, None);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        if looks {
            self.publication.look_for_listeners(&link).await;
        }
        loop {
            if resume_at.is_none() && under_way.len() < UNDER_WAY {
                let load = match &places {
                    Some(places) if !under_way.is_empty() => self.take_beside(places),
                    Some(_) => Some(self.take(Vec::new())),
                    None => None,
                };
                if let Some(load) = load.filter(|load| !load.is_empty()) {
                    places = places.filter(|_| load.is_of_readings());
                    if let Some(places) = &mut places {
                        places.extend(load.batch.keys().cloned());
                    }
                    under_way.push(self.send(&link, load));
                    continue;
                }
            }
            tokio::select! {
                biased;
                Some(took) = under_way.next() => {
                    if under_way.is_empty() {
                        places = Some(HashSet::new());
                    }
                    if took {
                        wait = FIRST_WAIT;
                    } else {
                        resume_at = Some(Instant::now() + wait);
                        wait = (wait * 2).min(LONGEST_WAIT);
                    }
                }
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(resume_at.unwrap_or_else(Instant::now)), if resume_at.is_some() => resume_at = None,
                Some(()) = looking.next() => {}
                _ = look.tick(), if looks && looking.is_empty() && resume_at.is_none() => looking.push(self.look(&link)),
                () = self.wake.notified() => {}
            }
        }
        loop {
            tokio::select! {
                Some(_) = under_way.next() => {}
                Some(()) = looking.next() => {}
                else => break,
            }
        }
        // The last readings first: their details follow them.
        self.send(&link, self.take(Vec::new())).await;
        if looks {
            self.send(&link, self.take(self.publication.sent().take_due(true))).await;
        }
    }

    /// Writes details that are due, and looks who listens. Whatever else is under way: details are only written where the Hash stands at their
    /// reading.
    async fn look(&self, link: &Link) {
        self.send(link, Load { details: self.publication.sent().take_due(false), ..Load::default() }).await;
        self.publication.look_for_listeners(link).await;
    }

    /// All that waits, and these details.
    fn take(&self, details: Vec<Arc<Reading>>) -> Load {
        let batch = std::mem::take(&mut *self.lock());
        let events = std::mem::take(&mut *self.events()).into();
        Load { batch, events, details }
    }

    /// All that waits, if it is readings alone, and of other places than those under way: then it doesn't matter which of the two comes first.
    fn take_beside(&self, places: &HashSet<Place>) -> Option<Load> {
        if !self.events().is_empty() {
            return None;
        }
        let mut waiting = self.lock();
        let beside = waiting.keys().all(|place| matches!(place, Place::Reading(..)) && !places.contains(place));
        beside.then(|| Load { batch: std::mem::take(&mut *waiting), ..Load::default() })
    }

    /// Writes a load; whether Redis took it. What it didn't take waits again, unless something newer does.
    async fn send(&self, link: &Link, load: Load) -> bool {
        if load.is_empty() {
            return true;
        }
        let sent = async {
            let connection = link.ready().await?;
            let pipeline = load.pipeline(&self.publication, connection);
            link.run::<()>(&pipeline).await?;
            Ok(link.connection_number() == connection)
        };
        match sent.await {
            Ok(is_same) => {
                self.monitor.redis_is_there();
                for (place, item) in load.batch {
                    let Item::Reading(reading) = item else { continue };
                    if is_same {
                        self.monitor.latency.reading(&self.monitor.stages, LaneKind::Memory, &reading);
                        self.publication.keep(reading);
                    } else {
                        // Over a new connection to a Redis that may have lost what the one before had: once more, whole.
                        self.doubt(&reading);
                        self.lock().entry(place).or_insert(Item::Reading(reading));
                    }
                }
                true
            }
            Err(error) if !LinkError::may_pass(&error) => {
                // One of the commands can't be carried out, and won't be next time; the others were.
                load.readings().for_each(|reading| self.doubt(reading));
                let errors = &self.monitor.counters.redis_errors;
                errors.add(1);
                if errors.get().is_power_of_two() {
                    let keys: Vec<String> = load.batch.keys().map(Place::key).collect();
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
                load.readings().for_each(|reading| self.doubt(reading));
                self.put_events(load.events, true);
                load.details.into_iter().for_each(|reading| self.publication.sent().put_back(reading));
                let mut waiting = self.lock();
                for (place, item) in load.batch {
                    waiting.entry(place).or_insert(item);
                }
                false
            }
        }
    }

    /// It isn't known whether Redis took this reading.
    fn doubt(&self, reading: &Reading) {
        self.publication.doubt(&reading.pair, |plugin| plugin == &*reading.plugin);
    }
}
