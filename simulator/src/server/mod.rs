//! The exchange's front: WebSocket sessions on every path, REST calls on theirs, start and stop.
//!
//! # Layout
//!
//! - `line`: below HTTP: connections that are refused or go half-open.
//! - `limits`: how often something may be done.
//! - `client`: a client's bounded queue; the one place that every frame passes between market and socket.
//! - `session`: one WebSocket connection from upgrade to close.
//! - `protocol`: requests, acknowledgements and errors as text.
//! - `rest`: the public REST calls.

mod client;
mod limits;
mod line;
mod protocol;
mod rest;
mod session;

use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use self::client::{Client, Goodbye, Pressure};
use self::limits::Window;
pub(crate) use self::line::Refusing;
use self::line::{Gate, Wire};
pub(crate) use self::protocol::{Arg, Refusal};
use crate::control::{self, Hub};
use crate::error::SimulatorError;
use crate::options::{Limits, Options, Served};
use crate::source::{Exchange, Library, Source};

/// How long sessions may take to say goodbye when the server stops. It covers a slow reader's last frames.
const GOODBYE: Duration = Duration::from_secs(15);

/// What every session and every REST call needs.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) source: Source,
    /// Who is connected, and what is done to them.
    pub(crate) hub: Arc<Hub>,
    limits: Limits,
    /// WebSockets opened, and REST calls.
    connects: Arc<Mutex<Window>>,
    calls: Arc<Mutex<Window>>,
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

impl Shared {
    /// Counts a WebSocket; false if it is one too many.
    fn take_connect(&self) -> bool {
        self.connects.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now())
    }
}

/// Answers 429 where REST calls come too often.
async fn limit_calls(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let free = shared.calls.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
    if free {
        return next.run(request).await;
    }
    (StatusCode::TOO_MANY_REQUESTS, r#"{"code":"50011","msg":"Too Many Requests","data":[]}"#).into_response()
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
        Served::Generated(generated) => Source::Generated(Arc::new(Exchange::new(generated, options.truth))),
        Served::Recorded(recorded) => Source::Recorded(Arc::new(Library::open(recorded)?)),
    };
    let refusing = Refusing::default();
    let hub = Arc::new(Hub::new(source.clone(), refusing.clone()));
    // A slip on the command line is told at once, not when its time comes.
    options.faults.iter().try_for_each(|fault| hub.check(fault))?;
    let a_second = |limit: u32| Arc::new(Mutex::new(Window::new(limit, Duration::from_secs(1))));
    let shared = Shared {
        source: source.clone(),
        hub: Arc::clone(&hub),
        limits: options.limits,
        connects: a_second(options.limits.connects_a_second),
        calls: a_second(options.limits.rest_a_second),
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
    let calls = rest::routes().layer(middleware::from_fn_with_state(shared.clone(), limit_calls));
    let app = Router::new().merge(calls).merge(control::routes()).fallback(session::upgrade).with_state(shared.clone());
    let app = app.into_make_service_with_connect_info::<Wire>();
    let listener = Gate { listener, refusing };
    options.control.attach(&hub);
    hub.start(&options.faults, options.chaos.as_ref(), options.checksums());
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
    hub.stop();
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
