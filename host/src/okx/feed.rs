//! One pair from connection to lanes, over and over until it is taken away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use leadline_market::Instrument;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::instruments::Instruments;
use super::session::{End, Session};
use crate::config::settings;
use crate::lanes::Router;
use crate::monitor::{Monitor, PairCell};
use crate::pairs::PairState;
use crate::results::{Writer, keys};

/// Longest time for making a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// Waits between tries.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A connection that lasted so long was a good one.
const HEALTHY: Duration = Duration::from_secs(60);
/// A pair that the exchange refuses is tried again this slowly.
const REFUSED_WAIT: Duration = Duration::from_secs(60);
/// Largest frame taken: a full snapshot has 27 KB.
const MAX_FRAME: usize = 4 << 20;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The feed of one pair.
pub struct PairFeed {
    /// Its id.
    pub pair: Arc<str>,
    /// Addresses and channel.
    pub okx: settings::Okx,
    /// Shortest time between two writes of the book.
    pub orderbook_interval: Duration,
    /// The lanes.
    pub router: Router,
    /// Told to the buffered lane's consumer once it is known.
    pub instrument: watch::Sender<Option<Arc<Instrument>>>,
    /// Whom to ask about the instrument.
    pub instruments: Instruments,
    /// Books and states into Redis.
    pub writer: Arc<Writer>,
    /// Counters.
    pub monitor: Arc<Monitor>,
    /// The pair on the board.
    pub cell: Arc<PairCell>,
}

impl PairFeed {
    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let listed = tokio::select! {
            found = self.instruments.find(&self.pair) => found,
            () = stop.cancelled() => return,
        };
        match listed {
            Ok(instrument) => {
                self.instrument.send_replace(Some(Arc::new(instrument)));
            }
            Err(error) => tracing::warn!(pair = &*self.pair, "tick size and contract value are inferred from the book: {error}"),
        }
        let seed = self.pair.bytes().fold(crate::clock::since_start(), |seed, byte| seed.rotate_left(7) ^ u64::from(byte));
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT, seed);
        let mut failures = 0;
        while !stop.is_cancelled() {
            self.enter(PairState::Connecting);
            let socket = tokio::select! {
                socket = connect(&self.okx.ws_url) => socket,
                () = stop.cancelled() => break,
            };
            let wait = match socket {
                Err(error) => {
                    let wait = backoff.wait();
                    failures += 1_u64;
                    // Told on the 1st, 2nd, 4th ... failure: the state says it all the time.
                    if failures.is_power_of_two() {
                        tracing::warn!(pair = &*self.pair, failures, retry_ms = wait.as_millis() as u64, "{error}");
                    }
                    wait
                }
                Ok(socket) => {
                    failures = 0;
                    let began = Instant::now();
                    let end = self.converse(socket, &stop).await;
                    if began.elapsed() >= HEALTHY {
                        backoff.reset();
                    }
                    match end {
                        End::Stopped => break,
                        End::Refused { code, why } => {
                            tracing::warn!(
                                pair = &*self.pair,
                                code,
                                "the exchange refuses the pair: {why}; tried again in {} s",
                                REFUSED_WAIT.as_secs()
                            );
                            self.enter(PairState::Refused { code, why });
                            REFUSED_WAIT
                        }
                        End::Lost(why) => {
                            let wait = backoff.wait();
                            tracing::warn!(pair = &*self.pair, retry_ms = wait.as_millis() as u64, "connection lost: {why}");
                            wait
                        }
                    }
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => break,
            }
        }
        self.enter(PairState::Stopped);
        tracing::info!("Unsubscribed from {}", self.pair);
    }

    async fn converse(&mut self, socket: Socket, stop: &CancellationToken) -> End {
        self.monitor.counters.connects.add(1);
        self.monitor.connections.fetch_add(1, Ordering::Relaxed);
        let end = Session::new(self, socket).run(stop).await;
        self.monitor.connections.fetch_sub(1, Ordering::Relaxed);
        if !matches!(end, End::Stopped) {
            self.monitor.counters.disconnects.add(1);
        }
        end
    }

    /// Moves the pair to another state: on the board, in Redis, in the log.
    pub(super) fn enter(&self, state: PairState) {
        let word = state.word();
        if self.cell.enter(state) {
            tracing::debug!(pair = &*self.pair, state = word, "state");
            self.publish_state();
        }
    }

    /// Writes `feed:{id}`.
    pub(super) fn publish_state(&self) {
        let fields = self.cell.status().fields(&self.pair);
        self.writer.hash(keys::feed(&self.pair), fields);
    }
}

async fn connect(url: &str) -> Result<Socket, String> {
    let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
    // No delay for small frames: a ping or a subscription must not wait for company.
    match tokio::time::timeout(CONNECT, tokio_tungstenite::connect_async_with_config(url, Some(config), true)).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(format!("can't connect to {url}: {error}\nhint: check the network and OKX_WS_URL; the host keeps trying")),
        Err(_) => Err(format!(
            "can't connect to {url}: no answer within {} s\nhint: check the network and OKX_WS_URL; the host keeps trying",
            CONNECT.as_secs()
        )),
    }
}
