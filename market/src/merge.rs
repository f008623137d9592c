//! The changes of one frame, merged into a side in one pass.
//!
//! The exchange lists changes best first. So each is searched only among the levels worse than the one before, what stays is
//! changed in its place, and what comes and goes is noted. Then the levels between two such places are moved once, by how many came
//! less how many went below them; where as many came as went, nothing moves. One by one, each change would move all levels better
//! than itself. Changes in another order are taken as several runs, each sorted in itself, down to runs of one change.

use crate::book::{BookError, MAX_LEVELS_A_SIDE};
use crate::side::Detail;
use crate::{BookSide, Level};

/// A level that comes or goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// The level's sort key.
    rank: u64,
    /// Where the level is that goes, or the one it comes before.
    at: usize,
    /// Which change it comes with; `None` for a level that goes.
    comes: Option<u32>,
}

/// How far a run got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Changes applied.
    pub(crate) length: usize,
    /// Deletes among them that named no level.
    pub(crate) deletes_unknown: u32,
}

impl BookSide {
    /// Applies changes from the first on as long as each is worse than the one before and needs no finer scale. After an error the
    /// side is to be cleared.
    pub(crate) fn apply_run(&mut self, changes: &[Level]) -> Result<Run, BookError> {
        let run = self.plan(changes)?;
        if !self.steps.is_empty() {
            self.carry_out(changes);
        }
        Ok(run)
    }

    /// Finds the place of each change of the run. Apart from what follows, which branches on the answers: without a branch between
    /// them, the processor makes several searches at once.
    fn find(&mut self, changes: &[Level]) -> Result<(), BookError> {
        self.steps.clear();
        let (side, scale) = (self.side(), self.price_scale());
        let mut bound = None;
        for change in changes {
            if change.price.is_zero() {
                return Err(BookError::PriceZero { side });
            }
            if change.price.scale() > scale {
                break;
            }
            let Some(rank) = self.rank(change.price) else {
                return Err(BookError::PriceOverflow { price: change.price, scale });
            };
            if bound.is_some_and(|bound| rank >= bound) {
                break;
            }
            bound = Some(rank);
            let at = self.ranks.partition_point(|&other| other < rank);
            self.steps.push(Step { rank, at, comes: None });
        }
        Ok(())
    }

    /// Changes levels that stay and leaves in `steps`, best first, those that come and go.
    fn plan(&mut self, changes: &[Level]) -> Result<Run, BookError> {
        self.find(changes)?;
        let mut run = Run { length: self.steps.len(), deletes_unknown: 0 };
        let mut levels = self.len();
        let mut kept = 0;
        for (index, change) in changes.iter().enumerate().take(run.length) {
            let Step { rank, at, .. } = self.steps[index];
            let there = self.ranks.get(at) == Some(&rank);
            if change.size.is_zero() {
                if !there {
                    run.deletes_unknown += 1;
                    continue;
                }
                levels -= 1;
                self.steps[kept] = Step { rank, at, comes: None };
            } else if there {
                self.details[at] = self.details[at].with(change);
                continue;
            } else {
                levels += 1;
                if levels > MAX_LEVELS_A_SIDE {
                    return Err(BookError::TooManyLevels { side: self.side() });
                }
                self.steps[kept] = Step { rank, at, comes: Some(index as u32) };
            }
            kept += 1;
        }
        self.steps.truncate(kept);
        Ok(run)
    }

    /// Moves the levels between the steps to their new places and writes those that come.
    fn carry_out(&mut self, changes: &[Level]) {
        let steps = std::mem::take(&mut self.steps);
        let old = self.len();
        let come = steps.iter().filter(|step| step.comes.is_some()).count();
        let new = old + come - (steps.len() - come);
        if new > old {
            self.ranks.resize(new, 0);
            self.details.resize(new, Detail::default());
        }
        // Levels that move towards the end are moved best first, so that each place is read before it is written; those that move
        // towards the start worst first. The two never cross: between them is a place where as many came as went.
        let mut to_start = false;
        let (mut end, mut shift) = (old, new as isize - old as isize);
        for step in &steps {
            if let Some(change) = step.comes {
                if shift > 0 {
                    self.move_levels(step.at, end, shift);
                    self.write(step.at.wrapping_add_signed(shift - 1), step.rank, &changes[change as usize]);
                }
                to_start |= shift < 0;
                shift -= 1;
            } else {
                if shift > 0 {
                    self.move_levels(step.at + 1, end, shift);
                }
                to_start |= shift < 0;
                shift += 1;
            }
            end = step.at;
        }
        if to_start {
            let mut shift = 0;
            for (index, step) in steps.iter().enumerate().rev() {
                let end = if index == 0 { old } else { steps[index - 1].at };
                if let Some(change) = step.comes {
                    if shift < 0 {
                        self.write(step.at.wrapping_add_signed(shift), step.rank, &changes[change as usize]);
                    }
                    shift += 1;
                    if shift < 0 {
                        self.move_levels(step.at, end, shift);
                    }
                } else {
                    shift -= 1;
                    if shift < 0 {
                        self.move_levels(step.at + 1, end, shift);
                    }
                }
            }
            self.ranks.truncate(new);
            self.details.truncate(new);
        }
        self.steps = steps;
    }

    #[inline]
    fn move_levels(&mut self, start: usize, end: usize, shift: isize) {
        let to = start.wrapping_add_signed(shift);
        self.ranks.copy_within(start..end, to);
        self.details.copy_within(start..end, to);
    }

    #[inline]
    fn write(&mut self, at: usize, rank: u64, level: &Level) {
        self.ranks[at] = rank;
        self.details[at] = Detail::new(level);
    }
}
