//! What the analysis says about simulated markets in which it is known what happened.
#![allow(clippy::unwrap_used)] // A test that can't go on fails.

use leadline_plugin::harness::{self, Harness, number, text};
use leadline_plugin::synthetic::{Market, Random, Settings, instrument};
use leadline_plugin::{Continuity, Outcome, Plugin as _, Reading, Side, Snapshot, Trust, Value};
use liquidity::LiquidityPlugin;
use proptest::prelude::*;

/// One book a second, 2 × 260 levels 0.1 bps apart; sizes wander by a few percent.
struct Simulation {
    random: Random,
    second: u64,
    spread_bps: f64,
    size: f64,
    noise: f64,
}

impl Simulation {
    /// Begins on the full minute, so that minutes of the simulation are minutes of the clock.
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), second: 1_700_000_040, spread_bps: 0.02, size: 10.0, noise: 0.02 }
    }

    fn book(&mut self) -> Snapshot {
        self.second += 1;
        let mut side = |sign: f64| {
            let mut side = Side { prices: vec![], sizes: vec![], orders: vec![] };
            let wander = 1.0 + self.noise * (self.random.uniform() - 0.5);
            for level in 0..260 {
                side.prices.push(1000.0 * (1.0 + sign * (self.spread_bps / 2.0 + 0.1 * f64::from(level)) * 1e-4));
                side.sizes.push(self.size * wander);
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
            bids: side(-1.0),
            asks: side(1.0),
            extra: vec![],
        }
    }

    fn run(&mut self, plugin: &mut Harness<LiquidityPlugin>, seconds: usize) -> Vec<Reading> {
        (0..seconds).flat_map(|_| plugin.run([&self.book()]).unwrap()).collect()
    }
}

fn open(parameters: &str) -> Harness<LiquidityPlugin> {
    Harness::open(&instrument(0.1), parameters).unwrap()
}

fn last(readings: &[Reading]) -> &Reading {
    readings.last().unwrap()
}

fn index(reading: &Reading) -> f64 {
    number(reading, "liquidity_index").unwrap()
}

fn state(reading: &Reading) -> &str {
    text(reading, "liquidity_alert").unwrap_or("")
}

fn component(reading: &Reading, pointer: &str) -> f64 {
    let json: serde_json::Value = serde_json::from_str(text(reading, "components").unwrap()).unwrap();
    json.pointer(pointer).and_then(serde_json::Value::as_f64).unwrap()
}

#[test]
fn warming_names_what_is_missing_and_gives_no_number() {
    let readings = Simulation::new(1).run(&mut open(""), 3800);
    let told = |second: usize| match &readings[second - 1].outcome {
        Outcome::Warming(reason) => format!("warming {} {}", reason.code, reason.remaining_ms.unwrap()),
        Outcome::Provisional(reason) => format!("provisional {} {}", reason.code, reason.remaining_ms.unwrap()),
        Outcome::Ok => "ok".to_owned(),
        other => format!("{other:?}"),
    };
    // 60 s for the bands, which a book more makes known; then the minutes of the clock, the first of them a second short.
    assert_eq!(told(1), "warming bands 360000");
    assert_eq!(told(60), "warming bands 301000");
    assert_eq!(told(61), "warming baseline 300000");
    assert_eq!(told(121), "warming baseline 240000");
    assert_eq!(told(360), "warming baseline 60000");
    assert_eq!(told(361), "provisional baseline 3300000");
    assert_eq!(told(3660), "provisional baseline 60000");
    assert_eq!(told(3661), "ok");
    for reading in &readings[..360] {
        assert!(reading.fields.iter().all(|field| field.value == Value::None), "{reading:?}");
    }
    assert_eq!((state(&readings[360]), index(&readings[360]).round()), ("normal", 100.0));
    assert_eq!(number(&readings[360], "trend"), None, "no trend from a minute or two");
    assert_eq!(number(&readings[3661], "baseline_age"), Some(60.0));
    assert_eq!(harness::keeps_descriptor::<LiquidityPlugin>(&readings), Ok(()));
}

#[test]
fn half_the_depth_at_twice_the_spread_is_about_half_as_liquid_and_alerts_when_it_lasts() {
    let (mut simulation, mut plugin) = (Simulation::new(2), open(""));
    let readings = simulation.run(&mut plugin, 3700);
    assert!(readings[361..].iter().all(|reading| (index(reading) - 100.0).abs() < 3.0 && state(reading) == "normal"));
    simulation.size /= 2.2;
    simulation.spread_bps *= 2.0;
    let readings = simulation.run(&mut plugin, 1800);
    // 2.2 times less depth at 2.2 times the slippage and twice the spread: 100·exp(-(0.2·ln 2 + 0.8·ln 2.2)) = 46.3, but for levels being steps.
    assert!((index(last(&readings)) - 46.3).abs() < 1.5, "{}", index(last(&readings)));
    // The median of a minute follows after half of it. Of a mean over ten minutes 37 % are that low after 4.7 minutes, 90 % after 23.
    let changes: Vec<_> =
        readings.iter().enumerate().flat_map(|(i, reading)| reading.notices.iter().map(move |notice| (i, notice.code.as_str()))).collect();
    assert!(matches!(changes[..], [(290..=330, "liquidity_warning"), (1200..=1600, "liquidity_alert")]), "{changes:?}");
    assert!((number(last(&readings), "lasting").unwrap() - 48.5).abs() < 2.0, "{:?}", number(last(&readings), "lasting"));
    assert_eq!(number(last(&readings), "warning_line"), Some(75.0));
    assert_eq!(state(last(&readings)), "alert");
    simulation.size *= 2.2;
    simulation.spread_bps /= 2.0;
    let readings = simulation.run(&mut plugin, 1500);
    assert_eq!(state(last(&readings)), "normal");
}

#[test]
fn the_cost_is_the_closed_form_and_the_volume_a_twentieth_of_the_depth() {
    let (mut simulation, mut plugin) = (Simulation::new(3), open(""));
    let readings = simulation.run(&mut plugin, 400);
    let reading = last(&readings);
    let (volume, usual) = (component(reading, "/cost_bps/volume"), component(reading, "/depth_3/usual"));
    assert!((volume / usual - 0.05).abs() < 0.001, "{volume} of {usual}");
    // Density: 10 base units at 1000 every 0.1 bps. Levels are steps: half a gap a side.
    let exact = 0.02 + volume / (10.0 * 1000.0 / 0.1) - 0.1;
    assert!((component(reading, "/cost_bps/value") - exact).abs() < 0.03, "{} for {exact}", component(reading, "/cost_bps/value"));
}

#[test]
fn a_renewed_volume_is_linked_without_a_jump_of_the_index() {
    let (mut simulation, mut plugin) = (Simulation::new(4), open(""));
    simulation.run(&mut plugin, 61);
    simulation.size *= 3.0;
    let before = simulation.run(&mut plugin, 7180);
    simulation.run(&mut plugin, 60);
    let after = simulation.run(&mut plugin, 120);
    let volumes = [last(&before), last(&after)].map(|reading| component(reading, "/cost_bps/volume"));
    assert!((volumes[1] / volumes[0] - 3.0).abs() < 0.05, "{volumes:?}");
    assert!((component(last(&after), "/cost_bps/usual") / component(last(&after), "/cost_bps/value") - 1.0).abs() < 0.05);
    assert!((index(last(&before)) - index(last(&after))).abs() < 2.0);
    assert!(after.iter().all(|reading| state(reading) == "normal"));
}

#[test]
fn an_exhausted_side_costs_ten_thousand_and_is_flagged() {
    let (mut simulation, mut plugin) = (Simulation::new(5), open(""));
    simulation.run(&mut plugin, 400);
    simulation.size /= 100.0;
    let readings = simulation.run(&mut plugin, 60);
    assert_eq!(component(last(&readings), "/cost_bps/value"), 10_000.0);
    assert!(text(last(&readings), "components").unwrap().contains("\"exhausted\":true"));
    assert!(index(last(&readings)) < 30.0);
    assert_eq!(state(last(&readings)), "alert", "at once");
}

#[test]
fn depth_that_drains_within_an_hour_warns_before_it_is_gone() {
    let (mut simulation, mut plugin) = (Simulation::new(6), open(""));
    simulation.run(&mut plugin, 3600);
    let mut notices = vec![];
    for second in 0..3600 {
        // Half of the depth, and slippage that much higher, within an hour.
        simulation.size = 10.0 * (1.0 - 0.5 * f64::from(second) / 3600.0);
        let readings = simulation.run(&mut plugin, 1);
        notices.extend(readings[0].notices.iter().map(|notice| (second, notice.code.clone())));
    }
    assert!(matches!(&notices[..], [(1800..=3300, code)] if code == "liquidity_warning"), "{notices:?}");
    let trend = simulation.run(&mut plugin, 60);
    assert!(number(last(&trend), "trend").unwrap() < -25.0 && number(last(&trend), "trend_p").unwrap() < 0.01);
}

#[test]
fn a_minute_of_half_the_depth_is_nothing_that_lasts() {
    let (mut simulation, mut plugin) = (Simulation::new(10), open(""));
    simulation.run(&mut plugin, 3700);
    simulation.size /= 2.2;
    let readings = simulation.run(&mut plugin, 90);
    assert!(index(last(&readings)) < 60.0 && readings.iter().all(|reading| state(reading) == "normal"));
}

#[test]
fn a_recording_that_starts_over_goes_on_warming() {
    let mut simulation = Simulation::new(7);
    let recording: Vec<_> = (0..11).map(|_| simulation.book()).collect();
    let mut plugin = open("");
    for _ in 0..100 {
        let mut books = recording.clone();
        books[0].continuity = Continuity::Restarted;
        let readings = plugin.run(&books).unwrap();
        assert!(matches!(last(&readings).outcome, Outcome::Warming(_)));
    }
}

#[test]
fn a_gap_warms_the_minute_up_again_and_a_day_without_books_everything() {
    let (mut simulation, mut plugin) = (Simulation::new(8), open(""));
    simulation.run(&mut plugin, 900);
    simulation.second += 600;
    let readings = simulation.run(&mut plugin, 40);
    assert!(matches!(&readings[0].outcome, Outcome::Warming(reason) if reason.code == "minute"), "{:?}", readings[0].outcome);
    assert!(matches!(last(&readings).outcome, Outcome::Provisional(_)));
    simulation.second += 86_400;
    let readings = simulation.run(&mut plugin, 2);
    assert!(matches!(&last(&readings).outcome, Outcome::Warming(reason) if reason.code == "bands"));
}

#[test]
fn a_state_is_refused_when_it_is_garbage_or_of_something_else() {
    let mut plugin = open("");
    Simulation::new(9).run(&mut plugin, 100);
    let saved = plugin.plugin().save().unwrap();
    assert_eq!(open("").plugin().restore("0.1.0", "", &saved), Ok(()));
    assert!(open(r#"{"volume_percent": 6}"#).plugin().restore("0.1.0", "", &saved).unwrap_err().contains("other parameters"));
    let mut other = instrument(0.1);
    other.id = "ETH-USDT".to_owned();
    assert!(Harness::<LiquidityPlugin>::open(&other, "").unwrap().plugin().restore("0.1.0", "", &saved).unwrap_err().contains("ETH-USDT"));
    for garbage in [&b""[..], &b"{}"[..], &saved[..saved.len() / 2], &[7_u8; 4000][..]] {
        assert!(open("").plugin().restore("0.1.0", "", garbage).is_err());
    }
    assert!(Harness::<LiquidityPlugin>::open(&instrument(0.1), r#"{"weight_spread": 0, "weight_cost": 0}"#).is_err());
}

fn lively(seed: u64, seconds: usize) -> Vec<Snapshot> {
    let settings = Settings { levels: 60, gap_bps: 1.0, sigma: 1.0, changes: 6, step_ms: 1000, ..Settings::default() };
    Market::new(seed, settings).take(seconds)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn keeps_the_common_properties(seed in any::<u64>(), cut in any::<prop::sample::Index>(), factor in 0.001_f64..1000.0) {
        let (instrument, books) = (instrument(0.1), lively(seed, 600));
        let readings = harness::readings::<LiquidityPlugin>(&instrument, "", &books).unwrap();
        prop_assert!(number(last(&readings), "liquidity_index").is_some());
        prop_assert_eq!(harness::keeps_descriptor::<LiquidityPlugin>(&readings), Ok(()));
        prop_assert_eq!(harness::deterministic::<LiquidityPlugin>(&instrument, "", &books), Ok(()));
        prop_assert_eq!(harness::survives_restore::<LiquidityPlugin>(&instrument, "", &books, cut.index(books.len())), Ok(()));

        // Each book about its own mid: about one fixed price the distances would move with the mid, and levels across the bands' edges.
        let mirror = |book: &Snapshot| {
            let mid = 0.5 * (book.bids.prices[0] + book.asks.prices[0]);
            harness::mirrored(std::slice::from_ref(book), mid, instrument.kind)
        };
        for (changed, tolerance) in [
            (harness::scaled_sizes(&books, factor), 1e-6),
            (harness::scaled_prices(&books, 4.0), 1e-6),
            // In a mirror a buy's harmonic mean becomes a sell's.
            (books.iter().flat_map(mirror).collect(), 0.1),
        ] {
            let other = harness::readings::<LiquidityPlugin>(&instrument, "", &changed).unwrap();
            prop_assert!((index(last(&readings)) - index(last(&other))).abs() < tolerance);
            prop_assert_eq!(state(last(&readings)), state(last(&other)));
        }
    }

    #[test]
    fn a_small_change_of_one_size_changes_the_index_a_little(seed in any::<u64>(), level in 0_usize..60) {
        let (instrument, books) = (instrument(0.1), lively(seed, 450));
        let mut moved = books.clone();
        for book in moved.iter_mut().skip(books.len() - 50) {
            book.asks.sizes[level] *= 1.0 + 1e-9;
        }
        let found = |books: &[Snapshot]| index(last(&harness::readings::<LiquidityPlugin>(&instrument, "", books).unwrap()));
        prop_assert!((found(&books) - found(&moved)).abs() < 1e-4);
    }
}

#[test]
fn invalid_books_change_nothing() {
    assert_eq!(harness::unmoved_by_invalid_books::<LiquidityPlugin>(&instrument(0.1), "", &lively(1, 500)), Ok(()));
}
