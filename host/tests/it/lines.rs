//! Connections to an exchange that says exactly what a test wants: made, watched, replaced without a gap, lost and made again.

use std::time::Duration;

use crate::support::exchange::{Exchange, frame_of};
use crate::support::listener::Rig;
use crate::support::until;
use leadline_host::okx::Pace;
use leadline_market::Continuity;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A pace with short waits between connections.
fn quick() -> Pace {
    Pace { first_wait: ms(20), longest_wait: ms(200), ..Pace::default() }
}

fn level(price: &str, size: &str) -> String {
    format!(r#"["{price}","{size}","0","1"]"#)
}

#[tokio::test]
async fn before_a_service_upgrade_a_second_connection_joins_without_a_gap() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, quick(), &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut first = exchange.subscribed().await;
    first.snapshot(10, 50).await;
    first.update(10, 11).await;
    pair.listener.reach(11).await;
    first.send(r#"{"event":"notice","code":"64008","msg":"upgrade in 60 s","connId":"a"}"#).await;
    let mut second = exchange.subscribed().await;
    // The new stream begins ahead of the old one, and what it says is held back until the old one is there.
    second.snapshot(12, 50).await;
    second.update(12, 13).await;
    first.update(11, 1012).await;
    pair.listener.reach(1012).await;
    // Not met: 12 isn't among the old stream's numbers. A snapshot replaces the new stream's beginning.
    second.send(&second_snapshot(1015)).await;
    second.update(1015, 1016).await;
    first.update(1012, 1013).await;
    pair.listener.reach(1013).await;
    first.send(&update_to_snapshot(1013, 1015)).await;
    pair.listener.reach(1016).await;
    assert_eq!(first.until_closed().await, Vec::<String>::new(), "the old connection is closed, and asked for nothing more");
    second.update(1016, 1017).await;
    pair.listener.reach(1017).await;
    assert_eq!(pair.listener.sequences(), [10, 11, 1012, 1013, 1015, 1016, 1017], "each once, in order");
    assert!(pair.listener.seen()[1..].iter().all(|seen| seen.continuity == Continuity::Continued), "no step in it");
    assert_eq!(pair.listener.states(), ["connecting", "subscribing", "live"]);
    let status = pair.cell.status();
    assert_eq!((status.joins, status.audits, status.drift, status.gaps), (1, 1, 0, 0));
    assert_eq!((status.connects, status.reconnects, rig.monitor.counters.disconnects.get()), (2, 0, 0));
}

/// The book of three levels a side that [`update_to_snapshot`] leads to.
fn second_snapshot(id: i64) -> String {
    let bids = [level("99.9", "5"), level("99.8", "2"), level("99.7", "3")].join(",");
    frame_of("BTC-USDT", "snapshot", &level("100.1", "1"), &bids, 1_800_000_000_000 + id as u64, id, -1)
}

/// An update that leaves nothing but the book of [`second_snapshot`].
fn update_to_snapshot(previous: i64, id: i64) -> String {
    let gone = |sign: f64, keep: u32| {
        (1..=50_u32).filter(|i| *i > keep).map(|i| level(&format!("{:.1}", 100.0 + sign * f64::from(i) / 10.0), "0")).collect::<Vec<_>>()
    };
    let mut bids = gone(-1.0, 3);
    bids.push(level("99.9", "5"));
    // As the snapshot has them: one order each.
    bids.extend([level("99.8", "2"), level("99.7", "3")]);
    let mut asks = gone(1.0, 1);
    asks.push(level("100.1", "1"));
    frame_of("BTC-USDT", "update", &asks.join(","), &bids.join(","), 1_800_000_000_000 + id as u64, id, previous)
}

#[tokio::test]
async fn a_scheduled_resynchronisation_finds_a_book_that_drifted_and_takes_the_exchanges() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, quick(), &[("OKX_RESYNC_INTERVAL", "1")]);
    let pair = rig.join("BTC-USDT").await;
    let mut first = exchange.subscribed().await;
    first.snapshot(10, 50).await;
    pair.listener.reach(10).await;
    // The exchange has three levels at this number; the kept book has fifty.
    let mut second = exchange.subscribed().await;
    second.send(&second_snapshot(10)).await;
    until("the drift is found", async || rig.monitor.counters.drift.get() == 1).await;
    let last = pair.listener.seen().pop().expect("some");
    assert_eq!((last.levels, last.continuity), ((3, 1), Continuity::Restarted), "the exchange's book, told as a step that no market made");
    first.until_closed().await;
    let status = pair.cell.status();
    assert_eq!((status.audits, status.drift, status.joins), (1, 1, 1));
    assert_eq!(rig.monitor.counters.audits.get(), 1);
}

#[tokio::test]
async fn a_connection_that_answers_no_ping_is_replaced_before_it_is_given_up() {
    let pace = Pace { silence: ms(100), pong: Duration::from_secs(15), ..quick() };
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace { pong: ms(600), ..pace.clone() }, &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut first = exchange.subscribed().await;
    first.snapshot(10, 50).await;
    first.expect("ping").await;
    pair.until("suspect").await;
    assert_eq!(pair.reason(), "a ping is unanswered");
    let mut second = exchange.subscribed().await;
    second.snapshot(40, 50).await;
    // Whether the old one is closed because it was replaced or because no pong came, the book is there all the time.
    pair.listener.reach(40).await;
    second.expect("ping").await;
    second.send("pong").await;
    pair.until("live").await;
    assert!(!pair.listener.states().contains(&"resyncing"), "{:?}", pair.listener.states());
}

#[tokio::test]
async fn a_pair_whose_frames_come_late_stays_suspect_until_they_are_in_time_again() {
    // The second connection that is made for it must not take over here.
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace { answer: Duration::from_secs(60), ..quick() }, &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut first = exchange.subscribed().await;
    first.snapshot(10, 50).await;
    let now = || u64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let mut id = 10;
    let mut pause = tokio::time::interval(ms(20));
    let mut late = async |by: u64| {
        pause.tick().await;
        first.send(&frame_of("BTC-USDT", "update", "", &level("99.9", "7"), now() - by, id + 1, id)).await;
        id += 1;
    };
    for _ in 0..5 {
        late(5).await;
    }
    until("it is suspect", async || {
        late(9000).await;
        pair.state() == "suspect"
    })
    .await;
    assert_eq!(pair.reason(), "frames come over 3 s later than before");
    for _ in 0..50 {
        late(9000).await;
        assert_eq!(pair.state(), "suspect");
    }
    until("it is live again", async || {
        late(5).await;
        pair.state() == "live"
    })
    .await;
    assert_eq!(pair.listener.states(), ["connecting", "subscribing", "live", "suspect", "live"]);
}

#[tokio::test]
async fn a_dead_connection_without_a_spare_is_made_again_with_a_new_book() {
    let pace = Pace { silence: ms(50), pong: ms(50), ..quick() };
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, pace, &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut first = exchange.subscribed().await;
    first.snapshot(10, 50).await;
    pair.listener.reach(10).await;
    // From here on nothing is answered: the connections that follow are taken, and left without a word too, but for the last.
    let (mut last, mut id) = (exchange.connection().await, 20);
    until("a connection lives long enough", async || {
        if exchange.is_asked().await {
            last = exchange.connection().await;
        }
        let _ = tokio::time::timeout(ms(30), last.expect("subscribe")).await;
        id += 1;
        last.try_snapshot(id, 50).await;
        pair.listener.sequences().last() != Some(&10)
    })
    .await;
    assert!(rig.monitor.counters.disconnects.get() >= 1);
    assert!(pair.listener.seen().last().expect("some").continuity == Continuity::Restarted);
}

#[tokio::test]
async fn the_close_code_is_told_in_words_and_the_pair_comes_back() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace { first_wait: ms(1500), ..quick() }, &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut first = exchange.subscribed().await;
    first.snapshot(10, 50).await;
    pair.listener.reach(10).await;
    first.close(4004, "No data received in 30s").await;
    pair.until("connecting").await;
    assert_eq!(pair.reason(), "closed by the exchange with 4004 (nothing was pushed for 30 s): No data received in 30s");
    let mut second = exchange.subscribed().await;
    second.snapshot(30, 50).await;
    pair.listener.reach(30).await;
    let status = pair.cell.status();
    assert_eq!((status.connects, status.reconnects), (2, 1));
}

#[tokio::test]
async fn no_second_sees_more_than_three_connections() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace::default(), &[]);
    let mut pairs = Vec::new();
    for i in 0..7 {
        pairs.push(rig.join(&format!("P{i}-USDT")).await);
    }
    until("all are connected", async || exchange.accepted().len() == 7).await;
    let accepted = exchange.accepted();
    for four in accepted.windows(4) {
        // Accepting may lag behind connecting, by less than this on any machine that runs tests.
        assert!(four[3] - four[0] >= ms(900), "four within {:?}", four[3] - four[0]);
    }
}

#[tokio::test]
async fn on_a_shared_connection_one_pairs_trouble_is_its_own() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace { answer: ms(300), ..quick() }, &[("OKX_PAIRS_PER_CONNECTION", "4")]);
    let good = rig.join("BTC-USDT").await;
    let unknown = rig.join("NONSENSE-USDT").await;
    let silent = rig.join("QUIET-USDT").await;
    let breaks = rig.join("ETH-USDT").await;
    let mut connection = exchange.connection().await;
    connection.request().await;
    connection
        .send(r#"{"event":"error","code":"60018","msg":"Wrong URL or channel:books,instId:NONSENSE-USDT doesn't exist.","connId":"a"}"#)
        .await;
    for pair in ["BTC-USDT", "ETH-USDT"] {
        connection.acknowledge_pair("subscribe", pair).await;
        connection.send(&frame_of(pair, "snapshot", &level("2", "1"), &level("1", "1"), 1, 5, -1)).await;
    }
    unknown.until("refused").await;
    assert!(unknown.reason().starts_with("60018: Wrong URL"), "{}", unknown.reason());
    // Three tries, then a warning, the others untouched.
    silent.until("refused").await;
    assert_eq!(silent.reason(), "no_answer: no acknowledgement of the subscription after 3 tries");
    let mut asked = 1;
    connection.send(&frame_of("ETH-USDT", "update", "", &level("1", "7"), 1, 9, 8)).await;
    loop {
        let request = connection.request().await;
        asked += u32::from(request.contains("QUIET-USDT"));
        if request.contains("unsubscribe") {
            assert!(request.contains("ETH-USDT") && !request.contains("BTC-USDT"), "{request}");
            break;
        }
    }
    assert_eq!(asked, 3);
    breaks.until("resyncing").await;
    connection.acknowledge_pair("subscribe", "ETH-USDT").await;
    connection.send(&frame_of("ETH-USDT", "snapshot", &level("2", "1"), &level("1", "1"), 1, 20, -1)).await;
    breaks.until("live").await;
    assert_eq!((good.state(), rig.monitor.counters.connects.get()), ("live", 1));
    assert_eq!(good.listener.states(), ["connecting", "subscribing", "live"]);
}

#[tokio::test]
async fn an_unsubscription_that_is_not_answered_is_tried_three_times_and_the_pair_removed_all_the_same() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, quick(), &[("OKX_PAIRS_PER_CONNECTION", "2")]);
    let gone = rig.join("BTC-USDT").await;
    let stays = rig.join("ETH-USDT").await;
    let mut connection = exchange.connection().await;
    connection.request().await;
    for pair in ["BTC-USDT", "ETH-USDT"] {
        connection.acknowledge_pair("subscribe", pair).await;
        connection.send(&frame_of(pair, "snapshot", &level("2", "1"), &level("1", "1"), 1, 5, -1)).await;
    }
    gone.until("live").await;
    stays.until("live").await;
    let cell = std::sync::Arc::clone(&gone.cell);
    let leaving = tokio::spawn(gone.seat.leave());
    for _ in 0..3 {
        let request = connection.request().await;
        assert!(request.contains("unsubscribe") && request.contains("BTC-USDT") && !request.contains("ETH-USDT"), "{request}");
    }
    leaving.await.expect("it left");
    assert_eq!(cell.status().state.word(), "stopped");
    connection.send(&frame_of("ETH-USDT", "update", "", &level("1", "7"), 1, 6, 5)).await;
    stays.listener.reach(6).await;
    // The last one takes the connection with it.
    let leaving = tokio::spawn(stays.seat.leave());
    connection.expect("unsubscribe").await;
    connection.acknowledge_pair("unsubscribe", "ETH-USDT").await;
    leaving.await.expect("it left");
    connection.until_closed().await;
}

#[tokio::test]
async fn a_new_connection_that_fails_leaves_the_old_one_in_place() {
    let exchange = Exchange::start().await;
    let rig = Rig::new(&exchange.url, Pace { between_replacements: ms(100), ..quick() }, &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut first = exchange.subscribed().await;
    first.snapshot(10, 50).await;
    pair.listener.reach(10).await;
    first.send(r#"{"event":"notice","code":"64008","msg":"soon","connId":"a"}"#).await;
    exchange.connection().await.cut();
    first.update(10, 11).await;
    pair.listener.reach(11).await;
    // It is tried again, and this one brings the book.
    let mut third = exchange.subscribed().await;
    third.snapshot(11, 50).await;
    until("it is joined", async || pair.cell.status().joins == 1).await;
    first.until_closed().await;
    assert_eq!(pair.listener.states(), ["connecting", "subscribing", "live"]);
}

#[tokio::test]
async fn the_old_connections_end_while_another_takes_over_costs_no_wait() {
    let exchange = Exchange::start().await;
    // With a wait this long the test would fail if the host waited.
    let rig =
        Rig::new(&exchange.url, Pace { first_wait: Duration::from_secs(600), longest_wait: Duration::from_secs(600), ..quick() }, &[]);
    let pair = rig.join("BTC-USDT").await;
    let mut first = exchange.subscribed().await;
    first.snapshot(10, 50).await;
    pair.listener.reach(10).await;
    first.send(r#"{"event":"notice","code":"64008","msg":"soon","connId":"a"}"#).await;
    let mut second = exchange.subscribed().await;
    second.snapshot(20, 50).await;
    second.update(20, 21).await;
    first.close(1012, "service restart").await;
    pair.listener.reach(21).await;
    assert_eq!(pair.state(), "live");
    assert_eq!(rig.monitor.counters.connects.get(), 2);
}

#[tokio::test]
async fn an_exchange_that_can_not_be_reached_is_named_with_what_to_do() {
    let port = crate::support::free_port();
    let rig = Rig::new(&format!("ws://127.0.0.1:{port}/ws/v5/public"), quick(), &[]);
    let pair = rig.join("BTC-USDT").await;
    until("two tries failed", async || rig.monitor.counters.connects_failed.get() >= 2).await;
    let reason = pair.reason();
    assert!(reason.contains(&format!("can't connect to ws://127.0.0.1:{port}")) && reason.contains("no proxy is set"), "{reason}");
    assert!(reason.contains("refused") && reason.contains("(try "), "{reason}");
    assert_eq!(pair.state(), "connecting");
}

#[tokio::test]
async fn a_server_that_is_no_websocket_is_told_with_its_answer() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("its address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await;
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
                    .await;
            });
        }
    });
    let rig = Rig::new(&url, quick(), &[]);
    let pair = rig.join("BTC-USDT").await;
    until("it is told", async || pair.reason().contains("answered 503")).await;
}
