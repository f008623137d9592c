//! Recordings played back: byte for byte, in order, to each subscriber from the start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Client, DEADLINE, Server};
use leadline_simulator::{Generated, Options, Pace, Recorded, Served, write_recording};
use serde_json::Value;

/// A recording of two pairs, and its lines.
fn recorded(folder: &Path, frames: usize) -> (PathBuf, Vec<String>) {
    let path = folder.join("two.ndjson");
    write_recording(&path, &Generated { pairs: 2, ..Generated::default() }, frames).unwrap();
    let lines = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    (path, lines)
}

fn options(recorded: Recorded) -> Options {
    Options { served: Served::Recorded(recorded), ..Options::default() }
}

fn at_max(path: &Path) -> Recorded {
    Recorded { pace: Pace::Max, ..Recorded::new(vec![path.to_owned()]) }
}

/// The next `count` frames, acknowledgements left out.
async fn frames(client: &mut Client, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        let text = client.text().await;
        if !text.contains("\"event\"") {
            texts.push(text);
        }
    }
    texts
}

#[tokio::test]
async fn frames_are_played_byte_for_byte_in_order_and_start_over_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (path, lines) = recorded(folder.path(), 200);
    let server = Server::start(options(at_max(&path))).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT", "ETH-USDT"]).await;
    assert_eq!(frames(&mut client, 400).await, [&lines[..], &lines[..]].concat());
    server.stop().await;
}

#[tokio::test]
async fn whoever_subscribes_later_also_starts_with_the_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let (path, lines) = recorded(folder.path(), 200);
    let of_eth: Vec<String> = lines.into_iter().filter(|line| line.contains("ETH-USDT")).collect();
    let server = Server::start(options(at_max(&path))).await;
    let mut first = server.client().await;
    first.subscribe("books", &["BTC-USDT"]).await;
    frames(&mut first, 50).await;
    first.subscribe("books", &["ETH-USDT"]).await;
    let mut second = server.client().await;
    second.subscribe("books", &["ETH-USDT"]).await;
    assert_eq!(frames(&mut second, 40).await, of_eth[..40]);
    while !first.text().await.contains("\"event\"") {}
    // The frames of BTC-USDT that were under way come between them.
    let mut later = Vec::new();
    while later.len() < 20 {
        later.extend(frames(&mut first, 1).await.into_iter().filter(|text| text.contains("ETH-USDT")));
    }
    assert_eq!(later, of_eth[..20]);
    server.stop().await;
}

#[tokio::test]
async fn subscribing_again_starts_over_and_unsubscribing_ends_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = recorded(folder.path(), 2_000);
    let server = Server::start(options(at_max(&path))).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT", "ETH-USDT"]).await;
    frames(&mut client, 100).await;
    client.subscribe("books", &["BTC-USDT"]).await;
    while !client.text().await.contains("\"event\"") {}
    loop {
        let frame = client.json().await;
        if frame["arg"]["instId"] == "BTC-USDT" {
            assert_eq!(frame["action"], "snapshot");
            break;
        }
    }
    client.request("unsubscribe", "books", &["BTC-USDT"]).await;
    while !client.text().await.contains("\"unsubscribe\"") {}
    for text in frames(&mut client, 100).await {
        assert!(text.contains("ETH-USDT"));
    }
    server.stop().await;
}

#[tokio::test]
async fn played_once_everything_is_sent_then_the_server_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (path, lines) = recorded(folder.path(), 3_000);
    let once = Recorded { once: true, linger: Duration::from_millis(50), ..at_max(&path) };
    let server = Server::start(options(once)).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT", "ETH-USDT"]).await;
    assert_eq!(frames(&mut client, 3_000).await, lines);
    assert_eq!(client.close_code().await, Some(1000));
    tokio::time::timeout(DEADLINE, server.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn the_recorded_pace_is_kept_by_receive_times() {
    let folder = tempfile::tempdir().unwrap();
    let (path, lines) = recorded(folder.path(), 4);
    // The last frame came an hour after the others; pauses are cut to a minute, and a factor of 600 makes that 100 ms.
    std::fs::write(path.with_extension("recv"), "1000.0\n1000.0\n1000.0\n4600.0\n").unwrap();
    let paced = Recorded { pace: Pace::Times(600.0), ..Recorded::new(vec![path]) };
    let server = Server::start(options(paced)).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT", "ETH-USDT"]).await;
    let first = frames(&mut client, 3).await;
    let start = tokio::time::Instant::now();
    let last = frames(&mut client, 1).await;
    // Not sooner than said; how much later is the machine's affair.
    assert!(start.elapsed() > Duration::from_millis(50), "{:?}", start.elapsed());
    assert_eq!([first, last].concat(), lines);
    server.stop().await;
}

#[tokio::test]
async fn without_instruments_beside_it_they_are_inferred_from_the_frames() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = recorded(folder.path(), 20);
    let server = Server::start(options(at_max(&path))).await;
    let one = server.get("/api/v5/public/instruments?instType=SPOT&instId=BTC-USDT").await;
    assert_eq!((&one["data"][0]["tickSz"], &one["data"][0]["lotSz"]), (&"0.1".into(), &"0.00000001".into()));
    let book = server.get("/api/v5/market/books?instId=BTC-USDT&sz=5").await;
    assert_eq!(book["data"][0]["bids"].as_array().unwrap().len(), 5);
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_played_is_said_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let noise = file("noise.ndjson", "no frame\n{\"event\":\"subscribe\"}\n");
    let empty = file("empty.ndjson", "");
    for path in [noise, empty, folder.path().join("absent.ndjson")] {
        let server = Server::start(options(at_max(&path))).await;
        let error = server.task.await.unwrap().unwrap_err().to_string();
        assert!(error.contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    }
}

/// The recordings, if they are on this machine.
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("LEADLINE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let folder = folder.join("data/okx");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("left out: the recordings are not at {}", folder.display());
    None
}

#[tokio::test]
async fn real_recordings_are_played_byte_for_byte_to_a_subscriber_of_books() {
    let Some(folder) = shared() else { return };
    for (file, inst_id, count) in [
        ("okx_v5_books_20220513", "BTC-USDT", 98),
        ("okx_v5_books_20260824", "BTC-USDT", 7),
        ("okx_v5_books-l2-tbt_20220227", "UNI-USD-SWAP", 1337),
        ("okcoin_v3_depth_l2_tbt_20210417_conn52", "BTC-USDT", 40),
        ("okex_v3_depth_3elem_201903", "WAVES-BTC", 2),
    ] {
        let path = folder.join(file).with_extension("ndjson");
        let is_book = |frame: &Value| {
            let channel = frame["arg"]["channel"].as_str().or(frame["table"].as_str()).unwrap_or_default();
            (channel.contains("books") || channel.contains("depth"))
                && (frame["arg"]["instId"] == inst_id || frame["data"][0]["instrument_id"] == inst_id)
                && frame["event"].is_null()
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| is_book(&serde_json::from_str(line).unwrap())).collect();
        assert_eq!(lines.len(), count, "{file}");
        let server = Server::start(options(at_max(&path))).await;
        let mut client = server.client().await;
        client.subscribe("books", &[inst_id]).await;
        assert_eq!(frames(&mut client, count).await, lines, "{file}");
        server.stop().await;
    }
    // Listed as OKX listed it then.
    let server = Server::start(options(at_max(&folder.join("okx_v5_books_20220513.ndjson")))).await;
    let listed = server.get("/api/v5/public/instruments?instType=FUTURES&instId=BTC-USD-220527").await;
    assert_eq!((&listed["data"][0]["ctVal"], &listed["data"][0]["tickSz"]), (&"100".into(), &"0.1".into()));
    let mut client = server.client().await;
    client.subscribe("tickers", &["BTC-USDT"]).await;
    assert!(frames(&mut client, 1).await[0].contains(r#""channel":"tickers""#));
    server.stop().await;
}
