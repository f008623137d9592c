//! The stream as a client keeps it, and what it is told when it is wrong.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Rig;
use crate::support::stream::Stream;
use crate::support::until;

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
