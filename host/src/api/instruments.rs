//! What the exchange lists, for whoever looks for a pair to add.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use leadline_market::Instrument;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::{ApiError, ErrorBody};
use super::extract::Query;
use super::system::seldom;
use crate::clock::rfc3339;
use crate::okx::{Rest, RestError};

/// How long a listing is good: instruments come and go by the day.
const GOOD_FOR: Duration = Duration::from_secs(600);
/// A failed try is not made again for so long, whoever asks.
const PAUSE: Duration = Duration::from_secs(5);
/// Most instruments in one answer.
const MOST: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(instruments))
}

/// A kind of instrument that is listed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Listed {
    /// Spot pairs.
    Spot,
    /// Perpetual swaps.
    Swap,
    /// Futures.
    Futures,
}

impl Listed {
    fn query(self) -> &'static str {
        match self {
            Self::Spot => "instType=SPOT",
            Self::Swap => "instType=SWAP",
            Self::Futures => "instType=FUTURES",
        }
    }
}

/// Which instruments are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Of this kind; spot where nothing is said.
    #[param(inline)]
    kind: Option<Listed>,
    /// Whose ids contain this, in capitals or not.
    #[param(example = "BTC")]
    search: Option<String>,
    /// Most of them, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// An instrument as the exchange lists it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InstrumentView {
    #[schema(example = "BTC-USDT")]
    instrument_id: String,
    /// The currency that is bought and sold.
    base: String,
    /// The currency that prices are in.
    quote: String,
    /// The smallest step of prices.
    #[schema(example = "0.1")]
    tick_size: String,
    /// The smallest step of sizes.
    lot_size: String,
    /// Whether it is traded now.
    live: bool,
    /// When it expires, RFC 3339; null: never.
    expires: Option<String>,
}

/// Instruments, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Instruments {
    instruments: Vec<InstrumentView>,
    /// How many there are that match.
    total: usize,
}

/// The exchange's listings, asked for at most once in ten minutes each.
pub struct Listings {
    rest: Rest,
    kept: Mutex<HashMap<Listed, Kept>>,
}

struct Kept {
    instruments: Arc<Vec<Instrument>>,
    /// Why there are none.
    failed: Option<String>,
    until: Instant,
}

impl Listings {
    /// Asked for through a client.
    #[must_use]
    pub fn new(rest: Rest) -> Self {
        Self { rest, kept: Mutex::default() }
    }

    /// One listing. Whoever comes while it is asked for waits for the same answer.
    async fn of(&self, kind: Listed) -> Result<Arc<Vec<Instrument>>, ApiError> {
        let mut kept = self.kept.lock().await;
        let now = Instant::now();
        if kept.get(&kind).is_none_or(|kept| kept.until <= now) {
            let made = match self.rest.list(kind.query()).await {
                Ok(mut instruments) => {
                    instruments.sort_by(|one, other| one.id.cmp(&other.id));
                    Kept { instruments: Arc::new(instruments), failed: None, until: now + GOOD_FOR }
                }
                Err(RestError::NotAsked) => {
                    let hint = "OKX_REST_URL is `none`; GET /api/v1/pairs says what is wanted";
                    return Err(ApiError::not_found("no_listing", "the exchange isn't asked for instruments", hint));
                }
                Err(error) => Kept { instruments: Arc::default(), failed: Some(error.to_string()), until: now + PAUSE },
            };
            kept.insert(kind, made);
        }
        match kept.get(&kind) {
            Some(Kept { failed: Some(why), .. }) => Err(ApiError::new(
                StatusCode::BAD_GATEWAY,
                "exchange_away",
                format!("the exchange can't be asked for instruments: {why}"),
                "try again in some seconds; OKX_REST_URL names its address",
            )),
            Some(found) => Ok(Arc::clone(&found.instruments)),
            None => Ok(Arc::default()),
        }
    }
}

/// What the exchange lists, in alphabetical order; up to ten minutes old.
#[utoipa::path(
    get,
    path = "/api/v1/instruments",
    tag = "pairs",
    params(Wanted),
    responses(
        (status = 200, description = "Instruments", body = Instruments),
        (status = 502, description = "The exchange can't be asked", body = ErrorBody)
    )
)]
async fn instruments(State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Response, ApiError> {
    let limit = wanted.limit.unwrap_or(100);
    if !(1..=MOST).contains(&limit) {
        return Err(ApiError::bad_request("bad_limit", format!("{limit} instruments can't be had"), "limit is 1 to 1000"));
    }
    let all = app.listings.of(wanted.kind.unwrap_or(Listed::Spot)).await?;
    let search = wanted.search.unwrap_or_default().to_ascii_uppercase();
    let matching: Vec<&Instrument> = all.iter().filter(|instrument| instrument.id.contains(&search)).collect();
    let view = |instrument: &&Instrument| InstrumentView {
        instrument_id: instrument.id.clone(),
        base: instrument.base.clone(),
        quote: instrument.quote.clone(),
        tick_size: instrument.tick_size.to_string(),
        lot_size: instrument.lot_size.to_string(),
        live: instrument.state == leadline_market::State::Live,
        expires: instrument.expires_ms.map(rfc3339),
    };
    Ok(seldom(Instruments { instruments: matching.iter().take(limit).map(view).collect(), total: matching.len() }))
}
