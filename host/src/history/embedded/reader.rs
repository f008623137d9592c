//! Questions answered from the days' files.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};

use super::levels;
use super::schema::{self, DayError};
use crate::history::entry::{AlertEntry, BookEntry, Measurement, Value};
use crate::history::fold::Fold;
use crate::history::query::{
    AlertQuery, Alerts, BOOK_REACH, BookAt, Gather, MAX_SERIES, Name, Page, Point, QueryError, RangeQuery, Selection, SeriesKey,
    SeriesSpan, Span, WindowQuery, Windows,
};

/// Longest time for one question.
const PATIENCE: Duration = Duration::from_secs(20);
/// Rows between two looks at the clock.
const LOOK: u32 = 8192;

impl From<DayError> for QueryError {
    fn from(error: DayError) -> Self {
        Self::Home(error.to_string())
    }
}

/// The files of a folder, opened to read one after the other.
pub(super) struct Reader<'a> {
    folder: &'a Path,
    end: Instant,
    looks: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self { folder, end: Instant::now() + PATIENCE, looks: 0 }
    }

    fn days(&self, span: Span) -> Result<Vec<std::path::PathBuf>, QueryError> {
        let (first, last) = (schema::day_of(span.from_ns()), schema::day_of(span.to_ns() - 1));
        let days = schema::days(self.folder).map_err(|error| QueryError::Home(format!("{}: {error}", self.folder.display())))?;
        Ok(days.into_iter().filter(|(day, _)| (first..=last).contains(day)).map(|(_, file)| file).collect())
    }

    /// Ends a question that takes too long: others wait for its place.
    fn look(&mut self) -> Result<(), QueryError> {
        self.looks += 1;
        if self.looks.is_multiple_of(LOOK) && Instant::now() > self.end {
            return Err(QueryError::question(
                format!("no answer within {} s", PATIENCE.as_secs()),
                "ask for a shorter span, or for fewer pairs and fields",
            ));
        }
        Ok(())
    }

    pub(super) fn range(mut self, query: &RangeQuery) -> Result<Page, QueryError> {
        let mut all: BTreeMap<SeriesKey, Vec<Point>> = BTreeMap::new();
        for file in self.days(query.span)? {
            let Some(connection) = open(&file)? else { continue };
            let failed = |error| QueryError::from(DayError::sqlite(&file, error));
            let mut words = HashMap::new();
            for (id, key) in series(&connection, &query.selection).map_err(failed)? {
                let points = all.entry(key).or_default();
                let room = query.limit.saturating_sub(points.len());
                if room == 0 {
                    continue;
                }
                let mut statement = connection
                    .prepare_cached("SELECT time, value FROM value WHERE series = ?1 AND time >= ?2 AND time < ?3 ORDER BY time LIMIT ?4")
                    .map_err(failed)?;
                let mut rows = statement.query(params![id, query.span.from_ns(), query.span.to_ns(), room as i64]).map_err(failed)?;
                while let Some(row) = rows.next().map_err(failed)? {
                    self.look()?;
                    let time_ns = row.get(0).map_err(failed)?;
                    let value = match row.get_ref(1).map_err(failed)? {
                        ValueRef::Real(number) => Value::Number(number),
                        ValueRef::Integer(schema::YES) => Value::Flag(true),
                        ValueRef::Integer(schema::NO) => Value::Flag(false),
                        ValueRef::Integer(id) => Value::Text(word(&connection, &mut words, id).map_err(failed)?),
                        _ => continue,
                    };
                    points.push(Point { time_ns, value });
                }
            }
            bounded(all.len())?;
        }
        Ok(Page::cut(all, query.limit))
    }

    pub(super) fn windows(mut self, query: &WindowQuery) -> Result<Windows, QueryError> {
        let mut all: BTreeMap<SeriesKey, Gather> = BTreeMap::new();
        let span = query.span();
        for file in self.days(span)? {
            let Some(connection) = open(&file)? else { continue };
            let failed = |error| QueryError::from(DayError::sqlite(&file, error));
            for (id, key) in series(&connection, query.selection()).map_err(failed)? {
                let gather = all.entry(key).or_insert_with(|| Gather::new(query.every_ns()));
                let mut statement = connection
                    .prepare_cached("SELECT time, value FROM value WHERE series = ?1 AND time >= ?2 AND time < ?3 ORDER BY time")
                    .map_err(failed)?;
                let mut rows = statement.query(params![id, span.from_ns(), span.to_ns()]).map_err(failed)?;
                while let Some(row) = rows.next().map_err(failed)? {
                    self.look()?;
                    if let ValueRef::Real(number) = row.get_ref(1).map_err(failed)? {
                        gather.add(row.get(0).map_err(failed)?, number);
                    }
                }
            }
            bounded(all.len())?;
        }
        let windows = all.into_iter().map(|(key, gather)| (key, gather.finish()));
        Ok(windows.filter(|(_, windows)| !windows.is_empty()).collect())
    }

    pub(super) fn alerts(mut self, query: &AlertQuery) -> Result<Alerts, QueryError> {
        let mut found = Vec::new();
        for file in self.days(query.span)?.into_iter().rev() {
            let Some(connection) = open(&file)? else { continue };
            let failed = |error| QueryError::from(DayError::sqlite(&file, error));
            let mut statement = connection
                .prepare_cached(
                    "SELECT time, id, pair, source, name, severity, state, code, message, numbers FROM alert WHERE time >= ?1 AND time < ?2 \
                     ORDER BY time DESC, pair, source, severity",
                )
                .map_err(failed)?;
            let mut rows = statement.query(params![query.span.from_ns(), query.span.to_ns()]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                self.look()?;
                let alert = (|| {
                    Ok(AlertEntry {
                        time_ns: row.get(0)?,
                        id: row.get(1)?,
                        pair: row.get(2)?,
                        source: row.get(3)?,
                        name: row.get(4)?,
                        severity: row.get(5)?,
                        state: row.get(6)?,
                        code: row.get(7)?,
                        message: row.get(8)?,
                        numbers: row.get(9)?,
                    })
                })()
                .map_err(failed)?;
                if !query.pairs.is_empty() && !query.pairs.iter().any(|pair| pair.as_str() == &*alert.pair) {
                    continue;
                }
                found.push(alert);
                if found.len() >= query.limit {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    pub(super) fn book(mut self, pair: &Name, at_ns: i64) -> Result<Option<BookAt>, QueryError> {
        let reach = i64::try_from(BOOK_REACH.as_nanos()).unwrap_or(i64::MAX);
        let span = Span::new(at_ns.saturating_sub(reach).max(0), at_ns.saturating_add(1))?;
        let days = self.days(span)?;
        // The last whole book, in the newest file that has one.
        let mut begin = None;
        for (place, file) in days.iter().enumerate().rev() {
            let Some(connection) = open(file)? else { continue };
            let whole: Option<i64> = connection
                .query_row(
                    "SELECT time FROM book WHERE pair = ?1 AND whole = 1 AND time >= ?2 AND time < ?3 ORDER BY time DESC LIMIT 1",
                    params![pair.as_str(), span.from_ns(), span.to_ns()],
                    |row| row.get(0),
                )
                .optional()
                .map_err(|error| DayError::sqlite(file, error))?;
            if let Some(time) = whole {
                begin = Some((place, time));
                break;
            }
        }
        let Some((place, from_ns)) = begin else { return Ok(None) };
        let mut fold = Fold::default();
        let pair_name: Arc<str> = Arc::from(pair.as_str());
        for file in &days[place..] {
            let Some(connection) = open(file)? else { continue };
            let failed = |error| QueryError::from(DayError::sqlite(file, error));
            let mut statement = connection
                .prepare_cached("SELECT time, whole, levels FROM book WHERE pair = ?1 AND time >= ?2 AND time < ?3 ORDER BY time")
                .map_err(failed)?;
            let mut rows = statement.query(params![pair.as_str(), from_ns, span.to_ns()]).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                self.look()?;
                let bytes = row.get_ref(2).and_then(|value| Ok(value.as_blob()?)).map_err(failed)?;
                let Some(levels) = levels::unpack(bytes) else {
                    return Err(QueryError::Home(format!("{}: a book of {pair} can't be read", file.display())));
                };
                let entry = BookEntry {
                    pair: Arc::clone(&pair_name),
                    time_ns: row.get(0).map_err(failed)?,
                    whole: row.get(1).map_err(failed)?,
                    levels,
                };
                fold.add(&entry);
            }
        }
        Ok(fold.finish())
    }

    pub(super) fn catalog(mut self, span: Span) -> Result<Vec<SeriesSpan>, QueryError> {
        let mut all: BTreeMap<SeriesKey, (i64, i64)> = BTreeMap::new();
        for file in self.days(span)? {
            let Some(connection) = open(&file)? else { continue };
            let failed = |error| QueryError::from(DayError::sqlite(&file, error));
            for measurement in Measurement::ALL {
                let selection = Selection { measurement, pairs: Vec::new(), sources: Vec::new(), fields: Vec::new() };
                for (id, key) in series(&connection, &selection).map_err(failed)? {
                    self.look()?;
                    // Two questions, each one step into the index.
                    let end = |order: &str| {
                        connection
                            .prepare_cached(&format!(
                                "SELECT time FROM value WHERE series = ?1 AND time >= ?2 AND time < ?3 ORDER BY time {order} LIMIT 1"
                            ))?
                            .query_row(params![id, span.from_ns(), span.to_ns()], |row| row.get::<_, i64>(0))
                            .optional()
                    };
                    if let (Some(first), Some(last)) = (end("ASC").map_err(failed)?, end("DESC").map_err(failed)?) {
                        let known = all.entry(key).or_insert((first, last));
                        *known = (known.0.min(first), known.1.max(last));
                    }
                }
            }
            bounded(all.len())?;
        }
        Ok(all.into_iter().map(|(key, (first_ns, last_ns))| SeriesSpan { key, first_ns, last_ns }).collect())
    }
}

/// A day's file; none where it went since the folder was read, or is only being made.
fn open(file: &Path) -> Result<Option<Connection>, QueryError> {
    match schema::open_to_read(file) {
        Ok(connection) => Ok(connection),
        Err(_) if !file.exists() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn bounded(series: usize) -> Result<(), QueryError> {
    if series > MAX_SERIES {
        return Err(QueryError::question(format!("more than {MAX_SERIES} series in one answer"), "name pairs, plugins or fields"));
    }
    Ok(())
}

/// The series of a file that a selection takes.
fn series(connection: &Connection, selection: &Selection) -> rusqlite::Result<Vec<(i64, SeriesKey)>> {
    let mut statement = connection.prepare_cached("SELECT id, pair, source, field FROM series WHERE measurement = ?1 ORDER BY id")?;
    let rows = statement.query_map([selection.measurement.name()], |row| {
        let key = SeriesKey { measurement: selection.measurement, pair: row.get(1)?, source: row.get(2)?, field: row.get(3)? };
        Ok((row.get(0)?, key))
    })?;
    rows.filter(|row| row.as_ref().map_or(true, |(_, key)| selection.takes(key))).collect()
}

fn word(connection: &Connection, known: &mut HashMap<i64, Arc<str>>, id: i64) -> rusqlite::Result<Arc<str>> {
    if let Some(word) = known.get(&id) {
        return Ok(Arc::clone(word));
    }
    let word: Arc<str> = connection.prepare_cached("SELECT text FROM word WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
    known.insert(id, Arc::clone(&word));
    Ok(word)
}
