//! Feeds, books and readings of pairs, as hosts wrote them into Redis.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query};
use super::pairs::checked;
use super::system::fresh;
use super::views::{Feed, Readings};
use crate::clock::rfc3339;

/// Levels a side that a book can have.
const MOST_LEVELS: u16 = 400;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(feeds))
        .routes(routes!(feed))
        .routes(routes!(book))
        .routes(routes!(all_readings))
        .routes(routes!(readings))
}

/// How all pairs' feeds stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Feeds {
    /// By id.
    pairs: Vec<Feed>,
}

/// The newest readings of all pairs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllReadings {
    /// By id.
    pairs: Vec<Readings>,
}

/// How much of a book is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Depth {
    /// Levels a side, best first; 1 to 400.
    #[param(minimum = 1, maximum = 400, default = 400)]
    levels: Option<u16>,
}

/// A level: price, size, number of orders. Prices and sizes as the exchange wrote them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LevelView(String, String, u32);

/// A book.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BookView {
    /// The pair.
    #[schema(example = "BTC-USDT")]
    instrument_id: String,
    /// The exchange's sequence number.
    sequence: Option<i64>,
    /// Exchange time, RFC 3339.
    time: Option<String>,
    /// How the pair's feed stands: a book is worth as much as this says.
    state: String,
    /// Best first: price, size, number of orders.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    bids: Vec<LevelView>,
    /// Best first: price, size, number of orders.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    asks: Vec<LevelView>,
}

/// How the wanted pairs' feeds stand: whether their numbers can be trusted, and why not.
#[utoipa::path(get, path = "/api/v1/feeds", tag = "pairs", responses((status = 200, description = "All feeds", body = Feeds)))]
async fn feeds(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(fresh(Feeds { pairs: app.stored.feeds().await? }))
}

/// How a pair's feed stands.
#[utoipa::path(
    get,
    path = "/api/v1/feeds/{instrument_id}",
    tag = "pairs",
    params(("instrument_id" = String, Path, description = "The instrument's id", example = "BTC-USDT")),
    responses((status = 200, description = "Its feed", body = Feed), (status = 404, description = "No host runs it", body = ErrorBody))
)]
async fn feed(State(app): State<App>, Path(pair): Path<String>) -> Result<Response, ApiError> {
    let pair = checked(pair)?;
    app.stored.feed(&pair).await?.map(fresh).ok_or_else(|| not_run(&pair))
}

/// A pair's book as it was last written, up to once a second; the stream has it live.
#[utoipa::path(
    get,
    path = "/api/v1/books/{instrument_id}",
    tag = "pairs",
    params(("instrument_id" = String, Path, description = "The instrument's id", example = "BTC-USDT"), Depth),
    responses((status = 200, description = "Its book", body = BookView), (status = 404, description = "There is none", body = ErrorBody))
)]
async fn book(State(app): State<App>, Path(pair): Path<String>, Query(depth): Query<Depth>) -> Result<Response, ApiError> {
    let pair = checked(pair)?;
    let levels = depth.levels.unwrap_or(MOST_LEVELS);
    if !(1..=MOST_LEVELS).contains(&levels) {
        return Err(ApiError::bad_request("bad_levels", format!("{levels} levels can't be had"), "levels is 1 to 400"));
    }
    let book = app.stored.book(&pair).await?.ok_or_else(|| not_run(&pair))?;
    let state = app.stored.feed(&pair).await?.map_or_else(|| "unknown".to_owned(), |feed| feed.state);
    let side = |side: &[leadline_market::Level]| {
        let level = |level: &leadline_market::Level| LevelView(level.price.to_string(), level.size.to_string(), level.orders);
        side.iter().take(usize::from(levels)).map(level).collect()
    };
    let (bids, asks) = (side(&book.bids), side(&book.asks));
    Ok(fresh(BookView { sequence: book.sequence, time: book.time_ms.map(rfc3339), state, bids, asks, instrument_id: pair }))
}

/// The newest readings of all wanted pairs.
#[utoipa::path(get, path = "/api/v1/readings", tag = "readings", responses((status = 200, description = "All readings", body = AllReadings)))]
async fn all_readings(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(fresh(AllReadings { pairs: app.stored.all_readings().await? }))
}

/// The newest readings of a pair.
#[utoipa::path(
    get,
    path = "/api/v1/readings/{instrument_id}",
    tag = "readings",
    params(("instrument_id" = String, Path, description = "The instrument's id", example = "BTC-USDT")),
    responses((status = 200, description = "Its readings", body = Readings), (status = 404, description = "There are none", body = ErrorBody))
)]
async fn readings(State(app): State<App>, Path(pair): Path<String>) -> Result<Response, ApiError> {
    let pair = checked(pair)?;
    app.stored.readings(&pair).await?.map(fresh).ok_or_else(|| not_run(&pair))
}

fn not_run(pair: &str) -> ApiError {
    ApiError::not_found(
        "not_analysed",
        format!("no host has written anything of {pair}"),
        "POST /api/v1/pairs adds a pair; GET /api/v1/feeds says how it stands",
    )
}
