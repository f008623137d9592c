//! A candidate beside the live version: on the same books, on a thread of its own, with readings that nobody gets but the comparison.
//!
//! The live lanes never wait for it: what doesn't fit into its queue is skipped and counted. It begins with the state of the live version where it takes
//! that, so that both can be compared from the first book.
//!
//! # Layout
//!
//! - [`compare`]: two values of a field, equal, within tolerance or differing.
//! - [`report`]: what has been counted, as it is shown.
//! - [`rule`]: when a candidate is promoted by itself.

pub(super) mod compare;
pub(super) mod report;
pub(super) mod rule;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use leadline_market::Instrument;

use self::report::{ShadowReport, Tally};
use self::rule::{Rule, Verdict};
use super::component::{LaneKind, Plugin};
use super::crew::Crew;
use super::reading::Reading;
use super::recents::{Past, Recents};
use super::successor::{Fork, Successor};
use crate::quiet;

/// Books that wait for a shadow, over all pairs; each has 16 KB, mostly shared with others that hold it.
const WAITING: usize = 256;
/// A candidate's call may take this many times its deadline, since its thread has a low priority. Fuel holds as it is.
const PATIENCE: u32 = 20;
/// A pair that the candidate refuses to open for is tried again after this.
const OPEN_AGAIN: Duration = Duration::from_secs(30);
/// How long the live version may take to hand out the state of a pair.
const FORK_WITHIN: Duration = Duration::from_secs(10);

/// One book, and what the live version made of it.
pub(super) struct Seen {
    pub(super) pair: Arc<str>,
    pub(super) instrument: Arc<Instrument>,
    pub(super) past: Past,
    /// Its number among the pair's books.
    pub(super) number: u64,
    /// None: the live version waits after a fault.
    pub(super) live: Option<Reading>,
}

/// Where the live version's thread shows its books.
pub(super) struct Tap(SyncSender<Seen>);

impl Tap {
    /// Never waits. A book that isn't taken leaves a hole in the numbers, which is where it is counted.
    pub(super) fn show(&self, seen: Seen) {
        match self.0.try_send(seen) {
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

/// A candidate at work beside the live version.
pub(super) struct Shadow {
    /// The candidate.
    pub(super) plugin: Arc<Plugin>,
    /// When it is promoted by itself.
    pub(super) rule: Option<Rule>,
    live: Mutex<Arc<Plugin>>,
    shared: Arc<Shared>,
    end: Receiver<HashMap<Arc<str>, Successor>>,
}

struct Shared {
    tally: Mutex<Tally>,
    /// What still waits is of no interest any more.
    dropped: AtomicBool,
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        // Counters: nothing under this lock can panic half way through a change.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shadow {
    /// Starts a candidate whose analysts were opened and run on the recent books already.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        live: &Arc<Plugin>,
        plugin: Arc<Plugin>,
        prepared: HashMap<Arc<str>, Successor>,
        (tolerance, rule): (f64, Option<Rule>),
        crew: &Arc<Crew>,
        recents: Arc<Recents>,
    ) -> std::io::Result<Self> {
        let tally = Mutex::new(Tally::new(&plugin, tolerance));
        let shared = Arc::new(Shared { tally, dropped: AtomicBool::new(false) });
        let (sender, receiver) = sync_channel(WAITING);
        let (give, end) = std::sync::mpsc::channel();
        let work = Work {
            plugin: Arc::clone(&plugin),
            crew: Arc::clone(crew),
            recents,
            shared: Arc::clone(&shared),
            pairs: prepared.into_iter().map(|(pair, successor)| (pair, Follower::Open { successor, followed: false })).collect(),
        };
        quiet::spawn(&format!("shadow {}", plugin.name), move || {
            // Nobody takes them when the shadow was dropped.
            let _ = give.send(work.run(&receiver));
        })?;
        crew.show_to(&plugin.name, Some(Tap(sender)));
        Ok(Self { plugin, rule, live: Mutex::new(Arc::clone(live)), shared, end })
    }

    /// What came of it so far.
    pub(super) fn report(&self) -> ShadowReport {
        let mut report = self.shared.tally().report();
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        report.plugin = Arc::clone(&self.plugin.name);
        report.state = "running";
        (report.live_version, report.live_digest) = (Arc::clone(&live.version), Arc::clone(&live.digest));
        (report.version, report.digest) = (Arc::clone(&self.plugin.version), Arc::clone(&self.plugin.digest));
        report.parameters.clone_from(&self.plugin.parameters.all);
        if let Some(rule) = &self.rule {
            report.rule = rule.to_string();
            report.rule_state = match rule.judge(&report) {
                Verdict::Fulfilled => "fulfilled".to_owned(),
                Verdict::Waits(missing) => missing,
            };
        }
        report
    }

    /// Whether its rule says that it is to be promoted.
    pub(super) fn is_due(&self) -> bool {
        self.rule.as_ref().is_some_and(|rule| rule.judge(&self.report()) == Verdict::Fulfilled)
    }

    /// Another version is at work: the comparison begins anew.
    pub(super) fn compare_with(&self, live: &Arc<Plugin>) {
        let mut tally = self.shared.tally();
        let tolerance = tally.report().tolerance;
        *tally = Tally::new(&self.plugin, tolerance);
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(live);
    }

    /// No more books are shown to it: it finishes those that wait, and then [`Shadow::analysts`] has its analysts.
    pub(super) fn finish(&self, crew: &Crew) {
        crew.show_to(&self.plugin.name, None);
    }

    /// Its analysts, once it has finished.
    pub(super) fn analysts(&self) -> Option<HashMap<Arc<str>, Successor>> {
        match self.end.try_recv() {
            Ok(analysts) => Some(analysts),
            Err(std::sync::mpsc::TryRecvError::Empty) => None,
            // Its thread is gone: the version is opened anew.
            Err(std::sync::mpsc::TryRecvError::Disconnected) => Some(HashMap::new()),
        }
    }

    /// Ends it after the book in hand.
    pub(super) fn drop_it(&self, crew: &Crew) {
        self.shared.dropped.store(true, Ordering::Relaxed);
        crew.show_to(&self.plugin.name, None);
    }
}

/// The shadow's thread.
struct Work {
    plugin: Arc<Plugin>,
    crew: Arc<Crew>,
    recents: Arc<Recents>,
    shared: Arc<Shared>,
    pairs: HashMap<Arc<str>, Follower>,
}

/// One pair.
enum Follower {
    Open {
        successor: Successor,
        /// It has seen a book here: from now on it goes on from one book to the next.
        followed: bool,
    },
    /// The candidate doesn't open for it.
    Refused(Instant),
}

impl Work {
    /// Until nothing is shown any more. The analysts, for the hand-over.
    fn run(mut self, books: &Receiver<Seen>) -> HashMap<Arc<str>, Successor> {
        while let Ok(seen) = books.recv() {
            if self.shared.dropped.load(Ordering::Relaxed) {
                return HashMap::new();
            }
            self.follow(&seen);
        }
        let open = self.pairs.into_iter().filter_map(|(pair, follower)| match follower {
            Follower::Open { successor, .. } => Some((pair, successor)),
            Follower::Refused(_) => None,
        });
        open.collect()
    }

    fn follow(&mut self, seen: &Seen) {
        let deadline = self.plugin.budget.deadline.saturating_mul(PATIENCE);
        if !self.pairs.get(&seen.pair).is_some_and(|follower| follower.goes_on(seen)) {
            self.open(seen);
        }
        let Some(Follower::Open { successor, followed }) = self.pairs.get_mut(&seen.pair) else { return };
        if seen.number < successor.next {
            // It was opened with a state that holds this book already.
            return;
        }
        let mut past = seen.past.clone();
        if seen.number > successor.next {
            let missed = (!*followed).then(|| self.recents.since(&seen.pair, successor.next)).flatten();
            let behind = usize::try_from(seen.number - successor.next).unwrap_or(usize::MAX);
            if let Some(missed) = missed {
                for past in missed.iter().take(behind) {
                    drop(successor.analyze(past, deadline));
                }
            } else {
                self.shared.tally().skipped(seen.number - successor.next);
                match self.plugin.lane {
                    LaneKind::Memory => past.skipped = past.skipped.saturating_add(u32::try_from(behind).unwrap_or(u32::MAX)),
                    // No plugin of this lane is ever shown a book that doesn't follow the one before.
                    LaneKind::Buffered => past.restarted = true,
                }
            }
        }
        let candidate = successor.analyze(&past, deadline);
        successor.next = seen.number + 1;
        *followed = true;
        self.shared.tally().compare(seen.live.as_ref(), candidate.as_ref());
    }

    fn open(&mut self, seen: &Seen) {
        // Pairs that are gone make room.
        self.pairs.retain(|pair, _| self.recents.next(pair) > 0);
        let nothing = Fork { saved: None, next: seen.number };
        let fork = if seen.number == 0 {
            nothing
        } else {
            self.crew.fork(&self.plugin.name, &seen.pair).recv_timeout(FORK_WITHIN).unwrap_or(nothing)
        };
        let follower = match Successor::open(&self.plugin, &seen.instrument, &fork) {
            Ok(successor) => Follower::Open { successor, followed: false },
            Err(why) => {
                self.shared.tally().refused(&seen.pair, &why);
                Follower::Refused(Instant::now() + OPEN_AGAIN)
            }
        };
        self.pairs.insert(Arc::clone(&seen.pair), follower);
    }
}

impl Follower {
    /// Whether it can go on with this book.
    fn goes_on(&self, seen: &Seen) -> bool {
        match self {
            // The pair went and came again: its books are counted from 0.
            Self::Open { successor, followed } => successor.fits(&seen.instrument) && !(*followed && seen.number < successor.next),
            Self::Refused(until) => Instant::now() < *until,
        }
    }
}
