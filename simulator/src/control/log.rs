//! What was brought about.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Entries kept.
const MOST: usize = 10_000;

/// A fault that was brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected {
    /// From 1, in order.
    pub number: u64,
    /// When, in Unix milliseconds of this machine.
    pub at_ms: u64,
    /// Its text.
    pub fault: String,
    /// What was done.
    pub effect: String,
    /// Numbers of the connections it was done to.
    pub connections: Vec<u64>,
    /// Frames or messages that it has changed, held up or made so far.
    pub hits: u64,
}

/// An entry whose hits may still grow.
#[derive(Debug)]
struct Entry {
    injected: Injected,
    hits: Arc<AtomicU64>,
}

/// The newest faults.
#[derive(Debug, Default)]
pub(super) struct Log {
    count: u64,
    entries: VecDeque<Entry>,
}

impl Log {
    /// Adds an entry, which gets the next number.
    pub(super) fn add(&mut self, mut injected: Injected, hits: Arc<AtomicU64>) -> Injected {
        self.count += 1;
        injected.number = self.count;
        if self.entries.len() >= MOST {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { injected: injected.clone(), hits: Arc::clone(&hits) });
        Injected { hits: hits.load(Ordering::Relaxed), ..injected }
    }

    /// Oldest first.
    pub(super) fn all(&self) -> Vec<Injected> {
        let all = self.entries.iter();
        all.map(|entry| Injected { hits: entry.hits.load(Ordering::Relaxed), ..entry.injected.clone() }).collect()
    }
}
