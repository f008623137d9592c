//! An exchange that says exactly what a test wants, frame by frame, and tells what it was asked.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// Where the host connects to.
pub struct Exchange {
    pub url: String,
    connections: Mutex<mpsc::Receiver<Connection>>,
    accepted: Arc<std::sync::Mutex<Vec<Instant>>>,
}

/// One connection of the host.
pub struct Connection {
    socket: WebSocketStream<TcpStream>,
}

impl Exchange {
    /// Listens on a free port.
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}/ws/v5/public", listener.local_addr().expect("its address"));
        let (sender, connections) = mpsc::channel(16);
        let accepted = Arc::new(std::sync::Mutex::new(Vec::new()));
        let noted = Arc::clone(&accepted);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                noted.lock().unwrap().push(Instant::now());
                if let Ok(socket) = tokio_tungstenite::accept_async(stream).await
                    && sender.send(Connection { socket }).await.is_err()
                {
                    return;
                }
            }
        });
        Arc::new(Self { url, connections: Mutex::new(connections), accepted })
    }

    /// When connections were accepted.
    pub fn accepted(&self) -> Vec<Instant> {
        self.accepted.lock().unwrap().clone()
    }

    /// Whether the host has made a connection that no test took yet.
    pub async fn is_asked(&self) -> bool {
        !self.connections.lock().await.is_empty()
    }

    /// The host's next connection.
    pub async fn connection(&self) -> Connection {
        tokio::time::timeout(super::DEADLINE, async { self.connections.lock().await.recv().await })
            .await
            .expect("the host connects")
            .expect("listening")
    }

    /// The host's next connection, subscribed.
    pub async fn subscribed(&self) -> Connection {
        let mut connection = self.connection().await;
        connection.expect(r#""op":"subscribe""#).await;
        connection.acknowledge("subscribe").await;
        connection
    }
}

impl Connection {
    /// Sends a text frame.
    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("the host listens");
    }

    /// Waits for a request that contains `part`.
    pub async fn expect(&mut self, part: &str) {
        let found = tokio::time::timeout(super::DEADLINE, async {
            while let Some(Ok(message)) = self.socket.next().await {
                if message.to_text().is_ok_and(|text| text.contains(part)) {
                    return true;
                }
            }
            false
        });
        assert!(found.await.unwrap_or(false), "the host never sent {part}");
    }

    /// The next request of the host, whatever it is.
    pub async fn request(&mut self) -> String {
        let next = tokio::time::timeout(super::DEADLINE, async {
            while let Some(Ok(message)) = self.socket.next().await {
                if let Ok(text) = message.to_text()
                    && !text.is_empty()
                {
                    return text.to_owned();
                }
            }
            panic!("the host closed the connection");
        });
        next.await.expect("the host asks")
    }

    /// Waits until the host closes the connection, and tells what it sent before.
    pub async fn until_closed(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        let end = tokio::time::timeout(super::DEADLINE, async {
            while let Some(Ok(message)) = self.socket.next().await {
                match message {
                    Message::Text(text) => sent.push(text.to_string()),
                    Message::Close(_) => break,
                    _ => {}
                }
            }
        });
        end.await.expect("the host closes the connection");
        sent
    }

    /// Closes the connection with a code.
    pub async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
        let _ = self.socket.close(Some(frame)).await;
    }

    /// Acknowledges a subscription to another pair.
    pub async fn acknowledge_pair(&mut self, event: &str, pair: &str) {
        self.send(&format!(r#"{{"event":"{event}","arg":{{"channel":"books","instId":"{pair}"}},"connId":"a1"}}"#)).await;
    }

    /// Acknowledges a request for BTC-USDT.
    pub async fn acknowledge(&mut self, event: &str) {
        self.send(&format!(r#"{{"event":"{event}","arg":{{"channel":"books","instId":"BTC-USDT"}},"connId":"a1"}}"#)).await;
    }

    /// Cuts the connection without a word.
    pub fn cut(self) {}

    /// A snapshot of `levels` levels a side around 100, with `seqId` `id`.
    pub async fn snapshot(&mut self, id: i64, levels: u32) {
        let side = |sign: f64| {
            (1..=levels).map(|i| format!(r#"["{:.1}","{}","0","2"]"#, 100.0 + sign * f64::from(i) / 10.0, i)).collect::<Vec<_>>().join(",")
        };
        let frame = frame("snapshot", &side(1.0), &side(-1.0), 1_800_000_000_000 + id as u64, id, -1);
        self.send(&frame).await;
    }

    /// The same, where the host may have gone.
    pub async fn try_snapshot(&mut self, id: i64, levels: u32) {
        let bids = (1..=levels).map(|i| format!(r#"["{:.1}","{i}","0","2"]"#, 100.0 - f64::from(i) / 10.0)).collect::<Vec<_>>().join(",");
        let _ = self.socket.send(Message::text(frame("snapshot", "", &bids, 1_800_000_000_000, id, -1))).await;
    }

    /// An update of the best bid's size that follows `previous`.
    pub async fn update(&mut self, previous: i64, id: i64) {
        let frame = frame("update", "", &format!(r#"["99.9","{id}","0","1"]"#), 1_800_000_000_000 + id as u64, id, previous);
        self.send(&frame).await;
    }
}

/// A `books` frame of a pair in today's form.
pub fn frame_of(pair: &str, action: &str, asks: &str, bids: &str, ts: u64, id: i64, previous: i64) -> String {
    frame(action, asks, bids, ts, id, previous).replace("BTC-USDT", pair)
}

/// A `books` frame of BTC-USDT in today's form.
pub fn frame(action: &str, asks: &str, bids: &str, ts: u64, id: i64, previous: i64) -> String {
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[{asks}],"bids":[{bids}],"ts":"{ts}","checksum":0,"seqId":{id},"prevSeqId":{previous}}}]}}"#
    )
}
