//! The generated market beside recorded books: prints the table of docs/simulator.md.
//!
//! `cargo test -p leadline-simulator --test statistics -- --nocapture`. The recordings are looked for in `../shared/data/okx`, or
//! where `LEADLINE_SHARED` says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use leadline_simulator::{Generated, frames};
use serde_json::Value;

/// Frames of the generated market that are looked at: about 18 minutes.
const FRAMES: usize = 10_000;
/// Levels are looked at after each so many generated frames: neighbouring books are nearly the same.
const EACH: usize = 50;
/// Levels worth less than this (USDT) are counted as dust.
const DUST: f64 = 100.0;

/// What was counted.
#[derive(Debug, Default)]
struct Counted {
    asks: BTreeMap<i64, f64>,
    bids: BTreeMap<i64, f64>,
    updates: usize,
    first_ms: Option<u64>,
    last_ms: u64,
    sides: Vec<f64>,
    worths: Vec<f64>,
    bytes: Vec<f64>,
    changes: Vec<f64>,
    spreads: Vec<f64>,
    reach: Vec<f64>,
    /// Added, changed, deleted, deleted though absent.
    fates: [usize; 4],
}

impl Counted {
    fn add(&mut self, text: &str, look: bool) {
        let frame: Value = serde_json::from_str(text).unwrap();
        let data = &frame["data"][0];
        let update = frame["action"] == "update";
        let ms = data["ts"].as_str().unwrap().parse().unwrap();
        if !update {
            self.asks.clear();
            self.bids.clear();
        } else {
            self.first_ms.get_or_insert(ms);
            self.last_ms = ms;
            self.updates += 1;
            self.bytes.push(text.len() as f64);
        }
        let mut count = 0;
        for (name, side) in [("asks", &mut self.asks), ("bids", &mut self.bids)] {
            for level in data[name].as_array().unwrap() {
                let number = |index: usize| level[index].as_str().unwrap().parse::<f64>().unwrap();
                let (price, size) = ((number(0) * 1e8).round() as i64, number(1));
                let before = if size == 0.0 { side.remove(&price) } else { side.insert(price, size) };
                let fate = match (size == 0.0, before.is_some()) {
                    (false, false) => 0,
                    (false, true) => 1,
                    (true, true) => 2,
                    (true, false) => 3,
                };
                count += 1;
                self.fates[fate] += usize::from(update);
            }
        }
        if update {
            self.changes.push(f64::from(count));
        }
        let (Some(ask), Some(bid)) = (self.asks.first_key_value(), self.bids.last_key_value()) else { return };
        self.spreads.push((ask.0 - bid.0) as f64 / 1e8);
        if look {
            self.sides.extend([self.asks.len() as f64, self.bids.len() as f64]);
            let mid = (ask.0 + bid.0) as f64 / 2.0;
            let furthest = [self.asks.last_key_value(), self.bids.first_key_value()];
            self.reach.extend(furthest.into_iter().flatten().map(|(price, _)| (*price as f64 / mid - 1.0).abs() * 1e4));
            self.worths.extend(self.asks.iter().chain(&self.bids).map(|(price, size)| *price as f64 / 1e8 * size));
        }
    }

    fn per_second(&self) -> f64 {
        (self.updates - 1) as f64 / (self.last_ms - self.first_ms.unwrap()) as f64 * 1000.0
    }

    fn share(&self, fate: usize) -> f64 {
        self.fates[fate] as f64 / self.fates.iter().sum::<usize>() as f64 * 100.0
    }
}

/// Value at a share of numbers.
fn at(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() as f64 * share) as usize).min(values.len() - 1)]
}

fn recorded(name: &str) -> Option<Counted> {
    let shared =
        std::env::var_os("LEADLINE_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let file = shared.join("data/okx").join(name);
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("left out: {} is not there (LEADLINE_SHARED names the folder)", file.display());
        return None;
    };
    let mut counted = Counted::default();
    for line in text.lines().filter(|line| line.starts_with(r#"{"arg":{"channel":"books","instId":"BTC-USDT""#)) {
        counted.add(line, true);
    }
    Some(counted)
}

fn table(columns: &[(&str, &Counted)]) {
    let row = |name: &str, cell: &dyn Fn(&Counted) -> String| {
        let cells: Vec<String> = columns.iter().map(|(_, counted)| cell(counted)).collect();
        eprintln!("| {name} | {} |", cells.join(" | "));
    };
    let three = |values: &[f64], shares: [f64; 3]| shares.map(|share| format!("{:.0}", at(values, share))).join(" / ");
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    eprintln!("| BTC-USDT | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    row("updates", &|c| c.updates.to_string());
    row("updates a second", &|c| format!("{:.1}", c.per_second()));
    row("levels a side, min / median / max", &|c| three(&c.sides, [0.0, 0.5, 1.0]));
    row("furthest level from the mid, median (bps)", &|c| format!("{:.0}", at(&c.reach, 0.5)));
    row("level worth, 25 % / median / 75 % (USDT)", &|c| three(&c.worths, [0.25, 0.5, 0.75]));
    row("level worth, 90 % / 99 % / max (thousand USDT)", &|c| {
        [0.9, 0.99, 1.0].map(|share| format!("{:.1}", at(&c.worths, share) / 1000.0)).join(" / ")
    });
    row("levels worth under 100 USDT", &|c| {
        format!("{:.0} %", c.worths.iter().filter(|worth| **worth < DUST).count() as f64 / c.worths.len() as f64 * 100.0)
    });
    row("update bytes, min / median / max", &|c| three(&c.bytes, [0.0, 0.5, 1.0]));
    row("changes a frame, min / median / max", &|c| three(&c.changes, [0.0, 0.5, 1.0]));
    row("changes: added / changed / deleted / deleted though absent (%)", &|c| {
        [0, 1, 2, 3].map(|fate| format!("{:.0}", c.share(fate))).join(" / ")
    });
    row("spread, median / 99 % (USDT)", &|c| [0.5, 0.99].map(|share| format!("{:.1}", at(&c.spreads, share))).join(" / "));
}

#[test]
fn the_generated_market_lies_near_the_recorded_books() {
    let mut generated = Counted::default();
    for (number, text) in frames(&Generated { pairs: 1, ..Generated::default() }).unwrap().take(FRAMES).enumerate() {
        generated.add(&text, number % EACH == 0);
    }
    let recordings = [("recorded 2026-08", "okx_v5_books_20260824.ndjson"), ("recorded 2022-05", "okx_v5_books_20220513.ndjson")];
    let recorded: Vec<(&str, Counted)> = recordings.into_iter().filter_map(|(name, file)| Some((name, recorded(file)?))).collect();
    let mut columns = vec![("generated", &generated)];
    columns.extend(recorded.iter().map(|(name, counted)| (*name, counted)));
    table(&columns);

    assert_eq!([at(&generated.sides, 0.0), at(&generated.sides, 1.0)], [400.0, 400.0]);
    // Each figure between half the lowest and twice the highest recorded one.
    let near = |name: &str, figure: &dyn Fn(&Counted) -> f64| {
        let figures: Vec<f64> = recorded.iter().map(|(_, counted)| figure(counted)).collect();
        let (low, high) = figures.iter().fold((f64::MAX, 0.0_f64), |(low, high), figure| (low.min(*figure), high.max(*figure)));
        let own = figure(&generated);
        assert!(recorded.is_empty() || (low / 2.0..=high * 2.0).contains(&own), "{name}: {own} against {low} to {high}");
    };
    near("updates a second", &Counted::per_second);
    near("furthest level", &|c| at(&c.reach, 0.5));
    near("median worth", &|c| at(&c.worths, 0.5));
    near("worth at 75 %", &|c| at(&c.worths, 0.75));
    near("worth at 90 %", &|c| at(&c.worths, 0.9));
    near("worth at 99 %", &|c| at(&c.worths, 0.99));
    near("median bytes", &|c| at(&c.bytes, 0.5));
    near("median changes", &|c| at(&c.changes, 0.5));
    near("share added", &|c| c.share(0));
    near("share changed", &|c| c.share(1));
    near("share deleted", &|c| c.share(2));
    near("median spread", &|c| at(&c.spreads, 0.5));
}
