//! What is kept: readings, connections, alerts, the host's own figures and, if wanted, order books; and how it is asked for.
//!
//! Two homes, one interface: SQLite files beside the host, or InfluxDB 2 where `INFLUX_URL` is set. Who has something to keep offers it
//! and never waits; what finds no room is dropped and counted.
//!
//! # Layout
//!
//! - [`entry`]: what is kept, whichever home it goes to.
//! - [`sieve`]: which readings and books are kept, and as what.
//! - [`keeper`]: watches what happens in the host and offers it.
//! - [`queue`]: the bounded queue in between.
//! - [`query`]: what can be asked, and the answers.
//! - [`fold`]: a book at an instant, from a whole one and the changes since.
//! - [`figures`]: how much was kept, waits, was dropped.
//! - [`folder`]: the folder, held by one host alone.
//! - [`embedded`]: the home in SQLite files.
//! - [`influx`]: the home in InfluxDB 2.

mod embedded;
pub mod entry;
pub mod figures;
mod fold;
mod folder;
mod influx;
pub mod keeper;
pub mod query;
mod queue;
pub mod sieve;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::config::settings;
use embedded::Embedded;
use embedded::copy;
use entry::Entry;
use figures::Figures;
use influx::Influx;
use query::{
    AlertQuery, Alerts, BookAt, MAX_ALERTS, MAX_VALUES, Name, Page, QueryError, RangeQuery, SeriesSpan, Span, WindowQuery, Windows,
};
use queue::Offers;

/// Why there can be no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The folder can't be used.
    #[error("HISTORY_DIR {folder}: {detail}\nhint: name a folder that can be written, or `none` to keep no history")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        detail: String,
    },
    /// Another host has it.
    #[error("HISTORY_DIR {0} is used by another leadline\nhint: give each host a folder of its own")]
    Taken(String),
    /// InfluxDB can't be spoken to.
    #[error("{0}")]
    Influx(String),
    /// A copy can't be made or used.
    #[error("{0}")]
    Copy(String),
}

impl HistoryError {
    fn folder(folder: &Path, error: &std::io::Error) -> Self {
        Self::Folder { folder: folder.display().to_string(), detail: error.to_string() }
    }
}

enum Home {
    Embedded(Embedded),
    Influx(Influx),
    Off,
}

/// The history of a host.
pub struct History {
    offers: Offers,
    home: Home,
    figures: Arc<Figures>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl History {
    /// Opens the home that the settings name, and starts its threads.
    ///
    /// # Errors
    /// [`HistoryError`]. An InfluxDB that isn't there is none: points wait for it.
    pub fn open(settings: &settings::History) -> Result<Arc<Self>, HistoryError> {
        let (offers, taken) = queue::queue();
        let figures = Arc::<Figures>::default();
        let (home, threads) = match (&settings.folder, &settings.influx) {
            (Some(folder), Some(influx)) => {
                let (home, threads) = Influx::start(folder, settings, influx, taken, &figures)?;
                (Home::Influx(home), threads)
            }
            (Some(folder), None) => {
                let (home, writer) = Embedded::start(folder, settings, taken, &figures)?;
                tracing::info!("history goes to {}", folder.display());
                (Home::Embedded(home), vec![writer])
            }
            (None, _) => {
                offers.close();
                (Home::Off, Vec::new())
            }
        };
        Ok(Arc::new(Self { offers, home, figures, threads: Mutex::new(threads) }))
    }

    /// The same home for questions alone, as a process without a feed asks them: nothing is written, and no folder taken.
    ///
    /// # Errors
    /// [`HistoryError::Influx`].
    pub fn to_read(settings: &settings::History) -> Result<Arc<Self>, HistoryError> {
        let home = match (&settings.folder, &settings.influx) {
            (_, Some(influx)) => Home::Influx(Influx::to_read(influx)?),
            (Some(folder), None) if folder.is_dir() => Home::Embedded(Embedded::to_read(folder)),
            _ => Home::Off,
        };
        let (offers, _) = queue::queue();
        offers.close();
        Ok(Arc::new(Self { offers, home, figures: Arc::default(), threads: Mutex::default() }))
    }

    /// Whether anything is kept.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !matches!(self.home, Home::Off)
    }

    /// `embedded`, `influxdb` or `off`.
    #[must_use]
    pub fn home(&self) -> &'static str {
        match self.home {
            Home::Embedded(_) => "embedded",
            Home::Influx(_) => "influxdb",
            Home::Off => "off",
        }
    }

    /// The folder of the embedded home.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        match &self.home {
            Home::Embedded(home) => Some(home.folder()),
            Home::Influx(_) | Home::Off => None,
        }
    }

    /// Takes an entry; never waits. Dropped and counted where there is no room. Whether it was taken.
    pub fn offer(&self, entry: Entry) -> bool {
        if !self.is_on() {
            return false;
        }
        let points = entry.points();
        let taken = self.offers.offer(entry);
        if !taken {
            self.figures.drop_points(points, "they come faster than they can be written");
        }
        taken
    }

    /// How much was kept, waits, was dropped.
    #[must_use]
    pub fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }

    /// Entries in the queue.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.offers.len()
    }

    /// Whether the home is well: asked of InfluxDB, known of the embedded one.
    ///
    /// # Errors
    /// Why not.
    pub async fn health(&self) -> Result<(), String> {
        match &self.home {
            Home::Influx(home) => home.health().await,
            Home::Embedded(_) => self.figures.trouble().map_or(Ok(()), Err),
            Home::Off => Ok(()),
        }
    }

    /// Values as they were kept.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn range(&self, query: RangeQuery) -> Result<Page, QueryError> {
        if query.limit == 0 || query.limit > MAX_VALUES {
            return Err(QueryError::question(format!("a limit of {}", query.limit), "1 to 10000 values of one series"));
        }
        match &self.home {
            Home::Embedded(home) => home.range(query).await,
            Home::Influx(home) => home.range(&query).await,
            Home::Off => Err(QueryError::Off),
        }
    }

    /// Windows of numbers.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn windows(&self, query: WindowQuery) -> Result<Windows, QueryError> {
        match &self.home {
            Home::Embedded(home) => home.windows(query).await,
            Home::Influx(home) => home.windows(&query).await,
            Home::Off => Err(QueryError::Off),
        }
    }

    /// Alerts, newest first.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn alerts(&self, query: AlertQuery) -> Result<Alerts, QueryError> {
        if query.limit == 0 || query.limit > MAX_ALERTS {
            return Err(QueryError::question(format!("a limit of {}", query.limit), "1 to 1000 alerts"));
        }
        match &self.home {
            Home::Embedded(home) => home.alerts(query).await,
            Home::Influx(home) => home.alerts(&query).await,
            Home::Off => Err(QueryError::Off),
        }
    }

    /// A pair's book as it was at an instant; none where no whole book was kept in the two hours before.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn book(&self, pair: Name, at_ns: i64) -> Result<Option<BookAt>, QueryError> {
        match &self.home {
            Home::Embedded(home) => home.book(pair, at_ns).await,
            Home::Influx(home) => home.book(&pair, at_ns).await,
            Home::Off => Err(QueryError::Off),
        }
    }

    /// Which series there are, and when they have values.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn catalog(&self, span: Span) -> Result<Vec<SeriesSpan>, QueryError> {
        match &self.home {
            Home::Embedded(home) => home.catalog(span).await,
            Home::Influx(home) => home.catalog(span).await,
            Home::Off => Err(QueryError::Off),
        }
    }

    /// Writes what waits and stops; what InfluxDB doesn't take within seconds waits in the spool. Blocks.
    pub fn stop(&self) {
        self.offers.close();
        if let Home::Influx(home) = &self.home {
            home.stop();
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

/// Copies an embedded home as of one moment, each file whole, while a host may write to it. Returns the names of the copies.
///
/// # Errors
/// [`HistoryError::Copy`].
pub fn copy_embedded(from: &Path, to: &Path) -> Result<Vec<String>, HistoryError> {
    copy::copy(from, to).map_err(|error| HistoryError::Copy(error.to_string()))
}

/// Checks that a file is one of an embedded home, and whole.
///
/// # Errors
/// [`HistoryError::Copy`].
pub fn check_embedded(file: &Path) -> Result<(), HistoryError> {
    copy::check(file).map_err(|error| HistoryError::Copy(error.to_string()))
}

/// Takes a folder for the time of a restore, so that no host starts on it meanwhile.
///
/// # Errors
/// [`HistoryError`].
pub fn hold(folder: &Path) -> Result<std::fs::File, HistoryError> {
    folder::take(folder)
}
