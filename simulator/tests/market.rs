//! The generated market without a socket: the rules of the stream on every frame, and statistics over a fixed number of frames.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::HashMap;

use common::Book;
use leadline_simulator::{Generated, Rate, Shape, frames, write_recording};
use serde_json::Value;

/// Value at a share of sorted numbers.
fn at<T: Copy + PartialOrd>(values: &mut [T], share: f64) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    values[((values.len() as f64 * share) as usize).min(values.len() - 1)]
}

#[test]
fn every_frame_of_every_instrument_keeps_400_levels_uncrossed_and_linked() {
    let options = Generated { seed: 3, swaps: true, ..Generated::default() };
    let mut books: HashMap<String, Book> = HashMap::new();
    for text in frames(&options).unwrap().take(12_000) {
        let frame: Value = serde_json::from_str(&text).unwrap();
        let book = books.entry(frame["arg"]["instId"].as_str().unwrap().to_owned()).or_default();
        assert!(book.apply(&frame) > 0, "an update without a change");
        book.assert_whole();
    }
    assert_eq!(books.len(), 12);
    for (id, book) in &books {
        let share = book.unknown_deletes as f64 / book.deletes as f64;
        assert!((0.08..0.32).contains(&share), "{id}: {share} of the deletes name an absent price");
    }
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_others() {
    let take = |seed, pairs| -> Vec<String> {
        let options = Generated { seed, pairs, ..Generated::default() };
        frames(&options).unwrap().take(500).collect()
    };
    assert_eq!(take(5, 3), take(5, 3));
    assert_ne!(take(5, 3), take(6, 3));
    // A pair's frames don't depend on which other pairs there are.
    let of_btc = |frames: Vec<String>| -> Vec<String> { frames.into_iter().filter(|text| text.contains("BTC-USDT")).take(100).collect() };
    assert_eq!(of_btc(take(5, 1)), of_btc(take(5, 3)));
}

#[test]
fn the_statistics_of_btc_usdt_are_near_the_recorded_ones() {
    let options = Generated { seed: 1, pairs: 1, ..Generated::default() };
    let mut book = Book::default();
    let (mut sizes, mut changes, mut levels, mut spreads) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (number, text) in frames(&options).unwrap().take(6_000).enumerate() {
        let frame: Value = serde_json::from_str(&text).unwrap();
        let count = book.apply(&frame);
        if frame["action"] == "update" {
            sizes.push(text.len());
            changes.push(count);
        }
        spreads.push(book.spread());
        if number % 50 == 0 {
            levels.extend(book.sides.iter().flatten().map(|(&price, &(size, _))| price as f64 / 1e8 * size));
        }
    }
    let largest = at(&mut levels, 1.0);
    let (median, p99) = (at(&mut levels, 0.5), at(&mut levels, 0.99));
    let (size, most_bytes) = (at(&mut sizes, 0.5), at(&mut sizes, 1.0));
    let (change, most) = (at(&mut changes, 0.5), at(&mut changes, 1.0));
    let spread = at(&mut spreads, 0.5);
    eprintln!("levels: median {median:.0}, 99 % {p99:.0}, largest {largest:.0} USDT");
    eprintln!("frames: median {size} B, largest {most_bytes} B, changes median {change}, most {most}; spread median {spread}e-8");
    assert!((20.0..150.0).contains(&median));
    assert!((80_000.0..280_000.0).contains(&p99));
    assert!((300_000.0..1_150_000.0).contains(&largest));
    assert!((600..850).contains(&size) && most_bytes < 8_000);
    assert!((15..24).contains(&change) && most <= 220);
    assert_eq!(spread, 10_000_000, "one tick");
}

#[test]
fn depth_and_density_are_the_same_hours_later() {
    // A tenth of the usual rate: each frame stands for a longer time, so that few frames are many hours.
    let options = Generated { seed: 9, pairs: 1, rate: Rate::PerSecond(0.5), ..Generated::default() };
    let mut book = Book::default();
    let (mut reach, mut worth) = (Vec::new(), Vec::new());
    for (number, text) in frames(&options).unwrap().take(12_000).enumerate() {
        book.apply(&serde_json::from_str(&text).unwrap());
        if number % 10 == 0 && number >= 1_000 {
            let span = |side: &std::collections::BTreeMap<i64, (f64, u32)>| side.keys().next_back().unwrap() - side.keys().next().unwrap();
            reach.push((span(&book.sides[0]) + span(&book.sides[1])) as f64);
            worth.push(book.sides.iter().flatten().map(|(&price, &(size, _))| price as f64 / 1e8 * size).sum::<f64>());
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    for (name, values) in [("reach", &reach), ("worth", &worth)] {
        let (early, late) = values.split_at(values.len() / 2);
        let ratio = mean(late) / mean(early);
        eprintln!("{name}: late over early {ratio:.3}");
        assert!((0.75..1.33).contains(&ratio), "{name} drifts: {ratio}");
    }
    let mids: Vec<f64> = book.sides.iter().map(|side| *side.keys().next().unwrap() as f64 / 1e8).collect();
    assert!(mids.iter().all(|mid| (mid / 78_000.0 - 1.0).abs() < 0.1), "{mids:?}");
}

#[test]
fn a_silent_market_sends_keep_alives_that_change_nothing() {
    let options = Generated { pairs: 1, rate: Rate::PerSecond(0.004), shape: Shape::Even, ..Generated::default() };
    let mut book = Book::default();
    let counts: Vec<usize> = frames(&options).unwrap().take(6).map(|text| book.apply(&serde_json::from_str(&text).unwrap())).collect();
    assert_eq!(counts[..5], [800, 0, 0, 0, 0]);
    assert!(counts[5] > 0);
}

#[test]
fn a_written_recording_is_the_same_frames_one_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("market.ndjson");
    let options = Generated { pairs: 2, ..Generated::default() };
    write_recording(&path, &options, 50).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), frames(&options).unwrap().take(50).collect::<Vec<_>>());
    let error = write_recording(&folder.path().join("no/such/folder"), &options, 1).unwrap_err().to_string();
    assert!(error.contains("hint:"), "{error}");
}
