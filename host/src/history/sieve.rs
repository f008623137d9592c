//! Which readings and books are kept, and as what.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use leadline_market::{BookSide, FrameKind, Level, Side};

use super::entry::{BookEntry, BookLevel, Measurement, Sample, Value};
use crate::analysis::Reading;
use crate::config::settings::{self, BookPolicy};
use crate::okx::Change;

/// A change of state is kept between two intervals too, but not more often than this.
const STATES_EVERY: Duration = Duration::from_millis(100);
/// Policy `changes`: a whole book at least so often, so that a book at an instant needn't be looked for from far back.
const WHOLE_EVERY: Duration = Duration::from_secs(60);
/// Policy `full`: a whole book at most so often.
const FULL_EVERY: Duration = Duration::from_secs(1);
/// Levels of a side that are kept of a whole book.
const LEVELS: usize = 400;
/// Levels of one entry; see [`BookEntry::time_ns`].
const ENTRY_LEVELS: usize = 1000;
/// Longest text that is kept as a value, bytes: states and codes, not documents.
const MAX_TEXT: usize = 64;
/// Pairs, or fields, that are remembered; beyond that what was remembered is forgotten, which costs a reading more.
const REMEMBERED: usize = 10_000;

/// What was kept last of a plugin on a pair.
struct Kept {
    time_ns: i64,
    at: Instant,
    states: u64,
}

/// What was kept last of a pair's books.
struct Books {
    /// Exchange time of the last frame, milliseconds since 1970.
    time_ms: u64,
    /// The next block of 1000 ns within that millisecond.
    block: i64,
    /// When a whole book was kept; none: the next one must be whole.
    whole: Option<Instant>,
}

/// The kind of a field's values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Flag,
}

/// Decides what is kept.
pub struct Sieve {
    interval: Duration,
    policy: BookPolicy,
    readings: Mutex<HashMap<Arc<str>, HashMap<Arc<str>, Kept>>>,
    books: Mutex<HashMap<Arc<str>, Books>>,
    kinds: Mutex<HashMap<(Measurement, Box<str>), Kind>>,
}

impl Sieve {
    /// A sieve by the settings.
    #[must_use]
    pub fn new(settings: &settings::History) -> Self {
        Self {
            interval: settings.interval,
            policy: settings.book,
            readings: Mutex::default(),
            books: Mutex::default(),
            kinds: Mutex::default(),
        }
    }

    /// The sample of a reading that is kept: the first of each interval, and every change of a state.
    pub fn reading(&self, reading: &Reading) -> Option<Sample> {
        let states = states(reading);
        let now = Instant::now();
        let mut time_ns = i64::try_from(reading.arrival.unix_us()).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
        {
            let mut readings = lock(&self.readings);
            if readings.len() > REMEMBERED {
                readings.clear();
            }
            if !readings.contains_key(&reading.pair) {
                readings.insert(Arc::clone(&reading.pair), HashMap::new());
            }
            let of_pair = readings.get_mut(&reading.pair)?;
            if let Some(last) = of_pair.get_mut(&reading.plugin) {
                let since = now.duration_since(last.at);
                let changed = last.states != states && since >= STATES_EVERY;
                if since < self.interval && !changed {
                    return None;
                }
                // Two readings must not share a time, by which they are told apart. A clock that was set back further is believed.
                if time_ns <= last.time_ns && last.time_ns - time_ns < 1_000_000 {
                    time_ns = last.time_ns + 1000;
                }
                *last = Kept { time_ns, at: now, states };
            } else {
                of_pair.insert(Arc::clone(&reading.plugin), Kept { time_ns, at: now, states });
            }
        }
        Some(self.sample(reading, time_ns))
    }

    fn sample(&self, reading: &Reading, time_ns: i64) -> Sample {
        let mut fields: Vec<(Cow<'static, str>, Value)> = Vec::with_capacity(reading.fields.len() + 7);
        let mut triggered = reading.notices.iter().any(|notice| notice.severity == "alert");
        for (name, text) in &reading.fields {
            triggered |= text == "alert";
            if let Some(value) = self.value(Measurement::Analysis, name, text) {
                fields.push((Cow::Owned(name.clone()), value));
            }
        }
        let number = |number: f64| Value::Number(number);
        fields.push((Cow::Borrowed("alert_triggered"), Value::Flag(triggered)));
        fields.push((Cow::Borrowed("status"), Value::Text(reading.outcome.word().into())));
        if let Some(reason) = reading.outcome.reason().filter(|reason| !reason.code.is_empty()) {
            fields.push((Cow::Borrowed("reason"), Value::Text(reason.code.as_str().into())));
        }
        fields.push((Cow::Borrowed("version"), Value::Text(Arc::clone(&reading.version))));
        fields.push((Cow::Borrowed("exchange_time_ms"), number(reading.time_ms as f64)));
        if let Some(sequence) = reading.sequence {
            fields.push((Cow::Borrowed("sequence"), number(sequence as f64)));
        }
        fields.push((Cow::Borrowed("latency_ms"), number(reading.latency.as_secs_f64() * 1000.0)));
        Sample {
            measurement: Measurement::Analysis,
            pair: Arc::clone(&reading.pair),
            source: Arc::clone(&reading.plugin),
            time_ns,
            fields,
        }
    }

    /// The samples' values out of fields as they are published; those that are no value of history are left out.
    pub fn values(&self, measurement: Measurement, fields: &[(&'static str, String)]) -> Vec<(Cow<'static, str>, Value)> {
        let value = |(name, text): &(&'static str, String)| Some((Cow::Borrowed(*name), self.value(measurement, name, text)?));
        fields.iter().filter_map(value).collect()
    }

    /// A field's value out of its text. A field keeps the kind of its first value: InfluxDB would refuse another.
    fn value(&self, measurement: Measurement, name: &str, text: &str) -> Option<Value> {
        let value = value(text)?;
        let kind = match value {
            Value::Number(_) => Kind::Number,
            Value::Text(_) => Kind::Text,
            Value::Flag(_) => Kind::Flag,
        };
        let mut kinds = lock(&self.kinds);
        if kinds.len() > REMEMBERED {
            kinds.clear();
        }
        let known = *kinds.entry((measurement, Box::from(name))).or_insert(kind);
        match (known, value) {
            (known, value) if known == kind => Some(value),
            (Kind::Text, _) => Some(Value::Text(text.into())),
            _ => None,
        }
    }

    /// The entries of a book's change that are kept.
    pub fn book(&self, pair: &Arc<str>, change: &Change<'_>) -> Vec<BookEntry> {
        if self.policy == BookPolicy::Off || change.applied.kind == FrameKind::KeepAlive {
            return Vec::new();
        }
        let now = Instant::now();
        let mut books = lock(&self.books);
        if books.len() > REMEMBERED {
            books.clear();
        }
        let books = books.entry(Arc::clone(pair)).or_insert(Books { time_ms: 0, block: 0, whole: None });
        let since = books.whole.map(|at| now.duration_since(at));
        let whole = match self.policy {
            BookPolicy::Full if since.is_some_and(|since| since < FULL_EVERY) => return Vec::new(),
            BookPolicy::Full => true,
            _ => change.applied.kind == FrameKind::Snapshot || since.is_none_or(|since| since >= WHOLE_EVERY),
        };
        let book = change.tracked.book();
        let mut levels = Vec::new();
        if whole {
            books.whole = Some(now);
            for side in [book.bids(), book.asks()] {
                levels.extend(side.iter().take(LEVELS).zip(0..).map(|(level, depth)| kept(side.side(), &level, depth)));
            }
        } else {
            for (side, changed) in [(book.bids(), &change.frame.bids), (book.asks(), &change.frame.asks)] {
                levels.extend(changed.iter().map(|level| kept(side.side(), level, place(side, level))));
            }
        }
        if change.frame.time_ms != books.time_ms {
            books.time_ms = change.frame.time_ms;
            books.block = 0;
        }
        let frame_ns = i64::try_from(change.frame.time_ms).unwrap_or(i64::MAX / 1_000_000).saturating_mul(1_000_000);
        let mut entries = Vec::with_capacity(1);
        for levels in levels.chunks(ENTRY_LEVELS) {
            let time_ns = frame_ns.saturating_add(books.block * ENTRY_LEVELS as i64);
            books.block += 1;
            entries.push(BookEntry { pair: Arc::clone(pair), time_ns, whole, levels: levels.to_vec() });
        }
        entries
    }

    /// An entry of a pair's book was dropped: changes alone would say something wrong until the next whole book.
    pub fn book_lost(&self, pair: &str) {
        if let Some(books) = lock(&self.books).get_mut(pair) {
            books.whole = None;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kept(side: Side, level: &Level, depth: u32) -> BookLevel {
    BookLevel { side, price: level.price.to_f64(), amount: level.size.to_f64(), depth }
}

fn place(side: &BookSide, level: &Level) -> u32 {
    u32::try_from(side.place(level.price)).unwrap_or(u32::MAX)
}

/// The value that a published text is; none for what is empty, a time, a list, a document or a long text.
fn value(text: &str) -> Option<Value> {
    let first = *text.as_bytes().first()?;
    match text {
        "true" => return Some(Value::Flag(true)),
        "false" => return Some(Value::Flag(false)),
        _ => {}
    }
    if first.is_ascii_digit() || first == b'-' {
        if let Ok(number) = text.parse::<f64>() {
            return Value::number(number);
        }
        // Times and versions begin with a digit too.
        if text.ends_with('Z') {
            return None;
        }
    }
    (text.len() <= MAX_TEXT && first != b'[' && first != b'{').then(|| Value::Text(text.into()))
}

/// One number for all states of a reading: another one says that one of them changed.
fn states(reading: &Reading) -> u64 {
    let mut hasher = DefaultHasher::new();
    reading.outcome.word().hash(&mut hasher);
    reading.outcome.reason().map(|reason| &reason.code).hash(&mut hasher);
    for (name, text) in &reading.fields {
        let first = text.bytes().next().unwrap_or(b'0');
        if first.is_ascii_alphabetic() && text.len() <= MAX_TEXT {
            name.hash(&mut hasher);
            text.hash(&mut hasher);
        }
    }
    (!reading.notices.is_empty()).hash(&mut hasher);
    hasher.finish()
}
