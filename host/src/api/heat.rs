//! What stood in a pair's book over the last minutes, as columns of a heatmap: so that a page that was just opened doesn't begin empty.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use leadline_market::OrderBook;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query};
use super::pairs::checked;
use super::system::fresh;
use crate::clock;

/// Rows of a column: bands of prices, half of them under the middle.
const ROWS: usize = 160;
/// Room beyond the outermost level of the newest book, as a factor, so that levels stay inside while the middle moves.
const ROOM: f64 = 1.1;
/// Longest time that can be asked for, seconds.
const MAX_SECONDS: u64 = 3600;
/// Most columns of an answer.
const MAX_COLUMNS: u64 = 1200;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(heat))
}

/// How much is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// How many seconds back; at most what the host keeps (`RECENT_MINUTES`).
    #[param(default = 600, minimum = 1, maximum = 3600)]
    seconds: Option<u64>,
    /// Seconds of a column; an answer has at most 1200 columns.
    #[param(default = 1, minimum = 1, maximum = 3600)]
    every: Option<u64>,
}

/// What stood in a book over time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Heat {
    /// The pair.
    #[schema(example = "BTC-USDT")]
    instrument_id: String,
    /// Rows of each column.
    rows: usize,
    /// Width of a row, in the price's unit: as wide as the newest book needs.
    step: f64,
    /// Oldest first; times without a verified book are left out.
    columns: Vec<HeatColumn>,
}

/// The book at one moment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeatColumn {
    /// Milliseconds since 1970.
    time_ms: u64,
    /// The middle of the best prices.
    middle: f64,
    /// The lowest price of the first row.
    low: f64,
    /// Price times size of what stands in each row, lowest price first, to four digits.
    cells: Vec<f64>,
}

/// A column before the width of its rows is known.
struct Raw {
    time_ms: u64,
    middle: f64,
    levels: Vec<(f64, f64)>,
}

/// What stood in a pair's book over the last minutes.
#[utoipa::path(
    get,
    path = "/api/v1/books/{instrument_id}/heat",
    tag = "pairs",
    params(("instrument_id" = String, Path, description = "The instrument's id", example = "BTC-USDT"), Wanted),
    responses(
        (status = 200, description = "Columns of a heatmap", body = Heat),
        (status = 404, description = "No frames of it are held here", body = ErrorBody),
        (status = 503, description = "As many as may are asking for frames", body = ErrorBody)
    )
)]
async fn heat(State(app): State<App>, Path(pair): Path<String>, Query(wanted): Query<Wanted>) -> Result<Response, ApiError> {
    let pair = checked(pair)?;
    let (seconds, every) = (wanted.seconds.unwrap_or(600), wanted.every.unwrap_or(1));
    if !(1..=MAX_SECONDS).contains(&seconds) || every == 0 || seconds / every > MAX_COLUMNS {
        let hint = format!("seconds is 1 to {MAX_SECONDS}, and at most {MAX_COLUMNS} columns");
        return Err(ApiError::bad_request("bad_seconds", format!("{seconds} seconds by {every}"), hint));
    }
    let none = || {
        let hint = "the host that receives the pair holds them, for RECENT_MINUTES";
        ApiError::not_found("no_recent_frames", format!("no frames of {pair} are held here"), hint)
    };
    let recent = app.source.live().and_then(|live| live.monitor.recent.get()).ok_or_else(none)?;
    let turn = recent.turn().ok_or_else(|| ApiError::unavailable("busy", "others are fetching recent frames", "try again in a moment"))?;
    let past = recent.past(&pair, Duration::from_secs(seconds), clock::unix_ms().saturating_mul(1000)).ok_or_else(none)?;
    let made = tokio::task::spawn_blocking(move || {
        let mut columns = Vec::new();
        let read = past.books(Duration::from_secs(every), |time_ms, book| columns.extend(raw(time_ms, book)));
        drop(turn);
        read.map(|()| columns)
    });
    let columns = made.await.map_err(std::io::Error::other).and_then(|read| read).map_err(|error| {
        ApiError::of(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "fault", format!("the held frames of {pair} can't be read: {error}"))
    })?;
    Ok(fresh(gridded(pair, columns)))
}

fn raw(time_ms: u64, book: &OrderBook) -> Option<Raw> {
    let middle = f64::midpoint(book.bids().best()?.price.to_f64(), book.asks().best()?.price.to_f64());
    let levels = book.bids().iter().chain(book.asks().iter()).map(|level| (level.price.to_f64(), level.size.to_f64()));
    Some(Raw { time_ms, middle, levels: levels.collect() })
}

/// All columns on one grid, which the newest book needs.
fn gridded(instrument_id: String, columns: Vec<Raw>) -> Heat {
    let reach =
        columns.last().map_or(0.0, |newest| newest.levels.iter().map(|(price, _)| (price - newest.middle).abs()).fold(0.0, f64::max));
    let step = 2.0 * reach * ROOM / ROWS as f64;
    if step <= 0.0 {
        return Heat { instrument_id, rows: ROWS, step: 0.0, columns: Vec::new() };
    }
    let column = |of: Raw| {
        // Rows begin at whole steps, so that a price keeps its row while the middle moves.
        let low = (of.middle / step - ROWS as f64 / 2.0).floor() * step;
        let mut cells = vec![0.0; ROWS];
        for (price, size) in of.levels {
            let row = ((price - low) / step).floor();
            if row >= 0.0
                && let Some(cell) = cells.get_mut(row as usize)
            {
                *cell += price * size;
            }
        }
        HeatColumn { time_ms: of.time_ms, middle: of.middle, low, cells: cells.into_iter().map(four_digits).collect() }
    };
    Heat { instrument_id, rows: ROWS, step, columns: columns.into_iter().map(column).collect() }
}

/// Rounded to four digits, which no eye tells from all.
fn four_digits(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let unit = 10_f64.powi(value.log10().floor() as i32 - 3);
    if unit >= 1.0 { (value / unit).round() * unit } else { (value * unit.recip()).round() / unit.recip() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_keeps_its_row_while_the_middle_moves_and_nothing_is_lost_within_the_reach() {
        let column = |time_ms, middle: f64| Raw { time_ms, middle, levels: vec![(99.0, 2.0), (101.0, 3.0), (95.0, 10.0), (105.0, 4.0)] };
        let heat = gridded("BTC-USDT".to_owned(), vec![column(1000, 100.3), column(2000, 100.0)]);
        assert!((heat.step - 2.0 * 5.0 * ROOM / ROWS as f64).abs() < 1e-12);
        for column in &heat.columns {
            assert_eq!(column.cells.len(), ROWS);
            assert!((column.cells.iter().sum::<f64>() - (198.0 + 303.0 + 950.0 + 420.0)).abs() < 1e-6);
            let row = ((99.0 - column.low) / heat.step).floor() as usize;
            assert!((column.cells[row] - 198.0).abs() < 1e-9);
            let whole = column.low / heat.step;
            assert!((whole - whole.round()).abs() < 1e-6, "rows begin at whole steps");
        }
        assert!(gridded("BTC-USDT".to_owned(), Vec::new()).columns.is_empty());
    }

    #[test]
    fn four_digits_are_kept_of_large_and_small() {
        for (value, rounded) in [(123_456.0, 123_500.0), (0.001_234_56, 0.001_235), (7.0, 7.0), (0.0, 0.0), (99_999.0, 100_000.0)] {
            assert!((four_digits(value) - rounded).abs() < 1e-12 * rounded.max(1.0), "{value}: {}", four_digits(value));
        }
    }
}
