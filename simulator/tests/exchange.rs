//! The generated exchange as a client meets it: a real WebSocket on a port that the system chose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Book, Server};
use leadline_simulator::{Generated, Options, Rate, Served, Shape, listen};
use serde_json::Value;

fn options(generated: Generated) -> Options {
    Options { served: Served::Generated(generated), ..Options::default() }
}

/// Two pairs at 200 frames a second.
fn lively() -> Generated {
    Generated { pairs: 2, rate: Rate::PerSecond(200.0), ..Generated::default() }
}

#[tokio::test]
async fn a_subscription_is_acknowledged_then_a_snapshot_then_linked_updates() {
    let server = Server::start(options(lively())).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT"]).await;
    let ack = client.json().await;
    assert_eq!((&ack["id"], &ack["event"]), (&"1512".into(), &"subscribe".into()));
    assert_eq!(ack["arg"], serde_json::json!({"channel": "books", "instId": "BTC-USDT"}));
    assert_eq!(ack["connId"].as_str().unwrap().len(), 8);
    let mut book = Book::default();
    for number in 0..100 {
        let frame = client.json().await;
        assert_eq!(frame["action"] == "snapshot", number == 0);
        assert_eq!(frame["arg"]["instId"], "BTC-USDT");
        book.apply(&frame);
        book.assert_whole();
    }
    server.stop().await;
    assert_eq!(client.close_code().await, Some(1001));
}

#[tokio::test]
async fn what_is_wrong_is_answered_with_the_code_for_it_and_the_connection_stays() {
    let server = Server::start(options(lively())).await;
    let mut client = server.client().await;
    let long = format!(r#"{{"op":"subscribe","args":["{}"]}}"#, "x".repeat(70_000));
    for (request, code) in [
        ("no JSON", "60012"),
        (r#"{"op":"jump","args":[{"channel":"books","instId":"BTC-USDT"}]}"#, "60012"),
        (&long, "60012"),
        (r#"{"op":"subscribe","args":"books"}"#, "60013"),
        (r#"{"op":"subscribe","args":[{"channel":"books"}]}"#, "60013"),
        (r#"{"op":"subscribe","args":[{"channel":"books","instId":"NO-SUCH"}]}"#, "60018"),
        (r#"{"op":"subscribe","args":[{"channel":"no-such","instId":"BTC-USDT"}]}"#, "60018"),
        (r#"{"op":"unsubscribe","args":[{"channel":"books","instId":"NO-SUCH"}]}"#, "60018"),
    ] {
        client.send(request).await;
        let error = client.json().await;
        assert_eq!((&error["event"], &error["code"]), (&"error".into(), &code.into()), "{error}");
        assert!(error["msg"].as_str().is_some_and(|text| !text.is_empty()) && error["connId"].is_string());
    }
    // One wrong argument doesn't spoil the others; the id is repeated.
    client.subscribe("books", &["NO-SUCH", "BTC-USDT"]).await;
    let (error, ack) = (client.json().await, client.json().await);
    assert_eq!((&error["code"], &error["id"]), (&"60018".into(), &"1512".into()));
    assert_eq!(ack["event"], "subscribe");
    assert_eq!(client.json().await["action"], "snapshot");
    server.stop().await;
}

#[tokio::test]
async fn a_message_longer_than_any_request_closes_the_connection() {
    let server = Server::start(options(lively())).await;
    let mut client = server.client().await;
    client.send(&"x".repeat(200_000)).await;
    assert_eq!(client.close_code().await, Some(1009));
    server.stop().await;
}

#[tokio::test]
async fn a_text_ping_is_answered_with_pong() {
    let server = Server::start(options(lively())).await;
    let mut client = server.client().await;
    client.send("ping").await;
    assert_eq!(client.text().await, "pong");
    server.stop().await;
}

#[tokio::test]
async fn subscribing_again_sends_a_second_snapshot_and_the_stream_goes_on_once() {
    let server = Server::start(options(lively())).await;
    let mut client = server.client().await;
    client.subscribe("books", &["ETH-USDT"]).await;
    client.json().await;
    let mut book = Book::default();
    for _ in 0..5 {
        book.apply(&client.json().await);
    }
    client.subscribe("books", &["ETH-USDT"]).await;
    for _ in 0..60 {
        let frame = client.json().await;
        if frame["event"].is_null() {
            // A doubled stream would break the chain here.
            book.apply(&frame);
            book.assert_whole();
        }
    }
    assert_eq!(book.snapshots, 2);
    server.stop().await;
}

#[tokio::test]
async fn nothing_follows_the_acknowledgement_of_an_unsubscribe() {
    let server = Server::start(options(lively())).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT", "ETH-USDT"]).await;
    for _ in 0..20 {
        client.json().await;
    }
    client.request("unsubscribe", "books", &["BTC-USDT"]).await;
    while client.json().await["event"] != "unsubscribe" {}
    for _ in 0..50 {
        assert_eq!(client.json().await["arg"]["instId"], "ETH-USDT");
    }
    server.stop().await;
}

#[tokio::test]
async fn two_clients_see_the_same_frames_under_the_same_ids() {
    let server = Server::start(options(lively())).await;
    let (mut a, mut b) = (server.client().await, server.client().await);
    let mut seen = [std::collections::HashMap::new(), std::collections::HashMap::new()];
    for client in [&mut a, &mut b] {
        client.subscribe("books", &["BTC-USDT"]).await;
        client.json().await;
        client.json().await;
    }
    for (client, seen) in [&mut a, &mut b].into_iter().zip(&mut seen) {
        for _ in 0..60 {
            let text = client.text().await;
            let frame: Value = serde_json::from_str(&text).unwrap();
            seen.insert(frame["data"][0]["seqId"].as_i64().unwrap(), text);
        }
    }
    let both: Vec<_> = seen[0].keys().filter(|id| seen[1].contains_key(id)).collect();
    assert!(both.len() > 20, "only {} in common", both.len());
    assert!(both.iter().all(|id| seen[0][id] == seen[1][id]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_nothing_is_closed_with_4005_and_the_others_go_on() {
    let fast = Generated { pairs: 1, rate: Rate::PerSecond(20_000.0), ..Generated::default() };
    let server = Server::start(Options { queue_frames: 64, ..options(fast) }).await;
    let mut slow = server.client_with_small_buffer().await;
    slow.subscribe("books", &["BTC-USDT"]).await;
    slow.json().await;
    slow.json().await;
    // The kernel's buffers have to fill first: 5 000 frames, 4 MB, pass unread. Identifiers grow by about 45 a frame.
    let seq_id = async || server.get("/api/v5/market/books?instId=BTC-USDT").await["data"][0]["seqId"].as_i64().unwrap();
    let start = seq_id().await;
    while seq_id().await < start + 5_000 * 45 {}
    assert_eq!(slow.close_code().await, Some(4005));
    let mut other = server.client().await;
    other.subscribe("books", &["BTC-USDT"]).await;
    other.json().await;
    assert_eq!(other.json().await["action"], "snapshot");
    server.stop().await;
}

#[tokio::test]
async fn at_max_each_run_gives_the_same_frames_for_a_seed_and_a_start() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let generated = Generated { pairs: 2, rate: Rate::Max, start_ms: Some(1_800_000_000_000), ..Generated::default() };
        let server = Server::start(options(generated)).await;
        let mut client = server.client().await;
        client.subscribe("books", &["ETH-USDT"]).await;
        client.json().await;
        let mut book = Book::default();
        let mut texts = Vec::new();
        for _ in 0..300 {
            let text = client.text().await;
            book.apply(&serde_json::from_str(&text).unwrap());
            texts.push(text);
        }
        // Exchange time goes on as at the usual rate, whatever the clock on the wall says.
        assert!((25_000..42_000).contains(&(book.ts_ms - 1_800_000_000_000)), "{}", book.ts_ms);
        runs.push(texts);
        server.stop().await;
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn a_burst_has_every_pair_at_the_same_exchange_time() {
    let generated = Generated { pairs: 3, rate: Rate::PerSecond(150.0), shape: Shape::Burst, ..Generated::default() };
    let server = Server::start(options(generated)).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT", "ETH-USDT", "SOL-USDT"]).await;
    let mut times = std::collections::HashMap::<String, Vec<String>>::new();
    for _ in 0..60 {
        let frame = client.json().await;
        if frame["action"] == "update" {
            times.entry(frame["data"][0]["ts"].as_str().unwrap().to_owned()).or_default().push(frame["arg"]["instId"].to_string());
        }
    }
    let full = times.values().filter(|pairs| pairs.len() == 3).count();
    assert!(full >= times.len() - 3, "{full} of {}", times.len());
    server.stop().await;
}

#[tokio::test]
async fn a_quiet_pair_sends_keep_alives() {
    let quiet = Generated { pairs: 1, rate: Rate::PerSecond(0.001), keep_alive: Duration::from_millis(50), ..Generated::default() };
    let server = Server::start(options(quiet)).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT"]).await;
    client.json().await;
    let mut book = Book::default();
    book.apply(&client.json().await);
    for _ in 0..3 {
        let frame = client.json().await;
        assert_eq!(book.apply(&frame), 0);
        assert_eq!(frame["data"][0]["seqId"], frame["data"][0]["prevSeqId"]);
    }
    server.stop().await;
}

#[tokio::test]
async fn rest_lists_instruments_and_gives_the_book_that_the_stream_has() {
    let server = Server::start(options(Generated { swaps: true, rate: Rate::Max, ..Generated::default() })).await;
    let spot = server.get("/api/v5/public/instruments?instType=SPOT").await;
    assert_eq!((&spot["code"], spot["data"].as_array().unwrap().len()), (&"0".into(), 10));
    let one = server.get("/api/v5/public/instruments?instType=SPOT&instId=DOGE-USDT").await;
    assert_eq!((&one["data"][0]["tickSz"], &one["data"][0]["baseCcy"]), (&"0.00001".into(), &"DOGE".into()));
    let swaps = server.get("/api/v5/public/instruments?instType=SWAP&instFamily=BTC-USD").await;
    let swap = &swaps["data"][0];
    assert_eq!((&swap["instId"], &swap["ctType"], &swap["ctVal"]), (&"BTC-USD-SWAP".into(), &"inverse".into(), &"100".into()));
    assert_eq!(server.get("/api/v5/public/instruments?instType=OPTION&uly=BTC-USD").await["data"], serde_json::json!([]));
    for (path, code) in [
        ("/api/v5/public/instruments", "50014"),
        ("/api/v5/public/instruments?instType=STOCK", "51000"),
        ("/api/v5/public/instruments?instType=OPTION", "50015"),
        ("/api/v5/public/instruments?instType=SPOT&instId=NO-SUCH", "51001"),
        ("/api/v5/market/books", "50014"),
        ("/api/v5/market/books?instId=NO-SUCH", "51001"),
        ("/api/v5/market/books?instId=BTC-USDT&sz=401", "51000"),
    ] {
        assert_eq!(server.get(path).await["code"], code, "{path}");
    }
    assert!(server.get("/api/v5/public/time").await["data"][0]["ts"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000);
    // Unpaced and nobody subscribed: the book stands still, so the picture and the snapshot must be the same.
    let book = server.get("/api/v5/market/books?instId=BTC-USDT&sz=400").await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT"]).await;
    client.json().await;
    let snapshot = client.json().await;
    for key in ["asks", "bids", "ts", "seqId"] {
        assert_eq!(book["data"][0][key], snapshot["data"][0][key], "{key}");
    }
    assert_eq!(server.get("/api/v5/market/books?instId=BTC-USDT").await["data"][0]["asks"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_said_plainly() {
    let first = listen("127.0.0.1:0").await.unwrap();
    let address = first.local_addr().unwrap().to_string();
    let error = listen(&address).await.unwrap_err().to_string();
    assert!(error.contains(&address) && error.contains("hint: another program listens there"), "{error}");
}
