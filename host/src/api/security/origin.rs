//! Whether a request was meant for this host, and comes from a page that may ask.
//!
//! A browser on an operator's machine can be led to this host by any page: by a name that the page's owner points at 127.0.0.1 (DNS
//! rebinding), or by a form or WebSocket from a foreign page. The first shows in `Host`, the second in `Origin`.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header};

/// By which names the host may be called, and from which pages.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// `API_HOSTS`, in lower case.
    pub hosts: Vec<String>,
    /// `API_ORIGINS`, in lower case.
    pub origins: Vec<String>,
}

/// What a request's `Host` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// `localhost` or a loopback address.
    Loopback,
    /// Another address, or a name that the settings allow.
    Known,
    /// A name that nobody said is ours.
    Foreign,
}

impl Allowed {
    /// Whom a request means. An address is never foreign: rebinding needs a name.
    #[must_use]
    pub fn host(&self, headers: &HeaderMap, uri: &Uri) -> Host {
        // HTTP/2 has it in the address.
        let Some(authority) = uri.authority().map(|authority| authority.as_str()).or_else(|| text(headers, header::HOST)) else {
            return Host::Foreign;
        };
        let name = name_of(authority).to_ascii_lowercase();
        if name == "localhost" || name.ends_with(".localhost") {
            return Host::Loopback;
        }
        match name.parse::<IpAddr>() {
            Ok(address) if address.to_canonical().is_loopback() => Host::Loopback,
            Ok(_) => Host::Known,
            Err(_) if self.hosts.contains(&name) => Host::Known,
            Err(_) => Host::Foreign,
        }
    }

    /// Whether the page that a request comes from may ask: none (no browser sends such a request), our own, or an allowed one.
    #[must_use]
    pub fn is_origin_allowed(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(first) = origins.next() else { return true };
        let (Ok(origin), None) = (first.to_str(), origins.next()) else { return false };
        let origin = origin.to_ascii_lowercase();
        if self.origins.contains(&origin) {
            return true;
        }
        let Some((_, of)) = origin.split_once("://") else { return false };
        let own = uri.authority().map(|authority| authority.as_str()).or_else(|| text(headers, header::HOST));
        own.is_some_and(|own| own.eq_ignore_ascii_case(of))
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// An authority without its port: `[::1]:8710` is `::1`.
fn name_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(name, _)| name);
    }
    authority.rsplit_once(':').map_or(authority, |(name, _)| name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    fn headers(host: &str, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    #[test]
    fn addresses_and_listed_names_are_ours_and_a_rebound_name_is_not() {
        let allowed = Allowed { hosts: vec!["board.firm".to_owned()], origins: Vec::new() };
        let of = |host: &str| allowed.host(&headers(host, None), &Uri::from_static("/"));
        for host in ["localhost", "LOCALHOST:8710", "127.0.0.1:8710", "[::1]:80", "127.8.8.8", "[::ffff:127.0.0.1]"] {
            assert_eq!(of(host), Host::Loopback, "{host}");
        }
        for host in ["10.0.0.3:8710", "board.firm", "Board.Firm:443", "[2001:db8::1]"] {
            assert_eq!(of(host), Host::Known, "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "board.firm.evil.example:8710", "localhost.evil.example", "[::1"] {
            assert_eq!(of(host), Host::Foreign, "{host}");
        }
        assert_eq!(allowed.host(&HeaderMap::new(), &Uri::from_static("/")), Host::Foreign);
    }

    #[test]
    fn a_foreign_page_may_not_ask_and_our_own_and_listed_ones_may() {
        let allowed = Allowed { hosts: Vec::new(), origins: vec!["https://board.firm".to_owned()] };
        let may = |host: &str, origin: Option<&str>| allowed.is_origin_allowed(&headers(host, origin), &Uri::from_static("/"));
        assert!(may("127.0.0.1:8710", None));
        assert!(may("127.0.0.1:8710", Some("http://127.0.0.1:8710")));
        assert!(may("127.0.0.1:8710", Some("https://board.firm")));
        for origin in ["null", "http://127.0.0.1:8711", "http://localhost:8710", "https://board.firm.evil", "http://board.firm", ""] {
            assert!(!may("127.0.0.1:8710", Some(origin)), "{origin}");
        }
    }
}
