//! Tendency against leaning and even markets.

use super::{Card, Figure, Measure, part, trial, value};
use crate::label::{Event, Label, Measured};
use crate::market::Of;
use crate::record::Record;
use crate::script::Scenario;
use crate::seen::{Analysis, Trend};

/// A tendency that changes twice within this time has flipped.
const FLIP_MS: u64 = 2_000;
/// Walls on one side alone are to be seen within this time.
const LEAN_MS: u64 = 10_000;
const DAY_MS: f64 = 86_400_000.0;

pub(super) fn score(card: &mut Card, scenario: Scenario, profile: &str, labels: &[Label], record: &Record) {
    let measure = |of: String, what, figure| Measure::new(Analysis::LargeOrders, of, what, figure);
    let trend = &record.trend;
    let Some(ready_ms) = trend.ready_ms else { return };
    let days = trend.last_ms.saturating_sub(ready_ms) as f64 / DAY_MS;
    let changes: Vec<u64> = trend.steps().map(|step| step.0).collect();
    let flips = changes.windows(2).filter(|pair| pair[1] - pair[0] < FLIP_MS).count();
    part(
        card,
        measure(format!("tendency, {} market, {profile}", scenario.word()), "twice within 2 s, a day", Figure::PerDay),
        flips as f64,
        days,
    );
    if scenario == Scenario::Quiet {
        let neutral: u64 = trend.spans().filter(|span| span.2 == Trend::Neutral).map(|span| span.1 - span.0).sum();
        let of = format!("tendency, both sides alike, {profile}");
        part(card, measure(of.clone(), "neutral", Figure::Share), neutral as f64 / DAY_MS, days);
        part(card, measure(of, "changes a day", Figure::PerDay), changes.len() as f64, days);
    }
    for label in labels {
        let Event::Lean { side, walls, least } = label.event else { continue };
        if label.begin_ms < ready_ms {
            continue;
        }
        let expected = if side == Of::Bid { Trend::Bullish } else { Trend::Bearish };
        let found = trend.spans().find(|&(from, to, state)| state == expected && to > label.full_ms && from < label.end_ms);
        let delay_ms = found.map(|(from, ..)| from.saturating_sub(label.full_ms));
        let of = match least {
            Measured::Times(times) if times < 10.0 => format!("{walls} walls on one side, some below 10× the background, {profile}"),
            Measured::Times(_) => format!("{walls} walls on one side, each 10× the background or more, {profile}"),
            Measured::OfSide(_) => format!("{walls} walls on one side, each {}, {profile}", least.word()),
        };
        trial(card, measure(of.clone(), "named within 10 s", Figure::Rate), delay_ms.is_some_and(|delay| delay <= LEAN_MS));
        if let Some(delay_ms) = delay_ms {
            value(card, measure(of, "delay, median s", Figure::Median), delay_ms as f64 / 1000.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(changes: &[(u64, Trend)]) -> Record {
        let mut record = Record::default();
        changes.iter().for_each(|&(at, trend)| record.trend.push(at, Some(trend)));
        record
    }

    fn counts(card: &Card, what: &str) -> Option<(f64, f64)> {
        card.iter().find(|(measure, _)| measure.what == what).map(|(_, cell)| (cell.part, cell.whole))
    }

    #[test]
    fn neutral_is_a_share_of_time_and_two_changes_in_a_second_are_a_flip() {
        use Trend::{Bearish, Bullish, Neutral};
        let record = record(&[(0, Neutral), (60_000, Bullish), (61_000, Neutral), (75_000, Bearish), (100_000, Bearish)]);
        let mut card = Card::new();
        score(&mut card, Scenario::Quiet, "even", &[], &record);
        let (neutral, whole) = counts(&card, "neutral").unwrap_or_default();
        assert!((neutral / whole - 0.74).abs() < 1e-9, "60 and 14 of 100 s");
        assert_eq!(counts(&card, "twice within 2 s, a day").map(|cell| cell.0), Some(1.0));
    }

    #[test]
    fn a_lean_is_named_in_time_by_its_own_word_alone() {
        use Trend::{Bearish, Bullish, Neutral};
        let label = |side| Label {
            event: Event::Lean { side, walls: 3, least: Measured::Times(10.0) },
            begin_ms: 9_000,
            full_ms: 10_000,
            end_ms: 70_000,
        };
        for (change, side, hits) in [
            ((15_000, Bullish), Of::Bid, 1.0),
            ((15_000, Bullish), Of::Ask, 0.0),
            ((15_000, Bearish), Of::Ask, 1.0),
            ((30_000, Bullish), Of::Bid, 0.0),
        ] {
            let mut card = Card::new();
            score(&mut card, Scenario::Walls, "even", &[label(side)], &record(&[(0, Neutral), change, (90_000, Neutral)]));
            assert_eq!(counts(&card, "named within 10 s"), Some((hits, 1.0)), "{change:?} {side:?}");
        }
    }
}
