//! The threads that run plugins, one a plugin, so that one plugin's kill doesn't delay another.
//!
//! A memory-lane plugin is fed through a [`MemoryDesk`]: the newest book of each pair lies on it, older ones are skipped and
//! counted. A buffered-lane plugin is fed through a [`BufferedDesk`]: every book, in order, and the caller waits for the answer. Desks come and go while
//! the lanes run, and the version behind a desk can be exchanged between two books.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use leadline_market::{Book, Continuity, Instrument};
use tokio::sync::{mpsc, oneshot};

use super::component::{LaneKind, Plugin};
use super::reading::Reading;
use super::recents::{Past, Recents};
use super::saved::SavedState;
use super::seats::{Exchange, Seats};
use super::shadow::Tap;
use super::successor::{Fork, Successor};
use crate::clock::Arrival;

/// Books that may wait for one buffered plugin; a pair has at most one, so this is the number of pairs with room to spare.
const BUFFERED_WAITING: usize = 64;

/// Where the readings of the memory lane go.
pub type Sink = Arc<dyn Fn(Reading) + Send + Sync>;

/// The desks of a lane, which can change while the lane runs. Cheap to clone; all clones see the same.
pub struct Desks<D>(Arc<RwLock<Arc<[D]>>>);

impl<D> Clone for Desks<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D> Default for Desks<D> {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Arc::new([]))))
    }
}

impl<D: Clone> Desks<D> {
    /// The desks now: held for one book, not longer.
    #[must_use]
    pub fn all(&self) -> Arc<[D]> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Vec<D>)) {
        let mut desks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut list = desks.to_vec();
        change(&mut list);
        *desks = list.into();
    }
}

/// All plugin threads.
pub struct Crew {
    /// The desks of the memory lane.
    pub memory: Desks<MemoryDesk>,
    /// The desks of the buffered lane.
    pub buffered: Desks<BufferedDesk>,
    sink: Sink,
    threads: Mutex<HashMap<Arc<str>, Member>>,
}

/// One plugin's thread.
struct Member {
    thread: JoinHandle<()>,
    recents: Arc<Recents>,
}

impl Crew {
    /// Starts a thread a plugin. `sink` gets each reading of the memory lane, on the plugin's thread: it must not block.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(plugins: &[Arc<Plugin>], sink: &Sink) -> std::io::Result<Self> {
        let crew = Self { memory: Desks::default(), buffered: Desks::default(), sink: Arc::clone(sink), threads: Mutex::default() };
        for plugin in plugins {
            crew.add(plugin)?;
        }
        Ok(crew)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Member>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one more plugin; its name isn't at work yet.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn add(&self, plugin: &Arc<Plugin>) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name(plugin.name.to_string());
        let (worker, recents) = (Arc::clone(plugin), Arc::<Recents>::default());
        let seats = Seats::new(&worker, &recents);
        let thread = match plugin.lane {
            LaneKind::Memory => {
                let desk = MemoryDesk { name: Arc::clone(&plugin.name), shared: Arc::default() };
                let (own, sink) = (desk.clone(), Arc::clone(&self.sink));
                let thread = thread.spawn(move || run_memory(seats, &own, &sink))?;
                self.memory.change(|desks| desks.push(desk));
                thread
            }
            LaneKind::Buffered => {
                let (sender, receiver) = mpsc::channel(BUFFERED_WAITING);
                let thread = thread.spawn(move || run_buffered(seats, receiver))?;
                self.buffered.change(|desks| desks.push(BufferedDesk { name: Arc::clone(&plugin.name), sender }));
                thread
            }
        };
        self.lock().insert(Arc::clone(&plugin.name), Member { thread, recents });
        Ok(())
    }

    /// Lets another version take every seat of the plugin of its name, pair by pair between two books. The channel says once what came of it; an
    /// error: the version before is at work again on every pair.
    pub fn exchange(&self, plugin: &Arc<Plugin>) -> std::sync::mpsc::Receiver<Result<(), String>> {
        self.send_exchange(plugin, HashMap::new(), false)
    }

    /// The same with analysts that have run beside those at work.
    pub(super) fn exchange_with(
        &self,
        plugin: &Arc<Plugin>,
        prepared: HashMap<Arc<str>, Successor>,
    ) -> std::sync::mpsc::Receiver<Result<(), String>> {
        self.send_exchange(plugin, prepared, false)
    }

    /// The same for a version that was good before: nothing it does keeps it from taking over.
    pub(super) fn go_back(&self, plugin: &Arc<Plugin>) -> std::sync::mpsc::Receiver<Result<(), String>> {
        self.send_exchange(plugin, HashMap::new(), true)
    }

    /// Asks for what a plugin has gathered on a pair, and up to which book; nothing is told when it isn't at work any more.
    pub(super) fn fork(&self, name: &str, pair: &Arc<str>) -> std::sync::mpsc::Receiver<Fork> {
        let (answer, receiver) = std::sync::mpsc::channel();
        self.errand(name, StateErrand::Fork(Arc::clone(pair), answer));
        receiver
    }

    /// Shows a plugin's books and readings to a shadow, or to none any more.
    pub(super) fn show_to(&self, name: &str, tap: Option<Tap>) {
        self.errand(name, StateErrand::ShowTo(tap));
    }

    fn errand(&self, name: &str, errand: StateErrand) {
        if let Some(desk) = self.memory.all().iter().find(|desk| &*desk.name == name) {
            desk.errand(errand);
        } else if let Some(desk) = self.buffered.all().iter().find(|desk| &*desk.name == name) {
            // Bounded by the caller's patience: the thread takes errands all the time.
            let _ = desk.sender.blocking_send(Errand::State(errand));
        }
    }

    fn send_exchange(
        &self,
        plugin: &Arc<Plugin>,
        prepared: HashMap<Arc<str>, Successor>,
        forced: bool,
    ) -> std::sync::mpsc::Receiver<Result<(), String>> {
        let (report, receiver) = std::sync::mpsc::channel();
        let exchange = Exchange { plugin: Arc::clone(plugin), report, forced, prepared };
        if let Some(desk) = self.memory.all().iter().find(|desk| desk.name == plugin.name) {
            desk.lock().exchange = Some(exchange);
            desk.shared.wake.notify_one();
        } else if let Some(desk) = self.buffered.all().iter().find(|desk| desk.name == plugin.name) {
            // Bounded by the keeper's patience: the thread takes errands all the time.
            let _ = desk.sender.blocking_send(Errand::Exchange(exchange));
        }
        receiver
    }

    /// Stops one plugin after the book in hand.
    pub fn remove(&self, name: &str) {
        self.memory.change(|desks| {
            if let Some(at) = desks.iter().position(|desk| &*desk.name == name) {
                desks.remove(at).close();
            }
        });
        let mut closing = None;
        self.buffered.change(|desks| {
            if let Some(at) = desks.iter().position(|desk| &*desk.name == name) {
                closing = Some(desks.remove(at));
            }
        });
        if let Some(desk) = closing {
            let _ = desk.sender.blocking_send(Errand::Close);
        }
        let member = self.lock().remove(name);
        join(member);
    }

    /// The last books of each pair that a plugin was given.
    pub(super) fn recents(&self, name: &str) -> Option<Arc<Recents>> {
        self.lock().get(name).map(|member| Arc::clone(&member.recents))
    }

    /// The last books of each pair, of whichever plugin has most pairs.
    pub(super) fn any_recents(&self) -> Option<Arc<Recents>> {
        self.lock().values().map(|member| Arc::clone(&member.recents)).max_by_key(|recents| recents.pairs())
    }

    /// Lets every thread finish the book in hand, then ends it.
    pub fn stop(&self) {
        self.memory.change(|desks| desks.drain(..).for_each(|desk| desk.close()));
        // A consumer that still holds the list keeps a sender, so dropping them isn't enough.
        let buffered = self.buffered.all();
        self.buffered.change(Vec::clear);
        for desk in buffered.iter() {
            let _ = desk.sender.blocking_send(Errand::Close);
        }
        let members: Vec<Member> = self.lock().drain().map(|(_, member)| member).collect();
        members.into_iter().for_each(|member| join(Some(member)));
    }
}

fn join(member: Option<Member>) {
    if member.is_some_and(|member| member.thread.join().is_err()) {
        tracing::error!("a plugin thread panicked");
    }
}

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

/// A pair's state, asked for or handed over, between two books.
enum StateErrand {
    Save(Arc<str>, oneshot::Sender<Option<SavedState>>),
    Restore(Arc<str>, Option<SavedState>),
    /// Of the loader and of shadows: what a pair has gathered, for an analyst beside it.
    Fork(Arc<str>, std::sync::mpsc::Sender<Fork>),
    ShowTo(Option<Tap>),
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

    fn errand(&self, errand: StateErrand) {
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
    fn close(&self) {
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

fn run_memory(mut seats: Seats, desk: &MemoryDesk, sink: &Sink) {
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

impl StateErrand {
    fn run(self, seats: &mut Seats) {
        match self {
            Self::Save(pair, answer) => {
                // Nobody waits for it any more when the host is stopping.
                let _ = answer.send(seats.save(&pair));
            }
            Self::Restore(pair, saved) => seats.restore(&pair, saved),
            Self::Fork(pair, answer) => {
                let _ = answer.send(seats.fork(&pair));
            }
            Self::ShowTo(tap) => seats.show_to(tap),
        }
    }
}

/// Every book in order, for one plugin of the buffered lane.
#[derive(Clone)]
pub struct BufferedDesk {
    /// The plugin's name.
    pub name: Arc<str>,
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
    Exchange(Exchange),
    State(StateErrand),
    Close,
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

    /// Asks for what the plugin has gathered on a pair up to the last book that it was handed; see [`MemoryDesk::save`].
    pub async fn save(&self, pair: &Arc<str>) -> oneshot::Receiver<Option<SavedState>> {
        let (answer, receiver) = oneshot::channel();
        let _ = self.sender.send(Errand::State(StateErrand::Save(Arc::clone(pair), answer))).await;
        receiver
    }

    /// Hands over what was saved, or takes the pair back to the beginning: the plugin is opened anew at the pair's next book.
    pub async fn restore(&self, pair: &Arc<str>, saved: Option<SavedState>) {
        let _ = self.sender.send(Errand::State(StateErrand::Restore(Arc::clone(pair), saved))).await;
    }

    /// Takes a pair away: its analysis is closed.
    pub async fn forget(&self, pair: &Arc<str>) {
        let _ = self.sender.send(Errand::Forget(Arc::clone(pair))).await;
    }
}

fn run_buffered(mut seats: Seats, mut errands: mpsc::Receiver<Errand>) {
    loop {
        let errand = if seats.has_work() {
            match errands.try_recv() {
                Ok(errand) => Some(errand),
                Err(mpsc::error::TryRecvError::Empty) => {
                    seats.idle();
                    continue;
                }
                Err(mpsc::error::TryRecvError::Disconnected) => None,
            }
        } else {
            errands.blocking_recv()
        };
        match errand {
            None => return,
            Some(Errand::Close) => errands.close(),
            Some(Errand::Forget(pair)) => seats.forget(&pair),
            Some(Errand::Exchange(exchange)) => seats.exchange(exchange),
            Some(Errand::State(errand)) => errand.run(&mut seats),
            Some(Errand::Analyze { pair, instrument, book, arrival, restarted, answer }) => {
                let past = Past { book, restarted, skipped: 0 };
                // On this lane the time counts from taking the book off the List: a backlog is late, not killed.
                let reading = seats.analyze(&pair, &instrument, &past, arrival, |deadline| deadline);
                // Nobody waits for it any more when the host is stopping.
                let _ = answer.send(reading);
                seats.rest(&pair, &instrument, past);
            }
        }
    }
}
