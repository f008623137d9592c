//! A day's file being written.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::levels;
use super::schema::{self, DayError};
use crate::history::entry::{AlertEntry, BookEntry, Entry, Measurement, Sample, Value};

/// Words whose rows are remembered; more are looked up.
const WORDS: usize = 10_000;

/// What the fields of a sample belong to: measurement, pair, source.
type Source = (Measurement, Arc<str>, Arc<str>);

/// An open file.
pub(super) struct Day {
    file: PathBuf,
    connection: Connection,
    /// The rows of series: by measurement, pair and source, then by field.
    series: HashMap<Source, HashMap<Box<str>, i64>>,
    words: HashMap<Arc<str>, i64>,
    /// The bytes of a frame's levels; memory that is used again.
    packed: Vec<u8>,
}

impl Day {
    pub(super) fn open(file: &Path) -> Result<Self, DayError> {
        let connection = schema::open(file)?;
        Ok(Self { file: file.to_owned(), connection, series: HashMap::new(), words: HashMap::new(), packed: Vec::new() })
    }

    /// Writes entries in one transaction: all of them, or none.
    pub(super) fn write<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) -> Result<(), DayError> {
        let written = self.transaction(entries);
        if written.is_err() {
            // What was learned in it may have been taken back.
            self.series.clear();
            self.words.clear();
            // A transaction that SQLite took back by itself can't be taken back again.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        written.map_err(|error| DayError::sqlite(&self.file, error))
    }

    fn transaction<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) -> rusqlite::Result<()> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        for entry in entries {
            match entry {
                Entry::Sample(sample) => self.sample(sample)?,
                Entry::Alert(alert) => self.alert(alert)?,
                Entry::Book(book) => self.book(book)?,
            }
        }
        self.connection.execute_batch("COMMIT")
    }

    fn sample(&mut self, sample: &Sample) -> rusqlite::Result<()> {
        let Sample { measurement, pair, source, time_ns, fields } = sample;
        let known = self.series.entry((*measurement, Arc::clone(pair), Arc::clone(source))).or_default();
        let mut insert = self.connection.prepare_cached("INSERT OR REPLACE INTO value (series, time, value) VALUES (?1, ?2, ?3)")?;
        for (field, value) in fields {
            let series = match known.get(&**field) {
                Some(&series) => series,
                None => {
                    let series = series_row(&self.connection, *measurement, pair, source, field)?;
                    known.insert(Box::from(&**field), series);
                    series
                }
            };
            match value {
                Value::Number(number) => insert.execute(params![series, time_ns, number])?,
                Value::Flag(flag) => insert.execute(params![series, time_ns, if *flag { schema::YES } else { schema::NO }])?,
                Value::Text(text) => {
                    let word = match self.words.get(text) {
                        Some(&word) => word,
                        None => {
                            let word = word_row(&self.connection, text)?;
                            if self.words.len() < WORDS {
                                self.words.insert(Arc::clone(text), word);
                            }
                            word
                        }
                    };
                    insert.execute(params![series, time_ns, word])?
                }
            };
        }
        Ok(())
    }

    fn alert(&self, alert: &AlertEntry) -> rusqlite::Result<()> {
        let AlertEntry { time_ns, id, pair, source, name, severity, state, code, message, numbers } = alert;
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO alert (time, id, pair, source, name, severity, state, code, message, numbers) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![time_ns, id, pair, source, name, severity, state, code, message, numbers])?;
        Ok(())
    }

    fn book(&mut self, book: &BookEntry) -> rusqlite::Result<()> {
        levels::pack(&book.levels, &mut self.packed);
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO book (pair, time, whole, levels) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![book.pair, book.time_ns, book.whole, self.packed])?;
        Ok(())
    }

    /// Moves what stands in the write-ahead log into the file itself, and ends.
    pub(super) fn close(self) {
        // A reader may hold it; then it is done when the file is opened next.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

fn series_row(connection: &Connection, measurement: Measurement, pair: &str, source: &str, field: &str) -> rusqlite::Result<i64> {
    let key = params![measurement.name(), pair, source, field];
    let there = connection
        .prepare_cached("SELECT id FROM series WHERE measurement = ?1 AND pair = ?2 AND source = ?3 AND field = ?4")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    if let Some(id) = there {
        return Ok(id);
    }
    connection.prepare_cached("INSERT INTO series (measurement, pair, source, field) VALUES (?1, ?2, ?3, ?4)")?.insert(key)
}

fn word_row(connection: &Connection, text: &str) -> rusqlite::Result<i64> {
    let there = connection.prepare_cached("SELECT id FROM word WHERE text = ?1")?.query_row([text], |row| row.get(0)).optional()?;
    if let Some(id) = there {
        return Ok(id);
    }
    connection.prepare_cached("INSERT INTO word (text) VALUES (?1)")?.insert([text])
}
