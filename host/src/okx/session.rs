//! One connection's life: subscribe, frames, pings, resynchronisation, unsubscribe.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use leadline_market::wire::AckKind;
use leadline_market::{BookFrame, Break, Continuity, Decoder, FrameKind, Message, TrackedBook, Verdict, infer_from};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite;
use tokio_util::sync::CancellationToken;

use super::feed::{PairFeed, Socket};
use crate::clock::{self, Arrival};
use crate::pairs::PairState;
use crate::results::{hashes, keys};

/// A `ping` is sent after this long without a message; the exchange closes after 30 s.
const SILENCE: Duration = Duration::from_secs(20);
/// The answer must come within this.
const PONG: Duration = Duration::from_secs(10);
/// An acknowledgement or a snapshot must come within this.
const ANSWER: Duration = Duration::from_secs(5);
/// Tries of a subscription before the connection is given up.
const TRIES: u32 = 3;
/// Longest wait between two resynchronisations.
const LONGEST_RESYNC_WAIT: Duration = Duration::from_secs(30);
/// A book that stayed valid so long has recovered: the next break is a first one again.
const RECOVERED: Duration = Duration::from_secs(60);
/// How often the frame counters of a pair are written when its state doesn't change.
const STATE_EVERY: Duration = Duration::from_secs(1);
/// Errors about a subscription that another try can't mend.
const REFUSALS: [&str; 4] = ["60008", "60011", "60018", "64003"];
/// Frames taken before others get their turn.
const IN_A_ROW: u64 = 16;
/// Tries of an unsubscription, and the wait for each.
const UNSUBSCRIBE_TRIES: u32 = 3;
const UNSUBSCRIBE_WAIT: Duration = Duration::from_millis(700);

/// How a connection ended.
pub(super) enum End {
    /// The pair was taken away, or the host stops.
    Stopped,
    /// The exchange has no such pair.
    Refused { code: String, why: String },
    /// Anything else.
    Lost(String),
}

pub(super) struct Session<'a> {
    feed: &'a mut PairFeed,
    socket: Socket,
    decoder: Decoder,
    tracked: TrackedBook,
    subscription: Subscription,
    /// When the last message came, or the last ping was sent.
    heard: Instant,
    /// A ping waits for its answer.
    pinged: bool,
    /// Resynchronisations since the book last recovered.
    attempt: u32,
    /// The book changed since it was last written, and when it may be written again.
    unwritten: bool,
    write_at: Instant,
    state_at: Instant,
    /// Frames so far.
    in_a_row: u64,
    /// Events so far that this program has no use for.
    unknown_events: u64,
    live_since: Option<Instant>,
}

enum Subscription {
    /// Sent, not acknowledged.
    Asked { tries: u32, until: Instant },
    /// Acknowledged; a snapshot must follow.
    Acknowledged { until: Instant },
    /// The book is valid.
    Live,
    /// The book broke; asked for anew at a time.
    Broken { again: Instant },
}

impl<'a> Session<'a> {
    pub(super) fn new(feed: &'a mut PairFeed, socket: Socket) -> Self {
        let now = Instant::now();
        Self {
            feed,
            socket,
            decoder: Decoder::new(),
            tracked: TrackedBook::new(),
            subscription: Subscription::Asked { tries: 0, until: now },
            heard: now,
            pinged: false,
            attempt: 0,
            unwritten: false,
            write_at: now,
            state_at: now,
            in_a_row: 0,
            unknown_events: 0,
            live_since: None,
        }
    }

    pub(super) async fn run(mut self, stop: &CancellationToken) -> End {
        self.feed.enter(PairState::Subscribing);
        loop {
            if let Err(end) = self.due().await {
                return end;
            }
            let wake_at = self.wake_at();
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.write_book();
                    self.unsubscribe().await;
                    return End::Stopped;
                }
                message = self.socket.next() => message,
                () = tokio::time::sleep_until(wake_at) => continue,
            };
            let arrival = Arrival::now();
            self.heard = Instant::now();
            self.pinged = false;
            match next {
                Some(Ok(message @ (tungstenite::Message::Text(_) | tungstenite::Message::Binary(_)))) => {
                    if let Err(end) = self.frame(&message.into_data(), arrival) {
                        return end;
                    }
                    // A peer that sends without a pause must not keep this thread from the others' work.
                    self.in_a_row += 1;
                    if self.in_a_row.is_multiple_of(IN_A_ROW) {
                        tokio::task::yield_now().await;
                    }
                }
                Some(Ok(tungstenite::Message::Close(reason))) => {
                    return End::Lost(reason.map_or_else(
                        || "closed by the exchange".to_owned(),
                        |frame| format!("closed by the exchange: {} {}", u16::from(frame.code), frame.reason.as_str()),
                    ));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return End::Lost(error.to_string()),
                None => return End::Lost("closed without a word".to_owned()),
            }
        }
    }

    /// Does what is due: a subscription, a ping, a write.
    async fn due(&mut self) -> Result<(), End> {
        let now = Instant::now();
        match self.subscription {
            Subscription::Asked { tries, until } if now >= until => {
                if tries == TRIES {
                    return Err(End::Lost(format!("no acknowledgement of the subscription after {TRIES} tries")));
                }
                self.send(&self.request("subscribe")).await?;
                self.subscription = Subscription::Asked { tries: tries + 1, until: now + ANSWER };
            }
            Subscription::Acknowledged { until } if now >= until => {
                return Err(End::Lost(format!("no snapshot within {} s", ANSWER.as_secs())));
            }
            Subscription::Broken { again } if now >= again => {
                self.feed.monitor.counters.resyncs.add(1);
                self.feed.cell.status().resyncs += 1;
                self.send(&self.request("unsubscribe")).await?;
                self.send(&self.request("subscribe")).await?;
                self.subscription = Subscription::Asked { tries: 1, until: now + ANSWER };
            }
            _ => {}
        }
        if self.pinged && now >= self.heard + PONG {
            return Err(End::Lost(format!("no pong within {} s", PONG.as_secs())));
        }
        if !self.pinged && now >= self.heard + SILENCE {
            self.send("ping").await?;
            self.pinged = true;
            self.heard = now;
        }
        if self.unwritten && now >= self.write_at {
            self.write_book();
        }
        if now >= self.state_at {
            self.feed.publish_state();
            self.state_at = now + STATE_EVERY;
        }
        Ok(())
    }

    fn wake_at(&self) -> Instant {
        let subscription = match self.subscription {
            Subscription::Asked { until, .. } | Subscription::Acknowledged { until } => until,
            Subscription::Broken { again } => again,
            Subscription::Live => self.state_at,
        };
        let silence = self.heard + if self.pinged { PONG } else { SILENCE };
        let write = if self.unwritten { self.write_at } else { silence };
        subscription.min(silence).min(write).min(self.state_at)
    }

    fn frame(&mut self, bytes: &[u8], arrival: Arrival) -> Result<(), End> {
        let pair = Arc::clone(&self.feed.pair);
        match self.decoder.decode(bytes) {
            Ok(Message::Books(frames)) => {
                for frame in frames {
                    if *frame.instrument != *pair {
                        continue;
                    }
                    self.feed.monitor.counters.frames.add(1);
                    self.feed.monitor.counters.bytes.add(bytes.len() as u64);
                    let verdict = self.tracked.apply(frame);
                    {
                        let mut status = self.feed.cell.status();
                        status.frames += 1;
                        status.last_frame = Some(arrival);
                    }
                    match verdict {
                        Verdict::Applied(applied) => {
                            if applied.kind != FrameKind::KeepAlive {
                                let instrument = known_instrument(self.feed, &self.tracked);
                                self.feed.router.update(&instrument, &self.tracked, &applied, frame, arrival);
                                self.unwritten = true;
                            }
                            if applied.continuity == Continuity::Restarted {
                                restarted(self.feed, frame);
                            }
                            on_board(self.feed, &self.tracked, &applied);
                            if !matches!(self.subscription, Subscription::Live) {
                                self.subscription = Subscription::Live;
                                self.live_since = Some(Instant::now());
                                self.feed.enter(PairState::Live);
                            } else if self.attempt > 0 && self.live_since.is_some_and(|since| since.elapsed() >= RECOVERED) {
                                self.attempt = 0;
                            }
                        }
                        Verdict::Broken(why) => {
                            self.attempt += 1;
                            broken(self.feed, &why, self.attempt);
                            let wait = if self.attempt == 1 {
                                Duration::ZERO
                            } else {
                                Duration::from_secs(1 << self.attempt.min(5)).min(LONGEST_RESYNC_WAIT)
                            };
                            self.subscription = Subscription::Broken { again: Instant::now() + wait };
                            self.unwritten = false;
                        }
                        Verdict::Dropped => self.feed.monitor.counters.frames_dropped.add(1),
                    }
                }
                Ok(())
            }
            Ok(Message::Ack(ack)) => {
                if ack.kind == AckKind::Subscribe && ack.instrument.as_deref().is_none_or(|id| id == &*pair) {
                    if let Subscription::Asked { .. } = self.subscription {
                        self.subscription = Subscription::Acknowledged { until: Instant::now() + ANSWER };
                    }
                    if self.attempt == 0 {
                        tracing::info!("Subscribed to {pair}");
                    }
                }
                Ok(())
            }
            Ok(Message::Error(error)) if REFUSALS.contains(&error.code.as_str()) => Err(End::Refused { code: error.code, why: error.msg }),
            Ok(Message::Error(error)) => {
                tracing::warn!(pair = &*pair, code = error.code, "the exchange says: {}", error.msg);
                Ok(())
            }
            Ok(Message::Notice(notice)) => {
                tracing::warn!(pair = &*pair, code = notice.code, "notice of the exchange: {}", notice.msg);
                Ok(())
            }
            Ok(Message::OtherEvent { event }) => {
                self.unknown_events += 1;
                // Told on the 1st, 2nd, 4th ... time.
                if self.unknown_events.is_power_of_two() {
                    let event: String = event.chars().take(60).collect();
                    tracing::warn!(
                        pair = &*pair,
                        event,
                        times = self.unknown_events,
                        "the exchange sends an event that means nothing here; it is left aside"
                    );
                }
                Ok(())
            }
            Ok(Message::Pong | Message::ChannelConnCount(_) | Message::Other { .. }) => Ok(()),
            Err(error) => {
                self.feed.monitor.counters.frames_invalid.add(1);
                let start: String = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
                tracing::warn!(pair = &*pair, frame = start, "frame dropped: {error}");
                Ok(())
            }
        }
    }

    fn request(&self, op: &str) -> String {
        format!(r#"{{"op":"{op}","args":[{{"channel":"{}","instId":"{}"}}]}}"#, self.feed.okx.channel, self.feed.pair)
    }

    async fn send(&mut self, text: &str) -> Result<(), End> {
        let sent = tokio::time::timeout(ANSWER, self.socket.send(tungstenite::Message::text(text))).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(End::Lost(error.to_string())),
            Err(_) => Err(End::Lost("the exchange takes nothing".to_owned())),
        }
    }

    /// Ends the subscription as politely as the exchange lets us; the connection is closed either way.
    async fn unsubscribe(&mut self) {
        for _ in 0..UNSUBSCRIBE_TRIES {
            if self.send(&self.request("unsubscribe")).await.is_err() {
                return;
            }
            let until = Instant::now() + UNSUBSCRIBE_WAIT;
            while let Ok(Some(Ok(message))) = tokio::time::timeout_at(until, self.socket.next()).await {
                let tungstenite::Message::Text(text) = message else { continue };
                if let Ok(Message::Ack(ack)) = self.decoder.decode(text.as_bytes())
                    && ack.kind == AckKind::Unsubscribe
                {
                    // The answer to our close is not worth waiting for.
                    let _ = tokio::time::timeout(UNSUBSCRIBE_WAIT, self.socket.close(None)).await;
                    return;
                }
            }
        }
        tracing::warn!(
            pair = &*self.feed.pair,
            "no acknowledgement of the unsubscription after {UNSUBSCRIBE_TRIES} tries; removed all the same"
        );
    }

    fn write_book(&mut self) {
        if self.unwritten && self.tracked.is_valid() {
            self.feed.writer.hash(keys::orderbook(&self.feed.pair), hashes::orderbook(&self.feed.pair, &self.tracked));
            self.unwritten = false;
            self.write_at = Instant::now() + self.feed.orderbook_interval;
        }
    }
}

/// The pair's instrument; where the exchange didn't say, what its id and its book tell.
fn known_instrument(feed: &PairFeed, tracked: &TrackedBook) -> Arc<leadline_market::Instrument> {
    if let Some(known) = &*feed.instrument.borrow() {
        return Arc::clone(known);
    }
    let inferred = Arc::new(infer_from(&feed.pair, tracked.book()));
    feed.instrument.send_replace(Some(Arc::clone(&inferred)));
    inferred
}

/// A book that follows none: the first one is no news; a second snapshot, or exchange time that went back, is.
fn restarted(feed: &PairFeed, frame: &BookFrame) {
    let mut status = feed.cell.status();
    let Some(before) = status.time_ms else { return };
    status.restarts += 1;
    let back_ms = before.saturating_sub(frame.time_ms);
    // Told on the 1st, 2nd, 4th ... time: a short recording played fast starts over many times a second.
    if !status.restarts.is_power_of_two() {
        return;
    }
    tracing::info!(
        pair = &*feed.pair,
        restarts = status.restarts,
        back_ms,
        "restarted: a second snapshot, or exchange time went back; windows don't count the step"
    );
}

fn on_board(feed: &PairFeed, tracked: &TrackedBook, applied: &leadline_market::Applied) {
    let book = tracked.book();
    let mut status = feed.cell.status();
    status.trust = Some(applied.trust);
    status.crossed = applied.crossed;
    status.time_ms = tracked.time_ms();
    status.sequence = tracked.sequence();
    status.best_bid = book.bids().best().map(|level| level.price);
    status.best_ask = book.asks().best().map(|level| level.price);
    status.levels = (book.bids().len(), book.asks().len());
}

fn broken(feed: &PairFeed, why: &Break, attempt: u32) {
    feed.monitor.counters.gaps.add(1);
    feed.cell.status().gaps += 1;
    tracing::warn!(pair = &*feed.pair, attempt, "the book is no longer valid: {why}; updates are dropped until a new snapshot");
    feed.enter(PairState::Resyncing { since_ms: clock::unix_ms(), attempt, why: why.to_string() });
}
