//! A span of history as lines, page by page: at most one page is in memory, and the next is read when the client has taken it.

use std::sync::Arc;

use axum::body::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;

use super::history::{json, precise};
use crate::history::History;
use crate::history::entry::Value;
use crate::history::query::{Page, RangeQuery, Span};

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Comma-separated, with a header; texts quoted where they must be.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

impl Format {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/x-ndjson",
        }
    }
}

/// What is still to be written.
enum Rest {
    Page(RangeQuery, Page, bool),
    End,
}

/// The lines of a first page and of all that follow.
pub(super) fn lines(
    format: Format,
    history: Arc<History>,
    query: RangeQuery,
    first: Page,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
    unfold(Rest::Page(query, first, true), move |rest| {
        let history = Arc::clone(&history);
        async move {
            let Rest::Page(mut query, page, is_first) = rest else { return None };
            let text = write(format, &page, is_first);
            let next = match page.next_ns.and_then(|next| Span::new(next, query.span.to_ns()).ok()) {
                None => Rest::End,
                Some(span) => {
                    query.span = span;
                    match history.range(query.clone()).await {
                        Ok(page) => Rest::Page(query, page, false),
                        // The connection breaks, so that nobody takes half of a file for all of it.
                        Err(error) => return Some((Err(std::io::Error::other(error.to_string())), Rest::End)),
                    }
                }
            };
            Some((Ok(Bytes::from(text)), next))
        }
    })
}

fn write(format: Format, page: &Page, is_first: bool) -> String {
    let mut text = String::new();
    if is_first && format == Format::Csv {
        text.push_str("time,measurement,instrument_id,source,field,value\n");
    }
    for (key, points) in &page.series {
        let measurement = key.measurement.name();
        for point in points {
            let time = precise(point.time_ns);
            match format {
                Format::Csv => {
                    let value = match &point.value {
                        Value::Number(number) => number.to_string(),
                        Value::Text(text) => quoted(text),
                        Value::Flag(flag) => flag.to_string(),
                    };
                    // Names of pairs, plugins and fields hold nothing that needs quotes.
                    text.push_str(&format!("{time},{measurement},{},{},{},{value}\n", key.pair, key.source, key.field));
                }
                Format::Jsonl => {
                    let line = serde_json::json!({
                        "time": time,
                        "measurement": measurement,
                        "instrument_id": &*key.pair,
                        "source": &*key.source,
                        "field": &*key.field,
                        "value": json(&point.value),
                    });
                    text.push_str(&format!("{line}\n"));
                }
            }
        }
    }
    text
}

/// A text as RFC 4180 wants it. A text that a table program would take for a formula gets a quote before it.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if formula { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_value_of_a_table_and_never_becomes_a_formula() {
        assert_eq!(quoted("ok"), "ok");
        assert_eq!(quoted("warming: history, 3 \"of\" 5"), "\"warming: history, 3 \"\"of\"\" 5\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }
}
