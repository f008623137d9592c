//! The embedded home: a SQLite file a day in a folder of its own, one writer, any readers.
//!
//! # Layout
//!
//! - [`schema`]: a day's file: what stands in it, and how it is opened.
//! - [`day`]: a day's file being written.
//! - [`days`]: the files of all days: which are open, which go.
//! - [`levels`]: the levels of a frame as bytes in a day's file.
//! - [`writer`]: the one thread that writes.
//! - [`reader`]: questions answered from the days' files.
//! - [`copy`]: a copy of all days as of one moment, for a backup.

pub(super) mod copy;
mod day;
mod days;
mod levels;
mod reader;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::Semaphore;

use super::HistoryError;
use super::figures::Figures;
use super::query::{AlertQuery, Alerts, BookAt, Name, Page, QueryError, RangeQuery, SeriesSpan, Span, WindowQuery, Windows};
use super::queue::Taken;
use crate::config::settings;
use reader::Reader;

/// Questions answered at once.
const READERS: usize = 4;
/// Questions that wait for their turn.
const WAITING: usize = 60;

/// The embedded home.
pub(super) struct Embedded {
    folder: Arc<Path>,
    readers: Arc<Semaphore>,
    waiting: Semaphore,
    /// Held while the host runs: two writers would each delete what the other needs. None: it only reads.
    _lock: Option<std::fs::File>,
}

impl Embedded {
    /// Takes the folder, and starts the writer on it.
    pub(super) fn start(
        folder: &Path,
        settings: &settings::History,
        taken: Taken,
        figures: &Arc<Figures>,
    ) -> Result<(Self, JoinHandle<()>), HistoryError> {
        let lock = super::folder::take(folder)?;
        let (own, of_writer, figures) = (folder.to_owned(), settings.clone(), Arc::clone(figures));
        // The first days are tried now, so that a folder that can't be used stops the start and not the night.
        schema::days(folder).map_err(|error| HistoryError::folder(folder, &error))?;
        let writer = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer::run(&own, &of_writer, &taken, &figures))
            .map_err(|error| HistoryError::folder(folder, &error))?;
        Ok((Self { _lock: Some(lock), ..Self::to_read(folder) }, writer))
    }

    /// Reads what another process writes.
    pub(super) fn to_read(folder: &Path) -> Self {
        Self { folder: Arc::from(folder), readers: Arc::new(Semaphore::new(READERS)), waiting: Semaphore::new(WAITING), _lock: None }
    }

    /// Answers a question on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(Reader<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let _waits = self.waiting.try_acquire().map_err(|_| QueryError::Busy)?;
        let place = Arc::clone(&self.readers).acquire_owned().await.map_err(|_| QueryError::Busy)?;
        let folder = Arc::clone(&self.folder);
        // The place goes with the work: one who no longer waits for the answer doesn't make room by that.
        let work = move || {
            let _place = place;
            question(Reader::new(&folder))
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| QueryError::Home(error.to_string()))?
    }

    pub(super) async fn range(&self, query: RangeQuery) -> Result<Page, QueryError> {
        self.ask(move |reader| reader.range(&query)).await
    }

    pub(super) async fn windows(&self, query: WindowQuery) -> Result<Windows, QueryError> {
        self.ask(move |reader| reader.windows(&query)).await
    }

    pub(super) async fn alerts(&self, query: AlertQuery) -> Result<Alerts, QueryError> {
        self.ask(move |reader| reader.alerts(&query)).await
    }

    pub(super) async fn book(&self, pair: Name, at_ns: i64) -> Result<Option<BookAt>, QueryError> {
        self.ask(move |reader| reader.book(&pair, at_ns)).await
    }

    pub(super) async fn catalog(&self, span: Span) -> Result<Vec<SeriesSpan>, QueryError> {
        self.ask(move |reader| reader.catalog(span)).await
    }

    /// Where it is.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.to_path_buf()
    }
}
