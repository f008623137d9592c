//! The main job as a user starts it: `leadline demo`, with its own Redis and exchange, until Ctrl-C.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::support::http::ask;
use crate::support::{components, free_port, program, recording, until};

struct Demo {
    child: Child,
    redis_port: u16,
    log: Arc<Mutex<String>>,
    _data: tempfile::TempDir,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let redis_port = free_port();
        let mut child = Command::new(program())
            .arg("demo")
            // A relative folder, as the default ones are.
            .args(["--redis-port", &redis_port.to_string(), "--api-addr", "127.0.0.1:0", "--data", "data/demo"])
            .arg("--plugin-dir")
            .arg(components("plugins"))
            .args(arguments)
            .current_dir(data.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, kept) = (BufReader::new(child.stderr.take().expect("piped")), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = kept.lock().expect("whole");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { child, redis_port, log, _data: data }
    }

    fn log(&self) -> String {
        self.log.lock().expect("whole").clone()
    }

    /// What a script with nothing but redis-cli sees.
    fn cli(&self, words: &[&str]) -> String {
        let output =
            Command::new("redis-cli").args(["-p", &self.redis_port.to_string()]).args(words).output().expect("redis-cli is installed");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn field(&self, key: &str, field: &str) -> String {
        self.cli(&["HGET", key, field])
    }

    fn signal(&self, signal: &str, pid: u32) -> bool {
        Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status().expect("kill runs").success()
    }

    fn children(&self) -> Vec<u32> {
        let list = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.child.id())).unwrap_or_default();
        list.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect()
    }

    /// What the demo prints about its API works: a token of its own, which nobody else can read, and a change with it.
    async fn changes_pairs_with_its_own_token(&self) {
        let file = self._data.path().join("data/demo/api-token");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).expect("it is there").permissions());
        assert_eq!(mode & 0o777, 0o600);
        let bearer = format!("Bearer {}", std::fs::read_to_string(&file).expect("text").trim());
        let log = self.log();
        let (_, rest) = log.split_once("page      http://").expect("it says where its page is");
        let addr = rest.lines().next().expect("a line").trim();
        let listed = ask(addr, "GET", "/api/v1/instruments?search=sol", &[], b"").await.json();
        assert!(listed["instruments"][0]["instrument_id"] == "SOL-USDT" && listed["total"] == 1, "{listed}");
        let taken = ask(addr, "DELETE", "/api/v1/pairs/SOL-USDT", &[("Authorization", &bearer)], b"").await;
        assert_eq!((taken.status, &taken.json()["changed"]), (200, &true.into()));
        assert_eq!(self.cli(&["SISMEMBER", "config:trading_pairs", "SOL-USDT"]), "0");
        assert!(log.contains("Authorization: Bearer $(cat data/demo/api-token)"), "{log}");
        let audit = self._data.path().join("data/demo/audit.jsonl");
        until("the change is noted down", async || std::fs::read_to_string(&audit).is_ok_and(|text| text.contains("SOL-USDT"))).await;
    }

    /// Ctrl-C: it ends well, and so does every process it started.
    async fn interrupt(mut self) -> String {
        let children = self.children();
        assert_eq!(children.len(), 2, "redis-server and the simulator");
        assert!(self.signal("-INT", self.child.id()));
        let mut code = None;
        until("the demo ends", async || {
            code = self.child.try_wait().expect("ours");
            code.is_some()
        })
        .await;
        assert!(code.expect("ended").success(), "{}", self.log());
        for pid in children {
            assert!(!self.signal("-0", pid), "process {pid} is still there");
        }
        self.log()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Only a failed test leaves it running; its servers end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_generated_market_comes_to_live_readings_by_itself_and_ctrl_c_stops_everything() {
    let demo = Demo::start(&["--market-pairs", "3"]);
    until("every pair has its levels", async || {
        ["BTC-USDT", "ETH-USDT", "SOL-USDT"].iter().all(|pair| !demo.field(&format!("analysis:{pair}"), "resistance_level_1").is_empty())
    })
    .await;
    assert_eq!(demo.cli(&["SMEMBERS", "config:trading_pairs"]).lines().count(), 3);
    demo.changes_pairs_with_its_own_token().await;
    let log = demo.interrupt().await;
    for words in [
        "redis-cli -p",
        "HGETALL analysis:BTC-USDT",
        "http://127.0.0.1:",
        "Subscribed to ETH-USDT",
        "Unsubscribed from ETH-USDT",
        "memory lane",
        "buffered lane",
    ] {
        assert!(log.contains(words), "{words} isn't in: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_gives_all_fields_of_the_design_and_says_restarted_when_it_starts_over() {
    let Some(file) = recording("okx_v5_books_20220513.ndjson") else { return };
    // Five times as fast: its 10.8 s are over, and begin again, after 2.2 s.
    let demo = Demo::start(&["--replay", file.to_str().expect("a plain path"), "--speed", "5"]);
    until("the levels are there", async || !demo.field("analysis:BTC-USDT", "support_level_1").is_empty()).await;
    until("the lanes are through", async || !demo.field("analysis:BTC-USDT", "liquidity.status").is_empty()).await;
    let analysis = demo.cli(&["HGETALL", "analysis:BTC-USDT"]);
    let fields: Vec<&str> = analysis.lines().step_by(2).collect();
    for field in [
        "instrument_id",
        "analysis_time",
        "support_level_1",
        "support_level_2",
        "resistance_level_1",
        "resistance_level_2",
        "large_buy_orders",
        "large_sell_orders",
        "large_order_trend",
        "depth_anomaly_score",
        "depth_anomaly_alert",
        "liquidity_index",
        "liquidity_alert",
    ] {
        assert!(fields.contains(&field), "{field} of §14.2 is missing");
    }
    for (field, plugin) in [("depth_anomaly_score", "depth_anomaly"), ("liquidity_index", "liquidity")] {
        assert_eq!(demo.field("analysis:BTC-USDT", field), "", "no number while it warms up");
        let status = demo.field("analysis:BTC-USDT", &format!("{plugin}.status"));
        assert!(status.starts_with("warming: ") && status.contains("left"), "{status}");
    }
    let price = demo.field("analysis:BTC-USDT", "support_level_1");
    assert!(price.len() == 7 && price.as_bytes()[5] == b'.', "{price} isn't on the grid of 0.1");
    let time = demo.field("analysis:BTC-USDT", "large_orders.time");
    assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{time} is no RFC 3339 with milliseconds");

    until("the book is written", async || !demo.field("orderbook:BTC-USDT", "asks").is_empty()).await;
    let asks: Vec<(String, String, String)> = serde_json::from_str(&demo.field("orderbook:BTC-USDT", "asks")).expect("JSON");
    assert_eq!(asks.len(), 400);
    assert!(asks.windows(2).all(|pair| pair[0].0.parse::<f64>().unwrap() < pair[1].0.parse::<f64>().unwrap()), "best first");
    assert_eq!(demo.field("orderbook:BTC-USDT", "instrument_id"), "BTC-USDT");
    assert!(demo.field("orderbook:BTC-USDT", "latest_timestamp").starts_with("2022-05-13T16:"));
    assert!(demo.field("orderbook:BTC-USDT", "checksum").parse::<i32>().is_ok());

    until("the host tells of itself", async || {
        demo.field("system:monitoring", "avg_processing_latency").parse::<f64>().is_ok_and(|ms| ms > 0.0)
    })
    .await;
    assert_eq!(
        (demo.field("system:monitoring", "websocket_connections"), demo.field("system:monitoring", "active_pairs")),
        ("3".to_owned(), "3".to_owned())
    );
    let truth: u64 =
        demo.cli(&["INFO", "memory"]).lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok()).expect("Redis says");
    let told: u64 = demo.field("system:monitoring", "redis_memory_usage").parse().expect("bytes");
    assert!(told > truth / 2 && told < truth * 2, "{told} of {truth}");
    for field in ["influxdb_write_rate", "last_config_check", "subscription_changes"] {
        assert!(!demo.field("system:monitoring", field).is_empty(), "{field}");
    }
    // A second snapshot and time going back: windows don't count the step, the feed goes on, no gap is made up.
    let frames = || demo.field("feed:BTC-USDT", "frames").parse::<u64>().unwrap_or(0);
    until("the recording starts over", async || frames() > 120).await;
    until("it says so", async || demo.field("feed:BTC-USDT", "restarts") != "0" && demo.log().contains("restarted: ")).await;
    assert_eq!(demo.field("feed:BTC-USDT", "gaps"), "0");
    assert_eq!(demo.field("feed:BTC-USDT", "state"), "live");
    demo.interrupt().await;
}

/// A command of the docs and what they say that it prints.
struct Documented {
    place: String,
    command: String,
    printed: Vec<String>,
}

/// The commands with redis-cli in the code blocks of a page.
fn documented(page: &str) -> Vec<Documented> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
    let text = std::fs::read_to_string(&file).expect("a page of the docs");
    let (mut all, mut in_block, mut prompted): (Vec<Documented>, bool, bool) = (Vec::new(), false, false);
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            (in_block, prompted) = (!in_block, false);
        } else if in_block {
            let command = line.strip_prefix("$ ");
            match command.unwrap_or(line).strip_prefix("redis-cli ") {
                // Another machine's.
                Some(rest) if rest.starts_with("-h ") => prompted = false,
                Some(rest) => {
                    prompted = command.is_some();
                    all.push(Documented { place: format!("{page} line {}", number + 1), command: rest.to_owned(), printed: Vec::new() });
                }
                None if command.is_some() => prompted = false,
                None if prompted => all.last_mut().expect("a command").printed.push(line.to_owned()),
                None => {}
            }
        }
    }
    all
}

/// What kind of thing a printed line holds.
fn form(line: &str) -> String {
    let (place, rest) = line.split_once(") ").filter(|(place, _)| place.trim().parse::<u32>().is_ok()).unwrap_or(("", line));
    let inner = rest.strip_prefix('"').map(|inner| inner.strip_suffix('"').unwrap_or(inner));
    let kind = match inner {
        None if rest.starts_with("(integer) ") => "an integer",
        None => rest,
        Some("") => "nothing",
        Some(time) if time.len() == 24 && time.ends_with('Z') && time.contains('T') => "a time",
        Some(number) if number.parse::<f64>().is_ok() => "a number",
        Some(json) if json.starts_with("[[") || json.starts_with('{') => "JSON",
        Some(_) => "a text",
    };
    format!("{place} {kind}")
}

/// Whether a line is as documented: the same kind of thing; or nothing where a number stands, since an analysis may still warm up.
fn as_documented(line: &str, wanted: &str) -> bool {
    let (line, wanted) = (form(line), form(wanted));
    line == wanted || wanted.strip_suffix("a number").is_some_and(|place| line.strip_suffix("nothing") == Some(place))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_docs_print_what_the_docs_say() {
    let demo = Demo::start(&["--market-pairs", "3"]);
    until("every pair has its levels", async || {
        ["BTC-USDT", "ETH-USDT", "SOL-USDT"].iter().all(|pair| !demo.field(&format!("analysis:{pair}"), "resistance_level_1").is_empty())
    })
    .await;
    let all: Vec<Documented> =
        ["README.md", "README.zh-CN.md", "docs/redis.md", "docs/alerts.md", "docs/feed.md"].into_iter().flat_map(documented).collect();
    assert!(all.len() > 25 && all.iter().filter(|one| !one.printed.is_empty()).count() > 6, "{} commands", all.len());
    for Documented { place, command, printed } in all {
        // A subscription has no end of its own.
        let listens = command.contains("SUBSCRIBE");
        let run = || {
            let cut = if listens { "timeout 1 " } else { "" };
            let line = format!("{cut}redis-cli -p {} --no-raw {command}", demo.redis_port);
            let output = Command::new("sh").args(["-c", &line]).output().expect("sh runs");
            String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
        };
        let text = run();
        assert!(!text.contains("(error)") && !text.contains("ERR "), "{place}: {text}");
        if printed.is_empty() {
            continue;
        }
        let mut last = text;
        until(&format!("{place} is printed as {printed:?}"), async || {
            let lines: Vec<&str> = last.lines().collect();
            let same = lines.len() == printed.len() && lines.iter().zip(&printed).all(|(line, wanted)| as_documented(line, wanted));
            if !same {
                eprintln!("{place}: {last}");
                last = run();
            }
            same
        })
        .await;
    }
    demo.interrupt().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_whose_redis_dies_says_so_and_ends() {
    let mut demo = Demo::start(&["--market-pairs", "1"]);
    until("it runs", async || !demo.field("analysis:BTC-USDT", "support_level_1").is_empty()).await;
    let redis = demo
        .children()
        .into_iter()
        .find(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("redis-server")));
    assert!(demo.signal("-KILL", redis.expect("redis-server is a child")));
    let mut code = None;
    until("the demo ends", async || {
        code = demo.child.try_wait().expect("ours");
        code.is_some()
    })
    .await;
    assert_eq!(code.expect("ended").code(), Some(2));
    until("it says why", async || demo.log().contains("redis-server ended")).await;
    assert!(demo.log().contains("hint:"), "{}", demo.log());
}
