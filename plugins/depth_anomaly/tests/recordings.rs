//! On recorded books, seconds long: history is still being gathered, and that is what is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../sdk/tests/support/recorded.rs"]
mod recorded;

use depth_anomaly::DepthAnomalyPlugin;
use leadline_plugin::{Outcome, Value, harness};

const MAY_2022: &str = "okx_v5_books_20220513.ndjson";

#[test]
fn ten_seconds_are_too_few_for_a_number() {
    for name in ["BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527"] {
        let Some((instrument, books)) = recorded::books(MAY_2022, name) else { return };
        let readings = harness::readings::<DepthAnomalyPlugin>(&instrument, "", &books).unwrap();
        for reading in &readings {
            assert!(
                matches!(&reading.outcome, Outcome::Warming(reason) if reason.code == "bands" && reason.remaining_ms > Some(0)),
                "{:?}",
                reading.outcome
            );
            assert!(reading.fields.iter().all(|field| field.value == Value::None), "{:?}", reading.fields);
        }
        assert_eq!(harness::keeps_descriptor::<DepthAnomalyPlugin>(&readings), Ok(()), "{name}");
        assert_eq!(harness::deterministic::<DepthAnomalyPlugin>(&instrument, "", &books), Ok(()), "{name}");
        assert_eq!(harness::survives_restore::<DepthAnomalyPlugin>(&instrument, "", &books, books.len() / 2), Ok(()), "{name}");
        assert_eq!(harness::unmoved_by_invalid_books::<DepthAnomalyPlugin>(&instrument, "", &books[..10]), Ok(()), "{name}");
    }
}

/// A replay that starts over gathers history all the same; then numbers come, and every property holds on real books.
#[test]
fn the_properties_hold_on_a_recording_that_starts_over_until_it_is_warm() {
    let Some((instrument, books)) = recorded::books(MAY_2022, "BTC-USDT") else { return };
    let mut long = Vec::new();
    for _ in 0..14 {
        let start = long.len();
        long.extend(books.iter().cloned());
        long[start].continuity = leadline_plugin::Continuity::Restarted;
    }
    let readings = harness::readings::<DepthAnomalyPlugin>(&instrument, "", &long).unwrap();
    let last = readings.last().unwrap();
    assert!(matches!(last.outcome, Outcome::Provisional(_)), "{:?}", last.outcome);
    eprintln!("{:?}", last.fields);
    assert_eq!(harness::keeps_descriptor::<DepthAnomalyPlugin>(&readings), Ok(()));
    assert_eq!(harness::survives_restore::<DepthAnomalyPlugin>(&instrument, "", &long, long.len() - 40), Ok(()));
}
