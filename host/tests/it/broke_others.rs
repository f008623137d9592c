//! What broke other programs on this exchange, one test a case: this host must live through each.

use std::time::Duration;

use crate::support::exchange::{Exchange, frame, frame_of};
use crate::support::listener::Rig;
use crate::support::until;
use leadline_host::okx::Pace;
use leadline_market::{Level, OrderBook};

fn level(price: &str, size: &str) -> String {
    format!(r#"["{price}","{size}","0","1"]"#)
}

/// Other programs took the checksum 0, which the exchange sends since 2026-06-23, for a wrong one and died within seconds.
#[tokio::test]
async fn checksum_turned_0_and_the_stream_died() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    for id in 10..60 {
        connection.update(id, id + 1).await;
    }
    pair.listener.reach(60).await;
    // One frame without any checksum, and one with null in its place.
    connection.send(&frame("update", "", &level("99.9", "1"), 1, 61, 60).replace(r#","checksum":0"#, "")).await;
    pair.listener.reach(61).await;
    assert_eq!((pair.state(), rig.monitor.counters.gaps.get()), ("live", 0));
}

#[tokio::test]
async fn a_book_was_served_as_valid_after_a_gap() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    connection.update(10, 11).await;
    // 12 is missing.
    connection.update(12, 13).await;
    pair.until("resyncing").await;
    connection.update(13, 14).await;
    connection.expect(r#""op":"subscribe""#).await;
    connection.acknowledge("subscribe").await;
    connection.snapshot(20, 50).await;
    pair.listener.reach(20).await;
    assert_eq!(pair.listener.sequences(), [10, 11, 20], "nothing between the gap and the new snapshot");
    assert_eq!(pair.listener.states(), ["connecting", "subscribing", "live", "resyncing", "live"]);
}

/// Each update that was already under way when a book broke asked for another snapshot.
#[tokio::test]
async fn queued_updates_before_the_new_snapshot_made_a_resubscribe_storm() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    for id in 20..520 {
        // The first doesn't link; the others link to each other, and none belongs to a book.
        connection.update(id, id + 1).await;
    }
    assert!(connection.request().await.contains(r#""op":"unsubscribe""#));
    assert!(connection.request().await.contains(r#""op":"subscribe""#));
    connection.acknowledge("subscribe").await;
    connection.snapshot(600, 50).await;
    connection.update(600, 601).await;
    pair.listener.reach(601).await;
    assert_eq!((rig.monitor.counters.resyncs.get(), rig.monitor.counters.gaps.get()), (1, 1));
    assert_eq!(rig.monitor.counters.frames_dropped.get(), 499);
    connection.close(1000, "").await;
}

/// A queue between the reader and the book dropped updates under load.
#[tokio::test]
async fn updates_were_lost_between_reader_and_consumer() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(0, 50).await;
    for id in 0..20_000 {
        connection.update(id, id + 1).await;
    }
    pair.listener.reach(20_000).await;
    assert_eq!(pair.listener.sequences(), (0..=20_000).collect::<Vec<_>>());
    assert_eq!(rig.monitor.counters.gaps.get(), 0);
}

/// A kept book that was cut to what is shown has nothing to move up when its top is taken away, and its checksum turns wrong.
#[tokio::test]
async fn the_kept_book_was_cut_to_a_display_depth_and_its_checksum_broke() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    let price = |i: u32| format!("{}.5", 1000 - i);
    let side: Vec<String> = (0..400).map(|i| level(&price(i), "3")).collect();
    let mut book = OrderBook::new();
    let decimal = |text: &str| leadline_market::Decimal::parse(text.as_bytes()).expect("a number");
    let levels: Vec<Level> = (0..400).map(|i| Level { price: decimal(&price(i)), size: decimal("3"), orders: 1 }).collect();
    book.apply_snapshot(&levels, &[]).expect("a book");
    let sum = |book: &OrderBook| format!(r#""checksum":{}"#, book.checksum());
    connection.send(&frame("snapshot", "", &side.join(","), 1, 1, -1).replace(r#""checksum":0"#, &sum(&book))).await;
    for top in 0..390 {
        let gone = Level { price: decimal(&price(top)), size: decimal("0"), orders: 0 };
        book.apply_update(&[gone], &[]).expect("a book");
        let id = i64::from(top) + 2;
        connection.send(&frame("update", "", &level(&price(top), "0"), 1, id, id - 1).replace(r#""checksum":0"#, &sum(&book))).await;
    }
    pair.listener.reach(391).await;
    assert_eq!((pair.state(), rig.monitor.counters.gaps.get()), ("live", 0));
    assert_eq!(pair.listener.seen().last().expect("some").levels, (10, 0));
}

#[tokio::test]
async fn the_delete_of_an_absent_price_forced_a_reconnect() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    connection.send(&frame("update", &level("7777.7", "0"), &level("0.1", "0"), 1, 11, 10)).await;
    pair.listener.reach(11).await;
    assert_eq!((pair.state(), rig.monitor.counters.connects.get(), rig.monitor.counters.resyncs.get()), ("live", 1, 0));
    assert_eq!(pair.listener.seen().last().expect("some").levels, (50, 50));
}

/// In an auction the best bid may lie over the best ask: told, analysed as such, and no reason to reconnect.
#[tokio::test]
async fn crossed_books() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    connection.send(&frame("update", "", &level("100.5", "9"), 1, 11, 10)).await;
    pair.listener.reach(11).await;
    assert!(pair.listener.seen().last().expect("some").crossed && pair.cell.status().crossed);
    connection.send(&frame("update", "", &level("100.5", "0"), 1, 12, 11)).await;
    pair.listener.reach(12).await;
    assert!(!pair.cell.status().crossed);
    assert_eq!((pair.state(), rig.monitor.counters.connects.get()), ("live", 1));
}

#[tokio::test]
async fn a_burst_of_subscribes_drew_60014() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[("OKX_PAIRS_PER_CONNECTION", "30")]);
    let names: Vec<String> = (0..30).map(|i| format!("P{i:02}-USDT")).collect();
    let mut pairs = Vec::new();
    for name in &names {
        pairs.push(rig.join(name).await);
    }
    let mut connection = exchange.connection().await;
    // Thirty pairs are one request, not a burst of thirty.
    let request = connection.request().await;
    assert!(names.iter().all(|name| request.contains(name.as_str())), "{request}");
    // Told all the same, it waits and asks again, and it doesn't count as a failed try.
    for _ in 0..2 {
        connection.send(r#"{"event":"error","code":"60014","msg":"Requests too frequent","connId":"a"}"#).await;
        let again = connection.request().await;
        assert!(names.iter().all(|name| again.contains(name.as_str())), "{again}");
    }
    for name in &names {
        connection.acknowledge_pair("subscribe", name).await;
        connection.send(&frame_of(name, "snapshot", &level("2", "1"), &level("1", "1"), 1, 5, -1)).await;
    }
    for pair in &pairs {
        pair.until("live").await;
    }
    assert_eq!(rig.monitor.counters.connects.get(), 1);
}

#[tokio::test]
async fn unknown_notices_and_connection_counts_were_handled_as_errors() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    connection.send(r#"{"event":"channel-conn-count","channel":"books","connCount":"3","connId":"a"}"#).await;
    connection.send(r#"{"event":"channel-conn-count-error","channel":"books","connCount":"31","connId":"a"}"#).await;
    connection.send(r#"{"event":"notice","code":"64999","msg":"a notice of a kind that nobody knows yet","connId":"a"}"#).await;
    connection.send(r#"{"event":"error","code":"60099","msg":"something new","connId":"a"}"#).await;
    connection.update(10, 11).await;
    pair.listener.reach(11).await;
    assert_eq!((pair.state(), rig.monitor.counters.connects.get(), rig.monitor.counters.frames_invalid.get()), ("live", 1, 0));
}

#[tokio::test]
async fn a_stale_limit_was_shorter_than_the_60_s_keep_alive() {
    assert!(Pace::default().stall > Duration::from_secs(60), "a quiet book must not look stalled");
    // The same at a twentieth of the time: only keep-alives, each just before the limit.
    let pace = Pace { stall: Duration::from_millis(2500), silence: Duration::from_secs(20), ..Pace::default() };
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, pace, &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    let mut pause = tokio::time::interval(Duration::from_millis(400));
    for _ in 0..15 {
        pause.tick().await;
        connection.send(&frame("update", "", "", 1, 10, 10)).await;
    }
    until("the keep-alives have come", async || pair.cell.status().frames == 16).await;
    assert_eq!(pair.listener.states(), ["connecting", "subscribing", "live"]);
    assert_eq!(rig.monitor.counters.connects.get(), 1);
}

#[tokio::test]
async fn the_empty_keep_alive_was_rejected_by_the_parser() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    connection.send(&frame("update", "", "", 1, 10, 10)).await;
    connection.update(10, 11).await;
    pair.listener.reach(11).await;
    assert_eq!(pair.listener.sequences(), [10, 11], "a keep-alive changes nothing and is no reading");
    assert_eq!((rig.monitor.counters.frames_invalid.get(), rig.monitor.counters.gaps.get()), (0, 0));
}

/// Maintenance: the exchange's numbers start over, linked to the frame before.
#[tokio::test]
async fn a_sequence_reset_was_taken_for_a_gap() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    connection.update(10, 15).await;
    connection.send(&frame("update", "", "", 1, 15, 15)).await;
    connection.update(15, 3).await;
    connection.update(3, 5).await;
    pair.listener.reach(5).await;
    assert_eq!(pair.listener.sequences(), [10, 15, 3, 5]);
    assert_eq!(rig.monitor.counters.gaps.get(), 0);
}

#[tokio::test]
async fn a_channel_was_never_routed() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[("OKX_PAIRS_PER_CONNECTION", "3")]);
    let names = ["BTC-USDT", "ETH-USDT", "SOL-USDT"];
    let mut pairs = Vec::new();
    for name in names {
        pairs.push(rig.join(name).await);
    }
    let mut connection = exchange.connection().await;
    connection.request().await;
    for name in names {
        connection.acknowledge_pair("subscribe", name).await;
        connection.send(&frame_of(name, "snapshot", &level("2", "1"), &level("1", "1"), 1, 5, -1)).await;
        connection.send(&frame_of(name, "update", "", &level("1", "7"), 1, 6, 5)).await;
    }
    for pair in &pairs {
        pair.listener.reach(6).await;
        assert_eq!(pair.listener.seen().last().expect("some").best_bid, "7");
    }
    // And what belongs to nobody is counted instead of vanishing.
    connection.send(&frame_of("DOGE-USDT", "update", "", &level("1", "7"), 1, 6, 5)).await;
    until("it is counted", async || rig.monitor.counters.frames_unrouted.get() == 1).await;
}

/// The connection answers pings, and no book comes any more.
#[tokio::test]
async fn books_stalled_silently() {
    let pace = Pace { stall: Duration::from_millis(300), ..Pace::default() };
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, pace, &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    pair.until("suspect").await;
    assert!(pair.reason().starts_with("no frame for"), "{}", pair.reason());
    // The second connection is made before the first is given up, and brings what the first kept back.
    let mut second = exchange.subscribed().await;
    second.snapshot(30, 50).await;
    connection.until_closed().await;
    pair.listener.reach(30).await;
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    let mut id = 30;
    until("the pair is live again", async || {
        second.update(id, id + 1).await;
        id += 1;
        pause.tick().await;
        pair.state() == "live"
    })
    .await;
    assert_eq!(rig.monitor.counters.gaps.get(), 1, "what the stalled stream kept back is missing, and counted");
}
