//! The host on an exchange that says exactly what a test wants: broken books, bad frames, lost connections, pairs that come and go.

use crate::support::exchange::{Exchange, frame};
use crate::support::{Redis, settings, until};
use leadline_host::host::Host;
use tokio_util::sync::CancellationToken;

async fn host(redis: &Redis, exchange: &Exchange, more: &[(&str, &str)]) -> Host {
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    Host::start(settings(redis, &exchange.url, more), "test".to_owned(), &CancellationToken::new())
        .await
        .expect("it starts")
        .expect("not stopped")
}

/// Waits until a field of `feed:BTC-USDT` has a value.
async fn feed(redis: &Redis, field: &str, value: &str) {
    until(&format!("feed:BTC-USDT {field} is {value}"), async || redis.field("feed:BTC-USDT", field).await == value).await;
}

/// Waits until both lanes have published a sequence number.
async fn published(redis: &Redis, sequence: &str) {
    for plugin in ["large_orders", "support_resistance", "depth_anomaly", "liquidity"] {
        let field = format!("{plugin}.sequence");
        until(&format!("{field} is {sequence}"), async || redis.field("analysis:BTC-USDT", &field).await == sequence).await;
    }
    until("the book is written", async || redis.field("orderbook:BTC-USDT", "sequence").await == sequence).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_from_a_broken_book_until_a_new_snapshot() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let host = host(&redis, &exchange, &[]).await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    connection.update(10, 15).await;
    published(&redis, "15").await;
    feed(&redis, "state", "live").await;

    // 16 never comes: invalid at once, one resubscription, and what follows is dropped however well it links to itself.
    connection.update(16, 17).await;
    connection.update(17, 18).await;
    connection.expect(r#""op":"unsubscribe""#).await;
    connection.expect(r#""op":"subscribe""#).await;
    feed(&redis, "state", "resyncing").await;
    assert!(
        redis.field("feed:BTC-USDT", "reason").await.contains("follows 16, the book is at 15"),
        "{}",
        redis.field("feed:BTC-USDT", "reason").await
    );
    assert_eq!(redis.field("analysis:BTC-USDT", "large_orders.sequence").await, "15");
    connection.acknowledge("unsubscribe").await;
    connection.acknowledge("subscribe").await;
    connection.snapshot(30, 50).await;
    connection.update(30, 31).await;
    published(&redis, "31").await;
    feed(&redis, "state", "live").await;
    feed(&redis, "gaps", "1").await;
    feed(&redis, "resyncs", "1").await;
    assert_eq!(host.monitor.counters.frames_dropped.get(), 1, "one update came while the book was broken");
    host.stop().await;
    assert_eq!(redis.field("feed:BTC-USDT", "state").await, "stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_frames_are_counted_and_lose_nothing() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let host = host(&redis, &exchange, &[]).await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    let level = |price: &str, size: &str| format!(r#"["{price}","{size}","0","1"]"#);
    connection.send("this is no JSON").await;
    connection.send(r#"{"event":"never heard of it"}"#).await;
    connection.send(r#"{"event":"channel-conn-count","channel":"books","connCount":"1","connId":"a"}"#).await;
    connection.send(r#"{"event":"notice","code":"64008","msg":"upgrade in 60 s","connId":"a"}"#).await;
    connection.send(r#"{"event":"error","code":"60012","msg":"Invalid request","connId":"a"}"#).await;
    connection.send(&frame("update", &level("NaN", "1"), "", 1, 11, 10)).await;
    connection.send(&frame("update", &level("-5", "1"), "", 1, 11, 10)).await;
    connection.send(&frame("update", &level("5", &"9".repeat(40)), "", 1, 11, 10)).await;
    connection.send(&frame("update", "", "", 1, 11, 10).replace("BTC-USDT", "ETH-USDT")).await;
    connection.update(10, 12).await;
    published(&redis, "12").await;
    assert_eq!(host.monitor.counters.frames_invalid.get(), 4);
    assert_eq!(host.monitor.counters.gaps.get(), 0);
    assert_eq!(redis.field("orderbook:BTC-USDT", "bids").await.matches("[\"").count(), 50);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_made_again_and_the_old_book_is_not_gone_on_with() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let host = host(&redis, &exchange, &[]).await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    published(&redis, "10").await;
    connection.cut();
    let mut connection = exchange.subscribed().await;
    // An update before the snapshot belongs to no book of this connection.
    connection.update(10, 11).await;
    connection.snapshot(40, 50).await;
    published(&redis, "40").await;
    assert_eq!(host.monitor.counters.frames_dropped.get(), 1);
    assert_eq!((host.monitor.counters.connects.get(), host.monitor.counters.disconnects.get()), (2, 1));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_the_exchange_does_not_know_is_refused_by_name_and_the_others_run() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let host = host(&redis, &exchange, &[]).await;
    let mut connection = exchange.connection().await;
    connection.expect("subscribe").await;
    connection.send(r#"{"event":"error","code":"60018","msg":"channel:books,instId:BTC-USDT doesn't exist","connId":"a"}"#).await;
    feed(&redis, "state", "refused").await;
    assert!(redis.field("feed:BTC-USDT", "reason").await.starts_with("60018: "));
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "ETH-USDT"]).await;
    let mut second = exchange.connection().await;
    second.expect("ETH-USDT").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_that_is_taken_away_leaves_no_numbers_and_comes_back_with_a_new_book() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let host = host(&redis, &exchange, &[]).await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    published(&redis, "10").await;
    redis.ask::<i64>(&["SREM", "config:trading_pairs", "BTC-USDT"]).await;
    connection.expect(r#""op":"unsubscribe""#).await;
    connection.acknowledge("unsubscribe").await;
    until("its keys are gone", async || redis.ask::<Vec<String>>(&["KEYS", "*BTC-USDT*"]).await.is_empty()).await;
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(70, 50).await;
    published(&redis, "70").await;
    until("both changes are counted", async || redis.field("system:monitoring", "subscription_changes").await == "2").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wanted_key_of_the_wrong_type_leaves_the_pairs_as_they_are() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    let host = host(&redis, &exchange, &[]).await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    published(&redis, "10").await;
    // Swapped in one step each, so that the host never sees an empty Set.
    redis.ask::<String>(&["SET", "other", "no set"]).await;
    redis.ask::<i64>(&["SADD", "good", "BTC-USDT"]).await;
    redis.ask::<String>(&["RENAME", "other", "config:trading_pairs"]).await;
    until("the host fails to read it", async || host.monitor.counters.redis_errors.get() > 0).await;
    redis.ask::<String>(&["RENAME", "good", "config:trading_pairs"]).await;
    let checked = redis.field("system:monitoring", "last_config_check").await;
    until("the Set is read again", async || redis.field("system:monitoring", "last_config_check").await > checked).await;
    connection.update(10, 11).await;
    published(&redis, "11").await;
    assert_eq!(host.monitor.counters.connects.get(), 1, "the pair's connection was never given up");
    feed(&redis, "state", "live").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_redis_waits_for_it() {
    let (mut redis, exchange) = (Redis::absent(), Exchange::start().await);
    let stop = CancellationToken::new();
    let starting = tokio::spawn({
        let (settings, stop) = (settings(&redis, &exchange.url, &[]), stop.clone());
        async move { Host::start(settings, "test".to_owned(), &stop).await.expect("it waits") }
    });
    redis.up().await;
    redis.ask::<i64>(&["SADD", "config:trading_pairs", "BTC-USDT"]).await;
    let host = starting.await.expect("no panic").expect("started");
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    published(&redis, "10").await;
    host.stop().await;

    // And one that is stopped while it waits, stops.
    let nobody = Redis::absent();
    stop.cancel();
    assert!(Host::start(settings(&nobody, &exchange.url, &[]), "test".to_owned(), &stop).await.expect("no error").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_die_and_come_back_while_books_go_on() {
    let (mut redis, exchange) = (Redis::start().await, Exchange::start().await);
    let host = host(&redis, &exchange, &[]).await;
    let mut connection = exchange.subscribed().await;
    connection.snapshot(10, 50).await;
    published(&redis, "10").await;
    redis.kill();
    for id in 10..60 {
        connection.update(id, id + 1).await;
    }
    until("the outage is noticed", async || host.monitor.counters.redis_errors.get() > 0).await;
    redis.up().await;
    // Readings of the buffered lane that waited arrive in order, the newest last; the subscription never broke.
    published(&redis, "60").await;
    assert_eq!(host.monitor.counters.lane_dropped.get(), 0);
    assert_eq!(host.monitor.counters.gaps.get(), 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_wrong_is_told_and_not_waited_for() {
    let (redis, exchange) = (Redis::start().await, Exchange::start().await);
    redis.ask::<String>(&["CONFIG", "SET", "requirepass", "right"]).await;
    let started =
        Host::start(settings(&redis, &exchange.url, &[("REDIS_PASSWORD", "wrong")]), "test".to_owned(), &CancellationToken::new()).await;
    let told = started.err().expect("refused").to_string();
    assert!(told.contains("refuses") && !told.contains("wrong password: wrong"), "{told}");
}
