//! One instrument's market: its book, its price, and one frame at a time.

use super::dice::{Dice, MeanReverting};
use super::frame::{Head, checksum, frame, levels};
use super::price::FairPrice;
use super::profile::Profile;
use super::side::{Change, Face, KEPT, Kind, Level, Side, WINDOW};
use super::walls::{WallEvent, Walls};
use crate::truth::digest;

/// Depth of a side swings by about this much (standard deviation of its logarithm) ...
const DEPTH_SPREAD: f64 = 0.25;
/// ... over this time, in seconds.
const DEPTH_MEMORY_S: f64 = 180.0;
/// Median number of changes that traders make in a frame, the spread of its logarithm, and the most.
const CHANGES: f64 = 15.5;
const CHANGES_SIGMA: f64 = 0.55;
const MOST_CHANGES: usize = 130;
/// Longest step of the market in seconds: after a longer silence it goes on as if this much had passed.
const LONGEST_STEP_S: f64 = 60.0;

/// A side with what shapes it.
#[derive(Debug, Clone)]
pub(super) struct Half {
    pub(super) face: Face,
    pub(super) side: Side,
    pub(super) walls: Walls,
    depth: MeanReverting,
}

impl Half {
    fn new(face: Face) -> Self {
        let depth = MeanReverting::new(DEPTH_SPREAD, DEPTH_MEMORY_S);
        Self { face, side: Side::new(face), walls: Walls::default(), depth }
    }

    /// Present factor on the size of real levels; 1 on average.
    pub(super) fn depth(&self) -> f64 {
        libm::exp(self.depth.value() - DEPTH_SPREAD * DEPTH_SPREAD / 2.0)
    }

    /// The best key that a level of this side may have at a fair price.
    pub(super) fn limit(&self, fair: i64) -> i64 {
        match self.face {
            Face::Bid => fair,
            Face::Ask => -(fair + 1),
        }
    }

    /// Price in ticks of a key.
    pub(super) fn tick(&self, key: i64) -> i64 {
        match self.face {
            Face::Bid => key,
            Face::Ask => -key,
        }
    }
}

/// A generated market of one instrument. Pure: time is passed in, and the same seed and times give the same frames.
#[derive(Debug, Clone)]
pub struct Pair {
    pub(super) profile: Profile,
    pub(super) dice: Dice,
    pub(super) fair: FairPrice,
    /// Bids, then asks.
    pub(super) halves: [Half; 2],
    /// Identifier of the newest frame.
    seq_id: i64,
    /// Exchange time of the newest change, Unix milliseconds.
    ts_ms: u64,
    /// Whether frames carry true checksums.
    checksums: bool,
    /// An auction is under way: nothing is traded, and the book is crossed.
    auction: bool,
    events: Vec<WallEvent>,
    bids: Vec<Change>,
    asks: Vec<Change>,
}

impl Pair {
    pub(crate) fn new(profile: Profile, seed: u64, start_ms: u64, checksums: bool) -> Self {
        let mut dice = Dice::new(seed, profile.inst_id);
        // Twelve digits, as on the exchange.
        let seq_id = dice.between(100_000_000_000, 900_000_000_000);
        let fair = FairPrice::new(&profile);
        let halves = [Half::new(Face::Bid), Half::new(Face::Ask)];
        let mut pair = Self {
            profile,
            dice,
            fair,
            halves,
            seq_id,
            ts_ms: start_ms,
            checksums,
            auction: false,
            events: Vec::new(),
            bids: Vec::new(),
            asks: Vec::new(),
        };
        for index in 0..2 {
            pair.refill(index);
            pair.build_wall(index);
            pair.build_wall(index);
            pair.refill(index);
        }
        pair
    }

    /// The instrument, as OKX names it.
    pub fn inst_id(&self) -> &'static str {
        self.profile.inst_id
    }

    /// Identifier of the newest frame.
    pub fn seq_id(&self) -> i64 {
        self.seq_id
    }

    /// Exchange time of the newest change, Unix milliseconds.
    pub(crate) fn ts_ms(&self) -> u64 {
        self.ts_ms
    }

    /// Digest of the window that clients see (see [`crate::digest`]).
    pub(crate) fn digest(&self) -> u64 {
        // Both numbers are whole and below 2^53, so the division gives the double that is nearest to the decimal text.
        let (price, size) = (self.profile.price_scale(), self.profile.size_scale());
        let [bids, asks] = &self.halves;
        let levels = |half: &'_ Half| -> Vec<(f64, f64, u32)> {
            half.side.in_window().map(|level| (level.tick as f64 / price, level.lots as f64 / size, level.orders)).collect()
        };
        digest(levels(bids), levels(asks))
    }

    /// An auction begins or ends: the book is crossed from the next frame on, or is uncrossed by it.
    pub(crate) fn auction(&mut self, under_way: bool) {
        self.auction = under_way;
    }

    /// The market moves on as in [`Pair::step`], but the identifier goes back by `by`, at most to 1.
    pub(crate) fn reset(&mut self, now_ms: u64, by: u32) -> String {
        self.advance(now_ms);
        let before = self.seq_id;
        self.seq_id = (before - i64::from(by)).max(1);
        self.update(before)
    }

    /// The book as a snapshot frame: `prevSeqId` −1, time of the newest change.
    pub fn snapshot(&mut self) -> String {
        self.fill_window(WINDOW);
        let head = self.head("snapshot", -1);
        frame(head, &self.asks, &self.bids, self.profile.decimals)
    }

    /// The best `limit` levels a side as REST gives them: `{"asks":..,"bids":..,"ts":"..","seqId":..}`.
    pub fn picture(&mut self, limit: usize) -> String {
        self.fill_window(limit);
        let mut out = String::from(r#"{"asks":"#);
        levels(&mut out, &self.asks, self.profile.decimals);
        out.push_str(r#","bids":"#);
        levels(&mut out, &self.bids, self.profile.decimals);
        out.push_str(&format!(r#","ts":"{}","seqId":{}}}"#, self.ts_ms, self.seq_id));
        out
    }

    /// A frame that says only that the stream is alive: no levels, `seqId` equal to `prevSeqId`.
    pub fn keep_alive(&self, now_ms: u64) -> String {
        let head = Head { ts_ms: now_ms, ..self.head("update", self.seq_id) };
        frame(head, &[], &[], self.profile.decimals)
    }

    /// The market moves on to `now_ms` (Unix milliseconds of exchange time): an update frame with what changed, at least one level.
    pub fn step(&mut self, now_ms: u64) -> String {
        self.advance(now_ms);
        let before = self.seq_id;
        self.seq_id += self.dice.between(1, 90);
        self.update(before)
    }

    /// The frame of what was collected.
    fn update(&self, before: i64) -> String {
        frame(self.head("update", before), &self.asks, &self.bids, self.profile.decimals)
    }

    /// The book at `now_ms`, and what changed on the way.
    fn advance(&mut self, now_ms: u64) {
        let seconds = (now_ms.saturating_sub(self.ts_ms) as f64 / 1000.0).min(LONGEST_STEP_S);
        self.ts_ms = self.ts_ms.max(now_ms);
        for half in &mut self.halves {
            half.side.begin();
            half.depth.advance(seconds, &mut self.dice);
        }
        if self.auction {
            self.cross();
        } else {
            self.trade(seconds);
        }
        for index in 0..2 {
            self.tend_walls(index, seconds);
        }
        self.churn();
        for index in 0..2 {
            self.refill(index);
        }
        self.collect();
        if self.bids.is_empty() && self.asks.is_empty() {
            self.change_at_rank(0, 0);
            self.collect();
        }
    }

    fn head(&self, action: &'static str, prev_seq_id: i64) -> Head<'static> {
        let checksum = if self.checksums { self.checksum() } else { 0 };
        Head { inst_id: self.profile.inst_id, action, ts_ms: self.ts_ms, seq_id: self.seq_id, prev_seq_id, checksum }
    }

    fn checksum(&self) -> i32 {
        let [bids, asks] = &self.halves;
        let best = |half: &'_ Half| -> Vec<Change> { half.side.in_window().take(25).collect() };
        checksum(&best(asks), &best(bids), self.profile.decimals)
    }

    /// Buyers above and sellers below the fair price, as orders are before an auction matches them. The next trade takes them.
    fn cross(&mut self) {
        let reach = (4.0 * self.profile.gap) as i64 + 3;
        for index in 0..2 {
            let limit = self.halves[index].limit(self.fair.tick());
            for _ in 0..3 {
                let key = limit + self.dice.between(1, reach);
                self.birth(index, key);
            }
        }
    }

    fn fill_window(&mut self, limit: usize) {
        let [bid, ask] = &self.halves;
        bid.side.window(limit, &mut self.bids);
        ask.side.window(limit, &mut self.asks);
    }

    /// What the frame will say; both sides best first, as OKX has them.
    fn collect(&mut self) {
        let [bid, ask] = &mut self.halves;
        bid.side.changes(&mut self.bids);
        ask.side.changes(&mut self.asks);
    }

    /// The price moves: levels that stand in its way are consumed; a wall may hold it.
    fn trade(&mut self, seconds: f64) {
        let old = self.fair.tick();
        let new = self.fair.advance(&self.profile, seconds, &mut self.dice);
        for index in 0..2 {
            let mut limit = self.halves[index].limit(new);
            while let Some(best) = self.halves[index].side.best().filter(|best| best.key > limit) {
                let half = &mut self.halves[index];
                if best.kind == Kind::Wall && !self.dice.chance(0.25) {
                    // The wall takes the blow: a part of it is filled, and the price stays in front of it.
                    let share = 0.5 + 0.4 * self.dice.unit();
                    let lots = ((best.lots as f64 * share) as u64).max(1);
                    let orders = ((f64::from(best.orders) * share) as u32).max(1);
                    half.side.put(Level { lots, orders, ..best });
                    let tick = half.tick(best.key);
                    // A bid wall holds the price at its own tick, an ask wall one tick below it.
                    self.fair.hold(&self.profile, if half.face == Face::Bid { tick } else { tick - 1 });
                    limit = best.key;
                } else {
                    half.walls.forget(best.key);
                    let last = half.side.len() - 1;
                    half.side.remove(last);
                }
            }
        }
        self.close_spread(old);
    }

    /// Behind a move, quotes follow: the touch at once in most frames, some levels in the space left free.
    fn close_spread(&mut self, old: i64) {
        let fair = self.fair.tick();
        for index in 0..2 {
            let limit = self.halves[index].limit(fair);
            let free = match self.halves[index].face {
                Face::Bid => fair - old,
                Face::Ask => old - fair,
            };
            if free > 0 {
                let followers = (free as f64 / self.profile.gap * 0.5) as usize;
                for _ in 0..followers.min(20) {
                    let key = limit - self.dice.between(0, free);
                    self.birth(index, key);
                }
            }
            if self.halves[index].side.find(limit).is_none() && self.dice.chance(0.85) {
                self.birth(index, limit);
            }
        }
    }

    /// Walls appear, age, melt and are pulled.
    fn tend_walls(&mut self, index: usize, seconds: f64) {
        let limit = self.halves[index].limit(self.fair.tick());
        let furthest = limit - (3.0 * self.profile.gap * KEPT as f64) as i64;
        let mut events = std::mem::take(&mut self.events);
        let half = &mut self.halves[index];
        half.walls.forget_outside(furthest, limit);
        half.walls.age(seconds, &mut self.dice, &mut events);
        for event in &events {
            match *event {
                WallEvent::Pulled { key } => {
                    if let Some(at) = half.side.find(key) {
                        half.side.remove(at);
                    }
                }
                WallEvent::Melted { key, factor } => {
                    if let Some(at) = half.side.find(key) {
                        let wall = half.side.level(at);
                        let scale = |value: f64| (value * factor).max(1.0);
                        let (lots, orders) = (scale(wall.lots as f64) as u64, scale(f64::from(wall.orders)) as u32);
                        half.side.put(Level { lots, orders, ..wall });
                    }
                }
            }
        }
        self.events = events;
        if self.halves[index].walls.wants_one(seconds, &mut self.dice) {
            self.build_wall(index);
        }
    }

    /// Adds, changes, deletes and idle deletes, until the frame has its number of changes.
    fn churn(&mut self) {
        let wanted = (self.dice.lognormal(CHANGES, CHANGES_SIGMA) as usize).clamp(1, MOST_CHANGES);
        let done: usize = self.halves.iter().map(|half| half.side.touched()).sum();
        // A large move is answered by more activity, not by less.
        let wanted = wanted.max(done / 2).min(MOST_CHANGES.saturating_sub(done)).max(1);
        for _ in 0..wanted {
            self.one_change();
        }
    }
}
