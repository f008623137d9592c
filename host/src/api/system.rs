//! How the host is doing: state, figures, metrics, whether it is alive.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::document::Document;
use super::error::ApiError;
use super::metrics;
use crate::monitor::StageTimes;
use crate::monitor::ready::Readiness;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(state))
        .routes(routes!(system))
        .routes(routes!(scrape))
        .routes(routes!(alive))
        .routes(routes!(ready))
}

/// An answer that is good for this moment alone.
pub(super) fn fresh(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

/// An answer that changes seldom: a client asks again, and is sent it only if it is another (`ETag`).
pub(super) fn seldom(body: impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-cache")], axum::Json(body)).into_response()
}

/// The whole state, as an overview shows it.
#[utoipa::path(get, path = "/api/v1/state", tag = "system", responses((status = 200, description = "The state now", body = Document)))]
async fn state(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(fresh(app.source.document().await?))
}

/// The process that answers, and the host's figures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SystemView {
    /// The version of the process that answers.
    version: &'static str,
    /// `host`: it has feeds of its own; `api`: it answers from Redis.
    role: &'static str,
    /// Clients of the stream now.
    stream_clients: usize,
    /// The fields of `system:monitoring`; empty where no host runs.
    monitoring: BTreeMap<String, String>,
    /// How long frames took to each stage of their way since the start; empty: no host runs.
    stages: Vec<StageTimes>,
}

/// How the host is doing, in its own figures.
#[utoipa::path(get, path = "/api/v1/system", tag = "system", responses((status = 200, description = "The figures now", body = SystemView)))]
async fn system(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(fresh(SystemView {
        version: env!("CARGO_PKG_VERSION"),
        role: if app.source.live().is_some() { "host" } else { "api" },
        stream_clients: app.hub.clients(),
        monitoring: app.source.monitoring().await?,
        stages: app.source.stages().await?,
    }))
}

/// Metrics for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "system",
    responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"))
)]
async fn scrape(State(app): State<App>) -> Response {
    match app.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => ApiError::of(StatusCode::INTERNAL_SERVER_ERROR, "no_metrics", error).into_response(),
    }
}

/// Whether the process is alive.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "system",
    security(()),
    responses((status = 200, description = "It is", body = String, content_type = "text/plain"))
)]
async fn alive() -> &'static str {
    "alive\n"
}

/// Whether the host does its work: fed by the exchange, and Redis there. Needs no token.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "system",
    security(()),
    responses(
        (status = 200, description = "It does", body = Readiness),
        (status = 503, description = "It doesn't, and why", body = Readiness)
    )
)]
async fn ready(State(app): State<App>) -> Response {
    let readiness = match app.source.live() {
        Some(live) => Readiness::of(&live.monitor),
        // Without feeds of its own all it needs is Redis.
        None => Readiness::without_feeds(app.stored.monitoring().await.is_ok()),
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], axum::Json(readiness)).into_response()
}
