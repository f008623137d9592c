//! The generated market under way: who is subscribed to what, and when the next frame is due.
//!
//! One task moves every pair. A pair is locked while it moves and its frame is handed out, and while somebody subscribes, so
//! that a snapshot and the updates after it always link.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::Utf8Bytes;
use serde_json::Value;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::frames::{Timed, profiles, timed};
use super::listing::Listing;
use super::lockstep::{LockStep, Next};
use super::{Wanted, instrument};
use crate::fault::{Flood, Kind};
use crate::market::Due;
use crate::options::{Generated, Rate};
use crate::server::{Arg, Client, Pressure, Refusal};
use crate::truth::Truth;

/// Behind the clock by more than this, the market gives up the time lost instead of rushing after it.
const FURTHEST_BEHIND: Duration = Duration::from_secs(1);
/// Frames after which other tasks get their turn.
const TURN: usize = 32;

/// Silence between two frames of an auction.
const AUCTION_US: u64 = 1_000_000;
/// Frames of a flood after which the queues must be half free again.
const FLOOD_PART: u32 = 8;

/// What a pair is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Trading.
    Usual,
    /// Crossed, and about one frame a second.
    Auction(Instant),
    /// Nothing but keep-alives.
    Quiet(Instant),
}

/// One pair and its subscribers.
#[derive(Debug)]
struct Slot {
    timed: Timed,
    subscribers: Vec<Arc<Client>>,
    mood: Mood,
    /// Exchange time of the newest frame.
    last_us: u64,
    /// Silence after which a keep-alive is due.
    keep_alive_us: u64,
    /// Only at [`Rate::LockStep`].
    lock_step: Option<LockStep>,
}

impl Slot {
    fn new(mut timed: Timed, start_us: u64, keep_alive_us: u64, rate: Rate) -> Self {
        let lock_step = matches!(rate, Rate::LockStep).then(|| LockStep::new(timed.pair.seq_id(), timed.pair.snapshot()));
        Self { timed, subscribers: Vec::new(), mood: Mood::Usual, last_us: start_us, keep_alive_us, lock_step }
    }

    /// What is due of the pair, and when. None: nothing is sent at this point of its beat.
    fn next_frame(&mut self) -> (u64, Option<String>) {
        match self.mood {
            Mood::Usual => {}
            Mood::Auction(until) | Mood::Quiet(until) if until > Instant::now() => return self.subdued_frame(),
            Mood::Auction(_) | Mood::Quiet(_) => self.set_mood(Mood::Usual),
        }
        let (at_us, frame) = self.timed.next_frame();
        self.last_us = at_us;
        (at_us, Some(frame))
    }

    fn subdued_frame(&mut self) -> (u64, Option<String>) {
        let (at_us, due) = self.timed.beat.take();
        let silence_us = at_us.saturating_sub(self.last_us);
        let pair = &mut self.timed.pair;
        let frame = match (self.mood, due) {
            (Mood::Auction(_), Due::Change) if silence_us >= AUCTION_US => Some(pair.step(at_us / 1000)),
            (_, Due::KeepAlive) => Some(pair.keep_alive(at_us / 1000)),
            (Mood::Quiet(_), Due::Change) if silence_us >= self.keep_alive_us => Some(pair.keep_alive(at_us / 1000)),
            (_, Due::Change) => None,
        };
        if frame.is_some() {
            self.last_us = at_us;
        }
        (at_us, frame)
    }

    fn set_mood(&mut self, mood: Mood) {
        self.mood = mood;
        self.timed.pair.auction(matches!(mood, Mood::Auction(_)));
    }

    /// Exchange time for a frame out of turn: that of the newest, so that it never goes back.
    fn now_ms(&self) -> u64 {
        (self.last_us / 1000).max(self.timed.pair.ts_ms())
    }
}

/// A generated exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    slots: Vec<Mutex<Slot>>,
    /// Index of each instrument.
    index: HashMap<&'static str, usize>,
    listing: RwLock<Listing>,
    /// What each pair's book was.
    truths: Vec<Truth>,
    rate: Rate,
    start_us: u64,
    /// Exchange time is that of this machine's clock.
    by_the_clock: bool,
    /// Exchange time of the newest frame.
    now_us: AtomicU64,
    /// Subscriptions to all pairs together.
    subscriptions: AtomicUsize,
    /// Wakes an unpaced market that had no subscribers.
    wake: Notify,
}

impl Exchange {
    /// A market that stands still until [`Exchange::run`].
    pub(crate) fn new(options: &Generated, truth: usize) -> Self {
        let start_ms = options.start_ms.unwrap_or_else(wall_clock_ms);
        let pairs = timed(options, start_ms);
        let index = pairs.iter().enumerate().map(|(index, timed)| (timed.pair.inst_id(), index)).collect();
        let start_us = start_ms * 1000;
        let keep_alive_us = u64::try_from(options.keep_alive.as_micros()).unwrap_or(u64::MAX);
        let truth = if matches!(options.rate, Rate::Max) { 0 } else { truth };
        let truths: Vec<Truth> = pairs.iter().map(|_| Truth::new(truth)).collect();
        for (timed, truth) in pairs.iter().zip(&truths).filter(|(_, truth)| truth.is_kept()) {
            truth.add(timed.pair.seq_id(), timed.pair.digest());
        }
        let slots = pairs.into_iter().map(|timed| Mutex::new(Slot::new(timed, start_us, keep_alive_us, options.rate))).collect();
        let listing = RwLock::new(Listing::new(profiles(options).iter().map(instrument::of_profile).collect()));
        let by_the_clock = options.start_ms.is_none() && !matches!(options.rate, Rate::Max | Rate::LockStep);
        let (now_us, subscriptions) = (AtomicU64::new(start_us), AtomicUsize::new(0));
        Self { slots, index, listing, truths, rate: options.rate, start_us, by_the_clock, now_us, subscriptions, wake: Notify::new() }
    }

    /// Moves the market for ever.
    pub(crate) async fn run(&self) {
        match self.rate {
            Rate::Max => self.run_unpaced().await,
            Rate::Usual | Rate::PerSecond(_) => self.run_paced().await,
            // Acknowledgements move it.
            Rate::LockStep => std::future::pending().await,
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
            self.move_on(index, &mut slot, Pressure::Close).await;
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
            for (index, slot) in self.slots.iter().enumerate() {
                let mut slot = slot.lock().await;
                if !slot.subscribers.is_empty() {
                    self.move_on(index, &mut slot, Pressure::Wait).await;
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// At [`Rate::LockStep`]: the pair's frame with this sequence number is safe, and the next one may go. Whether the acknowledgement
    /// said anything new.
    pub(crate) async fn acknowledge(&self, inst_id: &str, seq_id: i64) -> bool {
        let Some((index, slot)) = self.index.get(inst_id).and_then(|&index| Some((index, self.slots.get(index)?))) else { return false };
        let mut slot = slot.lock().await;
        let slot = &mut *slot;
        let Some(lock_step) = &mut slot.lock_step else { return false };
        let pair = &mut slot.timed.pair;
        match lock_step.acknowledge(seq_id, || pair.snapshot()) {
            Next::Nothing => return false,
            Next::Resend(text) => self.send(index, slot, text, Pressure::Wait).await,
            Next::Step => {
                let (at_us, text) = slot.timed.next_frame();
                slot.last_us = at_us;
                self.now_us.fetch_max(at_us, Ordering::Relaxed);
                if let Some(lock_step) = &mut slot.lock_step {
                    lock_step.sent(slot.timed.pair.seq_id(), text.clone());
                }
                self.send(index, slot, text, Pressure::Wait).await;
            }
        }
        true
    }

    /// One frame of a pair to all its subscribers.
    async fn move_on(&self, index: usize, slot: &mut Slot, pressure: Pressure) {
        let (at_us, text) = slot.next_frame();
        self.now_us.fetch_max(at_us, Ordering::Relaxed);
        if let Some(text) = text {
            self.send(index, slot, text, pressure).await;
        }
    }

    /// The pair's book was changed by a frame: the frame goes to all its subscribers, and the book is remembered.
    async fn send(&self, index: usize, slot: &mut Slot, text: String, pressure: Pressure) {
        if let Some(truth) = self.truths.get(index).filter(|truth| truth.is_kept()) {
            truth.add(slot.timed.pair.seq_id(), slot.timed.pair.digest());
        }
        let inst_id = slot.timed.pair.inst_id();
        let text = Utf8Bytes::from(text);
        let mut lost = 0;
        for client in &slot.subscribers {
            if !client.deliver(inst_id, text.clone(), pressure).await {
                lost += 1;
            }
        }
        if lost > 0 {
            let before = slot.subscribers.len();
            slot.subscribers.retain(|client| client.is_open());
            self.subscriptions.fetch_sub(before - slot.subscribers.len(), Ordering::AcqRel);
        }
    }

    /// Brings about an event of the market. `clients` are those whom it concerns, where it doesn't concern all.
    pub(crate) async fn stir(&self, inst_id: &str, kind: &Kind, clients: &[Arc<Client>]) {
        let Some(&index) = self.index.get(inst_id) else { return };
        let Some(slot) = self.slots.get(index) else { return };
        let mut slot = slot.lock().await;
        let slot = &mut *slot;
        let concerned = |slot: &Slot| -> Vec<Arc<Client>> {
            slot.subscribers.iter().filter(|own| clients.iter().any(|client| client.id == own.id)).cloned().collect()
        };
        match kind {
            Kind::Reset(by) => {
                let text = slot.timed.pair.reset(slot.now_ms(), *by);
                self.send(index, slot, text, Pressure::Wait).await;
            }
            Kind::Auction(length) => {
                slot.set_mood(Mood::Auction(Instant::now() + *length));
                // Crossed at once, not with the next frame.
                let text = slot.timed.pair.step(slot.now_ms());
                self.send(index, slot, text, Pressure::Wait).await;
            }
            Kind::Quiet(length) => slot.set_mood(Mood::Quiet(Instant::now() + *length)),
            Kind::KeepAlive => {
                let text = Utf8Bytes::from(slot.timed.pair.keep_alive(slot.now_ms()));
                for client in concerned(slot) {
                    client.deliver(inst_id, text.clone(), Pressure::Wait).await;
                }
            }
            Kind::Snapshot => {
                let text = Utf8Bytes::from(slot.timed.pair.snapshot());
                for client in concerned(slot) {
                    client.deliver(inst_id, text.clone(), Pressure::Wait).await;
                }
            }
            Kind::Flood(Flood::Updates, count) => {
                for number in 0..*count {
                    if number % FLOOD_PART == 0 {
                        wait_for(&slot.subscribers).await;
                    }
                    let text = slot.timed.pair.step(slot.now_ms());
                    self.send(index, slot, text, Pressure::Wait).await;
                }
                wait_for(&slot.subscribers).await;
            }
            Kind::Flood(Flood::KeepAlives, count) => {
                let (text, clients) = (Utf8Bytes::from(slot.timed.pair.keep_alive(slot.now_ms())), concerned(slot));
                for number in 0..*count {
                    if number % FLOOD_PART == 0 {
                        wait_for(&clients).await;
                    }
                    for client in &clients {
                        client.deliver(inst_id, text.clone(), Pressure::Wait).await;
                    }
                }
                wait_for(&clients).await;
            }
            Kind::Delist { state, .. } => {
                self.listing.write().unwrap_or_else(PoisonError::into_inner).delist(inst_id, *state);
                let refusal = Refusal::unknown(None, &Arg { channel: "books".to_owned(), inst_id: inst_id.to_owned() });
                for client in std::mem::take(&mut slot.subscribers) {
                    self.subscriptions.fetch_sub(1, Ordering::AcqRel);
                    client.pairs().remove(inst_id);
                    client.reply(refusal.text(&client.conn_id())).await;
                }
            }
            Kind::Relist => self.listing.write().unwrap_or_else(PoisonError::into_inner).relist(inst_id),
            Kind::Listing(fields) => self.listing.write().unwrap_or_else(PoisonError::into_inner).change(inst_id, fields),
            // What concerns connections alone isn't the market's.
            _ => {}
        }
    }

    /// Digests of a pair's book at a sequence number, newest first.
    pub(crate) fn truth(&self, inst_id: &str, seq_id: i64) -> Vec<u64> {
        self.index.get(inst_id).and_then(|&index| self.truths.get(index)).map(|truth| truth.of(seq_id)).unwrap_or_default()
    }

    /// Every pair there is, delisted or not, in order.
    pub(crate) fn pairs(&self) -> Vec<String> {
        let mut pairs: Vec<(usize, &str)> = self.index.iter().map(|(id, index)| (*index, *id)).collect();
        pairs.sort_unstable();
        pairs.into_iter().map(|(_, id)| id.to_owned()).collect()
    }

    pub(crate) fn offers(&self, arg: &Arg) -> bool {
        arg.channel == "books"
            && self.index.contains_key(arg.inst_id.as_str())
            && self.listing.read().unwrap_or_else(PoisonError::into_inner).has(&arg.inst_id)
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
        let snapshot = match &mut slot.lock_step {
            Some(lock_step) => lock_step.subscribed(),
            None => slot.timed.pair.snapshot(),
        };
        // Subscribing again sends a second snapshot; the stream goes on once.
        if client.deliver(&wanted.arg.inst_id, Utf8Bytes::from(snapshot), Pressure::Wait).await
            && !slot.subscribers.iter().any(|other| other.id == client.id)
        {
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

    pub(crate) fn instruments(&self) -> Vec<Value> {
        self.listing.read().unwrap_or_else(PoisonError::into_inner).entries()
    }

    pub(crate) async fn book(&self, inst_id: &str, limit: usize) -> Option<String> {
        if !self.listing.read().unwrap_or_else(PoisonError::into_inner).has(inst_id) {
            return None;
        }
        let slot = self.slot(inst_id)?;
        Some(slot.lock().await.timed.pair.picture(limit))
    }

    /// The exchange's clock.
    pub(crate) fn now_ms(&self) -> u64 {
        let newest = self.now_us.load(Ordering::Relaxed) / 1000;
        if self.by_the_clock { newest.max(wall_clock_ms()) } else { newest }
    }
}

/// Until each of these clients has room for a part of a flood.
async fn wait_for(clients: &[Arc<Client>]) {
    for client in clients {
        client.half_free().await;
    }
}

/// Unix milliseconds by this machine's clock.
pub(crate) fn wall_clock_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
