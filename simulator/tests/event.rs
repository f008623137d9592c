//! What an exchange does of itself: notices, restarts, resets, auctions, quiet, delisting, refusals. All over a real WebSocket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Book, Client, DEADLINE, Server};
use leadline_simulator::{Chaos, Control, Fault, Generated, Injected, Limits, Options, Rate, Recorded, Served, write_recording};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Two pairs at 400 frames a second, and the handle.
fn options() -> (Options, Control) {
    let generated = Generated { pairs: 2, rate: Rate::PerSecond(400.0), ..Generated::default() };
    with_control(Options { served: Served::Generated(generated), ..Options::default() })
}

fn with_control(options: Options) -> (Options, Control) {
    let control = options.control.clone();
    (options, control)
}

fn limited(limits: Limits) -> Options {
    let generated = Generated { pairs: 3, rate: Rate::PerSecond(0.001), ..Generated::default() };
    Options { served: Served::Generated(generated), limits, ..Options::default() }
}

async fn inject(control: &Control, text: &str) -> Injected {
    let fault: Fault = text.parse().unwrap();
    control.inject(&fault).await.unwrap()
}

/// A client of BTC-USDT that has its snapshot.
async fn subscribed(server: &Server) -> (Client, Book) {
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT"]).await;
    client.json().await;
    let mut book = Book::default();
    book.apply(&client.json().await);
    (client, book)
}

/// Applies frames until the book says so; events in between are given back.
async fn apply_until(client: &mut Client, book: &mut Book, done: impl Fn(&Book, &Value) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + DEADLINE;
    let mut events = Vec::new();
    loop {
        assert!(Instant::now() < deadline, "it didn't come");
        let frame = client.json().await;
        if frame["event"].is_null() {
            book.apply(&frame);
            if done(book, &frame) {
                return events;
            }
        } else {
            events.push(frame);
        }
    }
}

#[tokio::test]
async fn a_restart_is_announced_and_spares_connections_opened_after_the_notice() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut old, _) = subscribed(&server).await;
    inject(&control, "restart:lead=300ms").await;
    loop {
        let frame = old.json().await;
        if !frame["event"].is_null() {
            assert_eq!((&frame["event"], &frame["code"]), (&"notice".into(), &"64008".into()));
            assert!(frame["connId"].is_string());
            break;
        }
    }
    let (mut new, mut book) = subscribed(&server).await;
    assert_eq!(old.close_code().await, Some(1012));
    let at = book.seq_id;
    apply_until(&mut new, &mut book, |book, _| book.seq_id > at + 2000).await;
    inject(&control, "restart:code=1001").await;
    assert_eq!(new.close_code().await, Some(1001));
    server.stop().await;
}

#[tokio::test]
async fn a_notice_alone_closes_nothing_and_reaches_the_connection_that_was_meant() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut first, mut book) = subscribed(&server).await;
    let (mut second, mut other) = subscribed(&server).await;
    inject(&control, "notice:on=newest").await;
    inject(&control, "snapshot:BTC-USDT").await;
    assert_eq!(apply_until(&mut first, &mut book, |book, _| book.snapshots == 2).await.len(), 0);
    assert_eq!(apply_until(&mut second, &mut other, |book, _| book.snapshots == 2).await[0]["code"], "64008");
    server.stop().await;
}

#[tokio::test]
async fn after_a_reset_identifiers_are_lower_and_the_chain_holds() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut client, mut book) = subscribed(&server).await;
    book.may_reset = true;
    inject(&control, "reset:BTC-USDT:by=100000").await;
    let highest = book.seq_id;
    apply_until(&mut client, &mut book, |book, _| book.resets == 1).await;
    assert!(book.seq_id < highest);
    let at = book.seq_id;
    apply_until(&mut client, &mut book, |book, _| book.seq_id > at + 1000).await;
    assert_eq!((book.resets, book.snapshots), (1, 1));
    server.stop().await;
}

#[tokio::test]
async fn an_unasked_snapshot_and_a_keep_alive_come_in_mid_stream() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut client, mut book) = subscribed(&server).await;
    inject(&control, "snapshot:BTC-USDT").await;
    apply_until(&mut client, &mut book, |book, _| book.snapshots == 2).await;
    inject(&control, "keep-alive:BTC-USDT").await;
    apply_until(&mut client, &mut book, |_, frame| {
        let data = &frame["data"][0];
        data["seqId"] == data["prevSeqId"] && data["asks"] == json!([])
    })
    .await;
    book.assert_whole();
    server.stop().await;
}

#[tokio::test]
async fn in_an_auction_the_book_is_crossed_and_afterwards_it_is_not() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut client, mut book) = subscribed(&server).await;
    inject(&control, "auction:BTC-USDT:300ms").await;
    apply_until(&mut client, &mut book, |book, _| book.spread() < 0).await;
    let crossed = book.ts_ms;
    apply_until(&mut client, &mut book, |book, _| book.spread() > 0).await;
    // At 200 frames a second there would have been sixty.
    assert!(book.ts_ms >= crossed + 100, "{crossed} {}", book.ts_ms);
    book.assert_whole();
    server.stop().await;
}

#[tokio::test]
async fn a_quiet_pair_sends_keep_alives_only_and_then_goes_on() {
    let generated = Generated { pairs: 1, rate: Rate::PerSecond(200.0), keep_alive: Duration::from_millis(20), ..Generated::default() };
    let (options, control) = with_control(Options { served: Served::Generated(generated), ..Options::default() });
    let server = Server::start(options).await;
    let (mut client, mut book) = subscribed(&server).await;
    inject(&control, "quiet:BTC-USDT:400ms").await;
    apply_until(&mut client, &mut book, |_, frame| frame["data"][0]["seqId"] == frame["data"][0]["prevSeqId"]).await;
    let mut keep_alives = 1;
    while book.apply(&client.json().await) == 0 {
        keep_alives += 1;
    }
    assert!(keep_alives > 2, "{keep_alives}");
    server.stop().await;
}

#[tokio::test]
async fn a_flood_of_updates_links_and_one_of_other_messages_is_valid_too() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut client, mut book) = subscribed(&server).await;
    let (fault, handle) = ("flood:BTC-USDT:count=5000".parse::<Fault>().unwrap(), control.clone());
    let flood = tokio::spawn(async move { handle.inject(&fault).await.unwrap() });
    let from = book.seq_id;
    // Identifiers grow by about 45 a frame.
    apply_until(&mut client, &mut book, |book, _| book.seq_id > from + 5_000 * 40).await;
    book.assert_whole();
    while !flood.is_finished() {
        book.apply(&client.json().await);
    }
    for (what, field, value) in [("notices", "event", "channel-conn-count"), ("unknown", "channel", "tickers")] {
        let (fault, handle) = (format!("flood:of={what}:count=2000").parse::<Fault>().unwrap(), control.clone());
        let flood = tokio::spawn(async move { handle.inject(&fault).await.unwrap() });
        let mut count = 0;
        while count < 2000 {
            let message = client.json().await;
            if message[field] == value || message["arg"][field] == value {
                count += 1;
            } else {
                book.apply(&message);
            }
        }
        assert!(flood.await.unwrap().hits <= 2000);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_delisted_instrument_ends_its_streams_and_comes_back() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut client, mut book) = subscribed(&server).await;
    let listed = "/api/v5/public/instruments?instType=SPOT&instId=BTC-USDT";
    for (state, shown) in [("suspend", Some("suspend")), ("expired", Some("expired")), ("gone", None)] {
        inject(&control, &format!("delist:BTC-USDT:state={state}")).await;
        let error = loop {
            let frame = client.json().await;
            if frame["event"].is_null() {
                book.apply(&frame);
            } else {
                break frame;
            }
        };
        assert_eq!((&error["event"], &error["code"]), (&"error".into(), &"60018".into()));
        assert!(error["msg"].as_str().unwrap().contains("BTC-USDT"));
        // Nothing follows: the next message is the answer to what is asked next, and that is refused.
        client.subscribe("books", &["BTC-USDT"]).await;
        assert_eq!(client.json().await["code"], "60018");
        let answer = server.get(listed).await;
        assert_eq!(answer["data"][0]["state"].as_str(), shown);
        assert_eq!(answer["code"], if shown.is_some() { "0" } else { "51001" });
        inject(&control, "relist:BTC-USDT").await;
        assert_eq!(server.get(listed).await["data"][0]["state"], "live");
        client.subscribe("books", &["BTC-USDT"]).await;
        assert_eq!(client.json().await["event"], "subscribe");
    }
    inject(&control, "delist:BTC-USDT:100ms").await;
    let deadline = Instant::now() + DEADLINE;
    while server.get(listed).await["code"] != "0" {
        assert!(Instant::now() < deadline);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_changed_listing_is_given_by_rest() {
    let (options, control) = options();
    let server = Server::start(options).await;
    subscribed(&server).await;
    inject(&control, "listing:ETH-USDT:tickSz=0.05:lotSz=0.01:ctVal=10").await;
    let entry = server.get("/api/v5/public/instruments?instType=SPOT&instId=ETH-USDT").await["data"][0].clone();
    assert_eq!([&entry["tickSz"], &entry["lotSz"], &entry["ctVal"]], [&json!("0.05"), &json!("0.01"), &json!("10")]);
    server.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_4004_and_ping_keeps_it() {
    let server = Server::start(limited(Limits { idle: Duration::from_millis(300), ..Limits::default() })).await;
    let (mut idle, mut kept) = (server.client().await, server.client().await);
    let closed = tokio::spawn(async move { idle.close_code().await });
    while !closed.is_finished() {
        kept.send("ping").await;
        assert_eq!(kept.text().await, "pong");
    }
    assert_eq!(closed.await.unwrap(), Some(4004));
    server.stop().await;
}

#[tokio::test]
async fn requests_that_come_too_often_draw_60014_and_are_not_carried_out() {
    for limits in [Limits { requests_a_second: 2, ..Limits::default() }, Limits { requests_an_hour: 2, ..Limits::default() }] {
        let server = Server::start(limited(limits)).await;
        let mut client = server.client().await;
        for pair in ["BTC-USDT", "ETH-USDT", "SOL-USDT"] {
            client.subscribe("books", &[pair]).await;
        }
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(client.json().await);
        }
        let count = |key: &str, value: &str| answers.iter().filter(|answer| answer[key] == value).count();
        assert_eq!([count("event", "subscribe"), count("action", "snapshot"), count("code", "60014")], [2, 2, 1]);
        server.stop().await;
    }
}

#[tokio::test]
async fn too_many_channels_close_the_connection() {
    let server = Server::start(limited(Limits { channels: 2, ..Limits::default() })).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT", "ETH-USDT"]).await;
    client.subscribe("books", &["SOL-USDT"]).await;
    assert_eq!(client.close_code().await, Some(4008));
    server.stop().await;
}

#[tokio::test]
async fn connects_and_rest_calls_over_the_limit_are_answered_with_429() {
    let server = Server::start(limited(Limits { connects_a_second: 3, rest_a_second: 2, ..Limits::default() })).await;
    let url = format!("ws://{}/ws/v5/public", server.address);
    let mut refused = 0;
    for _ in 0..20 {
        match tokio_tungstenite::connect_async(&url).await {
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
                assert_eq!(answer.status(), 429);
                refused += 1;
            }
            other => drop(other.unwrap()),
        }
    }
    assert!(refused > 0);
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(server.http("GET", "/api/v5/public/time", "").await.0);
    }
    assert!(statuses.contains(&200) && statuses.contains(&429));
    server.stop().await;
}

#[tokio::test]
async fn faults_have_their_times_and_chaos_draws_its_own() {
    let (mut options, control) = options();
    options.faults = ["keep-alive:BTC-USDT:every=20ms", "notice:after=50ms"].map(|text| text.parse().unwrap()).to_vec();
    let every = Duration::from_millis(20);
    options.chaos = Some(Chaos { every, seed: 1, without: ["cut", "close", "refuse", "half-open", "restart"].map(String::from).to_vec() });
    let server = Server::start(options).await;
    let (mut client, _) = subscribed(&server).await;
    let count = |name: &str| control.injected().iter().filter(|one| one.fault.starts_with(name) && one.effect != "on the schedule").count();
    let deadline = Instant::now() + DEADLINE;
    while count("keep-alive:BTC-USDT:after=20ms") < 5 || count("notice:after") < 1 || control.injected().len() < 40 {
        assert!(Instant::now() < deadline, "{:#?}", control.injected());
        client.message().await;
    }
    let names: std::collections::BTreeSet<_> =
        control.injected().iter().map(|one| one.fault.split(':').next().unwrap().to_owned()).collect();
    assert!(names.len() > 5, "{names:?}");
    server.stop().await;
    let late = control.inject(&"cut".parse().unwrap()).await.unwrap_err().to_string();
    assert!(late.contains("no simulator is served") && late.contains("hint:"), "{late}");
}

#[tokio::test]
async fn the_control_endpoint_does_and_tells_the_same() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut client, mut book) = subscribed(&server).await;
    let (status, answer) = server.http("POST", "/control/fault", "snapshot:BTC-USDT:on=1").await;
    assert_eq!((status, &answer["number"], &answer["connections"]), (200, &json!(1), &json!([1])));
    apply_until(&mut client, &mut book, |book, _| book.snapshots == 2).await;
    let (status, _) = server.http("POST", "/control/fault", r#"{"kind":"snapshot","pair":"BTC-USDT"}"#).await;
    assert_eq!(status, 200);
    apply_until(&mut client, &mut book, |book, _| book.snapshots == 3).await;
    for wrong in ["drip", "drop:NO-SUCH", r#"{"kind":"drop","count":-1}"#] {
        let (status, answer) = server.http("POST", "/control/fault", wrong).await;
        assert!(status == 400 && answer["error"].as_str().unwrap().contains("hint:"), "{wrong}: {answer}");
    }
    let faults = server.get("/control/faults").await;
    assert_eq!((faults.as_array().unwrap().len(), &faults[0]["fault"]), (2, &json!("snapshot:BTC-USDT:on=1")));
    let connections = server.get("/control/connections").await;
    assert_eq!((&connections[0]["number"], &connections[0]["pairs"]), (&json!(1), &json!(["BTC-USDT"])));
    assert_eq!(connections[0]["connId"], control.connections()[0].conn_id.as_str());
    let truth = server.get(&format!("/control/truth?instId=BTC-USDT&seq={}", book.seq_id)).await;
    assert_eq!(truth["digests"], json!([format!("{:016x}", book.digest())]));
    server.stop().await;
}

#[tokio::test]
async fn frames_of_a_recording_can_be_damaged_but_not_its_market() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.ndjson");
    write_recording(&path, &Generated { pairs: 1, ..Generated::default() }, 400).unwrap();
    let (options, control) = with_control(Options { served: Served::Recorded(Recorded::new(vec![path])), ..Options::default() });
    let server = Server::start(options).await;
    let (mut client, book) = subscribed(&server).await;
    inject(&control, "drop:BTC-USDT").await;
    let mut last = book.seq_id;
    loop {
        let frame = client.json().await;
        if frame["data"][0]["prevSeqId"] != last {
            break;
        }
        last = frame["data"][0]["seqId"].as_i64().unwrap();
    }
    let error = control.inject(&"reset:BTC-USDT".parse().unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("recording") && error.contains("hint:"), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn a_slip_in_what_is_asked_for_at_the_start_is_told_at_once() {
    let chaos = |without: &str| Some(Chaos { every: Duration::from_secs(1), seed: 1, without: vec![without.to_owned()] });
    let faults = |text: &str| vec![text.parse().unwrap()];
    for (options, word) in [
        (Options { faults: faults("drop:NO-SUCH:after=5s"), ..Options::default() }, "BTC-USDT"),
        (Options { chaos: chaos("flod"), ..Options::default() }, "half-open"),
    ] {
        let listener = leadline_simulator::listen("127.0.0.1:0").await.unwrap();
        let error = leadline_simulator::serve(listener, options, std::future::pending()).await.unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("hint:"), "{error}");
    }
}
