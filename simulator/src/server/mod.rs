//! The exchange's front: WebSocket sessions on every path, REST calls on theirs, start and stop.
//!
//! Layout:
//! - `client`: a client's bounded queue; the one place that every frame passes between market and socket.
//! - `session`: one WebSocket connection from upgrade to close.
//! - `protocol`: requests, acknowledgements and errors as text.
//! - `rest`: the public REST calls.

mod client;
mod protocol;
mod rest;
mod session;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::client::{Client, Pressure};
pub(crate) use self::protocol::Arg;
use crate::error::SimulatorError;
use crate::options::{Options, Served};
use crate::source::{Exchange, Library, Source};

/// How long sessions may take to say goodbye when the server stops. It covers a slow reader's last frames.
const GOODBYE: Duration = Duration::from_secs(15);

/// What every session and every REST call needs.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    source: Source,
    queue_frames: usize,
    stall: Duration,
    /// Numbers connections.
    connections: Arc<AtomicU64>,
    /// Sessions under way.
    sessions: TaskTracker,
    /// Ends all sessions at once.
    stop: CancellationToken,
    /// Ends all sessions after they sent what is queued.
    complete: CancellationToken,
}

/// Listens on an address such as `127.0.0.1:8701`; port 0 takes any free one.
///
/// # Errors
/// [`SimulatorError::Listen`] where the port is taken or the address isn't this machine's.
pub async fn listen(address: &str) -> Result<TcpListener, SimulatorError> {
    TcpListener::bind(address).await.map_err(|source| SimulatorError::Listen { address: address.to_owned(), source })
}

/// Serves until `stop` resolves, or until a recording that is played once was sent to everybody. Sessions are closed in an
/// orderly way: 1001 on `stop`, 1000 at the end of a recording.
///
/// # Errors
/// Refused options, unreadable recordings, and a server that fails while it runs.
pub async fn serve(listener: TcpListener, options: Options, stop: impl Future<Output = ()> + Send) -> Result<(), SimulatorError> {
    options.check()?;
    let source = match &options.served {
        Served::Generated(generated) => Source::Generated(Arc::new(Exchange::new(generated))),
        Served::Recorded(recorded) => Source::Recorded(Arc::new(Library::open(recorded)?)),
    };
    let shared = Shared {
        source: source.clone(),
        queue_frames: options.queue_frames,
        stall: options.stall,
        connections: Arc::default(),
        sessions: TaskTracker::new(),
        stop: CancellationToken::new(),
        complete: CancellationToken::new(),
    };
    let market = match &source {
        Source::Generated(exchange) => {
            let exchange = Arc::clone(exchange);
            Some(tokio::spawn(async move { exchange.run().await }))
        }
        Source::Recorded(_) => None,
    };
    let app = Router::new().merge(rest::routes()).fallback(session::upgrade).with_state(shared.clone());
    let listener = listener.tap_io(|socket| {
        // A frame waits for nothing: without this a small one may wait for the acknowledgement of the one before.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
    });
    let closing = CancellationToken::new();
    let mut server = tokio::spawn({
        let closing = closing.clone();
        async move { axum::serve(listener, app).with_graceful_shutdown(closing.cancelled_owned()).await }
    });
    let ended = tokio::select! {
        () = stop => { shared.stop.cancel(); None }
        () = source.finished() => { shared.complete.cancel(); None }
        ended = &mut server => Some(ended),
    };
    if let Some(market) = market {
        market.abort();
    }
    let result = match ended {
        Some(ended) => ended,
        None => {
            closing.cancel();
            shared.sessions.close();
            let goodbye = tokio::time::timeout(GOODBYE, async {
                shared.sessions.wait().await;
                (&mut server).await
            });
            goodbye.await.unwrap_or_else(|_| {
                server.abort();
                Ok(Ok(()))
            })
        }
    };
    result.unwrap_or_else(|lost| Err(std::io::Error::other(lost))).map_err(SimulatorError::Server)
}
