//! The levels of a frame as bytes in a day's file: 20 a level.

use leadline_market::Side;

use crate::history::entry::BookLevel;

/// Bytes of a level: its place, with the highest bit set for asks; price; amount. Little-endian.
const EACH: usize = 20;
const ASK: u32 = 1 << 31;

pub(super) fn pack(levels: &[BookLevel], into: &mut Vec<u8>) {
    into.clear();
    into.reserve(levels.len() * EACH);
    for level in levels {
        let place = match level.side {
            Side::Bid => level.depth & !ASK,
            Side::Ask => level.depth | ASK,
        };
        into.extend_from_slice(&place.to_le_bytes());
        into.extend_from_slice(&level.price.to_le_bytes());
        into.extend_from_slice(&level.amount.to_le_bytes());
    }
}

/// The levels; none if the bytes can't be levels.
pub(super) fn unpack(bytes: &[u8]) -> Option<Vec<BookLevel>> {
    let (levels, rest) = bytes.as_chunks::<EACH>();
    if !rest.is_empty() {
        return None;
    }
    let level = |bytes: &[u8; EACH]| {
        let (place, numbers) = bytes.split_first_chunk::<4>()?;
        let (price, amount) = numbers.split_first_chunk::<8>()?;
        let place = u32::from_le_bytes(*place);
        Some(BookLevel {
            side: if place & ASK == 0 { Side::Bid } else { Side::Ask },
            price: f64::from_le_bytes(*price),
            amount: f64::from_le_bytes(amount.try_into().ok()?),
            depth: place & !ASK,
        })
    };
    levels.iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn levels_come_back_as_they_were(levels in prop::collection::vec(
            (any::<bool>(), 0.0_f64..1e9, 0.0_f64..1e9, 0_u32..100_000)
                .prop_map(|(bid, price, amount, depth)| BookLevel { side: if bid { Side::Bid } else { Side::Ask }, price, amount, depth }),
            0..50,
        )) {
            let mut bytes = Vec::new();
            pack(&levels, &mut bytes);
            prop_assert_eq!(unpack(&bytes), Some(levels));
            bytes.push(0);
            prop_assert_eq!(unpack(&bytes), None);
        }
    }
}
