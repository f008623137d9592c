//! OKX's sites by name, and the addresses of each.

/// A site of the exchange: instruments and books differ between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As the setting `OKX_ENDPOINT` names it.
    pub name: &'static str,
    /// Public WebSocket.
    pub ws_url: &'static str,
    /// REST.
    pub rest_url: &'static str,
    /// Whether it is demo trading: REST calls then carry a header that says so.
    pub simulated: bool,
}

const GLOBAL: Endpoint =
    Endpoint { name: "global", ws_url: "wss://ws.okx.com:8443/ws/v5/public", rest_url: "https://www.okx.com", simulated: false };

/// All sites.
pub const ENDPOINTS: [Endpoint; 4] = [
    GLOBAL,
    Endpoint { name: "eea", ws_url: "wss://wseea.okx.com:8443/ws/v5/public", rest_url: "https://eea.okx.com", simulated: false },
    Endpoint { name: "us", ws_url: "wss://wsus.okx.com:8443/ws/v5/public", rest_url: "https://us.okx.com", simulated: false },
    Endpoint { name: "demo", ws_url: "wss://wspap.okx.com:8443/ws/v5/public", rest_url: "https://www.okx.com", simulated: true },
];

impl Endpoint {
    /// The site of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        ENDPOINTS.into_iter().find(|endpoint| endpoint.name == name)
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        GLOBAL
    }
}
