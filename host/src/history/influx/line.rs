//! Entries as line protocol: the measurements of design §13, and those of connections, hosts and alerts.

use influxdb_line_protocol::LineProtocolBuilder;
use influxdb_line_protocol::builder::{AfterField, AfterMeasurement, BeforeMeasurement};
use leadline_market::Side;

use super::names;
use crate::history::entry::{ALERT_HISTORY, AlertEntry, BookEntry, Entry, Measurement, ORDERBOOK_DATA, Sample, Value};

type Lines = LineProtocolBuilder<Vec<u8>, BeforeMeasurement>;

/// A line's tags, then its fields.
enum Rest {
    Tags(LineProtocolBuilder<Vec<u8>, AfterMeasurement>),
    Fields(LineProtocolBuilder<Vec<u8>, AfterField>),
}

/// Writes entries behind `text`; returns it with the number of lines.
pub(super) fn write(text: Vec<u8>, entry: &Entry) -> (Vec<u8>, u32) {
    let lines = LineProtocolBuilder::new_with(text);
    let (lines, count) = match entry {
        Entry::Sample(sample) => write_sample(lines, sample),
        Entry::Alert(alert) => (write_alert(lines, alert), 1),
        Entry::Book(book) => write_book(lines, book),
    };
    (lines.build(), count)
}

/// A tag's value as it may be written. Line protocol has no way to write one that is empty or ends in a backslash, and none for control
/// characters; nothing of ours has any of them, and a plugin's name can't.
fn tag(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() || c == '\\' { '_' } else { c }).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

fn write_sample(lines: Lines, sample: &Sample) -> (Lines, u32) {
    let start = lines.measurement(sample.measurement.name());
    let source = names::source_out(sample.measurement, &sample.source);
    let tagged = match sample.measurement {
        Measurement::Analysis => start.tag("analysis_type", &tag(source)).tag("instrument_id", &tag(&sample.pair)),
        Measurement::Connection => start.tag("instrument_id", &tag(&sample.pair)),
        Measurement::Host => start.tag("host", &tag(source)),
    };
    let mut rest = Rest::Tags(tagged);
    for (name, value) in &sample.fields {
        let name = names::field_out(sample.measurement, name);
        rest = Rest::Fields(match (rest, value) {
            (Rest::Tags(line), Value::Number(number)) => line.field(name, *number),
            (Rest::Tags(line), Value::Flag(flag)) => line.field(name, *flag),
            (Rest::Tags(line), Value::Text(text)) => line.field(name, text.as_ref()),
            (Rest::Fields(line), Value::Number(number)) => line.field(name, *number),
            (Rest::Fields(line), Value::Flag(flag)) => line.field(name, *flag),
            (Rest::Fields(line), Value::Text(text)) => line.field(name, text.as_ref()),
        });
    }
    match rest {
        Rest::Fields(line) => (line.timestamp(sample.time_ns).close_line(), 1),
        // A line without a field is none: it is taken back by giving it one that says so. Samples without fields aren't offered.
        Rest::Tags(line) => (line.field("empty", true).timestamp(sample.time_ns).close_line(), 1),
    }
}

fn write_alert(lines: Lines, alert: &AlertEntry) -> Lines {
    let AlertEntry { time_ns, id, pair, source, name, severity, state, code, message, numbers } = alert;
    lines
        .measurement(ALERT_HISTORY)
        .tag("instrument_id", &tag(pair))
        .tag("severity", &tag(severity))
        .tag("source", &tag(source))
        .field("id", id.as_ref())
        .field("name", name.as_ref())
        .field("state", state.as_ref())
        .field("code", code.as_ref())
        .field("message", message.as_ref())
        .field("numbers", numbers.as_ref())
        .timestamp(*time_ns)
        .close_line()
}

/// Level i stands at the frame's time + i ns: price and place are fields, so that levels of one time would replace each other.
fn write_book(mut lines: Lines, book: &BookEntry) -> (Lines, u32) {
    let mut count = 0;
    for (level, i) in book.levels.iter().zip(0_u32..) {
        lines = lines
            .measurement(ORDERBOOK_DATA)
            .tag("data_type", if book.whole { SNAPSHOT } else { INCREMENTAL })
            .tag("instrument_id", &tag(&book.pair))
            .tag(
                "side",
                match level.side {
                    Side::Bid => BUY,
                    Side::Ask => SELL,
                },
            )
            .field("price", level.price)
            .field("amount", level.amount)
            .field("depth_level", i64::from(level.depth))
            .timestamp(book.time_ns.saturating_add(i64::from(i)))
            .close_line();
        count += 1;
    }
    (lines, count)
}

/// `data_type` of a level of a whole book.
pub(super) const SNAPSHOT: &str = "snapshot";
/// `data_type` of a level that changed.
pub(super) const INCREMENTAL: &str = "incremental";
/// `side` of a bid.
pub(super) const BUY: &str = "buy";
/// `side` of an ask.
pub(super) const SELL: &str = "sell";
