//! A client's bounded queue.
//!
//! [`Client::deliver`] is the one place that every data frame passes between the market and the socket; what may happen to a
//! frame on its way (delay, loss, damage) belongs there. Acknowledgements go by [`Client::reply`].

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Why a session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goodbye {
    /// The client took frames too slowly.
    TooSlow,
    /// A message was longer than any request may be.
    TooLong,
    /// Everything there is was sent.
    Complete,
    /// The server stops.
    Stopping,
}

impl Goodbye {
    /// Close code and reason, as OKX has them where it does.
    pub(super) fn code(self) -> (u16, &'static str) {
        match self {
            Self::TooSlow => (4005, "The connection is closed because the messages are consumed too slowly"),
            Self::TooLong => (1009, "The request is too long"),
            Self::Complete => (1000, "The recording has been played"),
            Self::Stopping => (1001, "The simulator stops"),
        }
    }
}

impl Goodbye {
    /// How long the session may take to get its last frames and the close frame out, and to see the client's.
    pub(super) fn patience(self, stall: Duration) -> Duration {
        match self {
            // A slow reader has the kernel's buffers to read first.
            Self::TooSlow | Self::Complete => stall,
            Self::TooLong => Duration::from_secs(5),
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

/// The sending end of a session.
#[derive(Debug)]
pub(crate) struct Client {
    /// Number of the connection, from 1.
    pub(crate) id: u64,
    queue: mpsc::Sender<Utf8Bytes>,
    /// How long a client may take nothing.
    stall: Duration,
    closing: CancellationToken,
    reason: OnceLock<Goodbye>,
}

impl Client {
    /// A client and the end of its queue that the session sends from.
    pub(super) fn new(id: u64, frames: usize, stall: Duration) -> (Self, mpsc::Receiver<Utf8Bytes>) {
        let (queue, receiver) = mpsc::channel(frames);
        (Self { id, queue, stall, closing: CancellationToken::new(), reason: OnceLock::new() }, receiver)
    }

    /// The connection's name in acknowledgements: eight hexadecimal digits.
    pub(super) fn conn_id(&self) -> String {
        // A Weyl step: neighbouring connections have names that differ visibly.
        format!("{:08x}", (self.id as u32).wrapping_mul(0x9e37_79b9))
    }

    /// Queues a data frame; false if the client is closed, or is now because it is too slow.
    pub(crate) async fn deliver(&self, text: Utf8Bytes, pressure: Pressure) -> bool {
        if !self.is_open() {
            return false;
        }
        match (self.queue.try_send(text), pressure) {
            (Ok(()), _) => true,
            (Err(mpsc::error::TrySendError::Full(text)), Pressure::Wait) => self.wait_for_room(text).await,
            (Err(_), _) => {
                self.close(Goodbye::TooSlow);
                false
            }
        }
    }

    /// Queues an acknowledgement, an error or a pong; false if the client is closed.
    pub(crate) async fn reply(&self, text: String) -> bool {
        self.is_open() && self.wait_for_room(Utf8Bytes::from(text)).await
    }

    async fn wait_for_room(&self, text: Utf8Bytes) -> bool {
        tokio::select! {
            sent = tokio::time::timeout(self.stall, self.queue.send(text)) => match sent {
                Ok(Ok(())) => true,
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
