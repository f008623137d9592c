//! The faults that wait for frames of one connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes};
use tokio::time::Instant;

use super::damage;
use super::kind::{Damage, Extent};
use crate::market::Dice;

/// Most rules that wait on one connection; the oldest goes for a new one.
const MOST_RULES: usize = 256;

/// What a rule does to a frame.
#[derive(Debug, Clone, Copy)]
enum Action {
    Damage(Damage),
    Delay(Duration),
}

/// One fault on one connection.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    action: Action,
    /// None: every pair.
    pair: Option<String>,
    /// Frames left; None: until `until`.
    left: Option<u32>,
    until: Option<Instant>,
    /// Counts frames that were hit, on all connections together.
    hits: Arc<AtomicU64>,
}

impl Rule {
    /// Damage for frames to come.
    pub(crate) fn damage(damage: Damage, extent: Extent, pair: Option<String>, hits: Arc<AtomicU64>) -> Self {
        let (left, until) = match extent {
            Extent::Frames(count) => (Some(count), None),
            Extent::Time(length) => (None, Some(Instant::now() + length)),
        };
        Self { action: Action::Damage(damage), pair, left, until, hits }
    }

    /// Frames to come within `length` are late by `by`.
    pub(crate) fn delay(by: Duration, length: Duration, pair: Option<String>, hits: Arc<AtomicU64>) -> Self {
        Self { action: Action::Delay(by), pair, left: None, until: Some(Instant::now() + length), hits }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.left == Some(0) || self.until.is_some_and(|until| until <= now)
    }

    fn concerns(&self, pair: &str) -> bool {
        self.pair.as_deref().is_none_or(|own| own == pair)
    }

    fn hit(&mut self) {
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.hits.fetch_add(1, Ordering::Relaxed);
    }
}

/// What has become of a frame: none, one or more messages, and the time before which they aren't sent.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) messages: Vec<Message>,
    pub(crate) not_before: Option<Instant>,
}

#[derive(Debug)]
struct State {
    rules: Vec<Rule>,
    /// Frames held back by a reorder, one a pair.
    held: HashMap<String, Utf8Bytes>,
    dice: Dice,
}

/// The faults of one connection, between market and queue.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Whether anything waits: without, a frame passes at the price of one load.
    armed: AtomicBool,
    state: Mutex<State>,
}

impl Lane {
    /// Nothing waits. The seed decides where damage falls.
    pub(crate) fn new(seed: u64) -> Self {
        let state = State { rules: Vec::new(), held: HashMap::new(), dice: Dice::new(seed, "lane") };
        Self { armed: AtomicBool::new(false), state: Mutex::new(state) }
    }

    /// One more fault.
    pub(crate) fn add(&self, rule: Rule) {
        let mut state = self.state();
        if state.rules.len() >= MOST_RULES {
            state.rules.remove(0);
        }
        state.rules.push(rule);
        self.armed.store(true, Ordering::Release);
    }

    /// Whether frames have to go through [`Lane::pass`].
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Acquire)
    }

    /// Forgets what is held back of a pair: its stream ends or begins anew.
    pub(crate) fn forget(&self, pair: &str) {
        if self.is_armed() {
            self.state().held.remove(pair);
        }
    }

    /// A frame on its way. At most one kind of damage comes to it, and delay.
    pub(crate) fn pass(&self, pair: &str, text: Utf8Bytes) -> Passed {
        let now = Instant::now();
        let mut state = self.state();
        let State { rules, held, dice } = &mut *state;
        rules.retain(|rule| !rule.is_over(now));
        let mut passed = Passed::default();
        let mut fate = None;
        for rule in rules.iter_mut().filter(|rule| rule.concerns(pair)) {
            match rule.action {
                Action::Delay(by) => {
                    rule.hit();
                    passed.not_before = passed.not_before.max(Some(now + by));
                }
                Action::Damage(damage) if fate.is_none() => {
                    fate = damaged(damage, &text, dice);
                    if fate.is_some() {
                        rule.hit();
                    }
                }
                Action::Damage(_) => {}
            }
        }
        let before = held.remove(pair);
        match fate {
            None => passed.messages.push(Message::Text(text)),
            // One that is to wait while another waits already would never meet its neighbour.
            Some(Fate::Hold) if before.is_none() => {
                held.insert(pair.to_owned(), text);
            }
            Some(Fate::Hold) => passed.messages.push(Message::Text(text)),
            Some(Fate::Messages(messages)) => passed.messages = messages,
        }
        passed.messages.extend(before.map(Message::Text));
        if rules.is_empty() && held.is_empty() {
            self.armed.store(false, Ordering::Release);
        }
        passed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held can't have left it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Fate {
    Hold,
    Messages(Vec<Message>),
}

/// What damage makes of a frame; None: it isn't one that this can happen to.
fn damaged(damage: Damage, text: &Utf8Bytes, dice: &mut Dice) -> Option<Fate> {
    let one = |text: String| vec![Message::Text(text.into())];
    Some(match damage {
        Damage::Drop => Fate::Messages(Vec::new()),
        Damage::Duplicate => Fate::Messages(vec![Message::Text(text.clone()), Message::Text(text.clone())]),
        Damage::Reorder => Fate::Hold,
        Damage::Corrupt => Fate::Messages(one(damage::corrupt(text, dice))),
        Damage::Tamper => Fate::Messages(one(damage::tamper(text, dice)?)),
        Damage::Truncate => Fate::Messages(one(damage::truncate(text, dice))),
        Damage::Checksum => Fate::Messages(one(damage::checksum(text, dice)?)),
        Damage::Binary => Fate::Messages(vec![Message::Binary(text.clone().into())]),
    })
}
