//! The threads that run plugins, one a plugin, so that one plugin's kill doesn't delay another.
//!
//! A memory-lane plugin is fed through a [`MemoryDesk`]: the newest book of each pair lies on it, older ones are skipped and
//! counted. A buffered-lane plugin is fed through a [`BufferedDesk`]: every book, in order, and the caller waits for the answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use leadline_market::{Book, Continuity, Instrument};
use tokio::sync::{mpsc, oneshot};

use super::analyst::{Analyst, Call};
use super::component::{LaneKind, Plugin};
use super::reading::Reading;
use crate::clock::Arrival;

/// Books that may wait for one buffered plugin; a pair has at most one, so this is the number of pairs with room to spare.
const BUFFERED_WAITING: usize = 64;

/// Where the readings of the memory lane go.
pub type Sink = Arc<dyn Fn(Reading) + Send + Sync>;

/// All plugin threads.
pub struct Crew {
    /// The desks of the memory lane, by plugin.
    pub memory: Vec<MemoryDesk>,
    /// The desks of the buffered lane, by plugin.
    pub buffered: Vec<BufferedDesk>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    /// Starts a thread a plugin. `sink` gets each reading of the memory lane, on the plugin's thread: it must not block.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(plugins: &[Arc<Plugin>], sink: &Sink) -> std::io::Result<Self> {
        let mut crew = Self { memory: Vec::new(), buffered: Vec::new(), threads: Vec::new() };
        for plugin in plugins {
            let thread = std::thread::Builder::new().name(plugin.name.to_string());
            let worker = Arc::clone(plugin);
            crew.threads.push(match plugin.lane {
                LaneKind::Memory => {
                    let desk = MemoryDesk { plugin: Arc::clone(plugin), shared: Arc::default() };
                    crew.memory.push(desk.clone());
                    let sink = Arc::clone(sink);
                    thread.spawn(move || run_memory(&worker, &desk, &sink))?
                }
                LaneKind::Buffered => {
                    let (sender, receiver) = mpsc::channel(BUFFERED_WAITING);
                    crew.buffered.push(BufferedDesk { plugin: Arc::clone(plugin), sender });
                    thread.spawn(move || run_buffered(&worker, receiver))?
                }
            });
        }
        Ok(crew)
    }

    /// Lets every thread finish the book in hand, then ends it.
    pub fn stop(self) {
        for desk in &self.memory {
            desk.lock().closed = true;
            desk.shared.wake.notify_one();
        }
        drop(self.buffered);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a plugin thread panicked");
            }
        }
    }
}

/// The newest book of each pair, for one plugin.
#[derive(Clone)]
pub struct MemoryDesk {
    /// The plugin behind it.
    pub plugin: Arc<Plugin>,
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
}

impl MemoryDesk {
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

    /// Books skipped so far, over all pairs.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.lock().places.values().map(|place| place.skipped_total).sum()
    }

    fn take(&self) -> Option<Turn> {
        let mut state = self.lock();
        loop {
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
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn run_memory(plugin: &Arc<Plugin>, desk: &MemoryDesk, sink: &Sink) {
    let mut analysts = Analysts::new(plugin);
    while let Some(turn) = desk.take() {
        match turn {
            Turn::Forget(pair) => analysts.forget(&pair),
            Turn::Analyze(pair, instrument, offer) => {
                let call = Call {
                    book: &offer.book,
                    arrival: offer.arrival,
                    skipped: offer.skipped,
                    restarted: offer.restarted,
                    // On this lane the time counts from the frame's arrival: the newest book answers in time or not at all.
                    deadline: plugin.budget.deadline.saturating_sub(offer.arrival.elapsed()),
                };
                let analyst = analysts.of(&pair, &instrument);
                if let Some(reading) = analyst.analyze(call) {
                    sink(reading);
                }
                analyst.rest();
            }
        }
    }
}

/// Every book in order, for one plugin of the buffered lane.
#[derive(Clone)]
pub struct BufferedDesk {
    /// The plugin behind it.
    pub plugin: Arc<Plugin>,
    sender: mpsc::Sender<Errand>,
}

enum Errand {
    Analyze {
        pair: Arc<str>,
        instrument: Arc<Instrument>,
        book: Arc<Book>,
        arrival: Arrival,
        restarted: bool,
        answer: oneshot::Sender<Option<Reading>>,
    },
    Forget(Arc<str>),
}

impl BufferedDesk {
    /// Hands a book over; the receiver gets the reading, or none while the plugin waits after a kill.
    ///
    /// `restarted`: books before this one are missing.
    pub async fn analyze(
        &self,
        pair: &Arc<str>,
        instrument: &Arc<Instrument>,
        book: &Arc<Book>,
        arrival: Arrival,
        restarted: bool,
    ) -> oneshot::Receiver<Option<Reading>> {
        let (answer, receiver) = oneshot::channel();
        let errand = Errand::Analyze {
            pair: Arc::clone(pair),
            instrument: Arc::clone(instrument),
            book: Arc::clone(book),
            arrival,
            restarted,
            answer,
        };
        // A closed desk drops the errand, and with it the sender: the receiver then says so.
        let _ = self.sender.send(errand).await;
        receiver
    }

    /// Takes a pair away: its analysis is closed.
    pub async fn forget(&self, pair: &Arc<str>) {
        let _ = self.sender.send(Errand::Forget(Arc::clone(pair))).await;
    }
}

fn run_buffered(plugin: &Arc<Plugin>, mut errands: mpsc::Receiver<Errand>) {
    let mut analysts = Analysts::new(plugin);
    while let Some(errand) = errands.blocking_recv() {
        match errand {
            Errand::Forget(pair) => analysts.forget(&pair),
            Errand::Analyze { pair, instrument, book, arrival, restarted, answer } => {
                // On this lane the time counts from taking the book off the List: a backlog is late, not killed.
                let call = Call { book: &book, arrival, skipped: 0, restarted, deadline: plugin.budget.deadline };
                // Nobody waits for it any more when the host is stopping.
                let analyst = analysts.of(&pair, &instrument);
                let _ = answer.send(analyst.analyze(call));
                analyst.rest();
            }
        }
    }
}

/// The analysts of one plugin, by pair.
struct Analysts {
    plugin: Arc<Plugin>,
    by_pair: HashMap<Arc<str>, (Arc<Instrument>, Analyst)>,
}

impl Analysts {
    fn new(plugin: &Arc<Plugin>) -> Self {
        Self { plugin: Arc::clone(plugin), by_pair: HashMap::new() }
    }

    /// The analyst of a pair; a new one when the instrument changed.
    fn of(&mut self, pair: &Arc<str>, instrument: &Arc<Instrument>) -> &mut Analyst {
        let stale = self.by_pair.get(pair).is_some_and(|(known, _)| !Arc::ptr_eq(known, instrument) && known != instrument);
        if stale {
            self.by_pair.remove(pair);
        }
        let plugin = &self.plugin;
        &mut self
            .by_pair
            .entry(Arc::clone(pair))
            .or_insert_with(|| (Arc::clone(instrument), Analyst::new(Arc::clone(plugin), Arc::clone(instrument), "{}")))
            .1
    }

    fn forget(&mut self, pair: &Arc<str>) {
        self.by_pair.remove(pair);
    }
}
