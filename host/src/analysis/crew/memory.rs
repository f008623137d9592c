//! The newest book of each pair, for one plugin of the memory lane, and the thread that takes them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadline_market::{Book, Continuity, Instrument};
use tokio::sync::oneshot;

use super::Sink;
use super::errand::StateErrand;
use crate::analysis::recents::Past;
use crate::analysis::saved::SavedState;
use crate::analysis::seats::{Exchange, Seats};
use crate::clock::Arrival;

/// The newest book of each pair, for one plugin.
#[derive(Clone)]
pub struct MemoryDesk {
    /// The plugin's name.
    pub name: Arc<str>,
    shared: Arc<MemoryShared>,
}

#[derive(Default)]
struct MemoryShared {
    state: Mutex<MemoryState>,
    wake: Condvar,
}

#[derive(Default)]
struct MemoryState {
    /// The pairs' places; bounded by the number of pairs.
    places: HashMap<Arc<str>, Place>,
    /// Pairs with a book waiting, longest first. A pair stands in it once.
    waiting: VecDeque<Arc<str>>,
    /// Another version is to take over.
    exchange: Option<Exchange>,
    /// States to be saved or taken over; bounded by the number of pairs, whose consumers ask one at a time.
    errands: VecDeque<StateErrand>,
    closed: bool,
}

struct Place {
    instrument: Arc<Instrument>,
    newest: Option<Offer>,
    /// Books skipped since the pair began.
    skipped_total: u64,
    /// The pair is gone; its analyst is dropped at the next turn.
    leaving: bool,
}

struct Offer {
    book: Arc<Book>,
    arrival: Arrival,
    skipped: u32,
    restarted: bool,
}

enum Turn {
    Analyze(Arc<str>, Arc<Instrument>, Offer),
    Forget(Arc<str>),
    Exchange(Exchange),
    State(StateErrand),
    /// Nobody waits.
    Idle,
}

impl MemoryDesk {
    pub(super) fn new(plugin: &Arc<str>) -> Self {
        Self { name: Arc::clone(plugin), shared: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, MemoryState> {
        // Nothing under this lock can panic half way through a change.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lays a pair's newest book on the desk; one that still lies there is skipped and counted.
    pub fn offer(&self, pair: &Arc<str>, instrument: &Arc<Instrument>, book: &Arc<Book>, arrival: Arrival) {
        let mut state = self.lock();
        let restarted = book.continuity == Continuity::Restarted;
        let mut offer = Offer { book: Arc::clone(book), arrival, skipped: 0, restarted };
        let place = state.places.entry(Arc::clone(pair)).or_insert_with(|| Place {
            instrument: Arc::clone(instrument),
            newest: None,
            skipped_total: 0,
            leaving: false,
        });
        place.leaving = false;
        place.instrument = Arc::clone(instrument);
        match place.newest.take() {
            Some(older) => {
                place.skipped_total += 1;
                offer.skipped = older.skipped.saturating_add(1);
                offer.restarted |= older.restarted;
                place.newest = Some(offer);
            }
            None => {
                place.newest = Some(offer);
                state.waiting.push_back(Arc::clone(pair));
                drop(state);
                self.shared.wake.notify_one();
            }
        }
    }

    /// Takes a pair away: its analysis is closed.
    pub fn forget(&self, pair: &Arc<str>) {
        let mut state = self.lock();
        let Some(place) = state.places.get_mut(pair) else { return };
        place.leaving = true;
        if place.newest.take().is_none() {
            state.waiting.push_back(Arc::clone(pair));
        }
        drop(state);
        self.shared.wake.notify_one();
    }

    /// Asks for what the plugin has gathered on a pair; the receiver gets none where there is nothing, and an error once the desk is closed.
    pub fn save(&self, pair: &Arc<str>) -> oneshot::Receiver<Option<SavedState>> {
        let (answer, receiver) = oneshot::channel();
        self.errand(StateErrand::Save(Arc::clone(pair), answer));
        receiver
    }

    /// Hands over what an earlier host saved: the plugin is opened with it at the pair's next book.
    pub fn restore(&self, pair: &Arc<str>, saved: Option<SavedState>) {
        self.errand(StateErrand::Restore(Arc::clone(pair), saved));
    }

    /// Has another version take over.
    pub(super) fn exchange(&self, exchange: Exchange) {
        self.lock().exchange = Some(exchange);
        self.shared.wake.notify_one();
    }

    pub(super) fn errand(&self, errand: StateErrand) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.errands.push_back(errand);
        drop(state);
        self.shared.wake.notify_one();
    }

    /// Books of each pair skipped so far.
    #[must_use]
    pub fn skipped_by_pair(&self) -> Vec<(Arc<str>, u64)> {
        self.lock().places.iter().map(|(pair, place)| (Arc::clone(pair), place.skipped_total)).collect()
    }

    /// Books skipped so far, over all pairs.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.lock().places.values().map(|place| place.skipped_total).sum()
    }

    /// The thread ends once nothing waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.shared.wake.notify_one();
    }

    /// What to do next. `has_work`: there is something to do while nobody waits.
    fn take(&self, has_work: bool) -> Option<Turn> {
        let mut state = self.lock();
        loop {
            if let Some(exchange) = state.exchange.take() {
                return Some(Turn::Exchange(exchange));
            }
            if let Some(errand) = state.errands.pop_front() {
                return Some(Turn::State(errand));
            }
            while let Some(pair) = state.waiting.pop_front() {
                let Some(place) = state.places.get_mut(&pair) else { continue };
                if place.leaving {
                    state.places.remove(&pair);
                    return Some(Turn::Forget(pair));
                }
                if let Some(offer) = place.newest.take() {
                    let instrument = Arc::clone(&place.instrument);
                    return Some(Turn::Analyze(pair, instrument, offer));
                }
            }
            if state.closed {
                return None;
            }
            if has_work {
                return Some(Turn::Idle);
            }
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Takes what lies on the desk, until it is closed.
pub(super) fn run(mut seats: Seats, desk: &MemoryDesk, sink: &Sink) {
    while let Some(turn) = desk.take(seats.has_work()) {
        match turn {
            Turn::Forget(pair) => seats.forget(&pair),
            Turn::Exchange(exchange) => seats.exchange(exchange),
            Turn::Idle => seats.idle(),
            Turn::State(errand) => errand.run(&mut seats),
            Turn::Analyze(pair, instrument, Offer { book, arrival, skipped, restarted }) => {
                let past = Past { book, restarted, skipped };
                // On this lane the time counts from the frame's arrival: the newest book answers in time or not at all.
                let left = |deadline: Duration| deadline.saturating_sub(arrival.elapsed());
                if let Some(reading) = seats.analyze(&pair, &instrument, &past, arrival, left) {
                    sink(reading);
                }
                seats.rest(&pair, &instrument, past);
            }
        }
    }
}
