//! The threads that run plugins, one a plugin, so that one plugin's kill doesn't delay another.
//!
//! A memory-lane plugin is fed through a [`MemoryDesk`]: the newest book of each pair lies on it, older ones are skipped and
//! counted. A buffered-lane plugin is fed through a [`BufferedDesk`]: every book, in order, and the caller waits for the answer. Desks come and go while
//! the lanes run, and the version behind a desk can be exchanged between two books.
//!
//! # Layout
//!
//! - [`desks`]: the desks of a lane, which come and go.
//! - [`memory`]: the newest book of each pair.
//! - [`buffered`]: every book in order.
//! - [`errand`]: what is asked between two books: a pair's state, saved or handed over.

mod buffered;
mod desks;
mod errand;
mod memory;

use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

pub use self::buffered::BufferedDesk;
pub use self::desks::Desks;
pub use self::memory::MemoryDesk;

use self::errand::StateErrand;
use super::component::{LaneKind, Plugin};
use super::reading::Reading;
use super::recents::Recents;
use super::seats::{Exchange, Seats};
use super::shadow::Tap;
use super::successor::{Fork, Successor};

/// Where the readings of the memory lane go.
pub type Sink = Arc<dyn Fn(Reading) + Send + Sync>;

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
                let desk = MemoryDesk::new(&plugin.name);
                let (own, sink) = (desk.clone(), Arc::clone(&self.sink));
                let thread = thread.spawn(move || memory::run(seats, &own, &sink))?;
                self.memory.change(|desks| desks.push(desk));
                thread
            }
            LaneKind::Buffered => {
                let (desk, errands) = BufferedDesk::new(&plugin.name);
                let thread = thread.spawn(move || buffered::run(seats, errands))?;
                self.buffered.change(|desks| desks.push(desk));
                thread
            }
        };
        self.lock().insert(Arc::clone(&plugin.name), Member { thread, recents });
        Ok(())
    }

    /// Lets another version take every seat of the plugin of its name, pair by pair between two books. The channel says once what came of it; an
    /// error: the version before is at work again on every pair.
    pub fn exchange(&self, plugin: &Arc<Plugin>) -> Receiver<Result<(), String>> {
        self.send_exchange(plugin, HashMap::new(), false)
    }

    /// The same with analysts that have run beside those at work.
    pub(in crate::analysis) fn exchange_with(
        &self,
        plugin: &Arc<Plugin>,
        prepared: HashMap<Arc<str>, Successor>,
    ) -> Receiver<Result<(), String>> {
        self.send_exchange(plugin, prepared, false)
    }

    /// The same for a version that was good before: nothing it does keeps it from taking over.
    pub(in crate::analysis) fn go_back(&self, plugin: &Arc<Plugin>) -> Receiver<Result<(), String>> {
        self.send_exchange(plugin, HashMap::new(), true)
    }

    /// Asks for what a plugin has gathered on a pair, and up to which book; nothing is told when it isn't at work any more.
    pub(in crate::analysis) fn fork(&self, name: &str, pair: &Arc<str>) -> Receiver<Fork> {
        let (answer, receiver) = std::sync::mpsc::channel();
        self.errand(name, StateErrand::Fork(Arc::clone(pair), answer));
        receiver
    }

    /// Shows a plugin's books and readings to a shadow, or to none any more.
    pub(in crate::analysis) fn show_to(&self, name: &str, tap: Option<Tap>) {
        self.errand(name, StateErrand::ShowTo(tap));
    }

    fn errand(&self, name: &str, errand: StateErrand) {
        if let Some(desk) = self.memory.all().iter().find(|desk| &*desk.name == name) {
            desk.errand(errand);
        } else if let Some(desk) = self.buffered.all().iter().find(|desk| &*desk.name == name) {
            desk.errand(errand);
        }
    }

    fn send_exchange(&self, plugin: &Arc<Plugin>, prepared: HashMap<Arc<str>, Successor>, forced: bool) -> Receiver<Result<(), String>> {
        let (report, receiver) = std::sync::mpsc::channel();
        let exchange = Exchange { plugin: Arc::clone(plugin), report, forced, prepared };
        if let Some(desk) = self.memory.all().iter().find(|desk| desk.name == plugin.name) {
            desk.exchange(exchange);
        } else if let Some(desk) = self.buffered.all().iter().find(|desk| desk.name == plugin.name) {
            desk.exchange(exchange);
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
            desk.close();
        }
        let member = self.lock().remove(name);
        join(member);
    }

    /// The last books of each pair that a plugin was given.
    pub(in crate::analysis) fn recents(&self, name: &str) -> Option<Arc<Recents>> {
        self.lock().get(name).map(|member| Arc::clone(&member.recents))
    }

    /// The last books of each pair, of whichever plugin has most pairs.
    pub(in crate::analysis) fn any_recents(&self) -> Option<Arc<Recents>> {
        self.lock().values().map(|member| Arc::clone(&member.recents)).max_by_key(|recents| recents.pairs())
    }

    /// Lets every thread finish the book in hand, then ends it.
    pub fn stop(&self) {
        self.memory.change(|desks| desks.drain(..).for_each(|desk| desk.close()));
        // A consumer that still holds the list keeps a sender, so dropping them isn't enough.
        let buffered = self.buffered.all();
        self.buffered.change(Vec::clear);
        buffered.iter().for_each(BufferedDesk::close);
        let members: Vec<Member> = self.lock().drain().map(|(_, member)| member).collect();
        members.into_iter().for_each(|member| join(Some(member)));
    }
}

fn join(member: Option<Member>) {
    if member.is_some_and(|member| member.thread.join().is_err()) {
        tracing::error!("a plugin thread panicked");
    }
}
