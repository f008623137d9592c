//! What only a host can answer, asked of that host by a process without a feed: plugins at work, and the frames of the last minutes.
//!
//! The guard has let the request through by then. The host asks again, with its own tokens, and notes a change down in its own audit log.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::http::{HeaderName, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use reqwest::Url;

use super::error::ApiError;
use super::extract::Bytes;
use crate::http;

/// Time to connect to the host.
const CONNECT: Duration = Duration::from_secs(3);
/// What of a request is told to the host, and of its answer to the client; the rest concerns one connection alone, or is set here anew.
const TOLD: [HeaderName; 4] = [header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, header::IF_NONE_MATCH];
const ANSWERED: [HeaderName; 5] =
    [header::CONTENT_TYPE, header::CACHE_CONTROL, header::ETAG, header::RETRY_AFTER, header::CONTENT_DISPOSITION];

/// The way to a host's API.
pub(super) struct Forward {
    client: reqwest::Client,
    host: Url,
}

impl Forward {
    /// To the API at this address, such as `http://10.0.0.5:8710`.
    ///
    /// # Errors
    /// When no client can be made.
    pub(super) fn new(host: Url) -> reqwest::Result<Self> {
        // No answer sends the token elsewhere.
        let client = http::client_of_host(CONNECT).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, host })
    }

    /// The same address at the host.
    fn url(&self, of: &Uri) -> Url {
        let mut url = self.host.clone();
        url.set_path(of.path());
        url.set_query(of.query());
        url
    }

    async fn ask(&self, request: Request) -> Result<Response, ApiError> {
        let (parts, body) = request.into_parts();
        let mut asked = self.client.request(parts.method.clone(), self.url(&parts.uri));
        for name in TOLD {
            if let Some(value) = parts.headers.get(&name) {
                asked = asked.header(name, value);
            }
        }
        // As much as the route takes, as the guard has set it.
        let Bytes(body) = Bytes::from_request(Request::from_parts(parts, body), &()).await?;
        if !body.is_empty() {
            asked = asked.body(body);
        }
        let answer = asked.send().await.map_err(|error| self.no_host(&error))?;
        let mut response = Response::builder().status(answer.status());
        for name in ANSWERED {
            if let Some(value) = answer.headers().get(&name) {
                response = response.header(name, value);
            }
        }
        let body = Body::new(reqwest::Body::from(answer));
        response
            .body(body)
            .map_err(|error| ApiError::unavailable("no_host", format!("the host's answer can't be passed on: {error}"), "try again"))
    }

    fn no_host(&self, error: &reqwest::Error) -> ApiError {
        let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        let hint = "is the host running, and is API_HOST_URL the address of its API?";
        ApiError::unavailable("no_host", format!("the host at {} doesn't answer: {why}", self.host), hint)
    }
}

/// Whether only a process with a feed can answer.
fn is_hosts_own(route: &str) -> bool {
    route.starts_with("/api/v1/plugins") || ["/api/v1/recent", "/api/v1/books/{instrument_id}/heat"].contains(&route)
}

/// Asks the host, where one is named and it alone can answer; else the route answers.
pub(super) async fn forward(
    State(to): State<Option<Arc<Forward>>>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    match to {
        Some(to) if matched.is_some_and(|route| is_hosts_own(route.as_str())) => to.ask(request).await.into_response(),
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_path_and_question_and_changes_its_host_alone() {
        let forward = Forward::new("http://10.0.0.5:8710/".parse().expect("an address")).expect("a client");
        let url = |text: &str| forward.url(&text.parse().expect("an address")).to_string();
        assert_eq!(url("/api/v1/plugins/a%2Fb/logs?most=3"), "http://10.0.0.5:8710/api/v1/plugins/a%2Fb/logs?most=3");
        assert_eq!(url("http://elsewhere/api/v1/plugins"), "http://10.0.0.5:8710/api/v1/plugins");
        assert_eq!(url("//elsewhere/api/v1"), "http://10.0.0.5:8710//elsewhere/api/v1");
    }

    #[test]
    fn every_route_about_plugins_and_kept_frames_is_the_hosts_own() {
        let document = serde_json::to_value(crate::api::router::document()).expect("a document");
        let routes: Vec<&str> =
            document["paths"].as_object().expect("paths").keys().map(String::as_str).filter(|route| is_hosts_own(route)).collect();
        assert!(routes.contains(&"/api/v1/recent") && routes.contains(&"/api/v1/books/{instrument_id}/heat"), "{routes:?}");
        assert!(routes.iter().filter(|route| route.starts_with("/api/v1/plugins")).count() >= 8, "{routes:?}");
        assert!(!is_hosts_own("/api/v1/books/{instrument_id}") && !is_hosts_own("/api/v1/pairs"));
    }
}
