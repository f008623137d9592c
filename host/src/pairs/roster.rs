//! The pairs that run: the wanted Set is read now and then, pairs are stopped and started to match it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::wanted::{self, Wanted};
use crate::analysis::{BufferedDesk, MemoryDesk};
use crate::clock;
use crate::config::Settings;
use crate::lanes::{Consumer, Producer, Router};
use crate::monitor::Monitor;
use crate::okx::{Instruments, PairFeed};
use crate::results::{Link, Writer};

/// Everything a pair needs to run.
pub struct Roster {
    /// Settings.
    pub settings: Settings,
    /// Plugins of the memory lane.
    pub memory: Vec<MemoryDesk>,
    /// Plugins of the buffered lane.
    pub buffered: Vec<BufferedDesk>,
    /// The buffered lane's way into Redis.
    pub producer: Arc<Producer>,
    /// Hashes into Redis.
    pub writer: Arc<Writer>,
    /// The consumers' connection, shared: their calls are short.
    pub lane_link: Arc<Link>,
    /// Whom to ask about instruments.
    pub instruments: Instruments,
    /// Counters and the board.
    pub monitor: Arc<Monitor>,
}

struct Running {
    feed: JoinHandle<()>,
    consumer: JoinHandle<()>,
    /// Ends the feed first, so that what it received is still analysed.
    stop_feed: CancellationToken,
    stop_consumer: CancellationToken,
}

impl Roster {
    /// Keeps the pairs that run equal to the wanted ones until `stop`, then stops them all.
    pub async fn run(self, link: Link, stop: CancellationToken) {
        let mut running: BTreeMap<String, Running> = BTreeMap::new();
        let mut tick = tokio::time::interval(self.settings.pairs.poll);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = Wanted::default();
        let mut first = true;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => break,
            }
            self.mend(&mut running);
            let names: BTreeSet<String> = running.keys().cloned().collect();
            let members = match wanted::read(&link, &self.settings.pairs.key).await {
                Ok(members) => members,
                Err(error) => {
                    self.monitor.counters.redis_errors.add(1);
                    tracing::error!(
                        key = self.settings.pairs.key,
                        "the wanted pairs can't be read, {} stay as they are: {error}",
                        names.len()
                    );
                    continue;
                }
            };
            self.monitor.last_config_check_ms.store(clock::unix_ms(), Ordering::Relaxed);
            let wanted = wanted::choose(members, &names, self.settings.pairs.limit);
            self.tell(&wanted, &told, first);
            let gone: Vec<String> = names.difference(&wanted.pairs).cloned().collect();
            for pair in &gone {
                if let Some(pair_running) = running.remove(pair) {
                    self.take_away(pair, pair_running).await;
                }
            }
            for pair in wanted.pairs.difference(&names) {
                running.insert(pair.clone(), self.start(pair));
                if !first {
                    self.monitor.counters.subscription_changes.add(1);
                }
            }
            self.monitor.counters.subscription_changes.add(gone.len() as u64);
            told = wanted;
            first = false;
        }
        for pair in running.values() {
            pair.stop_feed.cancel();
        }
        for (_, pair) in running {
            let _ = pair.feed.await;
            pair.stop_consumer.cancel();
            let _ = pair.consumer.await;
        }
    }

    /// Starts a pair anew whose tasks ended without being asked to: a fault of ours must not silence a pair for good.
    fn mend(&self, running: &mut BTreeMap<String, Running>) {
        for (name, pair) in running.iter_mut() {
            if pair.feed.is_finished() || pair.consumer.is_finished() {
                tracing::error!(pair = name, "the pair's task ended unasked, and is started anew");
                pair.feed.abort();
                pair.consumer.abort();
                *pair = self.start(name);
            }
        }
    }

    /// Says what changed about the wanted pairs, once.
    fn tell(&self, wanted: &Wanted, told: &Wanted, first: bool) {
        let key = &self.settings.pairs.key;
        if !wanted.left_out.is_empty() && wanted.left_out != told.left_out {
            tracing::warn!(key, "more than {} pairs are wanted; left out: {}", self.settings.pairs.limit, wanted.left_out.join(", "));
        }
        if !wanted.refused.is_empty() && wanted.refused != told.refused {
            tracing::warn!(key, "no instruments' names, left out: {:?}; names look like BTC-USDT", wanted.refused);
        }
        if wanted.pairs.is_empty() && (first || !told.pairs.is_empty()) {
            tracing::warn!("no pairs are wanted\nhint: redis-cli SADD {key} BTC-USDT");
        }
    }

    fn start(&self, name: &str) -> Running {
        let pair: Arc<str> = Arc::from(name);
        let cell = self.monitor.board.add(&pair);
        let (instrument, known) = watch::channel(None);
        let feed = PairFeed {
            pair: Arc::clone(&pair),
            okx: self.settings.okx.clone(),
            orderbook_interval: self.settings.orderbook_interval,
            router: Router::new(&pair, self.memory.clone(), Arc::clone(&self.producer)),
            instrument,
            instruments: self.instruments.clone(),
            writer: Arc::clone(&self.writer),
            monitor: Arc::clone(&self.monitor),
            cell,
        };
        let consumer = Consumer {
            run: self.producer.run_id(),
            queue: self.producer.queue(&pair),
            desks: self.buffered.clone(),
            instrument: known,
            link: Arc::clone(&self.lane_link),
            monitor: Arc::clone(&self.monitor),
            pair,
        };
        let (stop_feed, stop_consumer) = (CancellationToken::new(), CancellationToken::new());
        Running {
            feed: tokio::spawn(feed.run(stop_feed.clone())),
            consumer: tokio::spawn(consumer.run(stop_consumer.clone())),
            stop_feed,
            stop_consumer,
        }
    }

    /// Stops a pair that is no longer wanted, and takes its numbers out of Redis.
    async fn take_away(&self, name: &str, running: Running) {
        running.stop_feed.cancel();
        let _ = running.feed.await;
        running.stop_consumer.cancel();
        let _ = running.consumer.await;
        let pair: Arc<str> = Arc::from(name);
        for desk in &self.memory {
            desk.forget(&pair);
        }
        for desk in &self.buffered {
            desk.forget(&pair).await;
        }
        self.producer.forget(&pair);
        self.monitor.board.remove(name);
        self.writer.remove(&pair);
    }
}
