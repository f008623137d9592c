//! On recorded books: what a person sees in them is found, and every property holds that holds on generated ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../sdk/tests/support/recorded.rs"]
mod recorded;

use leadline_plugin::harness;
use support_resistance::SupportResistancePlugin;

const MAY_2022: &str = "okx_v5_books_20220513.ndjson";

/// 30 200 held 0.58-0.75 M USDT in 84-89 orders through the whole recording.
#[test]
fn the_wall_at_30_200_is_among_the_two_supports() {
    let Some((instrument, books)) = recorded::books(MAY_2022, "BTC-USDT") else { return };
    assert_eq!(books.len(), 98);
    let readings = harness::readings::<SupportResistancePlugin>(&instrument, "{}", &books).expect("runs");
    let mut found = 0;
    for reading in &readings {
        for place in ["1", "2"] {
            let price = harness::number(reading, &format!("support_level_{place}"));
            if price.is_some_and(|price| (30_199.0..=30_201.0).contains(&price)) {
                found += 1;
                let notional = harness::number(reading, &format!("support_{place}_notional")).expect("a level has a notional");
                let orders = harness::number(reading, &format!("support_{place}_orders")).expect("a level has orders");
                assert!((400_000.0..1_000_000.0).contains(&notional) && (60.0..150.0).contains(&orders), "{notional} in {orders}");
            }
        }
    }
    assert!(found >= 95, "in {found} of 98 frames");

    let levels: Vec<_> = readings.iter().map(|reading| harness::number(reading, "support_level_1")).collect();
    // A level's price wanders by ticks as orders come and go; a change of level is a move of more than a bandwidth (at least 0.5 bps, 1.5 USDT).
    let changes = levels.windows(2).filter(|pair| pair[0].zip(pair[1]).is_none_or(|(a, b)| (a - b).abs() > 1.5)).count();
    eprintln!("30 200 found in {found} of 98 frames; level 1 of the bids changed {changes} times");
    assert!(changes <= 3, "level 1 of the bids changed {changes} times in ten seconds");
}

#[test]
fn the_properties_hold_on_every_instrument_of_the_recording() {
    for name in ["BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527"] {
        let Some((instrument, books)) = recorded::books(MAY_2022, name) else { return };
        let readings = harness::readings::<SupportResistancePlugin>(&instrument, "{}", &books).expect("runs");
        assert_eq!(harness::keeps_descriptor::<SupportResistancePlugin>(&readings), Ok(()), "{name}");
        assert_eq!(harness::deterministic::<SupportResistancePlugin>(&instrument, "{}", &books), Ok(()), "{name}");
        assert_eq!(harness::survives_restore::<SupportResistancePlugin>(&instrument, "{}", &books, books.len() / 2), Ok(()), "{name}");
        assert_eq!(harness::unmoved_by_invalid_books::<SupportResistancePlugin>(&instrument, "{}", &books[..10]), Ok(()), "{name}");
        eprintln!("{name}: {:?}", readings.last().expect("a reading").fields);
    }
}
