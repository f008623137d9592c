//! The API as its clients meet it, the good and the bad ones: a running host, a real Redis, requests over sockets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::exchange::Exchange;
use crate::support::http::{Answer, ask, chunked};
use crate::support::stream::Stream;
use crate::support::{Redis, settings, until};
use leadline_host::api::security::{Role, tokens};
use leadline_host::clock;
use leadline_host::history::entry::{AlertEntry, Entry, Measurement, Sample, Value as Kept};
use leadline_host::host::Host;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// A host whose API knows three tokens.
pub struct Rig {
    pub redis: Redis,
    pub host: Host,
    pub addr: String,
    pub tokens: BTreeMap<&'static str, String>,
    pub folder: tempfile::TempDir,
    pub exchange: std::sync::Arc<Exchange>,
}

impl Rig {
    pub async fn start(more: &[(&str, &str)]) -> Self {
        let (redis, exchange) = (Redis::start().await, Exchange::start().await);
        redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
        let folder = tempfile::tempdir().expect("a folder");
        let tokens: BTreeMap<&str, String> = Role::ALL.map(|role| (role.as_str(), tokens::random().expect("random numbers"))).into();
        let file: String = tokens.iter().map(|(role, token)| format!("{role} of-{role} {}\n", tokens::digest_of(token))).collect();
        let (tokens_file, audit) = (folder.path().join("tokens"), folder.path().join("audit.jsonl"));
        std::fs::write(&tokens_file, file).expect("it can be written");
        let mut all = vec![
            ("API_TOKENS_FILE", tokens_file.to_str().unwrap()),
            ("API_AUDIT_FILE", audit.to_str().unwrap()),
            ("API_RATE_LIMIT", "100000"),
        ];
        all.splice(0..0, more.iter().copied());
        let settings = settings(&redis, &exchange.url, &all);
        let host = Host::start(settings, "test".to_owned(), &CancellationToken::new()).await.expect("it starts").expect("not stopped");
        let addr = host.addr.to_string();
        Self { redis, host, addr, tokens, folder, exchange }
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        ask(&self.addr, method, path, headers, body).await
    }

    pub fn bearer(&self, role: &str) -> String {
        format!("Bearer {}", self.tokens[role])
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"").await
    }

    /// A change by somebody who may make it.
    pub async fn change(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = self.bearer("operator");
        self.ask(method, path, &[("Authorization", &bearer), ("Content-Type", "application/json")], body.as_bytes()).await
    }

    /// What a change could change: the configuration in Redis, and the folders that the API may write into.
    async fn state(&self) -> BTreeMap<String, Vec<String>> {
        let mut state = BTreeMap::new();
        let mut keys: Vec<String> = self.redis.ask(&["KEYS", "*"]).await;
        keys.retain(|key| {
            !["feed:", "analysis:", "orderbook:", "plugin:", "system:", "buffer:", "host:", "state:", "shadow:"]
                .iter()
                .any(|moving| key.starts_with(moving))
        });
        for key in keys {
            let dump: Vec<u8> = self.redis.ask(&["DUMP", &key]).await;
            state.insert(key, vec![format!("{dump:?}")]);
        }
        state
    }

    pub fn audit(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// One operation of the document.
struct Operation {
    method: String,
    /// With its variable parts filled in.
    path: String,
    /// The least role; none: anybody.
    role: Option<Role>,
    /// Whether it reads a body at all: one that doesn't may answer before a body without a declared length has come.
    takes_body: bool,
    max_body: usize,
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let mut filled = path.clone();
            for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|of| of["in"] == "path") {
                let name = parameter["name"].as_str().unwrap();
                let example = parameter["example"].as_str().unwrap_or_else(|| panic!("{method} {path}: no example of {name}"));
                filled = filled.replace(&format!("{{{name}}}"), example);
            }
            assert!(!filled.contains('{'), "{method} {path}: a part of the path is not described");
            let security = operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path} doesn't say who may"));
            let role = security.iter().find_map(|of| of["token"][0].as_str()).map(|role| role.parse().expect("a role"));
            let max_body = operation["x-max-body-bytes"].as_u64().unwrap_or(64 << 10) as usize;
            let takes_body = operation["requestBody"].is_object();
            all.push(Operation { method: method.to_ascii_uppercase(), path: filled, role, takes_body, max_body });
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_who_may_not_ask_it_and_what_is_too_large_and_nothing_is_changed() {
    let rig = Rig::start(&[]).await;
    let document = rig.get("/api/v1/openapi.json").await.json();
    let all = operations(&document);
    assert!(all.iter().any(|operation| operation.method == "POST") && all.iter().any(|operation| operation.method == "DELETE"));
    let before = rig.state().await;
    for Operation { method, path, role, takes_body, max_body } in &all {
        let refused = |answer: Answer, status: u16, code: &str| {
            assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}: {}", answer.text());
            assert!(answer.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'self'")), "{path}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        };
        let operator = rig.bearer("operator");
        let json = ("Content-Type", "application/json");
        let foreign = [("Authorization", operator.as_str()), ("Origin", "https://evil.example"), json];
        refused(rig.ask(method, path, &foreign, b"{}").await, 403, "foreign_origin");
        for host in ["evil.example", "127.0.0.1.evil.example:8710"] {
            let rebound = [("Authorization", operator.as_str()), ("Host", host), json];
            refused(rig.ask(method, path, &rebound, b"{}").await, 403, "foreign_host");
        }
        let Some(role) = *role else {
            assert_eq!(method, "GET", "{path}: a change that anybody may make");
            continue;
        };
        assert_eq!(role == Role::Viewer, method == "GET", "{method} {path}: reading needs a viewer, a change more");
        let unknown = format!("Bearer {}", tokens::random().unwrap());
        refused(rig.ask(method, path, &[("Authorization", &unknown), json], b"{}").await, 401, "unknown_token");
        // Somebody else than this machine's own programs, or a change: not without a token.
        let unnamed = if method == "GET" { vec![("X-Forwarded-For", "10.0.0.1")] } else { vec![json] };
        let answer = rig.ask(method, path, &unnamed, b"{}").await;
        assert!(answer.header("www-authenticate").is_some(), "{method} {path}");
        refused(answer, 401, "no_token");
        for lower in Role::ALL.into_iter().filter(|lower| *lower < role) {
            let bearer = rig.bearer(lower.as_str());
            refused(rig.ask(method, path, &[("Authorization", &bearer), json], b"{}").await, 403, "role_too_low");
        }
        let declared = (max_body + 1).to_string();
        let oversized = [("Authorization", operator.as_str()), ("Content-Length", &declared), json];
        refused(rig.ask(method, path, &oversized, b"").await, 413, "too_large");
        if *takes_body && *max_body <= 1 << 20 {
            let undeclared = [("Authorization", operator.as_str()), ("Transfer-Encoding", "chunked"), json];
            let long = format!("{{\"instrument_id\":\"{}\"}}", "A".repeat(*max_body));
            refused(rig.ask(method, path, &undeclared, &chunked(long.as_bytes())).await, 413, "too_large");
        }
    }
    assert_eq!(rig.state().await, before, "a refused request changed something");
    until("tries with a token that allows less are noted down", async || {
        rig.audit().iter().any(|line| line["who"] == "of-viewer" && line["code"] == "role_too_low" && line["status"] == 403)
    })
    .await;
    assert!(rig.audit().iter().all(|line| line["who"] != "nobody"), "a flood of unknown tries would push changes out of the file");
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_is_added_and_taken_away_as_by_redis_cli_and_both_are_noted_down() {
    let rig = Rig::start(&[]).await;
    let wanted = async || {
        let mut members: Vec<String> = rig.redis.ask(&["SMEMBERS", "config:trading_pairs"]).await;
        members.sort();
        members
    };
    let answer = rig.change("POST", "/api/v1/pairs", r#"{"instrument_id":"ETH-USDT"}"#).await;
    assert_eq!((answer.status, answer.json()), (201, serde_json::json!({"instrument_id": "ETH-USDT", "wanted": true, "changed": true})));
    let again = rig.change("POST", "/api/v1/pairs", r#"{"instrument_id":"ETH-USDT"}"#).await;
    assert_eq!((again.status, &again.json()["changed"]), (200, &Value::Bool(false)));
    assert_eq!(wanted().await, ["BTC-USDT", "ETH-USDT"]);
    assert_eq!(rig.get("/api/v1/pairs").await.json()["pairs"], serde_json::json!(["BTC-USDT", "ETH-USDT"]));
    let answer = rig.change("DELETE", "/api/v1/pairs/ETH-USDT", "").await;
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"instrument_id": "ETH-USDT", "wanted": false, "changed": true})));
    assert_eq!(wanted().await, ["BTC-USDT"]);
    until("all three are noted down", async || rig.audit().len() == 3).await;
    let noted: Vec<String> = rig.audit().iter().map(|line| format!("{} {} {}", line["who"], line["status"], line["what"])).collect();
    assert_eq!(
        noted,
        [
            r#""of-operator" 201 "ETH-USDT is wanted""#,
            r#""of-operator" 200 "ETH-USDT: nothing""#,
            r#""of-operator" 200 "ETH-USDT is no longer wanted""#
        ]
    );
    for (body, code) in [
        (r#"{"instrument_id":"btc"}"#, "bad_instrument_id"),
        (r#"{"instrument_id":"BTC-USDT","more":1}"#, "bad_body"),
        ("{", "bad_body"),
        ("[]", "bad_body"),
        (r#"{"instrument_id":7}"#, "bad_body"),
    ] {
        let answer = rig.change("POST", "/api/v1/pairs", body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{body}");
    }
    let bearer = rig.bearer("operator");
    let answer = rig.ask("POST", "/api/v1/pairs", &[("Authorization", &bearer)], br#"{"instrument_id":"ETH-USDT"}"#).await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "no_json"));
    assert_eq!(wanted().await, ["BTC-USDT"]);
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_given_and_taken_while_the_host_runs_and_reading_without_one_can_be_forbidden() {
    let rig = Rig::start(&[("API_ANONYMOUS_READ", "never")]).await;
    let answer = rig.get("/api/v1/pairs").await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "no_token"));
    assert_eq!(rig.get("/healthz").await.status, 200, "whoever starts and stops the host must be able to ask");
    let file = rig.folder.path().join("tokens");
    let token = tokens::random().unwrap();
    let bearer = format!("Bearer {token}");
    let reads = async |bearer: &str| rig.ask("GET", "/api/v1/pairs", &[("Authorization", bearer)], b"").await.status;
    assert_eq!(reads(&bearer).await, 401);
    std::fs::write(&file, format!("viewer new {token}\n")).unwrap();
    until("the new token is good", async || reads(&bearer).await == 200).await;
    assert_eq!(reads(&rig.bearer("viewer")).await, 401, "the old ones are gone");
    // A file that can't be used takes nobody's token away.
    std::fs::write(&file, "viewer\n").unwrap();
    std::fs::write(rig.folder.path().join("other"), "").unwrap();
    assert_eq!(reads(&bearer).await, 200);
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_much_is_told_to_wait_and_unknown_addresses_are_answered_in_the_same_form() {
    let rig = Rig::start(&[("API_RATE_LIMIT", "5")]).await;
    for (method, path, status, code) in [
        ("GET", "/api/v1/nothing", 404, "no_route"),
        ("PATCH", "/api/v1/pairs", 405, "no_method"),
        ("GET", "/api/v1/stream", 400, "no_websocket"),
    ] {
        let bearer = rig.bearer("operator");
        let answer = rig.ask(method, path, &[("Authorization", &bearer)], b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{method} {path}");
    }
    let mut refused = None;
    for _ in 0..200 {
        let answer = rig.get("/api/v1/pairs").await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("200 at once are too many");
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_requests"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    let bearer = rig.bearer("viewer");
    assert_eq!(rig.ask("GET", "/api/v1/pairs", &[("Authorization", &bearer)], b"").await.status, 200, "a token is counted for itself");
    rig.host.stop().await;
}

/// A book as a client of the stream keeps it: price to size and orders, bids and asks.
type Held = [BTreeMap<String, (String, u64)>; 2];

/// Takes a message of a book topic, whole or a change; whether it was a change.
fn take(held: &mut Held, news: &Value) -> bool {
    let is_change = news["follows"].is_number();
    if !is_change {
        *held = Held::default();
    }
    for (side, name) in held.iter_mut().zip(["bids", "asks"]) {
        for level in news["data"][name].as_array().expect("levels") {
            let (price, size) = (level[0].as_str().unwrap().to_owned(), level[1].as_str().unwrap().to_owned());
            if size == "0" {
                side.remove(&price);
            } else {
                side.insert(price, (size, level[2].as_u64().unwrap()));
            }
        }
    }
    is_change
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_stream_has_the_book_and_the_readings_as_they_change() {
    let rig = Rig::start(&[]).await;
    let mut exchange = rig.exchange.subscribed().await;
    exchange.snapshot(10, 50).await;
    let mut stream = Stream::open(&rig.addr, "leadline.v1").await;
    let welcome = stream.next().await.expect("a welcome");
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(stream.subscribe(&["book:BTC-USDT:5"]).await["topics"], serde_json::json!(["book:BTC-USDT:5"]));
    let mut held = Held::default();
    let (mut changes, mut sequence) = (0, 0);
    let mut id = 10;
    while changes < 3 {
        exchange.update(id, id + 1).await;
        id += 1;
        // Until the book has come so far.
        loop {
            let news = stream.next_of("topic", "book:BTC-USDT:5").await;
            if let Some(follows) = news["follows"].as_u64() {
                assert_eq!(follows, sequence, "a change of what this client has");
            }
            sequence = news["sequence"].as_u64().expect("a number");
            changes += i32::from(take(&mut held, &news));
            if news["data"]["sequence"] == id {
                break;
            }
        }
        assert_eq!((held[0].len(), held[1].len()), (5, 5));
        assert_eq!(held[0]["99.9"], (id.to_string(), 1), "the best bid is as it was last sent");
    }
    // Another client has the same, whole.
    let mut other = Stream::open(&rig.addr, "leadline.v1").await;
    other.subscribe(&["book:BTC-USDT:5"]).await;
    let mut fresh = Held::default();
    assert!(!take(&mut fresh, &other.next_of("topic", "book:BTC-USDT:5").await));
    assert_eq!(fresh, held);
    let mut others = Stream::open(&rig.addr, "leadline.v1").await;
    let answer = others.subscribe(&["system", "feed", "plugins", "readings:BTC-USDT"]).await;
    assert_eq!(answer["topics"], serde_json::json!(["readings:BTC-USDT", "feed", "plugins", "system"]));
    let mut news = BTreeMap::new();
    while news.len() < 4 {
        let message = others.next_of("type", "news").await;
        news.insert(message["topic"].as_str().expect("a topic").to_owned(), message["data"].clone());
    }
    let levels = &news["readings:BTC-USDT"]["readings"]["support_resistance"];
    assert!(levels["version"].is_string() && levels["fields"].is_object() && levels["latency_us"].is_number(), "{levels}");
    let feed = &news["feed"]["pairs"][0];
    assert_eq!((&feed["instrument_id"], &feed["state"]), (&"BTC-USDT".into(), &"live".into()));
    assert!(news["system"]["monitoring"]["frames"].is_string());
    assert!(news["plugins"]["plugins"]["liquidity"]["version"].is_string(), "{}", news["plugins"]);
    others.say(&serde_json::json!({"op": "unsubscribe", "topics": ["feed", "system", "readings:BTC-USDT"]})).await;
    assert_eq!(others.next_of("type", "subscribed").await["topics"], serde_json::json!(["plugins"]));
    // Who comes back with the newest of the same run gets nothing twice.
    let since = serde_json::json!({"op": "subscribe", "topics": ["book:BTC-USDT:5"], "since": {"book:BTC-USDT:5": sequence}, "run": welcome["run"]});
    let mut again = Stream::open(&rig.addr, "leadline.v1").await;
    again.say(&since).await;
    exchange.update(id, id + 1).await;
    let news = again.next_of("topic", "book:BTC-USDT:5").await;
    assert_eq!(news["follows"], sequence, "the change alone");
    drop((stream, other, others, again));
    until("nobody looks at the book any more", async || {
        rig.host.monitor.board.get("BTC-USDT").is_some_and(|cell| cell.look.levels() == 0 && cell.look.newest().is_none())
    })
    .await;
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_of_the_stream_says_wrong_is_told_and_who_may_no_longer_have_it_is_let_go() {
    let rig = Rig::start(&[("API_ANONYMOUS_READ", "never")]).await;
    assert_eq!(Stream::with(&rig.addr, &[("Sec-WebSocket-Protocol", "leadline.v1")]).await.err(), Some(401));
    let foreign = [("Sec-WebSocket-Protocol", "leadline.v1"), ("Origin", "https://evil.example")];
    assert_eq!(Stream::with(&rig.addr, &foreign).await.err(), Some(403));
    let protocols = format!("leadline.v1, leadline.token.{}", rig.tokens["viewer"]);
    let mut stream = Stream::open(&rig.addr, &protocols).await;
    for (said, code) in [
        (serde_json::json!({"op": "subscribe", "topics": ["readings:btc"]}), "no_topic"),
        (serde_json::json!({"op": "subscribe", "topics": ["book:BTC-USDT:7"]}), "no_topic"),
        (serde_json::json!({"op": "subscribe", "topics": ["everything"]}), "no_topic"),
        (serde_json::json!({"op": "shout"}), "bad_request"),
        (serde_json::json!([]), "bad_request"),
    ] {
        stream.say(&said).await;
        let error = stream.next_of("type", "error").await;
        assert!(error["code"] == code && error["message"].is_string() && error["hint"].is_string(), "{said}: {error}");
    }
    let many: Vec<String> = (0..70).map(|number| format!("readings:A{number}-USDT")).collect();
    stream.say(&serde_json::json!({"op": "subscribe", "topics": many})).await;
    assert_eq!(stream.next_of("type", "error").await["code"], "too_many_topics");
    assert_eq!(stream.next_of("type", "subscribed").await["topics"].as_array().map(Vec::len), Some(64));
    stream.say(&serde_json::json!({"op": "ping"})).await;
    stream.next_of("type", "pong").await;
    // The token is taken away.
    std::fs::write(rig.folder.path().join("tokens"), "").unwrap();
    let code = loop {
        if let Err(code) = stream.next().await {
            break code;
        }
    };
    assert_eq!(code, Some(4401));
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_asked_for_in_pages_and_windows_and_exported_whole() {
    const VALUES: u32 = 2500;
    let folder = tempfile::tempdir().expect("a folder");
    let rig = Rig::start(&[("HISTORY_DIR", folder.path().join("history").to_str().unwrap())]).await;
    // A second apart, so that an export has three pages; of an hour that is still kept.
    let base_ms = clock::unix_ms() - 3_000_000;
    for number in 0..VALUES {
        let sample = Sample {
            measurement: Measurement::Analysis,
            pair: "BTC-USDT".into(),
            source: "liquidity".into(),
            time_ns: i64::try_from((base_ms + u64::from(number) * 1000) * 1_000_000).unwrap(),
            fields: vec![
                ("liquidity_index".into(), Kept::Number(f64::from(number))),
                ("liquidity.note".into(), Kept::Text("=1, \"two\"".into())),
            ],
        };
        until("there is room", async || rig.host.history.offer(Entry::Sample(sample.clone()))).await;
    }
    let (from, to) = (clock::rfc3339(base_ms), clock::rfc3339(base_ms + u64::from(VALUES) * 1000));
    let span = format!("pairs=BTC-USDT&sources=liquidity&from={from}&to={to}");
    let index = format!("{span}&fields=liquidity_index");
    let all = async |query: String| rig.get(&format!("/api/v1/history/{query}")).await;
    until("all of it is kept", async || {
        let windows = all(format!("windows?{index}&every=1h")).await;
        let windows = windows.json();
        let counts = windows["series"][0]["counts"].as_array().cloned().unwrap_or_default();
        counts.iter().filter_map(Value::as_u64).sum::<u64>() == u64::from(VALUES)
    })
    .await;
    let (mut from, mut values) = (from, Vec::new());
    loop {
        let page =
            rig.get(&format!("/api/v1/history/range?pairs=BTC-USDT&fields=liquidity_index&from={from}&to={to}&limit=1000")).await.json();
        let of = &page["series"][0];
        assert_eq!(of["times_ms"].as_array().map(Vec::len), of["values"].as_array().map(Vec::len));
        values.extend(of["values"].as_array().expect("values").iter().map(|value| value.as_f64().expect("a number")));
        match page["next"].as_str() {
            Some(next) => from = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(values, (0..VALUES).map(f64::from).collect::<Vec<_>>(), "each once, in order");
    // A rule tried on what was kept: the index rose by one a second, and stood over 2000 for the last 499 s.
    let rule = r#"{"field":"liquidity_index","comparison":">","threshold":2000,"for":"10s","pairs":["BTC-USDT"]}"#;
    let tried = rig.change("POST", "/api/v1/alerts/rules/high/preview?from=-2h", rule).await;
    assert_eq!(tried.status, 200, "{}", tried.text());
    let tried = tried.json();
    assert_eq!((&tried["values"], &tried["fired"], &tried["suppressed"]), (&json!(VALUES), &json!(1), &json!(0)), "{tried}");
    assert_eq!(tried["times_ms"], json!([base_ms + 2_011_000]), "{tried}");
    assert_eq!(tried["firing_ms"], json!((u64::from(VALUES) - 1 - 2011) * 1000), "{tried}");
    let never = rig.change("POST", "/api/v1/alerts/rules/high/preview?from=-2h", &rule.replace("2000", "9000")).await.json();
    assert_eq!((&never["values"], &never["fired"], &never["times_ms"]), (&json!(VALUES), &json!(0), &json!([])), "{never}");
    let unkept = rig.change("POST", "/api/v1/alerts/rules/high/preview?from=-2h", &rule.replace("liquidity_index", "no.such")).await;
    assert_ne!(unkept.status, 500, "{}", unkept.text());
    let series = all(format!("series?from={}&to={to}", clock::rfc3339(base_ms))).await.json();
    let named = |of: &Value| of["field"] == "liquidity_index" && of["instrument_id"] == "BTC-USDT" && of["source"] == "liquidity";
    assert!(series["series"].as_array().expect("series").iter().any(named), "{series}");
    let table = all(format!("export?{span}&format=csv")).await;
    let text = table.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (1 + 2 * VALUES as usize, "time,measurement,instrument_id,source,field,value"));
    assert!(text.contains(r#",liquidity.note,"'=1, ""two""""#), "{}", lines[1]);
    assert!(table.header("content-disposition").is_some_and(|value| value.contains("leadline-analysis_results.csv")));
    let lines = all(format!("export?{index}&format=jsonl")).await.text();
    let numbers: Vec<f64> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["value"].as_f64().expect("a number")).collect();
    assert_eq!(numbers, values);
    let table = all(format!("export?{span}&format=parquet")).await;
    assert_eq!(table.header("content-type"), Some("application/vnd.apache.parquet"));
    let rows = parquet_rows(table.body);
    assert_eq!(rows.len(), 2 * VALUES as usize);
    let numbers: Vec<f64> = rows.iter().filter_map(|row| row.get_double(5).ok()).collect();
    assert_eq!(numbers, values);
    let first = &rows[0];
    assert_eq!(
        (first.get_string(2).unwrap().as_str(), first.get_long(0).unwrap() / 1_000_000),
        ("BTC-USDT", i64::try_from(base_ms).unwrap())
    );
    assert!(rows.iter().any(|row| row.get_string(6).is_ok_and(|text| text == "=1, \"two\"")), "a text is as it was kept");
    // Alerts: more than a page of them.
    const STEPS: usize = 1500;
    for number in 0..STEPS {
        let step = AlertEntry {
            time_ns: i64::try_from((base_ms + number as u64) * 1_000_000).unwrap(),
            id: format!("{number:04}").as_str().into(),
            pair: "BTC-USDT".into(),
            source: "rule".into(),
            name: "thin".into(),
            severity: "warning".into(),
            state: "firing".into(),
            code: "thin".into(),
            message: "thin, \"very\"".into(),
            numbers: r#"{"value":1.5}"#.into(),
        };
        until("there is room", async || rig.host.history.offer(Entry::Alert(step.clone()))).await;
    }
    let spanned = format!("alerts/export?pairs=BTC-USDT&from={}&to={to}", clock::rfc3339(base_ms));
    until("all steps are kept", async || all(format!("{spanned}&format=csv")).await.text().lines().count() == STEPS + 1).await;
    let rows = parquet_rows(all(format!("{spanned}&format=parquet")).await.body);
    let ids: Vec<String> = rows.iter().map(|row| row.get_string(1).unwrap().clone()).collect();
    assert_eq!(ids, (0..STEPS).rev().map(|number| format!("{number:04}")).collect::<Vec<_>>(), "each once, the newest first");
    let lines = all(format!("{spanned}&format=jsonl")).await.text();
    let last: Value = serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["id"], &last["numbers"]["value"], &last["message"]), (&"0000".into(), &1.5.into(), &"thin, \"very\"".into()));
    for wrong in [
        format!("range?from={to}&to={from}"),
        "range?from=yesterday".to_owned(),
        "range?measurement=everything".to_owned(),
        "range?every=1m".to_owned(),
        "range?limit=0".to_owned(),
        "range?pairs=BTC%22USDT".to_owned(),
        "windows?every=often".to_owned(),
        "windows?every=1ms&from=-7d".to_owned(),
        "export?format=xlsx".to_owned(),
        "books/BTC-USDT?at=now".to_owned(),
    ] {
        let answer = all(wrong.clone()).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
        answer.code();
    }
    assert_eq!(all("books/BTC-USDT".to_owned()).await.code(), "no_book");
    rig.host.stop().await;
}

/// All rows of a Parquet file.
fn parquet_rows(file: Vec<u8>) -> Vec<parquet::record::Row> {
    let reader = SerializedFileReader::new(axum::body::Bytes::from(file)).expect("a Parquet file");
    reader.get_row_iter(None).expect("rows").collect::<Result<_, _>>().expect("each can be read")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_has_already_is_not_sent_again() {
    let web = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(web.path().join("assets")).unwrap();
    std::fs::write(web.path().join("index.html"), "<!doctype html><title>Leadline</title>").unwrap();
    std::fs::write(web.path().join("assets/page-0a1b.js"), "export {};").unwrap();
    let rig = Rig::start(&[("API_WEB_DIR", web.path().to_str().unwrap())]).await;
    let again = async |path: &str, tag: &str| rig.ask("GET", path, &[("If-None-Match", tag)], b"").await;
    for path in ["/", "/index.html", "/api/v1/openapi.json", "/api/v1/docs", "/api/v1/pairs", "/api/v1/alerts/rules", "/api/v1/alerts"] {
        let first = rig.get(path).await;
        assert_eq!((first.status, first.header("cache-control")), (200, Some("no-cache")), "{path}");
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has no tag")).to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let same = again(path, &known).await;
            assert_eq!((same.status, same.body.len(), same.header("etag")), (304, 0, Some(tag.as_str())), "{path} {known}");
            assert!(same.header("content-security-policy").is_some() && same.header("content-type").is_none(), "{path}");
        }
        assert_eq!(again(path, "\"other\"").await.body, first.body, "{path}");
    }
    let tag = rig.get("/api/v1/pairs").await.header("etag").unwrap().to_owned();
    rig.change("POST", "/api/v1/pairs", r#"{"instrument_id":"ETH-USDT"}"#).await;
    let now = again("/api/v1/pairs", &tag).await;
    assert!(now.status == 200 && now.header("etag") != Some(tag.as_str()), "another answer has another tag");
    let lasting = rig.get("/assets/page-0a1b.js").await;
    assert!(lasting.header("cache-control").is_some_and(|value| value.contains("immutable")));
    for path in ["/api/v1/state", "/api/v1/system", "/api/v1/feeds"] {
        let moment = again(path, "*").await;
        assert_eq!((moment.status, moment.header("cache-control"), moment.header("etag")), (200, Some("no-store"), None), "{path}");
    }
    rig.host.stop().await;
}

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

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

#[test]
fn the_description_in_the_repository_is_the_one_that_the_routes_give() {
    let kept = std::fs::read_to_string(repository("docs/openapi.json")).unwrap_or_default();
    let made = leadline_host::api::router::description().json;
    let document: Value = serde_json::from_str(&made).expect("JSON");
    let all: Vec<&Value> = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values()).collect();
    let names: std::collections::BTreeSet<&str> = all.iter().filter_map(|operation| operation["operationId"].as_str()).collect();
    assert_eq!(names.len(), all.len(), "two operations have one name");
    assert!(kept == made, "docs/openapi.json is another\nhint: cargo run -p leadline -- openapi > docs/openapi.json");
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
