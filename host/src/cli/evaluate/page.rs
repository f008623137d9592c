//! The outcome as a page with charts, in one file.

use leadline_evaluation::score::Figure;
use leadline_evaluation::seen::Analysis;

use super::outcome::{Outcome, Row, bound, written};
use crate::report::axis::Scale;
use crate::report::{Bars, Distribution, Report, Section, Table, Tone};

/// Buckets of a distribution of delays.
const BUCKETS: usize = 24;
/// Fewer values than this make no distribution.
const FEWEST: usize = 10;

/// The page.
pub(super) fn page(outcome: &Outcome) -> Report {
    let mut report = Report::new("How right the analyses are").about(
        "Markets with planted events ran through the plugins, as components under their limits, and through simple rules on depth and level sizes. \
         In brackets: what holds the figure with 95 % confidence.",
    );
    for (name, value) in outcome.facts() {
        report = report.fact(name, value);
    }
    for analysis in Analysis::ALL {
        let rows: Vec<&Row> = outcome.rows.iter().filter(|row| row.measure.analysis == analysis).collect();
        if !rows.is_empty() {
            report = report.section(section(outcome, analysis, &rows));
        }
    }
    report.section(roughness(outcome))
}

fn section(outcome: &Outcome, analysis: Analysis, rows: &[&Row]) -> Section {
    let mut head = vec![String::new()];
    head.extend(outcome.contestants.iter().cloned());
    if outcome.is_paired() {
        head.push("difference".to_owned());
    }
    head.push("target".to_owned());
    let mut table = Table::new("", head);
    for row in rows {
        let mut cells = vec![row.name()];
        let figure = |estimate: Option<_>| estimate.map_or_else(String::new, |one| written(row.measure.figure, one));
        cells.extend(row.estimates.iter().map(|one| figure(*one)));
        if outcome.is_paired() {
            cells.push(figure(row.difference));
        }
        cells.push(bound(row));
        table = table.toned(tone(row), cells);
    }
    let mut section = Section::new(analysis.word()).table(table);
    // What the plugin found of each kind of event; beside the rules it stands in the table.
    let mut bars = Bars::new("Of each kind of event, the share that the plugin found", "%", Some(100.0));
    let mut count = 0;
    for row in rows.iter().filter(|row| row.measure.figure == Figure::Rate && FOUND.contains(&row.measure.what)) {
        if let Some(Some(estimate)) = row.estimates.first() {
            bars = bars.bar(row.measure.of.clone(), 100.0 * estimate.value, tone(row));
            count += 1;
        }
    }
    if count > 0 {
        section = section.bars(bars);
    }
    for row in rows.iter().filter(|row| row.measure.figure == Figure::Median && row.values.len() >= FEWEST) {
        section = section.distribution(distribution(row));
    }
    section
}

/// Whether a target is reached, in colour; the last column says it in words.
fn tone(row: &Row) -> Tone {
    match row.met {
        Some(true) => Tone::Good,
        Some(false) => Tone::Bad,
        None => Tone::Plain,
    }
}

/// What a row that says that something was found calls it.
const FOUND: [&str; 4] = ["detected", "published", "warned before its end", "named within 10 s"];

/// The plugin's values behind a median.
fn distribution(row: &Row) -> Distribution {
    let (low, high) = row.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |ends, &value| (ends.0.min(value), ends.1.max(value)));
    let width = ((high - low) / BUCKETS as f64).max(1e-9);
    let mut buckets: Vec<(f64, f64, u64)> = (0..BUCKETS).map(|at| (low + width * at as f64, low + width * (at + 1) as f64, 0)).collect();
    for value in &row.values {
        let at = (((value - low) / width) as usize).min(BUCKETS - 1);
        buckets[at].2 += 1;
    }
    Distribution::new(row.name(), String::new(), Scale::Number, buckets)
}

fn roughness(outcome: &Outcome) -> Section {
    let head = [
        "pair",
        "band",
        "reach, bps",
        "deviation of ln depth",
        "correlation with the second before",
        "deviation of a second's change",
        "share of seconds that halve it",
    ];
    let mut table = Table::new("", head);
    for one in &outcome.roughness {
        for (band, figures) in (1..).zip(&one.bands) {
            let Some(figures) = figures else { continue };
            let number = |value: f64| format!("{value:.2}");
            table = table.row([
                one.name(),
                format!("{band}"),
                format!("{:.1}", figures.reach_bps),
                number(figures.deviation),
                number(figures.autocorrelation),
                number(figures.step),
                format!("{:.3}", figures.halvings),
            ]);
        }
    }
    Section::new("Depth from second to second")
        .text("Generated pairs in pieces as long as the recordings, so that what short samples do to a figure is the same in both; medians over sides and pieces.")
        .table(table)
}
