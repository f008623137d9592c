//! What is said of a large order that has just come, on a pair whose own giants lean by turns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use large_orders::LargeOrdersPlugin as P;
use leadline_plugin::harness::{self, field, number, text};
use leadline_plugin::synthetic::{Market, Settings, instrument};
use leadline_plugin::{Reading, Snapshot, Value};

/// Second at which the order comes: a quarter of an hour is known, and what is usual too.
const COMES: usize = 960;
/// The levels of a side are a third of a bps apart: a giant 10 bps from mid, the order 40 bps.
const GIANT: usize = 30;
const ORDER: usize = 120;

/// Twenty minutes of 200 levels of one size a side and a giant, which holds a third of its side and a tenth by turns, so that neither side is usually ahead. One of
/// `size` levels comes beside it among the bids, and is gone when it has `stood`.
fn books(size: f64, stood: usize) -> Vec<Snapshot> {
    let mut market =
        Market::new(1, Settings { sigma: 0.0, gap_bps: 0.0, tick: 1.0, levels: 200, changes: 0, moves: 0.0, ..Settings::default() });
    let book = market.frame();
    (0..1_200)
        .map(|second| {
            let mut book = Snapshot { time_ms: book.time_ms + 1000 * second as u64, continuity: market.frame().continuity, ..book.clone() };
            let bids_lead = second / 20 % 2 == 0;
            book.bids.sizes[GIANT] *= if bids_lead { 100.0 } else { 25.0 };
            book.asks.sizes[GIANT] *= if bids_lead { 25.0 } else { 100.0 };
            if (COMES..COMES + stood).contains(&second) {
                book.bids.sizes[ORDER] *= size;
            }
            book
        })
        .collect()
}

fn readings(parameters: &str, books: &[Snapshot]) -> Vec<Reading> {
    harness::readings::<P>(&instrument(1.0), parameters, books).unwrap()
}

/// Seconds after the order came, and the cause, wherever the word isn't neutral once what is usual is known.
fn told(readings: &[Reading]) -> Vec<(usize, &str, &str)> {
    let word = |reading| text(reading, "large_order_trend").unwrap();
    (200..readings.len())
        .filter(|&second| word(&readings[second]) != "neutral")
        .map(|second| (second - COMES, word(&readings[second]), text(&readings[second], "cause").unwrap()))
        .collect()
}

#[test]
fn an_order_that_comes_and_stands_is_told_once_for_two_seconds() {
    let readings = readings("", &books(60.0, 200));
    assert_eq!(told(&readings), [(8, "bullish", "arrival"), (9, "bullish", "arrival")]);
    assert_eq!(number(&readings[COMES + 7], "arrivals"), Some(0.0));
    assert_eq!(number(&readings[COMES + 8], "arrivals"), Some(1.0));
    assert_eq!(field(&readings[COMES + 10], "cause"), Some(&Value::None));
}

#[test]
fn an_order_that_is_gone_before_it_has_stood_is_not_told() {
    assert_eq!(told(&readings("", &books(60.0, 8))), []);
}

#[test]
fn an_order_that_is_small_beside_its_side_is_not_told() {
    assert_eq!(told(&readings("", &books(30.0, 200))), []);
    assert_eq!(told(&readings(r#"{"arrival":0.08}"#, &books(30.0, 200))).len(), 2);
}

#[test]
fn where_none_is_rare_enough_none_is_told() {
    assert_eq!(told(&readings(r#"{"ordinary":0}"#, &books(60.0, 200))), []);
}

#[test]
fn with_books_missing_just_before_nobody_knows_when_an_order_came() {
    let mut books = books(60.0, 200);
    books[COMES].continuity = leadline_plugin::Continuity::Restarted;
    assert_eq!(told(&readings("", &books)), []);
}

#[test]
fn asks_are_told_as_bids_are() {
    let books = harness::mirrored(&books(60.0, 200), 30_000.0, leadline_plugin::Kind::Spot);
    assert_eq!(told(&readings("", &books)), [(8, "bearish", "arrival"), (9, "bearish", "arrival")]);
}

#[test]
fn books_that_come_at_any_rate_tell_it_for_two_seconds_or_more() {
    let all = books(60.0, 200);
    for step in [2, 3, 4] {
        let few: Vec<Snapshot> = all.iter().step_by(step).cloned().collect();
        let told: Vec<u64> = few
            .iter()
            .zip(readings("", &few))
            .skip(200 / step)
            .filter(|(_, reading)| text(reading, "large_order_trend") != Some("neutral"))
            .map(|(book, _)| book.time_ms)
            .collect();
        assert_eq!(told.len(), 1, "every {step} s, two seconds or more until the next: {told:?}");
    }
}

#[test]
fn an_order_that_waits_to_be_told_survives_a_restart() {
    let books = books(60.0, 200);
    for at in [COMES, COMES + 1, COMES + 7, COMES + 9] {
        assert_eq!(harness::survives_restore::<P>(&instrument(1.0), "", &books, at), Ok(()), "{at}");
    }
}
