//! What the tests share: a book of their own (neither the generator's nor the host's) and a WebSocket client with a deadline.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use leadline_simulator::{Options, SimulatorError, listen, serve};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Longest that a test waits for anything.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A book kept from frames alone; every rule of the stream is asserted on the way.
#[derive(Debug, Default)]
pub struct Book {
    /// Asks, then bids: price in 1e-8 -> (size, orders).
    pub sides: [BTreeMap<i64, (f64, u32)>; 2],
    pub seq_id: i64,
    pub ts_ms: u64,
    pub snapshots: usize,
    pub deletes: usize,
    pub unknown_deletes: usize,
    /// Identifiers may go back: counted instead of refused.
    pub may_reset: bool,
    pub resets: usize,
    /// Frames have checksums: verified instead of refused.
    pub checksums: bool,
    /// Asks, then bids: price and size as they were sent.
    pub texts: [BTreeMap<i64, (String, String)>; 2],
}

pub fn price(text: &str) -> i64 {
    (text.parse::<f64>().unwrap() * 1e8).round() as i64
}

impl Book {
    /// Applies a frame; returns the number of its levels.
    pub fn apply(&mut self, frame: &Value) -> usize {
        let data = &frame["data"][0];
        let (seq, prev) = (data["seqId"].as_i64().unwrap(), data["prevSeqId"].as_i64().unwrap());
        if frame["action"] == "snapshot" {
            assert_eq!(prev, -1);
            self.sides = Default::default();
            self.texts = Default::default();
            self.snapshots += 1;
        } else {
            assert_eq!(frame["action"], "update");
            assert_eq!(prev, self.seq_id, "the chain is broken");
            assert!(seq >= prev || self.may_reset);
            self.resets += usize::from(seq < prev);
        }
        let ts = data["ts"].as_str().unwrap().parse().unwrap();
        assert!(frame["action"] == "snapshot" || ts >= self.ts_ms, "time goes back");
        (self.seq_id, self.ts_ms) = (seq, ts);
        let mut count = 0;
        for ((side, texts), name) in self.sides.iter_mut().zip(&mut self.texts).zip(["asks", "bids"]) {
            let mut last = None;
            for level in data[name].as_array().unwrap() {
                let [text, size, third, orders] = [0, 1, 2, 3].map(|i| level[i].as_str().unwrap());
                for number in [text, size] {
                    assert!(!number.contains('.') || !number.ends_with('0') && !number.ends_with('.'), "trailing zeros: {number}");
                }
                assert_eq!(third, "0");
                let (price, size, orders) = (price(text), size.parse::<f64>().unwrap(), orders.parse::<u32>().unwrap());
                let better_first = last.is_none_or(|last| if name == "asks" { price > last } else { price < last });
                assert!(better_first, "{name} out of order or twice");
                last = Some(price);
                count += 1;
                if size == 0.0 {
                    self.deletes += 1;
                    self.unknown_deletes += usize::from(side.remove(&price).is_none());
                    texts.remove(&price);
                } else {
                    assert!(size > 0.0 && orders > 0 && price > 0);
                    side.insert(price, (size, orders));
                    texts.insert(price, (text.to_owned(), level[1].as_str().unwrap().to_owned()));
                }
            }
        }
        assert_eq!(data["checksum"], if self.checksums { self.checksum() } else { 0 });
        count
    }

    /// OKX's checksum, bit by bit.
    fn checksum(&self) -> i32 {
        let [asks, bids] = &self.texts;
        let (mut asks, mut bids) = (asks.values(), bids.values().rev());
        let mut parts = Vec::new();
        for _ in 0..25 {
            parts.extend([bids.next(), asks.next()].into_iter().flatten().map(|(price, size)| format!("{price}:{size}")));
        }
        let crc = parts.join(":").bytes().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
        });
        (!crc).cast_signed()
    }

    /// The digest that the simulator's truth has for this book.
    pub fn digest(&self) -> u64 {
        let level = |(&price, &(size, orders)): (&i64, &(f64, u32))| (price as f64 / 1e8, size, orders);
        leadline_simulator::digest(self.sides[1].iter().rev().map(level), self.sides[0].iter().map(level))
    }

    /// Best ask minus best bid, in 1e-8.
    pub fn spread(&self) -> i64 {
        self.sides[0].keys().next().unwrap() - self.sides[1].keys().next_back().unwrap()
    }

    /// What a window of 400 levels must be after every frame.
    pub fn assert_whole(&self) {
        assert_eq!([self.sides[0].len(), self.sides[1].len()], [400, 400]);
        assert!(self.spread() > 0, "crossed");
    }
}

/// A simulator on a port of its own.
pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    pub task: JoinHandle<Result<(), SimulatorError>>,
}

impl Server {
    pub async fn start(options: Options) -> Self {
        let listener = listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move {
            let _ = stopped.await;
        };
        Self { address, stop: Some(stop), task: tokio::spawn(serve(listener, options, stopped)) }
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        tokio::time::timeout(DEADLINE, self.task).await.unwrap().unwrap().unwrap();
    }

    pub async fn client(&self) -> Client {
        let url = format!("ws://{}/ws/v5/public", self.address);
        Client { socket: tokio_tungstenite::connect_async(url).await.unwrap().0 }
    }

    /// A client whose socket holds little, so that not reading is soon felt by the server.
    pub async fn client_with_small_buffer(&self) -> Client {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 << 10).unwrap();
        let socket = MaybeTlsStream::Plain(socket.connect(self.address).await.unwrap());
        let url = format!("ws://{}/ws/v5/public", self.address);
        Client { socket: tokio_tungstenite::client_async(url, socket).await.unwrap().0 }
    }

    /// The JSON that a GET answers.
    pub async fn get(&self, path: &str) -> Value {
        self.http("GET", path, "").await.1
    }

    /// Status and JSON that a request is answered with.
    pub async fn http(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(DEADLINE, socket.read_to_string(&mut answer)).await.unwrap().unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap())
    }
}

/// A client that never waits longer than the deadline.
pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Client {
    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub async fn subscribe(&mut self, channel: &str, instruments: &[&str]) {
        self.request("subscribe", channel, instruments).await;
    }

    pub async fn request(&mut self, operation: &str, channel: &str, instruments: &[&str]) {
        let args: Vec<_> = instruments.iter().map(|id| format!(r#"{{"channel":"{channel}","instId":"{id}"}}"#)).collect();
        self.send(&format!(r#"{{"id":"1512","op":"{operation}","args":[{}]}}"#, args.join(","))).await;
    }

    /// The next message of any kind; None at the end.
    pub async fn message(&mut self) -> Option<Message> {
        tokio::time::timeout(DEADLINE, self.socket.next()).await.expect("nothing came").and_then(Result::ok)
    }

    /// The next text.
    pub async fn text(&mut self) -> String {
        match self.message().await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// The next text as JSON.
    pub async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// Reads on until the end, answering the close frame as the library does, and gives that frame's code.
    pub async fn close_code(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(message) = self.message().await {
            if let Message::Close(frame) = message {
                code = frame.map(|frame| frame.code.into());
            }
        }
        code
    }
}
