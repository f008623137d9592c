//! How the host is doing: state, metrics, whether it is alive.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::document::Document;
use super::error::ApiError;
use super::metrics;

/// How often the stream is made, once for all who watch.
const EVERY: Duration = Duration::from_millis(250);
/// A watcher that takes nothing for so long is let go.
const SLOW: Duration = Duration::from_secs(10);
/// Watchers at once.
const MAX_WATCHERS: usize = 200;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(state)).routes(routes!(scrape)).routes(routes!(alive)).routes(routes!(stream_to))
}

/// The whole state as the page shows it.
#[utoipa::path(get, path = "/api/v1/state", tag = "system", responses((status = 200, description = "The state now", body = Document)))]
async fn state(State(app): State<App>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(app.document())).into_response()
}

/// Metrics for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "system",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"))
)]
async fn scrape(State(app): State<App>) -> Response {
    match app.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => ApiError::of(StatusCode::INTERNAL_SERVER_ERROR, "no_metrics", error).into_response(),
    }
}

/// Whether the process is alive. Needs no token.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "system",
    security(()),
    responses((status = 200, description = "It is", body = String, content_type = "text/plain"))
)]
async fn alive() -> &'static str {
    "alive\n"
}

/// Makes the document a few times a second while somebody watches.
pub(super) async fn tick(app: App, sender: watch::Sender<Arc<str>>) {
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = app.stop.cancelled() => return,
        }
        if app.watchers.load(Ordering::Relaxed) == 0 {
            continue;
        }
        if let Ok(json) = serde_json::to_string(&app.document()) {
            sender.send_replace(json.into());
        }
    }
}

/// The state as a WebSocket: the newest document a few times a second.
#[utoipa::path(
    get,
    path = "/api/v1/stream",
    tag = "stream",
    responses((status = 101, description = "A WebSocket"))
)]
async fn stream_to(
    State(app): State<App>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return ApiError::bad_request("no_websocket", "this is a WebSocket", "connect to it with ws:// or wss://").into_response();
    };
    if app.watchers.load(Ordering::Relaxed) >= MAX_WATCHERS {
        return ApiError::unavailable("too_many_watchers", "too many watch already", "try again later").into_response();
    }
    upgrade.max_message_size(4096).on_upgrade(move |socket| watch_stream(app, socket))
}

/// Sends the newest document, each time there is one; a slow watcher skips what it missed.
async fn watch_stream(app: App, mut socket: WebSocket) {
    app.watchers.fetch_add(1, Ordering::Relaxed);
    let mut stream = app.stream.clone();
    let first = serde_json::to_string(&app.document()).unwrap_or_default();
    let mut alive = send(&mut socket, first.into()).await;
    while alive {
        tokio::select! {
            changed = stream.changed() => {
                if changed.is_err() {
                    break;
                }
                let json = Arc::clone(&stream.borrow_and_update());
                alive = send(&mut socket, json).await;
            }
            heard = socket.recv() => alive = matches!(heard, Some(Ok(message)) if !matches!(message, Message::Close(_))),
            () = app.stop.cancelled() => break,
        }
    }
    app.watchers.fetch_sub(1, Ordering::Relaxed);
}

async fn send(socket: &mut WebSocket, json: Arc<str>) -> bool {
    matches!(tokio::time::timeout(SLOW, socket.send(Message::text(&*json))).await, Ok(Ok(())))
}
