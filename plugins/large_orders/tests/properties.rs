//! The properties that every analysis keeps, on generated books, and what calibrates the trend.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use large_orders::LargeOrdersPlugin as P;
use leadline_plugin::harness::{self, Harness, field, number, text};
use leadline_plugin::synthetic::{Market, Settings, instrument};
use leadline_plugin::{Continuity, Depth, Instrument, Kind, Outcome, Plugin, Reading, Snapshot, Value, serde_json};
use proptest::prelude::*;

fn settings() -> impl Strategy<Value = Settings> {
    (0.05..3.0f64, 2.3..3.3f64, 10usize..60, 0.0..0.5f64, 20usize..400).prop_map(|(gap_bps, sigma, changes, moves, levels)| Settings {
        gap_bps,
        sigma,
        changes,
        moves,
        levels,
        step_ms: 700,
        ..Settings::default()
    })
}

/// Counts, imbalance and word: what no unit of price or size may change.
fn scores(reading: &Reading) -> (Option<f64>, Option<f64>, Option<f64>, Option<&str>) {
    let n = |name| number(reading, name);
    (n("large_buy_count"), n("large_sell_count"), n("imbalance"), text(reading, "large_order_trend"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn readings_are_finite_declared_and_the_same_twice(seed in any::<u64>(), settings in settings(), at in 0usize..60) {
        let instrument = instrument(settings.tick);
        let books = Market::new(seed, settings).take(60);
        let readings = harness::readings::<P>(&instrument, "", &books);
        prop_assert_eq!(readings.and_then(|readings| harness::keeps_descriptor::<P>(&readings)), Ok(()));
        prop_assert_eq!(harness::deterministic::<P>(&instrument, "", &books), Ok(()));
        prop_assert_eq!(harness::survives_restore::<P>(&instrument, "", &books, at), Ok(()));
        prop_assert_eq!(harness::unmoved_by_invalid_books::<P>(&instrument, "", &books[..8]), Ok(()));
    }

    /// Powers of two keep every digit, so equality is exact.
    #[test]
    fn scores_are_blind_to_the_units_of_price_and_size(seed in any::<u64>(), settings in settings(), power in -8i32..8) {
        let factor = 2f64.powi(power);
        let here = instrument(settings.tick);
        let mut there = here.clone();
        there.tick_size *= factor;
        let books = Market::new(seed, settings).take(20);
        let plain = harness::readings::<P>(&here, "", &books).unwrap();
        let dearer = harness::readings::<P>(&there, "", &harness::scaled_prices(&books, factor)).unwrap();
        let larger = harness::readings::<P>(&here, "", &harness::scaled_sizes(&books, factor)).unwrap();
        for ((plain, dearer), larger) in plain.iter().zip(&dearer).zip(&larger) {
            prop_assert_eq!(scores(plain), scores(dearer));
            prop_assert_eq!(scores(plain), scores(larger));
            let (plain, larger) = (number(plain, "large_buy_orders").unwrap(), number(larger, "large_buy_orders").unwrap());
            prop_assert!((plain * factor - larger).abs() <= 1e-9 * larger);
        }
    }

    #[test]
    fn bullish_is_bearish_in_the_mirror(seed in any::<u64>(), gap_bps in 0.05..0.2f64, sigma in 2.3..3.3f64) {
        let settings = Settings { gap_bps, sigma, moves: 0.0, step_ms: 700, ..Settings::default() };
        let instrument = instrument(settings.tick);
        let books = Market::new(seed, settings).take(20);
        let mut depth = Depth::new(&instrument);
        prop_assert_eq!(depth.read(&books[0], false), Ok(()));
        let plain = harness::readings::<P>(&instrument, "", &books).unwrap();
        let mirrored = harness::readings::<P>(&instrument, "", &harness::mirrored(&books, depth.mid, Kind::Spot)).unwrap();
        for (plain, mirrored) in plain.iter().zip(&mirrored) {
            let ((buys, sells, imbalance, word), (other_buys, other_sells, other_imbalance, other_word)) = (scores(plain), scores(mirrored));
            prop_assert_eq!((buys, sells), (other_sells, other_buys));
            prop_assert!((imbalance.unwrap() + other_imbalance.unwrap()).abs() < 1e-6);
            let reflected = match word { Some("bullish") => Some("bearish"), Some("bearish") => Some("bullish"), other => other };
            prop_assert_eq!(reflected, other_word);
        }
    }

    #[test]
    fn a_hair_more_of_one_level_changes_the_imbalance_by_a_hair(seed in any::<u64>(), settings in settings(), level in 0usize..400) {
        let instrument = instrument(settings.tick);
        let book = Market::new(seed, settings).frame();
        let mut other = book.clone();
        let level = level % other.bids.sizes.len();
        other.bids.sizes[level] *= 1.0 + 1e-8;
        let plain = harness::readings::<P>(&instrument, "", &[book]).unwrap();
        let other = harness::readings::<P>(&instrument, "", &[other]).unwrap();
        match (number(&plain[0], "imbalance"), number(&other[0], "imbalance")) {
            (Some(plain), Some(other)) => prop_assert!((plain - other).abs() < 1e-6),
            (plain, other) => prop_assert_eq!(plain, other),
        }
    }
}

fn counted(settings: &Settings, seeds: std::ops::Range<u64>, parameters: &str) -> (usize, usize) {
    let (mut neutral, mut all) = (0, 0);
    for seed in seeds {
        let mut harness = Harness::<P>::open(&instrument(settings.tick), parameters).unwrap();
        let mut market = Market::new(seed, settings.clone());
        for _ in 0..300 {
            let reading = harness.run([&market.frame()]).unwrap().remove(0);
            neutral += usize::from(text(&reading, "large_order_trend") == Some("neutral"));
            all += 1;
        }
    }
    (neutral, all)
}

/// A symmetric market has no tendency, though a few giants always lean one way.
#[test]
fn a_symmetric_market_is_neutral_nineteen_times_of_twenty() {
    for (sigma, gap_bps) in [(1.5, 0.2), (2.3, 0.2), (2.8, 0.2), (3.3, 0.2), (2.8, 0.05), (2.8, 0.5)] {
        let settings = Settings { sigma, gap_bps, step_ms: 500, ..Settings::default() };
        let (neutral, all) = counted(&settings, 0..20, "");
        eprintln!("sigma {sigma}, gap {gap_bps} bps: neutral in {neutral} of {all} books");
        assert!(neutral * 100 >= all * 95, "sigma {sigma}, gap {gap_bps} bps: neutral in {neutral} of {all} books");
    }
    let (neutral, all) = counted(&Settings { step_ms: 500, ..Settings::default() }, 0..20, r#"{"evidence":0,"unusual":0}"#);
    assert!(neutral * 100 < all * 80, "were the fixed thresholds enough, `evidence` and `unusual` could go");
}

#[test]
fn walls_on_one_side_alone_are_a_tendency() {
    let mut books = Market::new(3, Settings { sigma: 0.5, gap_bps: 0.05, step_ms: 500, changes: 2, ..Settings::default() }).take(20);
    for book in &mut books {
        for level in [20, 60, 100, 140, 180] {
            book.asks.sizes[level] = 0.1 * book.asks.sizes.iter().sum::<f64>().min(2.0);
        }
    }
    let readings = harness::readings::<P>(&instrument(0.1), "", &books).unwrap();
    assert_eq!(text(&readings[0], "large_order_trend"), Some("neutral"), "dwell");
    assert_eq!(text(readings.last().unwrap(), "large_order_trend"), Some("bearish"), "{:?}", readings.last());
    assert_eq!(field(readings.last().unwrap(), "low_evidence"), Some(&Value::Flag(false)));
}

/// One wall of a tenth of its side, on a pair that has none as a rule: said within ten seconds, kept while it stands, gone when it is.
#[test]
fn one_wall_where_there_usually_is_none_is_a_tendency_within_ten_seconds() {
    for seed in 0..10 {
        let settings = Settings { sigma: 0.5, step_ms: 1000, changes: 5, moves: 0.0, ..Settings::default() };
        let mut market = Market::new(seed, settings);
        let mut harness = Harness::<P>::open(&instrument(0.1), "").unwrap();
        let mut word = |wall: bool| {
            let mut book = market.frame();
            if wall {
                let level = 120;
                book.bids.sizes[level] =
                    0.1 * book.bids.prices.iter().zip(&book.bids.sizes).map(|(p, q)| p * q).sum::<f64>() / book.bids.prices[level];
            }
            text(&harness.run([&book]).unwrap()[0], "large_order_trend").unwrap().to_owned()
        };
        assert!((0..100).all(|_| word(false) == "neutral"), "seed {seed}");
        let with: Vec<_> = (0..60).map(|_| word(true)).collect();
        assert!(with[10..].iter().all(|word| word == "bullish"), "seed {seed}: {with:?}");
        let after: Vec<_> = (0..20).map(|_| word(false)).collect();
        assert!(after[5..].iter().all(|word| word == "neutral"), "seed {seed}: {after:?}");
    }
}

#[test]
fn a_book_without_giants_is_neutral_for_lack_of_evidence() {
    let books = Market::new(3, Settings { sigma: 0.3, ..Settings::default() }).take(5);
    for reading in harness::readings::<P>(&instrument(0.1), "", &books).unwrap() {
        assert_eq!(number(&reading, "large_buy_orders"), Some(0.0));
        assert_eq!((text(&reading, "large_order_trend"), field(&reading, "low_evidence")), (Some("neutral"), Some(&Value::Flag(true))));
    }
}

#[test]
fn a_side_too_thin_is_named_and_there_is_no_trend() {
    let mut books = Market::new(5, Settings { levels: 60, ..Settings::default() }).take(10);
    books[3].asks.prices.truncate(9);
    books[3].asks.sizes.truncate(9);
    books[3].asks.orders.truncate(9);
    let readings = harness::readings::<P>(&instrument(0.1), "", &books).unwrap();
    let Outcome::Provisional(reason) = &readings[3].outcome else { panic!("{:?}", readings[3].outcome) };
    assert!(reason.code == "too_thin" && reason.detail.contains("ask"), "{reason:?}");
    assert!(number(&readings[3], "large_buy_orders").is_some());
    for name in ["large_sell_orders", "large_order_trend", "imbalance", "low_evidence"] {
        assert_eq!(field(&readings[3], name), Some(&Value::None), "{name}");
    }
    assert_eq!(readings[4].outcome, Outcome::Ok);
}

/// Nothing is known beyond the farthest level, and that is not 0.
#[test]
fn ranges_beyond_the_farthest_level_have_no_numbers() {
    let book = Market::new(5, Settings { gap_bps: 0.05, ..Settings::default() }).frame();
    let reading = harness::readings::<P>(&instrument(0.1), "", &[book]).unwrap().remove(0);
    let distribution: serde_json::Value = serde_json::from_str(text(&reading, "distribution").unwrap()).unwrap();
    assert_eq!(distribution["buy"][0]["complete"], true);
    assert_eq!(distribution["buy"][4]["complete"], false);
    assert!(distribution["buy"][4]["count"].is_null() && distribution["buy"][4]["notional"].is_null());
}

#[test]
fn ages_go_on_through_a_restart_and_start_again_when_time_went_back() {
    let market = Market::new(5, Settings::default()).frame();
    let mut harness = Harness::<P>::open(&instrument(0.1), "").unwrap();
    let mut age = |second: u64, continuity| {
        let reading = harness.run([&Snapshot { time_ms: second * 1000, continuity, ..market.clone() }]).unwrap().remove(0);
        let list: serde_json::Value = serde_json::from_str(text(&reading, "large_levels").unwrap()).unwrap();
        list["buy"][0]["age"].as_f64().unwrap()
    };
    assert_eq!(age(1_000, Continuity::Restarted), 0.0);
    assert_eq!(age(1_020, Continuity::Restarted), 20.0);
    assert_eq!(age(500, Continuity::Restarted), 0.0);
    assert_eq!(age(510, Continuity::Continued), 10.0);
    assert_eq!(age(580, Continuity::Restarted), 0.0, "nothing vouches for more than a minute");
}

#[test]
fn restore_refuses_what_does_not_fit() {
    let here = instrument(0.1);
    let mut saved = Harness::<P>::open(&here, "").unwrap();
    saved.run(&Market::new(5, Settings::default()).take(10)).unwrap();
    let state = saved.plugin().save().unwrap();
    let restored = |parameters: &str, state: &[u8]| P::open(here.clone(), parameters).unwrap().restore("0.1.0", "", state);
    assert_eq!(restored("", &state), Ok(()));
    assert_eq!(restored(r#"{"dwell":5}"#, &state), Ok(()), "the dwell doesn't enter what is kept");
    assert!(restored(r#"{"share":0.1}"#, &state).is_err(), "what is large was measured otherwise");
    assert!(restored("", b"").is_err() && restored("", b"{}").is_err() && restored("", &state[..state.len() / 2]).is_err());
    let elsewhere = Instrument { id: "ABC-USDT".to_owned(), ..here.clone() };
    let other = Harness::<P>::open(&elsewhere, "").unwrap().plugin().save().unwrap();
    assert!(restored("", &other).unwrap_err().contains("ABC-USDT"));
    // No book has an infinite price.
    saved.plugin().analysis().buys.large[0].price = f64::INFINITY;
    assert!(restored("", &saved.plugin().save().unwrap()).unwrap_err().contains("can't be"));
}

#[test]
fn an_exit_above_the_entry_is_refused() {
    assert!(P::open(instrument(0.1), r#"{"entry":0.2}"#).is_err_and(|error| error.contains("exit")));
}
