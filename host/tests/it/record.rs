//! `leadline record` through the real program: faults, joins, kill -9, the same folder again.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::{program, until};
use leadline_recording::Manifest;
use leadline_simulator::{Control, Options};

/// An exchange of this process.
struct Exchange {
    address: String,
    control: Control,
}

async fn exchange() -> Exchange {
    let control = Control::new();
    let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    tokio::spawn(leadline_simulator::serve(listener, Options { control: control.clone(), ..Options::default() }, std::future::pending()));
    Exchange { address, control }
}

fn record(exchange: &Exchange, folder: &Path, more: &[&str]) -> Child {
    Command::new(program())
        .args(["record", "--pairs", "BTC-USDT,ETH-USDT", "--okx-ws-url", &format!("ws://{}/ws/v5/public", exchange.address)])
        .args(["--okx-rest-url", &format!("http://{}", exchange.address), "--out"])
        .arg(folder)
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

fn run(words: &[&str], folder: &Path) -> Output {
    Command::new(program()).args(words).arg(folder).output().expect("it runs")
}

/// Frames of both pairs that the files hold.
fn frames(folder: &Path) -> u64 {
    leadline_recording::audit(folder).map_or(0, |audit| audit.rows.iter().map(|row| row.counters.frames).min().unwrap_or(0))
}

async fn interrupt(child: &mut Child) {
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().expect("sent");
    until("it ends", async || child.try_wait().expect("a child").is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_with_joins_is_clean_and_a_lost_frame_stands_in_the_manifest() {
    let exchange = exchange().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = record(&exchange, folder.path(), &["--okx-resync-interval", "1"]);
    until("both pairs are recorded over some joins", async || {
        leadline_recording::audit(folder.path())
            .is_ok_and(|audit| audit.rows.len() == 2 && audit.rows.iter().all(|row| row.counters.snapshots >= 3))
    })
    .await;
    // Joined streams leave no gap, and each join's snapshot is in the recording.
    let verified = run(&["verify"], folder.path());
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    assert!(Manifest::read(folder.path()).expect("readable").expect("there").gaps.is_empty());

    exchange.control.inject(&"drop:BTC-USDT".parse().expect("a fault")).await.expect("brought about");
    until("the gap stands in the manifest", async || {
        Manifest::read(folder.path()).ok().flatten().is_some_and(|manifest| manifest.gaps.iter().any(|gap| gap.to_us.is_some()))
    })
    .await;
    interrupt(&mut child).await;
    let output = child.wait_with_output().expect("its words");
    assert!(output.status.success());
    let manifest = Manifest::read(folder.path()).expect("readable").expect("there");
    assert!(manifest.finished);
    assert_eq!(manifest.gaps.len(), 1, "{:?}", manifest.gaps);
    assert_eq!(manifest.gaps[0].pair, "BTC-USDT");
    assert!(manifest.gaps[0].reason.starts_with("gap in the chain"), "{}", manifest.gaps[0].reason);
    let verified = run(&["verify"], folder.path());
    assert_eq!(verified.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&verified.stderr).contains("BTC-USDT: gap from"));
    // The listings came along, so a replay knows tick sizes.
    assert!(folder.path().join("instruments/BTC-USDT.json").is_file());
    let plugins = crate::support::components("plugins");
    let replayed = run(&["replay", "--format", "jsonl", "--plugin-dir", plugins.to_str().expect("a path")], folder.path());
    assert!(String::from_utf8_lossy(&replayed.stdout).lines().count() > 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_recorder_keeps_what_it_has_and_the_next_goes_on_and_says_what_is_missing() {
    let exchange = exchange().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = record(&exchange, folder.path(), &[]);
    until("some frames are in the files", async || frames(folder.path()) > 20).await;
    let before = frames(folder.path());
    child.kill().expect("it ran");
    child.wait().expect("it ended");
    assert!(frames(folder.path()) >= before);
    let mut child = record(&exchange, folder.path(), &[]);
    until("it goes on", async || frames(folder.path()) > before + 20).await;
    interrupt(&mut child).await;
    let manifest = Manifest::read(folder.path()).expect("readable").expect("there");
    let gap = manifest.gaps.iter().find(|gap| gap.pair == "*").expect("the time between the two runs");
    assert_eq!(gap.reason, "the recorder wasn't running");
    let verified = run(&["verify"], folder.path());
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_recorded_is_said_before_anything_is_written() {
    let exchange = exchange().await;
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |more: &[&str], part: &str| {
        let out = folder.path().join("out");
        let child = record(&exchange, &out, more);
        let output = child.wait_with_output().expect("its words");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(part) && told.contains("hint:"), "{told}");
        assert!(!out.exists());
    };
    refused(&["--for", "soon"], "--for: `soon` is no time");
    refused(&["--pairs", "btc"], "`btc` is no instrument's name");
    refused(&["--max-mb", "8"], "total_bytes");
    refused(&["--okx-endpoint", "mars"], "OKX_ENDPOINT");
    // Two recorders in one folder.
    let shared = folder.path().join("shared");
    let mut first = record(&exchange, &shared, &[]);
    until("the first records", async || frames(&shared) > 0).await;
    let output = record(&exchange, &shared, &[]).wait_with_output().expect("its words");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("hint:"), "{told}");
    interrupt(&mut first).await;
    // And an exchange that isn't there: said, tried again, and named at the end.
    let nowhere = Exchange { address: format!("127.0.0.1:{}", crate::support::free_port()), control: Control::new() };
    let output = record(&nowhere, &folder.path().join("nothing"), &["--for", "2s"]).wait_with_output().expect("its words");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("nothing was recorded") && told.contains("HTTPS_PROXY"), "{told}");
}
