//! Readings and books as the fields of their Hashes.

use leadline_market::{BookSide, TrackedBook};
use redis::Pipeline;

use super::publication::expire;
use super::{Publication, keys};
use crate::analysis::Reading;
use crate::clock::rfc3339;

/// Brings `analysis:{id}` to these readings of one pair, one of each plugin: their fields, and behind each plugin's name when, from which book, in
/// which state and by which version they were made. What the Hash holds already isn't sent again, and details wait for their interval; the pipeline
/// is for a connection with that number. Sets the Hash's expiry where that is due.
pub fn readings(pipeline: &mut Pipeline, readings: &[&Reading], publication: &Publication, connection: u64) {
    let Some(reading) = readings.last() else { return };
    let key = keys::analysis(&reading.pair);
    let mut command = redis::cmd("HSET");
    command.arg(&key);
    publication.sent().words(&mut command, readings, connection);
    pipeline.add_command(command).ignore();
    if let Some(expiry) = publication.due_with_reading(&reading.pair) {
        expire(pipeline, &key, expiry);
    }
}

/// Tells of a reading over `events:{id}`, if somebody listens.
pub fn event(pipeline: &mut Pipeline, reading: &Reading, publication: &Publication) {
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
    let mut json = String::with_capacity(2 + 40 * side.len().min(LEVELS));
    let mut orders = itoa::Buffer::new();
    json.push('[');
    for (depth, level) in side.iter().take(LEVELS).enumerate() {
        json.push_str(if depth == 0 { "[\"" } else { ",[\"" });
        level.price.append_to(&mut json);
        json.push_str("\",\"");
        level.size.append_to(&mut json);
        json.push_str("\",\"");
        json.push_str(orders.format(level.orders));
        json.push_str("\"]");
    }
    json.push(']');
    json
}
