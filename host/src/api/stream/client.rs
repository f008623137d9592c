//! One WebSocket: what its client has, what it asks for, and when it is let go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message as Frame, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::documents;
use super::hub::{Hub, Place, Subscription};
use super::protocol::{self, Message, Request};
use super::topic::Topic;
use crate::api::app::App;
use crate::api::error::ApiError;
use crate::api::security::{Caller, Tokens};

/// Clients at once.
const CLIENTS: usize = 256;
/// Topics a client may have.
const TOPICS: usize = 64;
/// Longest message of a client, bytes.
const REQUEST: usize = 16 << 10;
/// Messages that a client may send in one beat.
const REQUESTS: u32 = 50;
/// At least so often something is sent, and the client's token is looked at.
const BEAT: Duration = Duration::from_secs(2);
/// Beats without a word of the client, to pings either, until it is let go.
const SILENT_BEATS: u32 = 15;
/// A client that takes nothing for so long is let go.
const SLOW: Duration = Duration::from_secs(10);
/// The protocol's name, as browsers ask for it.
const PROTOCOL: &str = "leadline.v1";

/// Why a connection is closed; the codes of `docs/api.md`.
mod close {
    pub(super) const STOPPING: u16 = 1001;
    pub(super) const TOKEN_GONE: u16 = 4401;
    pub(super) const SILENT: u16 = 4408;
    pub(super) const TOO_MANY_REQUESTS: u16 = 4429;
}

pub(in crate::api) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(stream))
}

/// Live values: one WebSocket, on which a client subscribes to topics.
///
/// `docs/api.md` describes the messages. A browser names the protocol `leadline.v1`, and its token as a second one,
/// `leadline.token.TOKEN`.
#[utoipa::path(
    get,
    path = "/api/v1/stream",
    tag = "stream",
    responses(
        (status = 101, description = "A WebSocket; the client sends `Request`, the host `Message` and news of topics"),
        (status = 503, description = "As many clients as may be are there", body = crate::api::error::ErrorBody)
    )
)]
async fn stream(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return ApiError::bad_request("no_websocket", "this is a WebSocket", "connect to it with ws:// or wss://").into_response();
    };
    let Some(place) = app.hub.enter(CLIENTS) else {
        return ApiError::unavailable("too_many_clients", format!("{CLIENTS} clients have the stream already"), "try again later")
            .into_response();
    };
    let asked = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let plain = !asked.flat_map(|list| list.split(',')).any(|protocol| protocol.trim() == PROTOCOL);
    let client = Client {
        plain,
        hub: Arc::clone(&app.hub),
        caller,
        tokens: Arc::clone(&app.tokens),
        has: BTreeMap::new(),
        requests: 0,
        silent: 0,
        _place: place,
    };
    // A message is at most a few hundred kilobytes; what the socket holds back beyond one is no more than that.
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(REQUEST).max_frame_size(REQUEST);
    let stop = app.stop.clone();
    upgrade.on_upgrade(move |socket| client.serve(socket, stop))
}

struct Client {
    hub: Arc<Hub>,
    caller: Caller,
    tokens: Arc<Tokens>,
    has: BTreeMap<Topic, Subscription>,
    requests: u32,
    silent: u32,
    /// It asked for no protocol: it gets the state as bare documents.
    plain: bool,
    _place: Place,
}

/// Why a client is let go.
enum End {
    /// It went, or takes nothing.
    Gone,
    /// We say why.
    Close(u16, &'static str),
}

impl Client {
    async fn serve(mut self, mut socket: WebSocket, stop: CancellationToken) {
        let end = self.talk(&mut socket, &stop).await;
        if let End::Close(code, reason) = end {
            if code != close::STOPPING {
                self.hub.counts().let_go.fetch_add(1, Ordering::Relaxed);
            }
            let frame = CloseFrame { code, reason: reason.into() };
            let _ = tokio::time::timeout(Duration::from_secs(1), socket.send(Frame::Close(Some(frame)))).await;
        }
    }

    async fn talk(&mut self, socket: &mut WebSocket, stop: &CancellationToken) -> End {
        let mut bell = self.hub.bell();
        let mut beat = tokio::time::interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let welcome = Message::Welcome {
            run: self.hub.run().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            heartbeat_ms: u64::try_from(BEAT.as_millis()).unwrap_or(u64::MAX),
            topics_max: TOPICS,
        };
        let mut quiet = true;
        let begun = if self.plain {
            self.has.extend(self.hub.subscribe(&Topic::State, 0).map(|subscription| (Topic::State, subscription)));
            self.news(socket).await.map(drop)
        } else {
            self.send(socket, welcome.text()).await
        };
        if let Err(end) = begun {
            return end;
        }
        loop {
            let done = tokio::select! {
                rung = bell.changed() => match rung {
                    Ok(()) => self.news(socket).await.map(|sent| quiet &= !sent),
                    Err(_) => Err(End::Close(close::STOPPING, "the host stops")),
                },
                heard = socket.recv() => match heard {
                    Some(Ok(Frame::Text(text))) => self.hear(socket, &text).await,
                    Some(Ok(Frame::Binary(_))) => self.hear(socket, "").await,
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => { self.silent = 0; Ok(()) }
                    Some(Ok(Frame::Close(_)) | Err(_)) | None => Err(End::Gone),
                },
                _ = beat.tick() => self.beat(socket, std::mem::replace(&mut quiet, true)).await,
                () = stop.cancelled() => Err(End::Close(close::STOPPING, "the host stops")),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Sends what is new of every topic; whether anything was.
    async fn news(&mut self, socket: &mut WebSocket) -> Result<bool, End> {
        let mut any = false;
        for subscription in self.has.values_mut() {
            // Asked for when it is its turn: while an earlier one was sent, a newer one may have come.
            if let Some(text) = subscription.take() {
                let text = if self.plain { documents::bare(&text).unwrap_or_default() } else { text };
                send(&self.hub, socket, text).await?;
                any = true;
            }
        }
        Ok(any)
    }

    async fn hear(&mut self, socket: &mut WebSocket, text: &str) -> Result<(), End> {
        self.silent = 0;
        self.requests += 1;
        if self.requests > REQUESTS {
            return Err(End::Close(close::TOO_MANY_REQUESTS, "too many requests"));
        }
        if self.plain {
            return Ok(());
        }
        let request = match protocol::read(text) {
            Ok(request) => request,
            Err(error) => return self.send(socket, error.text()).await,
        };
        match request {
            Request::Ping => return self.send(socket, Message::pong().text()).await,
            Request::Subscribe { topics, since, run } => {
                let known = run.as_deref() == Some(self.hub.run());
                for name in topics {
                    let since = since.get(&name).copied().filter(|_| known).unwrap_or(0);
                    if let Err(error) = self.subscribe(&name, since) {
                        self.send(socket, error.text()).await?;
                    }
                }
            }
            Request::Unsubscribe { topics } => {
                for name in topics {
                    match protocol::topic(&name) {
                        Ok(topic) => drop(self.has.remove(&topic)),
                        Err(error) => self.send(socket, error.text()).await?,
                    }
                }
            }
        }
        let topics = self.has.keys().map(ToString::to_string).collect();
        self.send(socket, Message::Subscribed { topics }.text()).await?;
        // A topic that others have already has news at once.
        self.news(socket).await.map(drop)
    }

    fn subscribe(&mut self, name: &str, since: u64) -> Result<(), Message> {
        let topic = protocol::topic(name)?;
        if self.has.contains_key(&topic) {
            return Ok(());
        }
        if self.has.len() >= TOPICS {
            return Err(Message::Error {
                code: "too_many_topics",
                message: format!("a client has at most {TOPICS} topics"),
                hint: "unsubscribe from some, or open a second connection",
            });
        }
        let Some(subscription) = self.hub.subscribe(&topic, since) else {
            return Err(Message::Error {
                code: "too_many_topics",
                message: "all clients together have as many topics as may be".to_owned(),
                hint: "try again later, or subscribe to what others have",
            });
        };
        self.has.insert(topic, subscription);
        Ok(())
    }

    async fn beat(&mut self, socket: &mut WebSocket, quiet: bool) -> Result<(), End> {
        self.requests = 0;
        self.silent += 1;
        if self.silent > SILENT_BEATS {
            return Err(End::Close(close::SILENT, "nothing was heard for 30 s"));
        }
        if !self.tokens.still_has(&self.caller) {
            return Err(End::Close(close::TOKEN_GONE, "the token is no longer good"));
        }
        if quiet && !self.plain {
            self.send(socket, Message::heartbeat().text()).await?;
        }
        // A client's answer to it shows that the line is alive both ways.
        frame(&self.hub, socket, Frame::Ping(Default::default())).await
    }

    async fn send(&self, socket: &mut WebSocket, text: Utf8Bytes) -> Result<(), End> {
        send(&self.hub, socket, text).await
    }
}

async fn send(hub: &Hub, socket: &mut WebSocket, text: Utf8Bytes) -> Result<(), End> {
    frame(hub, socket, Frame::Text(text)).await
}

async fn frame(hub: &Hub, socket: &mut WebSocket, frame: Frame) -> Result<(), End> {
    match tokio::time::timeout(SLOW, socket.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::Gone),
        // A close frame would wait behind what it doesn't take.
        Err(_) => {
            hub.counts().let_go.fetch_add(1, Ordering::Relaxed);
            Err(End::Gone)
        }
    }
}
