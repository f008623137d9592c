//! The plugins at work: seen, installed, tried beside the live version, switched and taken back.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::error::{ApiError, ErrorBody};
use super::extract::{Bytes, Json, Path, Query};
use super::security::audit::What;
use crate::analysis::{Command, ControlError, Done, LogLine, PluginState, ShadowReport};

/// Log lines that are given at once, when nothing is said.
const LINES: usize = 100;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, install))
        .routes(routes!(one))
        .routes(routes!(logs))
        .routes(routes!(set_parameters))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(report, shadow, drop_shadow))
        .routes(routes!(promote))
        .routes(routes!(rollback))
}

/// What came of a command.
#[derive(Debug, Serialize, ToSchema)]
struct PluginChange {
    /// The plugin.
    plugin: String,
    /// The version that the command was about.
    version: String,
    /// SHA-256 of its component.
    digest: String,
    /// `running`, `disabled` or `dropped`; or the phase that it is in, when it takes longer.
    phase: String,
    /// Whether anything is other than before.
    changed: bool,
}

/// Which pair.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct OnePair {
    /// One pair's own parameters; without: those of all pairs that have none of their own.
    pair: Option<String>,
}

/// Which log lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// So many at most.
    most: Option<usize>,
    /// None before this number: of the last line that is known already, one more.
    from: Option<u64>,
}

/// How a candidate is compared.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Comparison {
    /// The candidate's parameters as a JSON object; without: those at work.
    parameters: Option<String>,
    /// Relative difference up to which numbers count as alike.
    tolerance: Option<f64>,
    /// When it is promoted by itself, such as `promote after 10 min if agreement >= 99.5%, no faults`.
    rule: Option<String>,
}

/// Where to go back to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Target {
    /// The first characters of a kept version's digest; without: the newest before this.
    to: Option<String>,
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        let status = match &error {
            ControlError::Unknown(..) | ControlError::NoShadow(_) | ControlError::NoVersion(..) => StatusCode::NOT_FOUND,
            ControlError::Refused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ControlError::Busy(..) | ControlError::NotAtWork(..) => StatusCode::CONFLICT,
            ControlError::Value(_) | ControlError::Rule(_) => StatusCode::BAD_REQUEST,
            ControlError::NotWritten(..) => StatusCode::INTERNAL_SERVER_ERROR,
            ControlError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::of(status, error.code(), &error)
    }
}

/// All plugins: version, digest, state, phase and problem of the newest file, costs against the budget, kept versions, shadow.
#[utoipa::path(get, path = "/api/v1/plugins", tag = "plugins", responses((status = 200, description = "By name", body = Vec<PluginState>)))]
async fn list(State(app): State<App>) -> Result<Response, ApiError> {
    Ok(seen(&app.plugins()?.list()))
}

/// One plugin.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{name}",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin", example = "large_orders")),
    responses((status = 200, description = "The plugin", body = PluginState), (status = 404, description = "There is none of this name", body = ErrorBody))
)]
async fn one(State(app): State<App>, Path(name): Path<String>) -> Result<Response, ApiError> {
    Ok(seen(&app.plugins()?.plugin(&name)?))
}

/// The newest log lines of a plugin, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{name}/logs",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin", example = "large_orders"), Which),
    responses((status = 200, description = "Lines, oldest first", body = Vec<LogLine>))
)]
async fn logs(State(app): State<App>, Path(name): Path<String>, Query(which): Query<Which>) -> Result<Response, ApiError> {
    Ok(seen(&app.plugins()?.logs(&name, which.most.unwrap_or(LINES), which.from.unwrap_or(0))?))
}

/// Installs a component: it is checked, proved on recent books, written into the folder of plugins, and takes over. A bad one changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/plugins",
    tag = "plugins",
    security(("token" = ["analyst"])),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component"),
    responses(
        (status = 200, description = "It is at work, or on its last steps", body = PluginChange),
        (status = 422, description = "It isn't good enough; the message says in which phase", body = ErrorBody)
    ),
    extensions(("x-max-body-bytes" = json!(67_108_864)), ("x-answer-within-s" = json!(300)))
)]
async fn install(State(app): State<App>, Bytes(bytes): Bytes) -> Result<Response, ApiError> {
    carried_out(&app, "installed", Command::Install { bytes: bytes.into() }).await
}

/// Sets all parameters of a plugin; `null` and what is left out: the default. They are written into `plugins.toml`.
#[utoipa::path(
    put,
    path = "/api/v1/plugins/{name}/parameters",
    tag = "plugins",
    security(("token" = ["analyst"])),
    params(("name" = String, Path, description = "The plugin", example = "large_orders"), OnePair),
    request_body(content = Object, description = "All parameters, by name", example = json!({"share": 0.2})),
    responses(
        (status = 200, description = "They are at work", body = PluginChange),
        (status = 422, description = "The plugin's schema doesn't allow them", body = ErrorBody)
    ),
    extensions(("x-answer-within-s" = json!(300)))
)]
async fn set_parameters(
    State(app): State<App>,
    Path(plugin): Path<String>,
    Query(OnePair { pair }): Query<OnePair>,
    Json(parameters): Json<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let pair = pair.map(super::pairs::checked).transpose()?;
    carried_out(&app, "given parameters", Command::SetParameters { plugin, pair, parameters }).await
}

/// Puts a plugin to work that was switched off. `plugins.toml` says so from then on.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{name}/enable",
    tag = "plugins",
    security(("token" = ["analyst"])),
    params(("name" = String, Path, description = "The plugin", example = "large_orders")),
    responses((status = 200, description = "It is at work", body = PluginChange)),
    extensions(("x-answer-within-s" = json!(300)))
)]
async fn enable(State(app): State<App>, Path(plugin): Path<String>) -> Result<Response, ApiError> {
    carried_out(&app, "switched on", Command::Enable { plugin }).await
}

/// Stops a plugin and clears its fields. `plugins.toml` says so from then on.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{name}/disable",
    tag = "plugins",
    security(("token" = ["analyst"])),
    params(("name" = String, Path, description = "The plugin", example = "large_orders")),
    responses((status = 200, description = "It is stopped", body = PluginChange))
)]
async fn disable(State(app): State<App>, Path(plugin): Path<String>) -> Result<Response, ApiError> {
    carried_out(&app, "switched off", Command::Disable { plugin }).await
}

/// What a candidate did beside the live version: agreement field by field, costs, notices, faults.
#[utoipa::path(
    get,
    path = "/api/v1/plugins/{name}/shadow",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin", example = "large_orders")),
    responses((status = 200, description = "The report; of the last one, when none runs", body = ShadowReport), (status = 404, description = "There was none", body = ErrorBody))
)]
async fn report(State(app): State<App>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let report = app.plugins()?.plugin(&name)?.shadow;
    report.map(|report| seen(&report)).ok_or_else(|| ControlError::NoShadow(name).into())
}

/// Starts a candidate beside the live version: the component sent, or with an empty body the one at work with other parameters.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{name}/shadow",
    tag = "plugins",
    security(("token" = ["analyst"])),
    params(("name" = String, Path, description = "The plugin", example = "large_orders"), Comparison),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The candidate; empty: the component at work"),
    responses(
        (status = 200, description = "It runs", body = PluginChange),
        (status = 422, description = "It isn't good enough", body = ErrorBody)
    ),
    extensions(("x-max-body-bytes" = json!(67_108_864)), ("x-answer-within-s" = json!(300)))
)]
async fn shadow(
    State(app): State<App>,
    Path(plugin): Path<String>,
    Query(comparison): Query<Comparison>,
    Bytes(bytes): Bytes,
) -> Result<Response, ApiError> {
    let read =
        |text: String| serde_json::from_str(&text).map_err(|error| ControlError::Value(format!("`parameters` is no JSON object: {error}")));
    let parameters = comparison.parameters.map(read).transpose()?;
    let bytes = (!bytes.is_empty()).then(|| bytes.into());
    let command = Command::shadow(&plugin, bytes, parameters, comparison.tolerance, comparison.rule.as_deref())?;
    carried_out(&app, "given a shadow", command).await
}

/// Lets the candidate go.
#[utoipa::path(
    delete,
    path = "/api/v1/plugins/{name}/shadow",
    tag = "plugins",
    security(("token" = ["analyst"])),
    params(("name" = String, Path, description = "The plugin", example = "large_orders")),
    responses((status = 200, description = "It is gone", body = PluginChange))
)]
async fn drop_shadow(State(app): State<App>, Path(plugin): Path<String>) -> Result<Response, ApiError> {
    carried_out(&app, "let its shadow go", Command::Drop { plugin }).await
}

/// Lets the candidate take over, with what it has gathered.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{name}/promote",
    tag = "plugins",
    security(("token" = ["analyst"])),
    params(("name" = String, Path, description = "The plugin", example = "large_orders")),
    responses((status = 200, description = "It is at work", body = PluginChange)),
    extensions(("x-answer-within-s" = json!(300)))
)]
async fn promote(State(app): State<App>, Path(plugin): Path<String>) -> Result<Response, ApiError> {
    carried_out(&app, "took over from a shadow", Command::Promote { plugin }).await
}

/// Goes back to an earlier version that is kept.
#[utoipa::path(
    post,
    path = "/api/v1/plugins/{name}/rollback",
    tag = "plugins",
    security(("token" = ["analyst"])),
    params(("name" = String, Path, description = "The plugin", example = "large_orders"), Target),
    responses((status = 200, description = "It is at work", body = PluginChange), (status = 404, description = "None is kept", body = ErrorBody)),
    extensions(("x-answer-within-s" = json!(300)))
)]
async fn rollback(State(app): State<App>, Path(plugin): Path<String>, Query(Target { to }): Query<Target>) -> Result<Response, ApiError> {
    carried_out(&app, "went back", Command::Rollback { plugin, to }).await
}

fn seen(what: &impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(what)).into_response()
}

/// Has a command carried out, and says for the audit log what it was.
async fn carried_out(app: &App, word: &str, command: Command) -> Result<Response, ApiError> {
    let Done { plugin, version, digest, phase, changed } = app.plugins()?.run(command).await?;
    let what = if changed { format!("{plugin} {word}: version {version} {digest}, {phase}") } else { format!("{plugin}: nothing") };
    let mut response = axum::Json(PluginChange { plugin, version, digest, phase: phase.to_owned(), changed }).into_response();
    response.extensions_mut().insert(What(what));
    Ok(response)
}
