//! Readings and books as the fields of their Hashes.

use leadline_market::{BookSide, TrackedBook};
use redis::Pipeline;

use super::publication::expire;
use super::{Publication, keys};
use crate::analysis::Reading;
use crate::clock::rfc3339;

/// Writes a reading into `analysis:{id}`: the plugin's fields, and behind its name when, from which book, in which state and by
/// which version they were made. Then tells of it over `events:{id}`, and sets the Hash's expiry where that is due.
pub fn reading(pipeline: &mut Pipeline, reading: &Reading, publication: &Publication) {
    let plugin = &reading.plugin;
    let time = rfc3339(reading.arrival.unix_ms);
    let key = keys::analysis(&reading.pair);
    let command = pipeline.cmd("HSET").arg(&key);
    command.arg("instrument_id").arg(&*reading.pair).arg("analysis_time").arg(&time);
    for (name, value) in &reading.fields {
        command.arg(name).arg(value);
    }
    command
        .arg(format!("{plugin}.time"))
        .arg(&time)
        .arg(format!("{plugin}.sequence"))
        .arg(sequence(reading.sequence))
        .arg(format!("{plugin}.status"))
        .arg(reading.outcome.status())
        .arg(format!("{plugin}.version"))
        .arg(&*reading.version)
        .ignore();
    if let Some(expiry) = publication.due_with_reading(&reading.pair) {
        expire(pipeline, &key, expiry);
    }
    if let Some(event) = publication.reading_event(reading) {
        pipeline.cmd("PUBLISH").arg(keys::events(&reading.pair)).arg(event).ignore();
    }
}

/// A sequence number, or an empty string where the exchange sends none.
#[must_use]
pub fn sequence(sequence: Option<i64>) -> String {
    sequence.map_or_else(String::new, |number| number.to_string())
}

/// The fields of `orderbook:{id}`.
#[must_use]
pub fn orderbook(pair: &str, tracked: &TrackedBook) -> Vec<(&'static str, String)> {
    let book = tracked.book();
    vec![
        ("instrument_id", pair.to_owned()),
        ("latest_timestamp", tracked.time_ms().map_or_else(String::new, rfc3339)),
        ("sequence", sequence(tracked.sequence())),
        ("asks", levels(book.asks())),
        ("bids", levels(book.bids())),
        ("checksum", tracked.checksum().map_or_else(String::new, |checksum| checksum.to_string())),
    ]
}

/// Levels published a side, best first.
const LEVELS: usize = 400;

/// A JSON array of `[price, size, orders]`, all texts as the exchange sent them.
fn levels(side: &BookSide) -> String {
    use std::fmt::Write as _;
    let mut json = String::with_capacity(2 + 32 * side.len().min(LEVELS));
    json.push('[');
    for (depth, level) in side.iter().take(LEVELS).enumerate() {
        let comma = if depth == 0 { "" } else { "," };
        // Writing to a String can't fail.
        let _ = write!(json, "{comma}[\"{}\",\"{}\",\"{}\"]", level.price, level.size, level.orders);
    }
    json.push(']');
    json
}
