//! Who is level 1 and level 2: the strongest two, with an advantage for whoever is there, so that a level doesn't flicker between two alike.

use crate::tracking::Tracked;

/// Places a side.
pub const PLACES: usize = 2;

/// What it takes to displace an incumbent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Incumbency {
    /// A challenger must be this many times as strong.
    pub advantage: f64,
    /// For this long without a break, ms.
    pub dwell_ms: u64,
    /// Excess that a level needs to be given a place; an incumbent keeps it down to half as much.
    pub least_excess: f64,
}

/// Gives the places of one side, among levels that stand out enough: a vacant place goes to the strongest at once, a held one to a challenger that has been stronger for long enough.
/// The holder of a place below is a challenger like any other; when it moves up, its place falls vacant.
pub fn assign(tracked: &mut [Tracked], now_ms: u64, rule: Incumbency) {
    for level in tracked.iter_mut().filter(|level| level.excess < 0.5 * rule.least_excess) {
        level.place = None;
    }
    for place in 0..PLACES {
        let below = |level: &Tracked| level.excess >= rule.least_excess && level.place.is_none_or(|held| held > place);
        let taker = match tracked.iter().position(|level| level.place == Some(place)) {
            None => strongest(tracked, below),
            Some(holder) => {
                let needed = rule.advantage * tracked[holder].strength;
                for level in tracked.iter_mut() {
                    let stronger = below(level) && level.strength >= needed;
                    level.stronger_since[place] = if stronger { level.stronger_since[place].or(Some(now_ms)) } else { None };
                }
                let due = |level: &Tracked| {
                    below(level) && level.stronger_since[place].is_some_and(|since| now_ms.saturating_sub(since) >= rule.dwell_ms)
                };
                let taker = strongest(tracked, due);
                if taker.is_some() {
                    tracked[holder].place = None;
                }
                taker
            }
        };
        if let Some(taker) = taker {
            tracked[taker].place = Some(place);
            // A new incumbent: whoever was stronger than the old one starts again.
            tracked.iter_mut().for_each(|level| level.stronger_since[place] = None);
        }
    }
}

/// The strongest that qualifies; of two alike the first.
fn strongest(tracked: &[Tracked], qualifies: impl Fn(&Tracked) -> bool) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (i, level) in tracked.iter().enumerate() {
        if qualifies(level) && best.is_none_or(|best| level.strength > tracked[best].strength) {
            best = Some(i);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Incumbency = Incumbency { advantage: 1.25, dwell_ms: 2_000, least_excess: 3.0 };

    fn levels(strengths: &[f64]) -> Vec<Tracked> {
        strengths.iter().map(|&strength| Tracked { strength, excess: 5.0, ..Tracked::default() }).collect()
    }

    fn places(levels: &[Tracked]) -> Vec<Option<usize>> {
        levels.iter().map(|level| level.place).collect()
    }

    #[test]
    fn vacant_places_go_to_the_strongest_at_once() {
        let mut side = levels(&[10.0, 30.0, 20.0]);
        assign(&mut side, 0, RULE);
        assert_eq!(places(&side), [None, Some(0), Some(1)]);
    }

    #[test]
    fn a_challenger_needs_a_quarter_more_for_two_seconds() {
        let mut side = levels(&[40.0, 30.0, 5.0]);
        assign(&mut side, 0, RULE);
        side[2].strength = 49.9;
        for now in (0..10_000).step_by(100) {
            assign(&mut side, now, RULE);
        }
        assert_eq!(places(&side), [Some(0), None, Some(1)], "enough against level 2, never against level 1");
        side[2].strength = 50.0;
        assign(&mut side, 20_000, RULE);
        assign(&mut side, 21_999, RULE);
        assert_eq!(side[0].place, Some(0), "not for two seconds yet");
        assign(&mut side, 22_000, RULE);
        assert_eq!(places(&side), [Some(1), None, Some(0)], "and who was displaced is the strongest for the place that fell vacant");
    }

    #[test]
    fn a_break_starts_the_two_seconds_again() {
        let mut side = levels(&[40.0, 1.0, 1.0]);
        assign(&mut side, 0, RULE);
        side[2].strength = 60.0;
        assign(&mut side, 1_000, RULE);
        side[2].strength = 40.0;
        assign(&mut side, 2_500, RULE);
        side[2].strength = 60.0;
        assign(&mut side, 2_600, RULE);
        assign(&mut side, 4_500, RULE);
        assert_eq!(side[0].place, Some(0));
        assign(&mut side, 4_600, RULE);
        assert_eq!(side[2].place, Some(0));
    }

    #[test]
    fn when_the_first_is_gone_the_second_moves_up() {
        let mut side = levels(&[40.0, 30.0, 20.0]);
        assign(&mut side, 0, RULE);
        side.remove(0);
        assign(&mut side, 100, RULE);
        assert_eq!(places(&side), [Some(0), Some(1)]);
    }

    #[test]
    fn only_what_stands_out_gets_a_place_and_an_incumbent_keeps_it_down_to_half() {
        let mut side = levels(&[40.0, 30.0]);
        side[0].excess = 2.9;
        assign(&mut side, 0, RULE);
        assert_eq!(places(&side), [None, Some(0)]);
        side[1].excess = 1.6;
        assign(&mut side, 100, RULE);
        assert_eq!(places(&side), [None, Some(0)]);
        side[1].excess = 1.4;
        assign(&mut side, 200, RULE);
        assert_eq!(places(&side), [None, None]);
    }
}
