//! The middleware: every request is asked, in this order, whether it is meant for this host, whether its page may ask, who it is,
//! whether they asked too much, whether they may, and whether the body fits. Then the route answers, and a change is noted down.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_util::sync::CancellationToken;

use super::audit::{self, Audit, Entry, What};
use super::origin::{Allowed, Host};
use super::rate::{Client, Rate};
use super::role::{Caller, Role};
use super::rules::{Rule, Rules, is_change};
use super::tokens::Tokens;
use crate::api::error::ApiError;
use crate::api::extract::too_large;
use crate::api::listener::Peer;
use crate::clock::{rfc3339, unix_ms};
use crate::config::settings;

/// How a WebSocket of a browser, which can't set headers, says its token: as one of its protocols.
pub const TOKEN_PROTOCOL: &str = "leadline.token.";

/// What the guard knows.
pub struct Gate {
    allowed: Allowed,
    anonymous_read: bool,
    tokens: Arc<Tokens>,
    rate: Rate,
    rules: Rules,
    audit: Arc<Audit>,
}

impl Gate {
    /// A gate as the settings say.
    ///
    /// # Errors
    /// When the audit log can't be written.
    pub fn new(settings: &settings::Api, tokens: Arc<Tokens>, audit: Arc<Audit>, rules: Rules) -> Self {
        Self {
            allowed: Allowed { hosts: settings.hosts.clone(), origins: settings.origins.clone() },
            anonymous_read: settings.anonymous_read,
            tokens,
            rate: Rate::new(settings.rate_limit),
            rules,
            audit,
        }
    }

    /// Who has a token.
    #[must_use]
    pub fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// Where changes are noted down.
    #[must_use]
    pub fn audit(&self) -> &Arc<Audit> {
        &self.audit
    }

    /// Follows the file of tokens until `stop`.
    pub async fn follow_tokens(self: Arc<Self>, settings: settings::Api, stop: CancellationToken) {
        Arc::clone(&self.tokens).follow(settings, stop).await;
    }

    /// Asks everything that can be asked before the body is read.
    fn admit(&self, asked: &Asked<'_>) -> Result<(Option<Caller>, Rule), Refused> {
        let host = self.allowed.host(asked.headers, asked.request.uri());
        if host == Host::Foreign {
            return Err(Refused::of(None, foreign_host(asked.headers)));
        }
        if !self.allowed.is_origin_allowed(asked.headers, asked.request.uri()) {
            return Err(Refused::of(None, foreign_origin(asked.headers)));
        }
        let token = token_of(asked.headers);
        let caller = token.and_then(|token| self.tokens.find(token));
        let client = match &caller {
            Some(Caller { name: Some(name), .. }) => Client::Token(Arc::clone(name)),
            _ => Client::peer(asked.peer.ip()),
        };
        if let Err(wait) = self.rate.take(&client, is_change(asked.request.method())) {
            return Err(Refused::of(caller, too_many(wait)));
        }
        if token.is_some() && caller.is_none() {
            return Err(Refused::of(None, unknown_token()));
        }
        let rule = match asked.route {
            Some(route) => self.rules.of(asked.request.method(), route),
            // No route: the page's files, or a 404.
            None => Rule { role: None, max_body: super::rules::USUAL_BODY, answer_within: super::rules::USUAL_ANSWER },
        };
        let Some(needed) = rule.role else { return Ok((caller, rule)) };
        let caller = match caller {
            Some(caller) => caller,
            None if needed == Role::Viewer && self.may_read_unnamed(asked, host) => Caller { name: None, role: Role::Viewer },
            None => return Err(Refused::of(None, self.no_token(needed))),
        };
        if caller.role < needed {
            let error = role_too_low(&caller, needed);
            return Err(Refused::of(Some(caller), error));
        }
        if content_length(asked.headers).is_some_and(|length| length > rule.max_body as u64) {
            return Err(Refused::of(Some(caller), too_large()));
        }
        Ok((Some(caller), rule))
    }

    /// Somebody on this machine, and not through a proxy that speaks for others.
    fn may_read_unnamed(&self, asked: &Asked<'_>, host: Host) -> bool {
        let forwarded = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
        self.anonymous_read
            && host == Host::Loopback
            && asked.peer.ip().to_canonical().is_loopback()
            && forwarded.iter().all(|name| !asked.headers.contains_key(*name))
    }

    fn no_token(&self, needed: Role) -> ApiError {
        let hint = if self.tokens.is_empty() {
            "the host knows no token yet: set API_TOKEN or API_TOKENS_FILE; `leadline token` makes one"
        } else {
            "send Authorization: Bearer TOKEN; a demo's token stands in the file api-token of its data folder"
        };
        ApiError::new(StatusCode::UNAUTHORIZED, "no_token", format!("this needs a token of the role {needed}"), hint)
    }
}

/// A request as the gate sees it.
struct Asked<'a> {
    request: &'a Request,
    headers: &'a HeaderMap,
    peer: SocketAddr,
    route: Option<&'a str>,
}

struct Refused {
    caller: Option<Caller>,
    error: ApiError,
}

impl Refused {
    fn of(caller: Option<Caller>, error: ApiError) -> Self {
        Self { caller, error }
    }
}

/// Lets a request through, or answers why not.
pub(in crate::api) async fn guard(
    State(gate): State<Arc<Gate>>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    matched: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let change = is_change(request.method()).then(|| (request.method().clone(), request.uri().path().to_owned()));
    let route = matched.as_ref().map(MatchedPath::as_str);
    let admitted = gate.admit(&Asked { request: &request, headers: request.headers(), peer, route });
    let (caller, mut response, code) = match admitted {
        Ok((caller, rule)) => {
            if let Some(caller) = &caller {
                request.extensions_mut().insert(caller.clone());
            }
            DefaultBodyLimit::max(rule.max_body).apply(&mut request);
            (caller, answer(request, next, rule.answer_within).await, None)
        }
        Err(Refused { caller, error }) => {
            let code = error.code();
            (caller, error.into_response(), Some(code))
        }
    };
    let what = response.extensions_mut().remove::<What>().map(|What(text)| text);
    if let Some((method, path)) = change {
        if let (None, Some(code)) = (&caller, code) {
            gate.audit.refuse(peer, method.as_str(), &path, code);
            return response;
        }
        gate.audit.note(&entry(caller.as_ref(), peer, &method, path, response.status(), code, what, began.elapsed()));
    }
    response
}

async fn answer(request: Request, next: Next, within: Duration) -> Response {
    let change = is_change(request.method());
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let seconds = within.as_secs();
            // What was begun goes on: it would be wrong to say that it failed.
            let (message, hint) = match change {
                true => (
                    format!("no answer within {seconds} s; what was asked for may still come about"),
                    "look whether it has before you ask again",
                ),
                false => (format!("no answer within {seconds} s"), "try again later"),
            };
            ApiError::unavailable("too_slow", message, hint).into_response()
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the fields of an entry, each from somewhere else")]
fn entry(
    caller: Option<&Caller>,
    peer: SocketAddr,
    method: &Method,
    path: String,
    status: StatusCode,
    code: Option<&'static str>,
    what: Option<String>,
    took: Duration,
) -> Entry {
    Entry {
        time: rfc3339(unix_ms()),
        who: caller.map_or("nobody", Caller::name).to_owned(),
        role: caller.map(|caller| caller.role.as_str()),
        peer: peer.to_string(),
        method: method.to_string(),
        path: path.chars().take(200).collect(),
        status: status.as_u16(),
        code,
        what,
        ms: audit::ms(took),
    }
}

/// The token that a request brings.
fn token_of(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        // What can't be read is a token nobody has.
        let text = value.to_str().unwrap_or_default();
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        return Some(if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" });
    }
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    protocols.flat_map(|list| list.split(',')).find_map(|protocol| protocol.trim().strip_prefix(TOKEN_PROTOCOL))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A header's value as an error shows it.
fn shown(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).chars().take(100).collect())
}

fn foreign_host(headers: &HeaderMap) -> ApiError {
    let name = shown(headers, header::HOST);
    ApiError::new(
        StatusCode::FORBIDDEN,
        "foreign_host",
        format!("`{name}` is no name of this host"),
        "call it by its address, or put the name into API_HOSTS",
    )
}

fn foreign_origin(headers: &HeaderMap) -> ApiError {
    let name = shown(headers, header::ORIGIN);
    ApiError::new(
        StatusCode::FORBIDDEN,
        "foreign_origin",
        format!("pages of `{name}` may not use this host"),
        "open the host's own page, or put the origin into API_ORIGINS",
    )
}

fn too_many(wait: Duration) -> ApiError {
    let hint = "wait as long as Retry-After says; API_RATE_LIMIT is the number a second";
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "too many requests", hint).retry_after(wait)
}

fn unknown_token() -> ApiError {
    let hint = "check the token; API_TOKENS_FILE is read again within seconds of a change";
    ApiError::new(StatusCode::UNAUTHORIZED, "unknown_token", "nobody has this token", hint)
}

fn role_too_low(caller: &Caller, needed: Role) -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "role_too_low",
        format!("this needs the role {needed}, and the token of {} has the role {}", caller.name(), caller.role),
        "use another token, or raise the role in API_TOKENS_FILE",
    )
}
