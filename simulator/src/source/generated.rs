//! The generated market under way: who is subscribed to what, and when the next frame is due.
//!
//! One task moves every pair. A pair is locked while it moves and its frame is handed out, and while somebody subscribes, so
//! that a snapshot and the updates after it always link.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::Utf8Bytes;
use serde_json::Value;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::frames::{Timed, profiles, timed};
use super::{Wanted, instrument};
use crate::options::{Generated, Rate};
use crate::server::{Arg, Client, Pressure};

/// Behind the clock by more than this, the market gives up the time lost instead of rushing after it.
const FURTHEST_BEHIND: Duration = Duration::from_secs(1);
/// Frames after which other tasks get their turn.
const TURN: usize = 32;

/// One pair and its subscribers.
#[derive(Debug)]
struct Slot {
    timed: Timed,
    subscribers: Vec<Arc<Client>>,
}

/// A generated exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    slots: Vec<Mutex<Slot>>,
    /// Index of each instrument.
    index: HashMap<&'static str, usize>,
    instruments: Vec<Value>,
    rate: Rate,
    start_us: u64,
    /// Exchange time of the newest frame.
    now_us: AtomicU64,
    /// Subscriptions to all pairs together.
    subscriptions: AtomicUsize,
    /// Wakes an unpaced market that had no subscribers.
    wake: Notify,
}

impl Exchange {
    /// A market that stands still until [`Exchange::run`].
    pub(crate) fn new(options: &Generated) -> Self {
        let start_ms = options.start_ms.unwrap_or_else(wall_clock_ms);
        let pairs = timed(options, start_ms);
        let index = pairs.iter().enumerate().map(|(index, timed)| (timed.pair.inst_id(), index)).collect();
        let slots = pairs.into_iter().map(|timed| Mutex::new(Slot { timed, subscribers: Vec::new() })).collect();
        let instruments = profiles(options).iter().map(instrument::of_profile).collect();
        let start_us = start_ms * 1000;
        let (now_us, subscriptions) = (AtomicU64::new(start_us), AtomicUsize::new(0));
        Self { slots, index, instruments, rate: options.rate, start_us, now_us, subscriptions, wake: Notify::new() }
    }

    /// Moves the market for ever.
    pub(crate) async fn run(&self) {
        match self.rate {
            Rate::Max => self.run_unpaced().await,
            Rate::Usual | Rate::PerSecond(_) => self.run_paced().await,
        }
    }

    /// By the clock, whether somebody listens or not: a client too slow is closed.
    async fn run_paced(&self) {
        let mut due = BinaryHeap::new();
        for (index, slot) in self.slots.iter().enumerate() {
            due.push(Reverse((slot.lock().await.timed.beat.peek().0, index)));
        }
        let mut origin = Instant::now();
        let mut told = false;
        let mut since_turn = 0;
        while let Some(Reverse((at_us, index))) = due.pop() {
            let at = origin + Duration::from_micros(at_us - self.start_us);
            let now = Instant::now();
            if at > now {
                tokio::time::sleep_until(at).await;
                since_turn = 0;
            } else if now - at > FURTHEST_BEHIND {
                if !told {
                    tracing::warn!("the market is over a second behind its clock: the rate asked for isn't reached on this machine");
                }
                told = true;
                origin += now - at;
            }
            let mut slot = self.slots[index].lock().await;
            self.move_on(&mut slot, Pressure::Close).await;
            due.push(Reverse((slot.timed.beat.peek().0, index)));
            drop(slot);
            since_turn += 1;
            if since_turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// As fast as the readers take it: pairs that somebody is subscribed to, in turn.
    async fn run_unpaced(&self) {
        loop {
            let woken = self.wake.notified();
            if self.subscriptions.load(Ordering::Acquire) == 0 {
                woken.await;
                continue;
            }
            for slot in &self.slots {
                let mut slot = slot.lock().await;
                if !slot.subscribers.is_empty() {
                    self.move_on(&mut slot, Pressure::Wait).await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// One frame of a pair to all its subscribers.
    async fn move_on(&self, slot: &mut Slot, pressure: Pressure) {
        let (at_us, text) = slot.timed.next_frame();
        self.now_us.fetch_max(at_us, Ordering::Relaxed);
        let text = Utf8Bytes::from(text);
        let mut lost = 0;
        for client in &slot.subscribers {
            if !client.deliver(text.clone(), pressure).await {
                lost += 1;
            }
        }
        if lost > 0 {
            let before = slot.subscribers.len();
            slot.subscribers.retain(|client| client.is_open());
            self.subscriptions.fetch_sub(before - slot.subscribers.len(), Ordering::AcqRel);
        }
    }

    pub(crate) fn offers(&self, arg: &Arg) -> bool {
        arg.channel == "books" && self.index.contains_key(arg.inst_id.as_str())
    }

    fn slot(&self, inst_id: &str) -> Option<&Mutex<Slot>> {
        self.index.get(inst_id).and_then(|&index| self.slots.get(index))
    }

    pub(crate) async fn subscribe(&self, client: &Arc<Client>, wanted: Wanted) {
        let Some(slot) = self.slot(&wanted.arg.inst_id) else { return };
        let mut slot = slot.lock().await;
        if !client.reply(wanted.ack).await {
            return;
        }
        let snapshot = slot.timed.pair.snapshot();
        // Subscribing again sends a second snapshot; the stream goes on once.
        if client.deliver(Utf8Bytes::from(snapshot), Pressure::Wait).await && !slot.subscribers.iter().any(|other| other.id == client.id) {
            slot.subscribers.push(Arc::clone(client));
            self.subscriptions.fetch_add(1, Ordering::AcqRel);
            self.wake.notify_one();
        }
    }

    pub(crate) async fn unsubscribe(&self, client: &Arc<Client>, wanted: Wanted) {
        let Some(slot) = self.slot(&wanted.arg.inst_id) else { return };
        let mut slot = slot.lock().await;
        self.drop_client(&mut slot, client);
        client.reply(wanted.ack).await;
    }

    pub(crate) async fn leave(&self, client: &Client) {
        for slot in &self.slots {
            self.drop_client(&mut *slot.lock().await, client);
        }
    }

    fn drop_client(&self, slot: &mut Slot, client: &Client) {
        let before = slot.subscribers.len();
        slot.subscribers.retain(|other| other.id != client.id);
        self.subscriptions.fetch_sub(before - slot.subscribers.len(), Ordering::AcqRel);
    }

    pub(crate) fn instruments(&self) -> &[Value] {
        &self.instruments
    }

    pub(crate) async fn book(&self, inst_id: &str, limit: usize) -> Option<String> {
        let slot = self.slot(inst_id)?;
        Some(slot.lock().await.timed.pair.picture(limit))
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed) / 1000
    }
}

/// Unix milliseconds by this machine's clock.
pub(crate) fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
