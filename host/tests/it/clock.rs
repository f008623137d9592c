//! The machine's clock set to another time while the host runs: no pair is lost or doubted for it, and everything goes on.
//!
//! The clock of the program alone is set, by libfaketime; the exchange's and Redis's go on as they are.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use leadline_simulator::{Generated, Options, Rate, Served};

use crate::support::{Redis, components, program, until};

/// Where Debian and Ubuntu put the library, by machine.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime"));
    folders.map(|folder| folder.join("libfaketimeMT.so.1")).find(|file| file.is_file())
}

/// The program under a clock that a file sets, killed with the test.
struct Program(Child);

impl Program {
    fn start(redis: &Redis, exchange: &str, folder: &Path, library: &Path) -> Self {
        let child = Command::new(program())
            .arg("run")
            .env("REDIS_ADDR", format!("127.0.0.1:{}", redis.port))
            .env("OKX_WS_URL", format!("ws://{exchange}/ws/v5/public"))
            .env("OKX_REST_URL", format!("http://{exchange}"))
            .env("OKX_RESYNC_INTERVAL", "0")
            .env("PLUGIN_DIR", components("plugins"))
            .env("PLUGIN_CACHE_DIR", folder.join("cache"))
            .env("PLUGIN_DEADLINE_MS", "10000")
            .env("LANE_CHECKPOINT_INTERVAL", "1")
            .env("API_ADDR", "127.0.0.1:0")
            .env("HISTORY_DIR", folder.join("history"))
            .env("HISTORY_KEEP_DAYS", "2")
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", folder.join("offset"))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).expect("a file"))
            .spawn()
            .expect("it starts");
        Self(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_by_hours_stops_no_pair_and_loses_nothing() {
    let Some(library) = library() else {
        eprintln!("left out: libfaketime isn't installed, so no clock can be set");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let set = |offset: &str| std::fs::write(folder.path().join("offset"), format!("{offset}\n")).expect("it can be written");
    set("+0");
    let redis = Redis::start().await;
    let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
    let exchange = listener.local_addr().expect("its address").to_string();
    let market = Generated { seed: 7, pairs: 2, rate: Rate::PerSecond(60.0), ..Generated::default() };
    let options = Options { served: Served::Generated(market), ..Options::default() };
    let serving = tokio::spawn(async move {
        let _ = leadline_simulator::serve(listener, options, std::future::pending()).await;
    });
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT", "ETH-USDT"]).await;
    let host = Program::start(&redis, &exchange, folder.path(), &library);
    let number = async |key: &str, field: &str| redis.field(key, field).await.parse::<i64>().unwrap_or(0);
    until("both pairs are live", async || redis.field("system:monitoring", "active_pairs").await == "2").await;
    until("both lanes are read", async || {
        number("analysis:BTC-USDT", "depth_anomaly.sequence").await > 0 && number("analysis:BTC-USDT", "large_orders.sequence").await > 0
    })
    .await;
    until("the exchange was asked for its time", async || !redis.field("system:monitoring", "exchange_clock_offset_ms").await.is_empty())
        .await;
    let since = async || [redis.field("feed:BTC-USDT", "since").await, redis.field("feed:ETH-USDT", "since").await];
    let began = since().await;

    // Forward, far back, and into another month.
    for (steps, (offset, ahead_ms)) in (1..).zip([("+3600", 3_600_000), ("-7200", -7_200_000), ("+40d", 40 * 86_400_000_i64)]) {
        set(offset);
        until("it is noticed", async || number("system:monitoring", "clock_steps").await == steps).await;
        until("the exchange is asked again", async || {
            let known = number("system:monitoring", "exchange_clock_offset_ms").await;
            (known + ahead_ms).abs() < 5000
        })
        .await;
        // Longer than it takes to find frames late: six seconds of the exchange's time.
        let of = async |plugin: &str| number("analysis:BTC-USDT", &format!("{plugin}.sequence")).await;
        let (memory, buffered) = (of("large_orders").await, of("depth_anomaly").await);
        let time = async || leadline_host::clock::parse_rfc3339(&redis.field("orderbook:BTC-USDT", "latest_timestamp").await).unwrap_or(0);
        let from = time().await;
        until("six seconds of books came", async || time().await > from + 6000).await;
        until("both lanes went on", async || of("large_orders").await > memory + 50 && of("depth_anomaly").await > buffered + 50).await;
        assert_eq!(since().await, began, "no pair changed its state at {offset}");
        for counter in ["gaps", "resyncs", "disconnects", "buffered_lane_dropped", "frames_dropped", "faults"] {
            assert_eq!(number("system:monitoring", counter).await, 0, "{counter} at {offset}");
        }
    }
    let log = std::fs::read_to_string(folder.path().join("log")).expect("written");
    assert!(log.contains("clock was set forward by 3600") && log.contains("clock was set back by 10800"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    // What was written before is there still, though the clock says that it is too old.
    assert_eq!(redis.field("system:monitoring", "history_dropped").await, "0", "{log}");
    assert!(!log.contains("older than HISTORY_KEEP_DAYS"), "{log}");
    drop(host);
    serving.abort();
}
