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

/// By pair, then by plugin.
type Readings = HashMap<Arc<str>, HashMap<Arc<str>, Kept>>;

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
    readings: Mutex<Readings>,
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
                if since < self.interval.min(STATES_EVERY) {
                    return None;
                }
                let states = states(reading);
                if since < self.interval && last.states == states {
                    return None;
                }
                // Two readings must not share a time, by which they are told apart. A clock that was set back further is believed.
                if time_ns <= last.time_ns && last.time_ns - time_ns < 1_000_000 {
                    time_ns = last.time_ns + 1000;
                }
                *last = Kept { time_ns, at: now, states };
            } else {
                of_pair.insert(Arc::clone(&reading.plugin), Kept { time_ns, at: now, states: states(reading) });
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
        Sample { measurement: Measurement::Analysis, pair: Arc::clone(&reading.pair), source: Arc::clone(&reading.plugin), time_ns, fields }
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

#[cfg(test)]
mod tests {
    use leadline_market::{Action, BookFrame, Decimal, TrackedBook, Verdict};
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::Outcome;
    use crate::clock::Arrival;
    use crate::history::fold::Fold;

    fn sieve(interval: Duration, book: BookPolicy) -> Sieve {
        let folder = Some(std::path::PathBuf::from("x"));
        Sieve::new(&settings::History {
            folder,
            influx: None,
            interval,
            metrics_interval: interval,
            book,
            keep_days: None,
            max_bytes: 0,
            flush: Duration::ZERO,
        })
    }

    fn reading(state: &str, unix_ms: u64) -> Reading {
        let field = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        Reading {
            plugin: "liquidity".into(),
            version: "1.2.3".into(),
            pair: "BTC-USDT".into(),
            time_ms: unix_ms - 5,
            sequence: Some(7),
            arrival: Arrival::recorded(unix_ms),
            outcome: Outcome::Ok,
            fields: vec![field("liquidity_index", "93.5"), field("liquidity_alert", state), field("levels", "[[1,2]]"), field("none", "")],
            notices: Vec::new(),
            cost: Default::default(),
            latency: Duration::from_millis(2),
        }
    }

    #[test]
    fn a_reading_is_kept_once_an_interval_with_its_numbers_states_and_flags() {
        let sieve = sieve(Duration::from_secs(3600), BookPolicy::Off);
        let kept = sieve.reading(&reading("alert", 1_000_000)).expect("the first is kept");
        assert_eq!(kept.time_ns, 1_000_000_000_000);
        let value = |name: &str| kept.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
        assert_eq!(value("liquidity_index"), Some(Value::Number(93.5)));
        assert_eq!(value("liquidity_alert"), Some(Value::Text("alert".into())));
        assert_eq!(value("alert_triggered"), Some(Value::Flag(true)));
        assert_eq!(value("sequence"), Some(Value::Number(7.0)));
        assert_eq!((value("levels"), value("none")), (None, None), "lists and what is empty are not kept");
        assert_eq!(sieve.reading(&reading("alert", 1_000_001)), None, "nothing new within the interval");
    }

    #[test]
    fn readings_of_one_millisecond_have_times_of_their_own() {
        let sieve = sieve(Duration::ZERO, BookPolicy::Off);
        let times: Vec<i64> = (0..3).filter_map(|_| sieve.reading(&reading("normal", 1_000_000))).map(|sample| sample.time_ns).collect();
        assert_eq!(times, [1_000_000_000_000, 1_000_000_001_000, 1_000_000_002_000]);
    }

    #[test]
    fn a_field_keeps_the_kind_of_its_first_value() {
        let sieve = sieve(Duration::ZERO, BookPolicy::Off);
        let value = |text: &str| sieve.value(Measurement::Host, "a", text);
        assert_eq!(value("5"), Some(Value::Number(5.0)));
        assert_eq!(value("word"), None);
        assert_eq!(sieve.value(Measurement::Host, "b", "word"), Some(Value::Text("word".into())));
        assert_eq!(sieve.value(Measurement::Host, "b", "5"), Some(Value::Text("5".into())));
        assert_eq!(sieve.value(Measurement::Host, "c", "2026-11-25T10:00:00.000Z"), None, "times are not kept");
    }

    fn level(price: u32, size: u32) -> Level {
        Level {
            price: Decimal::parse(format!("{price}.5").as_bytes()).expect("a price"),
            size: Decimal::parse(size.to_string().as_bytes()).expect("a size"),
            orders: 1,
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_of_a_book_makes_the_same_book_again_at_every_frame(
            updates in prop::collection::vec((any::<bool>(), 1_u32..20, 0_u32..4, 0_u64..2), 0..60)
        ) {
            let sieve = sieve(Duration::ZERO, BookPolicy::Changes);
            let mut tracked = TrackedBook::new();
            let mut fold = Fold::default();
            let mut time_ms = 1_000;
            let mut seen = std::collections::BTreeSet::new();
            let first = (true, 5, 1, 0);
            for (sequence, (bid, price, size, later)) in (1_i64..).zip(std::iter::once(first).chain(updates)) {
                time_ms += later;
                let snapshot = sequence == 1;
                let mut frame = BookFrame::empty();
                frame.action = if snapshot { Action::Snapshot } else { Action::Update };
                frame.sequence = Some(sequence);
                frame.previous = Some(if snapshot { -1 } else { sequence - 1 });
                frame.time_ms = time_ms;
                if snapshot {
                    frame.bids = vec![level(5, 1), level(4, 2)];
                    frame.asks = vec![level(30, 1), level(31, 2)];
                } else if bid {
                    frame.bids = vec![level(price, size)];
                } else {
                    frame.asks = vec![level(price + 25, size)];
                }
                let Verdict::Applied(applied) = tracked.apply(&frame) else { panic!("it follows") };
                let change = Change { tracked: &tracked, applied: &applied, frame: &frame, arrival: Arrival::recorded(time_ms) };
                for entry in sieve.book(&"BTC-USDT".into(), &change) {
                    prop_assert!(seen.insert(entry.time_ns), "each frame has a time of its own");
                    for kept in entry.levels.iter().filter(|kept| kept.amount > 0.0) {
                        let side = if kept.side == Side::Bid { tracked.book().bids() } else { tracked.book().asks() };
                        prop_assert_eq!(side.level(kept.depth as usize).map(|level| level.price.to_f64()), Some(kept.price));
                    }
                    fold.add(&entry);
                }
                let at = std::mem::take(&mut fold);
                let book = at.clone().finish().expect("there was a whole one");
                fold = at;
                let sides = [(tracked.book().bids(), &book.bids), (tracked.book().asks(), &book.asks)];
                for (side, kept) in sides {
                    let own: Vec<(f64, f64)> = side.iter().map(|level| (level.price.to_f64(), level.size.to_f64())).collect();
                    prop_assert_eq!(own, kept.iter().map(|level| (level.price, level.amount)).collect::<Vec<_>>());
                }
            }
        }
    }
}
