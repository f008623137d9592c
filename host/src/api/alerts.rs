//! Alerts: those that are on and those that were told lately, and what is set of rules, silences and webhooks.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, Query};
use super::security::Caller;
use super::security::audit::What;
use super::system::{fresh, seldom};
use crate::alerts::{
    Alert, AlertError, AlertFilter, AlertState, DeliveryStatus, Preview, RECENT, RuleText, RuleView, Severity, SilenceText, SilenceView,
    Source,
};
use crate::clock::unix_ms;
use crate::history::query::QueryError;

/// How far a preview may look back.
const MIN_BACK: Duration = Duration::from_secs(1);
const MAX_BACK: Duration = Duration::from_secs(31 * 24 * 3600);

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(active))
        .routes(routes!(recent))
        .routes(routes!(acknowledge))
        .routes(routes!(rules))
        .routes(routes!(set_rule, remove_rule))
        .routes(routes!(preview))
        .routes(routes!(silences, add_silence))
        .routes(routes!(set_silence, end_silence))
        .routes(routes!(webhooks))
        .routes(routes!(test_webhook))
}

/// Which alerts are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only of this instrument.
    #[param(example = "BTC-USDT")]
    pair: Option<String>,
    /// Only of, or about, this plugin.
    #[param(example = "liquidity")]
    plugin: Option<String>,
    /// Only of this source.
    source: Option<Source>,
    /// Only in this state.
    state: Option<AlertState>,
    /// From this severity on.
    severity: Option<Severity>,
    /// Most of them.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

/// Alerts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AlertList {
    alerts: Vec<Alert>,
}

impl Wanted {
    fn read(self) -> Result<(AlertFilter, usize), ApiError> {
        let Self { pair, plugin, source, state, severity, limit } = self;
        let limit = limit.unwrap_or(100);
        if !(1..=RECENT).contains(&limit) {
            return Err(ApiError::bad_request("bad_limit", format!("`limit` is {limit}"), format!("1 to {RECENT}")));
        }
        Ok((AlertFilter { pair, plugin, source, state, severity }, limit))
    }
}

/// Rules.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RuleList {
    /// The host's own and those of `config:alert_rules`, by name.
    rules: Vec<RuleView>,
}

/// Silences.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SilenceList {
    /// Those of `config:alert_silences`, by name.
    silences: Vec<SilenceView>,
}

/// Webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookList {
    /// How each is doing.
    webhooks: Vec<DeliveryStatus>,
}

/// A change that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Taken {
    /// What it is about.
    name: String,
}

impl From<AlertError> for ApiError {
    fn from(error: AlertError) -> Self {
        match error {
            AlertError::NotFound { .. } => Self::of(StatusCode::NOT_FOUND, "not_found", error),
            AlertError::Rule(_) => Self::of(StatusCode::BAD_REQUEST, "bad_rule", error),
            AlertError::Silence(_) => Self::of(StatusCode::BAD_REQUEST, "bad_silence", error),
            AlertError::History(QueryError::Question { .. }) => Self::of(StatusCode::BAD_REQUEST, "bad_question", error),
            AlertError::History(_) => Self::of(StatusCode::SERVICE_UNAVAILABLE, "no_history", error),
            AlertError::Redis(error) => error.into(),
            AlertError::NoHost => Self::of(StatusCode::SERVICE_UNAVAILABLE, "no_host", error),
        }
    }
}

fn taken(name: String, what: String) -> Response {
    let mut response = axum::Json(Taken { name }).into_response();
    response.extensions_mut().insert(What(what));
    response
}

/// The alerts that are on: the worst first, then the newest.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(Wanted), responses((status = 200, description = "The alerts", body = AlertList)))]
async fn active(State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Response, ApiError> {
    let (filter, limit) = wanted.read()?;
    let mut alerts = app.alerts.active(&filter).await?;
    alerts.truncate(limit);
    Ok(seldom(AlertList { alerts }))
}

/// What was told lately, newest first: each step of each alert.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/recent",
    tag = "alerts",
    params(Wanted),
    responses((status = 200, description = "The steps", body = AlertList))
)]
async fn recent(State(app): State<App>, Query(wanted): Query<Wanted>) -> Result<Response, ApiError> {
    let (filter, limit) = wanted.read()?;
    Ok(seldom(AlertList { alerts: app.alerts.recent(&filter, limit).await? }))
}

/// Says that somebody has seen an alert.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{id}/acknowledge",
    tag = "alerts",
    security(("token" = ["analyst"])),
    params(("id" = String, Path, description = "The alert's id", example = "1764000000000-000-1a2b")),
    responses(
        (status = 200, description = "The alert now", body = Alert),
        (status = 404, description = "No active alert has this id", body = ErrorBody)
    )
)]
async fn acknowledge(State(app): State<App>, Extension(caller): Extension<Caller>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let alert = app.alerts.acknowledge(&id, caller.name()).await?;
    let what = format!("alert {} ({}) acknowledged", alert.id, alert.code);
    let mut response = axum::Json(alert).into_response();
    response.extensions_mut().insert(What(what));
    Ok(response)
}

/// All rules: the host's own, and those of Redis.
#[utoipa::path(get, path = "/api/v1/alerts/rules", tag = "alerts", responses((status = 200, description = "The rules", body = RuleList)))]
async fn rules(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(seldom(RuleList { rules: app.alerts.rules().await? }))
}

/// Sets a rule; it is at work within a second. Of one of the host's own, the whole rule is given here too.
#[utoipa::path(
    put,
    path = "/api/v1/alerts/rules/{name}",
    tag = "alerts",
    security(("token" = ["operator"])),
    params(("name" = String, Path, description = "The rule's name", example = "thin")),
    request_body = RuleText,
    responses(
        (status = 200, description = "It was taken", body = Taken),
        (status = 400, description = "It is wrong, and why", body = ErrorBody)
    )
)]
async fn set_rule(State(app): State<App>, Path(name): Path<String>, Json(rule): Json<RuleText>) -> Result<Response, ApiError> {
    let json = serde_json::to_string(&rule).map_err(|error| ApiError::of(StatusCode::BAD_REQUEST, "bad_rule", error))?;
    app.alerts.set_rule(&name, &json).await?;
    let what = format!("rule {name} set: {json}");
    Ok(taken(name, what))
}

/// How far a preview looks back.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Back {
    /// From when: `-` and a time such as `-1d` or `-30m`, at most a month.
    #[param(example = "-1d")]
    from: Option<String>,
}

impl Back {
    fn time(&self) -> Result<Duration, ApiError> {
        let text = self.from.as_deref().unwrap_or("-1d");
        let time = text.strip_prefix('-').and_then(|text| humantime::parse_duration(text).ok());
        time.filter(|time| (MIN_BACK..=MAX_BACK).contains(time)).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            ApiError::bad_request("bad_from", format!("`from` is {shown:?}"), "such as -30m or -1d; at most -31d")
        })
    }
}

/// What a rule would have done on what history has, without setting it.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/rules/{name}/preview",
    tag = "alerts",
    security(("token" = ["analyst"])),
    params(("name" = String, Path, description = "The rule's name", example = "thin"), Back),
    request_body = RuleText,
    responses(
        (status = 200, description = "What it would have done", body = Preview),
        (status = 400, description = "It is wrong, and why", body = ErrorBody)
    )
)]
async fn preview(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(back): Query<Back>,
    Json(rule): Json<RuleText>,
) -> Result<Response, ApiError> {
    let alerts = &app.alerts;
    let json = serde_json::to_string(&rule).map_err(|error| ApiError::of(StatusCode::BAD_REQUEST, "bad_rule", error))?;
    let rule = alerts.check_rule(&name, &json).map_err(AlertError::from)?;
    let now = unix_ms();
    let from = now.saturating_sub(u64::try_from(back.time()?.as_millis()).unwrap_or(u64::MAX));
    Ok(fresh(alerts.preview(&rule, from, now).await?))
}

/// Removes a rule from Redis; one of the host's own is then as the host has it.
#[utoipa::path(
    delete,
    path = "/api/v1/alerts/rules/{name}",
    tag = "alerts",
    security(("token" = ["operator"])),
    params(("name" = String, Path, description = "The rule's name", example = "thin")),
    responses(
        (status = 200, description = "It is gone", body = Taken),
        (status = 404, description = "Redis has no rule of this name", body = ErrorBody)
    )
)]
async fn remove_rule(State(app): State<App>, Path(name): Path<String>) -> Result<Response, ApiError> {
    app.alerts.remove_rule(&name).await?;
    let what = format!("rule {name} removed");
    Ok(taken(name, what))
}

/// All silences and maintenance windows.
#[utoipa::path(get, path = "/api/v1/alerts/silences", tag = "alerts", responses((status = 200, description = "The silences", body = SilenceList)))]
async fn silences(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(seldom(SilenceList { silences: app.alerts.silences().await? }))
}

/// Sets a silence under a name that is made up; it holds within a second.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/silences",
    tag = "alerts",
    security(("token" = ["analyst"])),
    request_body = SilenceText,
    responses(
        (status = 200, description = "It was taken", body = Taken),
        (status = 400, description = "It is wrong, and why", body = ErrorBody)
    )
)]
async fn add_silence(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(silence): Json<SilenceText>,
) -> Result<Response, ApiError> {
    silenced(&app, &caller, None, silence).await
}

async fn silenced(app: &App, caller: &Caller, id: Option<&str>, mut silence: SilenceText) -> Result<Response, ApiError> {
    if silence.by.is_empty() {
        caller.name().clone_into(&mut silence.by);
    }
    let silence = app.alerts.silence(id, silence).await?;
    let what = format!("silence {} until {}", silence.id, silence.text.until);
    Ok(taken(silence.id, what))
}

/// Sets a silence; it holds within a second.
#[utoipa::path(
    put,
    path = "/api/v1/alerts/silences/{id}",
    tag = "alerts",
    security(("token" = ["analyst"])),
    params(("id" = String, Path, description = "The silence's name", example = "maintenance")),
    request_body = SilenceText,
    responses(
        (status = 200, description = "It was taken", body = Taken),
        (status = 400, description = "It is wrong, and why", body = ErrorBody)
    )
)]
async fn set_silence(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Json(silence): Json<SilenceText>,
) -> Result<Response, ApiError> {
    silenced(&app, &caller, Some(&id), silence).await
}

/// Ends a silence.
#[utoipa::path(
    delete,
    path = "/api/v1/alerts/silences/{id}",
    tag = "alerts",
    security(("token" = ["analyst"])),
    params(("id" = String, Path, description = "The silence's name", example = "maintenance")),
    responses(
        (status = 200, description = "It is over", body = Taken),
        (status = 404, description = "There is no silence of this name", body = ErrorBody)
    )
)]
async fn end_silence(State(app): State<App>, Path(id): Path<String>) -> Result<Response, ApiError> {
    app.alerts.end_silence(&id).await?;
    let what = format!("silence {id} ended");
    Ok(taken(id, what))
}

/// How the webhooks are doing.
#[utoipa::path(get, path = "/api/v1/alerts/webhooks", tag = "alerts", responses((status = 200, description = "The webhooks", body = WebhookList)))]
async fn webhooks(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(seldom(WebhookList { webhooks: app.alerts.webhooks().await? }))
}

/// Sends a webhook an alert that says that it is a test.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/webhooks/{name}/test",
    tag = "alerts",
    security(("token" = ["operator"])),
    params(("name" = String, Path, description = "The webhook's name", example = "pager")),
    responses(
        (status = 200, description = "It is on its way", body = Taken),
        (status = 404, description = "There is no webhook of this name", body = ErrorBody)
    )
)]
async fn test_webhook(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    app.alerts.test_webhook(&name, caller.name()).await?;
    let what = format!("webhook {name} tested");
    Ok(taken(name, what))
}
