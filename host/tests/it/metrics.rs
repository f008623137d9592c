//! `/metrics` as a scraper meets it: a running host, and a strict reading of every line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use crate::support::exchange::Exchange;
use crate::support::{Redis, components, free_port, program, settings, until};
use leadline_host::host::Host;
use tokio_util::sync::CancellationToken;

/// A page's header and body.
fn get(addr: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(addr).expect("the host listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").expect("it takes the request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a header and a body");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    (head.to_lowercase(), body.to_owned())
}

/// Samples by name and labels.
#[derive(Debug, Default)]
struct Scrape {
    samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
    types: BTreeMap<String, String>,
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// One sample's labels, between the braces.
fn labels(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label in {rest:?}"));
        assert!(is_name(name), "{name:?} is no label's name");
        assert!(name != "quantile", "{name} is reserved for summaries");
        let mut value = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            let (at, letter) = letters.next().unwrap_or_else(|| panic!("the value of {name} has no end"));
            match letter {
                '"' => break at + 1,
                '\\' => match letters.next().expect("an escaped letter").1 {
                    'n' => value.push('\n'),
                    escaped @ ('"' | '\\') => value.push(escaped),
                    other => panic!("\\{other} is no escape"),
                },
                plain => value.push(plain),
            }
        };
        assert_eq!(found.insert(name.to_owned(), value), None, "{name} stands twice");
        rest = &after[end..];
        if !rest.is_empty() {
            rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("no comma before {rest:?}"));
            assert!(!rest.is_empty(), "a comma at the end");
        }
    }
    found
}

/// Reads OpenMetrics 1.0 text, and refuses whatever the format doesn't allow of counters, gauges and infos.
fn read(text: &str) -> Scrape {
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    let mut scrape = Scrape::default();
    let mut family = String::new();
    let mut has_samples = false;
    let mut described: BTreeSet<(String, String)> = BTreeSet::new();
    for line in body.split_terminator('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            let (kind, rest) = comment.split_once(' ').expect("a kind");
            let (name, words) = rest.split_once(' ').expect("a name");
            assert!(is_name(name) && name.starts_with("leadline_"), "{name}");
            if name != family {
                assert!(!scrape.types.contains_key(name), "the samples of {name} don't stand together");
                (family, has_samples) = (name.to_owned(), false);
            }
            assert!(!has_samples, "{kind} of {name} after its samples");
            assert!(described.insert((name.to_owned(), kind.to_owned())), "{kind} of {name} twice");
            match kind {
                "HELP" => assert!(!words.trim().is_empty() && !words.contains('\\'), "{line}"),
                "TYPE" => {
                    assert!(["counter", "gauge", "histogram", "info"].contains(&words), "{line}");
                    scrape.types.insert(name.to_owned(), words.to_owned());
                }
                "UNIT" => assert!(name.ends_with(&format!("_{words}")), "{name} doesn't end with its unit {words}"),
                other => panic!("# {other} means nothing"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value in {line:?}"));
        let (name, labels) = match series.split_once('{') {
            Some((name, rest)) => (name, labels(rest.strip_suffix('}').expect("a closing brace"))),
            None => (series, BTreeMap::new()),
        };
        let number: f64 = value.parse().unwrap_or_else(|_| panic!("{value:?} is no number"));
        assert!(number.is_finite(), "{line}: what isn't known has no sample");
        let (expected, good) = match scrape.types.get(&family).map(String::as_str) {
            Some("counter") => (format!("{family}_total"), number >= 0.0),
            Some("gauge") => (family.clone(), true),
            Some("histogram") => {
                let part = name.strip_prefix(&family).expect("a sample of its own family");
                assert_eq!(part == "_bucket", labels.contains_key("le"), "{line}");
                assert!(["_bucket", "_count", "_sum"].contains(&part), "{line}");
                (name.to_owned(), number >= 0.0)
            }
            Some("info") => (format!("{family}_info"), (number - 1.0).abs() < f64::EPSILON),
            _ => panic!("{line} has no type"),
        };
        assert_eq!(name, expected, "a sample of another family");
        assert!(family_is_histogram(&scrape, &family) || !labels.contains_key("le"), "le is reserved for histograms: {line}");
        assert!(good, "{line}");
        has_samples = true;
        assert_eq!(scrape.samples.insert((name.to_owned(), labels), number), None, "{series} stands twice");
    }
    scrape
}

fn family_is_histogram(scrape: &Scrape, family: &str) -> bool {
    scrape.types.get(family).is_some_and(|kind| kind == "histogram")
}

impl Scrape {
    fn at(addr: &str) -> Self {
        let (head, text) = get(addr, "/metrics");
        assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
        read(&text)
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }

    fn pair(&self, name: &str) -> Option<f64> {
        self.value(name, &[("instrument_id", "BTC-USDT")])
    }

    /// The one state that BTC-USDT is in.
    fn state(&self) -> String {
        let of = |labels: &BTreeMap<String, String>| labels.get("instrument_id").is_some_and(|id| id == "BTC-USDT");
        let all: Vec<(&String, f64)> = self
            .samples
            .iter()
            .filter(|((name, labels), _)| name == "leadline_pair_state" && of(labels))
            .map(|((_, labels), value)| (&labels["state"], *value))
            .collect();
        assert_eq!(all.len(), 7, "{all:?}");
        let on: Vec<&String> = all.iter().filter(|(_, value)| *value == 1.0).map(|(state, _)| *state).collect();
        assert_eq!((on.len(), all.iter().filter(|(_, value)| *value == 0.0).count()), (1, 6), "{all:?}");
        on[0].clone()
    }
}

struct Demo {
    child: Child,
    _data: tempfile::TempDir,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// A host on the simulator, and the address of its page.
fn demo(arguments: &[&str]) -> (Demo, String) {
    let data = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(program())
        .args(["demo", "--redis-port", &free_port().to_string(), "--api-addr", "127.0.0.1:0", "--data", "data", "--plugin-dir"])
        .arg(components("plugins"))
        .args(arguments)
        .current_dir(data.path())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let (sender, lines) = mpsc::channel();
    let log = BufReader::new(child.stderr.take().expect("piped"));
    // Read to the end, so that the program never waits for its log to be read.
    std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
    let demo = Demo { child, _data: data };
    loop {
        let line = lines.recv_timeout(crate::support::DEADLINE).expect("it says where its page is");
        if let Some((_, rest)) = line.split_once("http://127.0.0.1:") {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            return (demo, format!("127.0.0.1:{port}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_host_is_scraped_without_a_line_that_the_format_forbids_and_says_what_the_api_says() {
    let (_demo, addr) = demo(&["--market-pairs", "2"]);
    until("delays, sizes and latencies are there", async || {
        let scrape = Scrape::at(&addr);
        scrape.pair("leadline_pair_delay_least_seconds").is_some()
            && scrape.value("leadline_lane_latency_seconds", &[("lane", "buffered"), ("statistic", "p99")]).is_some()
            && scrape.state() == "live"
    })
    .await;
    let scrape = Scrape::at(&addr);
    let (_, document) = get(&addr, "/api/v1/state");
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    let pair = &document["pairs"][0];
    assert_eq!(pair["instrument_id"], "BTC-USDT");
    let number = |name: &str| pair[name].as_f64().unwrap_or_else(|| panic!("{name} is no number: {pair}"));
    // The document was made after the scrape: what only grows is at least as large in it.
    for (metric, field) in [
        ("frames", "frames"),
        ("gaps", "gaps"),
        ("resyncs", "resyncs"),
        ("restarts", "restarts"),
        ("connects", "connects"),
        ("reconnects", "reconnects"),
        ("joins", "joins"),
        ("audits", "audits"),
        ("drift", "drift"),
    ] {
        let scraped = scrape.pair(&format!("leadline_pair_{metric}_total")).unwrap_or_else(|| panic!("no {metric}"));
        assert!(scraped <= number(field), "{metric}: {scraped}, then {}", number(field));
    }
    assert!(number("frames") > 0.0 && number("connects") >= 1.0);
    assert_eq!(pair["state"], "live");
    assert!(pair["verified_since"].is_string());
    let share = scrape.pair("leadline_pair_verified_hour_ratio").expect("it lived");
    assert!(share > 0.0 && share <= 1.0, "{share}");
    assert_eq!(scrape.pair("leadline_pair_verified"), Some(1.0));
    assert!(scrape.pair("leadline_pair_last_frame_age_seconds").is_some_and(|age| age >= 0.0));
    assert!(scrape.pair("leadline_pair_delay_reliable").is_some());
    let median = scrape.value("leadline_pair_frame_size_bytes", &[("instrument_id", "BTC-USDT"), ("statistic", "p50")]);
    assert!(median.is_some_and(|bytes| bytes > 50.0), "{median:?}");
    // Never compared yet: no time, not 0.
    assert_eq!(scrape.pair("leadline_pair_last_audit_timestamp_seconds"), None);
    assert!(pair["last_audit"].is_null());
    for (name, least) in [("connections", 2.0), ("pairs", 2.0), ("pairs_verified", 1.0), ("pairs_left_out", 0.0), ("readings_total", 1.0)] {
        let value = scrape.value(&format!("leadline_{name}"), &[]).unwrap_or_else(|| panic!("no {name}"));
        assert!(value >= least, "{name}: {value}");
    }
    for lane in ["memory", "buffered"] {
        assert!(scrape.value("leadline_lane_readings_total", &[("lane", lane)]).is_some_and(|count| count > 0.0), "{lane}");
    }
    // Each stage comes after the one before it, for as many frames as came there.
    let stage = |part: &str, labels: &[(&str, &str)]| {
        scrape.value(&format!("leadline_stage_seconds_{part}"), labels).unwrap_or_else(|| panic!("no {part} {labels:?}"))
    };
    let mut before = 0.0;
    for labels in [
        &[("stage", "parsed")][..],
        &[("stage", "applied")],
        &[("stage", "analysed"), ("lane", "memory")],
        &[("stage", "acknowledged"), ("lane", "memory")],
    ] {
        let (sum, count) = (stage("sum", labels), stage("count", labels));
        let all: Vec<(&str, &str)> = labels.iter().copied().chain([("le", "+Inf")]).collect();
        assert!(count > 0.0 && stage("bucket", &all) == count, "{labels:?}");
        assert!(sum / count > before, "{labels:?}: {} after {before}", sum / count);
        before = if labels[0].1 == "parsed" { 0.0 } else { sum / count };
    }
    for (name, least) in [
        ("redis_up", 1.0),
        ("redis_round_trip_seconds", 0.0),
        ("process_memory_bytes", 1e6),
        ("disk_free_share_ratio", 0.0),
        ("alerts_active", 0.0),
    ] {
        assert!(scrape.value(&format!("leadline_{name}"), &[]).is_some_and(|value| value >= least), "{name}");
    }
    // Every counter of system:monitoring is here too.
    for (name, field) in
        [("frames", "frames"), ("faults", "faults"), ("redis_errors", "redis_errors"), ("lane_dropped", "buffered_lane_dropped")]
    {
        let told: f64 = document["monitoring"][field].as_str().expect("text").parse().expect("a number");
        assert!(scrape.value(&format!("leadline_{name}_total"), &[]).is_some_and(|scraped| scraped <= told), "{name}");
    }

    // The format's own reference parser, where it is installed.
    let (_, text) = get(&addr, "/metrics");
    let reads = "import sys\nfrom prometheus_client.openmetrics.parser import text_string_to_metric_families as read\nprint(len(list(read(sys.stdin.read()))))";
    let found = Command::new("python3").args(["-c", "import prometheus_client"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        eprintln!("left out: Python's prometheus_client isn't installed, so its parser didn't read the metrics");
        return;
    }
    let mut python = Command::new("python3").args(["-c", reads]).stdin(Stdio::piped()).spawn().expect("it ran a moment ago");
    python.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    assert!(python.wait().expect("it ends").success(), "the reference parser refuses the text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_book_and_pairs_that_do_not_run_show_and_unknown_numbers_have_no_sample() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT", "ETH-USDT", "no name"]).await;
    let settings = settings(&redis, &exchange.url, &[("TRADING_PAIRS_LIMIT", "1")]);
    let host = Host::start(settings, "test".to_owned(), &CancellationToken::new()).await.expect("it starts").expect("not stopped");
    let addr = host.addr.to_string();
    let mut connection = exchange.subscribed().await;
    let scrape = Scrape::at(&addr);
    assert_eq!(scrape.pair("leadline_pair_verified"), Some(0.0));
    for unknown in ["last_frame_age_seconds", "verified_since_timestamp_seconds", "delay_least_seconds", "delay_reliable"] {
        assert_eq!(scrape.pair(&format!("leadline_pair_{unknown}")), None, "{unknown}");
    }
    assert_eq!(scrape.value("leadline_exchange_clock_offset_seconds", &[]), None, "nobody was asked");
    let not_run = (scrape.value("leadline_pairs_left_out", &[]), scrape.value("leadline_pairs_refused", &[]));
    assert_eq!(not_run, (Some(1.0), Some(1.0)));

    connection.snapshot(10, 50).await;
    until("it is live", async || Scrape::at(&addr).state() == "live").await;
    connection.update(16, 17).await;
    until("it is resyncing", async || Scrape::at(&addr).state() == "resyncing").await;
    let scrape = Scrape::at(&addr);
    assert_eq!((scrape.pair("leadline_pair_verified"), scrape.pair("leadline_pair_gaps_total")), (Some(0.0), Some(1.0)));
    assert_eq!(scrape.pair("leadline_pair_verified_since_timestamp_seconds"), None);
    let (_, document) = get(&addr, "/api/v1/state");
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(document["pairs_refused"], serde_json::json!(["no name"]));
    assert_eq!(document["pairs_left_out"], serde_json::json!(["ETH-USDT"]));
    host.stop().await;
}
