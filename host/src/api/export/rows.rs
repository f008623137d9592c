//! What stands in a file: values of series, and steps of alerts, a page at a time.

use std::future::Future;
use std::sync::Arc;

use super::super::history::{json, precise};
use crate::history::History;
use crate::history::entry::{AlertEntry, Value};
use crate::history::query::{self, AlertQuery, QueryError, RangeQuery, Span};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Kind {
    /// Nanoseconds since 1970, in every row.
    Time,
    /// A text, in every row.
    Text,
    /// A text, or nothing.
    MaybeText,
    /// A number, or nothing.
    MaybeNumber,
    /// A flag, or nothing.
    MaybeFlag,
}

/// A column of a table.
pub(in crate::api) type Column = (&'static str, Kind);

/// One cell of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::api) enum Cell<'a> {
    Time(i64),
    Text(&'a str),
    Number(f64),
    Flag(bool),
    Empty,
}

/// Rows that are in memory together.
pub(in crate::api) trait Page: Send + 'static {
    /// The columns of a table of such rows.
    const COLUMNS: &'static [Column];
    /// The first line of a CSV.
    const HEAD: &'static str;

    /// Calls `each` with the cells of every row, one a column.
    fn cells(&self, each: impl FnMut(&[Cell<'_>]));

    /// Calls `each` with every row as texts in the order of the CSV's columns; a text that may hold anything is told as such.
    fn texts(&self, each: impl FnMut(&[Text<'_>]));

    /// Calls `each` with every row as JSON.
    fn objects(&self, each: impl FnMut(serde_json::Value));
}

/// A text of a CSV.
pub(in crate::api) enum Text<'a> {
    /// Holds nothing that needs quotes.
    Plain(&'a str),
    /// May hold anything.
    Any(&'a str),
}

/// Pages in order, each asked for when the one before was taken.
pub(in crate::api) trait Pages: Send + 'static {
    /// A page.
    type Page: Page;
    /// The next page; none: that was all.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Page>, QueryError>> + Send;
}

/// Values of series over a span.
pub(in crate::api) struct ValuePages {
    history: Arc<History>,
    query: Option<RangeQuery>,
}

impl ValuePages {
    pub(in crate::api) fn new(history: Arc<History>, query: RangeQuery) -> Self {
        Self { history, query: Some(query) }
    }
}

impl Pages for ValuePages {
    type Page = query::Page;

    async fn next(&mut self) -> Result<Option<query::Page>, QueryError> {
        let Some(query) = self.query.take() else { return Ok(None) };
        let page = self.history.range(query.clone()).await?;
        let rest = page.next_ns.and_then(|next| Span::new(next, query.span.to_ns()).ok());
        self.query = rest.map(|span| RangeQuery { span, ..query });
        Ok(Some(page))
    }
}

impl Page for query::Page {
    const COLUMNS: &'static [Column] = &[
        ("time", Kind::Time),
        ("measurement", Kind::Text),
        ("instrument_id", Kind::Text),
        ("source", Kind::Text),
        ("field", Kind::Text),
        ("number", Kind::MaybeNumber),
        ("text", Kind::MaybeText),
        ("flag", Kind::MaybeFlag),
    ];
    const HEAD: &'static str = "time,measurement,instrument_id,source,field,value";

    fn cells(&self, mut each: impl FnMut(&[Cell<'_>])) {
        for (key, points) in &self.series {
            for point in points {
                let (mut number, mut text, mut flag) = (Cell::Empty, Cell::Empty, Cell::Empty);
                match &point.value {
                    Value::Number(held) => number = Cell::Number(*held),
                    Value::Text(held) => text = Cell::Text(held),
                    Value::Flag(held) => flag = Cell::Flag(*held),
                }
                let [measurement, pair, source, field] = [key.measurement.name(), &key.pair, &key.source, &key.field].map(Cell::Text);
                each(&[Cell::Time(point.time_ns), measurement, pair, source, field, number, text, flag]);
            }
        }
    }

    fn texts(&self, mut each: impl FnMut(&[Text<'_>])) {
        for (key, points) in &self.series {
            for point in points {
                let time = precise(point.time_ns);
                let told;
                let value = match &point.value {
                    Value::Number(number) => {
                        told = number.to_string();
                        Text::Plain(&told)
                    }
                    Value::Text(text) => Text::Any(text),
                    Value::Flag(flag) => Text::Plain(if *flag { "true" } else { "false" }),
                };
                // Names of pairs, plugins and fields hold nothing that needs quotes.
                let [time, measurement, pair, source, field] =
                    [&time, key.measurement.name(), &key.pair, &key.source, &key.field].map(Text::Plain);
                each(&[time, measurement, pair, source, field, value]);
            }
        }
    }

    fn objects(&self, mut each: impl FnMut(serde_json::Value)) {
        for (key, points) in &self.series {
            for point in points {
                each(serde_json::json!({
                    "time": precise(point.time_ns),
                    "measurement": key.measurement.name(),
                    "instrument_id": &*key.pair,
                    "source": &*key.source,
                    "field": &*key.field,
                    "value": json(&point.value),
                }));
            }
        }
    }
}

/// Steps of alerts over a span, the newest first.
pub(in crate::api) struct AlertPages {
    history: Arc<History>,
    query: Option<AlertQuery>,
}

impl AlertPages {
    pub(in crate::api) fn new(history: Arc<History>, query: AlertQuery) -> Self {
        Self { history, query: Some(query) }
    }
}

impl Pages for AlertPages {
    type Page = Vec<AlertEntry>;

    async fn next(&mut self) -> Result<Option<Vec<AlertEntry>>, QueryError> {
        let Some(query) = self.query.take() else { return Ok(None) };
        let found = self.history.alerts(query.clone()).await?;
        let oldest = found.last().filter(|_| found.len() >= query.limit).map(|step| step.time_ns);
        let rest = oldest.and_then(|to| Span::new(query.span.from_ns(), to).ok());
        self.query = rest.map(|span| AlertQuery { span, ..query });
        Ok(Some(found))
    }
}

impl Page for Vec<AlertEntry> {
    const COLUMNS: &'static [Column] = &[
        ("time", Kind::Time),
        ("id", Kind::Text),
        ("instrument_id", Kind::Text),
        ("source", Kind::Text),
        ("name", Kind::Text),
        ("severity", Kind::Text),
        ("state", Kind::Text),
        ("code", Kind::Text),
        ("message", Kind::Text),
        ("numbers", Kind::Text),
    ];
    const HEAD: &'static str = "time,id,instrument_id,source,name,severity,state,code,message,numbers";

    fn cells(&self, mut each: impl FnMut(&[Cell<'_>])) {
        for step in self {
            let [id, pair, source, name, severity, state, code, message, numbers] = words(step).map(Cell::Text);
            each(&[Cell::Time(step.time_ns), id, pair, source, name, severity, state, code, message, numbers]);
        }
    }

    fn texts(&self, mut each: impl FnMut(&[Text<'_>])) {
        for step in self {
            let time = precise(step.time_ns);
            let [id, pair, source, name, severity, state, code, message, numbers] = words(step).map(Text::Any);
            each(&[Text::Plain(&time), id, pair, source, name, severity, state, code, message, numbers]);
        }
    }

    fn objects(&self, mut each: impl FnMut(serde_json::Value)) {
        for step in self {
            let [id, pair, source, name, severity, state, code, message, numbers] = words(step);
            each(serde_json::json!({
                "time": precise(step.time_ns), "id": id, "instrument_id": pair, "source": source, "name": name, "severity": severity,
                "state": state, "code": code, "message": message,
                "numbers": serde_json::from_str::<serde_json::Value>(numbers).unwrap_or_default(),
            }));
        }
    }
}

fn words(step: &AlertEntry) -> [&str; 9] {
    let AlertEntry { id, pair, source, name, severity, state, code, message, numbers, .. } = step;
    [id, pair, source, name, severity, state, code, message, numbers]
}
