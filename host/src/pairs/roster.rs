//! The pairs that run: the wanted Set is read when it changes and now and then, pairs are stopped and started to match it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::minder::Minder;
use super::publisher::{Publisher, apart};
use super::wanted::{self, Found, Wanted};
use crate::analysis::{BufferedDesk, Desks, MemoryDesk};
use crate::clock;
use crate::config::Settings;
use crate::lanes::{Consumer, Producer, Router};
use crate::monitor::{Monitor, NotRun};
use crate::okx::{Lines, PairFeed, Rest};
use crate::recent::Recent;
use crate::results::{Link, LinkError, Writer};

/// Everything a pair needs to run.
pub struct Roster {
    /// The frames of the last minutes.
    pub recent: Arc<Recent>,
    /// Settings.
    pub settings: Settings,
    /// Plugins of the memory lane.
    pub memory: Desks<MemoryDesk>,
    /// Plugins of the buffered lane.
    pub buffered: Desks<BufferedDesk>,
    /// The buffered lane's way into Redis.
    pub producer: Arc<Producer>,
    /// Hashes into Redis.
    pub writer: Arc<Writer>,
    /// The consumers' connection, shared: their calls are short.
    pub lane_link: Arc<Link>,
    /// The connections to the exchange.
    pub lines: Arc<Lines>,
    /// Whom to ask about instruments.
    pub rest: Rest,
    /// Counters and the board.
    pub monitor: Arc<Monitor>,
}

struct Running {
    minder: JoinHandle<()>,
    consumer: JoinHandle<()>,
    /// Ends the feed first, so that what it received is still analysed.
    stop_minder: CancellationToken,
    stop_consumer: CancellationToken,
}

/// A feed that nobody has written for so long belongs to no host; one that runs writes each second.
const ABANDONED_MS: u64 = 15_000;

/// What was said about the Set already.
#[derive(Default)]
struct Told {
    wanted: Wanted,
    any: bool,
    /// The last error, while the Set can't be read.
    error: Option<String>,
    /// Which run of Redis answered last.
    run: Option<String>,
    /// The Set is missing from a Redis that started anew.
    lost: bool,
}

impl Roster {
    /// Keeps the pairs that run equal to the wanted ones until `stop`, then stops them all. `links`: one to read with, one to listen with.
    pub async fn run(self, links: [Link; 2], stop: CancellationToken) {
        let [link, listening] = links;
        let key = self.settings.pairs.key.clone();
        let bell = Arc::new(Notify::new());
        let watching = tokio::spawn(wanted::watch(listening, key.clone(), Arc::clone(&bell), stop.clone()));
        let mut running: BTreeMap<String, Running> = BTreeMap::new();
        let mut tick = tokio::time::interval(self.settings.pairs.poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = Told::default();
        let mut cleaned = false;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = bell.notified() => {}
                () = stop.cancelled() => break,
            }
            self.mend(&mut running);
            match wanted::read(&link, &key).await {
                Ok(found) => {
                    self.follow(found, &mut running, &mut told).await;
                    if !cleaned {
                        cleaned = self.clear_abandoned(&link, &running).await;
                    }
                }
                Err(error) => self.unread(&error, running.len(), &mut told),
            }
        }
        for pair in running.values() {
            pair.stop_minder.cancel();
        }
        for (_, pair) in running {
            let _ = pair.minder.await;
            pair.stop_consumer.cancel();
            let _ = pair.consumer.await;
        }
        let _ = watching.await;
    }

    /// Makes the pairs that run those that the Set asks for.
    async fn follow(&self, found: Found, running: &mut BTreeMap<String, Running>, told: &mut Told) {
        let key = &self.settings.pairs.key;
        if told.error.take().is_some() {
            tracing::info!(key, "the wanted pairs can be read again");
        }
        self.monitor.last_config_check_ms.store(clock::unix_ms(), Ordering::Relaxed);
        let names: BTreeSet<String> = running.keys().cloned().collect();
        if found.members.is_empty() {
            let another = told.run.is_some() && found.run.is_some() && told.run != found.run;
            if (another || told.lost) && !names.is_empty() {
                // Nobody emptied it: it went with the server's data.
                if !std::mem::replace(&mut told.lost, true) {
                    tracing::error!(
                        key,
                        "Redis started anew without the wanted pairs; {} pairs go on as they are\nhint: redis-cli SADD {key} {}",
                        names.len(),
                        names.iter().cloned().collect::<Vec<_>>().join(" ")
                    );
                }
                told.run = found.run;
                return;
            }
        } else {
            told.lost = false;
        }
        told.run = found.run.or(told.run.take());
        let wanted = wanted::choose(found.members, &names, self.settings.pairs.limit);
        self.tell(&wanted, told);
        let gone: Vec<String> = names.difference(&wanted.pairs).cloned().collect();
        let mut leaving = Vec::new();
        for pair in &gone {
            if let Some(pair_running) = running.remove(pair) {
                leaving.push(self.take_away(pair, pair_running));
            }
        }
        futures_util::future::join_all(leaving).await;
        for pair in wanted.pairs.difference(&names) {
            running.insert(pair.clone(), self.start(pair));
            if told.any {
                self.monitor.counters.subscription_changes.add(1);
            }
        }
        self.monitor.counters.subscription_changes.add(gone.len() as u64);
        told.wanted = wanted;
        told.any = true;
    }

    /// Removes what a host that was killed left of pairs that nobody wants any more: no number of them may look alive. Pairs that
    /// another host writes are left alone. Whether Redis could say.
    async fn clear_abandoned(&self, link: &Link, running: &BTreeMap<String, Running>) -> bool {
        let Ok(traces) = wanted::traces(link).await else { return false };
        for (pair, written_ms) in traces {
            let abandoned = written_ms.is_none_or(|written_ms| clock::unix_ms().saturating_sub(written_ms) > ABANDONED_MS);
            if abandoned && !running.contains_key(&pair) {
                tracing::info!(pair, "an earlier host's keys of a pair that isn't wanted are removed");
                self.writer.remove(&Arc::from(pair));
            }
        }
        true
    }

    /// The Set can't be read: told once for as long as the reason is the same.
    fn unread(&self, error: &LinkError, pairs: usize, told: &mut Told) {
        let key = &self.settings.pairs.key;
        self.monitor.counters.redis_errors.add(1);
        let text = error.to_string();
        if told.error.as_ref() == Some(&text) {
            return;
        }
        if text.contains("WRONGTYPE") {
            tracing::error!(
                key,
                "the key of the wanted pairs holds no Set; {pairs} pairs stay as they are\nhint: redis-cli TYPE {key} says what it is; DEL {key} and SADD {key} BTC-USDT make it a Set"
            );
        } else {
            tracing::error!(key, "the wanted pairs can't be read, {pairs} stay as they are: {error}");
        }
        told.error = Some(text);
    }

    /// Starts a pair anew whose tasks ended without being asked to: a fault of ours must not silence a pair for good.
    fn mend(&self, running: &mut BTreeMap<String, Running>) {
        for (name, pair) in running.iter_mut() {
            if pair.minder.is_finished() || pair.consumer.is_finished() {
                tracing::error!(pair = name, "the pair's task ended unasked, and is started anew");
                pair.stop_minder.cancel();
                pair.consumer.abort();
                *pair = self.start(name);
            }
        }
    }

    /// Says what changed about the wanted pairs, once.
    fn tell(&self, wanted: &Wanted, told: &Told) {
        let key = &self.settings.pairs.key;
        if !wanted.left_out.is_empty() && wanted.left_out != told.wanted.left_out {
            tracing::warn!(key, "more than {} pairs are wanted; left out: {}", self.settings.pairs.limit, wanted.left_out.join(", "));
        }
        if !wanted.refused.is_empty() && wanted.refused != told.wanted.refused {
            tracing::warn!(key, "no instruments' names, left out: {:?}; names look like BTC-USDT", wanted.refused);
        }
        if wanted.pairs.is_empty() && !told.any {
            tracing::warn!("no pairs are wanted\nhint: redis-cli SADD {key} BTC-USDT");
        } else if wanted.pairs.is_empty() && !told.wanted.pairs.is_empty() {
            tracing::warn!(key, "the Set of wanted pairs was emptied or deleted: all pairs stop\nhint: redis-cli SADD {key} BTC-USDT");
        }
        self.monitor.set_not_run(NotRun { left_out: wanted.left_out.clone(), refused: wanted.refused.clone() });
    }

    fn start(&self, name: &str) -> Running {
        let pair: Arc<str> = Arc::from(name);
        let cell = self.monitor.board.add(&pair);
        let queue = self.producer.queue(&pair);
        cell.status().lane = Arc::clone(&queue.figures);
        let (instrument, known) = watch::channel(None);
        let feed = {
            let (pair, cell, instrument) = (Arc::clone(&pair), Arc::clone(&cell), instrument.clone());
            let (memory, producer) = (self.memory.clone(), Arc::clone(&self.producer));
            let (writer, monitor) = (Arc::clone(&self.writer), Arc::clone(&self.monitor));
            let recent = Arc::clone(&self.recent);
            let (interval, healthy) = (self.settings.orderbook_interval, self.settings.okx.pace.healthy);
            move || {
                let publisher = Publisher {
                    pair: Arc::clone(&pair),
                    router: Router::new(&pair, memory.clone(), Arc::clone(&producer)),
                    instrument: instrument.clone(),
                    writer: Arc::clone(&writer),
                    monitor: Arc::clone(&monitor),
                    recent: recent.ring(&pair),
                    cell: Arc::clone(&cell),
                    interval,
                    unwritten: false,
                    write_at: Instant::now(),
                    apart: apart(&pair, interval),
                    unshown: false,
                    show_at: Instant::now(),
                };
                PairFeed::new(&pair, Arc::clone(&cell), Arc::clone(&monitor), Box::new(publisher), healthy)
            }
        };
        let minder = Minder {
            pair: Arc::clone(&pair),
            rest: self.rest.clone(),
            lines: Arc::clone(&self.lines),
            okx: self.settings.okx.clone(),
            instrument,
            cell,
            monitor: Arc::clone(&self.monitor),
            writer: Arc::clone(&self.writer),
            feed: Box::new(feed),
        };
        let consumer = Consumer {
            run: self.producer.run_id(),
            queue,
            desks: self.buffered.clone(),
            memory: self.memory.clone(),
            lane: self.settings.lane,
            instrument: known,
            link: Arc::clone(&self.lane_link),
            publication: Arc::clone(self.writer.publication()),
            monitor: Arc::clone(&self.monitor),
            pair,
        };
        let (stop_minder, stop_consumer) = (CancellationToken::new(), CancellationToken::new());
        Running {
            minder: tokio::spawn(minder.run(stop_minder.clone())),
            consumer: tokio::spawn(consumer.run(stop_consumer.clone())),
            stop_minder,
            stop_consumer,
        }
    }

    /// Stops a pair that is no longer wanted, and takes its numbers out of Redis.
    async fn take_away(&self, name: &str, running: Running) {
        running.stop_minder.cancel();
        let _ = running.minder.await;
        running.stop_consumer.cancel();
        let _ = running.consumer.await;
        let pair: Arc<str> = Arc::from(name);
        for desk in self.memory.all().iter() {
            desk.forget(&pair);
        }
        for desk in self.buffered.all().iter() {
            desk.forget(&pair).await;
        }
        self.producer.forget(&pair);
        self.recent.forget(&pair);
        self.monitor.board.remove(name);
        self.writer.remove(&pair);
    }
}
