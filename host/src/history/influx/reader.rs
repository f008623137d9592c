//! Questions put to InfluxDB, and its answers in our own terms.

use std::collections::BTreeMap;
use std::sync::Arc;

use leadline_market::Side;

use super::http::Server;
use super::{flux, line, names, table};
use crate::history::entry::{AlertEntry, BookEntry, BookLevel, Measurement};
use crate::history::fold::Fold;
use crate::history::query::{
    AlertQuery, Alerts, BOOK_REACH, BookAt, MAX_SERIES, Name, Page, Point, QueryError, RangeQuery, Selection, SeriesKey, SeriesSpan, Span,
    Window, WindowQuery, Windows,
};

/// Nanoseconds of a block of times that one frame's levels share; see [`BookEntry::time_ns`].
const BLOCK_NS: i64 = 1000;

/// The series of a row.
fn key(row: &table::Row<'_>, measurement: Measurement) -> Option<SeriesKey> {
    let tag = |column: &str| row.text(column).filter(|text| *text != "-").unwrap_or("");
    let source = flux::source_column(measurement).map_or("", tag);
    Some(SeriesKey {
        measurement,
        pair: Arc::from(tag("instrument_id")),
        source: Arc::from(names::source_in(measurement, source)),
        field: Arc::from(names::field_in(measurement, row.text("_field")?)),
    })
}

/// Whether a selection names something that a measurement's series don't have.
fn asks_for_nothing(selection: &Selection) -> bool {
    match selection.measurement {
        Measurement::Analysis => false,
        Measurement::Connection => !selection.sources.is_empty(),
        Measurement::Host => !selection.pairs.is_empty(),
    }
}

fn bounded(series: usize) -> Result<(), QueryError> {
    if series > MAX_SERIES {
        return Err(QueryError::question(format!("more than {MAX_SERIES} series in one answer"), "name pairs, plugins or fields"));
    }
    Ok(())
}

pub(super) async fn range(server: &Server, query: &RangeQuery) -> Result<Page, QueryError> {
    if asks_for_nothing(&query.selection) {
        return Ok(Page::default());
    }
    let answer = server.query(&flux::range(server.bucket(), query)).await?;
    let mut series: BTreeMap<SeriesKey, Vec<Point>> = BTreeMap::new();
    table::read(&answer, |row| {
        if let (Some(key), Some(time_ns), Some(value)) = (key(row, query.selection.measurement), row.time("_time"), row.value("_value")) {
            series.entry(key).or_default().push(Point { time_ns, value });
        }
    })?;
    bounded(series.len())?;
    for points in series.values_mut() {
        points.sort_by_key(|point| point.time_ns);
    }
    Ok(Page::cut(series, query.limit))
}

/// What is known of a window while its aggregates come in.
#[derive(Clone, Copy, Default)]
struct Partial {
    count: Option<f64>,
    mean: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    last: Option<f64>,
}

impl Partial {
    fn whole(self, start_ns: i64) -> Option<Window> {
        Some(Window { start_ns, count: self.count? as u64, mean: self.mean?, min: self.min?, max: self.max?, last: self.last? })
    }
}

pub(super) async fn windows(server: &Server, query: &WindowQuery) -> Result<Windows, QueryError> {
    if asks_for_nothing(query.selection()) {
        return Ok(Windows::new());
    }
    let answer = server.query(&flux::windows(server.bucket(), query)).await?;
    let mut partial: BTreeMap<SeriesKey, BTreeMap<i64, Partial>> = BTreeMap::new();
    table::read(&answer, |row| {
        let (Some(key), Some(time), number) = (key(row, query.selection().measurement), row.time("_time"), row.number("_value")) else {
            return;
        };
        let window = partial.entry(key).or_default().entry(time).or_default();
        match row.text("result") {
            Some("count") => window.count = number,
            Some("mean") => window.mean = number,
            Some("min") => window.min = number,
            Some("max") => window.max = number,
            Some("last") => window.last = number,
            _ => {}
        }
    })?;
    bounded(partial.len())?;
    let whole = |(key, windows): (SeriesKey, BTreeMap<i64, Partial>)| {
        (key, windows.into_iter().filter_map(|(start, partial)| partial.whole(start)).collect::<Vec<_>>())
    };
    Ok(partial.into_iter().map(whole).filter(|(_, windows)| !windows.is_empty()).collect())
}

pub(super) async fn alerts(server: &Server, query: &AlertQuery) -> Result<Alerts, QueryError> {
    let answer = server.query(&flux::alerts(server.bucket(), query)).await?;
    let mut alerts = Vec::new();
    table::read(&answer, |row| {
        let text = |column: &str| -> Arc<str> { Arc::from(row.text(column).unwrap_or("")) };
        let tag = |column: &str| -> Arc<str> { Arc::from(row.text(column).filter(|text| *text != "-").unwrap_or("")) };
        if let Some(time_ns) = row.time("_time") {
            alerts.push(AlertEntry {
                time_ns,
                id: text("id"),
                pair: tag("instrument_id"),
                source: tag("source"),
                name: text("name"),
                severity: tag("severity"),
                state: text("state"),
                code: text("code"),
                message: text("message"),
                numbers: text("numbers"),
            });
        }
    })?;
    alerts
        .sort_by(|a, b| b.time_ns.cmp(&a.time_ns).then_with(|| (&a.pair, &a.source, &a.severity).cmp(&(&b.pair, &b.source, &b.severity))));
    alerts.truncate(query.limit);
    Ok(alerts)
}

pub(super) async fn book(server: &Server, pair: &Name, at_ns: i64) -> Result<Option<BookAt>, QueryError> {
    let reach = i64::try_from(BOOK_REACH.as_nanos()).unwrap_or(i64::MAX);
    let block = |time: i64| time.div_euclid(BLOCK_NS) * BLOCK_NS;
    // All levels of the frames up to the instant.
    let span = Span::new(at_ns.saturating_sub(reach).max(0), block(at_ns).saturating_add(BLOCK_NS))?;
    let answer = server.query(&flux::whole_book(server.bucket(), span, pair)).await?;
    let mut last = None;
    table::read(&answer, |row| last = last.max(row.time("_time")))?;
    let Some(last) = last else { return Ok(None) };
    let answer = server.query(&flux::book(server.bucket(), Span::new(block(last), span.to_ns())?, pair)).await?;
    // By time, which no two levels share; whole books and changes of one frame don't mix.
    let mut levels: BTreeMap<i64, (bool, BookLevel)> = BTreeMap::new();
    table::read(&answer, |row| {
        let side = match row.text("side") {
            Some(line::BUY) => Side::Bid,
            Some(line::SELL) => Side::Ask,
            _ => return,
        };
        if let (Some(time), Some(price), Some(amount)) = (row.time("_time"), row.number("price"), row.number("amount")) {
            levels.insert(time, (row.text("data_type") == Some(line::SNAPSHOT), BookLevel { side, price, amount, depth: 0 }));
        }
    })?;
    let mut fold = Fold::default();
    let pair: Arc<str> = Arc::from(pair.as_str());
    let mut frame: Option<BookEntry> = None;
    for (time, (whole, level)) in levels {
        match &mut frame {
            Some(entry) if entry.time_ns == block(time) => entry.levels.push(level),
            _ => {
                if let Some(entry) = frame.take() {
                    fold.add(&entry);
                }
                frame = Some(BookEntry { pair: Arc::clone(&pair), time_ns: block(time), whole, levels: vec![level] });
            }
        }
    }
    if let Some(entry) = frame {
        fold.add(&entry);
    }
    Ok(fold.finish())
}

pub(super) async fn catalog(server: &Server, span: Span) -> Result<Vec<SeriesSpan>, QueryError> {
    let mut all: BTreeMap<SeriesKey, (i64, i64)> = BTreeMap::new();
    for measurement in Measurement::ALL {
        let answer = server.query(&flux::catalog(server.bucket(), span, measurement)).await?;
        table::read(&answer, |row| {
            if let (Some(key), Some(time)) = (key(row, measurement), row.time("_time")) {
                let known = all.entry(key).or_insert((time, time));
                *known = (known.0.min(time), known.1.max(time));
            }
        })?;
        bounded(all.len())?;
    }
    Ok(all.into_iter().map(|(key, (first_ns, last_ns))| SeriesSpan { key, first_ns, last_ns }).collect())
}
