//! The analysts of one plugin, by pair, and how another version takes their seats between two books.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use leadline_market::Instrument;

use super::analyst::{Analyst, Call};
use super::component::Plugin;
use super::reading::{Outcome, Reading};
use super::recents::{Past, Recents};
use super::saved::SavedState;
use super::shadow::{Seen, Tap};
use super::successor::{Fork, Successor};
use crate::clock::Arrival;

/// Past books that a version is warmed up on between two books: they may not hold up the next one for long.
const AT_ONCE: usize = 2;
/// A version that is still warming after this takes over all the same.
const WARM_WITHIN: Duration = Duration::from_secs(60);

/// What came of an exchange is said here, once.
type Report = mpsc::Sender<Result<(), String>>;

/// Another version for every seat of a plugin, and who wants to know what came of it.
pub(super) struct Exchange {
    pub(super) plugin: Arc<Plugin>,
    pub(super) report: Report,
    /// It is a version that was good before: it takes every seat, whatever it does there.
    pub(super) forced: bool,
    /// Analysts that have run beside the one at work; a pair without one gets its own at the hand-over.
    pub(super) prepared: HashMap<Arc<str>, Successor>,
}

/// The analysts of one plugin.
pub(super) struct Seats {
    /// The version that new seats get, and that every seat is on its way to.
    plugin: Arc<Plugin>,
    /// The version before, while an exchange is under way.
    before: Option<(Arc<Plugin>, Report)>,
    forced: bool,
    prepared: HashMap<Arc<str>, Successor>,
    by_pair: HashMap<Arc<str>, Seat>,
    /// States that wait for their pair's first book.
    saved: HashMap<Arc<str>, SavedState>,
    recents: Arc<Recents>,
    /// Where each book and its reading are shown to a shadow.
    tap: Option<Tap>,
    /// The reading of the book in hand, for the tap.
    told: Option<Reading>,
}

struct Seat {
    instrument: Arc<Instrument>,
    analyst: Analyst,
    /// The last reading was neither `warming` nor a fault: the next version must be warm to take over.
    warm: bool,
    coming: Option<Coming>,
}

/// A version on its way to a seat.
struct Coming {
    successor: Successor,
    /// Past books that it hasn't seen.
    past: VecDeque<Past>,
    until: Instant,
}

impl Seats {
    pub(super) fn new(plugin: &Arc<Plugin>, recents: &Arc<Recents>) -> Self {
        Self {
            plugin: Arc::clone(plugin),
            before: None,
            forced: false,
            prepared: HashMap::new(),
            by_pair: HashMap::new(),
            saved: HashMap::new(),
            recents: Arc::clone(recents),
            tap: None,
            told: None,
        }
    }

    /// Another version is to take every seat. One that was under way is given up.
    pub(super) fn exchange(&mut self, exchange: Exchange) {
        let old = std::mem::replace(&mut self.plugin, exchange.plugin);
        let old = match self.before.take() {
            Some((before, report)) => {
                let _ = report.send(Err("another version came before it had taken over".to_owned()));
                before
            }
            None => old,
        };
        self.by_pair.values_mut().for_each(|seat| seat.coming = None);
        self.before = Some((old, exchange.report));
        self.forced = exchange.forced;
        self.prepared = exchange.prepared;
        self.settle();
    }

    /// One book for the analyst of a pair. `left`: what remains of a budget's time. [`Seats::rest`] comes once the reading is on its way.
    pub(super) fn analyze(
        &mut self,
        pair: &Arc<str>,
        instrument: &Arc<Instrument>,
        past: &Past,
        arrival: Arrival,
        left: impl Fn(Duration) -> Duration,
    ) -> Option<Reading> {
        if self.by_pair.get(pair).is_some_and(|seat| !Arc::ptr_eq(&seat.instrument, instrument) && seat.instrument != *instrument) {
            self.by_pair.remove(pair);
        }
        let (plugin, saved) = (&self.plugin, &mut self.saved);
        let seat = self.by_pair.entry(Arc::clone(pair)).or_insert_with(|| {
            let mut analyst = Analyst::new(Arc::clone(plugin), Arc::clone(instrument), plugin.parameters_of(pair));
            if let Some(saved) = saved.remove(pair) {
                analyst.begin_with(saved);
            }
            Seat { instrument: Arc::clone(instrument), analyst, warm: false, coming: None }
        });
        let deadline = left(seat.analyst.plugin().budget.deadline);
        let reading = seat.analyst.analyze(Call { book: &past.book, arrival, skipped: past.skipped, restarted: past.restarted, deadline });
        match &reading {
            Some(reading) => seat.warm = !matches!(reading.outcome, Outcome::Warming(_) | Outcome::Fault(_)),
            None => seat.warm = false,
        }
        if self.tap.is_some() {
            self.told.clone_from(&reading);
        }
        reading
    }

    /// Between two books of a pair: successor and shadow see the book too, a worn instance is replaced, another version takes over.
    pub(super) fn rest(&mut self, pair: &Arc<str>, instrument: &Arc<Instrument>, past: Past) {
        if let Some(seat) = self.by_pair.get_mut(pair) {
            if let Some(coming) = &mut seat.coming {
                coming.past.push_back(past.clone());
            }
            seat.analyst.rest();
        }
        let number = self.recents.note(pair, instrument, past.clone());
        if let Some(tap) = &self.tap {
            tap.show(Seen { pair: Arc::clone(pair), instrument: Arc::clone(instrument), past, number, live: self.told.take() });
        }
        if self.before.is_some() {
            self.turn(&Arc::clone(pair));
        }
    }

    /// Whether some seat can be brought nearer to its new version without waiting for a book.
    pub(super) fn has_work(&self) -> bool {
        self.before.is_some() && self.by_pair.values().any(|seat| seat.has_work(&self.plugin))
    }

    /// Nobody waits: one seat is brought nearer to its new version.
    pub(super) fn idle(&mut self) {
        let next = self.by_pair.iter().find(|(_, seat)| seat.has_work(&self.plugin)).map(|(pair, _)| Arc::clone(pair));
        if let Some(pair) = next {
            self.turn(&pair);
        }
    }

    /// What the version at work has gathered on a pair, and up to which book.
    pub(super) fn fork(&mut self, pair: &str) -> Fork {
        Fork { saved: self.save(pair), next: self.recents.next(pair) }
    }

    /// Shows books and readings to a shadow, or to none any more.
    pub(super) fn show_to(&mut self, tap: Option<Tap>) {
        self.tap = tap;
        self.told = None;
    }

    /// What the version at work has gathered on a pair; none while it isn't open, or offers no state.
    pub(super) fn save(&mut self, pair: &str) -> Option<SavedState> {
        match self.by_pair.get_mut(pair) {
            Some(seat) => seat.analyst.save(),
            // Not opened yet: what an earlier host saved is still what there is.
            None => self.saved.get(pair).cloned(),
        }
    }

    /// The pair begins anew at its next book, with what was saved.
    pub(super) fn restore(&mut self, pair: &Arc<str>, saved: Option<SavedState>) {
        self.by_pair.remove(pair);
        match saved {
            Some(saved) => self.saved.insert(Arc::clone(pair), saved),
            None => self.saved.remove(pair),
        };
        self.settle();
    }

    pub(super) fn forget(&mut self, pair: &Arc<str>) {
        self.by_pair.remove(pair);
        self.saved.remove(pair);
        self.recents.forget(pair);
        self.settle();
    }

    fn turn(&mut self, pair: &Arc<str>) {
        let Some(seat) = self.by_pair.get_mut(pair) else { return };
        if let Err(why) = seat.turn(&self.plugin, &self.recents, &mut self.prepared, self.forced) {
            // The version before goes on, and has back what it had given away: the same way.
            if let Some((before, report)) = self.before.take() {
                let _ = report.send(Err(why));
                self.plugin = before;
                self.prepared.clear();
                self.by_pair.values_mut().for_each(|seat| seat.coming = None);
                if self.by_pair.values().any(|seat| !seat.is(&self.plugin)) {
                    // Nobody asks how going back went: the version was at work a moment ago.
                    self.before = Some((Arc::clone(&self.plugin), mpsc::channel().0));
                    self.forced = true;
                }
            }
        }
        self.settle();
    }

    /// Tells the end of an exchange when every seat has the new version.
    fn settle(&mut self) {
        if self.before.is_some()
            && self.by_pair.values().all(|seat| seat.is(&self.plugin))
            && let Some((_, report)) = self.before.take()
        {
            self.prepared.clear();
            let _ = report.send(Ok(()));
        }
    }
}

impl Seat {
    fn is(&self, plugin: &Arc<Plugin>) -> bool {
        Arc::ptr_eq(self.analyst.plugin(), plugin)
    }

    fn has_work(&self, plugin: &Arc<Plugin>) -> bool {
        !self.is(plugin) && self.coming.as_ref().is_none_or(|coming| !coming.past.is_empty() || coming.may_take_over(self.warm))
    }

    /// One step towards another version.
    fn turn(
        &mut self,
        plugin: &Arc<Plugin>,
        recents: &Recents,
        prepared: &mut HashMap<Arc<str>, Successor>,
        forced: bool,
    ) -> Result<(), String> {
        if self.is(plugin) {
            return Ok(());
        }
        let Some(coming) = &mut self.coming else {
            let pair = self.instrument.id.as_str();
            if let Some(successor) = prepared.remove(pair).filter(|successor| successor.fits(&self.instrument))
                && let Some(past) = recents.since(pair, successor.next)
            {
                self.coming = Some(Coming { successor, past, until: Instant::now() + WARM_WITHIN });
                return Ok(());
            }
            let fork = Fork { saved: self.analyst.save(), next: recents.next(pair) };
            match Successor::open(plugin, &self.instrument, &fork) {
                Ok(successor) if successor.with_state => self.analyst = successor.into_seat(),
                Ok(successor) => self.coming = Some(Coming { successor, past: recents.of(pair), until: Instant::now() + WARM_WITHIN }),
                // It opens itself with the next book, or says why it can't.
                Err(_) if forced => {
                    self.analyst = Analyst::new(Arc::clone(plugin), Arc::clone(&self.instrument), plugin.parameters_of(pair));
                }
                Err(why) => return Err(why),
            }
            return Ok(());
        };
        for _ in 0..AT_ONCE {
            let Some(past) = coming.past.pop_front() else { break };
            match coming.successor.see(&past, plugin.budget.deadline) {
                Ok(()) => {}
                Err(_) if forced => {
                    coming.past.clear();
                    coming.successor.warming = false;
                }
                Err(why) => return Err(why),
            }
        }
        if coming.past.is_empty()
            && coming.may_take_over(self.warm)
            && let Some(coming) = self.coming.take()
        {
            self.analyst = coming.successor.into_seat();
        }
        Ok(())
    }
}

impl Coming {
    fn may_take_over(&self, warm: bool) -> bool {
        !self.successor.warming || !warm || Instant::now() >= self.until
    }
}
