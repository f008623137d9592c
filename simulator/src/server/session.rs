//! One WebSocket connection from upgrade to close: a reader that answers requests, a writer that empties the queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::client::{Client, Goodbye, Queued};
use super::limits::Window;
use super::line::Wire;
use super::protocol::{MAX_REQUEST_BYTES, Operation, Refusal, Request};
use crate::source::Wanted;

/// Longest message that is read at all; between this and the longest request there is an error to answer with.
const MAX_MESSAGE_BYTES: usize = 2 * MAX_REQUEST_BYTES;
/// Frames written before the socket is flushed, at most.
const BATCH: usize = 64;

/// Answers every path that isn't a REST call: a WebSocket if one is asked for.
pub(super) async fn upgrade(
    State(shared): State<Shared>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match upgrade {
        Ok(_) if !shared.take_connect() => (StatusCode::TOO_MANY_REQUESTS, "Too many connections within a second.\n").into_response(),
        Ok(upgrade) => upgrade.max_message_size(MAX_MESSAGE_BYTES).max_frame_size(MAX_MESSAGE_BYTES).on_upgrade(move |socket| {
            let sessions = shared.sessions.clone();
            sessions.track_future(session(socket, wire, shared))
        }),
        Err(_) => (StatusCode::NOT_FOUND, "There is a WebSocket here (any path), and REST under /api/v5.\n").into_response(),
    }
}

async fn session(socket: WebSocket, wire: Wire, shared: Shared) {
    let id = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let (client, queue) = Client::new(id, shared.queue_frames, shared.stall, wire);
    let client = Arc::new(client);
    shared.hub.enter(&client);
    let (sink, mut stream) = socket.split();
    tracing::debug!(connection = client.conn_id(), "connected");
    let mut writer = tokio::spawn(write(sink, queue, Arc::clone(&client)));
    tokio::select! {
        () = read(&mut stream, &shared, &client) => {}
        () = client.closed() => {}
        () = client.idle(shared.limits.idle) => client.close(Goodbye::Idle),
        () = shared.stop.cancelled() => client.close(Goodbye::Stopping),
        () = shared.complete.cancelled() => client.close(Goodbye::Complete),
    }
    // Whatever ended it: nothing more is queued, and the writer says goodbye.
    client.close(Goodbye::Stopping);
    shared.hub.leave(&client);
    shared.source.leave(&client).await;
    // Reading goes on until the client has seen the close frame: a socket dropped with bytes unread would take it along.
    let drained = async { while let Some(Ok(_)) = stream.next().await {} };
    let patience = client.patience();
    let _ = tokio::join!(tokio::time::timeout(patience, drained), tokio::time::timeout(2 * patience, &mut writer));
    writer.abort();
    tracing::debug!(connection = client.conn_id(), reason = ?client.reason(), "closed");
}

/// Answers requests until the client goes.
async fn read(stream: &mut SplitStream<WebSocket>, shared: &Shared, client: &Arc<Client>) {
    let mut second = Window::new(shared.limits.requests_a_second, Duration::from_secs(1));
    let mut hour = Window::new(shared.limits.requests_an_hour, Duration::from_secs(3600));
    while let Some(message) = stream.next().await {
        client.active();
        let mut may_ask = || second.take(Instant::now()) && hour.take(Instant::now());
        let answered = match message {
            Ok(Message::Text(text)) if text.as_str() == "ping" => client.reply("pong".to_owned()).await,
            Ok(Message::Text(text)) => request(text.as_str(), shared, client, &mut may_ask).await,
            Ok(Message::Binary(bytes)) => request(&String::from_utf8_lossy(&bytes), shared, client, &mut may_ask).await,
            Ok(Message::Ping(_) | Message::Pong(_)) => true,
            Ok(Message::Close(_)) => false,
            Err(error) => {
                if is_too_long(&error) {
                    client.close(Goodbye::TooLong);
                }
                false
            }
        };
        if !answered {
            break;
        }
    }
}

/// The library's error is in a box without a type of its own here: its words are what there is.
fn is_too_long(error: &axum::Error) -> bool {
    error.to_string().contains("too long")
}

/// Answers one request; false if the client is closed.
async fn request(text: &str, shared: &Shared, client: &Arc<Client>, may_ask: &mut (dyn FnMut() -> bool + Send)) -> bool {
    let conn_id = client.conn_id();
    let request = match Request::parse(text) {
        Ok(request) => request,
        Err(refusal) => return client.reply(refusal.text(&conn_id)).await,
    };
    if !may_ask() {
        return client.reply(Refusal::too_often(request.id).text(&conn_id)).await;
    }
    let mut wanted: Vec<Wanted> = Vec::with_capacity(request.args.len());
    for (arg, raw) in &request.args {
        let refusal = match arg {
            Some(arg) if shared.source.offers(arg) => {
                let ack = request.ack(raw, &conn_id);
                // The same instrument twice in one request is one subscription, acknowledged once.
                if !wanted.iter().any(|other| other.arg == *arg) {
                    wanted.push(Wanted { arg: arg.clone(), ack });
                }
                continue;
            }
            Some(arg) => Refusal::unknown(request.id.clone(), arg),
            None => Refusal::bad_args(request.id.clone(), Some(raw)),
        };
        if !client.reply(refusal.text(&conn_id)).await {
            return false;
        }
    }
    match request.operation {
        Operation::Subscribe if wanted.is_empty() => {}
        Operation::Subscribe => {
            let pairs = {
                let mut pairs = client.pairs();
                pairs.extend(wanted.iter().map(|one| one.arg.inst_id.clone()));
                pairs.len()
            };
            let most = shared.limits.channels as usize;
            if most > 0 && pairs > most {
                client.close(Goodbye::TooManyChannels);
                return false;
            }
            for one in &wanted {
                client.lane.forget(&one.arg.inst_id);
            }
            shared.source.subscribe(client, wanted).await;
        }
        Operation::Unsubscribe => {
            for one in wanted {
                client.pairs().remove(&one.arg.inst_id);
                client.lane.forget(&one.arg.inst_id);
                shared.source.unsubscribe(client, one).await;
            }
        }
    }
    client.is_open()
}

/// Empties the queue into the socket, then says goodbye.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Queued>, client: Arc<Client>) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let taken = tokio::select! {
            biased;
            () = client.closed() => break,
            taken = queue.recv_many(&mut batch, BATCH) => taken,
        };
        if taken == 0 {
            break;
        }
        // A client that takes nothing is cut off: the market saw its queue full.
        let sent = tokio::select! {
            sent = send_all(&mut sink, &mut batch, &client) => sent,
            () = async { client.closed().await; tokio::time::sleep(client.patience()).await } => false,
        };
        client.active();
        if !sent {
            client.close(Goodbye::Stopping);
            return;
        }
    }
    if client.reason() == Goodbye::Complete {
        queue.close();
        while queue.recv_many(&mut batch, BATCH).await > 0 {
            if !send_all(&mut sink, &mut batch, &client).await {
                return;
            }
        }
    }
    let Some((code, reason)) = client.reason().code() else { return };
    let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _ = tokio::time::timeout(client.patience(), sink.send(close)).await;
}

/// Writes a batch and flushes once, and before each wait for a delayed frame; false if the client has gone.
async fn send_all(sink: &mut SplitSink<WebSocket, Message>, batch: &mut Vec<Queued>, client: &Client) -> bool {
    for Queued { message, not_before } in batch.drain(..) {
        if let Some(due) = not_before.filter(|due| *due > Instant::now()) {
            if sink.flush().await.is_err() {
                return false;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                // What is late when the connection closes is lost with it.
                () = client.closed() => return true,
            }
        }
        if sink.feed(message).await.is_err() {
            return false;
        }
    }
    sink.flush().await.is_ok()
}
