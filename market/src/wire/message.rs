//! What a frame can say.

use super::BookChannel;
use crate::Level;

/// One frame from the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Books, or changes of books: one an instrument, at least one. Borrowed from the decoder until its next frame.
    Books(&'a [BookFrame]),
    /// A subscription was made or ended.
    Ack(Ack),
    /// The exchange refuses a request.
    Error(ServerError),
    /// News about the connection, such as an upgrade of the service.
    Notice(Notice),
    /// How many connections use a channel that is limited in them.
    ChannelConnCount(ConnectionCount),
    /// The answer to `ping`.
    Pong,
    /// An event this program has no use for (`login`, or one invented later).
    OtherEvent {
        /// Its name.
        event: String,
    },
    /// Data of a channel that is not analysed.
    Other {
        /// Its name.
        channel: String,
    },
}

/// Whether a frame replaces the book or changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It replaces the book.
    Snapshot,
    /// It changes the book.
    Update,
}

/// One element of `data` of a book frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookFrame {
    /// The channel it came on.
    pub channel: BookChannel,
    /// The instrument's id; checked by [`valid_id`](crate::valid_id).
    pub instrument: String,
    /// Whether it replaces the book.
    pub action: Action,
    /// Exchange time of the book's last change, milliseconds since 1970.
    pub time_ms: u64,
    /// Checksum of the book after the frame, as sent. Since June 2026 OKX sends 0 for none; the [`TrackedBook`](crate::TrackedBook) decides.
    pub checksum: Option<i32>,
    /// The exchange's id of this frame.
    pub sequence: Option<i64>,
    /// The id of the frame it follows; −1 in snapshots.
    pub previous: Option<i64>,
    /// Bids as sent, normally best first.
    pub bids: Vec<Level>,
    /// Asks as sent, normally best first.
    pub asks: Vec<Level>,
}

impl BookFrame {
    /// A frame without levels, to be filled in.
    pub fn empty() -> Self {
        Self {
            channel: BookChannel::Books,
            instrument: String::new(),
            action: Action::Snapshot,
            time_ms: 0,
            checksum: None,
            sequence: None,
            previous: None,
            bids: Vec::new(),
            asks: Vec::new(),
        }
    }
}

/// What was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AckKind {
    /// A subscription was made.
    Subscribe,
    /// A subscription was ended.
    Unsubscribe,
}

/// The exchange did what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// What it did.
    pub kind: AckKind,
    /// The channel, as the exchange writes it.
    pub channel: String,
    /// The instrument's id; `None` for channels without one.
    pub instrument: Option<String>,
    /// The id of our request, if we sent one.
    pub id: Option<String>,
    /// The exchange's name for the connection (newer gateways).
    pub conn_id: Option<String>,
}

/// The exchange refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// Its number, such as `60012`.
    pub code: String,
    /// Its text, cut to 500 characters.
    pub msg: String,
    /// The id of our request, if we sent one and it could be read.
    pub id: Option<String>,
    /// The channel it is about, if it says so.
    pub channel: Option<String>,
    /// The instrument it is about, if it says so.
    pub instrument: Option<String>,
    /// The exchange's name for the connection (newer gateways).
    pub conn_id: Option<String>,
}

/// News about the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number: `64008` announces an upgrade in about 60 s.
    pub code: String,
    /// Its text, cut to 500 characters.
    pub msg: String,
    /// The exchange's name for the connection.
    pub conn_id: Option<String>,
}

/// How many connections use a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionCount {
    /// The channel.
    pub channel: Option<String>,
    /// The number, as sent.
    pub count: Option<String>,
    /// The exchange's name for the connection.
    pub conn_id: Option<String>,
}
