//! The files of all days: which are open, which go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::day::Day;
use super::schema::{self, DayError};
use crate::config::settings;
use crate::history::entry::Entry;

/// Files open at once: today's, yesterday's, and one for what comes late.
const OPEN: usize = 3;

/// All days of a folder.
pub(super) struct Days {
    folder: PathBuf,
    keep_days: Option<i64>,
    max_bytes: u64,
    open: BTreeMap<i64, Day>,
    /// Today's file alone is over the bound.
    full: bool,
}

impl Days {
    pub(super) fn new(folder: &Path, settings: &settings::History) -> Self {
        Self { folder: folder.to_owned(), keep_days: settings.keep_days, max_bytes: settings.max_bytes, open: BTreeMap::new(), full: false }
    }

    /// Whether nothing more is taken: today's file alone is as large as all may be.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Writes entries, each into its day's file. A day's entries are written all, or none.
    pub(super) fn write(&mut self, entries: &[Entry]) -> Result<(), DayError> {
        let mut days: Vec<i64> = entries.iter().map(|entry| schema::day_of(entry.time_ns())).collect();
        days.sort_unstable();
        days.dedup();
        for day in days {
            let of_day = entries.iter().filter(|entry| schema::day_of(entry.time_ns()) == day);
            let written = self.day(day)?.write(of_day);
            if let Err(error) = written {
                // Opened anew at the next try: a connection that met an error of the disk isn't trusted.
                self.open.remove(&day);
                return Err(self.put_right(day, error));
            }
        }
        Ok(())
    }

    fn day(&mut self, day: i64) -> Result<&mut Day, DayError> {
        if !self.open.contains_key(&day) {
            let opened = match Day::open(&schema::file_of(&self.folder, day)) {
                Err(error) => return Err(self.put_right(day, error)),
                Ok(opened) => opened,
            };
            while self.open.len() >= OPEN {
                if let Some((_, oldest)) = self.open.pop_first() {
                    oldest.close();
                }
            }
            return Ok(self.open.entry(day).or_insert(opened));
        }
        // It is there: asked for right above.
        self.open.get_mut(&day).ok_or_else(|| DayError::Foreign { file: day.to_string(), what: "closed".to_owned() })
    }

    /// Sets a spoilt file aside, so that the next try begins a new one.
    fn put_right(&self, day: i64, error: DayError) -> DayError {
        let file = schema::file_of(&self.folder, day);
        if error.is_broken() {
            match schema::set_aside(&file) {
                Ok(aside) => tracing::error!("{error}; the file is kept as {}, and the day begins anew", aside.display()),
                Err(failed) => tracing::error!("{error}; and it can't be set aside: {failed}"),
            }
        }
        error
    }

    /// Deletes the days that are too old, and the oldest while all together are too large. Returns the bytes that are left.
    pub(super) fn prune(&mut self, now_ns: i64) -> std::io::Result<u64> {
        let mut days = schema::days(&self.folder)?;
        let today = schema::day_of(now_ns);
        if let Some(keep) = self.keep_days {
            let old = days.iter().take_while(|(day, _)| *day < today - keep).count();
            for (day, file) in days.drain(..old) {
                self.delete(day, &file, "older than HISTORY_KEEP_DAYS")?;
            }
        }
        let mut bytes: u64 = days.iter().map(|(_, file)| schema::size(file)).sum();
        let mut days = days.into_iter().peekable();
        while bytes > self.max_bytes
            && let Some((day, file)) = days.next_if(|(day, _)| *day < today)
        {
            bytes = bytes.saturating_sub(schema::size(&file));
            self.delete(day, &file, "HISTORY_MAX_MB is reached")?;
        }
        let full = bytes > self.max_bytes;
        if full && !self.full {
            tracing::error!("history of today alone has {} MB: no more is kept\nhint: raise HISTORY_MAX_MB, or keep less", bytes >> 20);
        }
        self.full = full;
        Ok(bytes)
    }

    fn delete(&mut self, day: i64, file: &Path, why: &str) -> std::io::Result<()> {
        self.open.remove(&day);
        schema::remove(file)?;
        tracing::info!("{} deleted: {why}", file.display());
        Ok(())
    }

    pub(super) fn close(mut self) {
        while let Some((_, day)) = self.open.pop_first() {
            day.close();
        }
    }
}
