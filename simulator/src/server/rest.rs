//! The public REST calls that a client of the books needs: instruments, a book, the time.

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;

use super::Shared;
use crate::market::WINDOW;

/// The routes.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v5/public/instruments", get(instruments))
        .route("/api/v5/market/books", get(books))
        .route("/api/v5/public/time", get(time))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstrumentsQuery {
    inst_type: Option<String>,
    inst_id: Option<String>,
    inst_family: Option<String>,
    uly: Option<String>,
}

/// `GET /api/v5/public/instruments?instType=SPOT[&instId=..][&instFamily=..|&uly=..]`
async fn instruments(State(shared): State<Shared>, Query(query): Query<InstrumentsQuery>) -> Response {
    let Some(kind) = query.inst_type.filter(|kind| !kind.is_empty()) else {
        return refused("50014", "Parameter instType can not be empty.");
    };
    if !["SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"].contains(&kind.as_str()) {
        return refused("51000", "Parameter instType error");
    }
    if kind == "OPTION" && query.uly.is_none() && query.inst_family.is_none() {
        return refused("50015", "Either parameter uly or instFamily is required");
    }
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    // Older answers have no family; it was the underlying then.
    let family = |entry: &Value| {
        let family = text(entry, "instFamily");
        if family.is_empty() { text(entry, "uly") } else { family }
    };
    let listed = shared.source.instruments();
    let found: Vec<&Value> = listed
        .iter()
        .filter(|entry| text(entry, "instType") == kind)
        .filter(|entry| query.inst_id.as_ref().is_none_or(|id| text(entry, "instId") == *id))
        .filter(|entry| query.uly.as_ref().is_none_or(|uly| text(entry, "uly") == *uly))
        .filter(|entry| query.inst_family.as_ref().is_none_or(|wanted| family(entry) == *wanted))
        .collect();
    if found.is_empty() && query.inst_id.is_some() {
        return refused("51001", "Instrument ID does not exist");
    }
    let found: Vec<String> = found.into_iter().map(Value::to_string).collect();
    answer(&format!("[{}]", found.join(",")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BooksQuery {
    inst_id: Option<String>,
    sz: Option<String>,
}

/// `GET /api/v5/market/books?instId=BTC-USDT[&sz=400]`; one level where `sz` is left out, as on OKX.
async fn books(State(shared): State<Shared>, Query(query): Query<BooksQuery>) -> Response {
    let Some(inst_id) = query.inst_id.filter(|id| !id.is_empty()) else {
        return refused("50014", "Parameter instId can not be empty.");
    };
    let limit = match query.sz.as_deref().unwrap_or("1").parse::<usize>() {
        Ok(limit @ 1..=WINDOW) => limit,
        _ => return refused("51000", "Parameter sz error"),
    };
    match shared.source.book(&inst_id, limit).await {
        Some(book) => answer(&format!("[{book}]")),
        None => refused("51001", "Instrument ID does not exist"),
    }
}

/// `GET /api/v5/public/time`
async fn time(State(shared): State<Shared>) -> Response {
    answer(&format!(r#"[{{"ts":"{}"}}]"#, shared.source.now_ms()))
}

fn answer(data: &str) -> Response {
    json(format!(r#"{{"code":"0","msg":"","data":{data}}}"#))
}

/// OKX answers 200 to requests it refuses; the code is in the text.
fn refused(code: &str, message: &str) -> Response {
    json(format!(r#"{{"code":"{code}","msg":"{message}","data":[]}}"#))
}

fn json(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}
