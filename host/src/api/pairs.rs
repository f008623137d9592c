//! The wanted pairs: the same Redis Set that `redis-cli SADD` and `SREM` change.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use leadline_market::valid_id;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path};
use super::security::audit::What;
use super::system::seldom;

/// Members that the API lets the Set have: beyond, somebody fills it by mistake.
const MOST: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(remove))
}

/// The wanted pairs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pairs {
    /// The members of the Set, in alphabetical order.
    pairs: Vec<String>,
    /// Those of them that the host leaves out because there are more than it may run.
    left_out: Vec<String>,
    /// Those of them that are no instrument's name.
    refused: Vec<String>,
}

/// A pair to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPair {
    /// The instrument's id at the exchange.
    #[schema(example = "BTC-USDT", pattern = "^[A-Z0-9]+(-[A-Z0-9]+)+$")]
    instrument_id: String,
}

/// What became of a pair in the Set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PairChange {
    /// The pair.
    instrument_id: String,
    /// Whether it is in the Set now.
    wanted: bool,
    /// Whether it was otherwise before.
    changed: bool,
}

/// The wanted pairs.
#[utoipa::path(get, path = "/api/v1/pairs", tag = "pairs", responses((status = 200, description = "The Set of wanted pairs", body = Pairs)))]
async fn list(State(app): State<App>) -> Result<Response, ApiError> {
    let pairs = app.stored.members().await?;
    let not_run = app.source.not_run().await?;
    Ok(seldom(Pairs { pairs, left_out: not_run.left_out, refused: not_run.refused }))
}

/// Adds a pair. Adding one that is there changes nothing and is no error.
#[utoipa::path(
    post,
    path = "/api/v1/pairs",
    tag = "pairs",
    security(("token" = ["operator"])),
    request_body = NewPair,
    responses(
        (status = 200, description = "It was wanted already", body = PairChange),
        (status = 201, description = "It is wanted from now on", body = PairChange),
        (status = 409, description = "There are as many pairs as there may be", body = ErrorBody)
    )
)]
async fn add(State(app): State<App>, Json(pair): Json<NewPair>) -> Result<Response, ApiError> {
    let instrument_id = checked(pair.instrument_id)?;
    let key = app.stored.pairs_key();
    let (there, members): (bool, usize) =
        app.stored.link().run(redis::pipe().cmd("SISMEMBER").arg(key).arg(&instrument_id).cmd("SCARD").arg(key)).await?;
    if !there && members >= MOST {
        return Err(ApiError::conflict("too_many_pairs", format!("{members} pairs are wanted already"), "take some away first"));
    }
    let (added,): (bool,) = app.stored.link().run(redis::pipe().cmd("SADD").arg(key).arg(&instrument_id)).await?;
    let status = if added { StatusCode::CREATED } else { StatusCode::OK };
    Ok(changed(status, PairChange { instrument_id, wanted: true, changed: added }))
}

/// Takes a pair away. Taking one away that isn't there changes nothing and is no error.
#[utoipa::path(
    delete,
    path = "/api/v1/pairs/{instrument_id}",
    tag = "pairs",
    security(("token" = ["operator"])),
    params(("instrument_id" = String, Path, description = "The instrument's id", example = "BTC-USDT")),
    responses((status = 200, description = "It is not wanted any more", body = PairChange))
)]
async fn remove(State(app): State<App>, Path(instrument_id): Path<String>) -> Result<Response, ApiError> {
    let instrument_id = checked(instrument_id)?;
    let (removed,): (bool,) = app.stored.link().run(redis::pipe().cmd("SREM").arg(app.stored.pairs_key()).arg(&instrument_id)).await?;
    Ok(changed(StatusCode::OK, PairChange { instrument_id, wanted: false, changed: removed }))
}

fn changed(status: StatusCode, change: PairChange) -> Response {
    let what = match (change.changed, change.wanted) {
        (false, _) => format!("{}: nothing", change.instrument_id),
        (true, true) => format!("{} is wanted", change.instrument_id),
        (true, false) => format!("{} is no longer wanted", change.instrument_id),
    };
    let mut response = (status, axum::Json(change)).into_response();
    response.extensions_mut().insert(What(what));
    response
}

/// A pair's id as a client wrote it, if it is one.
pub(super) fn checked(id: String) -> Result<String, ApiError> {
    if valid_id(&id) {
        return Ok(id);
    }
    let shown: String = id.chars().take(40).collect();
    Err(ApiError::bad_request("bad_instrument_id", format!("`{shown}` is no instrument's id"), "ids look like BTC-USDT"))
}
