//! What was kept: which series there are, their values, windows over them, alerts, books of the past, and export.
//!
//! # Layout
//!
//! - [`questions`]: what is asked: which series, when, in what form.

mod questions;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::{ApiError, ErrorBody};
use super::export::{self, AlertPages, Format, ValuePages};
use super::extract::{Path, Query};
use super::pairs::checked;
use super::system::fresh;
use crate::clock::{rfc3339, unix_ms};
use crate::history::entry::{AlertEntry, Value};
use crate::history::query::{AlertQuery, Name, QueryError, SeriesKey, WindowQuery};
use questions::{AlertFile, At, Times, Which, WhichAlerts, list, moment, shown, span};

/// Values of a series that an export holds in memory at a time: with two hundred series some tens of megabytes.
const EXPORT_PAGE: usize = 1000;
/// Steps of alerts that an export reads at a time.
const ALERT_PAGE: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(series))
        .routes(routes!(range))
        .routes(routes!(windows))
        .routes(routes!(alerts))
        .routes(routes!(book))
        .routes(routes!(export))
        .routes(routes!(export_alerts))
}

/// A series, and when it has values.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesView {
    measurement: &'static str,
    /// Empty: it belongs to none.
    instrument_id: String,
    /// The plugin or host; empty: none.
    source: String,
    field: String,
    /// RFC 3339.
    first: String,
    /// RFC 3339.
    last: String,
}

/// All series that have values in the span.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Catalog {
    series: Vec<SeriesView>,
}

/// The values of a series: times in milliseconds since 1970, and beside each its value, a number, text or flag.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Values {
    measurement: &'static str,
    instrument_id: String,
    source: String,
    field: String,
    /// With fractions: values are kept to the nanosecond.
    times_ms: Vec<f64>,
    values: Vec<serde_json::Value>,
}

/// Values as they were kept.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RangeView {
    series: Vec<Values>,
    /// Where there is more: the `from` to go on with.
    next: Option<String>,
}

/// Windows of a series, a column for each number.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WindowsOf {
    measurement: &'static str,
    instrument_id: String,
    source: String,
    field: String,
    /// When each begins, milliseconds since 1970; windows without values are left out.
    starts_ms: Vec<i64>,
    counts: Vec<u64>,
    means: Vec<f64>,
    mins: Vec<f64>,
    maxs: Vec<f64>,
    lasts: Vec<f64>,
}

/// Windows of equal length.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WindowsView {
    /// Their length, milliseconds.
    every_ms: i64,
    series: Vec<WindowsOf>,
}

/// A step in the life of an alert.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertStep {
    /// RFC 3339.
    time: String,
    id: String,
    instrument_id: String,
    source: String,
    name: String,
    severity: String,
    state: String,
    code: String,
    message: String,
    numbers: serde_json::Value,
}

/// Alerts of the past, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertSteps {
    alerts: Vec<AlertStep>,
    /// Where there is more: the `to` to go on with.
    next_to: Option<String>,
}

/// A book of the past, as far as books are kept (`HISTORY_BOOK`).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PastBook {
    instrument_id: String,
    /// Exchange time of the last frame in it, RFC 3339.
    time: String,
    /// Best first: price and size.
    bids: Vec<[f64; 2]>,
    /// Best first: price and size.
    asks: Vec<[f64; 2]>,
}

/// Which series there are, and when they have values.
#[utoipa::path(get, path = "/api/v1/history/series", tag = "history", params(Times), responses((status = 200, description = "Series", body = Catalog)))]
async fn series(State(app): State<App>, Query(times): Query<Times>) -> Result<Response, ApiError> {
    let span = span(times.from.as_deref(), times.to.as_deref())?;
    let series = app.history.catalog(span).await?.into_iter();
    let series = series.map(|of| {
        let (measurement, instrument_id, source, field) = names(&of.key);
        SeriesView { measurement, instrument_id, source, field, first: time(of.first_ns), last: time(of.last_ns) }
    });
    Ok(fresh(Catalog { series: series.collect() }))
}

/// Values as they were kept. Where there are more than `limit` of a series, `next` says where to go on.
#[utoipa::path(get, path = "/api/v1/history/range", tag = "history", params(Which), responses((status = 200, description = "Values", body = RangeView)))]
async fn range(State(app): State<App>, Query(which): Query<Which>) -> Result<Response, ApiError> {
    which.without(&[("every", which.every.is_some()), ("format", which.format.is_some())])?;
    let page = app.history.range(which.range()?).await?;
    let series = page.series.into_iter().map(|(key, points)| {
        let (measurement, instrument_id, source, field) = names(&key);
        let times_ms = points.iter().map(|point| point.time_ns as f64 / 1e6).collect();
        Values { measurement, instrument_id, source, field, times_ms, values: points.iter().map(|point| json(&point.value)).collect() }
    });
    Ok(fresh(RangeView { series: series.collect(), next: page.next_ns.map(precise) }))
}

/// Windows of equal length over numbers: how many, mean, least, greatest, last.
#[utoipa::path(get, path = "/api/v1/history/windows", tag = "history", params(Which), responses((status = 200, description = "Windows", body = WindowsView)))]
async fn windows(State(app): State<App>, Query(which): Query<Which>) -> Result<Response, ApiError> {
    which.without(&[("limit", which.limit.is_some()), ("format", which.format.is_some())])?;
    let every = which.every.as_deref().unwrap_or("1m");
    let every = humantime::parse_duration(every)
        .map_err(|error| ApiError::bad_request("bad_every", format!("`{}`: {error}", shown(every)), "a length such as 30s, 1m or 1h"))?;
    let query = WindowQuery::new(which.selection()?, which.span()?, every)?;
    let every_ms = query.every_ns() / 1_000_000;
    let series = app.history.windows(query).await?.into_iter().map(|(key, windows)| {
        let (measurement, instrument_id, source, field) = names(&key);
        WindowsOf {
            measurement,
            instrument_id,
            source,
            field,
            starts_ms: windows.iter().map(|window| window.start_ns / 1_000_000).collect(),
            counts: windows.iter().map(|window| window.count).collect(),
            means: windows.iter().map(|window| window.mean).collect(),
            mins: windows.iter().map(|window| window.min).collect(),
            maxs: windows.iter().map(|window| window.max).collect(),
            lasts: windows.iter().map(|window| window.last).collect(),
        }
    });
    Ok(fresh(WindowsView { every_ms, series: series.collect() }))
}

/// Alerts of the past, the newest first: each step of each alert.
#[utoipa::path(get, path = "/api/v1/history/alerts", tag = "history", params(WhichAlerts), responses((status = 200, description = "Steps of alerts", body = AlertSteps)))]
async fn alerts(State(app): State<App>, Query(which): Query<WhichAlerts>) -> Result<Response, ApiError> {
    let limit = which.limit.unwrap_or(100);
    let query = AlertQuery { pairs: list(which.pairs.as_deref())?, span: span(which.from.as_deref(), which.to.as_deref())?, limit };
    let found = app.history.alerts(query).await?;
    let next_to = found.last().filter(|_| found.len() >= limit).map(|last| precise(last.time_ns));
    Ok(fresh(AlertSteps { alerts: found.into_iter().map(step).collect(), next_to }))
}

/// A pair's book as it was.
#[utoipa::path(
    get,
    path = "/api/v1/history/books/{instrument_id}",
    tag = "history",
    params(("instrument_id" = String, Path, description = "The instrument's id", example = "BTC-USDT"), At),
    responses((status = 200, description = "Its book", body = PastBook), (status = 404, description = "None was kept", body = ErrorBody))
)]
async fn book(State(app): State<App>, Path(pair): Path<String>, Query(at): Query<At>) -> Result<Response, ApiError> {
    let pair = checked(pair)?;
    let at_ns = moment(at.at.as_deref(), unix_ms())?;
    let book = app.history.book(Name::new(&pair)?, at_ns).await?.ok_or_else(|| {
        ApiError::not_found("no_book", format!("no book of {pair} was kept for that time"), "HISTORY_BOOK says whether books are kept")
    })?;
    let side = |levels: &[crate::history::entry::BookLevel]| levels.iter().map(|level| [level.price, level.amount]).collect();
    Ok(fresh(PastBook { time: time(book.time_ns), bids: side(&book.bids), asks: side(&book.asks), instrument_id: pair }))
}

/// All values of a span as a file, streamed: CSV, a JSON line a value, or Apache Parquet.
///
/// Parquet has a column for each kind of value, `number`, `text` and `flag`, of which one is filled; `time` is in nanoseconds, UTC.
#[utoipa::path(
    get,
    path = "/api/v1/history/export",
    tag = "history",
    params(Which),
    responses((
        status = 200,
        description = "A row a value, in order of time within each piece of the span",
        content((String = "text/csv"), (String = "application/x-ndjson"), (Vec<u8> = "application/vnd.apache.parquet"))
    ))
)]
async fn export(State(app): State<App>, Query(which): Query<Which>) -> Result<Response, ApiError> {
    which.without(&[("every", which.every.is_some()), ("limit", which.limit.is_some())])?;
    let format = Format::named(which.format.as_deref())?;
    let mut query = which.range()?;
    query.limit = EXPORT_PAGE;
    let name = query.selection.measurement.name();
    export::file(format, name, ValuePages::new(Arc::clone(&app.history), query)).await
}

/// All steps of alerts of a span as a file, streamed, the newest first: CSV, a JSON line a step, or Apache Parquet.
#[utoipa::path(
    get,
    path = "/api/v1/history/alerts/export",
    tag = "history",
    params(AlertFile),
    responses((
        status = 200,
        description = "A row a step",
        content((String = "text/csv"), (String = "application/x-ndjson"), (Vec<u8> = "application/vnd.apache.parquet"))
    ))
)]
async fn export_alerts(State(app): State<App>, Query(which): Query<AlertFile>) -> Result<Response, ApiError> {
    let format = Format::named(which.format.as_deref())?;
    let span = span(which.from.as_deref(), which.to.as_deref())?;
    let query = AlertQuery { pairs: list(which.pairs.as_deref())?, span, limit: ALERT_PAGE };
    export::file(format, "alerts", AlertPages::new(Arc::clone(&app.history), query)).await
}

fn names(key: &SeriesKey) -> (&'static str, String, String, String) {
    (key.measurement.name(), key.pair.to_string(), key.source.to_string(), key.field.to_string())
}

fn time(ns: i64) -> String {
    rfc3339(u64::try_from(ns / 1_000_000).unwrap_or(0))
}

/// A time to the nanosecond.
pub(in crate::api) fn precise(ns: i64) -> String {
    let since = Duration::from_nanos(u64::try_from(ns).unwrap_or(0));
    humantime::format_rfc3339_nanos(std::time::UNIX_EPOCH + since).to_string()
}

/// A value as JSON.
pub(in crate::api) fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Number(number) => (*number).into(),
        Value::Text(text) => text.to_string().into(),
        Value::Flag(flag) => (*flag).into(),
    }
}

fn step(entry: AlertEntry) -> AlertStep {
    AlertStep {
        time: time(entry.time_ns),
        id: entry.id.to_string(),
        instrument_id: entry.pair.to_string(),
        source: entry.source.to_string(),
        name: entry.name.to_string(),
        severity: entry.severity.to_string(),
        state: entry.state.to_string(),
        code: entry.code.to_string(),
        message: entry.message.to_string(),
        numbers: serde_json::from_str(&entry.numbers).unwrap_or_default(),
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Question { .. } => Self::of(StatusCode::BAD_REQUEST, "bad_question", error),
            QueryError::Off => Self::of(StatusCode::NOT_FOUND, "no_history", error),
            QueryError::Busy => Self::of(StatusCode::TOO_MANY_REQUESTS, "busy", error).retry_after(Duration::from_secs(1)),
            QueryError::Home(_) => Self::of(StatusCode::SERVICE_UNAVAILABLE, "history_away", error).retry_after(Duration::from_secs(5)),
        }
    }
}
