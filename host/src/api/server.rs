//! Routes, the WebSocket, the page's files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use super::document::Document;
use super::metrics::{self, Metrics};
use crate::analysis::{Desks, MemoryDesk};
use crate::config::settings;
use crate::monitor::Monitor;

/// How often the stream is made, once for all who watch.
const EVERY: Duration = Duration::from_millis(250);
/// A watcher that takes nothing for so long is let go.
const SLOW: Duration = Duration::from_secs(10);
/// Watchers at once.
const MAX_WATCHERS: usize = 200;
/// What the page may load: its own files and its own stream, nothing else.
const CONTENT_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What the routes need.
#[derive(Clone)]
struct App {
    monitor: Arc<Monitor>,
    desks: Desks<MemoryDesk>,
    metrics: Arc<Metrics>,
    feed: Arc<str>,
    stream: watch::Receiver<Arc<str>>,
    watchers: Arc<AtomicUsize>,
    stop: CancellationToken,
}

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    web_dir: PathBuf,
}

/// Why the page can't be served.
#[derive(Debug, thiserror::Error)]
#[error("API_ADDR: can't listen on {addr}: {detail}\nhint: {hint}")]
pub struct ListenError {
    addr: String,
    detail: String,
    hint: &'static str,
}

impl Server {
    /// Takes the port.
    ///
    /// # Errors
    /// [`ListenError`] when the address can't be used or is taken.
    pub async fn listen(settings: &settings::Api) -> Result<Self, ListenError> {
        let listener = TcpListener::bind(&settings.addr).await.map_err(|error| ListenError {
            addr: settings.addr.clone(),
            detail: error.to_string(),
            hint: if error.kind() == std::io::ErrorKind::AddrInUse {
                "another program has the port; --api-addr 127.0.0.1:0 takes any free one"
            } else {
                "the address is host:port, such as 127.0.0.1:8710"
            },
        })?;
        Ok(Self { listener, web_dir: settings.web_dir.clone() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system doesn't say.
    pub fn addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`.
    pub async fn run(self, monitor: Arc<Monitor>, desks: Desks<MemoryDesk>, feed: String, stop: CancellationToken) {
        let (sender, stream) = watch::channel(Arc::from("{}"));
        let metrics = Arc::new(Metrics::new(Arc::clone(&monitor), desks.clone()));
        let app = App { monitor, desks, metrics, feed: feed.into(), stream, watchers: Arc::default(), stop: stop.clone() };
        let ticker = tokio::spawn(tick(app.clone(), sender));
        let header = |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
        let routes = Router::new()
            .route("/api/v1/state", get(state))
            .route("/api/v1/stream", get(stream_to))
            .route("/metrics", get(scrape))
            .route("/healthz", get(|| async { "alive\n" }))
            .with_state(app);
        let routes = if self.web_dir.join("index.html").is_file() {
            routes.fallback_service(ServeDir::new(&self.web_dir))
        } else {
            tracing::warn!(dir = %self.web_dir.display(), "the page is not built\nhint: `make web` builds it, API_WEB_DIR names its folder");
            routes.fallback(|| async { (StatusCode::NOT_FOUND, Html("<h1>Leadline</h1><p>The page is not built: run <code>make web</code>. The state is at <a href=\"/api/v1/state\">/api/v1/state</a>.</p>")) })
        };
        let routes = routes
            .layer(header(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY))
            .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .layer(header(header::REFERRER_POLICY, "no-referrer"));
        let stopped = stop.clone();
        if let Err(error) = axum::serve(self.listener, routes).with_graceful_shutdown(async move { stopped.cancelled().await }).await {
            tracing::error!("the page is no longer served: {error}");
        }
        let _ = ticker.await;
    }
}

/// Makes the document a few times a second while somebody watches.
async fn tick(app: App, sender: watch::Sender<Arc<str>>) {
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

impl App {
    fn document(&self) -> Document {
        Document::now(&self.monitor, &self.desks, &self.feed)
    }
}

async fn state(State(app): State<App>) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(app.document())).into_response()
}

async fn scrape(State(app): State<App>) -> Response {
    match app.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn stream_to(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    if app.watchers.load(Ordering::Relaxed) >= MAX_WATCHERS {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many watchers; try again later\n").into_response();
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
