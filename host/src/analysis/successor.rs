//! An analyst that is to take a seat: it runs beside the one at work until it has seen the same books.

use std::sync::Arc;
use std::time::Duration;

use leadline_market::Instrument;

use super::analyst::{Analyst, Call};
use super::component::Plugin;
use super::reading::{Outcome, Reading};
use super::recents::Past;
use super::saved::SavedState;
use crate::clock::Arrival;

/// What an analyst at work had gathered when it had seen so many books.
pub(super) struct Fork {
    /// None: it isn't open, or offers no state.
    pub(super) saved: Option<SavedState>,
    /// The number of the next book, as [`Recents`](super::recents::Recents) counts them.
    pub(super) next: u64,
}

/// One pair's analyst of a version that isn't at work yet. Its readings are seen by nobody but those who compare.
pub(super) struct Successor {
    analyst: Analyst,
    /// The number of the first book that it hasn't seen.
    pub(super) next: u64,
    /// It has no history yet: its last reading said `warming`, or it has made none.
    pub(super) warming: bool,
    /// It went on from the state of the analyst at work.
    pub(super) with_state: bool,
}

impl Successor {
    /// Opens one, with the state of the analyst at work where there is one that it takes.
    ///
    /// # Errors
    /// Why it can't be opened.
    pub(super) fn open(plugin: &Arc<Plugin>, instrument: &Arc<Instrument>, fork: &Fork) -> Result<Self, String> {
        let (analyst, taken) = Analyst::beside(plugin, instrument, fork.saved.as_ref())?;
        if let Some(Err(said)) = &taken {
            let (plugin, version, pair) = (&*plugin.name, &*plugin.version, &*instrument.id);
            tracing::info!(plugin, version, pair, "warms up on recent books, since it doesn't take over the state: {said}");
        }
        let with_state = matches!(taken, Some(Ok(())));
        Ok(Self { analyst, next: fork.next, warming: !with_state, with_state })
    }

    /// Whether it is for this instrument, just as it is now.
    pub(super) fn fits(&self, instrument: &Arc<Instrument>) -> bool {
        self.analyst.instrument() == instrument
    }

    /// One book. None: it waits after a fault.
    pub(super) fn analyze(&mut self, past: &Past, deadline: Duration) -> Option<Reading> {
        let call = Call { book: &past.book, arrival: Arrival::now(), skipped: past.skipped, restarted: past.restarted, deadline };
        let reading = self.analyst.analyze(call);
        self.analyst.rest();
        self.warming = reading.as_ref().is_none_or(|reading| matches!(reading.outcome, Outcome::Warming(_)));
        reading
    }

    /// One book that must not end in a fault.
    ///
    /// # Errors
    /// The fault, with its pair.
    pub(super) fn see(&mut self, past: &Past, deadline: Duration) -> Result<(), String> {
        match self.analyze(past, deadline).map(|reading| reading.outcome) {
            Some(Outcome::Fault(reason)) => Err(format!("{}: {}: {}", self.analyst.pair(), reason.code, reason.detail)),
            _ => {
                self.next += 1;
                Ok(())
            }
        }
    }

    /// It takes the seat.
    pub(super) fn into_seat(mut self) -> Analyst {
        self.analyst.take_seat();
        self.analyst
    }
}
