//! One open connection: requests within their budget, pings, the answers' ways back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Message};

use super::budget::Budget;
use super::dial::Socket;
use super::pace::Pace;

/// Requests whose pairs are remembered, for errors that name the request alone.
const REMEMBERED: usize = 64;
/// Longest wait for the goodbye of a connection that is given up.
const GOODBYE: Duration = Duration::from_millis(700);
/// Wait after "too many requests", doubled each time up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is asked of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Subscribe,
    Unsubscribe,
}

/// Why a request wasn't sent.
pub(super) enum Unsent {
    /// The budget is used up until then.
    Later(Instant),
    /// The connection takes nothing.
    Lost(String),
}

pub(super) struct Connection {
    socket: Socket,
    /// When it was opened.
    pub(super) opened: Instant,
    /// When the last message came.
    heard: Instant,
    /// A ping waits for its answer since then.
    pinged: Option<Instant>,
    requests: Budget,
    /// Requests sent.
    sent: u64,
    /// The last requests: number and pairs.
    asked: VecDeque<(u64, Vec<Arc<str>>)>,
    /// The exchange wants no requests before this.
    quiet_until: Option<Instant>,
    /// Times it said so.
    quieted: u32,
}

impl Connection {
    pub(super) fn new(socket: Socket, pace: &Pace) -> Self {
        let now = Instant::now();
        Self {
            socket,
            opened: now,
            heard: now,
            pinged: None,
            requests: Budget::new(pace.requests, pace.requests_window),
            sent: 0,
            asked: VecDeque::new(),
            quiet_until: None,
            quieted: 0,
        }
    }

    /// The next message. Can be dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        self.socket.next().await
    }

    /// Something came: the peer lives.
    pub(super) fn alive(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    /// Sends one request about some pairs.
    pub(super) async fn ask(&mut self, operation: Operation, channel: &str, pairs: &[Arc<str>], pace: &Pace) -> Result<(), Unsent> {
        let now = Instant::now();
        if let Some(until) = self.quiet_until.filter(|&until| until > now) {
            return Err(Unsent::Later(until));
        }
        self.requests.take(1, now).map_err(Unsent::Later)?;
        self.sent += 1;
        let op = match operation {
            Operation::Subscribe => "subscribe",
            Operation::Unsubscribe => "unsubscribe",
        };
        let args: Vec<String> = pairs.iter().map(|pair| format!(r#"{{"channel":"{channel}","instId":"{pair}"}}"#)).collect();
        // The id comes back with the answer: an error may name nothing else.
        let text = format!(r#"{{"id":"{}","op":"{op}","args":[{}]}}"#, self.sent, args.join(","));
        if self.asked.len() == REMEMBERED {
            self.asked.pop_front();
        }
        self.asked.push_back((self.sent, pairs.to_vec()));
        self.send(&text, pace).await.map_err(Unsent::Lost)
    }

    /// The pairs that a request was about.
    pub(super) fn about(&self, request: &str) -> &[Arc<str>] {
        let Ok(number) = request.parse::<u64>() else { return &[] };
        self.asked.iter().find(|(sent, _)| *sent == number).map_or(&[], |(_, pairs)| pairs)
    }

    /// The exchange says that requests come too often: none before the time returned.
    pub(super) fn quiet(&mut self, now: Instant) -> Instant {
        let wait = (PAUSE * 2_u32.pow(self.quieted.min(5))).min(LONGEST_PAUSE);
        self.quieted += 1;
        *self.quiet_until.insert(now + wait)
    }

    /// Pings after silence.
    ///
    /// # Errors
    /// The peer is gone, in words.
    pub(super) async fn keep_alive(&mut self, now: Instant, pace: &Pace) -> Result<(), String> {
        match self.pinged {
            Some(pinged) if now >= pinged + pace.pong => Err(format!("no pong within {} s", pace.pong.as_secs_f64())),
            None if now >= self.heard + pace.silence => {
                self.pinged = Some(now);
                self.send("ping", pace).await
            }
            _ => Ok(()),
        }
    }

    /// When [`Connection::keep_alive`] has something to do, or [`Connection::doubt`] something to say.
    pub(super) fn wake_at(&self, pace: &Pace) -> Instant {
        match self.pinged {
            Some(pinged) if self.doubt(Instant::now(), pace).is_none() => pinged + pace.pong / 2,
            Some(pinged) => pinged + pace.pong,
            None => self.heard + pace.silence,
        }
    }

    /// Why the connection may be sick, while it isn't known to be dead.
    pub(super) fn doubt(&self, now: Instant, pace: &Pace) -> Option<String> {
        let pinged = self.pinged.filter(|&pinged| now >= pinged + pace.pong / 2)?;
        Some(format!("a ping is unanswered for {:.1} s", (now - pinged).as_secs_f64()))
    }

    async fn send(&mut self, text: &str, pace: &Pace) -> Result<(), String> {
        match tokio::time::timeout(pace.answer, self.socket.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the exchange takes nothing".to_owned()),
        }
    }

    /// Closes in good order, without making anybody wait.
    pub(super) fn close(mut self) {
        tokio::spawn(async move {
            let _ = tokio::time::timeout(GOODBYE, async {
                let _ = self.socket.close(None).await;
                while let Some(Ok(_)) = self.socket.next().await {}
            })
            .await;
        });
    }
}
