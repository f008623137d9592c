//! The rows of the table, for people and as JSON.

use std::fmt::Write;
use std::time::Duration;

use leadline_evaluation::score::{Card, Estimate, Figure, Measure, difference, estimate, measures};
use leadline_evaluation::target::{self, Target};
use serde::Serialize;

use super::contestant::Contestants;
use super::plan::Plan;
use super::recorded::Rough;
use super::run::Cards;

/// All of it.
#[derive(Serialize)]
pub(super) struct Outcome {
    plan: Plan,
    markets: usize,
    /// Heads of the columns.
    pub(super) contestants: Vec<String>,
    pub(super) rows: Vec<Row>,
    pub(super) roughness: Vec<Rough>,
    seconds: f64,
}

/// One row.
#[derive(Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    pub(super) measure: Measure,
    /// By contestant; none where it has nothing to say.
    pub(super) estimates: Vec<Option<Estimate>>,
    /// What the other plugins or parameters change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<Estimate>,
    /// The plugin's values, where the figure is about values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<Target>,
    /// Whether the plugin reaches the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) met: Option<bool>,
}

impl Row {
    /// What it is about, in one line.
    pub(super) fn name(&self) -> String {
        format!("{}: {}", self.measure.of, self.measure.what)
    }
}

impl Outcome {
    pub(super) fn new(plan: &Plan, contestants: &Contestants, cards: &[Cards], roughness: Vec<Rough>, elapsed: Duration) -> Self {
        let by_contestant: Vec<Vec<Card>> =
            (0..contestants.0.len()).map(|one| cards.iter().map(|market| market.0[one].clone()).collect()).collect();
        let rows = measures(by_contestant.iter().flatten())
            .into_iter()
            .map(|measure| {
                let estimates: Vec<Option<Estimate>> = by_contestant.iter().map(|cards| estimate(&measure, cards)).collect();
                let difference = contestants.against().and_then(|other| difference(&measure, &by_contestant[0], &by_contestant[other]));
                let values =
                    by_contestant[0].iter().filter_map(|card| card.get(&measure)).flat_map(|cell| cell.values.iter().copied()).collect();
                let target = target::of(&measure);
                let met = target.zip(estimates[0]).map(|(target, estimate)| target.is_met(estimate.value));
                Row { measure, estimates, difference, values, target, met }
            })
            .collect();
        Self {
            plan: plan.clone(),
            markets: cards.len(),
            contestants: contestants.0.iter().map(|one| one.name.clone()).collect(),
            rows,
            roughness,
            seconds: elapsed.as_secs_f64(),
        }
    }

    /// Whether other plugins or parameters were judged on the same markets.
    pub(super) fn is_paired(&self) -> bool {
        self.contestants.len() > 3
    }

    /// What stands above or below the table.
    pub(super) fn facts(&self) -> [(&'static str, String); 4] {
        let met = self.rows.iter().filter(|row| row.met == Some(true)).count();
        let of = self.rows.iter().filter(|row| row.met.is_some()).count();
        let plan = &self.plan;
        [
            ("markets", format!("{}, {} market-days at a frame a second and long ones for liquidity", self.markets, plan.days)),
            ("seeds", format!("from {} on", plan.first_seed)),
            ("took", format!("{:.0} s on {} threads", self.seconds, plan.threads)),
            ("targets", format!("{met} of {of} reached")),
        ]
    }

    /// For a person at a terminal.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        let mut last = None;
        let differs = self.is_paired();
        for row in &self.rows {
            if last != Some(row.measure.analysis) {
                last = Some(row.measure.analysis);
                let _ = write!(out, "\n{:<74}", row.measure.analysis.word());
                for name in &self.contestants {
                    let _ = write!(out, " {name:>24}");
                }
                if differs {
                    let _ = write!(out, " {:>24}", "difference");
                }
                out.push_str("  target\n");
            }
            let _ = write!(out, "  {:<72}", row.name());
            for estimate in &row.estimates {
                let _ = write!(out, " {:>24}", estimate.map_or_else(|| "-".to_owned(), |one| written(row.measure.figure, one)));
            }
            if differs {
                let _ = write!(out, " {:>24}", row.difference.map_or_else(|| "-".to_owned(), |one| written(row.measure.figure, one)));
            }
            let _ = writeln!(out, "  {}", bound(row));
        }
        out.push_str("\ndepth from second to second, by band: reach in bps, standard deviation of ln depth, correlation with the second before, deviation of the change in a second\n");
        for one in &self.roughness {
            let _ = write!(out, "  {:<34}", one.name());
            for band in &one.bands {
                match band {
                    Some(band) => {
                        let _ = write!(
                            out,
                            " | {:>6.1} {:>5.2} {:>5.2} {:>5.2}",
                            band.reach_bps, band.deviation, band.autocorrelation, band.step
                        );
                    }
                    None => {
                        let _ = write!(out, " | {:>24}", "empty at times");
                    }
                }
            }
            out.push('\n');
        }
        out.push('\n');
        for (name, value) in self.facts() {
            let _ = writeln!(out, "{name}: {value}");
        }
        out.push_str("[...]: 95 % confidence\n");
        out
    }
}

/// The bound of a row, and whether it is reached.
pub(super) fn bound(row: &Row) -> String {
    let Some(target) = row.target else { return String::new() };
    let number = |value: f64| plain(row.measure.figure, value);
    let text = match target {
        Target::AtLeast(value) => format!("≥ {}", number(value)),
        Target::AtMost(value) => format!("≤ {}", number(value)),
    };
    match row.met {
        Some(true) => format!("{text} reached"),
        Some(false) => format!("{text} MISSED"),
        None => text,
    }
}

fn plain(figure: Figure, value: f64) -> String {
    match figure {
        Figure::Rate => format!("{:.1} %", 100.0 * value),
        Figure::Share | Figure::PerDay | Figure::Median | Figure::P95 => {
            format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

pub(super) fn written(figure: Figure, estimate: Estimate) -> String {
    let Estimate { value, interval, .. } = estimate;
    let scale = if figure == Figure::Rate { 100.0 } else { 1.0 };
    let short = |value: f64| {
        let value = scale * value;
        let text = if value.abs() >= 100.0 {
            format!("{value:.0}")
        } else if scale > 1.0 {
            format!("{value:.1}")
        } else {
            format!("{value:.2}")
        };
        if text.starts_with('-') && text.trim_start_matches(['-', '0', '.']).is_empty() { text[1..].to_owned() } else { text }
    };
    let head = if scale > 1.0 { format!("{} %", short(value)) } else { short(value) };
    interval.map_or(head.clone(), |[low, high]| format!("{head} [{} {}]", short(low), short(high)))
}
