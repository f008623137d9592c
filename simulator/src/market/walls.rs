//! Walls: large levels of many orders that appear at round prices, age, and are pulled or consumed.
//!
//! A wall that the window leaves behind isn't gone: it comes back when the window reaches it again.

use super::dice::Dice;

/// Walls that a side has on average.
const USUAL: usize = 3;
/// Mean time until a missing wall appears, in seconds.
const APPEARS_S: f64 = 45.0;
/// Mean life, in seconds.
const LIFE_S: f64 = 900.0;
/// A wall that comes to its end is pulled at once with this probability, else it melts over some frames.
const PULLED_AT_ONCE: f64 = 0.5;
/// What is left of a melting wall after each frame, and when it counts as gone (share of its first size).
const MELT: f64 = 0.7;

/// How a wall is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Stands.
    Standing,
    /// Is being withdrawn bit by bit.
    Melting,
}

/// One wall.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wall {
    /// Its key on the side it belongs to.
    pub(crate) key: i64,
    /// Seconds of life left.
    left_s: f64,
    /// Share of its first size that melting has left.
    share: f64,
    /// How it is doing.
    pub(crate) stage: Stage,
}

/// What happened to a wall in this frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum WallEvent {
    /// It is gone.
    Pulled {
        /// Its key.
        key: i64,
    },
    /// It shrank to this share of what it was in the frame before.
    Melted {
        /// Its key.
        key: i64,
        /// Factor on its size.
        factor: f64,
    },
}

/// The walls of one side, in the window or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Walls {
    walls: Vec<Wall>,
}

impl Walls {
    /// Whether it is time for one more.
    pub(crate) fn wants_one(&self, seconds: f64, dice: &mut Dice) -> bool {
        self.walls.len() < USUAL && dice.chance(1.0 - libm::exp(-seconds / APPEARS_S))
    }

    /// Whether one stands at this key.
    pub(crate) fn stands_at(&self, key: i64) -> bool {
        self.walls.iter().any(|wall| wall.key == key)
    }

    /// Remembers a new wall.
    pub(crate) fn add(&mut self, key: i64, dice: &mut Dice) {
        if !self.stands_at(key) {
            self.walls.push(Wall { key, left_s: dice.exponential(LIFE_S), share: 1.0, stage: Stage::Standing });
        }
    }

    /// Forgets the wall at a key: it was consumed.
    pub(crate) fn forget(&mut self, key: i64) {
        self.walls.retain(|wall| wall.key != key);
    }

    /// Forgets walls that the price has passed (better than any level may be) or left far behind.
    pub(crate) fn forget_outside(&mut self, furthest: i64, limit: i64) {
        self.walls.retain(|wall| wall.key >= furthest && wall.key <= limit);
    }

    /// The best key of a wall worse than `beyond` and at least `reach`: the window is about to cover it.
    pub(crate) fn next_beyond(&self, beyond: i64, reach: i64) -> Option<i64> {
        self.walls.iter().map(|wall| wall.key).filter(|&key| key < beyond && key >= reach).max()
    }

    /// Ages every wall by `seconds` and tells what happened. At most one event a wall.
    pub(crate) fn age(&mut self, seconds: f64, dice: &mut Dice, events: &mut Vec<WallEvent>) {
        events.clear();
        self.walls.retain_mut(|wall| {
            wall.left_s -= seconds;
            match wall.stage {
                Stage::Standing if wall.left_s > 0.0 => true,
                Stage::Standing if dice.chance(PULLED_AT_ONCE) => {
                    events.push(WallEvent::Pulled { key: wall.key });
                    false
                }
                Stage::Standing | Stage::Melting => {
                    wall.stage = Stage::Melting;
                    wall.share *= MELT;
                    let gone = wall.share < 0.1;
                    events.push(if gone { WallEvent::Pulled { key: wall.key } } else { WallEvent::Melted { key: wall.key, factor: MELT } });
                    !gone
                }
            }
        });
    }
}
