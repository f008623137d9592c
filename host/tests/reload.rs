//! Plugins exchanged while the lanes run: no book missed, none analysed twice, state carried over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use leadline_host::analysis::{Analyst, Budget, Call, Crew, Engine, Outcome, Plugin, Reading, Sink};
use leadline_host::clock::Arrival;
use leadline_market::{Book, Columns, Continuity, Instrument, Trust, infer};
use support::{DEADLINE, components};

/// A book of 100 levels a side whose sizes change from second to second.
fn book(second: u64) -> Arc<Book> {
    let mut dice = second.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut side = |sign: f64| Columns {
        prices: (1..=100).map(|i| 10_000.0 + sign * f64::from(i)).collect(),
        sizes: (1..=100)
            .map(|_| {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                1.0 + (dice % 100) as f64 / 10.0
            })
            .collect(),
        orders: vec![1; 100],
    };
    Arc::new(Book {
        time_ms: 1_700_000_000_000 + second * 1000,
        sequence: i64::try_from(second).ok(),
        trust: Trust::Chain,
        continuity: if second == 0 { Continuity::Restarted } else { Continuity::Continued },
        crossed: false,
        bids: side(-1.0),
        asks: side(1.0),
    })
}

fn load(engine: &Engine, folder: &str, name: &str) -> Arc<Plugin> {
    let budget = Budget { deadline: DEADLINE, ..Budget::default() };
    Arc::new(Plugin::load(engine, &components(folder).join(format!("{name}.wasm")), budget).expect("it loads"))
}

fn pair(base: &str) -> (Arc<str>, Arc<Instrument>) {
    let instrument = Arc::new(infer(&format!("{base}-USDT"), 1, 0));
    (Arc::from(instrument.id.as_str()), instrument)
}

/// `LEADLINE_SWAPS` asks for more.
fn swaps() -> u64 {
    std::env::var("LEADLINE_SWAPS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

#[test]
fn swaps_under_load_miss_no_book_and_analyse_none_twice_on_the_memory_lane() {
    let engine = Engine::new().expect("an engine");
    let versions = [load(&engine, "plugins", "support_resistance"), load(&engine, "plugins", "support_resistance")];
    let readings = Arc::new(Mutex::new(Vec::<Reading>::new()));
    let kept = Arc::clone(&readings);
    let sink: Sink = Arc::new(move |reading| kept.lock().expect("whole").push(reading));
    let crew = Crew::start(&versions[..1], &sink).expect("threads");
    let pairs: Vec<_> = (0..10).map(|n| pair(&format!("C{n}"))).collect();
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let round = rounds.load(Ordering::Relaxed);
                let book = book(round);
                for (pair, instrument) in &pairs {
                    crew.memory.all().iter().for_each(|desk| desk.offer(pair, instrument, &book, Arrival::now()));
                }
                rounds.store(round + 1, Ordering::Relaxed);
                std::thread::yield_now();
            }
        });
        for swap in 1..=swaps() {
            let to = &versions[usize::from(swap % 2 == 1)];
            let before = to.health().tally.calls;
            crew.exchange(to).recv_timeout(DEADLINE).expect("it ends").expect("it takes over");
            // The next swap comes once this version has been at work.
            while to.health().tally.calls < before + 20 {
                std::thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let desks = crew.memory.all();
    crew.stop();
    let skipped: u64 = desks.iter().map(leadline_host::analysis::MemoryDesk::skipped).sum();
    let rounds = rounds.load(Ordering::Relaxed);
    let readings = readings.lock().expect("whole");
    assert_eq!(readings.len() as u64 + skipped, rounds * pairs.len() as u64, "each book was analysed or counted as skipped");
    let (mut last, mut warm) = (BTreeMap::new(), BTreeSet::new());
    for reading in readings.iter() {
        let before = last.insert(Arc::clone(&reading.pair), reading.sequence);
        assert!(before.is_none_or(|before| before < reading.sequence), "{}: {before:?}, then {:?}", reading.pair, reading.sequence);
        assert!(!matches!(reading.outcome, Outcome::Fault(_)), "{:?}", reading.outcome);
        match reading.outcome {
            Outcome::Warming(_) => assert!(!warm.contains(&reading.pair), "{} warms up again", reading.pair),
            _ => drop(warm.insert(Arc::clone(&reading.pair))),
        }
    }
    assert_eq!(last.len(), pairs.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_buffered_lane_readings_with_swaps_are_those_without() {
    let engine = Engine::new().expect("an engine");
    for name in ["depth_anomaly", "liquidity"] {
        let versions = [load(&engine, "plugins", name), load(&engine, "plugins", name)];
        let crew = Crew::start(&versions[..1], &(Arc::new(|_| {}) as Sink)).expect("threads");
        let (pair, instrument) = pair("BTC");
        let mut alone = Analyst::new(load(&engine, "plugins", name), Arc::clone(&instrument), "{}");
        let desk = crew.buffered.all()[0].clone();
        for second in 0..1200 {
            if second % 60 == 30 {
                let to = &versions[usize::from(second / 60 % 2 == 0)];
                // It takes over with the next book, or before.
                drop(tokio::task::block_in_place(|| crew.exchange(to)));
            }
            let book = book(second);
            let answer = desk.analyze(&pair, &instrument, &book, Arrival::now(), second == 0).await;
            let swapped = answer.await.expect("it answers").expect("a reading");
            let call = Call { book: &book, arrival: Arrival::now(), skipped: 0, restarted: second == 0, deadline: DEADLINE };
            let plain = alone.analyze(call).expect("a reading");
            assert_eq!((swapped.outcome, swapped.fields), (plain.outcome, plain.fields), "{name}, book {second}");
        }
        let calls = versions.each_ref().map(|version| version.health().tally.calls);
        assert!(calls[0] + calls[1] == 1200 && calls[0] > 300 && calls[1] > 300, "{name}: both were at work, once a book: {calls:?}");
        tokio::task::block_in_place(|| crew.stop());
    }
}

#[test]
fn a_version_that_does_not_open_leaves_the_one_before_at_work_on_every_pair() {
    let engine = Engine::new().expect("an engine");
    let good = load(&engine, "plugins", "large_orders");
    let (sender, readings) = std::sync::mpsc::channel();
    let sink: Sink = Arc::new(move |reading| drop(sender.send(reading)));
    let crew = Crew::start(std::slice::from_ref(&good), &sink).expect("threads");
    let pairs = [pair("BTC"), pair("ETH")];
    let mut wrong = Plugin::load(&engine, &good.file, good.budget).expect("it loads");
    // One pair's parameters are refused, the other's aren't.
    wrong.parameters.pairs.insert("ETH-USDT".to_owned(), r#"{"no_such_parameter":1}"#.to_owned());
    let wrong = Arc::new(wrong);
    let mut offer = |second| {
        for (pair, instrument) in &pairs {
            crew.memory.all()[0].offer(pair, instrument, &book(second), Arrival::now());
        }
        for _ in &pairs {
            let reading = readings.recv_timeout(DEADLINE).expect("a reading");
            assert!(!matches!(reading.outcome, Outcome::Fault(_)), "{:?}", reading.outcome);
        }
    };
    (0..5).for_each(&mut offer);
    let told = crew.exchange(&wrong).recv_timeout(DEADLINE).expect("it ends");
    assert!(told.as_ref().is_err_and(|why| why.contains("no_such_parameter")), "{told:?}");
    (5..10).for_each(&mut offer);
    crew.stop();
    assert_eq!(good.health().tally.faults.total(), 0);
}
