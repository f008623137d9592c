//! Readings counted, as a table for a person.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use hdrhistogram::Histogram;

use super::{Replay, histogram};
use crate::analysis::{self, Reading};

/// Readings counted.
#[derive(Default)]
pub(super) struct Summary {
    rows: BTreeMap<(Arc<str>, Arc<str>), Row>,
}

struct Row {
    outcomes: BTreeMap<&'static str, u64>,
    last: Reading,
    microseconds: Histogram<u64>,
    fuel: Histogram<u64>,
}

impl Summary {
    pub(super) fn add(&mut self, reading: &Reading) {
        let row = self.rows.entry((Arc::clone(&reading.plugin), Arc::clone(&reading.pair))).or_insert_with(|| Row {
            outcomes: BTreeMap::new(),
            last: reading.clone(),
            microseconds: histogram(),
            fuel: histogram(),
        });
        *row.outcomes.entry(reading.outcome.word()).or_default() += 1;
        row.microseconds.saturating_record(u64::try_from(reading.cost.elapsed.as_micros()).unwrap_or(u64::MAX));
        row.fuel.saturating_record(reading.cost.fuel);
        row.last = reading.clone();
    }

    pub(super) fn print(&self, out: &mut impl Write, file: &Path, replay: &Replay<'_>) -> io::Result<()> {
        writeln!(
            out,
            "{}: {} book frames, {} broken books, {} unreadable lines",
            file.display(),
            replay.frames,
            replay.breaks,
            replay.bad_lines
        )?;
        writeln!(out, "{:<20} {:<24} {:<34} {:>8} {:>8} {:>10}", "plugin", "instrument", "readings", "µs p50", "µs p99", "fuel p99")?;
        for ((plugin, pair), row) in &self.rows {
            let outcomes: Vec<String> = row.outcomes.iter().map(|(word, count)| format!("{count} {word}")).collect();
            let (us, fuel) = (&row.microseconds, &row.fuel);
            writeln!(
                out,
                "{plugin:<20} {pair:<24} {:<34} {:>8} {:>8} {:>10}",
                outcomes.join(", "),
                us.value_at_quantile(0.5),
                us.value_at_quantile(0.99),
                fuel.value_at_quantile(0.99)
            )?;
            let shown: Vec<String> = row
                .last
                .fields
                .iter()
                .filter(|(name, value)| analysis::SHARED_FIELDS.contains(&name.as_str()) && !value.is_empty())
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let status = row.last.outcome.status();
            writeln!(out, "    last: {}", if shown.is_empty() { status } else { shown.join(" ") })?;
        }
        Ok(())
    }
}
