//! Faults on frames and connections, each seen by one client while another one beside it sees the market as it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::Duration;

use common::{Book, Client, DEADLINE, Server};
use futures_util::StreamExt;
use leadline_simulator::{Control, Fault, Generated, Injected, Options, Rate, Served};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

/// Two pairs at 400 frames a second, and the handle.
fn options() -> (Options, Control) {
    let generated = Generated { pairs: 2, rate: Rate::PerSecond(400.0), ..Generated::default() };
    let options = Options { served: Served::Generated(generated), ..Options::default() };
    let control = options.control.clone();
    (options, control)
}

async fn inject(control: &Control, text: &str) -> Injected {
    let fault: Fault = text.parse().unwrap();
    control.inject(&fault).await.unwrap()
}

fn hits(control: &Control, number: u64) -> u64 {
    control.injected().iter().find(|injected| injected.number == number).unwrap().hits
}

fn seq(text: &str) -> i64 {
    serde_json::from_str::<Value>(text).unwrap()["data"][0]["seqId"].as_i64().unwrap()
}

/// A client that has the snapshot of BTC-USDT, and the identifier it has seen last.
async fn subscribed(server: &Server) -> (Client, i64) {
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT"]).await;
    client.json().await;
    let snapshot = client.text().await;
    (client, seq(&snapshot))
}

/// Two clients that have seen the same frame last.
async fn pair_of_clients(server: &Server) -> (Client, Client) {
    let (mut a, mut at_a) = subscribed(server).await;
    let (mut b, mut at_b) = subscribed(server).await;
    while at_a != at_b {
        let (behind, at) = if at_a < at_b { (&mut a, &mut at_a) } else { (&mut b, &mut at_b) };
        *at = seq(&behind.text().await);
    }
    (a, b)
}

/// What the older client was sent, and what there was to send, after a fault on the older.
async fn hit_and_whole(fault: &str) -> (Vec<Message>, Vec<String>) {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut hit, mut other) = pair_of_clients(&server).await;
    let injected = inject(&control, &format!("{fault}:BTC-USDT:on=oldest")).await;
    assert_eq!(injected.connections, [1]);
    let mut whole = Vec::new();
    while hits(&control, injected.number) == 0 || whole.len() < 40 {
        whole.push(other.text().await);
    }
    // Two frames more, so that one that was held back has met its neighbour.
    whole.push(other.text().await);
    whole.push(other.text().await);
    let mut seen = Vec::new();
    while seen.last() != Some(&Message::text(whole.last().unwrap().as_str())) {
        seen.push(hit.message().await.unwrap());
    }
    assert_eq!(hits(&control, injected.number), 1);
    server.stop().await;
    (seen, whole)
}

/// The one place where both differ, if they are of one length.
fn one_difference(seen: &[Message], whole: &[String]) -> (Message, String) {
    assert_eq!(seen.len(), whole.len());
    let differ: Vec<_> = seen.iter().zip(whole).filter(|(seen, whole)| **seen != Message::text(whole.as_str())).collect();
    assert_eq!(differ.len(), 1);
    (differ[0].0.clone(), differ[0].1.clone())
}

fn texts(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.to_text().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_dropped_frame_is_missing_on_one_connection_and_there_on_the_other() {
    let (seen, mut whole) = hit_and_whole("drop").await;
    let seen = texts(&seen);
    let missing = whole.iter().position(|text| !seen.contains(text)).unwrap();
    whole.remove(missing);
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn a_duplicated_frame_comes_twice_in_a_row() {
    let (seen, whole) = hit_and_whole("duplicate").await;
    let mut seen = texts(&seen);
    let twice = seen.windows(2).position(|two| two[0] == two[1]).unwrap();
    seen.remove(twice);
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn reordered_frames_are_two_neighbours_swapped() {
    let (seen, whole) = hit_and_whole("reorder").await;
    let mut seen = texts(&seen);
    let swapped = seen.iter().zip(&whole).position(|(seen, whole)| seen != whole).unwrap();
    seen.swap(swapped, swapped + 1);
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn a_corrupt_frame_is_no_json() {
    let (seen, whole) = hit_and_whole("corrupt").await;
    let (seen, _) = one_difference(&seen, &whole);
    assert!(serde_json::from_str::<Value>(seen.to_text().unwrap()).is_err());
}

#[tokio::test]
async fn a_truncated_frame_is_the_beginning_of_the_true_one() {
    let (seen, whole) = hit_and_whole("truncate").await;
    let (seen, whole) = one_difference(&seen, &whole);
    let seen = seen.to_text().unwrap();
    assert!(whole.starts_with(seen) && seen.len() < whole.len());
}

#[tokio::test]
async fn a_tampered_frame_is_valid_and_only_the_other_connection_shows_it() {
    let (seen, whole) = hit_and_whole("tamper").await;
    let (seen, whole) = one_difference(&seen, &whole);
    let seen = seen.to_text().unwrap();
    assert_eq!((seq(seen), seen.len()), (seq(&whole), whole.len()));
    assert_eq!(seen.bytes().zip(whole.bytes()).filter(|(a, b)| a != b).count(), 1);
}

#[tokio::test]
async fn a_wrong_checksum_is_not_zero() {
    let (seen, whole) = hit_and_whole("checksum").await;
    let (seen, whole) = one_difference(&seen, &whole);
    let (mut seen, whole): (Value, Value) = (serde_json::from_str(seen.to_text().unwrap()).unwrap(), serde_json::from_str(&whole).unwrap());
    assert_ne!(seen["data"][0]["checksum"], 0);
    seen["data"][0]["checksum"] = 0.into();
    assert_eq!(seen, whole);
}

#[tokio::test]
async fn a_binary_frame_has_the_text_as_bytes() {
    let (seen, whole) = hit_and_whole("binary").await;
    let (seen, whole) = one_difference(&seen, &whole);
    assert!(matches!(seen, Message::Binary(bytes) if bytes == whole.as_bytes()));
}

#[tokio::test]
async fn delayed_frames_are_late_and_in_order() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut late, mut other) = pair_of_clients(&server).await;
    let injected = inject(&control, "delay:BTC-USDT:700ms:for=1s:on=oldest").await;
    // Nothing comes for the length of the delay: by then the other one has seen many.
    let first = late.text().await;
    let mut seen_by_other = vec![other.text().await];
    while seen_by_other.last() != Some(&first) && seen_by_other.len() < 1000 {
        seen_by_other.push(other.text().await);
    }
    let mut chain = seq(&first);
    for _ in 0..400 {
        let frame: Value = serde_json::from_str(&late.text().await).unwrap();
        assert_eq!(frame["data"][0]["prevSeqId"].as_i64().unwrap(), chain);
        chain = frame["data"][0]["seqId"].as_i64().unwrap();
    }
    assert!(hits(&control, injected.number) > 50, "{injected:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_stalled_connection_answers_pings_and_has_a_gap_afterwards() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut stalled, _) = subscribed(&server).await;
    inject(&control, "stall:*:for=500ms").await;
    stalled.send("ping").await;
    while stalled.text().await != "pong" {}
    stalled.send("ping").await;
    // No data between two pings while it lasts.
    assert_eq!(stalled.text().await, "pong");
    let before = control.connections()[0].sent;
    let frame = stalled.text().await;
    assert!(seq(&frame) > 0 && control.connections()[0].sent > before);
    assert!(control.injected()[0].hits > 10);
    server.stop().await;
}

#[tokio::test]
async fn a_half_open_connection_is_silent_until_the_client_gives_up() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut silent, _) = subscribed(&server).await;
    let (mut other, _) = subscribed(&server).await;
    inject(&control, "half-open:on=oldest").await;
    // What was under way comes; after that nothing, neither frames nor pongs, while the other one gets hundreds.
    silent.send("ping").await;
    for _ in 0..100 {
        other.text().await;
    }
    while let Ok(Some(Ok(message))) = tokio::time::timeout(Duration::ZERO, silent.socket.next()).await {
        assert_ne!(message, Message::text("pong"));
    }
    for _ in 0..200 {
        other.text().await;
    }
    assert!(tokio::time::timeout(Duration::ZERO, silent.socket.next()).await.is_err(), "a message, or the end");
    let open = control.connections();
    assert_eq!((open.len(), open[0].half_open, open[1].half_open), (2, true, false));
    drop(silent);
    // The exchange sees that the client has gone.
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while control.connections().len() > 1 {
        assert!(tokio::time::Instant::now() < deadline);
        other.text().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_cut_connection_ends_without_a_close_frame_and_a_closed_one_with_its_code() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut cut, _) = subscribed(&server).await;
    let (mut closed, _) = subscribed(&server).await;
    inject(&control, "cut:BTC-USDT:on=oldest").await;
    inject(&control, "close:BTC-USDT:on=newest:code=1013").await;
    assert_eq!(cut.close_code().await, None);
    assert_eq!(closed.close_code().await, Some(1013));
    server.stop().await;
}

#[tokio::test]
async fn while_it_refuses_new_connections_are_reset_and_open_ones_go_on() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let (mut open, _) = subscribed(&server).await;
    inject(&control, "refuse:500ms").await;
    let url = format!("ws://{}/ws/v5/public", server.address);
    assert!(tokio_tungstenite::connect_async(&url).await.is_err());
    open.text().await;
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while tokio_tungstenite::connect_async(&url).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline);
        open.text().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_fault_hits_its_pair_and_leaves_the_others_alone() {
    let (options, control) = options();
    let server = Server::start(options).await;
    let mut client = server.client().await;
    client.subscribe("books", &["BTC-USDT", "ETH-USDT"]).await;
    let mut books = [Book::default(), Book::default()];
    let of = |frame: &Value| usize::from(frame["arg"]["instId"] == "ETH-USDT");
    while books.iter().any(|book| book.snapshots == 0) {
        let frame = client.json().await;
        if frame["event"].is_null() {
            books[of(&frame)].apply(&frame);
        }
    }
    let injected = inject(&control, "drop:ETH-USDT:count=5").await;
    let mut gaps = 0;
    for _ in 0..200 {
        let frame = client.json().await;
        if of(&frame) == 0 {
            books[0].apply(&frame);
        } else {
            let data = &frame["data"][0];
            gaps += usize::from(data["prevSeqId"] != books[1].seq_id);
            books[1].seq_id = data["seqId"].as_i64().unwrap();
        }
    }
    // Five in a row are one gap.
    assert_eq!((gaps, hits(&control, injected.number)), (1, 5));
    server.stop().await;
}
