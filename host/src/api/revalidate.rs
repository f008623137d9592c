//! Conditional GET: what a client has already is not sent again (RFC 9110, 13).
//!
//! Every answer that says `no-cache`, that is "ask again before you use it", gets an `ETag` of its bytes. A client that asks with
//! `If-None-Match` and has the same is told 304 without a body. Answers of the moment say `no-store` and pass untouched.

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ring::digest;

/// Larger answers are not held in memory to be told apart.
const LARGEST: usize = 4 << 20;
/// Hexadecimal digits of a digest that tell answers apart.
const DIGITS: usize = 32;

/// Adds the tag, or says that nothing changed.
pub(super) async fn revalidate(request: Request, next: Next) -> Response {
    let is_get = request.method() == Method::GET;
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    let asked_anew = response.headers().get(header::CACHE_CONTROL).is_some_and(|value| value == "no-cache");
    if !is_get || response.status() != StatusCode::OK || !asked_anew || length(&response).is_none_or(|length| length > LARGEST as u64) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST).await else {
        // A file that shrank while it was read: what was announced can't be kept.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let tag = tag(&bytes);
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if known.is_some_and(|known| holds(&known, &tag)) {
        for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::CONTENT_ENCODING, header::LAST_MODIFIED] {
            parts.headers.remove(name);
        }
        parts.status = StatusCode::NOT_MODIFIED;
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Bytes of the body, of a file by its header; none: nobody knows.
fn length(response: &Response) -> Option<u64> {
    let declared = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    declared.or_else(|| response.body().size_hint().exact())
}

/// Of the bytes as they are sent, so packed and unpacked ones differ.
fn tag(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    let hexadecimal: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{}\"", &hexadecimal[..DIGITS])
}

/// Whether a list of tags has this one, strong or weak, or is `*`.
fn holds(list: &HeaderValue, tag: &str) -> bool {
    let Ok(list) = list.to_str() else { return false };
    list.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_and_differs_with_the_bytes() {
        let tag = tag(b"a");
        assert_eq!(tag.len(), DIGITS + 2);
        assert_ne!(tag, super::tag(b"b"));
        for (list, is) in [
            (tag.clone(), true),
            (format!("\"other\", W/{tag}"), true),
            ("*".to_owned(), true),
            ("\"other\"".to_owned(), false),
            (tag.trim_matches('"').to_owned(), false),
        ] {
            assert_eq!(HeaderValue::from_str(&list).is_ok_and(|list| holds(&list, &tag)), is, "{list}");
        }
    }
}
