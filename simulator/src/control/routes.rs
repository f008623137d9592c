//! The control endpoint: faults, connections and the truth over HTTP, on the simulator's own port.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::log::Injected;
use crate::error::SimulatorError;
use crate::fault::Fault;
use crate::server::Shared;

/// Longest body that is read.
const MAX_BODY_BYTES: usize = 64 << 10;

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/control/fault", post(fault))
        .route("/control/faults", get(faults))
        .route("/control/connections", get(connections))
        .route("/control/truth", get(truth))
        .route("/control/acknowledge", post(acknowledge))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// `POST /control/fault`: the text of a fault, or JSON (see [`read`]).
async fn fault(State(shared): State<Shared>, body: String) -> Response {
    let injected = match read(&body) {
        Ok(fault) => shared.hub.inject(&fault).await,
        Err(error) => Err(error),
    };
    match injected {
        Ok(injected) => json_answer(StatusCode::OK, &entry(&injected)),
        Err(error) => json_answer(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
    }
}

/// A fault from its text, from `{"fault":"drop:BTC-USDT"}`, or from `{"kind":"drop","pair":"BTC-USDT","count":3}`.
fn read(body: &str) -> Result<Fault, SimulatorError> {
    match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(mut keys)) => {
            let plain = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if let Some(text) = keys.remove("fault") {
                return plain(text).parse();
            }
            let mut text = keys.remove("kind").map(plain).unwrap_or_default();
            for (key, value) in keys {
                text.push_str(&format!(":{key}={}", plain(value)));
            }
            text.parse()
        }
        Ok(Value::String(text)) => text.parse(),
        _ => body.parse(),
    }
}

/// `GET /control/faults`: what was brought about, oldest first.
async fn faults(State(shared): State<Shared>) -> Response {
    json_answer(StatusCode::OK, &shared.hub.injected().iter().map(entry).collect())
}

fn entry(injected: &Injected) -> Value {
    let Injected { number, at_ms, fault, effect, connections, hits } = injected;
    json!({ "number": number, "atMs": at_ms, "fault": fault, "effect": effect, "connections": connections, "hits": hits })
}

/// `GET /control/connections`: the open WebSockets, oldest first.
async fn connections(State(shared): State<Shared>) -> Response {
    let ms = |age: Duration| u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    let all = shared.hub.connections().into_iter().map(|one| {
        json!({
            "number": one.number, "connId": one.conn_id, "peer": one.peer.to_string(), "ageMs": ms(one.age), "pairs": one.pairs,
            "sent": one.sent, "halfOpen": one.half_open,
        })
    });
    json_answer(StatusCode::OK, &all.collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameQuery {
    inst_id: String,
    seq: i64,
}

/// `GET /control/truth?instId=BTC-USDT&seq=123`: digests as hexadecimal text, since JSON's numbers don't hold 64 bits everywhere.
async fn truth(State(shared): State<Shared>, Query(query): Query<FrameQuery>) -> Response {
    let digests: Vec<String> = shared.hub.truth(&query.inst_id, query.seq).iter().map(|digest| format!("{digest:016x}")).collect();
    json_answer(StatusCode::OK, &json!({ "instId": query.inst_id, "seq": query.seq, "digests": digests }))
}

/// `POST /control/acknowledge?instId=BTC-USDT&seq=123`: at `--rate lock-step` the frame is safe, and the next one may go.
async fn acknowledge(State(shared): State<Shared>, Query(query): Query<FrameQuery>) -> Response {
    let moved = shared.hub.acknowledge(&query.inst_id, query.seq).await;
    json_answer(StatusCode::OK, &json!({ "instId": query.inst_id, "seq": query.seq, "moved": moved }))
}

fn json_answer(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_body_may_be_text_or_json() {
        let fault = read("drop:BTC-USDT:count=3").unwrap();
        for body in [r#""drop:BTC-USDT:count=3""#, r#"{"fault":"drop:BTC-USDT:count=3"}"#, r#"{"kind":"drop","pair":"BTC-USDT","count":3}"#]
        {
            assert_eq!(read(body).unwrap(), fault, "{body}");
        }
        for body in ["", "{}", "[1]", r#"{"fault":7}"#, r#"{"kind":"drop","count":-1}"#] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
