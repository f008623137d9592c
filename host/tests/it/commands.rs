//! The commands as a user meets them: `verify`, `replay`, and what is said about bad input.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{components, program, recording};
use leadline_simulator::Generated;
use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).env_remove("REDIS_ADDR").output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// A recording of the generated market: today's frames, with ids.
fn generated(folder: &Path, frames: usize) -> std::path::PathBuf {
    let file = folder.join("generated.ndjson");
    leadline_simulator::write_recording(&file, &Generated { pairs: 2, start_ms: Some(1_800_000_000_000), ..Generated::default() }, frames)
        .expect("written");
    file
}

#[test]
fn verify_prints_exactly_the_expected_lines_of_each_recording() {
    let Some(expected) = recording("expected.jsonl") else { return };
    let expected = std::fs::read_to_string(expected).expect("readable");
    let mut files: Vec<String> = expected
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["file"].as_str().expect("a name").to_owned())
        .collect();
    files.dedup();
    assert_eq!(files.len(), 5);
    for file in files {
        let Some(recorded) = recording(&file) else { return };
        let output = run(&["verify", path(&recorded)]);
        let wanted: String =
            expected.lines().filter(|line| line.contains(&format!("\"file\":\"{file}\""))).map(|line| format!("{line}\n")).collect();
        assert_eq!(text(&output.stdout), wanted, "{file}");
        assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output.stderr));
    }
}

#[test]
fn verify_counts_a_frame_that_was_cut_out_and_exits_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = generated(folder.path(), 200);
    assert_eq!(run(&["verify", path(&file)]).status.code(), Some(0));
    let lines: Vec<String> = std::fs::read_to_string(&file).expect("readable").lines().map(str::to_owned).collect();
    let cut: Vec<&String> = lines.iter().enumerate().filter(|(index, _)| *index != 100).map(|(_, line)| line).collect();
    let file = folder.path().join("cut.ndjson");
    std::fs::write(&file, cut.iter().map(|line| format!("{line}\n")).collect::<String>()).expect("written");
    let output = run(&["verify", path(&file)]);
    assert_eq!(output.status.code(), Some(1));
    let rows: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rows.iter().map(|row| row["gaps"].as_u64().unwrap()).sum::<u64>(), 1);
    assert!(rows.iter().map(|row| row["dropped"].as_u64().unwrap()).sum::<u64>() > 10, "what follows is dropped: no snapshot comes");
}

#[test]
fn replay_finds_the_known_levels_and_says_warming_where_there_is_too_little() {
    let Some(file) = recording("okx_v5_books_20220513.ndjson") else { return };
    let plugins = components("plugins");
    let arguments = ["replay", path(&file), "--format", "jsonl", "--plugin-dir", path(&plugins)];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |plugin: &str| {
        lines.iter().filter(|line| line["plugin"] == plugin && line["instrument"] == "BTC-USDT").cloned().collect::<Vec<_>>()
    };
    let number = |line: &Value, field: &str| line["fields"][field].as_str().unwrap().parse::<f64>();

    let levels = of("support_resistance");
    assert_eq!(levels.len(), 98);
    let found = levels
        .iter()
        .filter(|line| {
            ["support_level_1", "support_level_2"]
                .iter()
                .any(|field| number(line, field).is_ok_and(|price| (30_199.0..=30_201.0).contains(&price)))
        })
        .count();
    assert!(found >= 95, "30 200 is among the two supports on {found} of 98 frames");
    for line in of("large_orders") {
        for field in ["large_orders.large_buy_count", "large_orders.large_sell_count"] {
            assert!((1.0..=6.0).contains(&number(&line, field).unwrap()), "{line}");
        }
    }
    for plugin in ["depth_anomaly", "liquidity"] {
        for line in of(plugin) {
            assert_eq!(line["outcome"], "warming", "{line}");
            assert!(line["remaining_ms"].as_u64().unwrap() > 0 && !line["detail"].as_str().unwrap().is_empty());
            assert!(line["fields"].as_object().unwrap().values().all(|value| value == ""), "no numbers: {line}");
        }
    }
    let without_time = |output: &Output| {
        text(&output.stdout)
            .lines()
            .map(|line| line.rsplit_once(",\"microseconds\"").expect("the last key").0.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(without_time(&output), without_time(&run(&arguments)), "the same bytes twice");
    let table = run(&["replay", path(&file), "--plugin-dir", path(&plugins)]);
    assert!(text(&table.stdout).contains("98 ok") && text(&table.stdout).contains("98 warming"));
}

#[test]
fn frames_of_the_design_document_are_taken_and_say_that_nothing_vouches_for_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("design.ndjson");
    let side = |sign: f64| (1..=20).map(|i| format!(r#"["{:.2}","1.5"]"#, 50_000.0 + sign * f64::from(i))).collect::<Vec<_>>().join(",");
    let line = format!(
        r#"{{"table":"books","data":[{{"asks":[{}],"bids":[{}],"instrument_id":"BTC-USDT","timestamp":"2025-01-01T00:00:00.000Z","update_time":"2025-01-01T00:00:00.000Z"}}]}}"#,
        side(1.0),
        side(-1.0)
    );
    std::fs::write(&file, line).expect("written");
    let output = run(&["replay", path(&file), "--format", "jsonl", "--plugin-dir", path(&components("plugins"))]);
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 4, "{}", text(&output.stderr));
    assert!(lines.iter().all(|line| line["outcome"] == "unknown" && line["code"] == "unverified"), "{lines:?}");
}

#[test]
fn bad_lines_are_named_and_the_rest_of_the_recording_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = generated(folder.path(), 50);
    let good = std::fs::read_to_string(&file).expect("readable");
    let mut mixed = std::fs::File::create(&file).expect("written");
    for (index, line) in good.lines().enumerate() {
        match index {
            10 => writeln!(mixed, "this is no JSON"),
            11 => writeln!(mixed, r#"{{"event":"never heard of it"}}"#),
            12 => writeln!(mixed, r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"update","data":[{{"asks":[["NaN","1","0","1"]],"bids":[],"ts":"1","seqId":1,"prevSeqId":1}}]}}"#),
            13 => writeln!(mixed, r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"update","data":[{{"asks":[["-1","1","0","1"]],"bids":[],"ts":"1","seqId":1,"prevSeqId":1}}]}}"#),
            14 => writeln!(mixed, r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"update","data":[{{"asks":[["1","{}","0","1"]],"bids":[],"ts":"1","seqId":1,"prevSeqId":1}}]}}"#, "9".repeat(40)),
            _ => Ok(()),
        }
        .expect("written");
        writeln!(mixed, "{line}").expect("written");
    }
    let output = run(&["verify", path(&file)]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    for (line, word) in [(11, "byte 0"), (15, "NaN"), (17, "-1"), (19, "999")] {
        assert!(told.lines().any(|text| text.contains(&format!("line {line}:")) && text.contains(word)), "line {line} {word}: {told}");
    }
    let rows: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(rows.iter().map(|row| row["frames"].as_u64().unwrap()).sum::<u64>(), 50, "nothing good is lost");
    assert!(rows.iter().all(|row| row["gaps"] == 0));
}

#[test]
fn bad_input_is_refused_by_name_with_a_hint() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.ndjson");
    std::fs::write(&empty, "").expect("written");
    let wrong = folder.path().join("wrong.env");
    std::fs::write(&wrong, "REDIS_ADR=here\n").expect("written");
    let core = folder.path().join("plugins");
    std::fs::create_dir(&core).expect("made");
    std::fs::write(core.join("broken.wasm"), "no component").expect("written");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    for (arguments, words) in [
        (vec!["verify", path(&empty)], vec!["empty.ndjson", "hint:"]),
        (vec!["verify", "/nowhere.ndjson"], vec!["/nowhere.ndjson"]),
        (vec!["replay", path(&empty), "--plugin-dir", path(&core)], vec!["broken.wasm", "those of WebAssembly"]),
        (vec!["run", "--config", path(&wrong)], vec!["wrong.env line 1", "`REDIS_ADR`", "did you mean REDIS_ADDR"]),
        (vec!["run", "--trading-pairs-poll-interval", "0"], vec!["TRADING_PAIRS_POLL_INTERVAL", "not between 1 and 3600", "hint:"]),
        (vec!["run", "--api-addr", &address], vec!["API_ADDR", &address, "hint: another program has the port"]),
        (vec!["simulate", "--listen", &address], vec![&address, "hint:"]),
        (vec!["simulate", "--rate", "quick"], vec!["quick", "hint:"]),
        (vec!["demo", "--replay", path(&empty)], vec!["empty.ndjson"]),
        (vec!["run", "--no-such-flag"], vec!["--no-such-flag"]),
        (vec!["fly"], vec!["fly"]),
    ] {
        let output = run(&arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        for word in words {
            assert!(told.contains(word), "{arguments:?} doesn't say {word}: {told}");
        }
        assert!(!told.contains("panicked"), "{told}");
    }
    let unknown = Command::new(program()).arg("run").env("TRADING_PAIRS_POL", "3").output().expect("it runs");
    assert!(text(&unknown.stderr).contains("environment: there is no setting `TRADING_PAIRS_POL`"), "{}", text(&unknown.stderr));
}

#[test]
fn every_setting_stands_in_the_documentation_with_its_default() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md")).expect("the page is there");
    for setting in leadline_host::config::SETTINGS {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}`", setting.name)));
        let row = row.unwrap_or_else(|| panic!("{} has no row in docs/configuration.md", setting.name));
        assert!(
            setting.default.is_empty() || row.contains(&format!("`{}`", setting.default)),
            "{}: default {} in: {row}",
            setting.name,
            setting.default
        );
    }
}

#[test]
fn a_report_of_a_replay_holds_every_output_and_loads_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, report) = (generated(folder.path(), 600), folder.path().join("report.html"));
    let output = run(&["replay", path(&file), "--plugin-dir", path(&components("plugins")), "--html", path(&report)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("large_orders") && text(&output.stderr).contains("report: "), "the table comes as ever");
    let html = std::fs::read_to_string(&report).expect("written");
    for word in ["BTC-USDT: support_resistance", "ETH-USDT: liquidity", "support_level_1", "imbalance", "large_orders: time", "warming"] {
        assert!(html.contains(word), "{word}");
    }
    for word in ["<script", "http://", "https://", "NaN"] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.len() < 4 << 20, "{} bytes", html.len());
    let nowhere = run(&["replay", path(&file), "--plugin-dir", path(&components("plugins")), "--html", "/nowhere/report.html"]);
    assert!(nowhere.status.code() == Some(2) && text(&nowhere.stderr).contains("/nowhere/report.html"), "{}", text(&nowhere.stderr));
}
