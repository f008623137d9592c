//! The list of faults and events, and whom each concerns.

use std::time::Duration;

/// One fault or event to be brought about.
///
/// Made from its text: `"drop:BTC-USDT".parse::<Fault>()`; the syntax is in `docs/simulator.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// The pair it concerns; None: every pair.
    pub pair: Option<String>,
    /// The connections it concerns, among those that are subscribed to the pair (with no pair: among all).
    pub on: Target,
    /// How long from now.
    pub after: Duration,
    /// And again each time this has passed.
    pub every: Option<Duration>,
}

impl Fault {
    /// This kind, at once, everywhere.
    pub fn new(kind: Kind) -> Self {
        Self { kind, pair: None, on: Target::All, after: Duration::ZERO, every: None }
    }
}

/// Which connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// All of them.
    #[default]
    All,
    /// The one that was opened first.
    Oldest,
    /// The one that was opened last.
    Newest,
    /// One of them by chance.
    Random,
    /// The one with this number.
    Number(u64),
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Data frames are damaged or lost on their way to a connection.
    Damage(Damage, Extent),
    /// Data frames come late by `by`, in order, and so does everything behind them on the connection.
    Delay {
        /// How late.
        by: Duration,
        /// For how long frames are held back.
        length: Duration,
    },
    /// No data reaches the connection, which lives on and answers pings. What was due meanwhile is lost.
    Stall(Duration),
    /// Nothing is sent or answered any more, but the TCP connection stands until the client gives it up.
    HalfOpen,
    /// The TCP connection ends without a close frame.
    Cut,
    /// The exchange closes with this code.
    Close(u16),
    /// New connections are reset, REST and control endpoint included.
    Refuse(Duration),
    /// Many valid messages at once.
    Flood(Flood, u32),
    /// Notice 64008: a service upgrade is near.
    Notice,
    /// Notice 64008 if there is a lead time; when it has passed, connections that were open at the notice are closed.
    Restart {
        /// Time between notice and close.
        lead: Duration,
        /// The close code.
        code: u16,
        /// New connections are reset for this long afterwards.
        down: Duration,
    },
    /// A frame whose identifier is lower than the one before by this much, though linked to it; identifiers go on from there.
    Reset(u32),
    /// A keep-alive, now.
    KeepAlive,
    /// A snapshot in mid-stream that nobody asked for.
    Snapshot,
    /// An auction: the book is crossed, and about one frame a second comes.
    Auction(Duration),
    /// Nothing but keep-alives.
    Quiet(Duration),
    /// The instrument is taken from the exchange: subscribers get error 60018, and their stream ends.
    Delist {
        /// What REST says of it.
        state: Delisted,
        /// Listed again after this long; None: not by itself.
        length: Option<Duration>,
    },
    /// A delisted instrument is there again.
    Relist,
    /// Fields of the instrument's REST listing get other values: `tickSz`, `lotSz`, `ctVal`, ...
    Listing(Vec<(String, String)>),
}

/// What may happen to a data frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It is lost.
    Drop,
    /// It comes twice.
    Duplicate,
    /// It comes after the next one of the pair.
    Reorder,
    /// Some of its bytes are others: it is no JSON any more.
    Corrupt,
    /// One digit of a size is another: valid, and wrong.
    Tamper,
    /// Its end is missing.
    Truncate,
    /// Its checksum is another number, not 0.
    Checksum,
    /// It comes as a binary message.
    Binary,
}

/// How many frames a fault concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The next so many, on each connection.
    Frames(u32),
    /// All within this time.
    Time(Duration),
}

/// What a flood is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flood {
    /// Updates of the pair's book, each linked to the one before: the market moves that often at once.
    Updates,
    /// Keep-alives of the pair.
    KeepAlives,
    /// Events that mean nothing for a book.
    Notices,
    /// Data of a channel that nobody subscribed to.
    Unknown,
}

/// What REST says of an instrument that was delisted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delisted {
    /// State `suspend`.
    Suspend,
    /// State `expired`.
    Expired,
    /// It isn't listed.
    Gone,
}

impl Kind {
    /// Its name in texts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Damage(Damage::Drop, _) => "drop",
            Self::Damage(Damage::Duplicate, _) => "duplicate",
            Self::Damage(Damage::Reorder, _) => "reorder",
            Self::Damage(Damage::Corrupt, _) => "corrupt",
            Self::Damage(Damage::Tamper, _) => "tamper",
            Self::Damage(Damage::Truncate, _) => "truncate",
            Self::Damage(Damage::Checksum, _) => "checksum",
            Self::Damage(Damage::Binary, _) => "binary",
            Self::Delay { .. } => "delay",
            Self::Stall(_) => "stall",
            Self::HalfOpen => "half-open",
            Self::Cut => "cut",
            Self::Close(_) => "close",
            Self::Refuse(_) => "refuse",
            Self::Flood(..) => "flood",
            Self::Notice => "notice",
            Self::Restart { .. } => "restart",
            Self::Reset(_) => "reset",
            Self::KeepAlive => "keep-alive",
            Self::Snapshot => "snapshot",
            Self::Auction(_) => "auction",
            Self::Quiet(_) => "quiet",
            Self::Delist { .. } => "delist",
            Self::Relist => "relist",
            Self::Listing(_) => "listing",
        }
    }

    /// Whether it changes the market itself, which only a generated one can.
    pub(crate) fn is_of_the_market(&self) -> bool {
        matches!(
            self,
            Self::Flood(Flood::Updates | Flood::KeepAlives, _)
                | Self::Reset(_)
                | Self::KeepAlive
                | Self::Snapshot
                | Self::Auction(_)
                | Self::Quiet(_)
                | Self::Delist { .. }
                | Self::Relist
                | Self::Listing(_)
        )
    }
}
