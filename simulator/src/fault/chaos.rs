//! Random faults at random times, from a seed.

use std::time::Duration;

use super::kind::{Damage, Extent, Fault, Flood, Kind, Target};
use crate::market::Dice;

/// Random faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chaos {
    /// One about each time this has passed: half as long to half as long again.
    pub every: Duration,
    /// The same seed draws the same faults.
    pub seed: u64,
    /// Names of kinds that are left out.
    pub without: Vec<String>,
}

impl Chaos {
    /// Names of all kinds that may be drawn.
    pub(crate) fn names() -> Vec<&'static str> {
        let mut names: Vec<_> = NAMES.into_iter().map(|name| if name.starts_with("flood") { "flood" } else { name }).collect();
        names.dedup();
        names
    }

    /// A name to be left out that there isn't.
    pub(crate) fn unknown(&self) -> Option<&String> {
        self.without.iter().find(|name| !Self::names().contains(&name.as_str()))
    }
}

/// Everything that may be drawn. What changes the list of instruments isn't in it, and `tamper` only where checksums are sent:
/// without them nothing on the wire shows it.
const NAMES: [&str; 25] = [
    "drop",
    "duplicate",
    "reorder",
    "corrupt",
    "truncate",
    "checksum",
    "binary",
    "delay",
    "stall",
    "half-open",
    "cut",
    "close",
    "refuse",
    "flood-updates",
    "flood-keep-alives",
    "flood-notices",
    "flood-unknown",
    "notice",
    "restart",
    "reset",
    "keep-alive",
    "snapshot",
    "auction",
    "quiet",
    "tamper",
];

/// The draws of a chaos.
#[derive(Debug)]
pub(crate) struct Draws {
    dice: Dice,
    every: Duration,
    names: Vec<&'static str>,
    pairs: Vec<String>,
}

impl Draws {
    /// Faults for these pairs; None: all kinds that there are were left out.
    pub(crate) fn new(chaos: &Chaos, pairs: Vec<String>, checksums: bool, generated: bool) -> Self {
        let left_out = |name: &str| chaos.without.iter().any(|other| name == other || name.starts_with(&format!("{other}-")));
        let mut names: Vec<_> = NAMES.into_iter().filter(|name| !left_out(name)).collect();
        names.retain(|name| checksums || *name != "tamper");
        let draws = Self { dice: Dice::new(chaos.seed, "chaos"), every: chaos.every, names, pairs };
        if generated { draws } else { draws.of_connections() }
    }

    /// Only what can happen to a recording.
    fn of_connections(mut self) -> Self {
        let names = std::mem::take(&mut self.names);
        self.names = names.into_iter().filter(|name| !self.kind(name).is_of_the_market()).collect();
        self
    }

    /// Time until the next one, and the next one.
    pub(crate) fn next(&mut self) -> Option<(Duration, Fault)> {
        let pause = self.every.mul_f64(0.5 + self.dice.unit());
        let name = *self.pick(self.names.len()).and_then(|index| self.names.get(index))?;
        let kind = self.kind(name);
        let pair = self.pick(self.pairs.len()).and_then(|index| self.pairs.get(index)).cloned();
        // Mostly one connection of the pair, so that a second one could stand in for it.
        let on = match self.dice.between(0, 4) {
            0 => Target::All,
            1 => Target::Newest,
            _ => Target::Oldest,
        };
        // A restart and a refusal concern everybody; so now and then does a cut.
        let pair = pair.filter(|_| !matches!(kind, Kind::Restart { .. } | Kind::Refuse(_)));
        Some((pause, Fault { pair, on: if matches!(kind, Kind::Restart { .. }) { Target::All } else { on }, ..Fault::new(kind) }))
    }

    fn pick(&mut self, count: usize) -> Option<usize> {
        let count = i64::try_from(count).ok().filter(|count| *count > 0)?;
        usize::try_from(self.dice.between(0, count)).ok()
    }

    fn kind(&mut self, name: &str) -> Kind {
        let dice = &mut self.dice;
        let mut seconds = |low: f64, high: f64| Duration::from_millis((1000.0 * (low + (high - low) * dice.unit())) as u64);
        match name {
            "delay" => Kind::Delay { by: seconds(0.2, 2.0), length: seconds(1.0, 4.0) },
            "stall" => Kind::Stall(seconds(1.0, 8.0)),
            "half-open" => Kind::HalfOpen,
            "cut" => Kind::Cut,
            "close" => {
                let codes = [1001, 1006, 1011, 1012, 4004, 4005];
                Kind::Close(self.pick(codes.len()).map_or(1011, |index| if codes[index] == 1006 { 1013 } else { codes[index] }))
            }
            "refuse" => Kind::Refuse(seconds(1.0, 4.0)),
            "flood-updates" => Kind::Flood(Flood::Updates, 500),
            "flood-keep-alives" => Kind::Flood(Flood::KeepAlives, 500),
            "flood-notices" => Kind::Flood(Flood::Notices, 500),
            "flood-unknown" => Kind::Flood(Flood::Unknown, 500),
            "notice" => Kind::Notice,
            "restart" => Kind::Restart { lead: seconds(0.0, 5.0), code: 1012, down: seconds(0.0, 1.0) },
            "reset" => Kind::Reset(1000),
            "keep-alive" => Kind::KeepAlive,
            "snapshot" => Kind::Snapshot,
            "auction" => Kind::Auction(seconds(2.0, 6.0)),
            "quiet" => Kind::Quiet(seconds(2.0, 6.0)),
            damage => {
                let damage = match damage {
                    "duplicate" => Damage::Duplicate,
                    "reorder" => Damage::Reorder,
                    "corrupt" => Damage::Corrupt,
                    "tamper" => Damage::Tamper,
                    "truncate" => Damage::Truncate,
                    "checksum" => Damage::Checksum,
                    "binary" => Damage::Binary,
                    _ => Damage::Drop,
                };
                Kind::Damage(damage, Extent::Frames(self.pick(3).map_or(1, |more| 1 + more as u32)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::{Chaos, Draws, Fault};

    fn draws(seed: u64, without: &[&str], checksums: bool, generated: bool) -> Vec<(Duration, Fault)> {
        let without = without.iter().map(|name| (*name).to_owned()).collect();
        let chaos = Chaos { every: Duration::from_secs(10), seed, without };
        let mut draws = Draws::new(&chaos, vec!["BTC-USDT".into(), "ETH-USDT".into()], checksums, generated);
        (0..2_000).filter_map(|_| draws.next()).collect()
    }

    fn names(draws: &[(Duration, Fault)]) -> BTreeSet<&str> {
        draws.iter().map(|(_, fault)| fault.kind.name()).collect()
    }

    #[test]
    fn chaos_draws_every_kind_that_can_be_seen_and_nothing_that_was_left_out() {
        let all = draws(1, &[], true, true);
        assert_eq!(names(&all).len(), 22, "{:?}", names(&all));
        assert!(all.iter().all(|(pause, _)| (5.0..=15.0).contains(&pause.as_secs_f64())));
        assert!(all.iter().all(|(_, fault)| fault.to_string().parse::<Fault>().is_ok_and(|read| read == *fault)));
        assert_eq!(all, draws(1, &[], true, true));
        assert_ne!(all, draws(2, &[], true, true));
        assert!(!names(&draws(1, &[], false, true)).contains("tamper"));
        let some = draws(1, &["flood", "cut"], true, true);
        assert!(!names(&some).contains("flood") && !names(&some).contains("cut"));
        assert!(draws(1, &[], true, false).iter().all(|(_, fault)| !fault.kind.is_of_the_market()));
    }
}
