//! What damage does to a frame's text. Pure: chance is passed in.

use crate::market::Dice;

/// Some bytes become others, so that the text is no JSON any more.
pub(super) fn corrupt(text: &str, dice: &mut Dice) -> String {
    let mut bytes: Vec<u8> = text.bytes().collect();
    let last = i64::try_from(bytes.len()).unwrap_or(0);
    for _ in 0..8 {
        let at = usize::try_from(dice.between(0, last)).unwrap_or(0);
        if let Some(byte) = bytes.get_mut(at).filter(|byte| byte.is_ascii()) {
            *byte = b'#';
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // All of them within strings: the first one makes sure.
    if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() { format!("#{}", text.get(1..).unwrap_or_default()) } else { text }
}

/// The end is missing.
pub(super) fn truncate(text: &str, dice: &mut Dice) -> String {
    let last = i64::try_from(text.len()).unwrap_or(1);
    let mut end = usize::try_from(dice.between(1, last)).unwrap_or(1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// One digit of one size becomes another one. None: the frame has no level.
pub(super) fn tamper(text: &str, dice: &mut Dice) -> Option<String> {
    let digits: Vec<usize> = sizes(text).flat_map(|(from, to)| (from..to).filter(|&at| text.as_bytes()[at].is_ascii_digit())).collect();
    let pick = usize::try_from(dice.between(0, i64::try_from(digits.len()).ok()?)).ok()?;
    let at = *digits.get(pick)?;
    let old = text.as_bytes()[at] - b'0';
    // Never 0: the number stays one that the exchange could have sent.
    let new = if old == 0 { dice.between(1, 10) } else { 1 + (i64::from(old) - 1 + dice.between(1, 9)) % 9 };
    let new = u8::try_from(new).ok().map(|new| char::from(b'0' + new))?;
    Some(format!("{}{new}{}", &text[..at], &text[at + 1..]))
}

/// The checksum becomes another number, not 0. None: the frame has none.
pub(super) fn checksum(text: &str, dice: &mut Dice) -> Option<String> {
    const KEY: &str = r#""checksum":"#;
    let from = text.find(KEY)? + KEY.len();
    let length = text[from..].find(|c: char| !c.is_ascii_digit() && c != '-')?;
    let old: i32 = text[from..from + length].parse().ok()?;
    let mut wrong = old;
    while wrong == old || wrong == 0 {
        wrong = i32::try_from(dice.between(i64::from(i32::MIN), i64::from(i32::MAX))).unwrap_or(1);
    }
    Some(format!("{}{wrong}{}", &text[..from], &text[from + length..]))
}

/// Where the sizes of the levels are: the second string of each array that begins with one.
fn sizes(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    text.match_indices(r#"[""#).filter_map(move |(at, start)| {
        let from = at + start.len();
        let from = from + text[from..].find(r#"",""#)? + 3;
        Some((from, from + text[from..].find('"')?))
    })
}

#[cfg(test)]
mod tests {
    use super::{checksum, corrupt, tamper, truncate};
    use crate::market::Dice;
    use serde_json::Value;

    const FRAME: &str = r#"{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["78000.1","0","0","0"],["78001","0.5","0","2"]],"bids":[],"ts":"1","checksum":-12,"seqId":5,"prevSeqId":3}]}"#;
    const EMPTY: &str = r#"{"data":[{"asks":[],"bids":[],"ts":"1","seqId":5,"prevSeqId":5}]}"#;

    #[test]
    fn corrupt_and_truncated_frames_are_no_json() {
        let mut dice = Dice::new(1, "test");
        for _ in 0..500 {
            assert!(serde_json::from_str::<Value>(&corrupt(FRAME, &mut dice)).is_err());
            assert!(serde_json::from_str::<Value>(&truncate(FRAME, &mut dice)).is_err());
        }
    }

    #[test]
    fn a_tampered_frame_is_valid_and_differs_in_one_size() {
        let mut dice = Dice::new(1, "test");
        let whole: Value = serde_json::from_str(FRAME).unwrap();
        for _ in 0..500 {
            let mut frame: Value = serde_json::from_str(&tamper(FRAME, &mut dice).unwrap()).unwrap();
            assert_ne!(frame, whole);
            let mut differ = 0;
            for level in 0..2 {
                let right = &whole["data"][0]["asks"][level][1];
                let size = &mut frame["data"][0]["asks"][level][1];
                assert!(size.as_str().unwrap().parse::<f64>().is_ok());
                differ += usize::from(size != right);
                *size = right.clone();
            }
            assert_eq!((differ, &frame), (1, &whole));
        }
        assert_eq!(tamper(EMPTY, &mut dice), None);
    }

    #[test]
    fn a_wrong_checksum_is_another_number_and_not_zero() {
        let mut dice = Dice::new(1, "test");
        let frame: Value = serde_json::from_str(&checksum(FRAME, &mut dice).unwrap()).unwrap();
        let wrong = frame["data"][0]["checksum"].as_i64().unwrap();
        assert!(wrong != -12 && wrong != 0 && i32::try_from(wrong).is_ok());
        assert_eq!(checksum(EMPTY, &mut dice), None);
    }
}
