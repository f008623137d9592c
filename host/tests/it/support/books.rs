//! Books that tests make up.

use leadline_market::{Book, Columns, Continuity, Trust};

/// A book of some levels a side around 10 000 whose sizes change from second to second, the same each time.
pub fn changing(second: u64, levels: u32) -> Book {
    let mut dice = second.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut side = |sign: f64| Columns {
        prices: (1..=levels).map(|i| 10_000.0 + sign * f64::from(i)).collect(),
        sizes: (1..=levels)
            .map(|_| {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                1.0 + (dice % 100) as f64 / 10.0
            })
            .collect(),
        orders: vec![1; levels as usize],
    };
    Book {
        time_ms: 1_700_000_000_000 + second * 1000,
        sequence: i64::try_from(second).ok(),
        trust: Trust::Chain,
        continuity: if second == 0 { Continuity::Restarted } else { Continuity::Continued },
        crossed: false,
        bids: side(-1.0),
        asks: side(1.0),
    }
}
