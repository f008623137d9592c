//! What an operator has: alerts and whom they reach, events, keys that go by themselves, readiness, and a check before the start.

use std::collections::{BTreeMap, VecDeque};
use std::process::Command;
use std::sync::{Arc, Mutex};

use crate::support::exchange::{Connection, Exchange};
use crate::support::{Redis, http, program, settings, until};
use axum::http::{HeaderMap, StatusCode};
use futures_util::StreamExt;
use leadline_host::alerts::AlertDesk;
use leadline_host::host::Host;
use ring::hmac;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const BROKEN: &str = r#"{"field":"feed.state","comparison":"==","threshold":"resyncing","severity":"alert","cool_down":"10m","message":"{pair} is {value}: {reason}"}"#;

async fn start(redis: &Redis, exchange: &Exchange, more: &[(&str, &str)]) -> Host {
    let settings = settings(redis, &exchange.url, more);
    Host::start(settings, "test".to_owned(), &CancellationToken::new()).await.expect("it starts").expect("not stopped")
}

/// A host with BTC-USDT live at sequence number 10.
async fn live(redis: &Redis, exchange: &Exchange, more: &[(&str, &str)]) -> (Host, Connection) {
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    let host = start(redis, exchange, more).await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    until("it is live", async || redis.field("feed:BTC-USDT", "state").await == "live").await;
    (host, connection)
}

/// The active alerts by name, as a script with redis-cli sees them.
async fn active(redis: &Redis) -> BTreeMap<String, Value> {
    let all: Vec<String> = redis.ask(&["HVALS", "alerts:active"]).await;
    let alerts = all.iter().map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
    alerts.map(|alert| (alert["name"].as_str().expect("a name").to_owned(), alert)).collect()
}

async fn recent(redis: &Redis) -> Vec<Value> {
    let all: Vec<String> = redis.ask(&["LRANGE", "alerts:recent", "0", "-1"]).await;
    all.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_host_is_freed_whole() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let (host, _connection) = live(&redis, &exchange, &[]).await;
    // Everything that was started holds it, directly or not.
    let monitor = Arc::downgrade(&host.monitor);
    host.stop().await;
    until("nothing holds the monitor any more", async || monitor.strong_count() == 0).await;
}

/// What a channel says from now on.
async fn listen(redis: &Redis, channel: &str) -> Arc<Mutex<Vec<Value>>> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port)).expect("an address");
    let mut pubsub = client.get_async_pubsub().await.expect("redis-server is there");
    pubsub.subscribe(channel).await.expect("subscribed");
    let heard = Arc::<Mutex<Vec<Value>>>::default();
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut messages = pubsub.into_on_message();
        while let Some(message) = messages.next().await {
            let text: String = message.get_payload().expect("text");
            kept.lock().expect("whole").push(serde_json::from_str(&text).expect("JSON"));
        }
    });
    heard
}

fn heard(all: &Mutex<Vec<Value>>, wanted: impl Fn(&Value) -> bool) -> usize {
    all.lock().expect("whole").iter().filter(|one| wanted(one)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_makes_one_alert_of_a_flapping_state_which_is_acknowledged_and_over_in_redis_and_on_its_channel() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    redis.ask::<i64>(&["HSET", "config:alert_rules", "broken", BROKEN]).await;
    let told = listen(&redis, "events:alerts").await;
    let (host, mut connection) = live(&redis, &exchange, &[]).await;
    connection.update(16, 17).await;
    until("it fires", async || active(&redis).await.contains_key("broken")).await;
    let alert = active(&redis).await.remove("broken").expect("active");
    assert_eq!((&alert["state"], &alert["severity"], &alert["pair"]), (&json!("firing"), &json!("alert"), &json!("BTC-USDT")));
    let message = alert["message"].as_str().expect("words");
    assert!(message.starts_with("BTC-USDT is resyncing: ") && message.len() > 30, "{message}");

    let id = alert["id"].as_str().expect("an id").to_owned();
    redis.ask::<i64>(&["HSET", "alerts:acknowledge", &id, "ops"]).await;
    until("it is acknowledged", async || active(&redis).await["broken"]["state"] == "acknowledged").await;
    assert_eq!(active(&redis).await["broken"]["acknowledged_by"], "ops");
    until("the wish is taken", async || redis.ask::<i64>(&["EXISTS", "alerts:acknowledge"]).await == 0).await;

    connection.snapshot(20, 50).await;
    until("it is over", async || !active(&redis).await.contains_key("broken")).await;
    // Again within the cool-down: nobody is told a second time.
    connection.update(30, 31).await;
    until("the book is broken again", async || redis.field("feed:BTC-USDT", "state").await == "resyncing").await;
    let looks = redis.field("system:monitoring", "time").await;
    until("it was looked at", async || redis.field("system:monitoring", "time").await > looks).await;
    connection.snapshot(40, 50).await;
    until("it is live again", async || redis.field("feed:BTC-USDT", "state").await == "live").await;

    let steps: Vec<String> =
        recent(&redis).await.iter().filter(|alert| alert["id"] == id.as_str()).map(|alert| alert["state"].to_string()).collect();
    assert_eq!(steps, ["\"resolved\"", "\"acknowledged\"", "\"firing\""]);
    assert_eq!(recent(&redis).await.iter().filter(|alert| alert["name"] == "broken" && alert["state"] == "firing").count(), 1);
    until("the channel told of each step once", async || heard(&told, |alert| alert["id"] == id.as_str()) == 3).await;
    assert_eq!(host.alerts.recent(&leadline_host::alerts::AlertFilter::default(), 3).len(), 3);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_rule_is_refused_where_everybody_sees_it_and_acts_once_it_is_right() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let (host, _connection) = live(&redis, &exchange, &[]).await;
    redis.ask::<i64>(&["HSET", "config:alert_rules", "mine", r#"{"field":"feed.framse","comparison":">","threshold":0}"#]).await;
    until("it is refused", async || redis.field("alerts:refused", "rule mine").await.contains("did you mean feed.frames?")).await;
    assert!(host.alerts.rules().iter().any(|view| view.name == "mine" && view.refused.is_some()));
    redis.ask::<i64>(&["HSET", "config:alert_rules", "mine", r#"{"field":"feed.frames","comparison":">","threshold":0}"#]).await;
    until("it acts", async || active(&redis).await.contains_key("mine")).await;
    assert_eq!(redis.ask::<i64>(&["EXISTS", "alerts:refused"]).await, 0);
    assert_eq!(active(&redis).await["mine"]["numbers"]["threshold"], 0.0);
    redis.ask::<i64>(&["HDEL", "config:alert_rules", "mine"]).await;
    until("its alert is over with it", async || !active(&redis).await.contains_key("mine")).await;
    let last = recent(&redis).await.into_iter().find(|alert| alert["name"] == "mine").expect("its end");
    assert!(last["message"].as_str().expect("words").ends_with("(over: its rule was changed or removed)"), "{last}");
    // Through the handle that the API has.
    let desk = AlertDesk::Host(host.alerts.clone());
    let error = desk.set_rule("mine", "{}").await.expect_err("refused").to_string();
    assert!(error.contains("field") && error.contains("hint: "), "{error}");
    desk.set_rule("mine", r#"{"field":"feed.frames","comparison":">","threshold":0}"#).await.expect("taken");
    until("it acts", async || !host.alerts.active(&leadline_host::alerts::AlertFilter::default()).is_empty()).await;
    desk.remove_rule("mine").await.expect("removed");
    assert!(desk.remove_rule("mine").await.is_err());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_acknowledgements_and_silences_are_there_again_after_a_restart() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    redis.ask::<i64>(&["HSET", "config:alert_rules", "seen", r#"{"field":"feed.verified","comparison":"==","threshold":"yes"}"#]).await;
    redis.ask::<i64>(&["HSET", "config:alert_silences", "quiet", r#"{"name":"seen","until":"2999-01-01T00:00:00Z","by":"ops"}"#]).await;
    let (host, _connection) = live(&redis, &exchange, &[]).await;
    until("it fires", async || active(&redis).await.contains_key("seen")).await;
    assert_eq!(active(&redis).await["seen"]["silenced_by"], "quiet");
    let id = active(&redis).await["seen"]["id"].as_str().expect("an id").to_owned();
    host.alerts.acknowledge(&id, "me").expect("there");
    host.stop().await;

    let host = start(&redis, &exchange, &[]).await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    until("it is live", async || redis.field("feed:BTC-USDT", "state").await == "live").await;
    let alert = active(&redis).await.remove("seen").expect("still active");
    assert_eq!((alert["id"].as_str(), &alert["acknowledged_by"]), (Some(id.as_str()), &json!("me")));
    assert!(host.alerts.silences().iter().any(|silence| silence.id == "quiet" && silence.holds));
    // The pair is taken away: the alert is over with it, once the time for late starters has passed.
    connection.update(10, 11).await;
    redis.ask::<i64>(&["HSET", "config:alert_rules", "seen", r#"{"field":"feed.verified","comparison":"==","threshold":"no"}"#]).await;
    until("a rule that asks something else ends the alerts of the one before", async || !active(&redis).await.contains_key("seen")).await;
    host.stop().await;
}

/// A webhook's other side: what it was sent, and the answers that it still gives before it takes everything.
#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
}

impl Receiver {
    async fn start(answers: &[StatusCode]) -> (Self, String) {
        let receiver = Self { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), ..Self::default() };
        let own = receiver.clone();
        let take = move |headers: HeaderMap, body: String| {
            own.got.lock().expect("whole").push((headers, body));
            let mut answers = own.answers.lock().expect("whole");
            // A redirect is what it answers for ever.
            let status = if answers.front() == Some(&StatusCode::FOUND) { answers.front().copied() } else { answers.pop_front() };
            let answer = (status.unwrap_or(StatusCode::OK), [("location", "/elsewhere")]);
            async move { answer }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook/key123", listener.local_addr().expect("its address"));
        let routes = axum::Router::new().fallback(axum::routing::any(take));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (receiver, url)
    }

    /// The alerts of each request, with the request's headers and text.
    fn requests(&self) -> Vec<(HeaderMap, String, Vec<Value>)> {
        let got = self.got.lock().expect("whole").clone();
        let alerts = |body: &str| serde_json::from_str::<Value>(body).expect("JSON")["alerts"].as_array().cloned().unwrap_or_default();
        got.into_iter().map(|(headers, body)| (headers, body.clone(), alerts(&body))).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_fails_at_first_gets_its_alerts_signed_and_one_that_always_fails_is_an_alert_of_its_own() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let (good, good_url) = Receiver::start(&[StatusCode::INTERNAL_SERVER_ERROR, StatusCode::TOO_MANY_REQUESTS]).await;
    let (redirecting, redirecting_url) = Receiver::start(&[StatusCode::FOUND]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("webhooks.toml");
    let text = format!(
        "[[webhook]]\nname = \"good\"\nkind = \"generic\"\nurl = \"{good_url}\"\nsecret = \"s3cret\"\n\n\
         [[webhook]]\nname = \"elsewhere\"\nkind = \"slack\"\nurl = \"{redirecting_url}\"\n"
    );
    std::fs::write(&file, text).expect("written");
    redis.ask::<i64>(&["HSET", "config:alert_rules", "broken", BROKEN]).await;
    let (host, mut connection) = live(&redis, &exchange, &[("ALERT_WEBHOOKS_FILE", file.to_str().expect("plain"))]).await;
    connection.update(16, 17).await;
    until("the alert and the other webhook's failure arrive", async || {
        let names: Vec<Value> =
            good.requests().into_iter().skip(2).flat_map(|(_, _, alerts)| alerts).map(|alert| alert["name"].clone()).collect();
        names.contains(&json!("broken")) && names.contains(&json!("elsewhere"))
    })
    .await;
    let requests = good.requests();
    assert!(requests[..2].iter().all(|(_, _, alerts)| alerts[0]["name"] == "broken"), "what failed is tried again");
    let (headers, body, _) = &requests[2];
    let header = |name: &str| headers.get(name).expect("a header").to_str().expect("text");
    let signature = header("x-leadline-signature").strip_prefix("sha256=").expect("the form");
    let bytes: Vec<u8> = (0..signature.len()).step_by(2).map(|at| u8::from_str_radix(&signature[at..at + 2], 16).expect("hex")).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret");
    hmac::verify(&key, format!("{}.{body}", header("x-leadline-timestamp")).as_bytes(), &bytes).expect("it verifies");

    let failing = active(&redis).await.remove("elsewhere").expect("an alert");
    assert_eq!((&failing["source"], &failing["code"]), (&json!("webhook"), &json!("webhook_failing")));
    let message = failing["message"].as_str().expect("words");
    assert!(message.contains("redirect") && !message.contains("key123"), "{message}");
    assert_eq!(redirecting.got.lock().expect("whole").iter().filter(|(headers, _)| headers.get("referer").is_some()).count(), 0);
    let status = host.alerts.webhooks();
    assert!(status.iter().any(|one| one.name == "elsewhere" && one.failing && one.dropped > 0), "{status:?}");
    until("it is counted", async || redis.field("system:monitoring", "alert_webhooks_failing").await == "1").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reading_of_the_buffered_lane_is_told_once_and_results_go_once_nothing_vouches_for_them() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let events = listen(&redis, "events:BTC-USDT").await;
    let (host, mut connection) = live(&redis, &exchange, &[("REDIS_RESULTS_EXPIRY", "2")]).await;
    for id in 10..15 {
        connection.update(id, id + 1).await;
    }
    let of_liquidity = |event: &Value| event["event"] == "reading" && event["plugin"] == "liquidity";
    until("the last reading is told", async || heard(&events, |event| of_liquidity(event) && event["sequence"] == 15) > 0).await;
    let sequences: Vec<i64> = events
        .lock()
        .expect("whole")
        .iter()
        .filter(|event| of_liquidity(event))
        .map(|event| event["sequence"].as_i64().expect("one"))
        .collect();
    assert_eq!(sequences, [10, 11, 12, 13, 14, 15]);
    assert_eq!(heard(&events, |event| event["event"] == "state" && event["state"] == "live"), 1);
    let last = events.lock().expect("whole").iter().rfind(|event| of_liquidity(event)).expect("one").clone();
    assert_eq!(last["status"].as_str(), Some(redis.field("analysis:BTC-USDT", "liquidity.status").await.as_str()));
    assert!(last["fields"].as_object().expect("fields").contains_key("liquidity_index"));

    for (key, longest) in [("feed:BTC-USDT", 15), ("system:monitoring", 15), ("plugin:liquidity", 60)] {
        until("it has an end", async || (1..=longest).contains(&redis.ask::<i64>(&["TTL", key]).await)).await;
    }
    let hosts: Vec<String> = redis.ask(&["KEYS", "host:*"]).await;
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    // The heartbeat before this one may be from before the pair was there.
    until("the heartbeat names the pair", async || redis.field(&hosts[0], "pairs").await == "BTC-USDT").await;
    assert!((1..=15).contains(&redis.ask::<i64>(&["TTL", &hosts[0]]).await));

    // The book stands still for longer than results live: it is verified, so they stay.
    let begun = std::time::Instant::now();
    until("it has stood still for a while", async || {
        assert_eq!(redis.ask::<i64>(&["EXISTS", "analysis:BTC-USDT", "orderbook:BTC-USDT"]).await, 2);
        begun.elapsed().as_secs() >= 4
    })
    .await;
    connection.cut();
    until("nothing vouches for them", async || redis.ask::<i64>(&["EXISTS", "analysis:BTC-USDT", "orderbook:BTC-USDT"]).await == 0).await;
    assert_eq!(redis.field("feed:BTC-USDT", "verified").await, "no");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_what_is_missing_until_a_book_is_verified_and_again_when_redis_goes() {
    let (mut redis, exchange) = (Redis::start().await, Exchange::start().await);
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    let host = start(&redis, &exchange, &[]).await;
    let addr = host.addr.to_string();
    let mut connection = exchange.subscribed().await;
    let ready = async || http::ask(&addr, "GET", "/readyz", &[], b"").await;
    until("it says what is missing", async || {
        let answer = ready().await;
        let told = answer.text();
        answer.status == 503 && told.contains("BTC-USDT is subscribing") && answer.json()["redis"] == true
    })
    .await;
    assert_eq!(http::ask(&addr, "GET", "/healthz", &[], b"").await.status, 200);
    connection.snapshot(10, 50).await;
    until("it is ready", async || ready().await.status == 200).await;
    assert_eq!(ready().await.json()["pairs_verified"], 1);
    redis.kill();
    until("it says that Redis is gone", async || {
        let answer = ready().await;
        answer.status == 503 && answer.text().contains("Redis doesn't answer")
    })
    .await;
    assert_eq!(http::ask(&addr, "GET", "/healthz", &[], b"").await.status, 200, "alive all the same");
    redis.up().await;
    until("it is ready again", async || ready().await.status == 200).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leadline_check_names_what_is_in_the_way_and_changes_nothing() {
    let redis = Redis::start().await;
    let plugins = crate::support::components("plugins");
    let folder = tempfile::tempdir().expect("a folder");
    let check = |more: &[(&str, &str)]| {
        let addr = format!("127.0.0.1:{}", redis.port);
        let mut command = Command::new(program());
        command.arg("check").current_dir(folder.path()).env("REDIS_ADDR", addr).env("PLUGIN_DIR", &plugins).env("API_ADDR", "127.0.0.1:0");
        for (name, value) in more {
            command.env(name, value);
        }
        let output = command.output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, text) = check(&[]);
    assert_eq!(code, Some(0), "{text}");
    for words in ["ok    settings", "ok    redis", "ok    plugins   depth_anomaly", "warn  pairs", "SADD config:trading_pairs", "0 failed"]
    {
        assert!(text.contains(words), "{words} isn't in {text}");
    }
    redis.ask::<String>(&["SET", "config:trading_pairs", "BTC-USDT"]).await;
    redis.ask::<i64>(&["HSET", "config:alert_rules", "mine", "{}"]).await;
    let (code, text) = check(&[("ALERT_WEBHOOKS_FILE", "nowhere.toml"), ("PLUGIN_DIR", "nowhere"), ("LOG_DIR", "/proc/nowhere")]);
    assert_eq!(code, Some(1), "{text}");
    for words in ["fail  pairs", "fail  rules     mine: it is no rule", "fail  webhooks", "fail  plugins", "fail  folders", "5 failed"] {
        assert!(text.contains(words), "{words} isn't in {text}");
    }
    let tokens = folder.path().join("tokens.toml");
    std::fs::write(&tokens, "nonsense").expect("written");
    let (code, text) = check(&[
        ("API_TOKENS_FILE", tokens.to_str().expect("text")),
        ("API_AUDIT_FILE", "/proc/nowhere/audit.jsonl"),
        ("BACKUP_DIR", "/proc/nowhere"),
    ]);
    assert_eq!(code, Some(1), "{text}");
    for words in ["fail  tokens", "fail  folders   API_AUDIT_FILE", "fail  folders   BACKUP_DIR"] {
        assert!(text.contains(words), "{words} isn't in {text}");
    }
    let (code, text) = check(&[("REDIS_DB", "x")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("fail  settings  REDIS_DB (environment): `x` is no whole number"), "{text}");
    let (code, text) = check(&[("REDIS_ADDR", "127.0.0.1:1")]);
    assert!(code == Some(1) && text.contains("fail  redis") && text.contains("hint: start redis-server"), "{text}");
}

/// A line of an answer without what differs between two hosts: digits, and what stands in quotes.
fn shape(line: &str) -> String {
    let before = line.split('"').next().unwrap_or_default();
    let mut shape: String = before.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    if line.contains('"') {
        shape.push('"');
    }
    shape
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_documentation_work_as_printed_with_a_real_redis_cli() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let (host, _connection) = live(&redis, &exchange, &[]).await;
    until("there are readings", async || !redis.field("analysis:BTC-USDT", "liquidity.time").await.is_empty()).await;
    until("the book is written", async || !redis.field("orderbook:BTC-USDT", "asks").await.is_empty()).await;
    until("figures are written", async || !redis.field("system:monitoring", "frames").await.is_empty()).await;
    // The port is this test's, and the answers are those that a terminal gets; all else is as printed.
    let folder = tempfile::tempdir().expect("a folder");
    let (inner, wrapper) = (which("redis-cli"), folder.path().join("redis-cli"));
    std::fs::write(&wrapper, format!("#!/bin/sh\nexec {} --no-raw -p {} \"$@\"\n", inner.display(), redis.port)).expect("written");
    std::fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it may be run");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").expect("a path"));
    let shell = |line: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("PATH", &path).current_dir(folder.path());
        command
    };
    let mut tried = 0;
    for page in ["README.md", "docs/redis.md", "docs/alerts.md"] {
        let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page)).expect("the page");
        // What stands between the marks of code.
        for block in text.split("```").skip(1).step_by(2) {
            let mut lines = block.lines().peekable();
            while let Some(line) = lines.next() {
                let command = line.strip_prefix("$ ").unwrap_or(line);
                if !command.starts_with("redis-cli ") || command.contains(" -h ") {
                    continue;
                }
                tried += 1;
                if command.contains("SUBSCRIBE") {
                    let mut child = shell(&format!("exec {command}")).stdout(std::process::Stdio::piped()).spawn().expect("it runs");
                    let mut first = String::new();
                    let out = child.stdout.take().expect("piped");
                    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut first).expect("a line");
                    assert!(first.to_lowercase().contains("subscribe") || first.contains("Reading messages"), "{command}: {first}");
                    child.kill().expect("it listens");
                    child.wait().expect("it ended");
                    continue;
                }
                let mut shown = Vec::new();
                while line.starts_with("$ ")
                    && let Some(answer) = lines.next_if(|next| !next.starts_with("$ ") && !next.trim().is_empty())
                {
                    shown.push(shape(answer));
                }
                until(command, async || {
                    let output = shell(command).output().expect("it runs");
                    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
                    let good = output.status.success() && !answer.contains("(error)") && !answer.trim().is_empty();
                    good && (shown.is_empty() || answer.lines().map(shape).collect::<Vec<_>>() == shown)
                })
                .await;
            }
        }
    }
    assert!(tried > 25, "{tried} commands");
    host.stop().await;
}

fn which(name: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").expect("a path");
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()).expect("redis-tools is installed")
}
