//! The frames of the last minutes: a picture of a book over time, and `leadline record --last`.

use std::path::Path;

use serde_json::Value;

use super::Rig;
use crate::support::until;

#[tokio::test(flavor = "multi_thread")]
async fn what_stood_in_a_book_over_the_last_minutes_is_told_in_columns() {
    let rig = Rig::start(&[]).await;
    let mut exchange = rig.exchange.subscribed().await;
    exchange.snapshot(10, 50).await;
    let path = "/api/v1/books/BTC-USDT/heat?seconds=60&every=1";
    let mut id = 10;
    let mut heat = Value::Null;
    until("two seconds of books are there", async || {
        exchange.update(id, id + 1).await;
        id += 1;
        let answer = rig.get(path).await;
        heat = if answer.status == 200 { answer.json() } else { Value::Null };
        heat["columns"].as_array().is_some_and(|columns| columns.len() >= 2)
    })
    .await;
    let number = |value: &Value| value.as_f64().expect("a number");
    let (step, rows) = (number(&heat["step"]), heat["rows"].as_u64().expect("rows") as usize);
    assert!(step > 0.0);
    for column in heat["columns"].as_array().unwrap() {
        let cells: Vec<f64> = column["cells"].as_array().expect("cells").iter().map(number).collect();
        assert_eq!(cells.len(), rows);
        let filled: Vec<f64> = (0..rows).filter(|&row| cells[row] > 0.0).map(|row| number(&column["low"]) + row as f64 * step).collect();
        assert!(filled[0] < number(&column["middle"]) && filled[filled.len() - 1] > number(&column["middle"]), "{column}");
    }
    for wrong in ["seconds=0", "every=0", "seconds=3600", "columns=3"] {
        assert_eq!(rig.get(&format!("/api/v1/books/BTC-USDT/heat?{wrong}")).await.status, 400, "{wrong}");
    }
    assert_eq!(rig.get("/api/v1/books/XRP-USDT/heat").await.code(), "no_recent_frames");
    let stages = rig.get("/api/v1/system").await.json()["stages"].clone();
    let parsed = stages.as_array().expect("stages").iter().find(|stage| stage["stage"] == "parsed").expect("it is measured").clone();
    let sum: u64 = parsed["buckets"].as_array().unwrap().iter().map(|bucket| bucket["count"].as_u64().unwrap()).sum();
    assert!(sum > 0 && sum == parsed["count"].as_u64().unwrap() && number(&parsed["p50_ms"]) <= number(&parsed["p99_ms"]), "{parsed}");
    let outputs = rig.get("/api/v1/plugins/liquidity").await.json()["work"]["outputs"].clone();
    let index = outputs.as_array().expect("outputs").iter().find(|output| output["field"] == "liquidity_index").expect("described").clone();
    assert!(index["kind"] == "score" || index["kind"] == "ratio" || index["kind"] == "other", "{index}");
    assert!(index["summary"].as_str().is_some_and(|text| !text.is_empty()));
    rig.host.stop().await;
}

/// `leadline record --last ...` against this host.
async fn last(rig: &Rig, out: &Path, more: &[&str]) -> std::process::Output {
    let mut command = tokio::process::Command::new(crate::support::program());
    command.args(["record", "--last", "10m", "--host", &format!("http://{}", rig.addr), "--out"]).arg(out).args(more);
    command.env_remove("LEADLINE_TOKEN").output().await.expect("the program runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_has_just_received_becomes_a_recording_that_verify_finds_clean() {
    let rig = Rig::start(&[]).await;
    let mut connection = rig.exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    for id in 10..40 {
        connection.update(id, id + 1).await;
    }
    until("the last book is analysed", async || rig.redis.field("analysis:BTC-USDT", "large_orders.sequence").await == "40").await;
    let folder = rig.folder.path().join("recording");
    let output = last(&rig, &folder, &[]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("recorded 31 frames"), "{said}");
    let audit = leadline_recording::audit(&folder).expect("a recording");
    assert_eq!((audit.rows.len(), audit.rows[0].counters.frames, audit.rows[0].counters.gaps), (1, 31, 0));
    assert!(std::fs::read_to_string(folder.join("manifest.json")).expect("written").contains("before the pair began"));
    // Another time into the same folder, and pairs that nobody has.
    let again = last(&rig, &folder, &[]).await;
    assert!(String::from_utf8_lossy(&again.stderr).contains("holds a recording already"), "{again:?}");
    let unknown = last(&rig, &rig.folder.path().join("other"), &["--pairs", "ETH-USDT"]).await;
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.status.code() == Some(2) && said.contains("ETH-USDT") && said.contains("hint:"), "{said}");
    rig.host.stop().await;
}

#[tokio::test]
async fn a_host_that_is_not_there_is_named_with_what_to_do() {
    let output = tokio::process::Command::new(crate::support::program())
        .args([
            "record",
            "--last",
            "1m",
            "--host",
            &format!("http://127.0.0.1:{}", crate::support::free_port()),
            "--out",
            "/nowhere/at/all",
        ])
        .output()
        .await
        .expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("doesn't answer") && said.contains("hint:"), "{said}");
}
