//! What was said over a whole market, as far as scores need it: changes of a state, and what was seen of each wall.

use std::collections::BTreeMap;

use crate::label::Ending;
use crate::market::Of;
use crate::seen::{Alarm, Levels, Orders, Seen, Trend};
use crate::stage::Standing;

/// A wall isn't looked for among the published levels before it has stood this long, ms: places change hands after two seconds, by the documented rule.
/// A candidate is one in the first book that has it.
pub const WALL_SETTLES_MS: u64 = 5_000;

/// A state over time: when it changed to what.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes<S> {
    /// Exchange time of the first book that gave numbers.
    pub ready_ms: Option<u64>,
    /// Exchange time of the newest book.
    pub last_ms: u64,
    /// Each change, the first state included.
    pub changes: Vec<(u64, S)>,
}

impl<S> Default for Changes<S> {
    fn default() -> Self {
        Self { ready_ms: None, last_ms: 0, changes: Vec::new() }
    }
}

impl<S: Copy + PartialEq> Changes<S> {
    /// What a book said.
    pub fn push(&mut self, time_ms: u64, state: Option<S>) {
        self.last_ms = time_ms;
        let Some(state) = state else { return };
        self.ready_ms.get_or_insert(time_ms);
        if self.changes.last().is_none_or(|last| last.1 != state) {
            self.changes.push((time_ms, state));
        }
    }

    /// Each change with the state before it; the first is none.
    pub fn steps(&self) -> impl Iterator<Item = (u64, S, S)> + '_ {
        self.changes.windows(2).map(|pair| (pair[1].0, pair[0].1, pair[1].1))
    }

    /// Each state with the time from which and until which it held.
    pub fn spans(&self) -> impl Iterator<Item = (u64, u64, S)> + '_ {
        let ends = self.changes.iter().skip(1).map(|change| change.0).chain([self.last_ms]);
        self.changes.iter().zip(ends).map(|(&(from, state), to)| (from, to, state))
    }
}

/// What was seen of one wall.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sighting {
    /// Books in which it stood, and wasn't being traded away.
    pub stood: u32,
    /// Of those, books in which it was among the candidates, or the large levels.
    pub listed: u32,
    /// Of those, books in which it had settled.
    pub settled: u32,
    /// Of the settled ones, books in which it was published.
    pub published: u32,
    /// When it was first published or listed, ms after it came.
    pub delay_ms: Option<u64>,
    /// Sum of how far the published price was off, bps, and of how many books.
    pub off_bps: f64,
    /// In bandwidths, sum likewise.
    pub off_bandwidths: f64,
    /// What was said of its end.
    pub told: Option<Ending>,
    /// What it was said to be: one order, or many.
    pub single: Option<bool>,
}

/// All that scores need of one analysis on one market.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Alarms.
    pub alarm: Changes<Alarm>,
    /// Tendencies.
    pub trend: Changes<Trend>,
    /// By the wall's label.
    pub walls: BTreeMap<usize, Sighting>,
    /// Of the sides with walls that had settled: books × published levels, and those that were at a wall.
    pub published: u64,
    /// See `published`.
    pub at_walls: u64,
    /// Bids, asks: the price of the first level, and how often another level took its place.
    pub(crate) first: [Option<f64>; 2],
    /// See `first`.
    pub first_changed: [u64; 2],
    /// Books with levels.
    pub books: u64,
    /// Calls that were stopped or failed.
    pub faults: u64,
}

/// What a book was, beside its levels.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Exchange time, Unix milliseconds.
    pub time_ms: u64,
    /// Walls that stand.
    pub standing: &'a [Standing],
    /// Walls that went a short while ago: label, side, price.
    pub ended: &'a [Standing],
    /// Bids, asks: bandwidth, quote units.
    pub bandwidth: [f64; 2],
    /// Mid, quote units.
    pub mid: f64,
}

impl Record {
    /// Takes what was said of a book.
    pub fn push(&mut self, scene: Scene<'_>, seen: Seen<'_>) {
        match seen {
            Seen::Nothing => {
                self.alarm.push(scene.time_ms, None);
                self.trend.push(scene.time_ms, None);
            }
            Seen::Alarm(alarm) => self.alarm.push(scene.time_ms, Some(alarm)),
            Seen::Levels(levels) => self.levels(scene, levels),
            Seen::Orders(orders) => {
                self.trend.push(scene.time_ms, orders.trend);
                self.orders(scene, orders);
            }
        }
    }

    fn levels(&mut self, scene: Scene<'_>, levels: &Levels) {
        self.books += 1;
        for side in Of::BOTH {
            let (first, before) = (levels.published[side.index()][0], self.first[side.index()]);
            // Within a bandwidth it is the same level, whose price follows its orders by a tick or two.
            let same = match (first, before) {
                (Some(now), Some(then)) => (now - then).abs() <= scene.bandwidth[side.index()],
                (None, Some(_)) => false,
                (_, None) => true,
            };
            self.first_changed[side.index()] += u64::from(!same);
            self.first[side.index()] = first;
            self.walls_of(scene, levels, side);
        }
        for wall in scene.ended {
            let reach = scene.bandwidth[wall.side.index()];
            let told = levels.ended.iter().find(|ended| ended.side == wall.side && (ended.price - wall.price).abs() <= reach);
            if let Some(told) = told {
                self.walls.entry(wall.label).or_default().told.get_or_insert(told.how);
            }
        }
    }

    fn walls_of(&mut self, scene: Scene<'_>, levels: &Levels, side: Of) {
        let walls = || scene.standing.iter().filter(move |wall| wall.side == side);
        let settled = |wall: &Standing| scene.time_ms >= wall.since_ms + WALL_SETTLES_MS && !wall.fading;
        let (published, reach) = (levels.published[side.index()], scene.bandwidth[side.index()]);
        for wall in walls() {
            let off = published.iter().flatten().map(|price| (price - wall.price).abs()).reduce(f64::min).filter(|&off| off <= reach);
            let sighting = self.walls.entry(wall.label).or_default();
            if off.is_some() && sighting.delay_ms.is_none() {
                sighting.delay_ms = Some(scene.time_ms - wall.since_ms);
            }
            if wall.fading {
                continue;
            }
            sighting.stood += 1;
            let listed = levels.candidates[side.index()].iter().any(|price| (price - wall.price).abs() <= reach);
            sighting.listed += u32::from(listed);
            if !settled(wall) {
                continue;
            }
            sighting.settled += 1;
            if let Some(off) = off {
                sighting.published += 1;
                sighting.off_bps += off / scene.mid * 1e4;
                sighting.off_bandwidths += off / reach;
            }
        }
        if walls().next().is_some() && walls().all(settled) {
            for price in published.into_iter().flatten() {
                self.published += 1;
                self.at_walls += u64::from(walls().any(|wall| (price - wall.price).abs() <= reach));
            }
        }
    }

    fn orders(&mut self, scene: Scene<'_>, orders: &Orders) {
        for wall in scene.standing.iter().filter(|wall| !wall.fading) {
            let listed = orders.large[wall.side.index()].iter().find(|level| (level.0 - wall.price).abs() < 1e-9 * wall.price);
            let sighting = self.walls.entry(wall.label).or_default();
            sighting.stood += 1;
            if let Some(&(_, single)) = listed {
                sighting.listed += 1;
                sighting.delay_ms.get_or_insert(scene.time_ms - wall.since_ms);
                sighting.single = single;
            }
        }
    }
}
