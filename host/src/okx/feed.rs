//! One pair's book and state, whatever connection its frames come by.

use std::sync::Arc;
use std::time::Duration;

use leadline_market::{Action, BookFrame, Continuity, FrameKind, TrackedBook, Verdict};
use tokio::time::Instant;

use super::join::{Comparison, Join};
use super::outlet::{Change, Outlet};
use crate::clock::{self, Arrival};
use crate::monitor::{Monitor, PairCell};
use crate::pairs::PairState;

/// How often the figures of a pair are handed out when its state doesn't change.
const STATE_EVERY: Duration = Duration::from_secs(1);

/// A pair's kept book, its state and where both are shown.
pub struct PairFeed {
    /// Its id.
    pub pair: Arc<str>,
    cell: Arc<PairCell>,
    monitor: Arc<Monitor>,
    outlet: Box<dyn Outlet>,
    tracked: TrackedBook,
    /// Breaks since the book last stayed valid for long.
    attempt: u32,
    /// Since when the book is valid.
    valid_since: Option<Instant>,
    /// Since when it was live before and isn't now.
    down_since: Option<Instant>,
    /// When the first of these breaks was.
    broken_ms: u64,
    /// When the figures are handed out next.
    state_at: Instant,
    /// How long a book stays valid before its breaks are forgotten.
    healthy: Duration,
}

/// What a frame did to the kept book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The book is valid.
    Valid,
    /// The book broke, for the how manieth time since it was last well.
    Broken(u32),
    /// There is no valid book to apply it to.
    Dropped,
}

impl PairFeed {
    /// A feed without a book.
    #[must_use]
    pub fn new(pair: &Arc<str>, cell: Arc<PairCell>, monitor: Arc<Monitor>, outlet: Box<dyn Outlet>, healthy: Duration) -> Self {
        Self {
            pair: Arc::clone(pair),
            cell,
            monitor,
            outlet,
            tracked: TrackedBook::new(),
            attempt: 0,
            valid_since: None,
            down_since: None,
            broken_ms: 0,
            state_at: Instant::now(),
            healthy,
        }
    }

    /// The kept book.
    pub(super) fn tracked(&self) -> &TrackedBook {
        &self.tracked
    }

    /// Breaks since the book last stayed valid for long.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The pair's place on the board.
    pub(super) fn cell(&self) -> &PairCell {
        &self.cell
    }

    /// Takes a frame of the stream that the pair goes by.
    pub(super) fn frame(&mut self, frame: &BookFrame, bytes: &[u8], arrival: Arrival) -> Fate {
        self.outlet.raw(bytes, arrival);
        let verdict = self.tracked.apply(frame);
        let applied = match verdict {
            Verdict::Applied(applied) => {
                self.monitor.stages.applied.record(arrival.elapsed());
                applied
            }
            Verdict::Broken(why) => {
                self.count(frame, bytes, arrival);
                self.broken(&why.to_string());
                return Fate::Broken(self.attempt);
            }
            Verdict::Dropped => {
                self.count(frame, bytes, arrival);
                self.monitor.counters.frames_dropped.add(1);
                return Fate::Dropped;
            }
        };
        if applied.kind != FrameKind::KeepAlive {
            self.outlet.change(&Change { tracked: &self.tracked, applied: &applied, frame, arrival });
        }
        if applied.continuity == Continuity::Restarted {
            self.restarted(frame);
        }
        let book = self.tracked.book();
        let mut status = self.cell.status();
        status.trust = Some(applied.trust);
        status.crossed = applied.crossed;
        status.time_ms = self.tracked.time_ms();
        status.sequence = self.tracked.sequence();
        status.best_bid = book.bids().best().map(|level| level.price);
        status.best_ask = book.asks().best().map(|level| level.price);
        status.levels = (book.bids().len(), book.asks().len());
        note(&mut status, frame, bytes, arrival);
        // A suspect pair stays so until the line that watches it says otherwise.
        let verified = status.state.is_verified();
        drop(status);
        if !verified {
            self.live();
        } else if self.attempt > 0 && self.valid_since.is_some_and(|since| since.elapsed() >= self.healthy) {
            self.attempt = 0;
        }
        Fate::Valid
    }

    /// The book is valid from now on.
    fn live(&mut self) {
        self.valid_since = Some(Instant::now());
        self.enter(PairState::Live);
    }

    fn count(&self, frame: &BookFrame, bytes: &[u8], arrival: Arrival) {
        note(&mut self.cell.status(), frame, bytes, arrival);
    }

    /// The book can't be trusted any more.
    pub(super) fn broken(&mut self, why: &str) {
        self.tracked.invalidate();
        self.attempt += 1;
        if self.attempt == 1 || self.broken_ms == 0 {
            self.broken_ms = clock::unix_ms();
        }
        self.cell.status().gaps += 1;
        self.monitor.counters.gaps.add(1);
        tracing::warn!(
            pair = &*self.pair,
            attempt = self.attempt,
            "the book is no longer valid: {why}; updates are dropped until a new snapshot"
        );
        self.enter(PairState::Resyncing { since_ms: self.broken_ms, attempt: self.attempt, why: why.to_owned() });
    }

    /// The connection is gone, and the book with it.
    pub(super) fn lose(&mut self) {
        self.tracked.invalidate();
        self.valid_since = None;
    }

    /// Goes on from another stream that has met this one, or takes its place.
    pub(super) fn adopt(&mut self, join: Join, comparison: &Comparison, why: &str) -> Fate {
        let (snapshot, seen, held) = join.into_parts();
        let counters = &self.monitor.counters;
        let mut status = self.cell.status();
        status.joins += 1;
        counters.joins.add(1);
        if !matches!(comparison, Comparison::Unaudited(_)) {
            status.audits += 1;
            status.audited_ms = Some(clock::unix_ms());
            counters.audits.add(1);
        }
        match comparison {
            Comparison::Equal => {
                tracing::debug!(pair = &*self.pair, sequence = self.tracked.sequence(), why, "joined: the kept book equals the exchange's");
            }
            Comparison::Different(difference) => {
                status.drift += 1;
                counters.drift.add(1);
                tracing::error!(
                    pair = &*self.pair,
                    levels = difference.levels,
                    "drift: the kept book was not the exchange's at the same sequence number ({}); the exchange's is taken",
                    difference.example
                );
            }
            Comparison::Unaudited(reason) => {
                tracing::info!(pair = &*self.pair, why, "the new connection takes over without a comparison: {reason}");
                if self.tracked.is_valid() && snapshot.sequence != self.tracked.sequence() {
                    // Between the old stream's last frame and the new one's first the book wasn't up to date, whatever its state said.
                    status.gaps += 1;
                    counters.gaps.add(1);
                    if let Some(last) = status.last_frame {
                        status.figures.interrupted(last);
                    }
                }
            }
        }
        drop(status);
        let mut fate = Fate::Valid;
        let replaces = !matches!(comparison, Comparison::Equal);
        if replaces || self.outlet.keeps_snapshots() {
            for one in &seen {
                self.outlet.raw(&one.bytes, one.arrival);
            }
        }
        if replaces {
            // As a second snapshot in mid-stream would.
            let arrival = seen.last().map_or_else(Arrival::now, |one| one.arrival);
            fate = self.replace(&snapshot, arrival);
        }
        for one in held {
            fate = self.frame(&one.frame, &one.bytes, one.arrival);
        }
        fate
    }

    /// Replaces the kept book by one that another connection's frames made.
    fn replace(&mut self, snapshot: &BookFrame, arrival: Arrival) -> Fate {
        match self.tracked.apply(snapshot) {
            Verdict::Applied(applied) => {
                self.outlet.change(&Change { tracked: &self.tracked, applied: &applied, frame: snapshot, arrival });
                let verified = self.cell.status().state.is_verified();
                if !verified {
                    self.live();
                }
                Fate::Valid
            }
            Verdict::Broken(why) => {
                self.broken(&why.to_string());
                Fate::Broken(self.attempt)
            }
            Verdict::Dropped => Fate::Dropped,
        }
    }

    /// A book that follows none: the first one is no news; a second snapshot, or exchange time that went back, is.
    fn restarted(&self, frame: &BookFrame) {
        let mut status = self.cell.status();
        let Some(before) = status.time_ms else { return };
        status.restarts += 1;
        let (restarts, back_ms) = (status.restarts, before.saturating_sub(frame.time_ms));
        drop(status);
        // Told on the 1st, 2nd, 4th ... time: a short recording played fast starts over many times a second.
        if restarts.is_power_of_two() {
            tracing::info!(
                pair = &*self.pair,
                restarts,
                back_ms,
                "restarted: a second snapshot, or exchange time went back; windows don't count the step"
            );
        }
    }

    /// Moves the pair to another state: on the board, in Redis, in the log.
    pub(super) fn enter(&mut self, state: PairState) {
        let word = state.word();
        let (verified, now_verified) = (self.cell.status().state.is_verified(), state.is_verified());
        if verified && !now_verified {
            self.down_since = Some(Instant::now());
        }
        if self.monitor.enter(&self.cell, state) {
            tracing::debug!(pair = &*self.pair, state = word, "state");
            if now_verified && let Some(since) = self.down_since.take() {
                tracing::info!(pair = &*self.pair, "{word} again after {:.1} s", since.elapsed().as_secs_f64());
            }
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.outlet.state(&self.cell.status());
    }

    /// Does what is due by now; says when something will be.
    pub(super) fn due(&mut self, now: Instant) -> Instant {
        if now >= self.state_at {
            self.publish();
            self.state_at = now + STATE_EVERY;
        }
        self.outlet.due(&self.tracked, now).map_or(self.state_at, |at| at.min(self.state_at))
    }

    /// The pair is taken away.
    pub(super) fn finish(mut self) {
        self.outlet.finish(&self.tracked);
        self.enter(PairState::Stopped);
        tracing::info!("Unsubscribed from {}", self.pair);
    }
}

fn note(status: &mut crate::monitor::board::PairStatus, frame: &BookFrame, bytes: &[u8], arrival: Arrival) {
    status.frames += 1;
    status.last_frame = Some(arrival);
    // The time of a snapshot or a keep-alive is that of the book's last change, and says nothing about the way here.
    let fresh = frame.action == Action::Update && !(frame.bids.is_empty() && frame.asks.is_empty());
    status.figures.frame(bytes.len(), arrival, fresh.then_some(frame.time_ms));
}
