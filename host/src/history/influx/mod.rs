//! The home in InfluxDB 2: points written in batches that survive an outage, questions in Flux.
//!
//! # Layout
//!
//! - [`line`]: entries as line protocol.
//! - [`names`]: names that differ in InfluxDB.
//! - [`encoder`]: the thread that makes batches.
//! - [`outbox`]: batches that wait, in memory and on the disk.
//! - [`sender`]: sends them until InfluxDB took each.
//! - [`dead`]: lines that it refuses.
//! - [`http`]: what is said to it.
//! - [`flux`]: questions as Flux.
//! - [`table`]: annotated CSV.
//! - [`reader`]: questions and answers in our own terms.

mod dead;
mod encoder;
pub(super) mod flux;
mod http;
mod line;
mod names;
mod outbox;
mod reader;
mod sender;
mod table;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio_util::sync::CancellationToken;

use super::HistoryError;
use super::figures::Figures;
use super::query::{AlertQuery, Alerts, BookAt, Name, Page, QueryError, RangeQuery, SeriesSpan, Span, WindowQuery, Windows};
use super::queue::Taken;
use crate::config::settings;
use crate::okx::backoff::Backoff;
use dead::DeadLetters;
use http::Server;
use outbox::Outbox;
use sender::Sender;

/// The home in InfluxDB 2.
pub(super) struct Influx {
    server: Server,
    stop: CancellationToken,
    /// Held while the host runs: two hosts would each send the other's spool. None: it only reads.
    _lock: Option<std::fs::File>,
}

impl Influx {
    /// Takes the folder of the spool, and starts the threads that encode and send.
    pub(super) fn start(
        folder: &Path,
        settings: &settings::History,
        influx: &settings::Influx,
        taken: Taken,
        figures: &Arc<Figures>,
    ) -> Result<(Self, Vec<JoinHandle<()>>), HistoryError> {
        let failed = |error: std::io::Error| HistoryError::folder(folder, &error);
        let lock = super::folder::take(folder)?;
        let server = Server::new(influx, settings.keep_days)?;
        let outbox = Arc::new(Outbox::open(&folder.join("spool"), influx.spool_bytes, figures).map_err(failed)?);
        let stop = CancellationToken::new();
        let sender = Sender {
            server: Server::new(influx, settings.keep_days)?,
            outbox: Arc::clone(&outbox),
            figures: Arc::clone(figures),
            dead: DeadLetters::new(folder.join("dead-letters.lp")),
            backoff: Backoff::new(sender::FIRST_WAIT, sender::LONGEST_WAIT, crate::clock::since_start()),
            stop: stop.clone(),
            ended: CancellationToken::new(),
            prepared: false,
        };
        // A runtime of its own: packing, unpacking and the spool's files would block the workers that receive.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let influx = influx.clone();
        let encoder =
            std::thread::Builder::new().name("history".to_owned()).spawn(move || encoder::run(&taken, &outbox, &influx)).map_err(failed)?;
        let sender =
            std::thread::Builder::new().name("history-sender".to_owned()).spawn(move || runtime.block_on(sender.run())).map_err(failed)?;
        tracing::info!("history goes to InfluxDB at {}, bucket {}", server.url(), server.bucket());
        Ok((Self { server, stop, _lock: Some(lock) }, vec![encoder, sender]))
    }

    /// Reads what hosts write.
    pub(super) fn to_read(influx: &settings::Influx) -> Result<Self, HistoryError> {
        Ok(Self { server: Server::new(influx, None)?, stop: CancellationToken::new(), _lock: None })
    }

    /// The host stops: what can't be sent soon goes into the spool.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) async fn health(&self) -> Result<(), String> {
        self.server.health().await
    }

    pub(super) async fn range(&self, query: &RangeQuery) -> Result<Page, QueryError> {
        reader::range(&self.server, query).await
    }

    pub(super) async fn windows(&self, query: &WindowQuery) -> Result<Windows, QueryError> {
        reader::windows(&self.server, query).await
    }

    pub(super) async fn alerts(&self, query: &AlertQuery) -> Result<Alerts, QueryError> {
        reader::alerts(&self.server, query).await
    }

    pub(super) async fn book(&self, pair: &Name, at_ns: i64) -> Result<Option<BookAt>, QueryError> {
        reader::book(&self.server, pair, at_ns).await
    }

    pub(super) async fn catalog(&self, span: Span) -> Result<Vec<SeriesSpan>, QueryError> {
        reader::catalog(&self.server, span).await
    }
}
