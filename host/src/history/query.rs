//! What can be asked of history, and the answers: the same from both homes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::entry::{AlertEntry, BookLevel, Measurement, Value};

/// Most pairs, sources or fields of one question.
pub const MAX_NAMES: usize = 100;
/// Most values of one series in one answer.
pub const MAX_VALUES: usize = 10_000;
/// Most windows of one series in one answer.
pub const MAX_WINDOWS: i64 = 10_000;
/// Most series in one answer.
pub const MAX_SERIES: usize = 2_000;
/// Most alerts in one answer.
pub const MAX_ALERTS: usize = 1_000;
/// How far back the last whole book may lie for a book at an instant.
pub const BOOK_REACH: Duration = Duration::from_secs(2 * 3600);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The question can't be asked so.
    #[error("{what}\nhint: {hint}")]
    Question {
        /// What is wrong with it.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// No history is kept.
    #[error("no history is kept\nhint: set HISTORY_DIR or INFLUX_URL")]
    Off,
    /// The home can't be read.
    #[error("history can't be read: {0}")]
    Home(String),
    /// Others are being answered.
    #[error("too many questions at once\nhint: ask again in a second")]
    Busy,
}

impl QueryError {
    pub(super) fn question(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Question { what: what.into(), hint }
    }
}

/// A name of a pair, plugin or field: letters, digits, `_`, `-`, `.` and `:`, at most 128. Nothing else reaches a query's text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Checks a name.
    ///
    /// # Errors
    /// [`QueryError::Question`].
    pub fn new(text: &str) -> Result<Self, QueryError> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
        if text.is_empty() || text.len() > 128 || !text.chars().all(good) {
            let shown: String = text.chars().take(40).collect();
            return Err(QueryError::question(
                format!("`{shown}` is no name of a pair, plugin or field"),
                "letters, digits, _ - . and : only, such as BTC-USDT or liquidity_index",
            ));
        }
        Ok(Self(Arc::from(text)))
    }

    /// Checks several names.
    ///
    /// # Errors
    /// [`QueryError::Question`].
    pub fn all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>, QueryError> {
        let names: Vec<Self> = texts.into_iter().map(Self::new).collect::<Result<_, _>>()?;
        if names.len() > MAX_NAMES {
            return Err(QueryError::question(format!("{} names in one question, more than {MAX_NAMES}", names.len()), "ask for fewer"));
        }
        Ok(names)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// From, inclusive, to, exclusive: nanoseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    from_ns: i64,
    to_ns: i64,
}

impl Span {
    /// A span of time that isn't empty.
    ///
    /// # Errors
    /// [`QueryError::Question`].
    pub fn new(from_ns: i64, to_ns: i64) -> Result<Self, QueryError> {
        // What nanoseconds since 1970 can say in 64 bits, a good year kept free for windows at the edges.
        const LAST: i64 = 9_000_000_000_000_000_000;
        if from_ns < 0 || to_ns > LAST || from_ns >= to_ns {
            return Err(QueryError::question(
                "the span of time is empty or out of range",
                "from must lie before to, both between 1970 and 2255",
            ));
        }
        Ok(Self { from_ns, to_ns })
    }

    /// Inclusive.
    #[must_use]
    pub fn from_ns(self) -> i64 {
        self.from_ns
    }

    /// Exclusive.
    #[must_use]
    pub fn to_ns(self) -> i64 {
        self.to_ns
    }
}

/// Which series. An empty list: all there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The measurement.
    pub measurement: Measurement,
    /// Pairs.
    pub pairs: Vec<Name>,
    /// Plugins, or hosts.
    pub sources: Vec<Name>,
    /// Fields.
    pub fields: Vec<Name>,
}

impl Selection {
    pub(super) fn takes(&self, series: &SeriesKey) -> bool {
        let among = |names: &[Name], name: &str| names.is_empty() || names.iter().any(|one| one.as_str() == name);
        self.measurement == series.measurement
            && among(&self.pairs, &series.pair)
            && among(&self.sources, &series.source)
            && among(&self.fields, &series.field)
    }
}

/// A question for values as they were kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeQuery {
    /// Which series.
    pub selection: Selection,
    /// When.
    pub span: Span,
    /// Most values of one series, 1 to [`MAX_VALUES`].
    pub limit: usize,
}

/// A question for windows of equal length, of numbers alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowQuery {
    selection: Selection,
    span: Span,
    every: Duration,
}

impl WindowQuery {
    /// Windows begin at multiples of their length since 1970; the span is widened to whole windows.
    ///
    /// # Errors
    /// [`QueryError::Question`].
    pub fn new(selection: Selection, span: Span, every: Duration) -> Result<Self, QueryError> {
        let every_ms = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
        if !(1..=366 * 86_400_000).contains(&every_ms) || !every.subsec_nanos().is_multiple_of(1_000_000) {
            return Err(QueryError::question("a window is 1 ms to 366 days long, in whole milliseconds", "such as 1m or 1h"));
        }
        let every_ns = every_ms * 1_000_000;
        let from_ns = span.from_ns.div_euclid(every_ns) * every_ns;
        let windows = (span.to_ns - from_ns + every_ns - 1) / every_ns;
        if windows > MAX_WINDOWS {
            return Err(QueryError::question(
                format!("{windows} windows in one answer, more than {MAX_WINDOWS}"),
                "make the windows longer or the span shorter",
            ));
        }
        let span = Span::new(from_ns, from_ns.saturating_add(windows * every_ns))?;
        Ok(Self { selection, span, every })
    }

    /// Which series.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The span, in whole windows.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The length of a window, nanoseconds.
    #[must_use]
    pub fn every_ns(&self) -> i64 {
        // At most 366 days.
        self.every.as_nanos() as i64
    }
}

/// A question for alerts, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertQuery {
    /// Pairs; empty: all.
    pub pairs: Vec<Name>,
    /// When. To go on: up to the time of the last alert of the answer before.
    pub span: Span,
    /// Most alerts, 1 to [`MAX_ALERTS`].
    pub limit: usize,
}

/// What tells a series from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey {
    /// The measurement.
    pub measurement: Measurement,
    /// The pair; empty: none.
    pub pair: Arc<str>,
    /// The plugin or host; empty: none.
    pub source: Arc<str>,
    /// The field.
    pub field: Arc<str>,
}

/// One kept value.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// The value.
    pub value: Value,
}

/// Values as they were kept, by series, each in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The series that have values in the span.
    pub series: BTreeMap<SeriesKey, Vec<Point>>,
    /// Where to go on, if there is more: the start of the next span.
    pub next_ns: Option<i64>,
}

impl Page {
    /// Cuts all series at one time, so that the next question can go on there: series that were given up to `limit` values may have more.
    pub(super) fn cut(mut series: BTreeMap<SeriesKey, Vec<Point>>, limit: usize) -> Self {
        let full = series.values().filter(|points| points.len() >= limit).filter_map(|points| points.last()).map(|point| point.time_ns);
        let Some(last) = full.min() else {
            series.retain(|_, points| !points.is_empty());
            return Self { series, next_ns: None };
        };
        for points in series.values_mut() {
            points.truncate(points.partition_point(|point| point.time_ns <= last));
        }
        series.retain(|_, points| !points.is_empty());
        Self { series, next_ns: Some(last + 1) }
    }
}

/// The numbers of one window that has any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// When it begins, nanoseconds since 1970 UTC.
    pub start_ns: i64,
    /// How many numbers lie in it.
    pub count: u64,
    /// Their sum by their count.
    pub mean: f64,
    /// The smallest.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The latest.
    pub last: f64,
}

/// Windows by series, each in order of time; windows without numbers are left out.
pub type Windows = BTreeMap<SeriesKey, Vec<Window>>;

/// Gathers the numbers of one series, in order of time, into windows.
pub(super) struct Gather {
    every_ns: i64,
    sum: f64,
    open: Option<Window>,
    done: Vec<Window>,
}

impl Gather {
    pub(super) fn new(every_ns: i64) -> Self {
        Self { every_ns, sum: 0.0, open: None, done: Vec::new() }
    }

    #[inline]
    pub(super) fn add(&mut self, time_ns: i64, number: f64) {
        match &mut self.open {
            Some(window) if time_ns - window.start_ns < self.every_ns => {
                window.count += 1;
                window.min = window.min.min(number);
                window.max = window.max.max(number);
                window.last = number;
                self.sum += number;
            }
            _ => {
                self.close();
                let start_ns = time_ns.div_euclid(self.every_ns) * self.every_ns;
                self.open = Some(Window { start_ns, count: 1, mean: number, min: number, max: number, last: number });
                self.sum = number;
            }
        }
    }

    fn close(&mut self) {
        if let Some(mut window) = self.open.take() {
            window.mean = self.sum / window.count as f64;
            self.done.push(window);
        }
    }

    pub(super) fn finish(mut self) -> Vec<Window> {
        self.close();
        self.done
    }
}

/// A series and when it has values.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSpan {
    /// The series.
    pub key: SeriesKey,
    /// Its first value, nanoseconds since 1970 UTC.
    pub first_ns: i64,
    /// Its last value.
    pub last_ns: i64,
}

/// A book as it was at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct BookAt {
    /// Exchange time of the last frame in it, nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// Best first.
    pub bids: Vec<BookLevel>,
    /// Best first.
    pub asks: Vec<BookLevel>,
}

/// Alerts, newest first.
pub type Alerts = Vec<AlertEntry>;
