//! What is kept: one entry of history, whichever home it goes to.

use std::borrow::Cow;
use std::sync::Arc;

use leadline_market::Side;

/// One thing that happened, on its way to the history's home.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Named values at one time: a reading, a pair's connection, the host.
    Sample(Sample),
    /// A step in the life of an alert.
    Alert(AlertEntry),
    /// Levels of an order book.
    Book(BookEntry),
}

/// What kind of samples belong together. In InfluxDB: a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measurement {
    /// Readings of a plugin on a pair (design §13.2).
    Analysis,
    /// A pair's connection and the state of its book.
    Connection,
    /// The host itself.
    Host,
}

impl Measurement {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Analysis, Self::Connection, Self::Host];

    /// Its name in InfluxDB, in the API and in the embedded files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Analysis => "analysis_results",
            Self::Connection => "connection_metrics",
            Self::Host => "host_metrics",
        }
    }

    /// The measurement of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// The measurement of order-book levels (design §13.1).
pub const ORDERBOOK_DATA: &str = "orderbook_data";
/// The measurement of alerts.
pub const ALERT_HISTORY: &str = "alert_history";

/// Named values at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What they belong to.
    pub measurement: Measurement,
    /// The pair; empty where they belong to none.
    pub pair: Arc<str>,
    /// The plugin of a reading, the name of a host; empty for connections.
    pub source: Arc<str>,
    /// Nanoseconds since 1970 UTC on the host's clock.
    pub time_ns: i64,
    /// Names, each once, with their values.
    pub fields: Vec<(Cow<'static, str>, Value)>,
}

/// A value. A field has values of one kind: InfluxDB refuses others.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number; always finite.
    Number(f64),
    /// A word: a state, a status, a version.
    Text(Arc<str>),
    /// Yes or no.
    Flag(bool),
}

impl Value {
    /// A number, unless it is none.
    #[must_use]
    pub fn number(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Number(number))
    }
}

/// A step in the life of an alert: it fired, was acknowledged, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEntry {
    /// When, nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// The alert's id: the same in all its steps.
    pub id: Arc<str>,
    /// The pair; empty where it is about none.
    pub pair: Arc<str>,
    /// What it is about: `analysis`, `rule` or `webhook`.
    pub source: Arc<str>,
    /// The plugin, the rule or the webhook.
    pub name: Arc<str>,
    /// `info`, `warning` or `alert`.
    pub severity: Arc<str>,
    /// `firing`, `acknowledged` or `resolved`.
    pub state: Arc<str>,
    /// A code from the documentation.
    pub code: Arc<str>,
    /// Words for a person.
    pub message: Arc<str>,
    /// Numbers that go with it, as a JSON object.
    pub numbers: Arc<str>,
}

/// Levels of one frame of an order book.
#[derive(Clone, Debug, PartialEq)]
pub struct BookEntry {
    /// The pair.
    pub pair: Arc<str>,
    /// Exchange time of the frame and its place among the frames of that millisecond: milliseconds since 1970 as nanoseconds, and
    /// 1 µs for each thousand levels that were written for this millisecond before. So level i of it can stand at this time + i ns, and
    /// no two levels of a pair share a time, by which InfluxDB tells them apart.
    pub time_ns: i64,
    /// Whether these are all levels of the book, or those that changed.
    pub whole: bool,
    /// Bids, then asks, best first.
    pub levels: Vec<BookLevel>,
}

/// One level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BookLevel {
    /// Bids or asks.
    pub side: Side,
    /// Price in the quote currency.
    pub price: f64,
    /// Size: base currency (spot) or contracts (derivatives); 0: the level is gone.
    pub amount: f64,
    /// Its place behind the best level, which is 0; of a level that is gone, where it would stand.
    pub depth: u32,
}

impl Entry {
    /// About how many bytes it holds in memory.
    #[must_use]
    pub fn weight(&self) -> usize {
        const EACH: usize = size_of::<Entry>();
        EACH + match self {
            Self::Sample(sample) => sample.fields.iter().map(|(name, value)| 48 + name.len() + value.weight()).sum(),
            Self::Alert(alert) => alert.message.len() + alert.numbers.len() + 256,
            Self::Book(book) => book.levels.len() * size_of::<BookLevel>(),
        }
    }

    /// When it happened.
    #[must_use]
    pub fn time_ns(&self) -> i64 {
        match self {
            Self::Sample(sample) => sample.time_ns,
            Self::Alert(alert) => alert.time_ns,
            Self::Book(book) => book.time_ns,
        }
    }

    /// How many points it is: values of a sample, levels of a book, one for an alert.
    #[must_use]
    pub fn points(&self) -> u64 {
        match self {
            Self::Sample(sample) => sample.fields.len() as u64,
            Self::Alert(_) => 1,
            Self::Book(book) => book.levels.len() as u64,
        }
    }
}

impl Value {
    fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Number(_) | Self::Flag(_) => 0,
        }
    }
}
