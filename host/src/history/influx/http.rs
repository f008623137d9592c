//! What is said to InfluxDB 2 over HTTP: write, query, health, buckets.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::config::settings;
use crate::history::HistoryError;
use crate::history::query::QueryError;
use crate::http;

/// Longest time for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest time for a whole call.
const CALL: Duration = Duration::from_secs(30);
/// Longest wait that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(600);
/// Most bytes of an error that are read.
const MAX_ERROR: usize = 4096;
/// Most bytes of an answer to a query.
const MAX_ANSWER: usize = 256 << 20;

/// A server and who we are there. Each runtime needs one of its own: connections belong to the runtime that made them.
pub(super) struct Server {
    client: Client,
    url: String,
    org: String,
    bucket: String,
    keep_days: Option<i64>,
}

/// Why a batch wasn't taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Later it may be: how long the server asks to wait, and why.
    Later(Option<Duration>, String),
    /// Somebody must do something first: the token, the bucket.
    Operator(String),
    /// It is too large.
    TooLarge,
    /// Something in it is wrong.
    Content(String),
}

#[derive(Deserialize)]
struct Buckets {
    #[serde(default)]
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
    #[serde(rename = "retentionRules", default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "everySeconds", default)]
    every_seconds: i64,
}

#[derive(Deserialize)]
struct Orgs {
    #[serde(default)]
    orgs: Vec<Org>,
}

#[derive(Deserialize)]
struct Org {
    id: String,
}

#[derive(Deserialize)]
struct Said {
    code: Option<String>,
    message: Option<String>,
    error: Option<String>,
}

impl Server {
    pub(super) fn new(influx: &settings::Influx, keep_days: Option<i64>) -> Result<Self, HistoryError> {
        let mut headers = HeaderMap::new();
        if !influx.token.is_empty() {
            let mut value = HeaderValue::from_str(&format!("Token {}", influx.token))
                .map_err(|_| HistoryError::Influx("INFLUX_TOKEN holds a character that no token has".to_owned()))?;
            // Never shown, not even by the HTTP library's own log.
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = http::client()
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .timeout(CALL)
            // A redirect would take the token elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| HistoryError::Influx(format!("no HTTP client: {error}")))?;
        Ok(Self { client, url: influx.url.clone(), org: influx.org.clone(), bucket: influx.bucket.clone(), keep_days })
    }

    /// The address, for messages.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The bucket's name.
    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Writes a batch of line protocol, packed by gzip.
    pub(super) async fn write(&self, body: Vec<u8>) -> Result<(), Failure> {
        let sent = self
            .client
            .post(format!("{}/api/v2/write", self.url))
            .query(&[("org", self.org.as_str()), ("bucket", self.bucket.as_str()), ("precision", "ns")])
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .header(CONTENT_ENCODING, "gzip")
            .body(body)
            .send()
            .await;
        let response = sent.map_err(|error| Failure::Later(None, self.away(&error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let after = retry_after(response.headers());
        let said = self.said(response).await;
        Err(match status {
            StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLarge,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Failure::Content(said),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::Operator(format!(
                "{}: {said}\nhint: INFLUX_TOKEN must be a token that may write to the bucket {} of INFLUX_ORG",
                self.url, self.bucket
            )),
            StatusCode::NOT_FOUND => {
                Failure::Operator(format!("{}: {said}\nhint: INFLUX_ORG and INFLUX_BUCKET must name what is there", self.url))
            }
            _ => Failure::Later(after, format!("InfluxDB at {} answers {said}", self.url)),
        })
    }

    /// Makes the bucket where there is none; whether the server could be asked. What can't be done is told, and no reason not to write.
    pub(super) async fn prepare(&self) -> bool {
        let asked =
            self.client.get(format!("{}/api/v2/buckets", self.url)).query(&[("org", &self.org), ("name", &self.bucket)]).send().await;
        let Ok(response) = asked else { return false };
        let wanted = self.keep_days.map_or(0, |days| days * 86_400);
        match response.status() {
            status if status.is_success() => {
                let Ok(found) = response.json::<Buckets>().await else {
                    tracing::warn!("InfluxDB at {} doesn't say which buckets it has", self.url);
                    return true;
                };
                let there = found.buckets.iter().find(|bucket| bucket.name == self.bucket);
                if let Some(bucket) = there {
                    let kept = bucket.rules.first().map_or(0, |rule| rule.every_seconds);
                    if kept != wanted {
                        tracing::warn!(
                            "the bucket {} keeps points for {}, HISTORY_KEEP_DAYS says {}; the bucket's own rule stays",
                            self.bucket,
                            for_time(kept),
                            for_time(wanted)
                        );
                    }
                    return true;
                }
                self.make(wanted).await
            }
            StatusCode::NOT_FOUND => self.make(wanted).await,
            status => {
                tracing::warn!("InfluxDB at {} doesn't say which buckets it has ({status}); {} must be there", self.url, self.bucket);
                !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS
            }
        }
    }

    async fn make(&self, every_seconds: i64) -> bool {
        let asked = self.client.get(format!("{}/api/v2/orgs", self.url)).query(&[("org", &self.org)]).send().await;
        let Ok(response) = asked else { return false };
        let org = match response.json::<Orgs>().await {
            Ok(Orgs { orgs }) => orgs.into_iter().next(),
            Err(_) => None,
        };
        let Some(org) = org else {
            tracing::warn!("InfluxDB at {} has no organisation {}; the bucket {} can't be made", self.url, self.org, self.bucket);
            return true;
        };
        let rules = if every_seconds == 0 { json!([]) } else { json!([{"type": "expire", "everySeconds": every_seconds}]) };
        let bucket = json!({"orgID": org.id, "name": self.bucket, "retentionRules": rules, "description": "Leadline's history"});
        match self.client.post(format!("{}/api/v2/buckets", self.url)).json(&bucket).send().await {
            Ok(response) if response.status().is_success() => {
                tracing::info!("InfluxDB bucket {} made, keeps points for {}", self.bucket, for_time(every_seconds));
            }
            Ok(response) => {
                let said = self.said(response).await;
                tracing::warn!(
                    "the InfluxDB bucket {} can't be made: {said}\nhint: make it yourself, or give INFLUX_TOKEN the right",
                    self.bucket
                );
            }
            Err(_) => return false,
        }
        true
    }

    /// Whether the server says that it is well.
    pub(super) async fn health(&self) -> Result<(), String> {
        match self.client.get(format!("{}/health", self.url)).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(self.said(response).await),
            Err(error) => Err(self.away(&error)),
        }
    }

    /// Runs a Flux query; the answer is annotated CSV.
    pub(super) async fn query(&self, flux: &str) -> Result<Vec<u8>, QueryError> {
        let body = json!({
            "query": flux,
            "type": "flux",
            "dialect": {"annotations": ["datatype", "group", "default"], "header": true, "delimiter": ","},
        });
        let sent = self
            .client
            .post(format!("{}/api/v2/query", self.url))
            .query(&[("org", &self.org)])
            .header(ACCEPT, "application/csv")
            .json(&body)
            .send();
        let mut response = sent.await.map_err(|error| QueryError::Home(self.away(&error)))?;
        if !response.status().is_success() {
            return Err(QueryError::Home(format!("InfluxDB at {} answers {}", self.url, self.said(response).await)));
        }
        let mut answer = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if answer.len() + chunk.len() <= MAX_ANSWER => answer.extend_from_slice(&chunk),
                Ok(Some(_)) => {
                    return Err(QueryError::question(
                        format!("the answer has more than {} MB", MAX_ANSWER >> 20),
                        "ask for a shorter span, or for fewer pairs and fields",
                    ));
                }
                Ok(None) => return Ok(answer),
                // What came so far may lack anything.
                Err(error) => return Err(QueryError::Home(self.away(&error))),
            }
        }
    }

    fn away(&self, error: &reqwest::Error) -> String {
        use std::error::Error as _;
        // The causes say what the first sentence doesn't: refused, timed out, wrong certificate.
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        format!("InfluxDB at {} is not there: {text}", self.url)
    }

    /// The status, and what the body says of it, cut short.
    async fn said(&self, mut response: Response) -> String {
        let status = response.status();
        let mut body = Vec::new();
        while body.len() < MAX_ERROR {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        body.truncate(MAX_ERROR);
        let text = match serde_json::from_slice::<Said>(&body) {
            Ok(Said { code, message, error }) => [code, message.or(error)].into_iter().flatten().collect::<Vec<_>>().join(": "),
            Err(_) => String::from_utf8_lossy(&body).into_owned(),
        };
        let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        if text.is_empty() { status.to_string() } else { format!("{status} ({text})") }
    }
}

/// Seconds, as InfluxDB's interface describes the header.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_ASKED))
}

fn for_time(seconds: i64) -> String {
    if seconds == 0 { "ever".to_owned() } else { format!("{} days", seconds as f64 / 86_400.0) }
}
