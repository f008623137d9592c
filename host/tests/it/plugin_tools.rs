//! The tools of an author of plugins, as an author meets them.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Redis, components, program, settings, until};
use leadline_host::host::Host;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

fn plugin(arguments: &[&str]) -> Output {
    Command::new(program()).arg("plugin").args(arguments).env_remove("PLUGIN_FUEL").output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// The checks of a component by name, as (verdict, detail), and whether it passed.
fn checked(file: &Path, more: &[&str]) -> (bool, Vec<(String, String, String)>) {
    let output = plugin(&[&["check", path(file), "--format", "json"], more].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    let checks = report["checks"].as_array().expect("a list");
    let lines = checks.iter().map(|check| (word(&check["check"]), word(&check["verdict"]), word(&check["detail"]))).collect();
    let passed = report["passed"].as_bool().expect("a yes or no");
    assert_eq!(output.status.code(), Some(i32::from(!passed)));
    (passed, lines)
}

fn of<'a>(lines: &'a [(String, String, String)], check: &str) -> &'a (String, String, String) {
    lines.iter().find(|(name, ..)| name == check).unwrap_or_else(|| panic!("no check {check} in {lines:?}"))
}

#[test]
fn each_shipped_plugin_passes_every_check() {
    for name in ["support_resistance", "large_orders", "depth_anomaly", "liquidity"] {
        let (passed, lines) = checked(&components("plugins").join(format!("{name}.wasm")), &[]);
        assert!(passed, "{name}: {lines:?}");
        let names: Vec<&str> = lines.iter().map(|(check, ..)| check.as_str()).collect();
        let all = [
            "contract",
            "imports",
            "description",
            "readings",
            "fuel",
            "time",
            "memory",
            "answer",
            "determinism",
            "state",
            "scaling",
            "mirror",
            "continuity",
            "bad books",
        ];
        assert_eq!(names, all, "{name}");
        assert!(of(&lines, "state").2.contains("restored: the same readings"), "{name}: {lines:?}");
    }
}

#[test]
fn a_plugin_that_answers_to_bad_books_is_told_so() {
    let (passed, lines) = checked(&components("test-plugins").join("misbehaving.wasm"), &["--books", "40"]);
    assert!(!passed);
    let (_, verdict, detail) = of(&lines, "bad books");
    assert!(verdict == "failed" && detail.contains("empty: ok") && detail.contains("crossed: ok"), "{detail}");
}

#[test]
fn a_plugin_over_its_fuel_fails_with_the_book_and_the_limit_named() {
    let (passed, lines) = checked(&components("plugins").join("support_resistance.wasm"), &["--books", "20", "--plugin-fuel", "350000"]);
    let (_, verdict, detail) = of(&lines, "readings");
    assert!(!passed && verdict == "failed" && detail.contains("fuel") && detail.contains("350000"), "{lines:?}");
}

#[test]
fn a_recording_is_checked_on_its_own_books() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("generated.ndjson");
    let market = leadline_simulator::Generated { pairs: 3, start_ms: Some(1_800_000_000_000), ..Default::default() };
    leadline_simulator::write_recording(&file, &market, 200).expect("written");
    let (passed, lines) = checked(&components("plugins").join("large_orders.wasm"), &["--replay", path(&file)]);
    let (_, _, detail) = of(&lines, "readings");
    assert!(passed && detail.contains("SOL-USDT") && !detail.contains("SWAP"), "{lines:?}");
}

#[test]
fn what_is_no_plugin_fails_by_name_and_what_is_not_there_cannot_be_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("text.wasm");
    std::fs::write(&file, "this is no WebAssembly").expect("written");
    let (passed, lines) = checked(&file, &[]);
    assert!(!passed && of(&lines, "contract").1 == "failed", "{lines:?}");
    let clock = wat::parse_str(r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64))))))"#);
    std::fs::write(&file, clock.expect("a component")).expect("written");
    let (passed, lines) = checked(&file, &[]);
    assert!(!passed && of(&lines, "imports").2.contains("wasi:clocks"), "{lines:?}");
    let missing = plugin(&["check", path(&folder.path().join("nowhere.wasm"))]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("nowhere.wasm"), "{}", text(&missing.stderr));
}

#[test]
fn bench_says_time_and_fuel_of_each_pair_and_how_often_they_fit_their_limits() {
    let output = plugin(&["bench", path(&components("plugins").join("liquidity.wasm")), "--books", "50"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for pair in ["BTC-USDT ", "ETH-USDT ", "BTC-USDT-SWAP ", "BTC-USD-SWAP "] {
        let row = table.lines().find(|line| line.starts_with(pair)).unwrap_or_else(|| panic!("no {pair} in {table}"));
        let numbers: Vec<f64> = row.split_whitespace().skip(1).map(|word| word.parse().expect("a number")).collect();
        assert_eq!((numbers.len(), numbers[0], numbers[1]), (10, 50.0, 800.0), "{row}");
        assert!(numbers[5] > 0.0 && numbers[5] <= numbers[6] && numbers[6] <= numbers[7] && numbers[9] >= 1.0, "{row}");
    }
}

/// Runs `leadline plugin ...` with the folders of this test run.
fn tool(folder: &Path, arguments: &[&str]) -> Output {
    let target = program().parent().and_then(Path::parent).expect("target/PROFILE/leadline").to_owned();
    let mut command = Command::new(program());
    command.arg("plugin").args(arguments).current_dir(folder);
    command.env("CARGO_TARGET_DIR", target).env("LEADLINE_PROFILE", "dev").env("PLUGIN_CACHE_DIR", cache());
    command.output().expect("the program runs")
}

/// Compiled components of this test run: a Python one takes seconds to compile.
fn cache() -> &'static Path {
    static CACHE: std::sync::OnceLock<tempfile::TempDir> = std::sync::OnceLock::new();
    CACHE.get_or_init(|| tempfile::tempdir().expect("a folder")).path()
}

fn well(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// What a language that can't be had here is refused with.
const NOT_HERE: [&str; 4] = ["can't be installed", "need Python 3.10", "Node.js couldn't be brought", "no python3-venv"];

/// Builds a folder's component; none, with one line, where this language's plugins can't be built here.
fn built(folder: &Path, out: &Path) -> Option<()> {
    let output = tool(folder, &["build", ".", "--out", path(out)]);
    let said = text(&output.stderr);
    if let Some(why) = said.lines().find(|line| NOT_HERE.iter().any(|refused| line.contains(refused))) {
        eprintln!("left out: {why}");
        return None;
    }
    assert!(well(&output).contains("imports nothing but the host's log"));
    Some(())
}

/// The lines of a replay, without what the machine's speed decides.
fn replayed(plugins: &Path, recording: &Path) -> Vec<Value> {
    let output = Command::new(program())
        .args(["replay", path(recording), "--format", "jsonl", "--plugin-dir", path(plugins)])
        .output()
        .expect("the program runs");
    well(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn recording_of(folder: &Path, frames: usize) -> std::path::PathBuf {
    let file = folder.join("generated.ndjson");
    let market = leadline_simulator::Generated { pairs: 2, start_ms: Some(1_800_000_000_000), ..Default::default() };
    leadline_simulator::write_recording(&file, &market, frames).expect("written");
    file
}

fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("it is there")
}

/// The commands under a heading of docs/plugins.md, run as printed; none where Python plugins can't be built here.
fn as_printed(heading: &str, folder: &Path) -> Option<String> {
    let guide = std::fs::read_to_string(repository().join("docs/plugins.md")).expect("the guide");
    let (_, section) = guide.split_once(&format!("\n{heading}\n")).expect("the heading");
    let commands = section.split("```").nth(1).expect("a block of commands").trim();
    // `leadline` is the program under test. Its profile is the workspace's, so that what is compiled is used again.
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).expect("made");
    std::os::unix::fs::symlink(program(), bin.join("leadline")).expect("made");
    std::fs::create_dir_all(folder.join(".cargo")).expect("made");
    let profile = "[profile.dev]\nopt-level = 1\ndebug = \"line-tables-only\"\n[profile.dev.package.\"*\"]\nopt-level = 2\ndebug = false\n";
    std::fs::write(folder.join(".cargo/config.toml"), profile).expect("written");
    let target = program().parent().and_then(Path::parent).expect("target/PROFILE/leadline").to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["-e", "-x", "-c", commands])
        .current_dir(folder)
        .envs([("PATH", path.as_str()), ("LEADLINE_PROFILE", "dev")])
        .envs([("CARGO_TARGET_DIR", target.as_path()), ("PLUGIN_CACHE_DIR", cache())])
        .output()
        .expect("bash");
    if let Some(why) = text(&output.stderr).lines().find(|line| NOT_HERE.iter().any(|refused| line.contains(refused))) {
        eprintln!("left out: {why}");
        return None;
    }
    Some(well(&output))
}

#[test]
fn the_guides_first_plugin_in_rust_is_made_as_printed_passes_every_check_and_gives_readings() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = as_printed("### In Rust", folder.path()).expect("no Python in it");
    assert!(said.contains("imports nothing but the host's log") && said.contains(" 0 failed"), "{said}");
    let project = folder.path().join("my_spread");
    let plugins = folder.path().join("plugins");
    std::fs::create_dir_all(&plugins).expect("made");
    std::fs::copy(project.join("my_spread.wasm"), plugins.join("my_spread.wasm")).expect("built");
    let (passed, lines) = checked(&plugins.join("my_spread.wasm"), &[]);
    assert!(passed && lines.iter().all(|(_, verdict, _)| verdict == "ok"), "{lines:?}");
    let readings = replayed(&plugins, &recording_of(folder.path(), 50));
    assert!(readings.len() > 40 && readings.iter().all(|line| line["fields"]["my_spread.spread_bps"] != ""), "{readings:?}");
    // The same natively: every answer the same bit for bit.
    let component = plugins.join("my_spread.wasm");
    let compared = tool(folder.path(), &["bench", path(&component), "--books", "60", "--native", path(&project)]);
    assert!(well(&compared).matches("the same bit for bit on 60 books").count() == 4, "{}", text(&compared.stdout));
    // Built, checked, installed by one command; what doesn't build leaves what is installed.
    let watch = ["watch", path(&project), "--plugin-dir", path(&plugins), "--once"];
    let installed = well(&tool(folder.path(), &watch));
    assert!(installed.contains("my_spread 0.1.0: built in") && installed.contains("installed as"), "{installed}");
    let before = std::fs::read(&component).expect("installed");
    let source = project.join("src/algorithm.rs");
    let good = std::fs::read_to_string(&source).expect("readable");
    std::fs::write(&source, "this is no Rust").expect("written");
    let broken = tool(folder.path(), &watch);
    assert!(broken.status.code() == Some(1) && text(&broken.stdout).contains("not built"), "{}", text(&broken.stdout));
    std::fs::write(&source, good).expect("written");
    assert_eq!(std::fs::read(&component).expect("still there"), before);
    live_in_a_running_host(folder.path(), &project);
    // A project that is there isn't overwritten.
    let again = tool(folder.path(), &["new", "my_spread", "--lang", "rust"]);
    assert!(again.status.code() == Some(2) && text(&again.stderr).contains("isn't empty"), "{}", text(&again.stderr));
}

/// The same through a host's API: it says when there is a reading by what was saved, and the next time that it is there already.
fn live_in_a_running_host(folder: &Path, project: &Path) {
    const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789";
    let plugins = folder.join("of-the-host");
    std::fs::create_dir_all(&plugins).expect("made");
    std::fs::copy(components("plugins").join("large_orders.wasm"), plugins.join("large_orders.wasm")).expect("copied");
    tokio::runtime::Runtime::new().expect("threads").block_on(async {
        let redis = Redis::start().await;
        let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}/ws/v5/public", listener.local_addr().expect("its address"));
        let exchange = tokio::spawn(leadline_simulator::serve(listener, leadline_simulator::Options::default(), std::future::pending()));
        redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
        let more = [("PLUGIN_DIR", path(&plugins)), ("PLUGIN_DEADLINE_MS", "10000"), ("API_TOKEN", TOKEN)];
        let host = Host::start(settings(&redis, &url, &more), String::new(), &CancellationToken::new())
            .await
            .expect("it starts")
            .expect("not stopped");
        until("it reads", async || !redis.field("analysis:BTC-USDT", "large_orders.time").await.is_empty()).await;
        let at = format!("http://{}", host.addr);
        let watch = async |token: &str| {
            let mut command = tokio::process::Command::new(program());
            command.args(["plugin", "watch", path(project), "--host", &at, "--once"]).current_dir(folder);
            let target = program().parent().and_then(Path::parent).expect("target/PROFILE/leadline").to_owned();
            command.env("LEADLINE_TOKEN", token).env("LEADLINE_PROFILE", "dev").env("CARGO_TARGET_DIR", target);
            let output = command.output().await.expect("it runs");
            (output.status.code(), text(&output.stdout))
        };
        let (code, said) = watch(TOKEN).await;
        assert!(code == Some(0) && said.contains("saved \u{2192} live in"), "{said}");
        assert!(!redis.field("analysis:BTC-USDT", "my_spread.spread_bps").await.is_empty() && plugins.join("my_spread.wasm").is_file());
        let (code, said) = watch(TOKEN).await;
        assert!(code == Some(0) && said.contains("at work already"), "{said}");
        let (code, said) = watch("nobody's").await;
        assert!(code == Some(1) && said.contains("not installed") && said.contains("401"), "{said}");
        host.stop().await;
        exchange.abort();
    });
}

#[test]
fn the_guides_first_plugin_in_python_is_made_as_printed_and_passes_its_tests_and_every_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(said) = as_printed("### In Python", folder.path()) else { return };
    assert!(said.contains("imports nothing but the host's log") && said.contains(" 0 failed"), "{said}");
    let project = folder.path().join("my_tilt");
    let tests = Command::new("python3")
        .args(["-m", "unittest"])
        .current_dir(&project)
        .env("PYTHONPATH", repository().join("sdk/python"))
        .output()
        .expect("python3");
    assert!(tests.status.success() && text(&tests.stderr).contains("Ran 2 tests"), "{}", text(&tests.stderr));
}

/// The whole file of a plugin in Python, and of one in JavaScript, made by componentize-js: neither language's tool knows this host.
const FIFTEEN_LINES_OF_PYTHON: &str = r#"from leadline_plugin import Book, Output, Plugin, Reading, export, ok


class Tilt(Plugin):
    name = "tilt"
    summary = "Share of the bids in the best ten levels"
    outputs = [Output("share")]

    def analyze(self, book: Book) -> Reading:
        bids = sum(book.bids.sizes[:10])
        asks = sum(book.asks.sizes[:10])
        return ok(share=bids / (bids + asks))


Analysis, State = export(Tilt)
"#;
const FIFTEEN_LINES_OF_JAVASCRIPT: &str = r#"const outputs = [{ name: "share", kind: "ratio", unit: "1", low: 0, high: 1, summary: "Share of the bids in the best ten levels" }];
const best = ({ sizes }) => sizes.slice(0, 10).reduce((sum, size) => sum + size, 0);

export const analysis = {
  describe: () => ({ name: "tilt_js", version: "0.1.0", summary: outputs[0].summary, lane: "memory", outputs, parameters: "{}" }),
  open() {},
  analyze({ bids, asks }) {
    if (!(bids.prices[0] < asks.prices[0])) {
      const val = { code: "bad_book", detail: "a side is empty, or they cross" };
      return { outcome: { tag: "unknown", val }, fields: [], notices: [] };
    }
    const val = best(bids) / (best(bids) + best(asks));
    return { outcome: { tag: "ok" }, fields: [{ name: "share", value: { tag: "number", val } }], notices: [] };
  },
};
"#;

/// The component of a plugin of one file, which stands in the guide as it is; none where it can't be built here.
fn of_fifteen_lines(folder: &Path, name: &str, text: &str) -> Option<std::path::PathBuf> {
    assert_eq!(text.lines().count(), 15);
    let guide = std::fs::read_to_string(repository().join("docs/plugins.md")).expect("the guide");
    assert!(guide.contains(text), "docs/plugins.md has another {name}");
    std::fs::write(folder.join(name), text).expect("written");
    let file = folder.join(name).with_extension("wasm");
    built(folder, &file)?;
    Some(file)
}

#[test]
fn fifteen_lines_of_python_are_a_plugin_that_passes_every_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(file) = of_fifteen_lines(folder.path(), "tilt.py", FIFTEEN_LINES_OF_PYTHON) else { return };
    let (passed, lines) = checked(&file, &["--books", "40", "--plugin-cache-dir", path(cache())]);
    assert!(passed && of(&lines, "bad books").1 == "ok", "{lines:?}");
}

#[test]
fn fifteen_lines_of_javascript_are_a_plugin_that_passes_every_check_under_the_same_limits() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(file) = of_fifteen_lines(folder.path(), "tilt_js.js", FIFTEEN_LINES_OF_JAVASCRIPT) else { return };
    let cached = ["--books", "40", "--plugin-cache-dir", path(cache())];
    let (passed, lines) = checked(&file, &cached);
    assert!(passed && ["imports", "readings", "determinism", "bad books"].iter().all(|check| of(&lines, check).1 == "ok"), "{lines:?}");
    // Each budget stops it as it stops any other.
    for (limit, value, code) in [("--plugin-fuel", "100000", "fuel"), ("--plugin-memory-mb", "1", "memory")] {
        let (passed, lines) = checked(&file, &[&cached[..], &[limit, value]].concat());
        assert!(!passed && lines.iter().any(|line| line.1 == "failed" && line.2.contains(code)), "{limit}: {lines:?}");
    }
}

#[test]
fn the_example_gives_the_same_numbers_in_rust_and_in_python() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = recording_of(folder.path(), 200);
    let readings = |lang: &str| -> Option<Vec<(Value, Value, Value)>> {
        let plugins = folder.path().join(lang);
        built(&repository().join("examples").join(lang).join("microprice"), &plugins)?;
        let (passed, lines) = checked(&plugins.join("microprice.wasm"), &["--books", "40", "--plugin-cache-dir", path(cache())]);
        assert!(passed, "{lang}: {lines:?}");
        let lines = replayed(&plugins, &recording);
        Some(lines.iter().map(|line| (line["instrument"].clone(), line["sequence"].clone(), line["fields"].clone())).collect())
    };
    let rust = readings("rust").expect("no Python in it");
    assert!(rust.len() > 150, "{}", rust.len());
    for (_, _, fields) in &rust {
        let names: Vec<&str> = fields.as_object().expect("fields").keys().map(String::as_str).collect();
        assert_eq!(names, ["microprice.imbalance", "microprice.offset_bps", "microprice.price"], "outside the shared fields");
        assert!(fields.as_object().expect("fields").values().all(|value| value != ""), "{fields}");
    }
    if let Some(python) = readings("python") {
        assert_eq!(rust, python);
    }
}

/// The rows of an evaluation of one market of walls, as (of, what, figure of the plugin, of the simple rules, of the other plugin).
fn evaluated(folder: &Path, more: &[&str]) -> Vec<(String, Vec<Option<f64>>)> {
    let plugins = components("plugins");
    let fixed = [
        "evaluate",
        "--days",
        "1",
        "--events",
        "walls",
        "--analysis",
        "support_resistance",
        "--threads",
        "2",
        "--plugin-dir",
        path(&plugins),
    ];
    let output = Command::new(program()).args(fixed).args(["--out", path(folder)]).args(more).output().expect("the program runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("95 % confidence"), "{}", text(&output.stdout));
    let json = std::fs::read(folder.join("evaluation.json")).expect("written");
    let outcome: Value = serde_json::from_slice(&json).expect("JSON");
    let rows = outcome["rows"].as_array().expect("rows");
    let row = |row: &Value| {
        let name = format!("{}: {}", row["of"].as_str().unwrap_or_default(), row["what"].as_str().unwrap_or_default());
        (name, row["estimates"].as_array().expect("estimates").iter().map(|one| one["value"].as_f64()).collect())
    };
    rows.iter().map(row).collect()
}

#[test]
fn an_evaluation_finds_most_walls_says_the_same_twice_and_sees_what_a_parameter_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let once = evaluated(folder.path(), &[]);
    let of = |rows: &[(String, Vec<Option<f64>>)], name: &str| {
        let row = rows.iter().find(|row| row.0 == name).unwrap_or_else(|| panic!("no row {name} in {rows:?}"));
        row.1.clone()
    };
    let name = "wall of 10× the background, even: published";
    let found = of(&once, name);
    assert!(found.len() == 3 && found[0].expect("walls of 10×") > 0.8, "{found:?}");
    // With an excess that nothing reaches there is no candidate. The others' figures are what they were: the same seeds.
    let against = evaluated(folder.path(), &["--against", "support_resistance.least_excess=100"]);
    for (row, figures) in &once {
        assert_eq!(of(&against, row)[..3], figures[..], "{row}");
    }
    assert!(std::fs::read_to_string(folder.path().join("evaluation.html")).expect("written").contains("support_resistance"));
    assert_eq!(of(&against, name)[3], Some(0.0));
}

#[test]
fn an_evaluation_refuses_what_it_cannot_hold_against_anything() {
    let plugins = components("plugins");
    for (other, hint) in [("nowhere", "PLUGIN.PARAMETER=VALUE"), ("brilliance.x=1", "no plugin `brilliance`")] {
        let output = Command::new(program())
            .args(["evaluate", "--days", "1", "--plugin-dir", path(&plugins), "--against", other])
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(hint) && text(&output.stderr).contains("hint:"), "{}", text(&output.stderr));
    }
}
