//! On recorded books, seconds long: history is still being gathered, and that is what is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../sdk/tests/support/recorded.rs"]
mod recorded;

use leadline_plugin::{Outcome, Value, harness};
use liquidity::LiquidityPlugin;

const MAY_2022: &str = "okx_v5_books_20220513.ndjson";

#[test]
fn ten_seconds_are_too_few_for_a_number() {
    for name in ["BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527"] {
        let Some((instrument, books)) = recorded::books(MAY_2022, name) else { return };
        let readings = harness::readings::<LiquidityPlugin>(&instrument, "", &books).unwrap();
        for reading in &readings {
            assert!(
                matches!(&reading.outcome, Outcome::Warming(reason) if reason.code == "bands" && reason.remaining_ms > Some(0)),
                "{:?}",
                reading.outcome
            );
            assert!(reading.fields.iter().all(|field| field.value == Value::None), "{:?}", reading.fields);
        }
        assert_eq!(harness::keeps_descriptor::<LiquidityPlugin>(&readings), Ok(()), "{name}");
        assert_eq!(harness::deterministic::<LiquidityPlugin>(&instrument, "", &books), Ok(()), "{name}");
        assert_eq!(harness::survives_restore::<LiquidityPlugin>(&instrument, "", &books, books.len() / 2), Ok(()), "{name}");
        assert_eq!(harness::unmoved_by_invalid_books::<LiquidityPlugin>(&instrument, "", &books[..10]), Ok(()), "{name}");
    }
}
