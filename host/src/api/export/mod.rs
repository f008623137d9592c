//! A span of history as a file, page by page: a page and one group of rows are all that is in memory, and the next page is read when the client
//! has taken the last.
//!
//! # Layout
//!
//! - [`rows`]: what stands in a file: values of series, and steps of alerts.
//! - [`lines`]: rows as CSV and as JSON lines.
//! - [`parquet`]: rows as columns, in groups.

mod lines;
mod parquet;
mod rows;

use std::io;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;

use super::error::ApiError;
pub(super) use rows::{AlertPages, Pages, ValuePages};

/// Pieces of a file that wait for a slow client: then its writing waits.
const PIECES: usize = 2;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Comma-separated, with a header; texts quoted where they must be.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// Apache Parquet, packed with snappy.
    Parquet,
}

impl Format {
    /// The form of this name; CSV where none is named.
    ///
    /// # Errors
    /// 400 `bad_format`.
    pub(super) fn named(name: Option<&str>) -> Result<Self, ApiError> {
        match name.unwrap_or("csv") {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            "parquet" => Ok(Self::Parquet),
            other => {
                let shown: String = other.chars().take(60).collect();
                Err(ApiError::bad_request("bad_format", format!("`{shown}` can't be had"), "format is csv, jsonl or parquet"))
            }
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// A file under way.
enum Sheet {
    Lines(lines::Lines),
    Table(Box<parquet::Table>),
}

impl Sheet {
    fn begin(format: Format, columns: &'static [rows::Column]) -> io::Result<Self> {
        Ok(match format {
            Format::Csv | Format::Jsonl => Self::Lines(lines::Lines::begin(format)),
            Format::Parquet => Self::Table(Box::new(parquet::Table::begin(columns)?)),
        })
    }

    /// Adds a page; what of the file is ready, which may be nothing.
    fn write(&mut self, page: &impl rows::Page) -> io::Result<Vec<u8>> {
        match self {
            Self::Lines(lines) => Ok(lines.write(page)),
            Self::Table(table) => table.write(page),
        }
    }

    /// The end of the file.
    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Lines(_) => Ok(Vec::new()),
            Self::Table(table) => table.finish(),
        }
    }
}

/// Answers with all pages as one file called `leadline-{name}`.
///
/// # Errors
/// What the first page runs into: it is asked for before anything is answered, since an error must not come as the end of a good file.
pub(super) async fn file<P: Pages>(format: Format, name: &str, mut pages: P) -> Result<Response, ApiError> {
    let first = pages.next().await?;
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(PIECES);
    tokio::spawn(async move {
        if let Err(error) = write(format, pages, first, &sender).await {
            // The connection breaks, so that nobody takes half of a file for all of it.
            let _ = sender.send(Err(error)).await;
        }
    });
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) });
    let headers = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"leadline-{name}.{}\"", format.extension())),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

async fn write<P: Pages>(format: Format, mut pages: P, first: Option<P::Page>, out: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let mut sheet = Sheet::begin(format, <P::Page as rows::Page>::COLUMNS)?;
    let mut next = first;
    while let Some(page) = next {
        // Packing a page takes milliseconds: not on the threads that answer.
        let (back, bytes) = tokio::task::spawn_blocking(move || {
            let bytes = sheet.write(&page);
            (sheet, bytes)
        })
        .await
        .map_err(io::Error::other)?;
        sheet = back;
        let bytes = bytes?;
        if !bytes.is_empty() && out.send(Ok(bytes.into())).await.is_err() {
            // The client went away.
            return Ok(());
        }
        next = pages.next().await.map_err(|error| io::Error::other(error.to_string()))?;
    }
    let end = tokio::task::spawn_blocking(move || sheet.finish()).await.map_err(io::Error::other)??;
    if !end.is_empty() {
        let _ = out.send(Ok(end.into())).await;
    }
    Ok(())
}
