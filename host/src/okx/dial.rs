//! A connection to the exchange made: budget, proxy, TLS, WebSocket handshake, and errors in words.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::budget::{Budget, Turnstile};
use super::proxy::{self, Proxies, Proxy};

/// Largest frame taken: a full snapshot has 27 KB.
const MAX_FRAME: usize = 4 << 20;

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Makes connections to one address, within the exchange's budget.
#[derive(Clone)]
pub struct Dialer {
    url: Arc<str>,
    proxies: Arc<Proxies>,
    turnstile: Arc<Turnstile>,
    patience: Duration,
}

impl Dialer {
    /// A dialer; clones share its budget of `budget` connections.
    #[must_use]
    pub fn new(url: &str, proxies: Arc<Proxies>, budget: Budget, patience: Duration) -> Self {
        Self { url: Arc::from(url), proxies, turnstile: Arc::new(Turnstile::new(budget)), patience }
    }

    /// Waits for its turn, then connects.
    ///
    /// # Errors
    /// What failed where, in words, with a hint.
    pub(super) async fn dial(&self) -> Result<Socket, String> {
        self.turnstile.pass().await;
        match tokio::time::timeout(self.patience, self.connect()).await {
            Ok(result) => result,
            Err(_) => Err(self.words(&format!("no answer within {} s", self.patience.as_secs()), self.target().as_ref().ok())),
        }
    }

    async fn connect(&self) -> Result<Socket, String> {
        let target = self.target()?;
        let proxy = self.proxies.to(&target);
        let failed = |detail: String| self.words(&detail, Some(&target));
        let stream = proxy::reach(&target, proxy.as_ref()).await.map_err(failed)?;
        let request = self.url.as_ref().into_client_request().map_err(|error| failed(words(&error)))?;
        let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
        match tokio_tungstenite::client_async_tls_with_config(request, stream, Some(config), None).await {
            Ok((socket, _)) => Ok(socket),
            Err(error) => Err(failed(words(&error))),
        }
    }

    /// The address as proxies and connectors know it: with http for ws, and a port.
    fn target(&self) -> Result<Uri, String> {
        let refused = |detail: String| format!("{}: {detail}\nhint: OKX_WS_URL looks like wss://ws.okx.com:8443/ws/v5/public", self.url);
        let uri: Uri = self.url.parse().map_err(|error: http::uri::InvalidUri| refused(error.to_string()))?;
        let host = uri.host().ok_or_else(|| refused("no host in it".to_owned()))?;
        let (scheme, usual) = if uri.scheme_str() == Some("wss") { ("https", 443) } else { ("http", 80) };
        let port = uri.port_u16().unwrap_or(usual);
        format!("{scheme}://{host}:{port}/").parse().map_err(|error: http::uri::InvalidUri| refused(error.to_string()))
    }

    fn words(&self, detail: &str, target: Option<&Uri>) -> String {
        let proxy = target.and_then(|target| self.proxies.to(target));
        let url = &self.url;
        match proxy.as_ref().map(Proxy::shown) {
            Some(proxy) => format!(
                "can't connect to {url} through the proxy {proxy}: {detail}\n\
                 hint: the proxy is the one that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names; check that it runs and may reach the exchange"
            ),
            None => format!(
                "can't connect to {url} (directly: no proxy is set): {detail}\n\
                 hint: where the exchange is only reached through a proxy, set HTTPS_PROXY or ALL_PROXY to http://HOST:PORT or socks5://HOST:PORT"
            ),
        }
    }
}

/// The library's error; a refused handshake with its status.
fn words(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Http(response) => format!("the server answered {} instead of a WebSocket", response.status()),
        other => proxy::chain(other),
    }
}
