//! The queue between what happens and the thread that keeps it: bounded in entries and in bytes; who offers never waits.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::entry::Entry;

/// Most entries that wait.
const ENTRIES: usize = 100_000;
/// Most bytes that wait or are being written.
const BYTES: usize = 64 << 20;

#[derive(Default)]
struct State {
    waiting: VecDeque<Entry>,
    /// Of all that wait and of the batch in work.
    bytes: usize,
    stopping: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end at which entries are offered.
pub(super) struct Offers(Arc<Shared>);

/// The end at which they are taken.
pub(super) struct Taken(Arc<Shared>);

/// What came first.
pub(super) enum Next {
    /// An entry.
    Entry(Entry),
    /// The time that the caller would wait until.
    Time,
    /// The end: no more entries will come.
    Closed,
}

/// A queue.
pub(super) fn queue() -> (Offers, Taken) {
    let shared = Arc::<Shared>::default();
    (Offers(Arc::clone(&shared)), Taken(shared))
}

impl Offers {
    /// Puts an entry in; whether it is in: not where there is no room, or nobody takes any more.
    pub(super) fn offer(&self, entry: Entry) -> bool {
        let weight = entry.weight();
        let mut state = self.0.lock();
        if state.stopping || state.waiting.len() >= ENTRIES || state.bytes + weight > BYTES {
            return false;
        }
        state.bytes += weight;
        state.waiting.push_back(entry);
        // One who waits for a first entry is woken; one who gathers looks again when his time comes.
        let first = state.waiting.len() == 1;
        drop(state);
        if first {
            self.0.changed.notify_all();
        }
        true
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// Nothing more is offered; what waits is still taken.
    pub(super) fn close(&self) {
        self.0.lock().stopping = true;
        self.0.changed.notify_all();
    }
}

impl Taken {
    /// The next entry, waited for until a time.
    pub(super) fn next(&self, until: Instant) -> Next {
        let mut state = self.0.lock();
        loop {
            if let Some(entry) = state.waiting.pop_front() {
                return Next::Entry(entry);
            }
            if state.stopping {
                return Next::Closed;
            }
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else { return Next::Time };
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits, but not once the host stops.
    pub(super) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.0.lock();
        while !state.stopping
            && let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
        {
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the host stops.
    pub(super) fn is_stopping(&self) -> bool {
        self.0.lock().stopping
    }

    /// Makes room for as much as a batch held.
    pub(super) fn done(&self, batch: &[Entry]) {
        let weight: usize = batch.iter().map(Entry::weight).sum();
        let mut state = self.0.lock();
        state.bytes = state.bytes.saturating_sub(weight);
    }
}
