//! What stands between the host and a judge: faults on command, and the paths of InfluxDB 2 for an InfluxDB 1.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::model::Model;

/// How writes are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// As they should.
    None,
    /// With a status, and seconds to wait.
    Status(u16, Option<u64>),
    /// Refused over so many bytes of text.
    TooLarge(usize),
    /// After a while.
    Slow(Duration),
    /// Carried out, and the connection is cut before the answer.
    Cut,
    /// Nobody listens: each connection is closed at once.
    Away,
}

/// Who judges.
pub enum Judge {
    Model(Arc<Model>),
    /// An address that takes `/api/v2/write`.
    Second(String),
    /// An InfluxDB 1: its address.
    First(String),
}

struct Shared {
    judge: Judge,
    fault: Mutex<Fault>,
    writes: AtomicU64,
    client: reqwest::Client,
    /// Put behind the next answers to queries.
    behind: Mutex<String>,
    buckets: Mutex<Vec<serde_json::Value>>,
    queries: Mutex<Vec<String>>,
}

/// A running front.
#[derive(Clone)]
pub struct Front {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

impl Front {
    pub async fn start(judge: Judge) -> Self {
        let shared = Arc::new(Shared {
            judge,
            fault: Mutex::new(Fault::None),
            writes: AtomicU64::new(0),
            client: client(),
            behind: Mutex::default(),
            buckets: Mutex::default(),
            queries: Mutex::default(),
        });
        let app = Router::new()
            .route("/api/v2/write", post(write))
            .route("/api/v2/query", post(query))
            .route("/api/v2/buckets", get(buckets).post(make_bucket))
            .route("/api/v2/orgs", get(async || axum::Json(serde_json::json!({"orgs": [{"id": "0000111100001111", "name": "leadline"}]}))))
            .route("/health", get(async || axum::Json(serde_json::json!({"name": "influxdb", "status": "pass"}))))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let inner = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let to = inner.local_addr().expect("its number");
        tokio::spawn(async move { axum::serve(inner, app).await });
        let outer = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = outer.local_addr().expect("its number");
        let seen = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((socket, _)) = outer.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move { relay(socket, to, &seen).await });
            }
        });
        Self { addr, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn set(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// Calls of write so far, failed ones too.
    pub fn writes(&self) -> u64 {
        self.shared.writes.load(Ordering::Relaxed)
    }

    pub fn put_behind_answers(&self, text: &str) {
        *self.shared.behind.lock().unwrap() = text.to_owned();
    }

    /// The texts of all queries so far.
    pub fn queries(&self) -> Vec<String> {
        self.shared.queries.lock().unwrap().clone()
    }

    pub fn made_buckets(&self) -> Vec<serde_json::Value> {
        self.shared.buckets.lock().unwrap().clone()
    }
}

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Bytes both ways; what the server answers is kept back where the connection is to be cut.
async fn relay(mut socket: TcpStream, to: SocketAddr, shared: &Shared) {
    if *shared.fault.lock().unwrap() == Fault::Away {
        return;
    }
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let (mut from_client, mut to_client) = socket.split();
    let (mut from_server, mut to_server) = server.split();
    let forth = async { drop(tokio::io::copy(&mut from_client, &mut to_server).await) };
    let back = async {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n = tokio::io::AsyncReadExt::read(&mut from_server, &mut buffer).await.unwrap_or(0);
            let fault = *shared.fault.lock().unwrap();
            if n == 0 || matches!(fault, Fault::Cut | Fault::Away) || to_client.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = forth => {}
        () = back => {}
    }
}

async fn write(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    shared.writes.fetch_add(1, Ordering::Relaxed);
    assert_eq!(headers["authorization"], "Token secret-token");
    assert_eq!(headers["content-encoding"], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(body.as_ref()).read_to_string(&mut text).expect("gzip");
    let fault = *shared.fault.lock().unwrap();
    match fault {
        Fault::Status(status, after) => {
            let mut response =
                (StatusCode::from_u16(status).expect("a status"), "{\"code\":\"x\",\"message\":\"on command\"}").into_response();
            if let Some(seconds) = after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            return response;
        }
        Fault::TooLarge(bytes) if text.len() > bytes => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Fault::Slow(wait) => tokio::time::sleep(wait).await,
        _ => {}
    }
    let url = match &shared.judge {
        Judge::Model(model) => {
            return match model.write(&text) {
                Ok(()) => StatusCode::NO_CONTENT.into_response(),
                Err(why) => (StatusCode::BAD_REQUEST, serde_json::json!({"code": "invalid", "message": why}).to_string()).into_response(),
            };
        }
        Judge::Second(url) => format!("{url}/api/v2/write?precision=ns"),
        Judge::First(url) => format!("{url}/write?db=leadline&precision=ns"),
    };
    let answer = shared.client.post(url).header("content-encoding", "gzip").body(body).send().await.expect("the judge is there");
    let status = StatusCode::from_u16(answer.status().as_u16()).expect("a status");
    (status, answer.text().await.unwrap_or_default()).into_response()
}

async fn query(State(shared): State<Arc<Shared>>, axum::Json(asked): axum::Json<serde_json::Value>) -> Response {
    assert_eq!(asked["dialect"]["annotations"], serde_json::json!(["datatype", "group", "default"]));
    let Judge::Model(model) = &shared.judge else { return StatusCode::NOT_IMPLEMENTED.into_response() };
    let text = asked["query"].as_str().expect("a text");
    shared.queries.lock().unwrap().push(text.to_owned());
    let mut answer = model.query(text);
    answer.push_str(&shared.behind.lock().unwrap());
    // In small pieces, as a server sends what it finds.
    let pieces: Vec<Result<Bytes, std::io::Error>> = answer.as_bytes().chunks(97).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Response::new(Body::from_stream(futures_util::stream::iter(pieces)))
}

async fn buckets(State(shared): State<Arc<Shared>>) -> Response {
    axum::Json(serde_json::json!({"buckets": shared.buckets.lock().unwrap().clone()})).into_response()
}

async fn make_bucket(State(shared): State<Arc<Shared>>, axum::Json(bucket): axum::Json<serde_json::Value>) -> Response {
    shared.buckets.lock().unwrap().push(bucket);
    StatusCode::CREATED.into_response()
}
