//! The proxy that leads to the exchange, as the environment names it: for WebSockets and REST calls alike.
//!
//! `HTTPS_PROXY` (for wss and https), `HTTP_PROXY` (for ws and http), `ALL_PROXY` (for both) and `NO_PROXY`, in capitals or small
//! letters, as curl reads them; `http://` means CONNECT, `socks5://` and `socks5h://` SOCKS5. Names are always resolved by a SOCKS5
//! proxy itself: where a proxy is needed, the local answer is often the reason. This machine is never reached through a proxy.

use std::net::IpAddr;
use std::sync::Arc;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Uri};
use tower_service::Service;

/// The port of a SOCKS5 proxy that names none.
const SOCKS_PORT: u16 = 1080;

/// Which proxy leads where.
#[derive(Debug)]
pub struct Proxies {
    matcher: Matcher,
}

/// A proxy variable that can't be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{name}: {problem}\nhint: http://HOST:PORT, socks5://HOST:PORT or socks5h://HOST:PORT, with USER:PASSWORD@ before HOST if it asks for them"
)]
pub struct ProxyError {
    name: &'static str,
    problem: String,
}

/// Whether the value of a proxy variable can be used; its value isn't repeated, since it may hold a password.
fn usable(name: &'static str, value: &str) -> Result<(), ProxyError> {
    let refused = |problem: &str| Err(ProxyError { name, problem: problem.to_owned() });
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    if !["http", "socks5", "socks5h"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return refused(&format!("a proxy of the kind {}:// can't be used", scheme.chars().take(20).collect::<String>()));
    }
    match format!("http://{rest}").parse::<Uri>() {
        Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => Ok(()),
        _ => refused("is no address"),
    }
}

/// A proxy to go through.
pub struct Proxy {
    intercept: Intercept,
}

impl Proxies {
    /// As the environment says.
    ///
    /// # Errors
    /// [`ProxyError`] for one that can't be used: it must not be passed over in silence.
    pub fn from_env() -> Result<Self, ProxyError> {
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            if let Ok(value) = std::env::var(name)
                && !value.is_empty()
            {
                usable(name, &value)?;
            }
        }
        Ok(Self { matcher: Matcher::from_env() })
    }

    /// One proxy for everything: for tests.
    #[must_use]
    pub fn all(address: &str) -> Self {
        Self { matcher: Matcher::builder().all(address.to_owned()).build() }
    }

    /// None at all.
    #[must_use]
    pub fn none() -> Self {
        Self { matcher: Matcher::builder().build() }
    }

    /// The proxy that leads to an address (scheme http or https), if one does.
    #[must_use]
    pub fn to(&self, target: &Uri) -> Option<Proxy> {
        if target.host().is_none_or(is_this_machine) {
            return None;
        }
        self.matcher.intercept(target).map(|intercept| Proxy { intercept })
    }

    /// The same for an HTTP client.
    #[must_use]
    pub fn for_http(self: Arc<Self>) -> reqwest::Proxy {
        reqwest::Proxy::custom(move |url| {
            let target = url.as_str().parse().ok()?;
            self.to(&target).map(|proxy| proxy.for_http())
        })
    }
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Proxy {
    /// The proxy's address, without name and password.
    #[must_use]
    pub fn shown(&self) -> String {
        let uri = self.intercept.uri();
        format!("{}://{}", uri.scheme_str().unwrap_or("http"), uri.authority().map_or("", |a| a.as_str().rsplit('@').next().unwrap_or("")))
    }

    fn is_socks(&self) -> bool {
        self.intercept.uri().scheme_str().is_some_and(|scheme| scheme.starts_with("socks5"))
    }

    /// As an HTTP client is told of it: the same address, with names resolved by the proxy.
    #[must_use]
    pub fn for_http(&self) -> String {
        let uri = self.intercept.uri();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let login = match self.intercept.raw_auth() {
            Some((user, password)) => format!("{}:{}@", escaped(user), escaped(password)),
            None => String::new(),
        };
        match uri.scheme_str() {
            Some(scheme) if scheme.starts_with("socks5") => format!("socks5h://{login}{authority}"),
            Some(scheme) => format!("{scheme}://{authority}"),
            None => format!("http://{authority}"),
        }
    }

    /// The header that logs in at an HTTP proxy.
    #[must_use]
    pub fn login(&self) -> Option<HeaderValue> {
        self.intercept.basic_auth().cloned()
    }
}

/// A part of a URL's login as it must be written there.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// Opens a TCP connection to an address (scheme http or https), through a proxy if one is given.
///
/// # Errors
/// What failed, in words.
pub async fn reach(target: &Uri, proxy: Option<&Proxy>) -> Result<TcpStream, String> {
    let mut direct = HttpConnector::new();
    direct.enforce_http(false);
    // A ping or a subscription must not wait for company.
    direct.set_nodelay(true);
    let connected = match proxy {
        None => direct.call(target.clone()).await.map_err(|error| chain(&error)),
        Some(proxy) if proxy.is_socks() => {
            let mut socks = SocksV5::new(with_port(proxy.intercept.uri(), SOCKS_PORT), direct);
            if let Some((user, password)) = proxy.intercept.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            socks.call(target.clone()).await.map_err(|error| chain(&error))
        }
        Some(proxy) => {
            let mut tunnel = Tunnel::new(proxy.intercept.uri().clone(), direct);
            if let Some(login) = proxy.login() {
                tunnel = tunnel.with_auth(login);
            }
            tunnel.call(target.clone()).await.map_err(|error| chain(&error))
        }
    };
    connected.map(hyper_util::rt::TokioIo::into_inner)
}

/// The connector takes the port from the address alone.
fn with_port(uri: &Uri, port: u16) -> Uri {
    if uri.port().is_some() {
        return uri.clone();
    }
    let host = uri.host().unwrap_or_default();
    format!("{}://{host}:{port}", uri.scheme_str().unwrap_or("socks5")).parse().unwrap_or_else(|_| uri.clone())
}

/// An error with its causes, each said once: the outermost alone says "tunnel error".
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().expect("an address")
    }

    #[test]
    fn this_machine_is_never_reached_through_a_proxy() {
        let proxies = Proxies::all("http://proxy.example:3128");
        assert!(proxies.to(&uri("https://ws.okx.com:8443/ws")).is_some());
        for here in ["http://127.0.0.1:8701/ws", "http://localhost:1/", "http://[::1]:1/"] {
            assert!(proxies.to(&uri(here)).is_none(), "{here}");
        }
    }

    #[test]
    fn a_proxy_that_can_not_be_used_is_refused_by_name_and_without_its_password() {
        for good in ["http://h:1", "h:1", "socks5://u:p@h:1", "SOCKS5H://h", "http://[::1]:3128"] {
            assert!(usable("ALL_PROXY", good).is_ok(), "{good}");
        }
        for bad in ["ftp://u:hunter2@h:1", "https://u:hunter2@h:1", "socks4://h:1", "http://", "socks5://:hunter2 @"] {
            let told = usable("ALL_PROXY", bad).expect_err(bad).to_string();
            assert!(told.starts_with("ALL_PROXY: ") && told.contains("hint:") && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_proxys_password_is_never_shown() {
        let proxies = Proxies::all("http://user:hunter2@proxy.example:3128");
        let proxy = proxies.to(&uri("https://ws.okx.com")).expect("it leads there");
        assert_eq!(proxy.shown(), "http://proxy.example:3128");
        assert!(proxy.login().is_some());
    }

    #[test]
    fn an_http_client_lets_a_socks_proxy_resolve_names_too() {
        let proxies = Proxies::all("socks5://user:p%40ss@127.0.0.1:1080");
        let proxy = proxies.to(&uri("https://www.okx.com")).expect("it leads there");
        assert_eq!(proxy.for_http(), "socks5h://user:p%40ss@127.0.0.1:1080");
        assert_eq!(with_port(&uri("socks5://host"), 1080).to_string(), "socks5://host:1080/");
    }
}
