//! A client's bounded queue.
//!
//! [`Client::deliver`] is the one place that every data frame passes between the market and the socket; what may happen to a
//! frame on its way (delay, loss, damage) happens there. Acknowledgements go by [`Client::reply`].

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::line::Wire;
use crate::fault::{Lane, Passed};

/// Why a session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goodbye {
    /// The client took frames too slowly.
    TooSlow,
    /// A message was longer than any request may be.
    TooLong,
    /// Everything there is was sent.
    Complete,
    /// Nothing was sent either way for too long.
    Idle,
    /// It has more channels than it may.
    TooManyChannels,
    /// A fault: closed with this code.
    Code(u16),
    /// A fault: ends without a close frame.
    Cut,
    /// The server stops.
    Stopping,
}

impl Goodbye {
    /// Close code and reason, as OKX has them where it does. None: there is no close frame.
    pub(super) fn code(self) -> Option<(u16, &'static str)> {
        Some(match self {
            Self::TooSlow => (4005, "The connection is closed because the messages are consumed too slowly"),
            Self::TooLong => (1009, "The request is too long"),
            Self::Complete => (1000, "The recording has been played"),
            Self::Idle => (4004, "The connection is closed because no data was pushed for too long"),
            Self::TooManyChannels => (4008, "The connection is closed because it has too many channels"),
            Self::Code(code) => (code, "Closed on command"),
            Self::Cut => return None,
            Self::Stopping => (1001, "The simulator stops"),
        })
    }
}

impl Goodbye {
    /// How long the session may take to get its last frames and the close frame out, and to see the client's.
    pub(super) fn patience(self, stall: Duration) -> Duration {
        match self {
            // A slow reader has the kernel's buffers to read first.
            Self::TooSlow | Self::Complete => stall,
            Self::TooLong | Self::Idle | Self::TooManyChannels | Self::Code(_) => Duration::from_secs(5),
            Self::Cut => Duration::ZERO,
            // Whoever stops the program waits for it.
            Self::Stopping => Duration::from_secs(1),
        }
    }
}

/// What to do when a client's queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pressure {
    /// The stream goes by the clock: the client is closed.
    Close,
    /// The stream goes by its readers: wait, but not for ever.
    Wait,
}

/// A message that waits to be sent.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) message: Message,
    /// It and everything behind it waits until then.
    pub(super) not_before: Option<Instant>,
}

/// The sending end of a session.
#[derive(Debug)]
pub(crate) struct Client {
    /// Number of the connection, from 1.
    pub(crate) id: u64,
    queue: mpsc::Sender<Queued>,
    /// How long a client may take nothing.
    stall: Duration,
    /// The TCP connection below.
    pub(crate) wire: Wire,
    /// Faults that wait for its frames.
    pub(crate) lane: Lane,
    /// When it was opened.
    pub(crate) opened: Instant,
    /// When something was last sent either way, in milliseconds since it was opened.
    active_ms: AtomicU64,
    /// Messages that were queued.
    sent: AtomicU64,
    /// Pairs that it is subscribed to.
    pairs: Mutex<BTreeSet<String>>,
    closing: CancellationToken,
    reason: OnceLock<Goodbye>,
}

impl Client {
    /// A client and the end of its queue that the session sends from.
    pub(super) fn new(id: u64, frames: usize, stall: Duration, wire: Wire) -> (Self, mpsc::Receiver<Queued>) {
        let (queue, receiver) = mpsc::channel(frames);
        let client = Self {
            id,
            queue,
            stall,
            wire,
            lane: Lane::new(id),
            opened: Instant::now(),
            active_ms: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            pairs: Mutex::default(),
            closing: CancellationToken::new(),
            reason: OnceLock::new(),
        };
        (client, receiver)
    }

    /// Something was sent or received.
    pub(super) fn active(&self) {
        let ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.active_ms.store(ms, Ordering::Relaxed);
    }

    /// Resolves when nothing was sent either way for this long; never if that is zero.
    pub(super) async fn idle(&self, length: Duration) {
        if length.is_zero() {
            std::future::pending::<()>().await;
        }
        loop {
            let end = self.opened + Duration::from_millis(self.active_ms.load(Ordering::Relaxed)) + length;
            if Instant::now() >= end {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }

    /// The pairs that it is subscribed to.
    pub(crate) fn pairs(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages that were queued so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The connection's name in acknowledgements: eight hexadecimal digits.
    pub(crate) fn conn_id(&self) -> String {
        // A Weyl step: neighbouring connections have names that differ visibly.
        format!("{:08x}", (self.id as u32).wrapping_mul(0x9e37_79b9))
    }

    /// Queues a data frame of a pair, or what faults have made of it; false if the client is closed, or is now because it is too
    /// slow.
    pub(crate) async fn deliver(&self, pair: &str, text: Utf8Bytes, pressure: Pressure) -> bool {
        if !self.is_open() {
            return false;
        }
        if !self.lane.is_armed() {
            return self.queue(Queued { message: Message::Text(text), not_before: None }, pressure).await;
        }
        let Passed { messages, not_before } = self.lane.pass(pair, text);
        for message in messages {
            if !self.queue(Queued { message, not_before }, pressure).await {
                return false;
            }
        }
        true
    }

    /// Queues an acknowledgement, an error, an event or a pong; false if the client is closed.
    pub(crate) async fn reply(&self, text: String) -> bool {
        let message = Message::Text(text.into());
        self.is_open() && self.wait_for_room(Queued { message, not_before: None }).await
    }

    /// Waits until half of the queue is free, so that a burst finds room and the market's next frame after it too.
    pub(crate) async fn half_free(&self) -> bool {
        let half = self.queue.max_capacity() / 2;
        tokio::select! {
            free = tokio::time::timeout(self.stall, self.queue.reserve_many(half)) => match free {
                Ok(Ok(_)) => true,
                _ => { self.close(Goodbye::TooSlow); false }
            },
            () = self.closing.cancelled() => false,
        }
    }

    async fn queue(&self, queued: Queued, pressure: Pressure) -> bool {
        match (self.queue.try_send(queued), pressure) {
            (Ok(()), _) => {
                self.sent.fetch_add(1, Ordering::Relaxed);
                true
            }
            (Err(mpsc::error::TrySendError::Full(queued)), Pressure::Wait) => self.wait_for_room(queued).await,
            (Err(_), _) => {
                self.close(Goodbye::TooSlow);
                false
            }
        }
    }

    async fn wait_for_room(&self, queued: Queued) -> bool {
        tokio::select! {
            sent = tokio::time::timeout(self.stall, self.queue.send(queued)) => match sent {
                Ok(Ok(())) => { self.sent.fetch_add(1, Ordering::Relaxed); true }
                _ => { self.close(Goodbye::TooSlow); false }
            },
            () = self.closing.cancelled() => false,
        }
    }

    /// Closes the session; the first reason counts.
    pub(crate) fn close(&self, reason: Goodbye) {
        // Set before: whoever sees the token cancelled finds the reason.
        let _ = self.reason.set(reason);
        self.closing.cancel();
    }

    /// Whether frames still reach the client.
    pub(crate) fn is_open(&self) -> bool {
        !self.closing.is_cancelled()
    }

    /// Resolves when the session is being closed.
    pub(crate) async fn closed(&self) {
        self.closing.cancelled().await;
    }

    /// How long its end may take.
    pub(super) fn patience(&self) -> Duration {
        self.reason().patience(self.stall)
    }

    /// Why it was closed.
    pub(super) fn reason(&self) -> Goodbye {
        self.reason.get().copied().unwrap_or(Goodbye::Stopping)
    }
}
