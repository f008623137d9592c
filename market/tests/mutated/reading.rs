//! A frame read through `serde_json`, as far as it is a book frame: written from the description of the frames, not from the decoder.
//!
//! Where the decoder is stricter than this reading, it refuses: nesting deeper than it follows, frames that are too long, and escapes
//! within whole numbers in quotes. It is nowhere more lenient.

use leadline_market::wire::{MAX_BOOKS_A_FRAME, MAX_FRAME_BYTES, MAX_LEVELS_A_FRAME};
use leadline_market::{Action, BookChannel, BookFrame, MAX_SCALE, WireError, valid_id};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What the frame is.
pub enum Reading {
    /// The decoder must refuse it: not UTF-8 or not JSON.
    NotJson,
    /// JSON, but `serde_json` can't hold a value of it (1e999, half a surrogate pair, `-0`), so there is nothing to compare with.
    Unknown,
    /// The decoder may answer anything but books.
    NoBook,
    /// The decoder must read just these books, or be stricter as said above.
    Books(Vec<Book>),
}

/// One book of a frame; levels are price, size and orders as text.
#[derive(Debug, PartialEq)]
pub struct Book {
    channel: String,
    instrument: String,
    snapshot: bool,
    time_ms: u64,
    checksum: Option<i64>,
    sequence: Option<i64>,
    previous: Option<i64>,
    bids: Vec<[String; 3]>,
    asks: Vec<[String; 3]>,
}

/// A key that is there, also with `null`. That a key comes twice is refused by what `derive` makes.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn data<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Data>>, D::Error> {
    Vec::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default, deserialize_with = "present")]
    event: Option<Value>,
    arg: Option<Argument>,
    #[serde(default, deserialize_with = "present")]
    table: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    action: Option<Value>,
    #[serde(default, deserialize_with = "data")]
    data: Option<Vec<Data>>,
}

#[derive(Deserialize)]
struct Argument {
    channel: Value,
    #[serde(rename = "instId")]
    instrument: Value,
}

#[derive(Deserialize)]
struct Data {
    asks: Value,
    bids: Value,
    #[serde(default, deserialize_with = "present")]
    ts: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    timestamp: Option<Value>,
    #[serde(default)]
    checksum: Value,
    #[serde(default, rename = "seqId")]
    sequence: Value,
    #[serde(default, rename = "prevSeqId")]
    previous: Value,
    #[serde(default, deserialize_with = "present")]
    instrument_id: Option<Value>,
}

/// Reads a frame.
pub fn read(bytes: &[u8]) -> Reading {
    if serde_json::from_slice::<IgnoredAny>(bytes).is_err() || std::str::from_utf8(bytes).is_err() {
        return Reading::NotJson;
    }
    let Ok(whole) = serde_json::from_slice::<Value>(bytes) else { return Reading::Unknown };
    if has_negative_zero(&whole) {
        return Reading::Unknown;
    }
    // `derive` also reads lists as structs; frames are objects throughout.
    let objects = whole.is_object()
        && whole.get("arg").is_none_or(Value::is_object)
        && whole["data"].as_array().is_none_or(|books| books.iter().all(Value::is_object));
    let Some(frame) = serde_json::from_slice::<Frame>(bytes).ok().filter(|_| objects) else { return Reading::NoBook };
    match books(frame) {
        Some(books) => Reading::Books(books),
        None => Reading::NoBook,
    }
}

/// Whether the decoder may refuse a frame that this reading takes.
pub fn may_be_stricter(bytes: &[u8], error: &WireError) -> bool {
    match error {
        WireError::TooDeep { .. } => true,
        WireError::TooLong { .. } => bytes.len() > MAX_FRAME_BYTES,
        WireError::Value { expected, .. } => expected.starts_with("a whole number") && bytes.contains(&b'\\'),
        _ => false,
    }
}

/// The same of a frame that the decoder read.
pub fn as_read(frame: &BookFrame) -> Book {
    let levels = |levels: &[leadline_market::Level]| {
        levels.iter().map(|level| [level.price.to_string(), level.size.to_string(), level.orders.to_string()]).collect()
    };
    Book {
        channel: frame.channel.as_str().to_owned(),
        instrument: frame.instrument.clone(),
        snapshot: frame.action == Action::Snapshot,
        time_ms: frame.time_ms,
        checksum: frame.checksum.map(i64::from),
        sequence: frame.sequence,
        previous: frame.previous,
        bids: levels(&frame.bids),
        asks: levels(&frame.asks),
    }
}

fn has_negative_zero(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64() && number.as_f64() == Some(0.0),
        Value::Array(items) => items.iter().any(has_negative_zero),
        Value::Object(fields) => fields.values().any(has_negative_zero),
        _ => false,
    }
}

fn books(frame: Frame) -> Option<Vec<Book>> {
    if frame.event.is_some() || frame.arg.is_some() == frame.table.is_some() {
        return None;
    }
    let old = frame.table.is_some();
    let (channel, instrument) = match (frame.arg, frame.table) {
        (Some(argument), _) => (argument.channel, Some(argument.instrument)),
        (None, table) => (table?, None),
    };
    let channel = channel.as_str()?;
    BookChannel::from_name(channel)?;
    let snapshot = match frame.action {
        Some(action) => match action.as_str()? {
            "snapshot" | "partial" => true,
            "update" => false,
            _ => return None,
        },
        None if old => true,
        None => return None,
    };
    let data = frame.data?;
    if data.is_empty() || data.len() > MAX_BOOKS_A_FRAME {
        return None;
    }
    let book = |data: Data| {
        let own = match &data.instrument_id {
            Some(id) => Some(id.as_str().filter(|id| valid_id(id))?),
            None => None,
        };
        let time_ms = match (&data.ts, &data.timestamp) {
            (Some(ts), None) => u64::try_from(integer(ts)?).ok()?,
            (None, Some(text)) => time(text.as_str()?)?,
            _ => return None,
        };
        let checksum = optional(&data.checksum)?;
        if checksum.is_some_and(|checksum| i32::try_from(checksum).is_err()) {
            return None;
        }
        Some(Book {
            channel: channel.to_owned(),
            instrument: match &instrument {
                Some(id) => id.as_str().filter(|id| valid_id(id))?.to_owned(),
                None => own?.to_owned(),
            },
            snapshot,
            time_ms,
            checksum,
            sequence: optional(&data.sequence)?,
            previous: optional(&data.previous)?,
            bids: levels(&data.bids)?,
            asks: levels(&data.asks)?,
        })
    };
    data.into_iter().map(book).collect()
}

fn levels(list: &Value) -> Option<Vec<[String; 3]>> {
    let list = list.as_array()?;
    if list.len() > MAX_LEVELS_A_FRAME {
        return None;
    }
    let level = |level: &Value| {
        let (price, size, orders) = match level.as_array()?.as_slice() {
            [price, size] => (price, size, None),
            [price, size, orders] | [price, size, _, orders] => (price, size, Some(orders)),
            _ => return None,
        };
        let orders = orders.map_or(Some(0), |orders| u32::try_from(integer(orders)?).ok())?;
        Some([decimal(price)?, decimal(size)?, orders.to_string()])
    };
    list.iter().map(level).collect()
}

/// `digits[.digits]` in quotes, if it fits 64 bits without the point.
fn decimal(text: &Value) -> Option<String> {
    let text = text.as_str()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let zeros = whole.len() > 1 && whole.starts_with('0');
    if !digits(whole) || !digits(fraction) || zeros || fraction.len() > usize::from(MAX_SCALE) {
        return None;
    }
    text.replace('.', "").parse::<u64>().ok()?;
    Some(text.to_owned())
}

/// A whole number, bare or in quotes.
fn integer(value: &Value) -> Option<i64> {
    let Some(text) = value.as_str() else { return value.as_i64() };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// `null` and an absent key say nothing.
fn optional(value: &Value) -> Option<Option<i64>> {
    if value.is_null() { Some(None) } else { integer(value).map(Some) }
}

/// An ISO 8601 time in UTC, in milliseconds since 1970; days by Howard Hinnant's `days_from_civil`.
fn time(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let pattern = "0000-00-00T00:00:00";
    let fits = |(byte, pattern): (u8, u8)| if pattern == b'0' { byte.is_ascii_digit() } else { byte == pattern };
    if text.len() != pattern.len() || !text.bytes().zip(pattern.bytes()).all(fits) {
        return None;
    }
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text[range].parse::<u64>().ok();
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let (hour, minute, second) = (part(11..13)?, part(14..16)?, part(17..19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let in_month = *days.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if year < 1970 || day == 0 || day > in_month || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let y = year - u64::from(month <= 2);
    let (era, of_era) = (y / 400, y % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let since_1970 = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let milliseconds: u64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some((((since_1970 * 24 + hour) * 60 + minute) * 60 + second) * 1000 + milliseconds)
}
