//! A client of the live stream.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// One WebSocket to the stream.
pub struct Stream {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Stream {
    /// Connects; `protocols` as a browser would name them, `leadline.v1` first.
    pub async fn open(addr: &str, protocols: &str) -> Self {
        Self::with(addr, &[("Sec-WebSocket-Protocol", protocols)]).await.expect("the host takes the stream")
    }

    /// Connects with headers; or the HTTP status that refused it.
    pub async fn with(addr: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{addr}/api/v1/stream").into_client_request().expect("an address");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Says something.
    pub async fn say(&mut self, request: &Value) {
        self.socket.send(Message::text(request.to_string())).await.expect("the host listens");
    }

    /// Subscribes to topics, and waits for the answer.
    pub async fn subscribe(&mut self, topics: &[&str]) -> Value {
        self.say(&serde_json::json!({"op": "subscribe", "topics": topics})).await;
        self.next_of("type", "subscribed").await
    }

    /// The next message; none: closed, with this code.
    pub async fn next(&mut self) -> Result<Value, Option<u16>> {
        let next = tokio::time::timeout(super::DEADLINE, async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                    Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(None),
                }
            }
        });
        next.await.expect("the host says something")
    }

    /// The next message in which a member has a value; others are passed over.
    pub async fn next_of(&mut self, member: &str, value: &str) -> Value {
        loop {
            let message = self.next().await.unwrap_or_else(|code| panic!("closed with {code:?} before {member} {value}"));
            if message[member] == value {
                return message;
            }
        }
    }
}
