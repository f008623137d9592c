//! What a tracked book must hold and answer: two sorted maps and the last id, written from the rules of the exchange.

use std::collections::BTreeMap;

use leadline_market::{Action, BookFrame, Break, Decimal, FrameKind, Level, MAX_LEVELS_A_SIDE, MAX_SCALE, TrackedBook, Trust, Verdict};

/// Price at the finest scale of all, which fits 128 bits for every decimal, to the level as sent.
type Side = BTreeMap<u128, Level>;

fn key(price: Decimal) -> u128 {
    u128::from(price.mantissa()) * 10u128.pow(u32::from(MAX_SCALE - price.scale()))
}

/// The book beside the tracked one.
#[derive(Clone, Default)]
pub struct Model {
    bids: Side,
    asks: Side,
    valid: bool,
    link: Option<i64>,
    counted: [u64; 4],
}

impl Model {
    /// Applies the frame to the model and says what is wrong with the tracked book's verdict and content, if anything.
    pub fn check(&mut self, frame: &BookFrame, verdict: &Verdict, tracked: &TrackedBook) -> Result<(), String> {
        let snapshot = frame.action == Action::Snapshot;
        if matches!(verdict, Verdict::Dropped) != (!snapshot && !self.valid) {
            return Err(format!("dropped wrongly or not at all: {verdict:?}"));
        }
        match verdict {
            Verdict::Dropped => self.counted[0] += 1,
            Verdict::Broken(why) => {
                self.check_break(frame, why)?;
                self.valid = false;
            }
            Verdict::Applied(_) => self.check_applied(frame, verdict, tracked)?,
        }
        let counters = tracked.counters();
        let counted = [counters.dropped, counters.gaps, counters.checksum_bad, tracked.refused()];
        if counted != self.counted || counters.frames != counters.snapshots + counters.updates {
            return Err(format!("counted {counters:?}, {} refused, not {:?}", tracked.refused(), self.counted));
        }
        if tracked.is_valid() != self.valid {
            return Err(format!("valid: {}", tracked.is_valid()));
        }
        tracked.book().check_invariants().map_or(Ok(()), Err)
    }

    /// The checksum of the book after the frame, for streams that are to offer one.
    pub fn checksum_after(&self, frame: &BookFrame) -> i32 {
        let mut after = Self { bids: self.bids.clone(), asks: self.asks.clone(), ..Self::default() };
        after.change(frame);
        after.checksum()
    }

    fn linked(&self, frame: &BookFrame) -> Option<(i64, i64, i64)> {
        if frame.action == Action::Snapshot {
            return None;
        }
        Some((self.link?, frame.previous?, frame.sequence?))
    }

    fn check_break(&mut self, frame: &BookFrame, why: &Break) -> Result<(), String> {
        let linked = self.linked(frame);
        let right = match why {
            Break::Gap { expected, previous } => {
                self.counted[1] += 1;
                linked.is_some_and(|(link, before, _)| link == *expected && before == *previous && link != before)
            }
            Break::Checksum { sent, computed } => {
                self.counted[2] += 1;
                self.change(frame);
                linked.is_none_or(|(link, before, _)| link == before)
                    && frame.checksum == Some(*sent)
                    && *computed == self.checksum()
                    && sent != computed
            }
            Break::Book(_) => {
                self.counted[3] += 1;
                linked.is_none_or(|(link, before, _)| link == before) && self.cannot_be_a_book(frame)
            }
        };
        if right { Ok(()) } else { Err(format!("broken without cause: {why:?}")) }
    }

    /// Whether the frame gives a reason to refuse its levels: a price of zero, too many levels, prices too far apart for 64 bits.
    fn cannot_be_a_book(&self, frame: &BookFrame) -> bool {
        let sent = || frame.bids.iter().chain(&frame.asks).map(|level| level.price);
        let there = || self.bids.values().chain(self.asks.values()).map(|level| level.price);
        let all = || sent().chain(there());
        // The finest price since the last snapshot may be gone from the book, so the scale is only bounded here.
        let apart = all().map(key).max().unwrap_or(0) > u128::from(u64::MAX);
        let many =
            [(&frame.bids, &self.bids), (&frame.asks, &self.asks)].iter().any(|(sent, there)| sent.len() + there.len() > MAX_LEVELS_A_SIDE);
        sent().any(Decimal::is_zero) || many || apart
    }

    fn change(&mut self, frame: &BookFrame) -> u32 {
        let mut unknown = 0;
        if frame.action == Action::Snapshot {
            self.bids.clear();
            self.asks.clear();
        }
        for (side, changes) in [(&mut self.bids, &frame.bids), (&mut self.asks, &frame.asks)] {
            for change in changes {
                if change.size.is_zero() {
                    unknown += u32::from(side.remove(&key(change.price)).is_none());
                } else {
                    side.insert(key(change.price), *change);
                }
            }
        }
        unknown
    }

    fn check_applied(&mut self, frame: &BookFrame, verdict: &Verdict, tracked: &TrackedBook) -> Result<(), String> {
        let Verdict::Applied(applied) = verdict else { return Ok(()) };
        let snapshot = frame.action == Action::Snapshot;
        let linked = self.linked(frame);
        if let Some((link, previous, _)) = linked
            && link != previous
        {
            return Err(format!("a frame after {previous} was applied to a book at {link}"));
        }
        if frame.bids.iter().chain(&frame.asks).any(|level| level.price.is_zero()) {
            return Err("a price of zero was applied".to_owned());
        }
        let unknown = self.change(frame);
        self.valid = true;
        self.link = if snapshot { frame.sequence } else { linked.map(|(_, _, sequence)| sequence) };
        let kind = match linked {
            _ if snapshot => FrameKind::Snapshot,
            Some((_, previous, sequence)) if sequence < previous => FrameKind::Reset,
            _ if frame.bids.is_empty() && frame.asks.is_empty() => FrameKind::KeepAlive,
            _ => FrameKind::Update,
        };
        let empty = self.bids.is_empty() && self.asks.is_empty();
        let offered = frame.checksum.filter(|&sent| sent != 0 || empty);
        let trust = match (self.link, offered) {
            (Some(_), _) => Trust::Chain,
            (None, Some(_)) => Trust::Checksum,
            (None, None) => Trust::Unverified,
        };
        let crossed = self.bids.last_key_value().zip(self.asks.first_key_value()).is_some_and(|((bid, _), (ask, _))| bid >= ask);
        let answered = (applied.kind, applied.trust, applied.crossed);
        if answered != (kind, trust, crossed) {
            return Err(format!("{answered:?} is not {:?}", (kind, trust, crossed)));
        }
        if !snapshot && applied.deletes_unknown != unknown {
            return Err(format!("{} unknown deletes, not {unknown}", applied.deletes_unknown));
        }
        if offered.is_some_and(|sent| sent != self.checksum()) {
            return Err("a wrong checksum was accepted".to_owned());
        }
        if self.bids.len().max(self.asks.len()) > MAX_LEVELS_A_SIDE {
            return Err("too many levels were applied".to_owned());
        }
        let book = tracked.book();
        if (tracked.sequence(), tracked.time_ms()) != (frame.sequence, Some(frame.time_ms)) {
            return Err("the book is not at the frame's id and time".to_owned());
        }
        if !book.bids().iter().eq(self.bids.values().rev().copied()) || !book.asks().iter().eq(self.asks.values().copied()) {
            return Err("the book holds other levels than the model".to_owned());
        }
        Ok(())
    }

    fn checksum(&self) -> i32 {
        let (bids, asks): (Vec<_>, Vec<_>) = (self.bids.values().rev().take(25).collect(), self.asks.values().take(25).collect());
        let mut parts = Vec::new();
        for depth in 0..25 {
            for level in [bids.get(depth), asks.get(depth)].into_iter().flatten() {
                parts.push(format!("{}:{}", level.price, level.size));
            }
        }
        crc32fast::hash(parts.join(":").as_bytes()).cast_signed()
    }
}
