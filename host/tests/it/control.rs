//! What is at work is changed by command, and tried beside the live version first.

use std::sync::Arc;
use std::time::Instant;

use crate::support::kept::{Kept, another, book, pair};
use crate::support::{DEADLINE, Redis, components, program, settings, until};
use leadline_host::analysis::{Analyst, Budget, Call, Command, ControlError, Done, Engine, Outcome, Phase, Plugin};
use leadline_host::clock::Arrival;
use leadline_host::host::Host;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().expect("a table")
}

fn install(name: &str, mark: u8) -> Command {
    Command::Install { bytes: another(name, mark) }
}

fn rollback(plugin: &str) -> Command {
    Command::Rollback { plugin: plugin.to_owned(), to: None }
}

fn digest(kept: &Kept, plugin: &str) -> String {
    kept.keeper.control().plugin(plugin).expect("it is known").work.expect("it works").digest.to_string()
}

fn file(kept: &Kept, name: &str) -> Vec<u8> {
    std::fs::read(kept.folder.path().join(name)).expect("it is there")
}

#[test]
fn an_installed_component_is_checked_written_and_put_to_work_and_a_bad_one_changes_nothing() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    for second in 0..5 {
        kept.read("BTC", second);
    }
    let done = kept.run(install("large_orders", 1)).expect("it is good");
    assert_eq!((done.plugin.as_str(), done.phase, done.changed), ("large_orders", "running", true));
    assert_eq!(file(&kept, "large_orders.wasm"), another("large_orders", 1));
    assert_eq!(digest(&kept, "large_orders"), done.digest);
    let again = kept.run(install("large_orders", 1)).expect("it is there already");
    assert_eq!(again, Done { changed: false, ..done.clone() });

    let whole = another("large_orders", 2);
    for (bytes, phase) in [(whole[..whole.len() / 2].to_vec(), Phase::Parse), (b"\0asm\x0d\0\x01\0".to_vec(), Phase::CheckWorld)] {
        let error = kept.run(Command::Install { bytes }).expect_err("it is bad");
        assert!(matches!(&error, ControlError::Refused { phase: at, reason } if *at == phase && reason.contains("hint:")), "{error}");
    }
    assert_eq!(file(&kept, "large_orders.wasm"), another("large_orders", 1));
    assert!(!matches!(kept.read("BTC", 5).outcome, Outcome::Fault(_)));

    // A plugin that wasn't there gets a file of its own.
    let done = kept.run(install("liquidity", 1)).expect("it is good");
    assert_eq!((done.plugin.as_str(), kept.crew.buffered.all().len()), ("liquidity", 1));
    assert_eq!(file(&kept, "liquidity.wasm"), another("liquidity", 1));
    let names: Vec<String> = kept.keeper.control().list().into_iter().map(|state| state.name).collect();
    assert_eq!(names, ["large_orders", "liquidity"]);
    let error = kept.run(rollback("larg_orders")).expect_err("no such plugin");
    assert!(error.code() == "unknown_plugin" && error.to_string().contains("large_orders, liquidity"), "{error}");
    kept.crew.stop();
}

#[test]
fn a_rollback_goes_to_the_version_before_also_after_a_restart() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    let error = kept.run(rollback("large_orders")).expect_err("there is none");
    assert_eq!(error.code(), "no_version");
    let first = file(&kept, "large_orders.wasm");
    kept.run(install("large_orders", 1)).expect("it is good");
    kept.crew.stop();

    let mut kept = Kept::on(kept.folder);
    let done = kept.run(rollback("large_orders")).expect("the version before is kept");
    assert_eq!((done.phase, file(&kept, "large_orders.wasm") == first), ("running", true));
    let versions = kept.keeper.control().plugin("large_orders").expect("known").versions;
    assert_eq!((versions.len(), versions[0].digest.as_str()), (2, done.digest.as_str()));
    // And to a certain one.
    let to = versions[1].digest[..12].to_owned();
    let done = kept.run(Command::Rollback { plugin: "large_orders".to_owned(), to: Some(to) }).expect("it is kept");
    assert_eq!(done.digest, versions[1].digest);
    kept.crew.stop();
}

#[test]
fn parameters_by_command_keep_every_comment_and_wrong_ones_are_named_and_change_nothing() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    let sheet = kept.folder.path().join("plugins.toml");
    std::fs::write(&sheet, "# Ours.\n[large_orders.limits]\nfuel = 19000000 # enough\n").expect("written");
    kept.until("large_orders", "budget_fuel", "19000000");
    kept.until("large_orders", "phase", "running");
    let set = |pair: Option<&str>, parameters: &Value| Command::SetParameters {
        plugin: "large_orders".to_owned(),
        pair: pair.map(str::to_owned),
        parameters: map(parameters),
    };
    for (wrong, detail, hint) in [
        (json!({ "shar": 0.2 }), "there is no parameter `shar`", "did you mean `share`?"),
        (json!({ "share": 7 }), "`share`: 7 is more than", "`share` is number from"),
        (json!({ "share": "much" }), "`share`: \"much\" is of another type", "default"),
    ] {
        let error = kept.run(set(None, &wrong)).expect_err("it is wrong");
        let text = error.to_string();
        assert!(matches!(error, ControlError::Refused { phase: Phase::CheckParameters, .. }), "{text}");
        assert!(text.contains(detail) && text.contains("\nhint: ") && text.contains(hint), "{text}");
    }
    assert_eq!(std::fs::read_to_string(&sheet).expect("text"), "# Ours.\n[large_orders.limits]\nfuel = 19000000 # enough\n");
    let done = kept.run(set(None, &json!({ "share": 0.2 }))).expect("it is right");
    assert_eq!((done.phase, done.changed), ("running", true));
    kept.run(set(Some("BTC-USDT"), &json!({ "share": 0.3 }))).expect("it is right");
    let text = std::fs::read_to_string(&sheet).expect("text");
    assert!(text.starts_with("# Ours.\n[large_orders.limits]\nfuel = 19000000 # enough\n"), "{text}");
    let work = kept.keeper.control().plugin("large_orders").expect("known").work.expect("it works");
    assert_eq!((work.parameters, work.pair_parameters["BTC-USDT"].clone()), (json!({ "share": 0.2 }), json!({ "share": 0.3 })));
    let again = kept.run(set(None, &json!({ "share": 0.2 }))).expect("it is so already");
    assert!(!again.changed);

    let plugin = || "large_orders".to_owned();
    let done = kept.run(Command::Disable { plugin: plugin() }).expect("it stops");
    assert_eq!((done.phase, kept.crew.memory.all().len()), ("disabled", 0));
    assert_eq!(kept.run(Command::Enable { plugin: plugin() }).expect("it works").phase, "running");
    assert_eq!(kept.crew.memory.all().len(), 1);
    assert!(!kept.run(Command::Enable { plugin: plugin() }).expect("it works already").changed);
    kept.crew.stop();
}

fn shadow(plugin: &str, bytes: Option<Vec<u8>>, parameters: Option<&Value>, rule: Option<&str>) -> Command {
    Command::shadow(plugin, bytes, parameters.map(map), None, rule).expect("it can be meant")
}

#[test]
fn a_candidate_is_compared_book_for_book_and_takes_over_with_what_it_has_gathered() {
    let mut kept = Kept::start("plugins", &["depth_anomaly"]);
    let engine = Engine::new().expect("an engine");
    let budget = Budget { deadline: DEADLINE, ..Budget::default() };
    let plain = Plugin::load(&engine, &components("plugins").join("depth_anomaly.wasm"), budget).expect("it loads");
    let mut alone = Analyst::new(Arc::new(plain), pair("BTC").1, "{}");
    let mut check = |kept: &Kept, second: u64| {
        let book = book(second);
        let call = Call { book: &book, arrival: Arrival::now(), skipped: 0, restarted: second == 0, deadline: DEADLINE };
        let (with, without) = (kept.read_buffered("BTC", second), alone.analyze(call).expect("a reading"));
        assert_eq!((with.outcome, with.fields), (without.outcome, without.fields), "book {second}");
    };
    (0..200).for_each(|second| check(&kept, second));
    let first = digest_at_work(&mut kept, "depth_anomaly");
    kept.run(shadow("depth_anomaly", Some(another("depth_anomaly", 1)), None, None)).expect("it opens");
    let error = kept.run(shadow("depth_anomaly", Some(another("depth_anomaly", 2)), None, None)).expect_err("one is enough");
    assert_eq!(error.code(), "plugin_busy");
    (200..300).for_each(|second| check(&kept, second));
    assert_eq!(digest_at_work(&mut kept, "depth_anomaly"), first, "it writes nothing");
    let done = kept.run(Command::Promote { plugin: "depth_anomaly".to_owned() }).expect("it takes over");
    assert_eq!(done.phase, "running");
    assert_ne!(digest(&kept, "depth_anomaly"), first);
    // Not one of them says `warming`: they are the readings of a run without any of this.
    (300..400).for_each(|second| check(&kept, second));
    assert_eq!(file(&kept, "depth_anomaly.wasm"), another("depth_anomaly", 1));
    let report = kept.heard.shadows.lock().expect("whole").last().cloned().expect("a report");
    assert_eq!((report.state, report.agreement, report.outcome_agreement, report.faults.total), ("promoted", Some(1.0), Some(1.0), 0));
    assert_eq!((report.books.compared, report.books.skipped), (100, 0));
    assert!(report.live.is_some_and(|live| live.calls == 100) && report.candidate.is_some_and(|candidate| candidate.p99_fuel > 0));
    let error = kept.run(Command::Promote { plugin: "depth_anomaly".to_owned() }).expect_err("there is none now");
    assert_eq!(error.code(), "no_shadow");
    kept.crew.stop();
}

fn digest_at_work(kept: &mut Kept, plugin: &str) -> String {
    kept.until(plugin, "phase", "running");
    digest(kept, plugin)
}

/// Sweeps until a shadow's report is as wanted, and a book more a sweep.
fn until_report(kept: &mut Kept, plugin: &str, second: &mut u64, wanted: impl Fn(&leadline_host::analysis::ShadowReport) -> bool) {
    let deadline = Instant::now() + DEADLINE * 3;
    loop {
        kept.keeper.sweep();
        let seen = kept.keeper.control().plugin(plugin).expect("known").shadow;
        if seen.as_ref().is_some_and(&wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "{seen:?}");
        assert!(!matches!(kept.read("BTC", *second).outcome, Outcome::Fault(_)));
        *second += 1;
    }
}

#[test]
fn other_parameters_as_a_candidate_show_where_they_differ_and_are_dropped_without_a_trace() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    let mut second = 0;
    while second < 5 {
        kept.read("BTC", second);
        second += 1;
    }
    let other = json!({ "share": 0.01, "multiple": 1.0 });
    kept.run(shadow("large_orders", None, Some(&other), None)).expect("it opens");
    until_report(&mut kept, "large_orders", &mut second, |report| report.books.compared >= 50);
    let report = kept.keeper.control().plugin("large_orders").expect("known").shadow.expect("a report");
    let buys = report.fields.iter().find(|field| field.name == "large_buy_orders").expect("a field");
    assert!(buys.differing >= 40, "{buys:?}");
    let example = buys.examples.back().expect("an example");
    assert!(example.live != example.candidate && &*example.pair == "BTC-USDT" && example.time_ms > 0, "{example:?}");
    assert!(report.agreement.is_some_and(|share| share < 0.5), "{report:?}");
    assert_eq!(kept.run(Command::Drop { plugin: "large_orders".to_owned() }).expect("it ends").phase, "dropped");
    assert_eq!(kept.run(Command::Drop { plugin: "large_orders".to_owned() }).expect_err("it has ended").code(), "no_shadow");
    assert!(!kept.folder.path().join("plugins.toml").exists());
    kept.crew.stop();
}

#[test]
fn a_rule_promotes_a_candidate_over_an_edit_of_plugins_toml_and_waits_while_it_is_not_fulfilled() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    let mut second = 0;
    let other = json!({ "share": 0.01, "multiple": 1.0 });
    let rule = "promote after 0 s if agreement >= 99%, books >= 20";
    kept.run(shadow("large_orders", None, Some(&other), Some(rule))).expect("it opens");
    until_report(&mut kept, "large_orders", &mut second, |report| report.rule_state.starts_with("agreement is 0"));
    std::fs::write(kept.folder.path().join("plugins.toml"), "# No word of it.\n").expect("written");
    until_report(&mut kept, "large_orders", &mut second, |report| report.books.compared >= 100 && report.state == "running");
    kept.run(Command::Drop { plugin: "large_orders".to_owned() }).expect("it ends");

    let rule = "promote after 0 s if no faults, books >= 20";
    kept.run(shadow("large_orders", None, Some(&other), Some(rule))).expect("it opens");
    until_report(&mut kept, "large_orders", &mut second, |report| report.state == "promoted");
    kept.until("large_orders", "parameters", "0.01");
    let text = std::fs::read_to_string(kept.folder.path().join("plugins.toml")).expect("text");
    assert!(text.starts_with("# No word of it.\n") && text.contains("share = 0.01"), "{text}");
    kept.crew.stop();
}

#[test]
fn a_candidate_goes_on_after_a_restart_and_says_that_it_is_counted_anew() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    let mut second = 0;
    let rule = "promote after 1 h if no faults";
    let other = json!({ "share": 0.01 });
    kept.run(shadow("large_orders", Some(another("large_orders", 1)), Some(&other), Some(rule))).expect("it opens");
    until_report(&mut kept, "large_orders", &mut second, |report| report.books.compared >= 5);
    let report = |kept: &Kept| kept.keeper.control().plugin("large_orders").expect("known").shadow.expect("a report");
    let before = report(&kept);
    kept.crew.stop();

    let mut kept = Kept::on(kept.folder);
    until_report(&mut kept, "large_orders", &mut second, |report| report.books.compared > 0);
    let after = report(&kept);
    assert_eq!((&after.digest, &after.parameters, &after.rule), (&before.digest, &before.parameters, &before.rule));
    assert!(after.begun_ms == before.begun_ms && after.since_ms > before.since_ms, "{after:?}");
    assert!(after.rule_state.ends_with("s left"), "{}", after.rule_state);
    let done = kept.run(Command::Promote { plugin: "large_orders".to_owned() }).expect("it takes over");
    assert_eq!((done.phase, &*done.digest), ("running", &*before.digest));
    assert_eq!(file(&kept, "large_orders.wasm"), another("large_orders", 1));

    // One that was let go, or has taken over, doesn't come again.
    let left = |kept: &Kept| kept.folder.path().join(".kept/large_orders.shadow").exists();
    assert!(!left(&kept));
    kept.run(shadow("large_orders", None, Some(&json!({})), None)).expect("it opens");
    assert!(left(&kept));
    kept.run(Command::Drop { plugin: "large_orders".to_owned() }).expect("it ends");
    assert!(!left(&kept));
    kept.crew.stop();
}

#[test]
fn a_candidate_that_traps_or_loops_costs_the_live_version_nothing() {
    // The same component in a bad mood: opened for another pair, it traps, and loops; the live one has pairs that it is good on.
    let mut kept = Kept::start("test-plugins", &["misbehaving"]);
    let mut bytes = std::fs::read(components("test-plugins").join("misbehaving.wasm")).expect("built");
    bytes.extend([0, 3, 1, b'x', 1]);
    kept.read("BTC", 0);
    kept.run(shadow("misbehaving", Some(bytes), None, None)).expect("it opens on BTC-USDT");
    // Live and candidate do the same on this pair: both trap. The live one on BTC isn't touched by either.
    for second in 1..20 {
        kept.read("BTC", second);
    }
    let (trap, instrument) = pair("TRAP");
    kept.crew.memory.all()[0].offer(&trap, &instrument, &book(1), Arrival::now());
    assert!(matches!(kept.readings.recv_timeout(DEADLINE).expect("a reading").outcome, Outcome::Fault(_)));
    let deadline = Instant::now() + DEADLINE * 3;
    let mut second = 20;
    loop {
        kept.keeper.sweep();
        let report = kept.keeper.control().plugin("misbehaving").expect("known").shadow.expect("a shadow");
        if report.faults.total >= 1 && report.books.compared >= 20 {
            assert!(report.faults.newest.contains("TRAP-USDT: trap"), "{report:?}");
            break;
        }
        assert!(Instant::now() < deadline, "{report:?}");
        let reading = kept.read("BTC", second);
        assert_eq!(reading.fields[0].1, (second + 1).to_string(), "no call of it was missed or made twice");
        second += 1;
    }
    assert_eq!(kept.keeper.control().plugin("misbehaving").expect("known").work.expect("it works").tally.kills, 1, "the live one's own");
    kept.crew.stop();
}

#[test]
fn a_file_that_is_replaced_again_and_again_while_it_is_read_is_taken_whole_or_not_at_all() {
    let mut kept = Kept::start("plugins", &["large_orders"]);
    let path = kept.folder.path().join("large_orders.wasm");
    let versions: Vec<Vec<u8>> = (1..=4).map(|mark| another("large_orders", mark)).collect();
    let mut second = 0;
    // Written in place, half and half, while the keeper looks: what it reads can be any mixture.
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for turn in 0..60 {
                let bytes = &versions[turn % versions.len()];
                std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
                std::thread::yield_now();
                std::fs::write(&path, bytes).expect("written");
            }
        });
        while !writer.is_finished() {
            kept.keeper.sweep();
            assert!(!matches!(kept.read("BTC", second).outcome, Outcome::Fault(_)));
            second += 1;
        }
    });
    let last = versions[59 % versions.len()].clone();
    let deadline = Instant::now() + DEADLINE * 3;

    let mut seen = String::new();
    while seen != sha256(&last) {
        assert!(Instant::now() < deadline, "{:?}", kept.heard.reports);
        kept.keeper.sweep();
        assert!(!matches!(kept.read("BTC", second).outcome, Outcome::Fault(_)));
        second += 1;
        seen = kept.told("large_orders", "digest");
    }
    assert_eq!(kept.told("large_orders", "problem"), "");
    kept.crew.stop();
}

/// Runs the program against a host; its exit code, standard output and standard error.
async fn leadline(host: &str, token: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(program());
    command.arg("plugin").args(arguments).args(["--host", host]).env("LEADLINE_TOKEN", token);
    let output = command.output().await.expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_change_a_running_host_and_say_what_came_of_it() {
    const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789";
    let redis = Redis::start().await;
    let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/ws/v5/public", listener.local_addr().expect("its address"));
    let exchange = tokio::spawn(leadline_simulator::serve(listener, leadline_simulator::Options::default(), std::future::pending()));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(components("plugins").join("large_orders.wasm"), folder.path().join("large_orders.wasm")).expect("copied");
    let candidate = folder.path().join("candidate.bin");
    std::fs::write(&candidate, another("large_orders", 5)).expect("written");
    let candidate = candidate.to_str().expect("plain");
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    let more = [("PLUGIN_DIR", folder.path().to_str().expect("plain")), ("PLUGIN_DEADLINE_MS", "10000"), ("API_TOKEN", TOKEN)];
    let host = Host::start(settings(&redis, &url, &more), String::new(), &CancellationToken::new())
        .await
        .expect("it starts")
        .expect("not stopped");
    let at = format!("http://{}", host.addr);
    until("it reads", async || !redis.field("analysis:BTC-USDT", "large_orders.time").await.is_empty()).await;

    let (code, _, told) = leadline(&at, "", &["install", candidate]).await;
    assert!(code == Some(2) && told.contains("401") && told.contains("hint:"), "{told}");
    let (code, out, _) = leadline(&at, TOKEN, &["list"]).await;
    assert!(code == Some(0) && out.contains("large_orders") && out.contains("running"), "{out}");
    let (code, _, told) = leadline(&at, TOKEN, &["rollback", "large_orders"]).await;
    assert!(code == Some(2) && told.contains("no_version"), "{told}");

    let rule = "promote after 1 h if no faults";
    let (code, _, told) = leadline(&at, TOKEN, &["shadow", "large_orders", candidate, "--rule", rule]).await;
    assert_eq!(code, Some(0), "{told}");
    until("Redis shows what was compared", async || {
        redis.field("shadow:large_orders", "books_compared").await.parse::<u64>().is_ok_and(|books| books > 0)
    })
    .await;
    assert_eq!(redis.field("shadow:large_orders", "agreement").await, "1.000000");
    assert!(redis.field("shadow:large_orders", "rule_state").await.ends_with("s left"));
    let (_, out, _) = leadline(&at, TOKEN, &["shadow", "large_orders"]).await;
    assert!(out.contains("agreement 100.00 %") && out.contains("large_buy_orders"), "{out}");
    let (code, out, told) = leadline(&at, TOKEN, &["promote", "large_orders"]).await;
    assert!(code == Some(0) && out.contains("running"), "{out}{told}");
    let (code, out, told) = leadline(&at, TOKEN, &["rollback", "large_orders"]).await;
    assert!(code == Some(0) && out.contains("running"), "{out}{told}");
    let (code, _, told) = leadline(&at, TOKEN, &["parameters", "large_orders", r#"{"share": 7}"#]).await;
    assert!(code == Some(2) && told.contains("`share`: 7 is more than") && told.contains("422"), "{told}");
    let (code, out, told) = leadline(&at, TOKEN, &["parameters", "large_orders", r#"{"share": 0.2}"#]).await;
    assert!(code == Some(0) && out.contains("running"), "{out}{told}");
    let (_, out, _) = leadline(&at, TOKEN, &["parameters", "large_orders"]).await;
    assert!(out.lines().any(|line| line.starts_with("share") && line.contains("0.2")), "{out}");
    let (_, out, _) = leadline(&at, TOKEN, &["logs", "large_orders"]).await;
    assert!(out.contains("has taken over") && out.contains("runs as a shadow"), "{out}");
    let (code, out, told) = leadline(&at, TOKEN, &["disable", "large_orders"]).await;
    assert!(code == Some(0) && out.contains("disabled"), "{out}{told}");
    until("its fields are gone", async || redis.field("analysis:BTC-USDT", "large_orders.time").await.is_empty()).await;
    let (code, out, told) = leadline(&at, TOKEN, &["enable", "large_orders"]).await;
    assert!(code == Some(0) && out.contains("running"), "{out}{told}");
    until("it reads again", async || !redis.field("analysis:BTC-USDT", "large_orders.time").await.is_empty()).await;
    host.stop().await;
    let (code, _, told) = leadline(&at, TOKEN, &["list"]).await;
    assert!(code == Some(2) && told.contains("hint: is the host running"), "{told}");
    exchange.abort();
}

fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
