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
use crate::monitor::ready::Readiness;
use crate::monitor::stages::Stage;

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
    /// How long frames took to each stage of their way since the start; empty: known to the host that has the feed alone.
    stages: Vec<StageView>,
}

/// How long frames took from the moment they were received to one stage of their way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StageView {
    /// `parsed`, `applied`, `analysed` or `acknowledged`.
    stage: &'static str,
    /// `memory` or `buffered`; empty: before the lanes part.
    lane: &'static str,
    /// Times measured.
    count: u64,
    /// Their mean, milliseconds; none: nothing was measured.
    mean_ms: Option<f64>,
    /// The bound of the bucket that the median lies in, milliseconds.
    p50_ms: Option<f64>,
    /// The same of the 99th percentile.
    p99_ms: Option<f64>,
    /// The buckets that have any: a bucket's upper bound is twice its lower one.
    buckets: Vec<Bucket>,
}

/// Times up to a bound, and longer than the bound of the bucket before.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Bucket {
    /// Milliseconds; none: longer than all bounds.
    to_ms: Option<f64>,
    /// How many times.
    count: u64,
}

impl StageView {
    fn of((stage, lane, times): (&'static str, &'static str, &Stage)) -> Self {
        let counts = times.counts();
        let ms = |seconds: f64| Some(seconds * 1000.0).filter(|ms| ms.is_finite());
        let quantile = |share: f64| {
            let rank = (share * counts.count as f64).ceil().max(1.0) as u64;
            let mut sum = 0;
            let found = counts.buckets.iter().find(|(_, count)| {
                sum += count;
                sum >= rank
            });
            found.and_then(|(bound, _)| ms(*bound))
        };
        Self {
            stage,
            lane,
            count: counts.count,
            mean_ms: (counts.count > 0).then(|| counts.sum * 1000.0 / counts.count as f64),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            buckets: counts
                .buckets
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(bound, count)| Bucket { to_ms: ms(*bound), count: *count })
                .collect(),
        }
    }
}

/// How the host is doing, in its own figures.
#[utoipa::path(get, path = "/api/v1/system", tag = "system", responses((status = 200, description = "The figures now", body = SystemView)))]
async fn system(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(fresh(SystemView {
        version: env!("CARGO_PKG_VERSION"),
        role: if app.source.live().is_some() { "host" } else { "api" },
        stream_clients: app.hub.clients(),
        monitoring: app.source.monitoring().await?,
        stages: app.source.live().map(|live| live.monitor.stages.each().map(StageView::of).into()).unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_stage_tells_its_buckets_and_the_bounds_that_its_quantiles_lie_under() {
        let stage = Stage::default();
        for us in [3, 3, 3, 900] {
            stage.record(Duration::from_micros(us));
        }
        let view = StageView::of(("parsed", "", &stage));
        assert_eq!((view.count, view.p50_ms, view.p99_ms), (4, Some(0.004), Some(1.024)));
        assert_eq!(
            view.buckets.iter().map(|bucket| (bucket.to_ms, bucket.count)).collect::<Vec<_>>(),
            [(Some(0.004), 3), (Some(1.024), 1)]
        );
        assert!(view.mean_ms.is_some_and(|mean| (mean - 0.909 / 4.0).abs() < 1e-9));
        assert_eq!(StageView::of(("parsed", "", &Stage::default())).p50_ms, None);
    }
}
