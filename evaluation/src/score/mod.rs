//! Rates, delays and false alarms, with their confidence.
//!
//! One market gives a [`Card`]: for each [`Measure`] a [`Cell`] of plain counts. Cells of many markets add up, and only then become figures, so that
//! a market's length or luck weighs no more than it should.
//!
//! - [`statistics`]: how sure a figure is.
//! - [`alarms`]: depth anomaly and liquidity: events against alarms.
//! - [`walls`]: levels and large orders against planted walls.
//! - [`trends`]: tendency against leaning and even markets.

pub mod alarms;
pub mod statistics;
pub mod trends;
pub mod walls;

use std::collections::BTreeMap;

use statistics::{bootstrap, byar, quantile, wilson};

use crate::label::Label;
use crate::record::Record;
use crate::script::Scenario;
use crate::seen::Analysis;

/// What is measured: a row of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Measure {
    /// The analysis that it is about.
    pub analysis: Analysis,
    /// The event, or the market.
    pub of: String,
    /// What of it.
    pub what: &'static str,
    /// How counts become a figure.
    pub figure: Figure,
}

/// How counts become a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Of so many trials so many were right; they are independent.
    Rate,
    /// Parts of a whole that aren't independent: time, or books.
    Share,
    /// Times a day.
    PerDay,
    /// Median of values.
    Median,
    /// 95th percentile of values.
    P95,
}

impl Measure {
    /// A row.
    #[must_use]
    pub fn new(analysis: Analysis, of: impl Into<String>, what: &'static str, figure: Figure) -> Self {
        Self { analysis, of: of.into(), what, figure }
    }
}

/// What one market gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// Hits, events, or the part.
    pub part: f64,
    /// Trials, days, or the whole.
    pub whole: f64,
    /// Values, where it is about those.
    pub values: Vec<f64>,
}

/// A figure with the interval that holds it with 95 % confidence, where there is one.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// Trials, days or values behind it.
    pub of: f64,
}

/// All that one market gave of one contestant.
pub type Card = BTreeMap<Measure, Cell>;

/// Scores one analysis on one market.
#[must_use]
pub fn score(analysis: Analysis, scenario: Scenario, profile: &str, labels: &[Label], record: &Record) -> Card {
    let mut card = Card::new();
    match analysis {
        Analysis::SupportResistance => walls::levels(&mut card, scenario, profile, labels, record),
        Analysis::LargeOrders => {
            walls::orders(&mut card, profile, labels, record);
            trends::score(&mut card, scenario, profile, labels, record);
        }
        Analysis::DepthAnomaly => alarms::depth(&mut card, scenario, profile, labels, &record.alarm),
        Analysis::Liquidity => alarms::liquidity(&mut card, scenario, profile, labels, &record.alarm),
    }
    card
}

/// Adds a trial.
pub(crate) fn trial(card: &mut Card, measure: Measure, hit: bool) {
    part(card, measure, f64::from(u8::from(hit)), 1.0);
}

/// Adds a part of a whole.
pub(crate) fn part(card: &mut Card, measure: Measure, part: f64, whole: f64) {
    let cell = card.entry(measure).or_default();
    cell.part += part;
    cell.whole += whole;
}

/// Adds a value.
pub(crate) fn value(card: &mut Card, measure: Measure, value: f64) {
    card.entry(measure).or_default().values.push(value);
}

/// The figure of a measure over these markets' cells, without its interval.
#[must_use]
pub fn figure<'c>(kind: Figure, cells: impl Iterator<Item = &'c Cell>) -> Option<f64> {
    match kind {
        Figure::Rate | Figure::Share | Figure::PerDay => {
            let (part, whole) = cells.fold((0.0, 0.0), |sum, cell| (sum.0 + cell.part, sum.1 + cell.whole));
            (whole > 0.0).then(|| part / whole)
        }
        Figure::Median | Figure::P95 => {
            let mut values: Vec<f64> = cells.flat_map(|cell| cell.values.iter().copied()).collect();
            quantile(&mut values, if kind == Figure::Median { 0.5 } else { 0.95 })
        }
    }
}

/// The figure of a measure over many markets, with its interval: Wilson's for rates, Byar's for times a day, a bootstrap over markets for the rest.
#[must_use]
pub fn estimate(measure: &Measure, cards: &[Card]) -> Option<Estimate> {
    let cells: Vec<&Cell> = cards.iter().filter_map(|card| card.get(measure)).collect();
    let value = figure(measure.figure, cells.iter().copied())?;
    let (part, whole) = cells.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.part, sum.1 + cell.whole));
    let drawn = || bootstrap(cells.len(), 1, |drawn| figure(measure.figure, drawn.iter().map(|&i| cells[i])));
    let (interval, of) = match measure.figure {
        Figure::Rate => (wilson(part as u64, whole as u64), whole),
        Figure::PerDay => (Some(byar(part as u64).map(|count| count / whole)), whole),
        Figure::Share => (drawn(), whole),
        Figure::Median | Figure::P95 => (drawn(), cells.iter().map(|cell| cell.values.len()).sum::<usize>() as f64),
    };
    Some(Estimate { value, interval, of })
}

/// The second contestant's figure less the first's on the same markets, with the interval of the difference: markets are drawn in pairs.
#[must_use]
pub fn difference(measure: &Measure, first: &[Card], second: &[Card]) -> Option<Estimate> {
    let pairs: Vec<[Option<&Cell>; 2]> = first
        .iter()
        .zip(second)
        .map(|(first, second)| [first.get(measure), second.get(measure)])
        .filter(|pair| pair.iter().any(Option::is_some))
        .collect();
    let of = |drawn: &mut dyn Iterator<Item = usize>| {
        let drawn: Vec<usize> = drawn.collect();
        let [a, b] = [0, 1].map(|which| figure(measure.figure, drawn.iter().filter_map(|&i| pairs[i][which])));
        Some(b? - a?)
    };
    let value = of(&mut (0..pairs.len()))?;
    let interval = bootstrap(pairs.len(), 1, |drawn| of(&mut drawn.iter().copied()));
    Some(Estimate { value, interval, of: pairs.len() as f64 })
}

/// Every measure that any of these has, in order.
#[must_use]
pub fn measures<'c>(cards: impl Iterator<Item = &'c Card>) -> Vec<Measure> {
    let all: std::collections::BTreeSet<&Measure> = cards.flat_map(BTreeMap::keys).collect();
    all.into_iter().cloned().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;

    fn measure(figure: Figure) -> Measure {
        Measure::new(Analysis::DepthAnomaly, "x", "y", figure)
    }

    fn cards(figure: Figure, cells: &[(f64, f64)]) -> Vec<Card> {
        cells.iter().map(|&(part, whole)| Card::from([(measure(figure), Cell { part, whole, values: Vec::new() })])).collect()
    }

    #[test]
    fn counts_of_markets_add_up_before_they_become_a_figure() {
        let rate = estimate(&measure(Figure::Rate), &cards(Figure::Rate, &[(1.0, 1.0), (2.0, 9.0)])).unwrap();
        assert_eq!((rate.value, rate.of), (0.3, 10.0));
        let daily = estimate(&measure(Figure::PerDay), &cards(Figure::PerDay, &[(0.0, 1.0), (3.0, 2.0)])).unwrap();
        assert_eq!(daily.value, 1.0);
        assert_eq!(estimate(&measure(Figure::Rate), &[Card::new()]), None);
    }

    #[test]
    fn a_difference_on_the_same_markets_is_surer_than_the_two_figures() {
        let figures: Vec<(f64, f64)> = (0..12).map(|i| (f64::from(i % 6), 10.0)).collect();
        let better: Vec<(f64, f64)> = figures.iter().map(|&(part, whole)| (part + 1.0, whole)).collect();
        let (first, second) = (cards(Figure::Share, &figures), cards(Figure::Share, &better));
        let difference = difference(&measure(Figure::Share), &first, &second).unwrap();
        let [low, high] = difference.interval.unwrap();
        assert!((difference.value - 0.1).abs() < 1e-12 && (low - 0.1).abs() < 1e-9 && (high - 0.1).abs() < 1e-9);
        let alone = estimate(&measure(Figure::Share), &first).unwrap().interval.unwrap();
        assert!(alone[1] - alone[0] > 0.1);
    }
}
