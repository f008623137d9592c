//! Plugins exchanged while the lanes run: no book missed, none analysed twice, state carried over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::support::kept::{Kept, another, book, pair};
use crate::support::{DEADLINE, Redis, components, settings, until};
use leadline_host::analysis::{Analyst, Budget, Call, Crew, Engine, Outcome, Plugin, Probation, Reading, Sheet, Sink, load_folder_by};
use leadline_host::clock::Arrival;
use leadline_host::host::Host;
use tokio_util::sync::CancellationToken;

fn load(engine: &Engine, folder: &str, name: &str) -> Arc<Plugin> {
    let budget = Budget { deadline: DEADLINE, ..Budget::default() };
    Arc::new(Plugin::load(engine, &components(folder).join(format!("{name}.wasm")), budget).expect("it loads"))
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

#[test]
fn a_changed_file_takes_over_and_a_broken_one_leaves_the_version_before_at_work_and_says_why() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    for second in 0..5 {
        kept.read("BTC", second);
    }
    kept.until("large_orders", "phase", "running");
    let first = kept.told("large_orders", "digest");
    kept.put("large_orders", &another("large_orders", 1));
    let deadline = Instant::now() + DEADLINE * 3;
    while kept.told("large_orders", "digest") == first {
        assert!(Instant::now() < deadline, "{:?}", kept.heard.reports);
        kept.keeper.sweep();
    }
    let second = kept.told("large_orders", "digest");
    assert_eq!((kept.told("large_orders", "phase").as_str(), kept.told("large_orders", "problem").as_str()), ("running", ""));
    assert!(!matches!(kept.read("BTC", 5).outcome, Outcome::Fault(_)));

    let whole = another("large_orders", 2);
    for (bytes, phase, hint) in [
        (&b"not wasm at all"[..], "parse", "hint: this is no WebAssembly"),
        (&whole[..whole.len() / 2], "parse", "hint: the file may be cut short"),
        (b"\0asm\x0d\0\x01\0", "check the world", "hint: a plugin exports"),
        (&another("liquidity", 1), "describe", "hint: give another plugin a file of its own"),
    ] {
        kept.put("large_orders", bytes);
        kept.until("large_orders", "problem", hint);
        assert_eq!(kept.told("large_orders", "phase"), phase);
        assert_eq!((kept.told("large_orders", "digest"), kept.told("large_orders", "state")), (second.clone(), "active".to_owned()));
    }
    assert!(!matches!(kept.read("BTC", 6).outcome, Outcome::Fault(_)), "it works on");
    // The good file again ends it.
    kept.put("large_orders", &another("large_orders", 1));
    kept.until("large_orders", "phase", "running");
    assert_eq!(kept.told("large_orders", "problem"), "");
    kept.crew.stop();
}

#[test]
fn a_new_file_starts_a_plugin_and_a_removed_one_stops_it() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    kept.until("large_orders", "phase", "running");
    kept.put("liquidity", &another("liquidity", 1));
    kept.until("liquidity", "phase", "running");
    assert_eq!(kept.crew.buffered.all().len(), 1);
    kept.put("copy", &another("liquidity", 2));
    kept.until("copy", "problem", "`liquidity` is already loaded");
    std::fs::remove_file(kept.folder.path().join("liquidity.wasm")).expect("it was there");
    kept.until("liquidity", "phase", "removed");
    assert_eq!((kept.crew.buffered.all().len(), kept.crew.memory.all().len()), (0, 1));
    assert_eq!(*kept.heard.stopped.lock().expect("whole"), ["liquidity"]);
    kept.crew.stop();
}

#[test]
fn a_young_version_that_is_stopped_gives_way_to_the_one_before() {
    let mut kept = Kept::start("test-plugins", &["misbehaving"]);
    let Kept { folder, crew, keeper, heard, readings } = kept;
    let keeper = keeper.with_probation(Probation { time: DEADLINE * 10, kills: 1 });
    kept = Kept { folder, crew, keeper, heard, readings };
    kept.until("misbehaving", "phase", "running");
    let first = kept.told("misbehaving", "digest");
    let mut bytes = std::fs::read(components("test-plugins").join("misbehaving.wasm")).expect("built");
    bytes.extend([0, 3, 1, b'x', 1]);
    kept.put("misbehaving", &bytes);
    let deadline = Instant::now() + DEADLINE * 3;
    while kept.told("misbehaving", "digest") == first {
        assert!(Instant::now() < deadline, "{:?}", kept.heard.reports);
        kept.keeper.sweep();
    }
    // No pair was there to prove it on.
    assert!(matches!(kept.read("TRAP", 1).outcome, Outcome::Fault(_)));
    kept.until("misbehaving", "phase", "went back");
    assert_eq!(kept.told("misbehaving", "digest"), first);
    assert!(kept.told("misbehaving", "problem").contains("was stopped 1 times"), "{}", kept.told("misbehaving", "problem"));
    kept.crew.stop();
}

#[test]
fn parameters_in_plugins_toml_take_effect_and_wrong_ones_change_nothing() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    let sheet = kept.folder.path().join("plugins.toml");
    for second in 0..5 {
        assert_eq!(kept.read("BTC", second).outcome.word(), "ok");
    }
    kept.until("large_orders", "phase", "running");
    // Parameters that the plugin doesn't know, a key that is none: both are said, and it works on.
    std::fs::write(&sheet, "[large_orders.parameters]\nno_such_parameter = 1\n").expect("written");
    kept.until("large_orders", "problem", "no_such_parameter");
    std::fs::write(&sheet, "[large_orders]\nparametres = { share = 0.1 }\n").expect("written");
    kept.until("large_orders", "problem", "unknown field `parametres`");
    assert_eq!(kept.read("BTC", 5).outcome.word(), "ok");
    // Only so little fuel that no book can be judged: seen in the budget, and refused by the proof.
    std::fs::write(&sheet, "[large_orders.limits]\nfuel = 2000\n").expect("written");
    kept.until("large_orders", "problem", "fuel");
    assert_eq!(kept.told("large_orders", "budget_fuel"), "20000000");
    std::fs::write(&sheet, "[large_orders]\nlimits = { fuel = 19000000 }\npairs.BTC-USDT = { share = 0.01, multiple = 1.0 }\n")
        .expect("written");
    kept.until("large_orders", "budget_fuel", "19000000");
    kept.until("large_orders", "phase", "running");
    for (base, none) in [("BTC", false), ("ETH", true)] {
        for second in 6..10 {
            let reading = kept.read(base, second);
            let large = reading.fields.iter().filter(|(name, _)| name.ends_with("_orders")).map(|(_, value)| value.as_str());
            // On one pair every order above the mean is large now; on the other none is, as before.
            assert_eq!(large.clone().all(|value| value == "[]" || value == "0"), none, "{base}: {:?}", large.collect::<Vec<_>>());
        }
    }
    // Another stack is another engine's code.
    std::fs::write(&sheet, "[large_orders]\nlimits = { fuel = 18000000, stack_kb = 128 }\n").expect("written");
    kept.until("large_orders", "budget_fuel", "18000000");
    kept.until("large_orders", "phase", "running");
    assert_eq!(kept.read("BTC", 10).outcome.word(), "ok");
    std::fs::write(&sheet, "[large_orders]\nenabled = false\n").expect("written");
    kept.until("large_orders", "phase", "disabled");
    assert!(kept.crew.memory.all().is_empty());
    std::fs::remove_file(&sheet).expect("it was there");
    kept.until("large_orders", "phase", "running");
    assert_eq!(kept.crew.memory.all().len(), 1);
    kept.crew.stop();
}

#[test]
fn a_pinned_digest_refuses_another_file() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    kept.until("large_orders", "phase", "running");
    let pin = kept.told("large_orders", "digest");
    std::fs::write(kept.folder.path().join("plugins.toml"), format!("[large_orders]\npin = \"{pin}\"\n")).expect("written");
    // Both are seen in one go, or the file first: the sheet is read before the files in each sweep.
    for _ in 0..3 {
        kept.keeper.sweep();
    }
    kept.put("large_orders", &another("large_orders", 1));
    kept.until("large_orders", "problem", "pins");
    assert_eq!((kept.told("large_orders", "phase"), kept.told("large_orders", "digest")), ("verify digest".to_owned(), pin));
    kept.crew.stop();
    let engine = Engine::new().expect("an engine");
    let sheet = Sheet::read(kept.folder.path()).expect("it reads");
    let error = load_folder_by(&sheet, &engine, kept.folder.path(), Budget::default()).err().expect("a start is refused too");
    assert!(error.to_string().contains("hint: put the pinned file back"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_host_follows_its_folder_and_tells_redis() {
    let redis = Redis::start().await;
    let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ws/v5/public", listener.local_addr().expect("its address"));
    let exchange = tokio::spawn(leadline_simulator::serve(listener, leadline_simulator::Options::default(), std::future::pending()));
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["large_orders.wasm", "liquidity.wasm"] {
        std::fs::copy(components("plugins").join(name), folder.path().join(name)).expect("copied");
    }
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    let more = [("PLUGIN_DIR", folder.path().to_str().expect("plain")), ("PLUGIN_DEADLINE_MS", "10000")];
    let host = Host::start(settings(&redis, &url, &more), String::new(), &CancellationToken::new())
        .await
        .expect("it starts")
        .expect("not stopped");
    let analysis = "analysis:BTC-USDT";
    until("both read", async || {
        !redis.field(analysis, "large_orders.time").await.is_empty() && !redis.field(analysis, "liquidity.time").await.is_empty()
    })
    .await;
    // Copied in without a rename, as people do.
    std::fs::write(folder.path().join("large_orders.wasm"), b"not wasm at all").expect("written");
    until("Redis says why", async || redis.field("plugin:large_orders", "problem").await.contains("hint: this is no WebAssembly")).await;
    assert_eq!(redis.field("plugin:large_orders", "phase").await, "parse");
    let sequence = redis.field(analysis, "large_orders.sequence").await;
    until("it reads on", async || redis.field(analysis, "large_orders.sequence").await != sequence).await;
    std::fs::write(folder.path().join("large_orders.wasm"), another("large_orders", 7)).expect("written");
    until("it is well again", async || redis.field("plugin:large_orders", "phase").await == "running").await;
    for name in ["large_orders", "liquidity"] {
        std::fs::remove_file(folder.path().join(format!("{name}.wasm"))).expect("it was there");
        until("its fields are gone", async || {
            redis.field(&format!("plugin:{name}"), "state").await == "stopped"
                && redis.field(analysis, &format!("{name}.time")).await.is_empty()
        })
        .await;
    }
    let left: Vec<String> = redis.ask(&["HKEYS", analysis]).await;
    assert!(left.iter().all(|field| ["instrument_id", "analysis_time"].contains(&field.as_str())), "{left:?}");
    std::fs::write(folder.path().join("liquidity.wasm"), another("liquidity", 9)).expect("written");
    until("it reads again", async || !redis.field(analysis, "liquidity.time").await.is_empty()).await;
    host.stop().await;
    exchange.abort();
}
