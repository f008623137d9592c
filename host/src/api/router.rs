//! All routes in one place, with what stands before each of them.
//!
//! A route is a handler with `#[utoipa::path]`, in the file of its subject, in that file's `routes()`. The guard learns from the
//! description which role it needs, so a route can't be served without one; `tests/it/api/guard.rs` goes through all of them.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::{Html, IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::app::{App, Description};
use super::error::ApiError;
use super::forward::{Forward, forward};
use super::revalidate::revalidate;
use super::security::{Gate, guard};
use super::stream::client;
use super::{alerts, books, heat, history, instruments, openapi, page, pairs, plugins, recent, system};

/// What a page of ours may load: its own files and its own stream, nothing else.
const CONTENT_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
                              frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Every route of the API. A new file of routes is merged here, and nowhere else.
#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(system::routes())
        .merge(pairs::routes())
        .merge(alerts::routes())
        .merge(plugins::routes())
        .merge(books::routes())
        .merge(heat::routes())
        .merge(instruments::routes())
        .merge(history::routes())
        .merge(recent::routes())
        .merge(client::routes())
        .merge(openapi::routes())
}

/// The OpenAPI document.
#[must_use]
pub fn document() -> OpenApi {
    openapi::complete(routes().into_openapi())
}

/// The document as JSON and as a page.
#[must_use]
pub fn description() -> Description {
    let document = serde_json::to_value(document()).unwrap_or_default();
    Description { json: format!("{document:#}\n"), html: page::html(&document) }
}

/// Everything that is served, behind the guard. `host`: who is asked what only a host can answer, where this process is none.
pub(super) fn serve(app: App, host: Option<Arc<Forward>>, gate: &Arc<Gate>, origins: &[String], web_dir: &Path) -> Router {
    let (routes, _) = routes().split_for_parts();
    let routes = routes.layer(axum::middleware::from_fn_with_state(host, forward));
    let routes = routes.with_state(app).method_not_allowed_fallback(no_method).route("/api/{*path}", axum::routing::any(no_route));
    let routes = if web_dir.join("index.html").is_file() {
        routes.fallback_service(page_files(web_dir))
    } else {
        tracing::warn!(dir = %web_dir.display(), "the page is not built\nhint: `make web` builds it, API_WEB_DIR names its folder");
        routes.fallback(no_page)
    };
    let routes = routes
        .layer(axum::middleware::from_fn(revalidate))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(gate), guard::guard));
    let routes = match cross_origin(origins) {
        Some(layer) => routes.layer(layer),
        None => routes,
    };
    let header = |name: HeaderName, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    routes
        .layer(header(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(header(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .layer(header(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"))
}

/// The page's files, packed where the build packed them. An address that is none of them is one of the page's own; but a name under
/// assets/, which holds a digest of what it names, must not become the page when it is missing.
fn page_files(web_dir: &Path) -> Router {
    let files = |dir: &Path| ServeDir::new(dir).precompressed_br().precompressed_gzip();
    let assets = Router::new().fallback_service(files(&web_dir.join("assets"))).layer(axum::middleware::map_response(lasting));
    let page = files(web_dir).fallback(ServeFile::new(web_dir.join("index.html")));
    let asked_anew = SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Router::new().nest("/assets", assets).fallback_service(page).layer(asked_anew)
}

async fn lasting(mut response: Response) -> Response {
    if response.status().is_success() {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    response
}

/// Lets the pages of `API_ORIGINS` read the answers; none: there are no such pages.
fn cross_origin(origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG, header::RETRY_AFTER]);
    Some(layer)
}

async fn no_method(request: Request) -> ApiError {
    let message = format!("{} takes no {}", shown(&request), request.method());
    ApiError::new(axum::http::StatusCode::METHOD_NOT_ALLOWED, "no_method", message, "GET /api/v1/docs lists all routes")
}

async fn no_route(request: Request) -> ApiError {
    ApiError::not_found("no_route", format!("there is no {}", shown(&request)), "GET /api/v1/docs lists all routes")
}

fn shown(request: &Request) -> String {
    request.uri().path().chars().take(100).collect()
}

async fn no_page() -> Response {
    let text = "<!doctype html><title>Leadline</title><h1>Leadline</h1><p>The page is not built: run <code>make web</code>. The API is described at <a href=\"/api/v1/docs\">/api/v1/docs</a>.</p>";
    (axum::http::StatusCode::NOT_FOUND, Html(text)).into_response()
}

/// A route that panicked: a fault of ours, told without what only the log may say.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!("a route of the API panicked: {}", text.unwrap_or("no words"));
    let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
    ApiError::new(status, "fault", "the host failed at this request", "its log says more; please report it").into_response()
}
