//! The properties that every analysis keeps, on generated books.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use leadline_plugin::harness::{self, Harness, field, number, text};
use leadline_plugin::synthetic::{Market, Settings, instrument};
use leadline_plugin::{Continuity, Depth, Instrument, Kind, Outcome, Plugin, Reading, Snapshot, Value, serde_json};
use proptest::prelude::*;
use support_resistance::SupportResistancePlugin as P;

const LEVELS: [&str; 4] = ["support_level_1", "support_level_2", "resistance_level_1", "resistance_level_2"];
const SCORES: [&str; 4] = ["support_1_strength", "support_2_strength", "resistance_1_strength", "resistance_2_strength"];

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

fn values(reading: &Reading, names: [&str; 4]) -> [Option<f64>; 4] {
    names.map(|name| number(reading, name))
}

fn close(left: [Option<f64>; 4], right: [Option<f64>; 4], tolerance: f64) -> bool {
    left.iter().zip(&right).all(|pair| match pair {
        (Some(left), Some(right)) => (left - right).abs() <= tolerance,
        (left, right) => left == right,
    })
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
            prop_assert_eq!(values(plain, SCORES), values(dearer, SCORES));
            prop_assert_eq!(values(plain, SCORES), values(larger, SCORES));
            prop_assert_eq!(values(plain, LEVELS), values(larger, LEVELS));
            for (plain, dearer) in values(plain, LEVELS).into_iter().zip(values(dearer, LEVELS)) {
                prop_assert_eq!(plain.is_some(), dearer.is_some());
                prop_assert!(plain.zip(dearer).is_none_or(|(plain, dearer)| (plain * factor / dearer - 1.0).abs() < 1e-9));
            }
        }
    }

    #[test]
    fn support_is_resistance_in_the_mirror(seed in any::<u64>(), gap_bps in 0.05..0.3f64, sigma in 2.3..3.3f64) {
        // Mid stands still, so that one pivot mirrors every book.
        let settings = Settings { gap_bps, sigma, moves: 0.0, step_ms: 700, ..Settings::default() };
        let instrument = instrument(settings.tick);
        let books = Market::new(seed, settings).take(20);
        let mut depth = Depth::new(&instrument);
        prop_assert_eq!(depth.read(&books[0], false), Ok(()));
        let plain = harness::readings::<P>(&instrument, "", &books).unwrap();
        let mirrored = harness::readings::<P>(&instrument, "", &harness::mirrored(&books, depth.mid, Kind::Spot)).unwrap();
        for (plain, mirrored) in plain.iter().zip(&mirrored) {
            let [a, b, c, d] = values(mirrored, SCORES);
            prop_assert!(close(values(plain, SCORES), [c, d, a, b], 1e-6), "{:?} {:?}", plain, mirrored);
            let [a, b, c, d] = values(mirrored, LEVELS).map(|price| price.map(|price| 2.0 * depth.mid - price));
            // Half a tick rounds up on both sides of the mirror.
            prop_assert!(close(values(plain, LEVELS), [c, d, a, b], 0.2));
        }
    }

    #[test]
    fn a_hair_more_of_one_level_changes_scores_by_a_hair(seed in any::<u64>(), settings in settings(), level in 0usize..400) {
        let instrument = instrument(settings.tick);
        let book = Market::new(seed, settings).frame();
        let mut other = book.clone();
        let level = level % other.bids.sizes.len();
        other.bids.sizes[level] *= 1.0 + 1e-8;
        let plain = harness::readings::<P>(&instrument, "", &[book]).unwrap();
        let other = harness::readings::<P>(&instrument, "", &[other]).unwrap();
        prop_assert!(close(values(&plain[0], SCORES), values(&other[0], SCORES), 1e-5));
    }
}

fn market(levels: usize) -> Vec<Snapshot> {
    Market::new(11, Settings { levels, ..Settings::default() }).take(30)
}

#[test]
fn a_side_too_thin_is_named_and_the_other_is_judged() {
    let mut books = market(60);
    books[3].asks = market(9)[0].asks.clone();
    let instrument = instrument(0.1);
    let readings = harness::readings::<P>(&instrument, "", &books).unwrap();
    let Outcome::Provisional(reason) = &readings[3].outcome else { panic!("{:?}", readings[3].outcome) };
    assert_eq!(reason.code, "too_thin");
    assert!(reason.detail.contains("ask"), "{}", reason.detail);
    assert!(number(&readings[3], "support_level_1").is_some());
    assert_eq!(field(&readings[3], "resistance_level_1"), Some(&Value::None));
    assert_eq!(readings[4].outcome, Outcome::Ok);
    let age = |reading: &Reading| number(reading, "resistance_1_age").unwrap_or(0.0);
    assert!(age(&readings[2]) > 0.0 && age(&readings[4]) >= age(&readings[2]), "levels stand through a thin book");
    let thin = harness::readings::<P>(&instrument, "", &market(9)[..1]).unwrap();
    assert!(matches!(&thin[0].outcome, Outcome::Unknown(reason) if reason.code == "too_thin"));
}

/// A book with a wall on an even floor, at a price in ticks of 1; `mid` in ticks.
fn walled(time_ms: u64, mid: i64, wall: Option<i64>) -> Snapshot {
    let mut book = Market::new(1, Settings { sigma: 0.0, gap_bps: 0.0, tick: 1.0, levels: 200, ..Settings::default() }).frame();
    for (i, price) in book.bids.prices.iter_mut().enumerate() {
        *price = (mid - 1 - i as i64) as f64;
    }
    for (i, price) in book.asks.prices.iter_mut().enumerate() {
        *price = (mid + 1 + i as i64) as f64;
    }
    for side in [&mut book.bids, &mut book.asks] {
        for (price, size) in side.prices.iter().zip(&mut side.sizes) {
            *size = if Some(*price as i64) == wall { 2.0 } else { 0.01 };
        }
    }
    book.time_ms = time_ms;
    book.continuity = if time_ms == 0 { Continuity::Restarted } else { Continuity::Continued };
    book
}

fn list(reading: &Reading) -> serde_json::Value {
    serde_json::from_str(text(reading, "levels").expect("a list")).expect("JSON")
}

#[test]
fn a_wall_forms_is_held_and_is_pulled_or_consumed() {
    let instrument = instrument(1.0);
    let mut harness = Harness::<P>::open(&instrument, "").unwrap();
    let mut at = |second: u64, mid, wall| harness.run([&walled(second * 1000, mid, wall)]).unwrap().remove(0);
    let reading = at(0, 30_000, Some(29_950));
    assert_eq!((number(&reading, "support_level_1"), text(&reading, "support_1_state")), (Some(29_950.0), Some("forming")));
    assert_eq!(text(&at(10, 30_000, Some(29_950)), "support_1_state"), Some("held"));

    let gone = at(11, 30_000, None);
    assert_eq!(number(&gone, "support_level_1"), None);
    assert_eq!(list(&gone)["support_ended"][0]["state"], "pulled");
    assert_eq!(gone.notices.iter().map(|notice| notice.code.as_str()).collect::<Vec<_>>(), ["level_pulled"]);
    assert!(at(12, 30_000, None).notices.is_empty(), "told once");

    at(20, 30_000, Some(29_950));
    at(40, 29_960, Some(29_950));
    let gone = at(41, 29_940, None);
    assert_eq!(list(&gone)["support_ended"][0]["state"], "consumed");
    assert_eq!(list(&gone)["support_ended"][0]["price"], 29_950);
    let later = at(102, 29_940, None);
    assert_eq!(list(&later)["support_ended"], serde_json::json!([]), "shown for a minute");
}

/// A wall that is traded away stops to stand out before price is through it.
#[test]
fn a_wall_that_is_eaten_up_while_price_stands_before_it_is_consumed_when_price_goes_on() {
    let instrument = instrument(1.0);
    let mut harness = Harness::<P>::open(&instrument, "").unwrap();
    let mut at = |second: u64, mid, wall| harness.run([&walled(second * 1000, mid, wall)]).unwrap().remove(0);
    at(0, 29_952, Some(29_950));
    at(20, 29_951, Some(29_950));
    let eaten = at(21, 29_951, None);
    assert_eq!(list(&eaten)["support_ended"], serde_json::json!([]), "price may turn yet");
    let through = at(24, 29_945, None);
    assert_eq!(list(&through)["support_ended"][0]["state"], "consumed");
    at(40, 29_946, Some(29_943));
    at(60, 29_944, Some(29_943));
    at(61, 29_944, None);
    assert_eq!(list(&at(80, 29_940, None))["support_ended"].as_array().unwrap().len(), 1, "20 s later it is another move");
}

#[test]
fn a_restart_keeps_levels_while_time_goes_on_and_drops_ages_when_it_went_back() {
    let instrument = instrument(1.0);
    let mut harness = Harness::<P>::open(&instrument, "").unwrap();
    let mut age = |second: u64, continuity| {
        let book = Snapshot { continuity, ..walled(second * 1000, 30_000, Some(29_950)) };
        number(&harness.run([&book]).unwrap()[0], "support_1_age").unwrap()
    };
    assert_eq!(age(1_000, Continuity::Restarted), 0.0);
    assert_eq!(age(1_020, Continuity::Continued), 20.0);
    assert_eq!(age(1_030, Continuity::Restarted), 30.0, "ten seconds of reconnecting");
    assert_eq!(age(1_200, Continuity::Continued), 200.0, "a quiet market is not a break");
    assert_eq!(age(1_300, Continuity::Restarted), 0.0, "nothing vouches for more than a minute");
    assert_eq!(age(1_310, Continuity::Continued), 10.0);
    assert_eq!(age(500, Continuity::Restarted), 0.0, "time went back");
}

#[test]
fn restore_refuses_what_it_cannot_have_saved() {
    let here = instrument(0.1);
    let mut saved = Harness::<P>::open(&here, "").unwrap();
    saved.run(&market(200)).unwrap();
    let state = saved.plugin().save().unwrap();
    let restored = |state: &[u8]| P::open(here.clone(), "").unwrap().restore("0.1.0", "", state);
    assert_eq!(restored(&state), Ok(()));
    assert!(restored(b"").is_err() && restored(b"{}").is_err() && restored(&state[..state.len() / 2]).is_err());
    let elsewhere = Instrument { id: "ABC-USDT".to_owned(), ..here.clone() };
    let other = Harness::<P>::open(&elsewhere, "").unwrap().plugin().save().unwrap();
    assert!(restored(&other).unwrap_err().contains("ABC-USDT"));
    // Two levels in one place.
    saved.plugin().analysis().support.tracker.tracked.iter_mut().take(2).for_each(|level| level.place = Some(0));
    assert!(restored(&saved.plugin().save().unwrap()).unwrap_err().contains("contradict"));
}

/// Levels are kept by price: other parameters take them over.
#[test]
fn a_state_passes_between_sets_of_parameters() {
    let here = instrument(0.1);
    let mut saved = Harness::<P>::open(&here, "").unwrap();
    saved.run(&market(200)).unwrap();
    let state = saved.plugin().save().unwrap();
    assert_eq!(P::open(here, r#"{"place_excess":5}"#).unwrap().restore("0.1.0", "{}", &state), Ok(()));
}

#[test]
fn parameters_out_of_range_and_unknown_ones_are_refused() {
    for parameters in [r#"{"window_bps":1}"#, r#"{"windw_bps":100}"#, r#"{"advantage":0.5}"#, "[]"] {
        assert!(P::open(instrument(0.1), parameters).is_err(), "{parameters}");
    }
}
