//! What a recorder knows to be missing, and for which pairs it records.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::Gap;

/// Most gaps that a manifest lists.
pub(super) const MAX_GAPS: usize = 16_384;

/// Most pairs that a manifest lists.
const MAX_PAIRS: usize = 4096;

/// Gaps closer than this, of one pair and reason, are one.
const JOIN_US: u64 = 1_000_000;

/// Who says that there is a gap. Each ends its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    /// Whoever receives the frames.
    Caller,
    /// The recorder, since the disk refuses.
    Disk,
}

/// Gaps and pairs, as the manifest will list them.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    gaps: BTreeMap<u64, Gap>,
    open: HashMap<(By, String), u64>,
    next: u64,
    left_out: u64,
    pairs: BTreeSet<String>,
    /// Whether anything is new since [`Ledger::take_changed`].
    changed: bool,
    /// Gaps entered by this recorder.
    entered: u64,
}

impl Ledger {
    /// One that goes on from a manifest. Gaps that were open end with it: no more can be said of them.
    pub(super) fn resumed(gaps: Vec<Gap>, left_out: u64, pairs: Vec<String>, now_us: u64) -> Self {
        let mut ledger = Self { left_out, pairs: pairs.into_iter().collect(), changed: true, ..Self::default() };
        for mut gap in gaps {
            gap.to_us.get_or_insert(now_us.max(gap.from_us));
            ledger.push(gap);
        }
        ledger.entered = 0;
        ledger
    }

    pub(super) fn begin(&mut self, by: By, pair: &str, reason: &str, at_us: u64) {
        let key = (by, pair.to_owned());
        if !self.open.contains_key(&key) {
            let id = self.push(Gap { pair: pair.to_owned(), from_us: at_us, to_us: None, reason: reason.to_owned() });
            self.open.insert(key, id);
        }
    }

    pub(super) fn end(&mut self, by: By, pair: &str, at_us: u64) {
        let Some(id) = self.open.remove(&(by, pair.to_owned())) else { return };
        self.changed = true;
        if let Some(gap) = self.gaps.get_mut(&id) {
            gap.to_us = Some(at_us.max(gap.from_us));
        }
    }

    /// Enters a gap that is over.
    pub(super) fn enter(&mut self, pair: &str, from_us: u64, to_us: u64, reason: &str) {
        let to_us = to_us.max(from_us);
        self.changed = true;
        if let Some(last) = self.gaps.values_mut().next_back()
            && let Some(end) = last.to_us
            && last.pair == pair
            && last.reason == reason
            && (last.from_us..=end.saturating_add(JOIN_US)).contains(&from_us)
        {
            last.to_us = Some(end.max(to_us));
            return;
        }
        self.push(Gap { pair: pair.to_owned(), from_us, to_us: Some(to_us), reason: reason.to_owned() });
    }

    fn push(&mut self, gap: Gap) -> u64 {
        if self.gaps.len() >= MAX_GAPS {
            // The oldest that is over, else the oldest.
            let oldest = self.gaps.iter().find(|(_, gap)| gap.to_us.is_some()).or(self.gaps.first_key_value()).map(|(id, _)| *id);
            if let Some(id) = oldest {
                self.gaps.remove(&id);
                self.open.retain(|_, open| *open != id);
                self.left_out += 1;
            }
        }
        let id = self.next;
        self.next += 1;
        self.entered += 1;
        self.changed = true;
        self.gaps.insert(id, gap);
        id
    }

    /// Leaves out the gaps that were over before a time: what was around them is deleted.
    pub(super) fn forget_before(&mut self, us: u64) {
        let before = self.gaps.len();
        self.gaps.retain(|_, gap| gap.to_us.is_none_or(|to| to >= us));
        self.left_out += (before - self.gaps.len()) as u64;
        self.changed |= before != self.gaps.len();
    }

    /// Adds pairs.
    pub(super) fn add_pairs(&mut self, pairs: &[String]) {
        for pair in pairs {
            if self.pairs.len() < MAX_PAIRS {
                self.changed |= self.pairs.insert(pair.clone());
            }
        }
    }

    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn gaps(&self) -> Vec<Gap> {
        self.gaps.values().cloned().collect()
    }

    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    pub(super) fn pairs(&self) -> Vec<String> {
        self.pairs.iter().cloned().collect()
    }

    /// Gaps that this recorder has entered, and how many of them are open.
    pub(super) fn counts(&self) -> (u64, usize) {
        (self.entered, self.open.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(ledger: &Ledger) -> Vec<(String, u64, Option<u64>)> {
        ledger.gaps().into_iter().map(|gap| (gap.pair, gap.from_us, gap.to_us)).collect()
    }

    #[test]
    fn a_gap_begins_once_and_ends_once_and_each_ends_its_own() {
        let mut ledger = Ledger::default();
        ledger.begin(By::Caller, "*", "link lost", 10);
        ledger.begin(By::Caller, "*", "link lost again", 11);
        ledger.begin(By::Disk, "*", "full", 12);
        ledger.end(By::Disk, "*", 13);
        assert_eq!(listed(&ledger), [("*".into(), 10, None), ("*".into(), 12, Some(13))]);
        ledger.end(By::Caller, "*", 5);
        ledger.end(By::Caller, "*", 20);
        assert_eq!(listed(&ledger)[0], ("*".into(), 10, Some(10)), "it doesn't end before it began");
        assert_eq!(ledger.counts(), (2, 0));
    }

    #[test]
    fn close_gaps_of_one_reason_are_one() {
        let mut ledger = Ledger::default();
        ledger.enter("*", 0, 5, "slow");
        ledger.enter("*", 1_000_005, 1_000_006, "slow");
        ledger.enter("*", 1_000_007, 1_000_007, "other");
        ledger.enter("*", 9_000_000, 9_000_001, "other");
        assert_eq!(listed(&ledger).iter().map(|gap| gap.2).collect::<Vec<_>>(), [Some(1_000_006), Some(1_000_007), Some(9_000_001)]);
    }

    #[test]
    fn the_list_is_bounded_and_what_is_left_out_is_counted() {
        let mut ledger = Ledger::default();
        ledger.begin(By::Caller, "A", "open", 0);
        for index in 0..MAX_GAPS as u64 + 9 {
            ledger.enter("*", index * 10_000_000, index * 10_000_000, "slow");
        }
        assert_eq!((ledger.gaps().len(), ledger.left_out()), (MAX_GAPS, 10));
        assert_eq!(ledger.gaps()[0].pair, "A", "one that is open stays");
        ledger.forget_before(u64::MAX);
        assert_eq!(ledger.gaps().len(), 1);
        assert_eq!(ledger.left_out(), 9 + MAX_GAPS as u64);
    }
}
