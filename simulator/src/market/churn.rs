//! What traders do between moves of the price: levels appear, change and go, most of them near the touch.
//!
//! Both appearing and going fall off with the distance to the touch in the same way, and where a side has become sparser or
//! denser than its profile says, one outweighs the other. So the density of levels comes back, whatever the price does.

use super::pair::Pair;
use super::side::{KEPT, Kind, WINDOW};
use super::sizes;

/// Mean rank of what happens near the touch, and the share of what happens anywhere in the window.
const NEAR_RANKS: f64 = 48.0;
const ANYWHERE: f64 = 0.22;
/// Share of all changes: at the very touch; changed (with those at the touch); added or deleted. The rest are deletes of prices
/// that aren't there.
const AT_TOUCH: f64 = 0.05;
const CHANGED: f64 = 0.32;
const ADDED_OR_DELETED: f64 = 0.57;
/// Ticks that a new level may be shifted to find a free one.
const SHIFT: i64 = 8;
/// Share of attempts on a dust level that go through: dust lies for days.
const DUST_TOUCHED: f64 = 0.15;

impl Pair {
    /// One change somewhere.
    pub(super) fn one_change(&mut self) {
        let index = usize::from(self.dice.chance(0.5));
        let draw = self.dice.unit();
        if draw < AT_TOUCH {
            self.change_at_rank(index, 0);
        } else if draw < CHANGED {
            let at = self.tended_rank(index);
            self.change_at_rank(index, at);
        } else if draw < CHANGED + ADDED_OR_DELETED {
            if self.dice.chance(self.share_added(index)) { self.add_somewhere(index) } else { self.delete_somewhere(index) }
        } else {
            let rank = self.rank();
            let side = &mut self.halves[index].side;
            if let Some(at) = side.at_rank(rank) {
                let key = side.level(at).key;
                if let Some(absent) = (1..=SHIFT).map(|shift| key - shift).find(|&key| side.find(key).is_none()) {
                    side.touch_absent(absent);
                }
            }
        }
    }

    /// Share of additions among additions and deletions: one half where the side is as dense as its profile says, more where the
    /// kept levels reach too far, less where they don't reach far enough.
    fn share_added(&self, index: usize) -> f64 {
        let half = &self.halves[index];
        let usual = self.profile.gap * KEPT as f64;
        let reach = half.side.worst_key().map_or(usual, |worst| (half.limit(self.fair.tick()) - worst) as f64);
        (0.5 + 0.5 * (reach / usual - 1.0)).clamp(0.25, 0.75)
    }

    fn add_somewhere(&mut self, index: usize) {
        let distance = (self.rank() as f64 + self.dice.unit()) * self.profile.gap;
        let half = &self.halves[index];
        let key = half.limit(self.fair.tick()) - distance as i64;
        let free = (0..SHIFT).map(|shift| key - shift).find(|&key| half.side.find(key).is_none());
        self.birth(index, free.unwrap_or(key));
    }

    fn delete_somewhere(&mut self, index: usize) {
        let rank = self.tended_rank(index);
        let side = &mut self.halves[index].side;
        if let Some(at) = side.at_rank(rank).filter(|&at| side.level(at).kind != Kind::Wall) {
            side.remove(at);
        }
    }

    /// A rank as the recorded changes have them.
    fn rank(&mut self) -> usize {
        if self.dice.chance(ANYWHERE) { self.dice.between(0, WINDOW as i64) as usize } else { self.dice.exponential(NEAR_RANKS) as usize }
    }

    /// A rank with a level that somebody tends: mostly not dust.
    fn tended_rank(&mut self, index: usize) -> usize {
        let mut rank = self.rank();
        for _ in 0..8 {
            let dust = self.halves[index].side.at_rank(rank).is_some_and(|at| self.halves[index].side.level(at).kind == Kind::Dust);
            if !dust || self.dice.chance(DUST_TOUCHED) {
                break;
            }
            rank = self.rank();
        }
        rank
    }

    /// The level at a rank gets another size.
    pub(super) fn change_at_rank(&mut self, index: usize, rank: usize) {
        let half = &mut self.halves[index];
        if let Some(at) = half.side.at_rank(rank) {
            let old = half.side.level(at);
            let (tick, depth) = (half.tick(old.key), half.depth());
            half.side.put(sizes::redraw(&self.profile, old, tick, depth, &mut self.dice));
        }
    }

    /// A new level at a key, or a changed one if there is one.
    ///
    /// What appears is dust as rarely as dust goes, so that its share stays.
    pub(super) fn birth(&mut self, index: usize, key: i64) {
        let half = &mut self.halves[index];
        let (tick, depth) = (half.tick(key), half.depth());
        if tick < 1 {
            return;
        }
        let share = self.profile.dust_share;
        let dust = share * DUST_TOUCHED / (share * DUST_TOUCHED + 1.0 - share);
        let level = match half.side.find(key) {
            Some(at) => {
                let old = half.side.level(at);
                sizes::redraw(&self.profile, old, tick, depth, &mut self.dice)
            }
            None => {
                let kind = if self.dice.chance(dust) { Kind::Dust } else { Kind::Real };
                sizes::draw(&self.profile, kind, key, tick, depth, &mut self.dice)
            }
        };
        half.side.put(level);
    }

    /// A wall at a round price inside the window.
    pub(super) fn build_wall(&mut self, index: usize) {
        let fair = self.fair.tick();
        let half = &mut self.halves[index];
        let distance = self.dice.between(15, 330) as f64 * self.profile.gap;
        let limit = half.limit(fair);
        let step = self.profile.wall_step;
        let key = (limit - distance as i64).div_euclid(step) * step;
        if half.walls.stands_at(key) || half.tick(key) < 1 {
            return;
        }
        half.walls.add(key, &mut self.dice);
        let (tick, depth) = (half.tick(key), half.depth());
        half.side.put(sizes::draw(&self.profile, Kind::Wall, key, tick, depth, &mut self.dice));
    }

    /// Back to the number of levels that the exchange keeps, at the far end, where the window ends.
    pub(super) fn refill(&mut self, index: usize) {
        while self.halves[index].side.len() > KEPT {
            self.halves[index].side.remove_worst();
        }
        while self.halves[index].side.len() < KEPT {
            let start = self.halves[index].limit(self.fair.tick()) + 1;
            let from = self.halves[index].side.worst_key().unwrap_or(start);
            let gap = if self.profile.gap > 1.0 { 1 + self.dice.exponential(self.profile.gap - 1.0) as i64 } else { 1 };
            let half = &mut self.halves[index];
            // A wall that stood here when the window was here last still does.
            let wall = half.walls.next_beyond(from, from - gap);
            let key = wall.unwrap_or(from - gap);
            let kind = match wall {
                Some(_) => Kind::Wall,
                None if self.dice.chance(self.profile.dust_share) => Kind::Dust,
                None => Kind::Real,
            };
            let (tick, depth) = (half.tick(key), half.depth());
            half.side.put(sizes::draw(&self.profile, kind, key, tick, depth, &mut self.dice));
        }
    }
}
