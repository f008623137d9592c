//! A plugin run on books: its readings, and what they cost. The only part here that calls plugins.

use std::sync::Arc;
use std::time::Duration;

use leadline_market::{Book, Continuity, Instrument};
use leadline_plugin::native::Fingerprint;

use super::books::Series;
use crate::analysis::{Analyst, Budget, Call, Plugin, RawReading, Reading, Value, report};
use crate::clock::Arrival;

/// The clock decides nothing here: the checks look at what is the same on every machine. Fuel counts as ever.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// The parameters that a plugin is tried with.
pub(super) const PARAMETERS: &str = "{}";

/// A fresh analyst's readings of these books, as the host would publish them; ends early when the plugin was stopped.
pub(super) fn readings<'b>(plugin: &Arc<Plugin>, instrument: &Arc<Instrument>, books: impl IntoIterator<Item = &'b Book>) -> Vec<Reading> {
    let mut analyst = Analyst::new(Arc::clone(plugin), Arc::clone(instrument), PARAMETERS);
    books
        .into_iter()
        .map_while(|book| {
            let call = Call { book, arrival: Arrival::now(), skipped: 0, restarted: false, deadline: DEADLINE };
            analyst.analyze(call)
        })
        .collect()
}

/// Bit for bit what an instance answers to each book.
pub(super) struct Script {
    /// One text a book: every field with the shortest digits that read back as the number.
    pub(super) answers: Vec<String>,
    /// What a handed-over state said, where one was.
    pub(super) state: Handed,
    /// The state at the end, where one is kept.
    pub(super) saved: Option<Vec<u8>>,
}

/// What became of a state in the middle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    /// It wasn't asked for.
    NotAsked,
    /// So many bytes, taken over by a fresh instance.
    Over(usize),
    /// The component offers no state, or an empty one; a fresh instance goes on.
    Nothing,
}

/// Runs an instance over the books; with `swap_at`, a fresh one with its state goes on from that book.
///
/// # Errors
/// The fault, or why the state couldn't be handed over.
pub(super) fn script(plugin: &Plugin, series: &Series, swap_at: Option<usize>) -> Result<Script, String> {
    let open = || plugin.open(&series.instrument, PARAMETERS).map_err(|error| error.to_string());
    let mut instance = open()?;
    let mut state = Handed::NotAsked;
    let mut answers = Vec::with_capacity(series.books.len());
    for (place, book) in series.books.iter().enumerate() {
        if swap_at == Some(place) {
            let saved = instance.save().map_err(|why| format!("save after {place} books: {why}"))?;
            let mut fresh = open()?;
            state = match saved {
                Some(saved) if !saved.is_empty() => {
                    let size = saved.len();
                    fresh.restore(&plugin.version, PARAMETERS, saved).map_err(|why| format!("restore after {place} books: {why}"))?;
                    Handed::Over(size)
                }
                _ => Handed::Nothing,
            };
            instance = fresh;
        }
        let continuity = if place == 0 { Continuity::Restarted } else { book.continuity };
        let (answer, _) = instance.analyze(book, continuity, 0, DEADLINE);
        let answer = answer.map_err(|fault| format!("book {}: {fault}", place + 1))?;
        answers.push(format!("{answer:?}"));
    }
    let saved = instance.save().map_err(|why| format!("save at the end: {why}"))?;
    Ok(Script { answers, state, saved })
}

/// What [`leadline_plugin::native::fingerprint`] says of the same reading made natively.
pub(super) fn fingerprint(reading: &RawReading) -> u64 {
    let mut mark = Fingerprint::default();
    match &reading.outcome {
        report::Outcome::Ok => mark.text("ok"),
        report::Outcome::Provisional(reason) => mark.reason("provisional", &reason.code, &reason.detail, reason.remaining_ms),
        report::Outcome::Warming(reason) => mark.reason("warming", &reason.code, &reason.detail, reason.remaining_ms),
        report::Outcome::Unknown(reason) => mark.reason("unknown", &reason.code, &reason.detail, reason.remaining_ms),
    }
    for field in &reading.fields {
        mark.text(&field.name);
        match &field.value {
            Value::None => mark.number(0),
            Value::Number(number) => mark.number(number.to_bits()),
            Value::Integer(number) => mark.number(number.cast_unsigned()),
            Value::Text(text) | Value::Json(text) => mark.text(text),
            Value::Flag(flag) => mark.number(u64::from(*flag)),
            Value::Numbers(numbers) => numbers.iter().for_each(|number| mark.number(number.to_bits())),
        }
    }
    for notice in &reading.notices {
        mark.text(&notice.code);
        mark.text(&notice.message);
    }
    mark.sum()
}

/// The smallest of these limits under which the plugin gets through the books without a fault.
pub(super) fn smallest(
    plugin: &mut Arc<Plugin>,
    instrument: &Arc<Instrument>,
    books: &[Book],
    limits: &[usize],
    set: impl Fn(&mut Budget, usize),
) -> Option<usize> {
    let before = plugin.budget;
    let (mut low, mut high) = (0, limits.len());
    while low < high {
        let middle = low.midpoint(high);
        // Nobody else holds it between two runs; if somebody did, nothing would be measured.
        set(&mut Arc::get_mut(plugin)?.budget, limits[middle]);
        let read = readings(plugin, instrument, books);
        let through = read.len() == books.len() && read.iter().all(|reading| reading.outcome.word() != "fault");
        if through { high = middle } else { low = middle + 1 }
    }
    Arc::get_mut(plugin)?.budget = before;
    limits.get(low).copied()
}

/// Values in order, for quantiles.
pub(super) struct Sorted(Vec<u64>);

impl Sorted {
    /// Of any values.
    pub(super) fn new(values: impl IntoIterator<Item = u64>) -> Self {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        Self(values)
    }

    /// The value that a share of all doesn't exceed; 0 without any.
    pub(super) fn at(&self, share: f64) -> u64 {
        let place = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(place.saturating_sub(1)).or(self.0.last()).copied().unwrap_or(0)
    }

    /// The largest; 0 without any.
    pub(super) fn max(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }
}

/// Microseconds of each reading.
pub(super) fn microseconds(readings: &[Reading]) -> Sorted {
    Sorted::new(readings.iter().map(|reading| u64::try_from(reading.cost.elapsed.as_micros()).unwrap_or(u64::MAX)))
}

/// Fuel of each reading.
pub(super) fn fuel(readings: &[Reading]) -> Sorted {
    Sorted::new(readings.iter().map(|reading| reading.cost.fuel))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let sorted = Sorted::new(1..=100);
        assert_eq!((sorted.at(0.5), sorted.at(0.99), sorted.at(1.0), sorted.max()), (50, 99, 100, 100));
        assert_eq!((Sorted::new([]).at(0.5), Sorted::new([7]).at(0.01)), (0, 7));
    }
}
