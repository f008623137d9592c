//! The files in memory, and which frame is whose.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use leadline_recording::{Recording, RecordingError};
use serde::Deserialize;
use serde_json::Value;

use crate::error::SimulatorError;
use crate::server::Arg;

/// Most that is held in memory.
const MAX_MIB: u64 = 2048;

/// One recorded frame that belongs to an instrument.
#[derive(Debug, Clone)]
pub(super) struct Taped {
    /// As it was sent.
    pub(super) text: Utf8Bytes,
    /// Which of [`Tape::streams`] it belongs to.
    pub(super) stream: u32,
    /// When it was received, else when the exchange made it, in microseconds since 1970. None: with the frame before it.
    pub(super) at_us: Option<u64>,
}

/// A channel of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Stream {
    /// As it is in the frames.
    channel: String,
    inst_id: String,
}

impl Stream {
    /// Whether its frames hold order books with increments.
    fn is_book(&self) -> bool {
        let name = self.channel.rsplit('/').next().unwrap_or_default();
        (name.starts_with("books") && name != "books5") || (name.starts_with("depth") && name != "depth5")
    }
}

/// All frames of the files, in order.
#[derive(Debug, Default)]
pub(super) struct Tape {
    pub(super) frames: Vec<Taped>,
    streams: Vec<Stream>,
    index: HashMap<Stream, u32>,
}

/// What has to be read of a frame to route it. v5 has `arg`, v3 `table` and the instrument in `data`.
#[derive(Deserialize)]
struct Head {
    arg: Option<Arg>,
    table: Option<String>,
    #[serde(default)]
    data: Vec<Entry>,
    event: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    instrument_id: Option<String>,
    ts: Option<String>,
    timestamp: Option<String>,
}

impl Tape {
    /// Reads the files, one after the other.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self, SimulatorError> {
        let mut tape = Self::default();
        let mut bytes = 0;
        for path in files {
            let (before, mut lines, mut left_out) = (tape.frames.len(), 0, 0_u64);
            let mut recording = Recording::open(path)?;
            loop {
                let frame = match recording.next_frame() {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(error) if error.is_one_line() => {
                        tracing::warn!(%error, "line left out");
                        continue;
                    }
                    Err(error @ RecordingError::Empty { .. }) if files.len() > 1 => {
                        tracing::warn!(%error, "file left out");
                        break;
                    }
                    Err(error) => return Err(error.into()),
                };
                lines += 1;
                bytes += frame.bytes.len() as u64;
                if bytes > MAX_MIB << 20 {
                    return Err(SimulatorError::TooLarge { path: path.clone(), limit_mib: MAX_MIB });
                }
                left_out += u64::from(!tape.add(frame.bytes, frame.received));
            }
            if left_out > 0 {
                tracing::warn!(file = %path.display(), lines = left_out, "lines are no frames and are left out: nobody could be sent them");
            }
            if tape.frames.len() == before && files.len() == 1 {
                return Err(SimulatorError::NothingToPlay { path: path.clone(), lines });
            }
        }
        match files.first() {
            Some(path) if tape.frames.is_empty() => Err(SimulatorError::NothingToPlay { path: path.clone(), lines: 0 }),
            _ => Ok(tape),
        }
    }

    /// Adds a line; false if it is neither a frame nor an event. Events are left out silently: the session makes its own.
    fn add(&mut self, line: &[u8], received: Option<f64>) -> bool {
        let Ok(head) = serde_json::from_slice::<Head>(line) else { return false };
        if head.event.is_some() {
            return true;
        }
        let first = head.data.into_iter().next();
        let (stamp, v3_id) = match first {
            Some(entry) => (entry.ts.or(entry.timestamp), entry.instrument_id),
            None => (None, None),
        };
        let stream = match (head.arg, head.table, v3_id) {
            (Some(arg), _, _) => Stream { channel: arg.channel, inst_id: arg.inst_id },
            (None, Some(channel), Some(inst_id)) => Stream { channel, inst_id },
            _ => return false,
        };
        // JSON that was read is UTF-8.
        let Ok(text) = Utf8Bytes::try_from(Bytes::copy_from_slice(line)) else { return false };
        let at_us = received.map(|seconds| (seconds * 1e6) as u64).or_else(|| stamp.as_deref().and_then(exchange_time_us));
        let next = self.streams.len() as u32;
        let number = *self.index.entry(stream.clone()).or_insert(next);
        if number == next {
            self.streams.push(stream);
        }
        self.frames.push(Taped { text, stream: number, at_us });
        true
    }

    /// The streams that a subscription gets: the channel itself, or for `books` the book channels of the instrument.
    pub(super) fn streams(&self, arg: &Arg) -> Vec<u32> {
        let exact = Stream { channel: arg.channel.clone(), inst_id: arg.inst_id.clone() };
        if let Some(&stream) = self.index.get(&exact) {
            return vec![stream];
        }
        if arg.channel != "books" {
            return Vec::new();
        }
        let book = |(stream, _): &(&Stream, &u32)| stream.inst_id == arg.inst_id && stream.is_book();
        // Two book channels of one instrument would mix two chains: the first recorded is taken.
        self.index.iter().filter(book).map(|(_, &number)| number).min().into_iter().collect()
    }

    /// Whether there is anything for a subscription.
    pub(super) fn has(&self, arg: &Arg) -> bool {
        !self.streams(arg).is_empty()
    }

    /// Every instrument.
    pub(super) fn instruments(&self) -> impl Iterator<Item = &str> {
        self.streams.iter().map(|stream| stream.inst_id.as_str()).collect::<BTreeSet<_>>().into_iter()
    }

    /// The `data` entry of an instrument's first book frame.
    pub(super) fn first_book(&self, inst_id: &str) -> Option<Value> {
        let stream = *self.streams(&Arg { channel: "books".to_owned(), inst_id: inst_id.to_owned() }).first()?;
        let frame = self.frames.iter().find(|frame| frame.stream == stream)?;
        let mut frame: Value = serde_json::from_str(frame.text.as_str()).ok()?;
        frame.pointer_mut("/data/0").map(Value::take)
    }

    /// Most decimals of a price and of a size in an instrument's first book.
    pub(super) fn decimals(&self, inst_id: &str) -> (u32, u32) {
        let Some(book) = self.first_book(inst_id) else { return (0, 0) };
        let most = |element: usize| {
            let levels = ["asks", "bids"].iter().filter_map(|side| book.get(side)?.as_array()).flatten();
            let decimals = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len().min(18) as u32);
            levels.filter_map(|level| level.get(element)?.as_str()).map(decimals).max().unwrap_or(0)
        };
        (most(0), most(1))
    }
}

/// Microseconds since 1970 from Unix milliseconds (`1787612486507`) or ISO 8601 in UTC (`2019-03-25T10:01:02.123Z`).
fn exchange_time_us(text: &str) -> Option<u64> {
    if let Ok(ms) = text.parse::<u64>() {
        return ms.checked_mul(1000);
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let fraction: String = text.get(19..)?.trim_start_matches('.').chars().take_while(char::is_ascii_digit).take(6).collect();
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    // Days from a civil date (Hinnant, "chrono-compatible low-level date algorithms").
    let y = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    u64::try_from((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micros).ok()
}

#[cfg(test)]
mod tests {
    use super::exchange_time_us;

    #[test]
    fn both_ways_of_writing_the_exchange_time_are_read() {
        assert_eq!(exchange_time_us("1787612486507"), Some(1_787_612_486_507_000));
        assert_eq!(exchange_time_us("2021-04-17T16:49:25.244Z"), Some(1_618_678_165_244_000));
        assert_eq!(exchange_time_us("1970-01-01T00:00:00Z"), Some(0));
        for text in ["", "yesterday", "2021-04", "2021-04-17T16:49", "-5"] {
            assert_eq!(exchange_time_us(text), None, "{text}");
        }
    }
}
