//! The one form of every error that the API answers with.

use std::fmt::Display;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::results::LinkError;

/// What every error looks like.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong, for a program, a person, and whoever has to mend it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// A fixed word, such as `no_token`; `docs/api.md` lists them.
    #[schema(example = "no_token")]
    pub code: String,
    /// What went wrong, in words.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// An error on its way to the client.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: String,
    retry_after: Option<Duration>,
}

impl ApiError {
    /// An error with all it says.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: hint.into(), retry_after: None }
    }

    /// An error of another part, whose text ends with `hint: …` as all of this program's do.
    #[must_use]
    pub fn of(status: StatusCode, code: &'static str, error: impl Display) -> Self {
        let text = error.to_string();
        match text.split_once("\nhint: ") {
            Some((message, hint)) => Self::new(status, code, message, hint),
            None => Self::new(status, code, text, "the host's log may say more"),
        }
    }

    /// 400: the request can't be understood or asks for what can't be.
    #[must_use]
    pub fn bad_request(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message, hint)
    }

    /// 404: what the address names isn't there.
    #[must_use]
    pub fn not_found(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message, hint)
    }

    /// 409: it can't be done as things stand.
    #[must_use]
    pub fn conflict(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message, hint)
    }

    /// 503: it can't be done now.
    #[must_use]
    pub fn unavailable(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message, hint).retry_after(Duration::from_secs(1))
    }

    /// Says when another try makes sense.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The fixed word.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let detail = ErrorDetail { code: self.code.to_owned(), message: self.message, hint: self.hint };
        let mut response = (self.status, [(header::CACHE_CONTROL, "no-store")], Json(ErrorBody { error: detail })).into_response();
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after {
            // Rounded up: a client that comes back a moment too early is sent away again.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_millis().div_ceil(1000) as u64));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"leadline\""));
        }
        response
    }
}

/// Redis is away, or refuses.
impl From<LinkError> for ApiError {
    fn from(error: LinkError) -> Self {
        let code = if error.may_pass() { "redis_away" } else { "redis_refuses" };
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::of(status, code, error).retry_after(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_of_another_parts_error_becomes_the_hint() {
        let error = ApiError::of(StatusCode::CONFLICT, "x", "it is so\nhint: do this");
        assert_eq!((error.message.as_str(), error.hint.as_str()), ("it is so", "do this"));
        let error = ApiError::of(StatusCode::CONFLICT, "x", "it is so");
        assert_eq!(error.message, "it is so");
        assert!(!error.hint.is_empty());
    }
}
