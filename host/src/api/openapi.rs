//! The OpenAPI document: generated from the routes, completed here, and shown as a page without scripts.

use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::{ErrorBody, ErrorDetail};
use super::security::{Role, rules};
use super::stream::protocol;

/// What stands over all routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Leadline",
        description = "Order books of OKX, and what plugins find in them. Reading needs a token, but on the host's own machine; every change needs one. \
                       Errors of all routes have one form: `ErrorBody`.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(ErrorBody, ErrorDetail, protocol::Request, protocol::Message)),
    tags(
        (name = "plugins", description = "What is analysed: plugins seen, installed, tried beside the live version, taken back"),
        (name = "pairs", description = "Which pairs are analysed, how their feeds stand, and their books"),
        (name = "readings", description = "What the plugins found last"),
        (name = "alerts", description = "What somebody should know of"),
        (name = "history", description = "What was kept"),
        (name = "stream", description = "Live values over one WebSocket"),
        (name = "system", description = "How the host is doing"),
        (name = "documentation", description = "This document")
    )
)]
struct Base;

pub(super) fn base() -> OpenApi {
    let mut document = Base::openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "A token of API_TOKEN or API_TOKENS_FILE. The scopes are roles: viewer, analyst, operator; each may do what the ones before it may. \
         A WebSocket of a browser sends it as the protocol leadline.token.TOKEN beside leadline.v1.",
    ));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(rules::SCHEME, SecurityScheme::Http(scheme.build()));
    document
}

/// Adds to each route what holds for all: the form of errors, the role where the route says none, and a name that no other has.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let reads = [("get", &mut item.get), ("head", &mut item.head)].map(|(method, operation)| (method, operation, Role::Viewer));
        let changes = [("post", &mut item.post), ("put", &mut item.put), ("patch", &mut item.patch), ("delete", &mut item.delete)];
        let changes = changes.map(|(method, operation)| (method, operation, Role::Operator));
        for (method, operation, role) in reads.into_iter().chain(changes) {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
                complete_one(operation, role);
            }
        }
    }
    document
}

/// `GET /api/v1/books/{instrument_id}` is `get_books_instrument_id`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.strip_prefix("/api/v1").unwrap_or(path).split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    std::iter::once(method).chain(words.filter(|word| !word.is_empty())).collect::<Vec<_>>().join("_")
}

fn complete_one(operation: &mut Operation, role: Role) {
    let security = operation.security.get_or_insert_with(|| vec![SecurityRequirement::new(rules::SCHEME, [role.as_str()])]);
    // On its own machine a host may be read without a token.
    let reads_unnamed = role == Role::Viewer && security.iter().all(|requirement| *requirement != SecurityRequirement::default());
    if reads_unnamed {
        operation.extensions.get_or_insert_default().insert("x-open-on-loopback".to_owned(), Value::Bool(true));
    }
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
    let error = ResponseBuilder::new().description("An error; its `code` says which").content("application/json", body).build();
    operation.responses.responses.entry("default".to_owned()).or_insert(RefOr::T(error));
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(json)).routes(routes!(docs))
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "documentation",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Value, content_type = "application/json"))
)]
async fn json(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], app.description.json.clone()).into_response()
}

/// This document as a page.
#[utoipa::path(
    get,
    path = "/api/v1/docs",
    tag = "documentation",
    security(()),
    responses((status = 200, description = "A page", body = String, content_type = "text/html"))
)]
async fn docs(State(app): State<App>) -> Response {
    ([(header::CACHE_CONTROL, "no-cache")], Html(app.description.html.clone())).into_response()
}
