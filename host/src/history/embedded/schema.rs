//! A day's file: what stands in it, and how it is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// "lead" in the file's header: whose file it is.
const APPLICATION: i32 = 0x6c65_6164;
/// The version of the tables below.
const VERSION: i32 = 1;

/// `value.value` is a REAL for a number, and an INTEGER for everything else: a row of `word`, or one of the two flags.
const TABLES: &str = "
CREATE TABLE series (id INTEGER PRIMARY KEY, measurement TEXT NOT NULL, pair TEXT NOT NULL, source TEXT NOT NULL, field TEXT NOT NULL,
    UNIQUE (measurement, pair, source, field));
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE value (series INTEGER NOT NULL, time INTEGER NOT NULL, value NOT NULL, PRIMARY KEY (series, time)) WITHOUT ROWID;
CREATE TABLE alert (time INTEGER NOT NULL, pair TEXT NOT NULL, source TEXT NOT NULL, severity TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL,
    state TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, numbers TEXT NOT NULL,
    PRIMARY KEY (time, pair, source, severity)) WITHOUT ROWID;
CREATE TABLE book (pair TEXT NOT NULL, time INTEGER NOT NULL, whole INTEGER NOT NULL, levels BLOB NOT NULL,
    PRIMARY KEY (pair, time)) WITHOUT ROWID;
CREATE INDEX whole_book ON book (pair, time) WHERE whole = 1;
";

/// `value.value` of yes.
pub(super) const YES: i64 = -1;
/// `value.value` of no.
pub(super) const NO: i64 = -2;

/// Why a day's file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DayError {
    /// SQLite says so.
    #[error("{file}: {error}{hint}")]
    Sqlite {
        /// The file.
        file: String,
        /// What it says.
        error: rusqlite::Error,
        /// What to do, behind a new line; empty where nothing helps.
        hint: &'static str,
    },
    /// It was written by another program, or by a newer one of ours.
    #[error("{file}: {what}\nhint: move it out of HISTORY_DIR")]
    Foreign {
        /// The file.
        file: String,
        /// What it is.
        what: String,
    },
}

impl DayError {
    pub(super) fn sqlite(file: &Path, error: rusqlite::Error) -> Self {
        let hint = match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => "\nhint: the disk is full; make room, or lower HISTORY_MAX_MB",
            Some(rusqlite::ErrorCode::ReadOnly | rusqlite::ErrorCode::CannotOpen) => "\nhint: the folder must be writable",
            _ => "",
        };
        Self::Sqlite { file: file.display().to_string(), error, hint }
    }

    /// Whether the file itself is spoilt.
    pub(super) fn is_broken(&self) -> bool {
        let Self::Sqlite { error, .. } = self else { return false };
        matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt))
    }
}

/// Opens a day's file for writing; made if it isn't there.
pub(super) fn open(file: &Path) -> Result<Connection, DayError> {
    let failed = |error| DayError::sqlite(file, error);
    let connection = Connection::open(file).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(16);
    connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
    // WAL: readers and the writer don't wait for each other. NORMAL: a killed process loses nothing that was committed; a power cut may
    // lose the last commits, and no more than whole ones.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000;",
        )
        .map_err(failed)?;
    let (application, version) = marks(&connection).map_err(failed)?;
    if (application, version) == (0, 0) {
        let text = format!("BEGIN IMMEDIATE; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;");
        if let Err(error) = connection.execute_batch(&text) {
            return Err(failed(error));
        }
        return Ok(connection);
    }
    check(file, application, version)?;
    Ok(connection)
}

/// Opens a day's file for reading; none where it is only being made.
pub(super) fn open_to_read(file: &Path) -> Result<Option<Connection>, DayError> {
    let failed = |error| DayError::sqlite(file, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
    match marks(&connection).map_err(failed)? {
        (0, 0) => Ok(None),
        (application, version) => check(file, application, version).map(|()| Some(connection)),
    }
}

fn marks(connection: &Connection) -> rusqlite::Result<(i32, i32)> {
    let one = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
    Ok((one("application_id")?, one("user_version")?))
}

fn check(file: &Path, application: i32, version: i32) -> Result<(), DayError> {
    let foreign = |what: String| Err(DayError::Foreign { file: file.display().to_string(), what });
    if application != APPLICATION {
        return foreign("a database of another program".to_owned());
    }
    if version != VERSION {
        return foreign(format!("version {version} of the tables; this program knows version {VERSION}"));
    }
    Ok(())
}

/// Days since 1970 of a time.
pub(super) fn day_of(time_ns: i64) -> i64 {
    time_ns.div_euclid(DAY_NS)
}

/// Nanoseconds of a day.
pub(super) const DAY_NS: i64 = 86_400_000_000_000;

/// The file of a day: `2026-11-25.sqlite`.
pub(super) fn file_of(folder: &Path, day: i64) -> PathBuf {
    let ms = u64::try_from(day).unwrap_or(0).saturating_mul(86_400_000);
    let date = crate::clock::rfc3339(ms);
    folder.join(format!("{}.sqlite", date.get(..10).unwrap_or("1970-01-01")))
}

/// The day of a file's name.
fn day_named(name: &str) -> Option<i64> {
    let date = name.strip_suffix(".sqlite").filter(|date| date.len() == 10)?;
    let ms = crate::clock::parse_rfc3339(&format!("{date}T00:00:00Z"))?;
    i64::try_from(ms / 86_400_000).ok()
}

/// The days that have a file, oldest first.
pub(super) fn days(folder: &Path) -> std::io::Result<Vec<(i64, PathBuf)>> {
    let mut days = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(day) = entry.file_name().to_str().and_then(day_named) {
            days.push((day, entry.path()));
        }
    }
    days.sort_unstable();
    Ok(days)
}

/// The bytes of a day's file with what belongs to it.
pub(super) fn size(file: &Path) -> u64 {
    parts(file).iter().filter_map(|part| std::fs::metadata(part).ok()).map(|part| part.len()).sum()
}

/// Deletes a day's file with what belongs to it.
pub(super) fn remove(file: &Path) -> std::io::Result<()> {
    let [main, wal, shared] = parts(file);
    std::fs::remove_file(main)?;
    // They may not be there.
    let _ = std::fs::remove_file(wal);
    let _ = std::fs::remove_file(shared);
    Ok(())
}

/// Sets a spoilt file aside under another name, with what belongs to it.
pub(super) fn set_aside(file: &Path) -> std::io::Result<PathBuf> {
    let aside = file.with_extension(format!("broken-{}", crate::clock::unix_ms()));
    std::fs::rename(file, &aside)?;
    for part in &parts(file)[1..] {
        let _ = std::fs::remove_file(part);
    }
    Ok(aside)
}

fn parts(file: &Path) -> [PathBuf; 3] {
    let with = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    [file.to_owned(), with("-wal"), with("-shm")]
}
