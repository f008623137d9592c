//! Listings, and what an id alone tells.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use leadline_market::{Instrument, Kind, ListingError, Source, State, infer, parse_listing, valid_id};

fn entry(kind: &str, id: &str, more: &str) -> String {
    format!(r#"{{"instType":"{kind}","instId":"{id}","tickSz":"0.1","lotSz":"1","state":"live"{more}}}"#)
}

fn listing(entries: &[String]) -> String {
    format!(r#"{{"code":"0","msg":"","data":[{}]}}"#, entries.join(","))
}

#[test]
fn contract_values_are_value_times_multiplier() {
    let text = listing(&[
        entry("SPOT", "BTC-USDT", r#","baseCcy":"BTC","quoteCcy":"USDT","ctVal":"","ctMult":"""#),
        entry("SWAP", "BTC-USDT-SWAP", r#","ctType":"linear","ctVal":"0.01","ctMult":"1","settleCcy":"USDT","uly":"BTC-USDT""#),
        entry("FUTURES", "BTC-USD-220527", r#","ctType":"inverse","ctVal":"100","settleCcy":"BTC""#),
        entry("OPTION", "BTC-USD-220527-40000-C", r#","ctType":"","ctVal":"1","ctMult":"0.01","settleCcy":"BTC","uly":"BTC-USD""#),
        entry("SWAP", "BTC-USD_UM-SWAP", r#","ctType":"linear","ctVal":"0.001","ctMult":"1","settleCcy":"USDC","uly":"BTC-USD_UM""#),
    ]);
    let listing = parse_listing(text.as_bytes()).unwrap();
    let facts: Vec<(Kind, &str, &str, f64)> =
        listing.instruments.iter().map(|one| (one.kind, one.base.as_str(), one.quote.as_str(), one.contract_value)).collect();
    assert_eq!(
        facts,
        [
            (Kind::Spot, "BTC", "USDT", 1.0),
            (Kind::Linear, "BTC", "USDT", 0.01),
            (Kind::Inverse, "BTC", "USD", 100.0),
            (Kind::Options, "BTC", "USD", 0.01),
            (Kind::Linear, "BTC", "USD", 0.001),
        ]
    );
    assert_eq!(listing.left_out, 0);
    assert!(listing.instruments.iter().all(|one| one.source == Source::Listed));
}

#[test]
fn entries_that_cannot_be_used_are_counted_and_states_kept() {
    let text = listing(&[
        entry("SPOT", "OK-USDT", r#","baseCcy":"OK","quoteCcy":"USDT""#).replace("live", "suspend"),
        entry("SPOT", "NEW-USDT", r#","baseCcy":"NEW","quoteCcy":"USDT""#).replace("live", "preopen"),
        entry("SPOT", "ODD-USDT", r#","baseCcy":"ODD","quoteCcy":"USDT""#).replace("live", "rebase"),
        entry("MARGIN", "OK-USDT", ""),
        entry("SWAP", "X-USD-SWAP", r#","ctType":"inverse","ctVal":"0","ctMult":"1""#),
        entry("SWAP", "Y-USD-SWAP", r#","ctType":"inverse","ctVal":"-1","ctMult":"1""#),
        entry("SPOT", "no id", ""),
        entry("SPOT", "Z-USDT", "").replace("0.1", "0"),
        r#"{"instId":7}"#.to_owned(),
        "null".to_owned(),
    ]);
    let listing = parse_listing(text.as_bytes()).unwrap();
    assert_eq!(listing.instruments.iter().map(|one| one.state).collect::<Vec<_>>(), [State::Suspend, State::Preopen, State::Other]);
    assert_eq!(listing.left_out, 7);
}

#[test]
fn an_error_of_the_exchange_is_no_listing() {
    let refused = parse_listing(br#"{"code":"51001","msg":"Instrument ID doesn't exist","data":[]}"#).unwrap_err();
    assert!(matches!(&refused, ListingError::Refused { code, .. } if code == "51001"));
    assert!(refused.to_string().contains("51001"));
    assert!(matches!(parse_listing(b"<html>"), Err(ListingError::Json(_))));
}

#[test]
fn an_id_tells_kind_and_currencies() {
    let facts = |id: &str| {
        let Instrument { kind, base, quote, settle, source, .. } = infer(id, 1, 8);
        assert_eq!(source, Source::Inferred);
        (kind, base, quote, settle)
    };
    let wanted = |kind, base: &str, quote: &str, settle: &str| (kind, base.to_owned(), quote.to_owned(), settle.to_owned());
    assert_eq!(facts("BTC-USDT"), wanted(Kind::Spot, "BTC", "USDT", ""));
    assert_eq!(facts("BTC-USD"), wanted(Kind::Spot, "BTC", "USD", ""));
    assert_eq!(facts("BTC-USDT-SWAP"), wanted(Kind::Linear, "BTC", "USDT", "USDT"));
    assert_eq!(facts("UNI-USD-SWAP"), wanted(Kind::Inverse, "UNI", "USD", "UNI"));
    assert_eq!(facts("BTC-USD-220527"), wanted(Kind::Inverse, "BTC", "USD", "BTC"));
    assert_eq!(facts("BTC-USD_UM-SWAP"), wanted(Kind::Linear, "BTC", "USD", "USD"));
    assert_eq!(facts("ETH-USD-220624-12000-P"), wanted(Kind::Options, "ETH", "USD", "ETH"));
    let spot = infer("BTC-USDT", 1, 8);
    assert_eq!((spot.tick_size.to_string(), spot.lot_size.to_string(), spot.contract_value), ("0.1".into(), "0.00000001".into(), 1.0));
    assert_eq!(infer("BTC-USDT", 0, 200).tick_size.to_string(), "1");
}

#[test]
fn ids_have_the_exchanges_form() {
    for id in ["BTC-USDT", "1INCH-USDT", "BTC-USD_UM-SWAP", "ETH-USD-220624-12000-P", "BTC-USD-220527"] {
        assert!(valid_id(id), "{id}");
    }
    let long = format!("{}-USDT", "A".repeat(64));
    for id in [
        "",
        "BTC",
        "BTC-",
        "-USDT",
        "BTC--USDT",
        "btc-usdt",
        "BTC/USDT",
        "BTC-USDT\n",
        "BTC-USDT:x",
        "É-USDT",
        "A-B-C-D-E-F",
        "BTC USDT",
        "{A-B}",
        long.as_str(),
    ] {
        assert!(!valid_id(id), "{id:?}");
    }
}
