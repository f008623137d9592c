//! Frames as text, in OKX's own shape: prices and sizes without trailing zeros, four elements a level, `checksum` 0 or true.

use super::side::Change;

/// Decimals of an instrument's prices and sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimals {
    /// Decimals of a price; one tick is the last of them.
    pub(crate) price: u32,
    /// Decimals of a size; one lot is the last of them.
    pub(crate) size: u32,
}

/// What a frame says besides its levels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    /// Instrument, as OKX names it.
    pub(crate) inst_id: &'a str,
    /// `snapshot` or `update`.
    pub(crate) action: &'a str,
    /// Exchange time in Unix milliseconds.
    pub(crate) ts_ms: u64,
    /// Identifier of this frame.
    pub(crate) seq_id: i64,
    /// Identifier of the frame before; −1 on a snapshot.
    pub(crate) prev_seq_id: i64,
    /// Checksum of the book after this frame; 0: not offered.
    pub(crate) checksum: i32,
}

/// A frame of channel `books`.
pub(crate) fn frame(head: Head<'_>, asks: &[Change], bids: &[Change], decimals: Decimals) -> String {
    let mut out = String::with_capacity(224 + 36 * (asks.len() + bids.len()));
    out.push_str(r#"{"arg":{"channel":"books","instId":""#);
    out.push_str(head.inst_id);
    out.push_str(r#""},"action":""#);
    out.push_str(head.action);
    out.push_str(r#"","data":[{"asks":"#);
    levels(&mut out, asks, decimals);
    out.push_str(r#","bids":"#);
    levels(&mut out, bids, decimals);
    out.push_str(r#","ts":""#);
    integer(&mut out, head.ts_ms);
    out.push_str(r#"","checksum":"#);
    signed(&mut out, i64::from(head.checksum));
    out.push_str(r#","seqId":"#);
    signed(&mut out, head.seq_id);
    out.push_str(r#","prevSeqId":"#);
    signed(&mut out, head.prev_seq_id);
    out.push_str("}]}");
    out
}

/// `[["price","size","0","orders"],...]`.
pub(crate) fn levels(out: &mut String, changes: &[Change], decimals: Decimals) {
    out.push('[');
    for (i, change) in changes.iter().enumerate() {
        out.push_str(if i == 0 { "[\"" } else { ",[\"" });
        decimal(out, change.tick.unsigned_abs(), decimals.price);
        out.push_str("\",\"");
        decimal(out, change.lots, decimals.size);
        out.push_str("\",\"0\",\"");
        integer(out, u64::from(change.orders));
        out.push_str("\"]");
    }
    out.push(']');
}

/// OKX's checksum: CRC-32 of the best 25 levels a side, `bidpx:bidsz:askpx:asksz:...` as they are sent, best first.
pub(crate) fn checksum(asks: &[Change], bids: &[Change], decimals: Decimals) -> i32 {
    const DEPTH: usize = 25;
    let mut text = String::with_capacity(DEPTH * 48);
    for rank in 0..DEPTH {
        for level in [bids.get(rank), asks.get(rank)].into_iter().flatten() {
            decimal(&mut text, level.tick.unsigned_abs(), decimals.price);
            text.push(':');
            decimal(&mut text, level.lots, decimals.size);
            text.push(':');
        }
    }
    text.pop();
    crc32fast::hash(text.as_bytes()).cast_signed()
}

fn signed(out: &mut String, value: i64) {
    if value < 0 {
        out.push('-');
    }
    integer(out, value.unsigned_abs());
}

/// An integer without `format!`, which would cost more than the market itself.
fn integer(out: &mut String, value: u64) {
    decimal(out, value, 0);
}

/// `value` / 10^`decimals`, without trailing zeros.
pub(crate) fn decimal(out: &mut String, mut value: u64, mut decimals: u32) {
    while decimals > 0 && value.is_multiple_of(10) {
        value /= 10;
        decimals -= 1;
    }
    let mut digits = [0_u8; 40];
    let mut at = digits.len();
    let mut written = 0;
    while value > 0 || written <= decimals {
        if decimals > 0 && written == decimals {
            at -= 1;
            digits[at] = b'.';
        }
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        written += 1;
    }
    out.extend(digits[at..].iter().map(|&digit| char::from(digit)));
}

#[cfg(test)]
mod tests {
    use super::super::side::Change;
    use super::{Decimals, checksum, decimal};

    #[test]
    fn the_checksum_is_that_of_the_documentations_example() {
        // `3366.1:7:3366.8:9:3368:8:3372:8`: one bid, three asks.
        let level = |tick, lots| Change { tick, lots, orders: 1 };
        let decimals = Decimals { price: 1, size: 0 };
        assert_eq!(checksum(&[level(33_668, 9), level(33_680, 8), level(33_720, 8)], &[level(33_661, 7)], decimals), 831_078_360);
    }

    fn text(value: u64, decimals: u32) -> String {
        let mut out = String::new();
        decimal(&mut out, value, decimals);
        out
    }

    #[test]
    fn decimals_are_written_as_okx_writes_them() {
        for (value, decimals, expected) in [
            (0, 0, "0"),
            (0, 8, "0"),
            (7, 0, "7"),
            (100, 0, "100"),
            (780_000, 1, "78000"),
            (780_001, 1, "78000.1"),
            (1274, 8, "0.00001274"),
            (12_000_000, 8, "0.12"),
            (100_000_000, 8, "1"),
            (17_012, 5, "0.17012"),
            (u64::MAX, 8, "184467440737.09551615"),
        ] {
            assert_eq!(text(value, decimals), expected);
        }
    }
}
