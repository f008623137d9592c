//! Hostile components, built from source: each is contained and named with a hint, and meanwhile another plugin's readings go on without a hole.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::support::{DEADLINE, components};
use leadline_host::analysis::{
    Analyst, Budget, Call, Crew, Engine, HealthState, Outcome, Patience, Plugin, PluginError, Reading, Sink, load_folder,
};
use leadline_host::clock::Arrival;
use leadline_market::{Book, Instrument, infer};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// A book of 400 levels a side whose sizes change from second to second.
fn book(second: u64) -> Book {
    crate::support::books::changing(second, 400)
}

fn call(book: &Book) -> Call<'_> {
    Call { book, arrival: Arrival::now(), skipped: 0, restarted: false, deadline: Duration::from_secs(5) }
}

fn engine() -> Engine {
    Engine::new().expect("an engine")
}

fn load(folder: &str, name: &str, budget: Budget) -> Plugin {
    Plugin::load(&engine(), &components(folder).join(format!("{name}.wasm")), budget).expect("it loads")
}

fn instrument(base: &str) -> Arc<Instrument> {
    Arc::new(infer(&format!("{base}-USDT"), 1, 0))
}

/// The empty plugin of the benches as text, to be changed into what no Rust compiler writes.
const EMPTY: &str = include_str!("../../../bench/src/empty.wat");
const CONTRACT: &str = include_str!("../../../wit/v1/plugin.wit");

/// A component of a core module as text, in the world `plugin` of a contract.
fn component(module: &str, contract: &str) -> Vec<u8> {
    let mut module = wat::parse_str(module).expect("good text");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("plugin.wit", contract).expect("a contract");
    let world = resolve.select_world(&[package], Some("plugin")).expect("its world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embedded");
    ComponentEncoder::default().module(&module).expect("a module").validate(true).encode().expect("a component")
}

fn changed(from: &str, to: &str) -> String {
    assert!(EMPTY.contains(from), "{from}");
    EMPTY.replacen(from, to, 1)
}

/// A file that a folder of plugins might hold.
struct Held {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

fn held(bytes: &[u8]) -> Held {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hostile.wasm");
    std::fs::write(&file, bytes).expect("written");
    Held { _folder: folder, file }
}

fn refused(held: &Held) -> PluginError {
    Plugin::load(&engine(), &held.file, Budget::default()).err().expect("refused")
}

fn fault(reading: &Reading) -> (&str, &str) {
    match &reading.outcome {
        Outcome::Fault(reason) => (&reason.code, &reason.detail),
        other => panic!("no fault but {other:?}"),
    }
}

const DESCRIBE: &str = r#"(func (export "leadline:plugin/analysis@1.0.0#describe") (result i32) (i32.const 128))"#;
const ANALYZE: &str = r#"(func (export "leadline:plugin/analysis@1.0.0#analyze") (param i32) (result i32) (i32.const 0))"#;

#[test]
fn a_component_that_can_not_be_used_is_refused_by_phase_with_a_hint() {
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("traps in describe", component(&changed("(result i32) (i32.const 128))", "(result i32) unreachable)"), CONTRACT), "describe"),
        (
            "loops in describe",
            component(&changed(DESCRIBE, &DESCRIBE.replace("(i32.const 128)", "(loop (br 0)) (i32.const 128)")), CONTRACT),
            "describe",
        ),
        ("a name that is no UTF-8", component(&changed(r#""empty""#, r#""\ff\feabc""#), CONTRACT), "describe"),
        ("a description beyond its memory", component(&changed("(i32.const 128))", "(i32.const 524280))"), CONTRACT), "describe"),
        (
            "a world of another version",
            component(&EMPTY.replace("@1.0.0", "@2.0.0"), &CONTRACT.replace("leadline:plugin@1.0.0", "leadline:plugin@2.0.0")),
            "check the world",
        ),
        ("a start that traps", component(&changed("(module", "(module (func $s unreachable) (start $s)"), CONTRACT), "instantiate"),
        ("a core module", wat::parse_str(EMPTY).expect("good text"), "parse"),
        ("random bytes", (0..5000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect(), "parse"),
        (
            "WASI",
            wat::parse_str(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64))))))"#)
                .expect("good text"),
            "check the world",
        ),
    ];
    for (what, bytes, phase) in cases {
        let text = refused(&held(&bytes)).to_string();
        assert!(text.starts_with(phase) && text.contains("hostile.wasm") && text.contains("hint:"), "{what}: {text}");
    }
}

#[test]
fn a_file_of_200_mb_is_refused_unread() {
    let held = held(b"");
    std::fs::File::options().write(true).open(&held.file).expect("open").set_len(200 << 20).expect("a sparse file");
    assert!(matches!(refused(&held), PluginError::TooLarge { size, .. } if size == 200 << 20));
    assert!(refused(&held).to_string().contains("hint:"));
}

#[test]
fn tables_and_texts_beyond_bounds_are_faults_of_the_call() {
    let analyze = |body: &str| ANALYZE.replace("(i32.const 0))", &format!("{body} (i32.const 0))"));
    let bomb = "(drop (table.grow $t (ref.null func) (i32.const 10000000))) unreachable";
    let cases = [
        (changed(ANALYZE, &format!("(table $t 1 funcref) {}", analyze(bomb))), "memory"),
        // A million fields.
        (
            changed(
                ANALYZE,
                &analyze(
                    "(drop (memory.grow (i32.const 400))) (i32.store (i32.const 48) (i32.const 65536)) (i32.store (i32.const 52) (i32.const 1000000))",
                ),
            ),
            "answer",
        ),
        // A reason's code that is no UTF-8: the variant `unknown`, whose code are two bytes at 1000.
        (
            changed(
                ANALYZE,
                &analyze(
                    "(i32.store (i32.const 1000) (i32.const 0xfeff)) (i32.store8 (i32.const 8) (i32.const 3)) (i32.store (i32.const 16) (i32.const 1000)) (i32.store (i32.const 20) (i32.const 2))",
                ),
            ),
            "trap",
        ),
        // An answer that begins outside of its memory.
        (changed(ANALYZE, &ANALYZE.replace("(i32.const 0))", "(i32.const 2000000000))")), "trap"),
    ];
    for (module, code) in cases {
        let held = held(&component(&module, CONTRACT));
        let plugin = Arc::new(Plugin::load(&engine(), &held.file, Budget::default()).expect("it loads"));
        let mut analyst = Analyst::new(Arc::clone(&plugin), instrument("BTC"), "{}");
        assert_eq!(fault(&analyst.analyze(call(&book(0))).expect("a fault")).0, code);
        assert_eq!(plugin.health().tally.kills, 1);
    }
}

/// Takes the readings of one plugin until each pair has one, and checks that none is a fault.
fn each_pair_answers(readings: &mpsc::Receiver<Reading>, plugin: &str, mut pairs: Vec<Arc<str>>) {
    while !pairs.is_empty() {
        let reading = readings.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{plugin} gave no reading of {pairs:?}"));
        if &*reading.plugin == plugin {
            assert!(!matches!(reading.outcome, Outcome::Fault(_)), "{:?}", reading.outcome);
            pairs.retain(|pair| *pair != reading.pair);
        }
    }
}

#[test]
fn while_one_plugin_misbehaves_another_reads_every_book_of_every_pair() {
    let misdeeds = [
        "LOOP",
        "SLOW",
        "RECURSE",
        "MEMORY",
        "TRAP",
        "NAN",
        "INFINITE",
        "REFUSE",
        "UNDECLARED",
        "NOJSON",
        "LONG",
        "HUGE",
        "FIELDS",
        "TWICE",
        "LOGFLOOD",
        "NOTICES",
        "ONCE",
        "CLOSED",
        "OPENTRAP",
        "OPENLOOP",
    ];
    let hostile = Arc::new(load("test-plugins", "misbehaving", Budget::default()));
    let well = Arc::new(load("plugins", "large_orders", Budget { deadline: DEADLINE, ..Budget::default() }));
    let (sender, readings) = mpsc::channel();
    let sink: Sink = Arc::new(move |reading| drop(sender.send(reading)));
    let crew = Crew::start(&[Arc::clone(&hostile), Arc::clone(&well)], &sink).expect("threads");
    let instruments: Vec<(Arc<str>, Arc<Instrument>)> =
        misdeeds.iter().map(|base| instrument(base)).map(|instrument| (Arc::from(instrument.id.as_str()), instrument)).collect();
    for second in 0..5 {
        let book = Arc::new(book(second));
        for (pair, instrument) in &instruments {
            crew.memory.all().iter().for_each(|desk| desk.offer(pair, instrument, &book, Arrival::now()));
        }
        each_pair_answers(&readings, "large_orders", instruments.iter().map(|(pair, _)| Arc::clone(pair)).collect());
    }
    let health = well.health();
    assert_eq!((health.tally.calls, health.tally.faults.total()), (5 * misdeeds.len() as u64, 0));
    assert_eq!(health.state, HealthState::Active);
    crew.stop();
    let health = hostile.health();
    assert!(health.tally.kills >= 8 && health.tally.faults.trap >= 2 && health.tally.faults.answer >= 5, "{:?}", health.tally);
}

#[test]
fn garbage_from_save_and_into_restore_leaves_the_old_instance_at_work() {
    let plugin = Arc::new(load("test-plugins", "misbehaving", Budget { recycle_calls: 3, ..Budget::default() }));
    for base in ["SAVETRAP", "SAVELOOP", "SAVEREFUSE", "SAVEGARBAGE", "SAVEHUGE", "RESTORETRAP", "SOUND"] {
        let instrument = instrument(base);
        let pair = instrument.id.clone();
        let mut analyst = Analyst::new(Arc::clone(&plugin), instrument, "{}");
        let mut calls = Vec::new();
        for second in 0..3 {
            let reading = analyst.analyze(call(&book(second))).expect("a reading");
            assert_eq!(reading.outcome, Outcome::Ok, "{base}");
            calls.push(reading.fields[0].1.clone());
            analyst.rest();
        }
        assert_eq!(calls, ["1", "2", "3"], "{base}");
        let after = analyst.analyze(call(&book(3))).expect("a reading");
        let recycled = plugin.health().pairs[pair.as_str()].tally.recycled;
        match base {
            "SOUND" => assert_eq!((after.fields[0].1.as_str(), recycled), ("4", 1)),
            // An instance that trapped while it saved can't be called any more, so it is opened anew after its wait.
            "SAVETRAP" | "SAVELOOP" => assert_eq!((after.outcome.word(), recycled), ("fault", 0), "{base}"),
            _ => assert_eq!((after.fields[0].1.as_str(), recycled), ("4", 0), "{base}"),
        }
    }
}

#[test]
fn readings_with_recycled_instances_are_those_without() {
    let names = ["depth_anomaly", "liquidity", "large_orders", "support_resistance"];
    for name in names {
        let often = Arc::new(load("plugins", name, Budget { recycle_calls: 97, ..Budget::default() }));
        let never = Arc::new(load("plugins", name, Budget::default()));
        let (mut one, mut other) =
            (Analyst::new(Arc::clone(&often), instrument("BTC"), "{}"), Analyst::new(never, instrument("BTC"), "{}"));
        // An hour and more: every window of every plugin is full at the end.
        for second in 0..4000 {
            let book = book(second);
            let (left, right) = (one.analyze(call(&book)).expect("a reading"), other.analyze(call(&book)).expect("a reading"));
            assert_eq!((left.outcome, left.fields, left.notices), (right.outcome, right.fields, right.notices), "{name}, book {second}");
            one.rest();
            other.rest();
        }
        assert_eq!(often.health().tally.recycled, 4000 / 97, "{name}");
        assert_eq!(often.health().tally.faults.total(), 0, "{name}");
    }
}

#[test]
fn a_plugin_that_is_stopped_again_and_again_is_quarantined_and_one_good_try_ends_it() {
    let mut plugin = load("test-plugins", "misbehaving", Budget::default());
    plugin.patience = Patience { first_wait: Duration::ZERO, longest_wait: Duration::ZERO, kills: 3, quarantine: DEADLINE * 1000 };
    let plugin = Arc::new(plugin);
    let mut analyst = Analyst::new(Arc::clone(&plugin), instrument("TRAP"), "{}");
    for second in 0..3 {
        assert_eq!(fault(&analyst.analyze(call(&book(second))).expect("a fault")).0, "trap");
    }
    assert!(analyst.analyze(call(&book(3))).is_none(), "left alone");
    let health = plugin.health();
    assert!(matches!(&health.state, HealthState::Quarantined { reason, until_ms } if reason.contains("trapped") && *until_ms > 0));
    assert_eq!((health.tally.calls, health.tally.kills, health.tally.faults.trap), (3, 3, 3));
    let fields = health.fields();
    for (name, value) in [("state", "quarantined"), ("pairs_quarantined", "1"), ("faults_trap", "3"), ("minute_calls", "3")] {
        assert!(fields.contains(&(name, value.to_owned())), "{name}: {fields:?}");
    }

    let mut plugin = load("test-plugins", "misbehaving", Budget::default());
    plugin.patience = Patience { first_wait: Duration::ZERO, longest_wait: Duration::ZERO, kills: 2, quarantine: Duration::ZERO };
    let plugin = Arc::new(plugin);
    // Good at its first call, and never again.
    let mut analyst = Analyst::new(Arc::clone(&plugin), instrument("ONCE"), "{}");
    let mut seen = Vec::new();
    for second in 0..5 {
        analyst.analyze(call(&book(second))).expect("a reading");
        seen.push(plugin.health().state.word());
    }
    assert_eq!(seen, ["active", "waiting", "active", "quarantined", "active"]);
}

#[test]
fn a_second_start_takes_the_components_from_the_cache() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    for _ in 0..2 {
        let engine = Engine::with_cache(Some(&cache)).expect("an engine");
        let plugins = load_folder(&engine, &components("plugins"), Budget::default()).expect("all load");
        let mut analyst = Analyst::new(Arc::clone(&plugins[1]), instrument("BTC"), "{}");
        assert_eq!(analyst.analyze(call(&book(0))).expect("a reading").outcome.word(), "ok");
        let files = std::fs::read_dir(&cache).expect("a folder").count();
        assert_eq!(files, plugins.len() + 1, "a file each, and the key");
    }
}
