//! The window of 400 levels: whoever applies every frame has the exchange's own book after each of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Book, DEADLINE, Server};
use leadline_simulator::{Control, Fault, Generated, Options, Rate, Served};
use proptest::prelude::*;

/// A market and what happens to it: after how many frames, and what.
fn cases() -> impl Strategy<Value = (u64, bool, bool, Vec<(u32, &'static str)>)> {
    let event = prop::sample::select(vec![
        "reset:*:by=1",
        "reset:*:by=3000",
        "auction:BTC-USDT:40ms",
        "auction:ETH-USDT:40ms",
        "flood:*:count=60",
        "snapshot",
        "keep-alive",
        "quiet:BTC-USDT:20ms",
    ]);
    (any::<u64>(), any::<bool>(), any::<bool>(), prop::collection::vec((1..60_u32, event), 0..6))
}

async fn follow(seed: u64, swaps: bool, checksums: bool, events: Vec<(u32, &str)>) {
    let generated = Generated { seed, pairs: 2, swaps, checksums, rate: Rate::PerSecond(2_000.0), ..Generated::default() };
    let control = Control::new();
    let options = Options { served: Served::Generated(generated), control: control.clone(), ..Options::default() };
    let server = Server::start(options).await;
    let mut client = server.client().await;
    let pairs: &[&str] = if swaps { &["BTC-USDT", "ETH-USDT", "BTC-USD-SWAP"] } else { &["BTC-USDT", "ETH-USDT"] };
    client.subscribe("books", pairs).await;
    let mut books = std::collections::HashMap::<String, Book>::new();
    let mut events = events.into_iter();
    let mut next = events.next();
    let mut compared = 0;
    while compared < 400 {
        let frame = client.json().await;
        if !frame["event"].is_null() {
            continue;
        }
        let pair = frame["arg"]["instId"].as_str().unwrap().to_owned();
        let book = books.entry(pair.clone()).or_insert_with(|| Book { may_reset: true, checksums, ..Book::default() });
        book.apply(&frame);
        assert_eq!(book.sides.each_ref().map(std::collections::BTreeMap::len), [400, 400]);
        assert!(control.truth(&pair, book.seq_id).contains(&book.digest()), "{pair} at {} isn't the exchange's", book.seq_id);
        compared += 1;
        if let Some((wait, event)) = &mut next {
            *wait -= 1;
            if *wait == 0 {
                // The client reads on: a flood waits for it.
                let (handle, fault) = (control.clone(), event.parse::<Fault>().unwrap());
                tokio::spawn(async move { handle.inject(&fault).await });
                next = events.next();
            }
        }
    }
    assert_eq!(control.truth("BTC-USDT", -7), Vec::<u64>::new());
    server.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_every_frame_gives_the_exchanges_own_window_at_each_number((seed, swaps, checksums, events) in cases()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(DEADLINE, follow(seed, swaps, checksums, events)).await.unwrap() });
    }
}

#[tokio::test]
async fn a_book_that_missed_a_frame_is_not_the_exchanges() {
    let control = Control::new();
    let generated = Generated { pairs: 1, rate: Rate::PerSecond(200.0), ..Generated::default() };
    let server = Server::start(Options { served: Served::Generated(generated), control: control.clone(), ..Options::default() }).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT"]).await;
    client.json().await;
    let mut book = Book::default();
    book.apply(&client.json().await);
    assert_eq!(control.truth("BTC-USDT", book.seq_id), [book.digest()]);
    let before = book.digest();
    book.apply(&client.json().await);
    assert!(!control.truth("BTC-USDT", book.seq_id).contains(&before));
    server.stop().await;
}
