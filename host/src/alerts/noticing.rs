//! What happens, judged where it happens: by readings on their threads, and once a second by the Hashes of pairs, plugins and host.
//!
//! The monitor tells it what happens, so it doesn't know the monitor: neither would ever be freed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::analyses;
use super::judge::Judge;
use super::news::News;
use super::rule::{Record, Rule};
use crate::analysis::{Outcome, Reading};
use crate::clock;
use crate::monitor::Observer;

/// News that may wait to be told. They are few: each rule has a cool-down.
const WAITING: usize = 4096;

/// The judge, and the way to whoever tells.
pub(super) struct Noticing {
    judge: Mutex<Judge>,
    /// Some rule watches a field of analyses.
    watches_fields: AtomicBool,
    news: mpsc::Sender<News>,
    /// News that found no room.
    dropped: AtomicU64,
}

impl Noticing {
    /// Of no rules yet; and what comes of it.
    pub(super) fn new() -> (Self, mpsc::Receiver<News>) {
        let (news, receiver) = mpsc::channel(WAITING);
        (Self { judge: Mutex::default(), watches_fields: AtomicBool::new(false), news, dropped: AtomicU64::new(0) }, receiver)
    }

    /// Judges something, and hands on what comes of it; what finds no room is as if it hadn't been noticed.
    pub(super) fn judge<T>(&self, judging: impl FnOnce(&mut Judge, &mut Vec<News>) -> T) -> T {
        // Nothing under this lock can panic half way through a change.
        let mut judge = self.judge.lock().unwrap_or_else(PoisonError::into_inner);
        let mut news = Vec::new();
        let result = judging(&mut judge, &mut news);
        for one in news {
            if let Err(full) = self.news.try_send(one) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                judge.undo(&full.into_inner());
            }
        }
        result
    }

    /// Other rules from now on.
    pub(super) fn set_rules(&self, rules: Vec<Arc<Rule>>) {
        self.judge(|judge, news| {
            news.extend(judge.set_rules(rules));
            self.watches_fields.store(judge.watches_fields(), Ordering::Relaxed);
        });
    }

    /// News from outside the judge.
    pub(super) fn notice(&self, news: News) {
        if self.news.try_send(news).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// News that found no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Time on this process's clock, which nobody steps.
pub(super) fn now_ms() -> u64 {
    clock::since_start() / 1_000_000
}

/// A field of a Hash.
pub(super) fn field(fields: &[(&'static str, String)], name: &str) -> Option<String> {
    fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.clone())
}

impl Observer for Noticing {
    fn reading(&self, reading: &Reading) {
        // What most readings have nothing of is looked at before the lock.
        let told = !matches!(reading.outcome, Outcome::Fault(_));
        let state = if told { analyses::state_of(reading) } else { None };
        if state.is_some() || !reading.notices.is_empty() || self.watches_fields.load(Ordering::Relaxed) {
            self.judge(|judge, news| judge.reading(reading, state, now_ms(), news));
        }
    }

    fn figures(&self, figures: &[(&'static str, String)]) {
        self.judge(|judge, news| judge.record(Record::System, None, |name| field(figures, name), now_ms(), news));
    }
}
