//! What is done to a frame: from single bits to whole fields of another frame.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::corpus::{below, once_in};

/// Numbers at and over the edges of what any field may hold.
const EXTREMES: [&str; 24] = [
    "0",
    "-0",
    "-1",
    "00",
    "1e5",
    "1E-3",
    "0.0",
    "0.0000000000000000001",
    "0.00000000000000000001",
    "9999999999999999999",
    "18446744073709551615",
    "18446744073709551616",
    "1844674407370955161.5",
    "99999999999999999999999999",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "2147483647",
    "-2147483649",
    "4294967295",
    "4294967296",
    "1.",
    ".5",
    "NaN",
];

/// Bytes that JSON gives a meaning to.
const MEANINGFUL: &[u8] = b"\"\\[]{},:0123456789.-+eEu \ntfn";

/// Pieces that are no UTF-8.
const NOT_UTF8: [&[u8]; 4] = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82"];

/// The frame after one to four mutations; `other` lends its parts.
pub fn mutated(rng: &mut ChaCha8Rng, frame: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    let (one, other_one) = (below(rng, 4), below(rng, 4));
    for _ in 0..1 + one.min(other_one) {
        mutate(rng, &mut bytes, other);
    }
    bytes
}

fn mutate(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = below(rng, bytes.len());
    if bytes.is_empty() {
        bytes.extend_from_slice(other);
        return;
    }
    match below(rng, 26) {
        0 => bytes[at] ^= 1 << below(rng, 8),
        1 => bytes[at] = MEANINGFUL[below(rng, MEANINGFUL.len())],
        2 => bytes.insert(at, MEANINGFUL[below(rng, MEANINGFUL.len())]),
        3 => bytes.insert(at, rng.next_u64() as u8),
        4 => {
            let end = (at + 1 + below(rng, 9)).min(bytes.len());
            bytes.drain(at..end);
        }
        5 if once_in(rng, 2) => bytes.truncate(at),
        6 => splice(rng, bytes, other),
        7..=10 => digit(rng, bytes),
        11 | 12 => extreme(rng, bytes),
        13 => {
            let piece = NOT_UTF8[below(rng, NOT_UTF8.len())];
            bytes.splice(at..at, piece.iter().copied());
        }
        14 => repeat_field(rng, bytes),
        15 => remove_field(rng, bytes),
        16 | 17 => exchange_field(rng, bytes, other),
        18 => nest(rng, bytes),
        19 if once_in(rng, 40) => {
            let times = 9_000 + below(rng, 2_000);
            repeat_level(rng, bytes, times);
        }
        19 | 20 => repeat_level_times(rng, bytes),
        21 | 22 => exchange_levels(rng, bytes),
        23 => escape(rng, bytes),
        24 => space(rng, bytes),
        _ => unquote(rng, bytes),
    }
}

/// The start of this frame and the end of another.
fn splice(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let (at, from) = (below(rng, bytes.len()), below(rng, other.len()));
    bytes.truncate(at);
    bytes.extend_from_slice(&other[from..]);
}

fn places(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Vec<usize> {
    bytes.iter().enumerate().filter(|&(_, &byte)| wanted(byte)).map(|(at, _)| at).collect()
}

fn one<T>(rng: &mut ChaCha8Rng, mut list: Vec<T>) -> Option<T> {
    if list.is_empty() {
        return None;
    }
    let at = below(rng, list.len());
    Some(list.swap_remove(at))
}

fn digit(rng: &mut ChaCha8Rng, bytes: &mut [u8]) {
    if let Some(at) = one(rng, places(bytes, |byte| byte.is_ascii_digit())) {
        bytes[at] = b'0' + below(rng, 10) as u8;
    }
}

/// A number becomes an extreme one.
fn extreme(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    let Some(at) = one(rng, places(bytes, |byte| byte.is_ascii_digit())) else { return };
    let of_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    let start = bytes[..at].iter().rposition(|byte| !of_number(byte)).map_or(0, |before| before + 1);
    let end = bytes[at..].iter().position(|byte| !of_number(byte)).map_or(bytes.len(), |length| at + length);
    bytes.splice(start..end, EXTREMES[below(rng, EXTREMES.len())].bytes());
}

/// The end of the value that starts at `start`, as far as the text is whole.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut quoted, mut at) = (0usize, false, start);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' | b',' if depth == 0 => return at,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// `"key":value` pairs: the key with its quotes, and the value.
fn fields(bytes: &[u8]) -> Vec<(Range<usize>, Range<usize>)> {
    let mut fields = Vec::new();
    for colon in places(bytes, |byte| byte == b':') {
        if colon == 0 || bytes[colon - 1] != b'"' {
            continue;
        }
        if let Some(open) = bytes[..colon - 1].iter().rposition(|&byte| byte == b'"') {
            fields.push((open..colon, colon + 1..value_end(bytes, colon + 1)));
        }
    }
    fields
}

/// Arrays that hold no other: the levels.
fn levels(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut levels = Vec::new();
    let mut open = None;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'[' => open = Some(at),
            b']' => levels.extend(open.take().map(|start| start..at + 1)),
            _ => {}
        }
    }
    levels
}

fn repeat_field(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    let Some((key, value)) = one(rng, fields(bytes)) else { return };
    let mut copy = bytes[key.start..value.end].to_vec();
    copy.push(b',');
    bytes.splice(key.start..key.start, copy);
}

fn remove_field(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    let Some((key, value)) = one(rng, fields(bytes)) else { return };
    let comma = usize::from(bytes.get(value.end) == Some(&b','));
    bytes.drain(key.start..value.end + comma);
}

/// A field's value from another frame, mostly that of the same key.
fn exchange_field(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let Some((key, value)) = one(rng, fields(bytes)) else { return };
    let any = once_in(rng, 6);
    let theirs = fields(other).into_iter().filter(|(name, _)| any || other[name.clone()] == bytes[key.clone()]).collect();
    if let Some((_, theirs)) = one(rng, theirs) {
        bytes.splice(value, other[theirs].iter().copied());
    }
}

/// A value within lists or objects, up to deeper than anything is read.
fn nest(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    let Some((_, value)) = one(rng, fields(bytes)) else { return };
    let depth = [1, 2, 31, 33, 200][below(rng, 5)];
    let (open, close) = if once_in(rng, 2) { ("[", "]") } else { ("{\"a\":", "}") };
    let inner = String::from_utf8_lossy(&bytes[value.clone()]).into_owned();
    let mut text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
    if once_in(rng, 2) {
        // As a field nobody reads, beside the value.
        text = format!("{inner},\"new\":{text}");
    }
    bytes.splice(value, text.into_bytes());
}

fn repeat_level_times(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    let times = 1 + below(rng, 40);
    repeat_level(rng, bytes, times);
}

/// A level again and again, mostly at other prices.
fn repeat_level(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, times: usize) {
    let Some(level) = one(rng, levels(bytes)) else { return };
    let inner = bytes[level.clone()].to_vec();
    let step = below(rng, 4);
    let mut copies = Vec::new();
    for number in 0..times {
        if step == 0 {
            copies.extend_from_slice(&inner);
        } else {
            copies.extend(format!(r#"["{}","{}","0","1"]"#, 40_000 + number * step, number % 5).bytes());
        }
        copies.push(b',');
    }
    bytes.splice(level.start..level.start, copies);
}

/// Two levels in each other's place.
fn exchange_levels(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    let levels = levels(bytes);
    let (Some(one), Some(other)) = (levels.get(below(rng, levels.len())), levels.get(below(rng, levels.len()))) else { return };
    if one.end > other.start {
        return;
    }
    let (first, second) = (bytes[one.clone()].to_vec(), bytes[other.clone()].to_vec());
    bytes.splice(other.clone(), first);
    bytes.splice(one.clone(), second);
}

/// A byte written as an escape; in a string it means the same.
fn escape(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    let Some(at) = one(rng, places(bytes, |byte| byte.is_ascii_alphanumeric())) else { return };
    let text = if once_in(rng, 8) { "\\ud83d".to_owned() } else { format!("\\u{:04x}", bytes[at]) };
    bytes.splice(at..=at, text.into_bytes());
}

fn space(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    if let Some(at) = one(rng, places(bytes, |byte| b"[]{},:".contains(&byte))) {
        let at = at + below(rng, 2);
        bytes.splice(at..at, [b" ", b"\n", b"\t", b"\x0b"][below(rng, 4)].iter().copied());
    }
}

/// A text without its quotes, or a bare word with.
fn unquote(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>) {
    let Some(open) = one(rng, places(bytes, |byte| byte == b'"')) else { return };
    if let Some(length) = bytes[open + 1..].iter().position(|&byte| byte == b'"') {
        bytes.remove(open + 1 + length);
        bytes.remove(open);
    }
}
