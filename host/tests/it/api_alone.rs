//! `leadline run --role api`: a process without a feed gives what the host gives, from Redis and from the host.

use crate::api::Rig;
use crate::support::http::ask;
use crate::support::stream::Stream;
use crate::support::{components, free_port, settings, until};
use leadline_host::api::app::Parts;
use leadline_host::api::server::Server;
use leadline_host::clock;
use leadline_host::history::History;
use leadline_host::okx::{Proxies, Rest};
use leadline_host::results::Link;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// An API without a feed on the same Redis: its address, its task, and what stops it.
async fn api_alone(rig: &Rig, more: &[(&str, &str)]) -> (String, tokio::task::JoinHandle<()>, CancellationToken) {
    let settings = settings(&rig.redis, "ws://127.0.0.1:1", more);
    let server = Server::listen(&settings.api).await.expect("a port");
    let addr = server.addr().expect("its number").to_string();
    let stop = CancellationToken::new();
    let parts = Parts {
        live: None,
        plugins: None,
        link: Link::new(&settings.redis).expect("an address"),
        pairs_key: settings.pairs.key.clone(),
        rest: Rest::new(&settings.okx, std::sync::Arc::new(Proxies::none())).expect("a client"),
        alerts: None,
        history: History::to_read(&settings.history).expect("a home"),
    };
    (addr, tokio::spawn(server.run(parts, stop.clone())), stop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_without_a_feed_answers_from_redis_what_the_host_answers() {
    let rig = Rig::start(&[]).await;
    let mut exchange = rig.exchange.subscribed().await;
    exchange.snapshot(10, 50).await;
    let (addr, serving, stop) = api_alone(&rig, &[]).await;
    let from = async |addr: &str, path: &str| ask(addr, "GET", path, &[], b"").await;
    until("the book stands in Redis", async || from(&addr, "/api/v1/books/BTC-USDT?levels=3").await.status == 200).await;
    let book = from(&addr, "/api/v1/books/BTC-USDT?levels=3").await.json();
    assert_eq!(book, rig.get("/api/v1/books/BTC-USDT?levels=3").await.json());
    assert_eq!((book["bids"].as_array().map(Vec::len), &book["bids"][0][0]), (Some(3), &"99.9".into()));
    let mut stream = Stream::open(&addr, "leadline.v1").await;
    stream.subscribe(&["readings:BTC-USDT", "book:BTC-USDT:5"]).await;
    stream.next_of("topic", "book:BTC-USDT:5").await;
    exchange.update(10, 11).await;
    loop {
        let readings = stream.next_of("topic", "readings:BTC-USDT").await;
        if readings["data"]["readings"]["support_resistance"]["sequence"] == 11 {
            break;
        }
    }
    let fields =
        async |addr: &str| from(addr, "/api/v1/state").await.json()["pairs"][0]["readings"]["support_resistance"]["fields"].clone();
    // Details follow within their interval.
    until("Redis has what the host has", async || fields(&addr).await == fields(&rig.addr).await).await;
    assert_eq!(from(&addr, "/api/v1/system").await.json()["role"], "api");
    let feeds = from(&addr, "/api/v1/feeds").await.json();
    assert_eq!(feeds["pairs"][0]["state"], "live");
    for path in ["/api/v1/books/XRP-USDT", "/api/v1/readings/XRP-USDT", "/api/v1/feeds/XRP-USDT"] {
        let answer = from(&addr, path).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_analysed"), "{path}");
    }
    let answer = from(&addr, "/api/v1/instruments").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "no_listing"), "OKX_REST_URL is none");
    for path in [
        "/api/v1/instruments?limit=0",
        "/api/v1/instruments?kind=stock",
        "/api/v1/books/BTC-USDT?levels=0",
        "/api/v1/books/BTC-USDT?level=3",
        "/api/v1/books/btc",
    ] {
        assert_eq!(from(&addr, path).await.status, 400, "{path}");
    }
    stop.cancel();
    serving.await.expect("it ends");
    rig.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_read_and_changed_through_a_process_without_a_host_as_through_the_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let hooks = folder.path().join("webhooks.toml");
    std::fs::write(&hooks, "[[webhook]]\nname = \"pager\"\nkind = \"generic\"\nurl = \"http://127.0.0.1:1/\"\nsecret = \"secret\"\n")
        .unwrap();
    let rig = Rig::start(&[("ALERT_WEBHOOKS_FILE", hooks.to_str().unwrap())]).await;
    let mut exchange = rig.exchange.subscribed().await;
    exchange.snapshot(10, 50).await;
    let tokens_file = rig.folder.path().join("tokens");
    let (addr, serving, stop) = api_alone(&rig, &[("API_TOKENS_FILE", tokens_file.to_str().unwrap()), ("API_RATE_LIMIT", "100000")]).await;
    let read = async |path: &str| ask(&addr, "GET", path, &[], b"").await;
    let change = async |role: &str, method: &str, path: &str, body: &str| {
        let bearer = rig.bearer(role);
        ask(&addr, method, path, &[("Authorization", &bearer), ("Content-Type", "application/json")], body.as_bytes()).await
    };
    // A rule.
    let rule = r#"{"field":"feed.frames","comparison":">","threshold":0}"#;
    let wrong = change("operator", "PUT", "/api/v1/alerts/rules/any", r#"{"field":"feed.framse","comparison":">","threshold":0}"#).await;
    assert_eq!((wrong.status, wrong.code().as_str()), (400, "bad_rule"));
    assert_eq!(change("operator", "PUT", "/api/v1/alerts/rules/any", rule).await.status, 200);
    until("the host has it", async || {
        let (here, there) = (read("/api/v1/alerts/rules").await, rig.get("/api/v1/alerts/rules").await);
        here.json() == there.json() && here.text().contains("\"any\"")
    })
    .await;
    // Its alert.
    let alert = async || {
        read("/api/v1/alerts?pair=BTC-USDT").await.json()["alerts"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["name"] == "any").cloned())
    };
    until("its alert is on", async || alert().await.is_some()).await;
    let id = alert().await.expect("on")["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/alerts/{id}/acknowledge");
    assert_eq!(change("viewer", "POST", &path, "").await.code(), "role_too_low");
    let seen = change("analyst", "POST", &path, "").await;
    assert_eq!(
        (seen.status, &seen.json()["state"], &seen.json()["acknowledged_by"]),
        (200, &"acknowledged".into(), &"of-analyst".into()),
        "{}",
        seen.text()
    );
    assert!(rig.get("/api/v1/alerts?state=acknowledged").await.text().contains(&id));
    assert_eq!(change("analyst", "POST", "/api/v1/alerts/1-000-0/acknowledge", "").await.code(), "not_found");
    assert!(read("/api/v1/alerts/recent").await.json()["alerts"].as_array().is_some_and(|steps| steps.len() >= 2));
    // A silence.
    let silence = r#"{"pair":"BTC-USDT","until":"tomorrow"}"#;
    assert_eq!(change("analyst", "PUT", "/api/v1/alerts/silences/quiet", silence).await.code(), "bad_silence");
    let silence = format!(r#"{{"pair":"BTC-USDT","until":"{}"}}"#, clock::rfc3339(clock::unix_ms() + 60_000));
    assert_eq!(change("analyst", "PUT", "/api/v1/alerts/silences/quiet", &silence).await.status, 200);
    until("the host has it", async || {
        let there = rig.get("/api/v1/alerts/silences").await.json();
        there == read("/api/v1/alerts/silences").await.json() && there["silences"][0]["holds"] == true
    })
    .await;
    assert_eq!(change("analyst", "DELETE", "/api/v1/alerts/silences/quiet", "").await.status, 200);
    // Webhooks.
    until("the host has told how they do", async || read("/api/v1/alerts/webhooks").await.json()["webhooks"][0]["name"] == "pager").await;
    assert_eq!(change("operator", "POST", "/api/v1/alerts/webhooks/pager/test", "").await.status, 200);
    assert_eq!(change("operator", "POST", "/api/v1/alerts/webhooks/other/test", "").await.code(), "not_found");
    assert_eq!(change("operator", "DELETE", "/api/v1/alerts/rules/any", "").await.status, 200);
    // Without a host nobody takes it, which is said, and the request is taken back.
    let left = serde_json::json!({"id": "1-000-1", "state": "firing", "severity": "warning", "source": "rule", "name": "left", "code": "left", "message": "left", "numbers": {}, "began_ms": 1, "changed_ms": 1, "suppressed": 0, "host": "gone"});
    rig.host.stop().await;
    rig.redis.ask::<i64>(&["HSET", "alerts:active", "1-000-1", &left.to_string()]).await;
    let bearer = format!("Bearer {}", rig.tokens["analyst"]);
    let nobody = ask(&addr, "POST", "/api/v1/alerts/1-000-1/acknowledge", &[("Authorization", &bearer)], b"").await;
    assert_eq!((nobody.status, nobody.code().as_str()), (503, "no_host"), "{}", nobody.text());
    assert_eq!(rig.redis.ask::<i64>(&["EXISTS", "alerts:acknowledge"]).await, 0);
    stop.cancel();
    serving.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_host_knows_is_asked_of_it_with_the_clients_own_token() {
    // A folder of its own: what is switched off here stays so.
    let plugins = tempfile::tempdir().expect("a folder");
    std::fs::copy(components("plugins").join("liquidity.wasm"), plugins.path().join("liquidity.wasm")).expect("copied");
    let rig = Rig::start(&[("PLUGIN_DIR", plugins.path().to_str().expect("plain"))]).await;
    let mut exchange = rig.exchange.subscribed().await;
    exchange.snapshot(10, 50).await;
    let tokens_file = rig.folder.path().join("tokens");
    let host = format!("http://{}", rig.addr);
    let more = [("API_TOKENS_FILE", tokens_file.to_str().unwrap()), ("API_RATE_LIMIT", "100000"), ("API_HOST_URL", host.as_str())];
    let (addr, serving, stop) = api_alone(&rig, &more).await;
    let send = async |role: &str, method: &str, path: &str, body: &[u8]| {
        let bearer = rig.bearer(role);
        ask(&addr, method, path, &[("Authorization", &bearer), ("Content-Type", "application/json")], body).await
    };
    // Read as at the host; what moves from one moment to the next is left out.
    let still = |plugin: Value| ["version", "digest", "outputs", "parameters"].map(|name| plugin["work"][name].clone());
    until("it is at work, here as there", async || {
        let (here, there) = (send("viewer", "GET", "/api/v1/plugins/liquidity", b"").await, rig.get("/api/v1/plugins/liquidity").await);
        assert_eq!((here.status, there.status), (200, 200));
        let (here, there) = (still(here.json()), still(there.json()));
        here == there && here[1].is_string()
    })
    .await;
    let mut id = 10;
    until("the host holds books of a second", async || {
        exchange.update(id, id + 1).await;
        id += 1;
        send("viewer", "GET", "/api/v1/books/BTC-USDT/heat?seconds=60", b"").await.json()["columns"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    })
    .await;
    let frames = send("viewer", "GET", "/api/v1/recent?seconds=60", b"").await;
    assert_eq!((frames.status, frames.header("content-type")), (200, Some("application/zstd")), "{}", frames.text());
    assert_eq!(send("viewer", "GET", "/api/v1/plugins/nobody", b"").await.code(), "unknown_plugin");
    // Changed as at the host, by those who may, and noted down there.
    let refused = send("viewer", "POST", "/api/v1/plugins/liquidity/disable", b"").await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "role_too_low"));
    let stopped = send("analyst", "POST", "/api/v1/plugins/liquidity/disable", b"").await;
    assert_eq!((stopped.status, &stopped.json()["phase"]), (200, &"disabled".into()), "{}", stopped.text());
    let is_noted = |entry: &Value| entry["who"] == "of-analyst" && entry["path"] == "/api/v1/plugins/liquidity/disable";
    until("the host has noted it down", async || rig.audit().iter().any(is_noted)).await;
    assert_eq!(send("analyst", "PUT", "/api/v1/plugins/liquidity/parameters", b"{").await.code(), "bad_body");
    let large = vec![b'x'; 100 << 10];
    let large = send("analyst", "PUT", "/api/v1/plugins/liquidity/parameters", &large).await;
    assert_eq!((large.status, large.code().as_str()), (413, "too_large"));
    // Stages stand in Redis.
    until("the stages are written", async || {
        let stages = send("viewer", "GET", "/api/v1/system", b"").await.json()["stages"].clone();
        let names: Vec<String> = stages
            .as_array()
            .into_iter()
            .flatten()
            .map(|of| format!("{}.{}", of["stage"].as_str().unwrap(), of["lane"].as_str().unwrap()))
            .collect();
        names == ["parsed.", "applied.", "analysed.memory", "analysed.buffered", "acknowledged.memory", "acknowledged.buffered"]
            && stages[0]["count"].as_u64() > Some(0)
    })
    .await;
    stop.cancel();
    serving.await.expect("it ends");
    // A host that isn't there is named; without an address nothing is asked.
    let gone = format!("http://127.0.0.1:{}", free_port());
    for (url, code) in [(gone.as_str(), "no_host"), ("", "no_plugins")] {
        let (addr, serving, stop) = api_alone(&rig, &[("API_HOST_URL", url)]).await;
        let answer = ask(&addr, "GET", "/api/v1/plugins", &[], b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (503, code), "{}", answer.text());
        stop.cancel();
        serving.await.expect("it ends");
    }
    rig.host.stop().await;
}
