//! One pair on a line: its subscriptions on the line's connections, and which of them it goes by.

use std::time::Duration;

use leadline_market::BookFrame;
use tokio::time::Instant;

use super::feed::{Fate, PairFeed};
use super::join::{Comparison, Join, Step};
use super::subscription::Subscription;
use crate::clock::Arrival;

/// Longest wait between two resynchronisations.
const LONGEST_RESYNC_WAIT: Duration = Duration::from_secs(30);

/// A place for a connection of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The connection in use.
    Current,
    /// The one that is to take over.
    Spare,
}

pub(super) struct Member {
    pub(super) feed: PairFeed,
    /// The connection whose frames make the kept book.
    pub(super) source: Slot,
    pub(super) current: Subscription,
    pub(super) spare: Option<OnSpare>,
}

/// A pair on the connection that is to take over.
pub(super) struct OnSpare {
    pub(super) subscription: Subscription,
    /// Until the streams have met.
    pub(super) join: Option<Join>,
}

impl OnSpare {
    pub(super) fn new(now: Instant) -> Self {
        Self { subscription: Subscription::new(now), join: Some(Join::new()) }
    }
}

impl Member {
    pub(super) fn new(feed: PairFeed, now: Instant) -> Self {
        Self { feed, source: Slot::Current, current: Subscription::new(now), spare: None }
    }

    /// The subscription on one of the connections, if there is one.
    pub(super) fn on(&mut self, slot: Slot) -> Option<&mut Subscription> {
        match slot {
            Slot::Current => Some(&mut self.current),
            Slot::Spare => self.spare.as_mut().map(|spare| &mut spare.subscription),
        }
    }

    /// Takes a frame from one of the connections.
    pub(super) fn frame(&mut self, slot: Slot, frame: &BookFrame, bytes: &[u8], arrival: Arrival, why: &str) {
        if slot == self.source {
            let fate = self.feed.frame(frame, bytes, arrival);
            self.after(slot, fate);
            self.meet(|join, feed| join.settle(feed.tracked()), why);
        } else if slot == Slot::Spare {
            if frame.action == leadline_market::Action::Snapshot
                && let Some(spare) = &mut self.spare
            {
                spare.subscription = Subscription::Streaming;
            }
            self.meet(|join, feed| join.take(frame, bytes, arrival, feed.tracked()), why);
        }
        // What the old connection still sends after the join was already taken from the new one.
    }

    /// What becomes of a subscription after its frame did something to the book.
    fn after(&mut self, slot: Slot, fate: Fate) {
        let Some(subscription) = self.on(slot) else { return };
        match fate {
            Fate::Valid => *subscription = Subscription::Streaming,
            Fate::Broken(attempt) => {
                // One resubscription a break: what still comes of the old stream is dropped and asks for nothing.
                *subscription = Subscription::Wanted { at: Instant::now() + wait(attempt), tries: 0, anew: true };
            }
            Fate::Dropped => {}
        }
    }

    /// Moves the join on, and joins where the streams meet.
    fn meet(&mut self, step: impl FnOnce(&mut Join, &PairFeed) -> Step, why: &str) {
        if self.source == Slot::Spare {
            return;
        }
        let Some(OnSpare { subscription, join: Some(join) }) = &mut self.spare else { return };
        match step(join, &self.feed) {
            Step::Wait => {}
            Step::Broken(problem) => {
                tracing::warn!(pair = &*self.feed.pair, "the new connection's stream broke before it was joined: {problem}");
                *join = Join::new();
                *subscription = Subscription::Wanted { at: Instant::now() + wait(2), tries: 0, anew: true };
            }
            Step::Meet(comparison) => self.adopt(&comparison, why),
        }
    }

    /// The new connection's stream is the pair's from now on.
    fn adopt(&mut self, comparison: &Comparison, why: &str) {
        let Some(join) = self.spare.as_mut().and_then(|spare| spare.join.take()) else { return };
        self.source = Slot::Spare;
        let fate = self.feed.adopt(join, comparison, why);
        self.after(Slot::Spare, fate);
    }

    /// The old stream is at its end, or stands still: takes the new one if it can be taken.
    pub(super) fn force(&mut self, why: &str) -> bool {
        if self.source == Slot::Spare {
            return true;
        }
        let comparison = self.spare.as_ref().and_then(|spare| spare.join.as_ref()).and_then(|join| join.force(self.feed.tracked()));
        let Some(comparison) = comparison else { return false };
        self.adopt(&comparison, why);
        true
    }

    /// When the join has taken too long.
    pub(super) fn join_deadline(&self, patience: Duration) -> Option<Instant> {
        if self.source == Slot::Spare {
            return None;
        }
        // An old stream that looks sick isn't waited for as long.
        let suspect = matches!(self.feed.cell().status().state, crate::pairs::PairState::Suspect { .. });
        let patience = if suspect { patience / 5 } else { patience };
        Some(self.spare.as_ref()?.join.as_ref()?.began()? + patience)
    }

    /// The spare connection is the current one from now on.
    pub(super) fn promote(&mut self, now: Instant) {
        self.source = Slot::Current;
        self.current = self.spare.take().map_or_else(|| Subscription::new(now), |spare| spare.subscription);
    }

    /// Whether the exchange refuses the pair for now.
    pub(super) fn is_refused(&self, now: Instant) -> bool {
        matches!(self.current, Subscription::Refused { until } if until > now)
    }
}

/// The wait before a resynchronisation: none for the first, then 2, 4 ... 30 s.
fn wait(attempt: u32) -> Duration {
    if attempt <= 1 { Duration::ZERO } else { Duration::from_secs(1 << (attempt - 1).min(5)).min(LONGEST_RESYNC_WAIT) }
}
