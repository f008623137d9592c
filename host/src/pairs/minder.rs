//! One pair from the wish to the goodbye: its instrument looked up and read again, its place on a line taken and given up.

use std::sync::Arc;
use std::time::Duration;

use leadline_market::{Instrument, State};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::state::PairState;
use crate::clock;
use crate::config::settings;
use crate::monitor::{Monitor, PairCell};
use crate::okx::{Lines, PairFeed, Rest, RestError, Seat};
use crate::results::{Writer, keys};

/// Wait before an instrument is asked for again that couldn't be read.
const AGAIN: Duration = Duration::from_secs(60);
/// What is left to an instrument when its end is told.
const SOON_MS: u64 = 24 * 3_600_000;
/// The exchange's listing follows an expiry after a while.
const AFTER_EXPIRY: Duration = Duration::from_secs(5);
/// How long the keys of a dead instrument stay.
const DEAD_KEYS_LAST: Duration = Duration::from_secs(3600);

/// What looks after one pair.
pub struct Minder {
    /// Its id.
    pub pair: Arc<str>,
    /// Whom to ask about the instrument.
    pub rest: Rest,
    /// The connections.
    pub lines: Arc<Lines>,
    /// Intervals.
    pub okx: settings::Okx,
    /// What is known of the instrument.
    pub instrument: watch::Sender<Option<Arc<Instrument>>>,
    /// The pair on the board.
    pub cell: Arc<PairCell>,
    /// Counters.
    pub monitor: Arc<Monitor>,
    /// Redis.
    pub writer: Arc<Writer>,
    /// Makes a feed for a place on a line.
    pub feed: Box<dyn Fn() -> PairFeed + Send + Sync>,
}

/// What a look at the listing showed.
enum Look {
    /// It can be subscribed to.
    Fine(Instrument),
    /// It can't be known: subscribed to all the same, and asked again soon.
    Unknown,
    /// The exchange lists no such instrument, or it has expired: the code and the words.
    Dead(&'static str, String),
}

impl Minder {
    /// Looks after the pair until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut seat: Option<Seat> = None;
        let mut told = Told::default();
        while !stop.is_cancelled() {
            let look = tokio::select! {
                look = self.look(&mut told) => look,
                () = stop.cancelled() => break,
            };
            let wait = match look {
                Look::Fine(instrument) => {
                    let wait = self.okx.instruments_interval.min(until_expiry(&instrument));
                    self.learn(instrument);
                    self.take(&mut seat, &mut told).await;
                    wait
                }
                Look::Unknown => {
                    self.take(&mut seat, &mut told).await;
                    AGAIN.min(self.okx.instruments_interval)
                }
                Look::Dead(code, why) => {
                    self.give_up(&mut seat, &mut told, code, why).await;
                    self.okx.pace.refused
                }
            };
            let lost = async {
                match &seat {
                    Some(seat) => seat.lost().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.rest_for(wait) => {}
                () = lost => {
                    tracing::error!(pair = &*self.pair, "the pair's connection task ended unasked, and the pair gets a new one");
                    seat = None;
                }
                () = stop.cancelled() => {}
            }
        }
        match seat {
            Some(seat) => seat.leave().await,
            None => {
                self.enter(PairState::Stopped);
                tracing::info!("Unsubscribed from {}", self.pair);
            }
        }
    }

    /// Waits; not as long when the exchange refuses the pair meanwhile: its listing may say why.
    async fn rest_for(&self, wait: Duration) {
        let end = Instant::now() + wait.min(Duration::from_secs(1 << 30));
        let was_refused = self.is_refused();
        while Instant::now() < end && (was_refused || !self.is_refused()) {
            tokio::time::sleep_until(end.min(Instant::now() + self.okx.pace.refused)).await;
        }
    }

    fn is_refused(&self) -> bool {
        matches!(self.cell.status().state, PairState::Refused { .. })
    }

    async fn look(&self, told: &mut Told) -> Look {
        match self.rest.instrument(&self.pair).await {
            Ok(instrument) if instrument.state == State::Expired => Look::Dead("expired", "the instrument has expired".to_owned()),
            Ok(instrument) => {
                told.failed = false;
                self.tell(&instrument, told);
                Look::Fine(instrument)
            }
            Err(RestError::Unlisted(_)) => Look::Dead("unlisted", format!("the exchange lists no instrument {}", self.pair)),
            Err(error) => {
                if !std::mem::replace(&mut told.failed, true) && !matches!(error, RestError::NotAsked) {
                    let meanwhile = if self.instrument.borrow().is_some() {
                        "tick size and contract value stay as they are"
                    } else {
                        "tick size and contract value are inferred from the book"
                    };
                    tracing::warn!(pair = &*self.pair, "{meanwhile}: {error}");
                }
                Look::Unknown
            }
        }
    }

    /// Says what is new about the instrument's state, once.
    fn tell(&self, instrument: &Instrument, told: &mut Told) {
        if told.state.is_some_and(|state| state != instrument.state) || (told.state.is_none() && instrument.state != State::Live) {
            let meaning = match instrument.state {
                State::Live => "it is traded again",
                State::Suspend => "trading is halted; its book may stand still",
                State::Preopen => "not traded yet; its book may be crossed",
                State::Expired | State::Other => "as the exchange says",
            };
            tracing::warn!(pair = &*self.pair, state = instrument.state.as_str(), "the instrument's state: {meaning}");
        }
        told.state = Some(instrument.state);
        if let Some(expires) = instrument.expires_ms
            && !told.expiry
            && expires.saturating_sub(clock::unix_ms()) <= SOON_MS
        {
            told.expiry = true;
            tracing::warn!(pair = &*self.pair, expires = clock::rfc3339(expires), "the instrument expires within a day");
        }
    }

    /// Hands new facts on. Plugins are opened anew where they change what a book means; a state alone doesn't.
    fn learn(&self, instrument: Instrument) {
        let known = self.instrument.borrow().clone();
        let same = known.as_ref().is_some_and(|known| {
            let Instrument { state, expires_ms, .. } = instrument.clone();
            Instrument { state, expires_ms, ..(**known).clone() } == instrument
        });
        if same {
            return;
        }
        if let Some(known) = known {
            tracing::warn!(
                pair = &*self.pair,
                tick_size = %instrument.tick_size,
                lot_size = %instrument.lot_size,
                contract_value = instrument.contract_value,
                "the instrument changed (tick size was {}, lot size {}, contract value {}); its plugins are opened anew",
                known.tick_size,
                known.lot_size,
                known.contract_value
            );
        }
        self.instrument.send_replace(Some(Arc::new(instrument)));
    }

    async fn take(&self, seat: &mut Option<Seat>, told: &mut Told) {
        if seat.is_some() {
            return;
        }
        if std::mem::take(&mut told.dead) {
            tracing::info!(pair = &*self.pair, "the exchange lists the instrument again");
            self.writer.keep(&self.pair);
        }
        *seat = Some(self.lines.join((self.feed)()).await);
    }

    async fn give_up(&self, seat: &mut Option<Seat>, told: &mut Told, code: &'static str, why: String) {
        let ran = seat.take();
        let first = !std::mem::replace(&mut told.dead, true);
        if first {
            let again = self.okx.pace.refused.as_secs();
            tracing::warn!(pair = &*self.pair, code, "refused: {why}; looked for again every {again} s");
        }
        if let Some(seat) = ran {
            seat.leave().await;
        }
        // Written at each look: the pair is still wanted, so that what the exchange says of it must not expire with its numbers.
        self.enter(PairState::Refused { code: code.to_owned(), why });
        if first {
            // What was found stays for a while, and must not look alive for ever.
            self.writer.expire(&self.pair, DEAD_KEYS_LAST);
        }
    }

    fn enter(&self, state: PairState) {
        self.monitor.enter(&self.cell, state);
        let clock = self.monitor.exchange_clock();
        self.writer.hash(keys::feed(&self.pair), self.cell.status().fields(&self.pair, clock));
    }
}

/// What was said already.
#[derive(Default)]
struct Told {
    failed: bool,
    dead: bool,
    expiry: bool,
    state: Option<State>,
}

fn until_expiry(instrument: &Instrument) -> Duration {
    match instrument.expires_ms {
        Some(expires) => Duration::from_millis(expires.saturating_sub(clock::unix_ms())) + AFTER_EXPIRY,
        None => Duration::MAX,
    }
}
