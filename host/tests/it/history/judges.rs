//! What real databases of the line protocol make of what is written.

use std::process::{Child, Command, Stdio};

use leadline_host::history::History;
use leadline_host::history::entry::{AlertEntry, BookEntry, BookLevel, Entry, Measurement, Sample, Value};
use leadline_market::Side;

use super::front::{Fault, Front, Judge, client};
use super::samples::{MS, influx, numbers};
use crate::support::{free_port, until};

struct Server {
    child: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program, or says in a line that what it would show is left out.
fn started(program: &str, command: impl FnOnce(&std::path::Path, u16) -> Command) -> Option<Server> {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    match command(folder.path(), port).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(child) => Some(Server { child, url: format!("http://127.0.0.1:{port}"), folder }),
        Err(error) => {
            eprintln!("left out: {program} doesn't start ({error}); scripts/setup.sh --tests installs it");
            None
        }
    }
}

async fn influx_1() -> Option<Server> {
    let server = started("influxd (InfluxDB 1.6)", |folder, port| {
        let config = folder.join("influxdb.conf");
        let text = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:{}\"\n[meta]\ndir = \"{f}/meta\"\n[data]\ndir = \"{f}/data\"\nwal-dir = \"{f}/wal\"\n\
             [http]\nbind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n",
            free_port(),
            f = folder.display()
        );
        std::fs::write(&config, text).expect("written");
        let mut command = Command::new("influxd");
        command.arg("-config").arg(config);
        command
    })?;
    let http = client();
    until("InfluxDB 1 has a database", async || {
        let made = http.post(format!("{}/query", server.url)).query(&[("q", "CREATE DATABASE leadline")]).send().await;
        made.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    Some(server)
}

async fn count_in_1(server: &Server, measurement: &str, field: &str) -> u64 {
    let query = format!("SELECT count(\"{field}\") FROM \"{measurement}\"");
    let answer =
        client().get(format!("{}/query", server.url)).query(&[("db", "leadline"), ("q", &query)]).send().await.expect("it answers");
    let json: serde_json::Value = answer.json().await.expect("json");
    json["results"][0]["series"][0]["values"][0][1].as_u64().unwrap_or(0)
}

fn now_ns() -> i64 {
    i64::try_from(leadline_host::clock::unix_ms()).expect("now") * MS
}

#[tokio::test(flavor = "multi_thread")]
async fn influxdb_1_takes_every_measurement_and_refuses_only_what_is_wrong() {
    let Some(server) = influx_1().await else { return };
    let front = Front::start(Judge::First(server.url.clone())).await;
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(&influx(folder.path(), &front.url())).expect("it opens");
    let start = now_ns() - 600_000 * MS;
    front.set(Fault::Away);
    for i in 0..1000_i64 {
        assert!(history.offer(numbers("BTC-USDT", start + i * MS, &[i as f64, 0.5])));
        let levels =
            |n: u32| (0..n).map(|depth| BookLevel { side: Side::Bid, price: f64::from(depth) + 1.5, amount: 2.0, depth }).collect();
        // Two frames of one millisecond.
        for k in 0..2 {
            let time_ns = start + i * MS + k * 1000;
            assert!(history.offer(Entry::Book(BookEntry { pair: "BTC-USDT".into(), time_ns, whole: k == 0, levels: levels(5) })));
        }
    }
    for i in 0..10 {
        assert!(history.offer(Entry::Alert(AlertEntry {
            time_ns: start + i * MS,
            id: format!("id {i}").into(),
            pair: if i % 2 == 0 { "".into() } else { "BTC-USDT".into() },
            source: "rule".into(),
            name: "a name, with=everything \"in\" it\\".into(),
            severity: "alert".into(),
            state: "firing".into(),
            code: "high".into(),
            message: "价格 \"quoted\", a=b, back\\slash \\".into(),
            numbers: "{\"value\":1.5}".into(),
        })));
    }
    // One value of another kind than its field has.
    let wrong = |name: &'static str| {
        Entry::Sample(Sample {
            measurement: Measurement::Analysis,
            pair: "BTC-USDT".into(),
            source: "liquidity".into(),
            time_ns: start + 5000 * MS,
            fields: vec![(name.into(), Value::Text("a word".into()))],
        })
    };
    assert!(history.offer(wrong("field_0")));
    assert!(history.offer(wrong("state")));
    front.set(Fault::None);
    until("the wrong line is refused", async || history.figures().refused_lines() == 1).await;
    until("nothing waits", async || history.queued() == 0 && history.figures().waiting_points() == 0).await;
    assert_eq!(count_in_1(&server, "analysis_results", "field_0").await, 1000);
    assert_eq!(count_in_1(&server, "analysis_results", "field_1").await, 1000);
    assert_eq!(count_in_1(&server, "analysis_results", "state").await, 1);
    assert_eq!(count_in_1(&server, "orderbook_data", "price").await, 10_000, "no two levels share a time");
    assert_eq!(count_in_1(&server, "alert_history", "message").await, 10);
    let dead = std::fs::read_to_string(folder.path().join("dead-letters.lp")).expect("the file");
    assert!(dead.contains("field_0=\"a word\""), "{dead}");
    let _kept = &server.folder;
    tokio::task::spawn_blocking(move || history.stop()).await.expect("it stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn victoria_metrics_has_every_number_after_an_outage() {
    let Some(server) = started("victoria-metrics", |folder, port| {
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-storageDataPath={}", folder.join("data").display()))
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .args(["-retentionPeriod=1y", "-memory.allowedBytes=64MB"]);
        command
    }) else {
        return;
    };
    let http = client();
    until("victoria-metrics is there", async || http.get(format!("{}/health", server.url)).send().await.is_ok()).await;
    let front = Front::start(Judge::Second(server.url.clone())).await;
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(&influx(folder.path(), &front.url())).expect("it opens");
    let start = now_ns() - 3_600_000 * MS;
    for (fault, part) in [Fault::Cut, Fault::Away, Fault::Status(503, Some(1))].into_iter().zip(0_i64..) {
        front.set(fault);
        let before = history.figures().errors();
        for i in part * 1000..(part + 1) * 1000 {
            // Its times are milliseconds.
            assert!(history.offer(numbers("BTC-USDT", start + i * MS, &[i as f64, 0.25])));
        }
        until("the fault was felt", async || history.figures().errors() > before).await;
        front.set(Fault::None);
    }
    until("nothing waits", async || history.queued() == 0 && history.figures().written_points() == 3000).await;
    let exported = async || -> usize {
        let _ = http.get(format!("{}/internal/force_flush", server.url)).send().await;
        let found = http.get(format!("{}/api/v1/export", server.url)).query(&[("match[]", "{__name__=~\"analysis_results_.*\"}")]).send();
        let text = found.await.expect("it answers").text().await.expect("text");
        // A value that was written twice stands there twice or once: told apart by time.
        text.lines()
            .map(|line| {
                let series: serde_json::Value = serde_json::from_str(line).expect("json");
                let pairs = series["timestamps"].as_array().expect("times").iter().zip(series["values"].as_array().expect("values"));
                let mut seen = std::collections::BTreeMap::new();
                for (time, value) in pairs {
                    let (time, value) = (time.as_i64().expect("a time"), value.as_f64().expect("a number"));
                    let before = seen.insert(time, value);
                    assert!(before.is_none_or(|before| before == value), "one time, two values");
                }
                seen.len()
            })
            .sum()
    };
    until("every number is there", async || exported().await == 6000).await;
    tokio::task::spawn_blocking(move || history.stop()).await.expect("it stops");
}
