//! On recorded books: a few large levels a side, and every property that holds on generated ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../sdk/tests/support/recorded.rs"]
mod recorded;

use large_orders::LargeOrdersPlugin;
use leadline_plugin::harness;

const MAY_2022: &str = "okx_v5_books_20220513.ndjson";

#[test]
fn btc_usdt_has_one_to_six_large_levels_a_side() {
    for file in [MAY_2022, "okx_v5_books_20260824.ndjson"] {
        let Some((instrument, books)) = recorded::books(file, "BTC-USDT") else { return };
        let readings = harness::readings::<LargeOrdersPlugin>(&instrument, "{}", &books).expect("runs");
        let mut trends = Vec::new();
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for (i, reading) in readings.iter().enumerate() {
            for name in ["large_buy_count", "large_sell_count"] {
                let count = harness::number(reading, name).expect("a judged side has a count");
                assert!((1.0..=6.0).contains(&count), "{file}, frame {i}: {name} is {count}");
                (low, high) = (low.min(count), high.max(count));
            }
            trends.push(harness::text(reading, "large_order_trend").expect("a trend"));
        }
        trends.dedup();
        eprintln!("{file}: {low} to {high} large levels a side, trends {trends:?}, last {:?}", readings.last().expect("a reading").fields);
    }
}

#[test]
fn the_properties_hold_on_every_instrument_of_the_recording() {
    for name in ["BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527"] {
        let Some((instrument, books)) = recorded::books(MAY_2022, name) else { return };
        let readings = harness::readings::<LargeOrdersPlugin>(&instrument, "{}", &books).expect("runs");
        assert_eq!(harness::keeps_descriptor::<LargeOrdersPlugin>(&readings), Ok(()), "{name}");
        assert_eq!(harness::deterministic::<LargeOrdersPlugin>(&instrument, "{}", &books), Ok(()), "{name}");
        assert_eq!(harness::survives_restore::<LargeOrdersPlugin>(&instrument, "{}", &books, books.len() / 2), Ok(()), "{name}");
        assert_eq!(harness::unmoved_by_invalid_books::<LargeOrdersPlugin>(&instrument, "{}", &books[..10]), Ok(()), "{name}");
    }
}
