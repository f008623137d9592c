//! Questions as Flux. The text is made from checked names, times and numbers alone; `host/tests/it/history/flux.rs` has each form checked by
//! Flux's own front end.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use super::{line, names};
use crate::history::entry::{ALERT_HISTORY, Measurement, ORDERBOOK_DATA};
use crate::history::query::{AlertQuery, Name, RangeQuery, Selection, Span, WindowQuery};

/// A text literal of Flux.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            // Else `${` would begin an expression.
            '$' => literal.push_str("\\x24"),
            c if c.is_control() => literal.push('_'),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

fn time(ns: i64) -> String {
    // A span's times are not negative.
    humantime::format_rfc3339_nanos(UNIX_EPOCH + Duration::from_nanos(u64::try_from(ns).unwrap_or(0))).to_string()
}

fn source(bucket: &str, span: Span, measurement: &str) -> String {
    format!(
        "from(bucket: {})\n  |> range(start: {}, stop: {})\n  |> filter(fn: (r) => r._measurement == {})",
        literal(bucket),
        time(span.from_ns()),
        time(span.to_ns()),
        literal(measurement)
    )
}

/// One filter more: the column has one of the names. Without names: all.
fn among<'a>(text: &mut String, column: &str, names: impl Iterator<Item = &'a str>) {
    let any: Vec<String> = names.map(|name| format!("r.{column} == {}", literal(name))).collect();
    if !any.is_empty() {
        // Writing to a String can't fail.
        let _ = write!(text, "\n  |> filter(fn: (r) => {})", any.join(" or "));
    }
}

/// The column of a measurement's source; connections have none.
pub(super) fn source_column(measurement: Measurement) -> Option<&'static str> {
    match measurement {
        Measurement::Analysis => Some("analysis_type"),
        Measurement::Connection => None,
        Measurement::Host => Some("host"),
    }
}

fn selected(bucket: &str, span: Span, selection: &Selection) -> String {
    let measurement = selection.measurement;
    let mut text = source(bucket, span, measurement.name());
    among(&mut text, "instrument_id", selection.pairs.iter().map(Name::as_str));
    if let Some(column) = source_column(measurement) {
        among(&mut text, column, selection.sources.iter().map(|name| names::source_out(measurement, name.as_str())));
    }
    among(&mut text, "_field", selection.fields.iter().map(|name| names::field_out(measurement, name.as_str())));
    text
}

/// Values as they were kept.
pub(super) fn range(bucket: &str, query: &RangeQuery) -> String {
    let data = selected(bucket, query.span, &query.selection);
    format!("{data}\n  |> limit(n: {})\n  |> drop(columns: [\"_start\", \"_stop\"])", query.limit)
}

/// The aggregates of a window, each a result of its name.
pub(super) const AGGREGATES: [&str; 5] = ["count", "mean", "min", "max", "last"];

/// Windows of numbers.
pub(super) fn windows(bucket: &str, query: &WindowQuery) -> String {
    let data = selected(bucket, query.span(), query.selection());
    let mut text = format!("import \"types\"\n\ndata = {data}\n  |> filter(fn: (r) => types.isType(v: r._value, type: \"float\"))\n");
    for aggregate in AGGREGATES {
        let _ = write!(
            text,
            "\ndata\n  |> aggregateWindow(every: {}ms, fn: {aggregate}, createEmpty: false, timeSrc: \"_start\")\n  \
             |> drop(columns: [\"_start\", \"_stop\"])\n  |> yield(name: \"{aggregate}\")\n",
            query.every_ns() / 1_000_000
        );
    }
    text
}

/// Alerts, newest first.
pub(super) fn alerts(bucket: &str, query: &AlertQuery) -> String {
    let mut text = source(bucket, query.span, ALERT_HISTORY);
    among(&mut text, "instrument_id", query.pairs.iter().map(Name::as_str));
    format!(
        "{text}\n  |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")\n  |> group()\n  \
         |> sort(columns: [\"_time\"], desc: true)\n  |> limit(n: {})\n  |> drop(columns: [\"_start\", \"_stop\"])",
        query.limit
    )
}

fn levels(bucket: &str, span: Span, pair: &Name) -> String {
    let mut text = source(bucket, span, ORDERBOOK_DATA);
    among(&mut text, "instrument_id", std::iter::once(pair.as_str()));
    text
}

/// When the last whole book was.
pub(super) fn whole_book(bucket: &str, span: Span, pair: &Name) -> String {
    let mut text = levels(bucket, span, pair);
    among(&mut text, "data_type", std::iter::once(line::SNAPSHOT));
    among(&mut text, "_field", std::iter::once("price"));
    format!("{text}\n  |> last()\n  |> drop(columns: [\"_start\", \"_stop\"])")
}

/// All levels of a span.
pub(super) fn book(bucket: &str, span: Span, pair: &Name) -> String {
    let mut text = levels(bucket, span, pair);
    among(&mut text, "_field", ["price", "amount"].into_iter());
    format!(
        "{text}\n  |> pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")\n  |> drop(columns: [\"_start\", \"_stop\"])"
    )
}

/// First and last values of all series of a measurement.
pub(super) fn catalog(bucket: &str, span: Span, measurement: Measurement) -> String {
    let data = source(bucket, span, measurement.name());
    let mut text = format!("data = {data}\n");
    for end in ["first", "last"] {
        let _ =
            write!(text, "\ndata\n  |> {end}()\n  |> drop(columns: [\"_start\", \"_stop\", \"_value\"])\n  |> yield(name: \"{end}\")\n");
    }
    text
}
