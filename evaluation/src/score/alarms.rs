//! Depth anomaly and liquidity: events against alarms.
//!
//! An alarm is *raised* when its state becomes graver. An event is detected when an alarm of its direction is raised between its beginning and a
//! minute after it has happened in full; one that was up before counts only if it is raised further. Away from events whatever is raised is false.

use super::{Card, Figure, Measure, part, trial, value};
use crate::label::{Event, Label, Sides};
use crate::market::Of;
use crate::record::Changes;
use crate::script::Scenario;
use crate::seen::{Alarm, Analysis, Direction, Gravity};

/// After an event has happened in full an alarm may take this long.
const GRACE_MS: u64 = 60_000;
/// Alarms this long after the end of an event may still be about it.
const ECHO_MS: u64 = 300_000;
const DAY_MS: f64 = 86_400_000.0;
/// A baseline by the hour of day is complete from here on.
const EIGHTH_DAY_MS: u64 = 8 * 86_400_000;

/// A time at which the state became graver, and the state it became.
fn raised(changes: &Changes<Alarm>) -> impl Iterator<Item = (u64, Alarm)> + '_ {
    // One that is up with the first reading was raised by it.
    let first = changes.changes.first().filter(|first| first.1.gravity > Gravity::Normal).copied();
    first.into_iter().chain(changes.steps().filter(|(_, before, after)| after.gravity > before.gravity).map(|(at, _, after)| (at, after)))
}

/// What an event of depth is called.
fn name(sides: Sides, share: f64, over_s: u64) -> String {
    let over = if over_s < 60 { format!("{over_s} s") } else { format!("{} min", over_s / 60) };
    let sides = if sides == Sides::Both { "both sides" } else { "one side" };
    format!("{:+.0} % in {over}, {sides}", (share - 1.0) * 100.0)
}

/// Scores the alarms of depth anomaly.
pub(super) fn depth(card: &mut Card, scenario: Scenario, profile: &str, labels: &[Label], alarm: &Changes<Alarm>) {
    let measure = |of: String, what, figure| Measure::new(Analysis::DepthAnomaly, of, what, figure);
    let Some(ready_ms) = alarm.ready_ms else { return };
    for label in labels.iter().filter(|label| label.begin_ms >= ready_ms) {
        let within = |until_ms: u64| raised(alarm).find(|(at, _)| (label.begin_ms + 1..=until_ms).contains(at));
        match label.event {
            Event::Depth { sides, share, over_s } => {
                let direction = if share < 1.0 { Direction::Withdrawal } else { Direction::Surge };
                let window = label.begin_ms + 1..=label.full_ms + GRACE_MS;
                let found = raised(alarm).find(|(at, state)| window.contains(at) && state.direction == Some(direction));
                let of = format!("{}, {profile}", name(sides, share, over_s));
                trial(card, measure(of.clone(), "detected", Figure::Rate), found.is_some());
                if let Some((at, state)) = found {
                    let delay_s = (at - label.begin_ms) as f64 / 1000.0;
                    value(card, measure(of.clone(), "delay, median s", Figure::Median), delay_s);
                    value(card, measure(of.clone(), "delay, 95 % s", Figure::P95), delay_s);
                    let named = Of::BOTH.iter().all(|&side| state.sides[side.index()] == sides.has(side));
                    trial(card, measure(of, "right side named", Figure::Rate), named);
                }
            }
            Event::Jump { bps } => {
                let of = format!("price jump of {:.0} bps, {profile}", bps.abs());
                trial(card, measure(of, "raises an alarm", Figure::Rate), within(label.full_ms + GRACE_MS).is_some());
            }
            Event::Regime { times } => {
                let of = format!("{times:.0} times as lively for 10 min, {profile}");
                trial(card, measure(of, "raises an alarm", Figure::Rate), within(label.end_ms).is_some());
            }
            Event::Flicker { .. } => {
                let of = format!("flickering level, {profile}");
                trial(card, measure(of, "raises an alarm", Figure::Rate), within(label.end_ms.saturating_add(GRACE_MS)).is_some());
            }
            Event::Gap { .. } => {
                let of = format!("gap in the feed, {profile}");
                trial(card, measure(of, "raises an alarm", Figure::Rate), within(label.end_ms + GRACE_MS).is_some());
            }
            Event::Wall { .. } | Event::Lean { .. } => {}
        }
    }
    if scenario == Scenario::Quiet || scenario == Scenario::Depth {
        let of = if scenario == Scenario::Quiet { format!("no event, {profile}") } else { format!("between events, {profile}") };
        let (count, quiet_ms) = false_alarms(labels, alarm, ready_ms);
        part(card, measure(of, "false alarms a day", Figure::PerDay), count as f64, quiet_ms as f64 / DAY_MS);
    }
}

/// Scores the alarms of liquidity.
pub(super) fn liquidity(card: &mut Card, scenario: Scenario, profile: &str, labels: &[Label], alarm: &Changes<Alarm>) {
    let measure = |of: String, what, figure| Measure::new(Analysis::Liquidity, of, what, figure);
    let Some(ready_ms) = alarm.ready_ms else { return };
    if scenario == Scenario::Quiet {
        let (count, quiet_ms) = false_alarms(labels, alarm, ready_ms);
        let measure = measure(format!("no event on the first day, {profile}"), "false alarms a day", Figure::PerDay);
        part(card, measure, count as f64, quiet_ms as f64 / DAY_MS);
        return;
    }
    for label in labels {
        let Event::Depth { sides, share, over_s } = label.event else { continue };
        // The end of a drain that outlasts the market isn't known.
        if label.full_ms > alarm.last_ms {
            continue;
        }
        let of = format!("{}, {profile}", name(sides, share, over_s));
        let found = raised(alarm).find(|(at, _)| (label.begin_ms + 1..=label.full_ms).contains(at));
        trial(card, measure(of.clone(), "warned before its end", Figure::Rate), found.is_some());
        if let Some((at, _)) = found {
            let delay_min = (at - label.begin_ms) as f64 / 60_000.0;
            value(card, measure(of.clone(), "delay, median min", Figure::Median), delay_min);
            value(card, measure(of, "delay, 95 % min", Figure::P95), delay_min);
        }
    }
    let begin_ms = ready_ms.max(crate::stage::START_MS + EIGHTH_DAY_MS);
    let (count, quiet_ms) = false_alarms(labels, alarm, begin_ms);
    part(
        card,
        measure(format!("no event from the eighth day on, {profile}"), "false alarms a day", Figure::PerDay),
        count as f64,
        quiet_ms as f64 / DAY_MS,
    );
    let (early, early_ms) = false_alarms_until(labels, alarm, ready_ms, begin_ms);
    part(
        card,
        measure(format!("no event before the eighth day, {profile}"), "false alarms a day", Figure::PerDay),
        early as f64,
        early_ms as f64 / DAY_MS,
    );
}

fn false_alarms(labels: &[Label], alarm: &Changes<Alarm>, from_ms: u64) -> (usize, u64) {
    false_alarms_until(labels, alarm, from_ms, alarm.last_ms)
}

/// Alarms that were raised from normal away from any event, and how long that was.
fn false_alarms_until(labels: &[Label], alarm: &Changes<Alarm>, from_ms: u64, until_ms: u64) -> (usize, u64) {
    let spoilt = |at: u64| labels.iter().any(|label| label.begin_ms < at && at <= label.end_ms.saturating_add(ECHO_MS));
    let first = alarm.changes.first().map(|first| (first.0, Alarm::default(), first.1));
    let count = first
        .into_iter()
        .chain(alarm.steps())
        .filter(|&(at, before, after)| {
            (from_ms..=until_ms).contains(&at) && before.gravity == Gravity::Normal && after.gravity > Gravity::Normal && !spoilt(at)
        })
        .count();
    let mut spans: Vec<(u64, u64)> = labels
        .iter()
        .map(|label| (label.begin_ms.max(from_ms), label.end_ms.saturating_add(ECHO_MS).min(until_ms)))
        .filter(|span| span.0 < span.1)
        .collect();
    spans.sort_unstable();
    let (mut covered, mut reached) = (0, from_ms);
    for (from, to) in spans {
        covered += to.saturating_sub(from.max(reached));
        reached = reached.max(to);
    }
    (count, until_ms.saturating_sub(from_ms).saturating_sub(covered))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn alarm(sides: [bool; 2], gravity: Gravity) -> Alarm {
        let direction = (gravity > Gravity::Normal).then_some(Direction::Withdrawal);
        Alarm { gravity, sides, direction }
    }

    fn changes(list: &[(u64, Alarm)]) -> Changes<Alarm> {
        let mut changes = Changes::default();
        changes.push(0, Some(Alarm::default()));
        list.iter().for_each(|&(at, state)| changes.push(at, Some(state)));
        changes.push(10 * HOUR, list.last().map(|last| last.1));
        changes
    }

    fn withdrawal(at: u64) -> Label {
        let event = Event::Depth { sides: Sides::One(Of::Bid), share: 0.5, over_s: 2 };
        Label { event, begin_ms: at, full_ms: at + 2_000, end_ms: at + 120_000 }
    }

    fn scored(labels: &[Label], list: &[(u64, Alarm)]) -> Card {
        let mut card = Card::new();
        depth(&mut card, Scenario::Depth, "even", labels, &changes(list));
        card
    }

    fn counts(card: &Card, what: &str) -> Option<(f64, f64)> {
        card.iter().find(|(measure, _)| measure.what == what).map(|(_, cell)| (cell.part, cell.whole))
    }

    #[test]
    fn an_alarm_in_time_on_the_right_side_is_a_detection_with_its_delay() {
        let bids = [true, false];
        let labels = [withdrawal(HOUR), withdrawal(2 * HOUR), withdrawal(3 * HOUR)];
        let card = scored(
            &labels,
            &[
                (HOUR + 3_000, alarm(bids, Gravity::Warning)),
                (HOUR + 60_000, Alarm::default()),
                (2 * HOUR + 9_000, alarm([true, true], Gravity::Alert)),
                (2 * HOUR + 90_000, Alarm::default()),
                // Too late for the third.
                (3 * HOUR + 63_000, alarm(bids, Gravity::Warning)),
            ],
        );
        assert_eq!(counts(&card, "detected"), Some((2.0, 3.0)));
        assert_eq!(counts(&card, "right side named"), Some((1.0, 2.0)));
        let delays = card.iter().find(|(measure, _)| measure.what == "delay, median s").unwrap().1;
        assert_eq!(delays.values, [3.0, 9.0]);
        assert_eq!(counts(&card, "false alarms a day").unwrap().0, 0.0, "all of them are near events");
    }

    #[test]
    fn an_alarm_that_was_up_before_must_be_raised_further() {
        let before = (HOUR - 1_000, alarm([true, false], Gravity::Warning));
        assert_eq!(counts(&scored(&[withdrawal(HOUR)], &[before]), "detected"), Some((0.0, 1.0)));
        let raised = (HOUR + 2_000, alarm([true, false], Gravity::Alert));
        assert_eq!(counts(&scored(&[withdrawal(HOUR)], &[before, raised]), "detected"), Some((1.0, 1.0)));
    }

    #[test]
    fn false_alarms_are_counted_over_the_time_without_events() {
        let label = withdrawal(HOUR);
        let card = scored(&[label, label], &[(5 * HOUR, alarm([true, false], Gravity::Alert)), (6 * HOUR, Alarm::default())]);
        let (count, days) = counts(&card, "false alarms a day").unwrap();
        let expected = (10 * HOUR - 120_000 - ECHO_MS) as f64 / DAY_MS;
        assert_eq!(count, 1.0);
        assert!((days - expected).abs() < 1e-9, "two labels at once spoil their time once: {days}, not {expected}");
    }
}
