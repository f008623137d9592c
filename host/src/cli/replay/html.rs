//! The HTML report of a replay: every output over time, states as bands, costs and notices.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hdrhistogram::Histogram;
use leadline_market::Book;

use super::{Replay, histogram};
use crate::analysis::{Described, OutputKind, Plugin, Reading};
use crate::report::axis::{lasting, short, utc};
use crate::report::{Bands, Chart, Distribution, Facts, Line, Mark, Report, Section, StateTrace, Table, Tone, Trace};

/// Pairs with charts; a recording may have any number.
const MAX_PAIRS: usize = 20;
/// Notices listed; the others are counted.
const MAX_NOTICES: usize = 200;
/// Numbers of a list drawn as a line each.
const MAX_LINES: usize = 5;

/// The report without its recordings.
pub(super) fn report(plugins: &[Arc<Plugin>]) -> Report {
    let names: Vec<String> = plugins.iter().map(|plugin| format!("{} {}", plugin.name, plugin.version)).collect();
    Report::new("Replay")
        .about("Recorded order books through the plugins. Times are the exchange's, in UTC; fuel is the same on every machine, microseconds are this one's.")
        .fact("Plugins", names.join(", "))
}

/// What a report shows of one recording, in bounded memory.
#[derive(Default)]
pub(super) struct Collected {
    pairs: BTreeMap<Arc<str>, PairTraces>,
    plugins: BTreeMap<Arc<str>, Costs>,
    /// The first notices, as (time, pair, plugin, severity, code, message).
    notices: Vec<Told>,
    notices_in_all: u64,
    /// Pairs beyond those that are drawn.
    left_out: u64,
}

struct Told {
    time_ms: u64,
    pair: Arc<str>,
    plugin: Arc<str>,
    severity: &'static str,
    code: String,
    message: String,
}

#[derive(Default)]
struct PairTraces {
    books: u64,
    last_sequence: Option<i64>,
    mid: Trace,
    spread_bps: Trace,
    plugins: BTreeMap<Arc<str>, PluginTraces>,
}

#[derive(Default)]
struct PluginTraces {
    outcome: StateTrace,
    outcomes: BTreeMap<&'static str, u64>,
    numbers: BTreeMap<String, Vec<Trace>>,
    states: BTreeMap<String, StateTrace>,
    last: BTreeMap<String, String>,
}

struct Costs {
    microseconds: Histogram<u64>,
    fuel: Histogram<u64>,
}

impl Collected {
    /// Adds what one plugin said of one book.
    pub(super) fn add(&mut self, book: &Book, reading: &Reading) {
        let costs =
            self.plugins.entry(Arc::clone(&reading.plugin)).or_insert_with(|| Costs { microseconds: histogram(), fuel: histogram() });
        costs.microseconds.saturating_record(u64::try_from(reading.cost.elapsed.as_micros()).unwrap_or(u64::MAX));
        costs.fuel.saturating_record(reading.cost.fuel);
        self.notices_in_all += reading.notices.len() as u64;
        for notice in &reading.notices {
            if self.notices.len() < MAX_NOTICES {
                self.notices.push(Told {
                    time_ms: reading.time_ms,
                    pair: Arc::clone(&reading.pair),
                    plugin: Arc::clone(&reading.plugin),
                    severity: notice.severity,
                    code: notice.code.clone(),
                    message: notice.message.clone(),
                });
            }
        }
        if !self.pairs.contains_key(&reading.pair) && self.pairs.len() >= MAX_PAIRS {
            self.left_out += 1;
            return;
        }
        let pair = self.pairs.entry(Arc::clone(&reading.pair)).or_default();
        pair.book(book);
        pair.plugins.entry(Arc::clone(&reading.plugin)).or_default().add(reading);
    }

    /// The report with the sections of this recording.
    pub(super) fn into_report(self, report: Report, file: &Path, replay: &Replay<'_>) -> Report {
        let name = file.display().to_string();
        let mut overview = Section::new(format!("Recording {name}")).facts(
            Facts::default()
                .fact("Book frames", replay.frames.to_string())
                .fact("Pairs", self.pairs.len().to_string())
                .fact("Broken books", replay.breaks.to_string())
                .fact("Unreadable lines", replay.bad_lines.to_string())
                .fact("Notices", self.notices_in_all.to_string()),
        );
        if self.left_out > 0 {
            overview =
                overview.text(format!("{MAX_PAIRS} pairs are drawn; {} readings of others are counted in the costs alone.", self.left_out));
        }
        for note in &replay.notes {
            overview = overview.text(note.clone());
        }
        overview = overview.table(self.readings()).table(self.notices());
        let mut costs = Section::new("What a book costs");
        for (plugin, cost) in &self.plugins {
            costs = costs
                .distribution(Distribution::of_histogram(format!("{plugin}: time"), "µs", &cost.microseconds))
                .distribution(Distribution::of_histogram(format!("{plugin}: fuel"), "units", &cost.fuel));
        }
        let mut report = report.section(overview).section(costs);
        for (pair, traces) in &self.pairs {
            report = report.section(traces.section(pair));
            for (plugin, of_plugin) in &traces.plugins {
                let marks = || self.notices.iter().filter(|told| told.pair == *pair && told.plugin == *plugin);
                let described = replay.plugins.iter().find(|known| known.name == *plugin).map(|plugin| plugin.described.as_slice());
                report = report.section(of_plugin.section(pair, plugin, described.unwrap_or_default(), &traces.mid, marks));
            }
        }
        report
    }

    fn readings(&self) -> Table {
        let head = ["plugin", "pair", "readings", "ok", "provisional", "warming", "unknown", "fault"];
        let mut table = Table::new("Readings", head);
        for (pair, traces) in &self.pairs {
            for (plugin, of_plugin) in &traces.plugins {
                let count = |word: &str| of_plugin.outcomes.get(word).copied().unwrap_or(0);
                let all: u64 = of_plugin.outcomes.values().sum();
                let mut row = vec![plugin.to_string(), pair.to_string(), all.to_string()];
                row.extend(head[3..].iter().map(|word| count(word).to_string()));
                table = table.row(row);
            }
        }
        table
    }

    fn notices(&self) -> Table {
        let mut title = "Notices".to_owned();
        if self.notices_in_all > self.notices.len() as u64 {
            title = format!("Notices: the first {} of {}", self.notices.len(), self.notices_in_all);
        }
        let mut table = Table::new(title, ["severity", "time", "pair", "plugin", "code", "message"]);
        for told in &self.notices {
            let cells = [told.severity, &utc(told.time_ms as f64), &told.pair, &told.plugin, &told.code, &told.message].map(str::to_owned);
            table = table.toned(Tone::of(told.severity), cells);
        }
        table
    }
}

impl PairTraces {
    fn book(&mut self, book: &Book) {
        // Every plugin of the pair sees the same book.
        if self.books > 0 && self.last_sequence.is_some() && self.last_sequence == book.sequence {
            return;
        }
        self.books += 1;
        self.last_sequence = book.sequence;
        if let (Some(bid), Some(ask)) = (book.bids.prices.first(), book.asks.prices.first()) {
            let mid = (bid + ask) / 2.0;
            self.mid.push(book.time_ms, mid);
            self.spread_bps.push(book.time_ms, (ask - bid) / mid * 1e4);
        } else {
            self.mid.gap();
            self.spread_bps.gap();
        }
    }

    fn section(&self, pair: &str) -> Section {
        let points = self.mid.points();
        let times = || points.iter().flatten().map(|&(time, _)| time);
        let (first, last) = (times().next().unwrap_or(0.0), times().next_back().unwrap_or(0.0));
        Section::new(pair)
            .facts(
                Facts::default()
                    .fact("Books", self.books.to_string())
                    .fact("From", utc(first))
                    .fact("Length", lasting(last - first))
                    .fact("Mean spread", self.spread_bps.mean().map_or_else(|| "none".to_owned(), |mean| format!("{} bps", short(mean)))),
            )
            .chart(Chart::over_time("Mid").line(Line::new("mid", points)))
            .chart(Chart::over_time("Spread").unit("bps").bounds(Some(0.0), None).line(Line::new("spread", self.spread_bps.points())))
    }
}

impl PluginTraces {
    fn add(&mut self, reading: &Reading) {
        let word = reading.outcome.word();
        *self.outcomes.entry(word).or_default() += 1;
        self.outcome.push(reading.time_ms, word, Tone::of(word));
        for (name, value) in &reading.fields {
            match numbers(value) {
                Some(values) => {
                    let traces = self.numbers.entry(name.clone()).or_default();
                    traces.resize_with(traces.len().max(values.len()), Trace::default);
                    for (place, trace) in traces.iter_mut().enumerate() {
                        trace.push(reading.time_ms, values.get(place).copied().unwrap_or(f64::NAN));
                    }
                }
                None => {
                    if value.is_empty()
                        && let Some(traces) = self.numbers.get_mut(name)
                    {
                        traces.iter_mut().for_each(Trace::gap);
                    }
                    // A state is a word; documents are shown by their last value.
                    if !value.starts_with(['{', '[']) {
                        self.states.entry(name.clone()).or_default().push(reading.time_ms, value, Tone::of(value));
                    }
                }
            }
            if self.last.get(name) != Some(value) {
                self.last.insert(name.clone(), value.clone());
            }
        }
    }

    fn section<'a, M: Iterator<Item = &'a Told>>(
        &self,
        pair: &str,
        plugin: &str,
        described: &[Described],
        mid: &Trace,
        notices: impl Fn() -> M,
    ) -> Section {
        let mut section = Section::new(format!("{pair}: {plugin}"));
        let mut bands = Bands::new("Outcome and states").row("outcome", self.outcome.spans());
        for output in described.iter().filter(|output| output.kind == OutputKind::State) {
            if let Some(states) = self.states.get(&output.published) {
                bands = bands.row(short_name(plugin, &output.published), states.spans());
            }
        }
        section = section.bands(bands);
        let troubled = || self.outcome.spans().iter().filter(|span| span.word != "ok").cloned();
        let marked = |mut chart: Chart| {
            for told in notices() {
                let text = format!("{}: {}: {}", told.severity, told.code, told.message);
                chart = chart.mark(Mark { at: told.time_ms as f64, text, tone: Tone::of(told.severity) });
            }
            chart
        };
        let prices: Vec<(&str, &Trace)> = described
            .iter()
            .filter(|output| output.kind == OutputKind::Price)
            .flat_map(|output| self.numbers.get(&output.published).into_iter().flatten().map(|trace| (output.published.as_str(), trace)))
            .collect();
        for some in prices.chunks(MAX_LINES - 1) {
            let mut chart = Chart::over_time("Prices").spans(troubled()).line(Line::new("mid", mid.points()));
            for (name, trace) in some {
                chart = chart.line(Line::new(short_name(plugin, name), trace.points()).steps());
            }
            section = section.chart(marked(chart));
        }
        for output in described.iter().filter(|output| !matches!(output.kind, OutputKind::Price | OutputKind::State)) {
            let Some(traces) = self.numbers.get(&output.published) else { continue };
            let mut chart =
                Chart::over_time(short_name(plugin, &output.published)).unit(&output.unit).bounds(output.low, None).spans(troubled());
            for (place, trace) in traces.iter().take(MAX_LINES).enumerate() {
                chart = chart.line(Line::new((place + 1).to_string(), trace.points()));
            }
            section = section.chart(marked(chart));
        }
        let mut table = Table::new("Outputs at the end", ["output", "value", "unit", "lowest", "highest", "mean", "what it is"]);
        for output in described {
            let trace = self.numbers.get(&output.published).filter(|traces| traces.len() == 1).and_then(|traces| traces.first());
            let range = trace.and_then(Trace::range);
            let number = |value: Option<f64>| value.map(short).unwrap_or_default();
            let value = self.last.get(&output.published).cloned().unwrap_or_default();
            table = table.row([
                short_name(plugin, &output.published).to_owned(),
                shortened(&value),
                output.unit.clone(),
                number(range.map(|(low, _)| low)),
                number(range.map(|(_, high)| high)),
                number(trace.and_then(Trace::mean)),
                output.summary.clone(),
            ]);
        }
        section.table(table).unlisted()
    }
}

/// The numbers of a field: one, or a short list.
fn numbers(value: &str) -> Option<Vec<f64>> {
    if let Ok(number) = value.parse::<f64>() {
        return number.is_finite().then(|| vec![number]);
    }
    if !value.starts_with('[') || value.len() > 40 * MAX_LINES {
        return None;
    }
    let list: Vec<f64> = serde_json::from_str(value).ok()?;
    (1..=MAX_LINES).contains(&list.len()).then_some(list)
}

/// Without the plugin's name, which stands above.
fn short_name<'a>(plugin: &str, published: &'a str) -> &'a str {
    published.strip_prefix(plugin).and_then(|rest| rest.strip_prefix('.')).unwrap_or(published)
}

/// The beginning of a long document.
fn shortened(value: &str) -> String {
    const SHOWN: usize = 160;
    let mut text: String = value.chars().take(SHOWN).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_short_lists_of_them_are_drawn_and_nothing_else_is() {
        assert_eq!(numbers("-1.5"), Some(vec![-1.5]));
        assert_eq!(numbers("[1,2.5]"), Some(vec![1.0, 2.5]));
        for text in ["", "normal", "inf", "NaN", "[]", "[1,\"a\"]", "[1,2,3,4,5,6]", "{\"a\":1}"] {
            assert_eq!(numbers(text), None, "{text}");
        }
    }

    #[test]
    fn names_lose_the_plugins_and_documents_their_end() {
        assert_eq!(short_name("large_orders", "large_orders.imbalance"), "imbalance");
        assert_eq!(short_name("large_orders", "large_order_trend"), "large_order_trend");
        assert_eq!(shortened(&"é".repeat(200)).chars().count(), 161);
    }
}
