//! No bytes whatever may harm: random ones, and frames with damage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use leadline_market::{Decoder, Level, Message, TrackedBook, parse_listing};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

/// A book frame in any of its forms: key order, white space and form of the levels vary.
fn frame() -> impl Strategy<Value = String> {
    let number = "(0|[1-9][0-9]{0,5})(\\.[0-9]{1,8})?";
    let level = (number, number, 0u32..2000, 0u8..5).prop_map(|(price, size, orders, form)| match form {
        0 => format!(r#"["{price}","{size}"]"#),
        1 => format!(r#"["{price}","{size}",{orders}]"#),
        2 => format!(r#"[ "{price}", "{size}" ,"0" , "{orders}" ]"#),
        _ => format!(r#"["{price}","{size}","0","{orders}"]"#),
    });
    let side = || proptest::collection::vec(level.clone(), 0..8).prop_map(|levels| format!("[{}]", levels.join(",")));
    let space = prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t")];
    let unknown = prop_oneof![Just(r#""u":{"é\n":[-0.5e-3,{}]}"#), Just(r#""u":"\u00e9\"x""#), Just(r#""u":null"#)];
    (side(), side(), 0u64..u64::from(u32::MAX), -5i64..50, any::<i32>(), space, unknown, any::<bool>(), any::<u64>()).prop_map(
        |(asks, bids, time, sequence, checksum, space, unknown, v5, order)| {
            let mut data = vec![
                format!(r#""asks":{space}{asks}"#),
                format!(r#""bids":{bids}"#),
                format!(r#""checksum":{checksum}"#),
                format!(r#""seqId":{sequence}"#),
                r#""prevSeqId":4"#.to_owned(),
                unknown.to_owned(),
                format!(r#""ts":"{time}""#),
            ];
            if !v5 {
                data.push(r#""instrument_id":"BTC-USDT""#.to_owned());
            }
            let turn = (order % data.len() as u64) as usize;
            data.rotate_left(turn);
            let data = format!(r#""data":[{{{}}}]"#, data.join(&format!(",{space}")));
            let mut top = vec![data, r#""action":"update""#.to_owned()];
            top.push(if v5 { r#""arg":{"channel":"books","instId":"BTC-USDT"}"# } else { r#""table":"spot/depth""# }.to_owned());
            top.rotate_left((order / 16 % 3) as usize);
            format!("{space}{{{}}}{space}", top.join(&format!("{space},{space}")))
        },
    )
}

/// Where, what: overwrite, insert, delete, or cut off.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let byte = prop_oneof![prop::sample::select(b"\"\\[]{},:0123456789.-+eEu \ntfn".to_vec()), any::<u8>(),];
    proptest::collection::vec((any::<prop::sample::Index>(), 0u8..8, byte), 1..4)
}

fn damaged(text: &str, damage: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, what, byte) in damage {
        if bytes.is_empty() {
            break;
        }
        let at = place.index(bytes.len());
        match what {
            0..=2 => bytes[at] = *byte,
            3 | 4 => bytes.insert(at, *byte),
            5 | 6 => {
                bytes.remove(at);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// What was read must be JSON. Its value, unless a value that we skip is JSON but no value: 1e999, half a surrogate pair.
fn json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice::<IgnoredAny>(bytes).unwrap();
    serde_json::from_slice(bytes).ok()
}

/// The levels as `serde_json` reads them: price and size as text.
fn reference(value: &Value, side: &str) -> Vec<[String; 2]> {
    let levels = value["data"][0][side].as_array().unwrap();
    levels.iter().map(|level| [0, 1].map(|at| level[at].as_str().unwrap().to_owned())).collect()
}

fn texts(levels: &[Level]) -> Vec<[String; 2]> {
    levels.iter().map(|level| [level.price.to_string(), level.size.to_string()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    // Proves: every form of a good frame is read, and as serde_json reads it.
    #[test]
    fn good_frames_are_read_as_serde_json_reads_them(text in frame()) {
        let mut decoder = Decoder::new();
        let Ok(Message::Books([book])) = decoder.decode(text.as_bytes()) else { panic!("{text}: {:?}", Decoder::new().decode(text.as_bytes())) };
        let value: Value = serde_json::from_str(&text).unwrap();
        let data = &value["data"][0];
        prop_assert_eq!(texts(&book.asks), reference(&value, "asks"));
        prop_assert_eq!(texts(&book.bids), reference(&value, "bids"));
        prop_assert_eq!(book.sequence, data["seqId"].as_i64());
        prop_assert_eq!(book.checksum.map(i64::from), data["checksum"].as_i64());
        prop_assert_eq!(book.time_ms.to_string(), data["ts"].as_str().unwrap());
        for (level, sent) in book.asks.iter().zip(data["asks"].as_array().unwrap()) {
            let orders = match sent.as_array().unwrap().as_slice() {
                [_, _] => 0,
                [.., Value::String(count)] => count.parse().unwrap(),
                [.., count] => count.as_u64().unwrap(),
                [] => unreachable!(),
            };
            prop_assert_eq!(u64::from(level.orders), orders);
        }
    }

    // Proves: damage never panics, never hangs, and what is still read is JSON and what serde_json reads there.
    #[test]
    fn damaged_frames_are_refused_or_read_as_serde_json_reads_them(text in frame(), damage in damage()) {
        let bytes = damaged(&text, &damage);
        let mut decoder = Decoder::new();
        match decoder.decode(&bytes) {
            Ok(Message::Books([book])) => {
                if let Some(value) = json(&bytes) {
                    prop_assert_eq!(texts(&book.asks), reference(&value, "asks"));
                    prop_assert_eq!(texts(&book.bids), reference(&value, "bids"));
                }
                let mut tracked = TrackedBook::new();
                tracked.apply(book);
                prop_assert_eq!(tracked.book().check_invariants(), None);
            }
            Ok(Message::Pong) => prop_assert_eq!(bytes.trim_ascii(), b"pong"),
            Ok(_) => drop(json(&bytes)),
            Err(error) => prop_assert!(error.to_string().len() < 400, "{}", error),
        }
    }

    // Proves: any bytes at all are answered, by the decoder and by the reader of listings.
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!matches!(Decoder::new().decode(&bytes), Ok(Message::Books(_))));
        prop_assert!(parse_listing(&bytes).is_err());
    }
}
