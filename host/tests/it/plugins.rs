//! The plugin host with real components: what they may import, what they may use, what becomes of one that misbehaves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::components;
use leadline_host::analysis::{Analyst, Budget, Call, Engine, Outcome, Plugin, PluginError, Reading, load_folder};
use leadline_host::clock::Arrival;
use leadline_market::{Book, Columns, Continuity, Trust, infer};

/// A plain book of 50 levels a side.
fn book(time_ms: u64) -> Book {
    let side = |sign: f64| Columns {
        prices: (1..=50).map(|i| 100.0 + sign * f64::from(i) / 10.0).collect(),
        sizes: (1..=50).map(f64::from).collect(),
        orders: vec![1; 50],
    };
    Book {
        time_ms,
        sequence: Some(1),
        trust: Trust::Chain,
        continuity: Continuity::Continued,
        crossed: false,
        bids: side(-1.0),
        asks: side(1.0),
    }
}

fn call(book: &Book) -> Call<'_> {
    Call { book, arrival: Arrival::now(), skipped: 0, restarted: false, deadline: Duration::from_millis(50) }
}

fn misbehaving(budget: Budget) -> Arc<Plugin> {
    let engine = Engine::new().expect("an engine");
    Arc::new(Plugin::load(&engine, &components("test-plugins").join("misbehaving.wasm"), budget).expect("it loads"))
}

/// The misdeed of a base currency, called once.
fn misdeed(base: &str) -> Reading {
    let mut analyst = Analyst::new(misbehaving(Budget::default()), Arc::new(infer(&format!("{base}-USDT"), 1, 0)), "{}");
    analyst.analyze(call(&book(1))).expect("a reading, or a fault that is named")
}

fn fault(reading: &Reading) -> (&str, &str) {
    match &reading.outcome {
        Outcome::Fault(reason) => (&reason.code, &reason.detail),
        other => panic!("no fault but {other:?}"),
    }
}

#[test]
fn no_component_imports_a_function_other_than_log_write() {
    let mut seen = 0;
    for entry in std::fs::read_dir(components("plugins")).expect("built") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            let imports = leadline_componentize::imports(&std::fs::read(&path).expect("readable")).expect("a component");
            let foreign: Vec<&String> = imports.functions.iter().filter(|name| !name.ends_with("log.write")).collect();
            assert!(foreign.is_empty(), "{} imports {foreign:?}", path.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 4, "the four analyses");
}

#[test]
fn the_four_analyses_load_and_own_the_shared_fields() {
    let plugins = load_folder(&Engine::new().expect("an engine"), &components("plugins"), Budget::default()).expect("all load");
    let names: Vec<&str> = plugins.iter().map(|plugin| &*plugin.name).collect();
    assert_eq!(names, ["depth_anomaly", "large_orders", "liquidity", "support_resistance"]);
    for field in leadline_host::analysis::SHARED_FIELDS {
        assert_eq!(plugins.iter().filter(|plugin| plugin.outputs.contains_key(field)).count(), 1, "{field} has one owner");
    }
}

#[test]
fn each_misdeed_is_contained_and_named() {
    for (base, code, words) in [
        ("LOOP", "", ""),
        ("SLOW", "", ""),
        ("TRAP", "trap", "unreachable"),
        ("RECURSE", "trap", "stack"),
        ("MEMORY", "memory", "67108864 bytes"),
        ("NAN", "answer", "`answer` is NaN"),
        ("INFINITE", "answer", "`answer` is inf"),
        ("REFUSE", "refused", "no"),
        ("UNDECLARED", "answer", "`support_level_1` is not among its described outputs"),
        ("NOJSON", "answer", "`answer` is no JSON"),
        ("LONG", "answer", "more than the 524288 bytes"),
        ("FIELDS", "answer", "more than the 524288 bytes"),
        ("HUGE", "memory", "67108864 bytes"),
        ("OPENTRAP", "refused", "unreachable"),
        ("TWICE", "answer", "`misbehaving.calls` is given twice"),
        ("CLOSED", "refused", "this instrument is not for me"),
    ] {
        let reading = misdeed(base);
        let (was, said) = fault(&reading);
        if base == "LOOP" || base == "SLOW" {
            // Which of the two limits is hit first depends on the machine; that one is hit doesn't.
            assert!(["fuel", "deadline"].contains(&was), "{base}: {was} {said}");
        } else {
            assert_eq!(was, code, "{base}: {said}");
            assert!(said.contains(words), "{base}: {said}");
        }
        assert!(reading.fields.iter().all(|(_, value)| value.is_empty()), "{base}: no number without a reading");
    }
}

#[test]
fn fuel_ends_a_loop_at_the_same_place_and_the_clock_ends_what_fuel_would_let_run() {
    let run = |fuel, deadline| {
        let plugin = misbehaving(Budget { fuel, ..Budget::default() });
        let mut analyst = Analyst::new(plugin, Arc::new(infer("LOOP-USDT", 1, 0)), "{}");
        analyst.analyze(Call { deadline, ..call(&book(1)) }).expect("a fault")
    };
    let short = run(100_000, Duration::from_secs(5));
    assert_eq!(fault(&short).0, "fuel");
    assert_eq!(short.cost.fuel, run(100_000, Duration::from_secs(5)).cost.fuel);
    let long = run(1_000_000_000_000, Duration::from_millis(20));
    assert_eq!(fault(&long), ("deadline", "ran past its deadline: 20 ms were left for the call"));
    let opening = Analyst::new(misbehaving(Budget::default()), Arc::new(infer("OPENLOOP-USDT", 1, 0)), "{}").analyze(call(&book(1)));
    assert!(matches!(opening.expect("a fault").outcome, Outcome::Fault(_)), "an endless open is ended too");
}

#[test]
fn endless_recursion_ends_at_the_plugins_own_stack() {
    let engine = Engine::new().expect("an engine");
    let file = components("test-plugins").join("misbehaving.wasm");
    let burnt = [64 << 10, 512 << 10, 1024 << 10].map(|stack| {
        let budget = Budget { stack, ..Budget::default() };
        let plugin = Arc::new(Plugin::load(&engine, &file, budget).expect("it loads"));
        let reading = Analyst::new(plugin, Arc::new(infer("RECURSE-USDT", 1, 0)), "{}").analyze(call(&book(1))).expect("a fault");
        assert!(fault(&reading).0 == "trap" && fault(&reading).1.contains("stack"), "{:?}", fault(&reading));
        reading.cost.fuel
    });
    assert!(burnt[0] * 4 < burnt[1] && burnt[1] * 3 < burnt[2] * 2, "as deep as the stack allows: {burnt:?}");
}

#[test]
fn a_killed_plugin_waits_and_a_refused_book_does_not_make_it_wait() {
    let plugin = misbehaving(Budget::default());
    let mut trapped = Analyst::new(Arc::clone(&plugin), Arc::new(infer("ONCE-USDT", 1, 0)), "{}");
    assert_eq!(trapped.analyze(call(&book(1))).expect("well at first").outcome, Outcome::Ok);
    assert_eq!(fault(&trapped.analyze(call(&book(2))).expect("the kill is told")).0, "trap");
    assert!(trapped.analyze(call(&book(3))).is_none(), "within its wait it isn't called");
    let mut refusing = Analyst::new(plugin, Arc::new(infer("REFUSE-USDT", 1, 0)), "{}");
    for time in 1..4 {
        assert_eq!(fault(&refusing.analyze(call(&book(time))).expect("called each time")).0, "refused");
    }
}

#[test]
fn logs_and_notices_are_bounded() {
    let flooded = misdeed("LOGFLOOD");
    assert_eq!(flooded.outcome, Outcome::Ok, "a flood of lines is dropped, not a fault");
    let reading = misdeed("NOTICES");
    assert_eq!(reading.notices.len(), 16);
    assert!(reading.notices.iter().all(|notice| notice.code.len() <= 200));
}

#[test]
fn a_book_that_waited_past_its_deadline_is_refused_by_name() {
    let mut analyst = Analyst::new(misbehaving(Budget::default()), Arc::new(infer("BTC-USDT", 1, 0)), "{}");
    let reading = analyst.analyze(Call { deadline: Duration::ZERO, ..call(&book(1)) }).expect("a refusal");
    assert!(matches!(&reading.outcome, Outcome::Unknown(reason) if reason.code == "late"), "{:?}", reading.outcome);
}

#[test]
fn files_that_are_no_plugins_are_refused_with_a_hint() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::new().expect("an engine");
    let load = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        Plugin::load(&engine, &path, Budget::default()).err().expect("refused").to_string()
    };
    let whole = std::fs::read(components("plugins").join("large_orders.wasm")).expect("built");
    assert!(load("random.wasm", b"not wasm at all").contains("those of WebAssembly"));
    assert!(load("core.wasm", b"\0asm\x01\0\0\0").contains("this is a core module"));
    assert!(load("cut.wasm", &whole[..whole.len() / 2]).contains("hint: the file may be cut short"));
    // The smallest component that wants the clock of WASI.
    let wasi = wat_like_component();
    assert!(load("wasi.wasm", &wasi).contains("wasi:clocks/wall-clock"), "{}", load("wasi.wasm", &wasi));
    // An empty component imports nothing, and is no plugin either.
    assert!(load("empty.wasm", b"\0asm\x0d\0\x01\0").contains("check the world"));
    let error = load_folder(&engine, Path::new("/nowhere/at/all"), Budget::default()).err().expect("refused");
    assert!(matches!(error, PluginError::Folder { .. }) && error.to_string().contains("hint: `make plugins`"), "{error}");
    let empty = tempfile::tempdir().expect("a folder");
    assert!(matches!(load_folder(&engine, empty.path(), Budget::default()), Err(PluginError::NoPlugins(_))));
}

/// `(component (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64))))))`, in bytes.
fn wat_like_component() -> Vec<u8> {
    let name = b"wasi:clocks/wall-clock@0.2.0";
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // Type section: one instance type, which declares the function's type and exports a function of it.
    bytes.extend([7, 16, 1, 0x42, 2, 0x01, 0x40, 0, 0, 0x77, 0x04, 0x00, 3, b'n', b'o', b'w', 0x01, 0]);
    // Import section: one import by a plain name, of an instance of type 0.
    let mut import = vec![1, 0x00, u8::try_from(name.len()).expect("short")];
    import.extend(name);
    import.extend([0x05, 0]);
    bytes.extend([10, u8::try_from(import.len()).expect("short")]);
    bytes.extend(import);
    bytes
}

#[test]
fn two_claims_on_one_name_or_field_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::new().expect("an engine");
    for copy in ["a.wasm", "b.wasm"] {
        std::fs::copy(components("plugins").join("large_orders.wasm"), folder.path().join(copy)).expect("copied");
    }
    let error = load_folder(&engine, folder.path(), Budget::default()).err().expect("refused").to_string();
    assert!(error.contains("`large_orders` is already loaded") && error.contains("hint:"), "{error}");
}

#[test]
fn state_saved_in_the_middle_is_taken_over_by_a_component() {
    let engine = Engine::new().expect("an engine");
    let plugin = Plugin::load(&engine, &components("plugins").join("large_orders.wasm"), Budget::default()).expect("it loads");
    let instrument = infer("BTC-USDT", 1, 0);
    let mut first = plugin.open(&instrument, "{}").expect("open");
    let saved = first.save().expect("it can").expect("it keeps state");
    let mut second = plugin.open(&instrument, "{}").expect("open");
    second.restore(&plugin.version, "{}", saved).expect("its own state fits");
    assert!(plugin.open(&instrument, "{}").expect("open").restore("9", "{}", b"garbage".to_vec()).is_err());
    let error = plugin.open(&instrument, r#"{"no_such_parameter":1}"#).err().expect("refused").to_string();
    assert!(error.contains("open large_orders") && error.contains("no_such_parameter"), "{error}");
}

/// SHA-256 of `wit/v1/plugin.wit`. It never changes: a plugin built yesterday must load tomorrow.
const FROZEN: &str = "25535b916fe7f691e67ac2840cbc8cf93612950ccf7724c791174d5ee942e4a7";

#[test]
fn the_contract_is_the_frozen_one() {
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/v1/plugin.wit")).expect("the contract");
    let digest: String = ring::digest::digest(&ring::digest::SHA256, &text).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, FROZEN, "wit/v1 is frozen\nhint: a new interface goes into a file and a version of its own, see docs/plugins.md");
}

/// `fixtures/v1.wasm` was built from the frozen text when it was frozen (examples/rust/microprice), and is never built again.
#[test]
fn a_component_built_when_the_contract_was_frozen_loads_and_answers() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1.wasm");
    let plugin = Arc::new(Plugin::load(&Engine::new().expect("an engine"), &file, Budget::default()).expect("it loads for ever"));
    assert_eq!((&*plugin.name, &*plugin.version), ("microprice", "0.1.0"));
    let mut analyst = Analyst::new(plugin, Arc::new(infer("BTC-USDT", 1, 0)), "{}");
    let reading = analyst.analyze(call(&book(1))).expect("a reading");
    let fields: Vec<(&str, &str)> = reading.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(reading.outcome, Outcome::Ok);
    assert_eq!(fields, [("microprice.price", "100"), ("microprice.offset_bps", "0"), ("microprice.imbalance", "0")]);
}
