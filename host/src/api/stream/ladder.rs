//! The best levels of a book, whole or as what changed.

use std::cmp::Ordering;
use std::fmt::Write as _;

use leadline_market::{Decimal, Level};

use crate::clock::rfc3339;
use crate::monitor::look::TopBook;

/// The best levels, as JSON: `[price, size, orders]`, prices and sizes as the exchange wrote them, best first.
#[must_use]
pub fn whole(book: &TopBook, levels: usize) -> String {
    let cut = |side: &[Level]| side.iter().take(levels).copied().collect::<Vec<_>>();
    write(book, &cut(&book.bids), &cut(&book.asks))
}

/// What changed between two books within their best levels, in the same form. A size of 0: the level is gone, or no longer among them.
#[must_use]
pub fn change(before: &TopBook, after: &TopBook, levels: usize) -> String {
    // Bids fall, asks rise.
    let bids = differences(&before.bids, &after.bids, levels, |one, other| compare(other.price, one.price));
    let asks = differences(&before.asks, &after.asks, levels, |one, other| compare(one.price, other.price));
    write(after, &bids, &asks)
}

/// One pass over both sides, which are in the same order.
fn differences(before: &[Level], after: &[Level], levels: usize, order: impl Fn(&Level, &Level) -> Ordering) -> Vec<Level> {
    let (mut before, mut after) = (before.iter().take(levels).peekable(), after.iter().take(levels).peekable());
    let mut found = Vec::new();
    loop {
        let side = match (before.peek(), after.peek()) {
            (None, None) => return found,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => order(old, new),
        };
        match side {
            Ordering::Less => found.extend(before.next().map(gone)),
            Ordering::Greater => found.extend(after.next().copied()),
            Ordering::Equal => {
                let (old, new) = (before.next(), after.next());
                // A client knows a level by the price's text, which may get other digits.
                if let (Some(old), Some(new)) = (old, new)
                    && old.price != new.price
                {
                    found.push(gone(old));
                }
                if old != new {
                    found.extend(new.copied());
                }
            }
        }
    }
}

fn gone(level: &Level) -> Level {
    Level { price: level.price, ..Level::default() }
}

/// By value, whatever the digits.
fn compare(one: Decimal, other: Decimal) -> Ordering {
    let scale = one.scale().max(other.scale());
    let whole = |price: Decimal| u128::from(price.mantissa()) * 10_u128.saturating_pow(u32::from(scale - price.scale()).min(19));
    whole(one).cmp(&whole(other))
}

fn write(book: &TopBook, bids: &[Level], asks: &[Level]) -> String {
    let mut text = String::with_capacity(64 + 32 * (bids.len() + asks.len()));
    // Writing to a String can't fail.
    let _ = match book.sequence {
        Some(sequence) => write!(text, "{{\"sequence\":{sequence}"),
        None => write!(text, "{{\"sequence\":null"),
    };
    let _ = match book.time_ms {
        Some(ms) => write!(text, ",\"time\":\"{}\"", rfc3339(ms)),
        None => write!(text, ",\"time\":null"),
    };
    for (name, side) in [("bids", bids), ("asks", asks)] {
        let _ = write!(text, ",\"{name}\":[");
        for (index, level) in side.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(text, "{comma}[\"{}\",\"{}\",{}]", level.price, level.size, level.orders);
        }
        text.push(']');
    }
    text.push('}');
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn book(bids: &BTreeMap<u32, u32>, asks: &BTreeMap<u32, u32>) -> TopBook {
        let level = |(price, size): (&u32, &u32)| Level {
            price: Decimal::parse(price.to_string().as_bytes()).unwrap(),
            size: Decimal::parse(size.to_string().as_bytes()).unwrap(),
            orders: *size,
        };
        TopBook {
            sequence: Some(1),
            time_ms: Some(0),
            bids: bids.iter().rev().map(level).collect(),
            asks: asks.iter().map(level).collect(),
        }
    }

    /// What a client holds: price to the rest of the level.
    type Held = [BTreeMap<u32, String>; 2];

    fn apply(held: &mut Held, text: &str) {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        for (side, name) in held.iter_mut().zip(["bids", "asks"]) {
            for level in value[name].as_array().unwrap() {
                let price = level[0].as_str().unwrap().parse().unwrap();
                if level[1] == "0" {
                    assert!(side.remove(&price).is_some(), "{price} wasn't there");
                } else {
                    side.insert(price, format!("{} {}", level[1], level[2]));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_client_that_applies_every_change_holds_what_a_whole_book_says(
            books in prop::collection::vec((prop::collection::btree_map(0_u32..40, 1_u32..5, 0..20), prop::collection::btree_map(50_u32..90, 1_u32..5, 0..20)), 1..8),
            levels in prop::sample::select(vec![1_usize, 5, 100]),
        ) {
            let books: Vec<TopBook> = books.iter().map(|(bids, asks)| book(bids, asks)).collect();
            let mut held = Held::default();
            apply(&mut held, &whole(&books[0], levels));
            for pair in books.windows(2) {
                apply(&mut held, &change(&pair[0], &pair[1], levels));
                let mut fresh = Held::default();
                apply(&mut fresh, &whole(&pair[1], levels));
                prop_assert_eq!(&held, &fresh);
            }
        }
    }
}
