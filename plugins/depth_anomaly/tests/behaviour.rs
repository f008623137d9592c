//! What the analysis says about simulated markets in which it is known what happened.
#![allow(clippy::unwrap_used)] // A test that can't go on fails.

use depth_anomaly::DepthAnomalyPlugin;
use leadline_plugin::harness::{self, Harness, number, text};
use leadline_plugin::synthetic::{Market, Random, Settings, instrument};
use leadline_plugin::{Continuity, Outcome, Plugin as _, Reading, Severity, Side, Snapshot, Trust};
use proptest::prelude::*;

/// The first books with a reading: a sample is known when the next book comes, and 60 fix the bands.
const PROVISIONAL_AT: usize = 60 + 60 + 1;
const COMPLETE_AT: usize = 60 + 300 + 1;

/// One book a second. The depth of each side follows an AR(1) in ln depth (φ 0.97, σ 0.15); a script changes it on top of that.
struct Simulation {
    random: Random,
    second: u64,
    mid: f64,
    wander: [f64; 2],
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), second: 1_700_000_000, mid: 30_000.0, wander: [0.0; 2] }
    }

    /// The next book; `factor(side, bps)` multiplies sizes.
    fn book(&mut self, factor: impl Fn(usize, f64) -> f64) -> Snapshot {
        self.second += 1;
        for wander in &mut self.wander {
            *wander = 0.97 * *wander + 0.15 * (1.0 - 0.97_f64 * 0.97).sqrt() * self.random.normal();
        }
        let mut side = |index: usize| {
            let mut side = Side { prices: vec![], sizes: vec![], orders: vec![] };
            for level in 0..100 {
                let bps = 0.1 + 0.4 * f64::from(level);
                let sign = if index == 0 { -1.0 } else { 1.0 };
                side.prices.push(self.mid * (1.0 + sign * bps * 1e-4));
                side.sizes.push((1.0 + 0.05 * self.random.normal()).max(0.1) * self.wander[index].exp() * factor(index, bps));
                side.orders.push(1);
            }
            side
        };
        Snapshot {
            time_ms: self.second * 1000 - 300,
            sequence: None,
            trust: Trust::Chain,
            continuity: Continuity::Continued,
            skipped: 0,
            bids: side(0),
            asks: side(1),
            extra: vec![],
        }
    }

    fn calm(&mut self, seconds: usize) -> Vec<Snapshot> {
        (0..seconds).map(|_| self.book(|_, _| 1.0)).collect()
    }
}

fn open(parameters: &str) -> Harness<DepthAnomalyPlugin> {
    Harness::open(&instrument(0.1), parameters).unwrap()
}

fn state(reading: &Reading) -> &str {
    text(reading, "depth_anomaly_alert").unwrap_or("")
}

fn last(readings: &[Reading]) -> &Reading {
    readings.last().unwrap()
}

fn codes(readings: &[Reading]) -> Vec<(Severity, &str)> {
    readings.iter().flat_map(|reading| &reading.notices).map(|notice| (notice.severity, notice.code.as_str())).collect()
}

#[test]
fn warming_names_what_is_missing_and_gives_no_number() {
    let readings = open("").run(&Simulation::new(1).calm(400)).unwrap();
    let kind = |at: usize| match &readings[at - 1].outcome {
        Outcome::Warming(reason) => format!("warming {} {}", reason.code, reason.remaining_ms.unwrap()),
        Outcome::Provisional(reason) => format!("provisional {} {}", reason.code, reason.remaining_ms.unwrap()),
        Outcome::Ok => "ok".to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!(kind(1), "warming bands 120000");
    assert_eq!(kind(60), "warming bands 61000");
    assert_eq!(kind(61), "warming baseline 60000");
    assert_eq!(kind(PROVISIONAL_AT - 1), "warming baseline 1000");
    assert_eq!(kind(PROVISIONAL_AT), "provisional baseline 240000");
    assert_eq!(kind(COMPLETE_AT - 1), "provisional baseline 1000");
    assert_eq!(kind(COMPLETE_AT), "ok");
    for reading in &readings[..PROVISIONAL_AT - 1] {
        assert!(reading.fields.iter().all(|field| field.value == leadline_plugin::Value::None), "{reading:?}");
    }
    assert_eq!(state(&readings[PROVISIONAL_AT - 1]), "normal");
    assert_eq!(harness::keeps_descriptor::<DepthAnomalyPlugin>(&readings), Ok(()));
}

/// At once, or in two steps.
/// What a price that runs leaves beside it: next to nothing within the inner bands, everything beyond.
#[test]
fn a_hole_beside_the_touch_raises_nothing_when_it_fills_within_seconds_and_a_warning_when_it_stays() {
    let warns = |parameters: &str, seconds: usize| {
        let mut simulation = Simulation::new(3);
        let mut books = simulation.calm(COMPLETE_AT + 100);
        books.extend((0..seconds).map(|_| simulation.book(|side, bps| if side == 0 && bps < 11.0 { 0.03 } else { 1.0 })));
        books.extend(simulation.calm(30));
        let readings = open(parameters).run(&books).unwrap();
        readings.iter().any(|reading| state(reading) != "normal" && text(reading, "direction") == Some("withdrawal"))
    };
    assert!(warns(r#"{"level_seconds":1}"#, 1), "far enough off");
    assert_eq!([1, 2, 4].map(|seconds| warns("", seconds)), [false; 3]);
    assert!(warns("", 5));
}

#[test]
fn half_of_one_side_gone_is_found_within_two_samples_and_the_side_named() {
    let (mut found, mut alarmed_on_nothing) = (0, 0);
    for seed in 0..40 {
        let hit = (seed % 2) as usize;
        let mut simulation = Simulation::new(seed);
        let mut plugin = open("");
        let calm = plugin.run(&simulation.calm(900)).unwrap();
        alarmed_on_nothing += usize::from(calm[COMPLETE_AT..].iter().any(|reading| state(reading) != "normal"));
        // The book on second 1 is the sample that the book on second 2 makes known.
        let steps = if seed < 20 { [0.5, 0.5, 0.5] } else { [0.75, 0.5, 0.5] };
        let books: Vec<_> = steps.map(|left| simulation.book(|side, _| if side == hit { left } else { 1.0 })).into();
        let readings = plugin.run(&books).unwrap();
        if let Some(reading) = readings.iter().find(|reading| state(reading) != "normal") {
            found += 1;
            assert_eq!(text(reading, "side"), Some(["bid", "ask"][hit]), "seed {seed}");
            assert_eq!(text(reading, "direction"), Some("withdrawal"), "seed {seed}");
            assert!(number(reading, "depth_anomaly_score").unwrap() >= 50.0, "seed {seed}");
        }
    }
    assert_eq!(found, 40, "withdrawals");
    assert_eq!(alarmed_on_nothing, 0, "calm stretches");
}

#[test]
fn a_price_jump_with_the_book_moving_along_raises_nothing() {
    let mut simulation = Simulation::new(3);
    let mut plugin = open("");
    plugin.run(&simulation.calm(900)).unwrap();
    simulation.mid *= 1.02;
    let readings = plugin.run(&simulation.calm(30)).unwrap();
    assert!(readings.iter().all(|reading| state(reading) == "normal" && number(reading, "depth_anomaly_score").unwrap() < 50.0));
}

#[test]
fn a_surge_is_a_warning_at_most_unless_a_parameter_says_otherwise() {
    for (parameters, worst) in [("", "warning"), (r#"{"surge_alerts": true}"#, "alert")] {
        let mut simulation = Simulation::new(4);
        let mut plugin = open(parameters);
        plugin.run(&simulation.calm(900)).unwrap();
        let books: Vec<_> = (0..10).map(|_| simulation.book(|side, _| if side == 1 { 5.0 } else { 1.0 })).collect();
        let readings = plugin.run(&books).unwrap();
        assert_eq!(state(last(&readings)), worst);
        assert_eq!(text(last(&readings), "direction"), Some("surge"));
        assert_eq!(text(last(&readings), "side"), Some("ask"));
        assert!(readings.iter().all(|reading| worst == "alert" || state(reading) != "alert"));
    }
}

fn json(reading: &Reading, name: &str) -> serde_json::Value {
    serde_json::from_str(text(reading, name).unwrap()).unwrap()
}

#[test]
fn the_innermost_band_alone_raises_nothing() {
    let mut simulation = Simulation::new(5);
    let mut plugin = open("");
    plugin.run(&simulation.calm(900)).unwrap();
    // The innermost 5 bps lose 95 %; what leaves comes to rest between 6 and 10 bps, so that the wider bands keep their depth.
    let books: Vec<_> = (0..10)
        .map(|_| {
            simulation.book(|side, bps| match bps {
                bps if side == 0 && bps <= 5.0 => 0.05,
                bps if side == 0 && bps <= 10.0 => 1.95,
                _ => 1.0,
            })
        })
        .collect();
    let readings = plugin.run(&books).unwrap();
    assert!(json(last(&readings), "bands")[0]["deviations"].as_f64().unwrap() > 8.0);
    assert_eq!(state(last(&readings)), "normal");
}

/// The notional of a band is mostly its giants, and it halves when one of them goes; that is for large_orders and support_resistance to tell.
#[test]
fn one_giant_that_goes_is_no_withdrawal_of_depth() {
    let mut simulation = Simulation::new(12);
    let mut plugin = open("");
    let with = |mut book: Snapshot, giant: bool| {
        book.bids.sizes[20] = if giant { 100.0 } else { 1.0 };
        book
    };
    let books: Vec<_> = (0..930).map(|second| with(simulation.book(|_, _| 1.0), second < 900)).collect();
    let readings = plugin.run(&books).unwrap();
    assert!(number(last(&readings), "below_baseline").unwrap() > 50.0, "the depth within 10 bps and more is less than half");
    let about_it = &readings[900..910];
    assert!(about_it.iter().all(|reading| json(reading, "evidence")["bid"]["withdrawal"]["shock"].as_f64() < Some(0.5)), "{about_it:?}");
}

#[test]
fn depth_drawn_over_half_a_minute_is_a_drift() {
    let mut simulation = Simulation::new(13);
    let mut plugin = open("");
    plugin.run(&simulation.calm(900)).unwrap();
    let books: Vec<_> = (0..45)
        .map(|second| simulation.book(|side, _| if side == 1 { 0.2_f64.powf((f64::from(second) / 30.0).min(1.0)) } else { 1.0 }))
        .collect();
    let readings = plugin.run(&books).unwrap();
    let found = readings.iter().find(|reading| state(reading) != "normal").unwrap();
    assert_eq!((text(found, "side"), text(found, "direction")), (Some("ask"), Some("withdrawal")));
    assert!(json(found, "evidence")["ask"]["withdrawal"]["drift"].as_f64().unwrap() >= 1.0);
}

#[test]
fn the_way_back_takes_ten_calm_seconds_and_each_change_is_told_once() {
    let mut simulation = Simulation::new(6);
    let mut plugin = open("");
    plugin.run(&simulation.calm(900)).unwrap();
    let half: Vec<_> = (0..5).map(|_| simulation.book(|side, _| if side == 0 { 0.2 } else { 1.0 })).collect();
    let readings = plugin.run(&half).unwrap();
    assert_eq!(state(last(&readings)), "alert");
    assert_eq!(codes(&readings), [(Severity::Alert, "depth_alert")]);
    let readings = plugin.run(&simulation.calm(120)).unwrap();
    assert!(readings[..10].iter().all(|reading| state(reading) == "alert"));
    assert_eq!(state(last(&readings)), "normal");
    // The way back up is a surge, so the state outlasts the calm of one direction alone; it ends once.
    assert_eq!(codes(&readings), [(Severity::Normal, "depth_normal")]);
}

#[test]
fn an_alarm_within_the_cool_down_is_told_when_it_ends_if_it_lasts() {
    let mut simulation = Simulation::new(7);
    let mut plugin = open(r#"{"cool_down": 300}"#);
    plugin.run(&simulation.calm(900)).unwrap();
    let mut at_fifth = |plugin: &mut Harness<DepthAnomalyPlugin>, seconds: usize, factor: f64| {
        let books: Vec<_> = (0..seconds).map(|_| simulation.book(|side, _| if side == 0 { factor } else { 1.0 })).collect();
        plugin.run(&books).unwrap()
    };
    let told: Vec<_> = [(5, 0.2), (120, 1.0), (100, 0.2), (120, 0.2)]
        .into_iter()
        .map(|(seconds, factor)| codes(&at_fifth(&mut plugin, seconds, factor)).len())
        .collect();
    // Raised, back, raised again 125 s later (not told), told when 300 s have passed.
    assert_eq!(told, [1, 1, 0, 1]);
}

#[test]
fn depth_that_stays_away_becomes_usual_after_ten_minutes() {
    let mut simulation = Simulation::new(8);
    let mut plugin = open("");
    plugin.run(&simulation.calm(900)).unwrap();
    let books: Vec<_> = (0..700).map(|_| simulation.book(|side, _| if side == 0 { 0.2 } else { 1.0 })).collect();
    let readings = plugin.run(&books).unwrap();
    assert!(readings[5..600].iter().all(|reading| state(reading) == "alert"), "the baseline stands still");
    assert_eq!(state(last(&readings)), "normal");
    assert_eq!(
        codes(&readings),
        [(Severity::Alert, "depth_alert"), (Severity::Warning, "regime_change"), (Severity::Normal, "depth_normal")]
    );
    assert!(number(last(&readings), "below_baseline").unwrap() < 50.0);
}

#[test]
fn a_gap_that_empties_the_window_begins_a_new_warm_up() {
    let mut simulation = Simulation::new(9);
    let mut plugin = open("");
    plugin.run(&simulation.calm(400)).unwrap();
    simulation.second += 800;
    let readings = plugin.run(&simulation.calm(2)).unwrap();
    // 60 of the 800 seconds repeat the book before; of the window 900 - 740 are left, less one before the next book.
    assert!(
        matches!(&readings[0].outcome, Outcome::Provisional(reason) if reason.remaining_ms == Some(141_000)),
        "{:?}",
        readings[0].outcome
    );
    simulation.second += 3600;
    let readings = plugin.run(&simulation.calm(2)).unwrap();
    assert!(matches!(&last(&readings).outcome, Outcome::Warming(reason) if reason.code == "bands"), "{:?}", last(&readings).outcome);
}

#[test]
fn a_recording_that_starts_over_keeps_its_windows() {
    let recording = Simulation::new(10).calm(30);
    let mut plugin = open("");
    let mut readings = Vec::new();
    for _ in 0..20 {
        let mut books = recording.clone();
        books[0].continuity = Continuity::Restarted;
        readings.extend(plugin.run(&books).unwrap());
    }
    assert_eq!(last(&readings).outcome, Outcome::Ok);
    assert!(readings.iter().all(|reading| ["", "normal"].contains(&state(reading))), "the step back in time was taken for one of depth");
}

#[test]
fn a_state_is_refused_when_it_is_garbage_or_of_something_else() {
    let mut plugin = open("");
    plugin.run(&Simulation::new(11).calm(100)).unwrap();
    let saved = plugin.plugin().save().unwrap();
    assert_eq!(open("").plugin().restore("0.1.0", "", &saved), Ok(()));
    assert!(open(r#"{"window": 600}"#).plugin().restore("0.1.0", "", &saved).unwrap_err().contains("other parameters"));
    let mut other = instrument(0.1);
    other.id = "ETH-USDT".to_owned();
    assert!(
        Harness::<DepthAnomalyPlugin>::open(&other, "").unwrap().plugin().restore("0.1.0", "", &saved).unwrap_err().contains("ETH-USDT")
    );
    for garbage in [&b""[..], &b"{}"[..], &saved[..saved.len() / 2], &[7_u8; 4000][..]] {
        assert!(open("").plugin().restore("0.1.0", "", garbage).is_err());
    }
}

/// A market like a real one, five frames a second, with a withdrawal in it.
fn lively(seed: u64, seconds: usize) -> Vec<Snapshot> {
    let settings = Settings { levels: 60, gap_bps: 1.0, sigma: 1.0, changes: 6, step_ms: 200, ..Settings::default() };
    let mut books = Market::new(seed, settings).take(5 * seconds);
    for book in books.iter_mut().skip(5 * seconds * 3 / 4) {
        book.bids.sizes.iter_mut().for_each(|size| *size *= 0.25);
    }
    books
}

/// Numbers of two runs, but for rounding; states equal.
fn alike(left: &[Reading], right: &[Reading], names: &[&str]) -> Result<(), TestCaseError> {
    for (left, right) in left.iter().zip(right) {
        prop_assert_eq!(std::mem::discriminant(&left.outcome), std::mem::discriminant(&right.outcome));
        prop_assert_eq!(state(left), state(right));
        for name in names {
            let (a, b) = (number(left, name), number(right, name));
            prop_assert_eq!(a.is_some(), b.is_some());
            prop_assert!((a.unwrap_or(0.0) - b.unwrap_or(0.0)).abs() < 1e-6, "{}: {:?} {:?}", name, a, b);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn keeps_the_common_properties(seed in any::<u64>(), cut in any::<prop::sample::Index>(), factor in 0.001_f64..1000.0) {
        let (instrument, books) = (instrument(0.1), lively(seed, 200));
        let readings = harness::readings::<DepthAnomalyPlugin>(&instrument, "", &books).unwrap();
        prop_assert!(number(last(&readings), "depth_anomaly_score").is_some());
        prop_assert_eq!(harness::keeps_descriptor::<DepthAnomalyPlugin>(&readings), Ok(()));
        prop_assert_eq!(harness::deterministic::<DepthAnomalyPlugin>(&instrument, "", &books), Ok(()));
        prop_assert_eq!(harness::survives_restore::<DepthAnomalyPlugin>(&instrument, "", &books, cut.index(books.len())), Ok(()));

        let names = ["depth_anomaly_score", "below_baseline"];
        let run = |books: &[Snapshot]| harness::readings::<DepthAnomalyPlugin>(&instrument, "", books).unwrap();
        alike(&readings, &run(&harness::scaled_sizes(&books, factor)), &names)?;
        alike(&readings, &run(&harness::scaled_prices(&books, 4.0)), &names)?;
        // Scaled by this, distances differ in their last bits, and a level on the edge of a band may change sides; a power of two keeps them.
        let pivot = 0.5 * (books[0].bids.prices[0] + books[0].asks.prices[0]);
        let mirror = run(&harness::mirrored(&books, pivot, instrument.kind));
        let side = |reading: &Reading| text(reading, "side").map(str::to_owned);
        let other = |side: Option<String>| side.map(|side| match side.as_str() { "bid" => "ask".to_owned(), "ask" => "bid".to_owned(), _ => side });
        prop_assert_eq!(last(&readings).notices.len(), last(&mirror).notices.len());
        prop_assert_eq!(side(last(&readings)), other(side(last(&mirror))));
    }

    #[test]
    fn a_small_change_of_one_size_changes_scores_a_little(seed in any::<u64>(), level in 0_usize..60) {
        let (instrument, books) = (instrument(0.1), lively(seed, 150));
        let mut moved = books.clone();
        for book in moved.iter_mut().skip(books.len() - 10) {
            book.asks.sizes[level] *= 1.0 + 1e-9;
        }
        let score = |books: &[Snapshot]| number(last(&harness::readings::<DepthAnomalyPlugin>(&instrument, "", books).unwrap()), "depth_anomaly_score").unwrap();
        prop_assert!((score(&books) - score(&moved)).abs() < 1e-5);
    }
}

#[test]
fn invalid_books_change_nothing() {
    assert_eq!(harness::unmoved_by_invalid_books::<DepthAnomalyPlugin>(&instrument(0.1), "", &lively(1, 130)), Ok(()));
}
