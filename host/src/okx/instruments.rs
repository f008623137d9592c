//! Tick size, kind and contract value of an instrument, asked of `GET /api/v5/public/instruments`.

use std::time::Duration;

use leadline_market::{Instrument, parse_listing};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer read, bytes: the listing of one instrument or one option family.
const MAX_BYTES: usize = 16 << 20;

/// Asks the exchange about instruments.
#[derive(Clone)]
pub struct Instruments {
    client: reqwest::Client,
    rest_url: Option<String>,
}

/// Why the exchange's listing isn't known.
#[derive(Debug, thiserror::Error)]
pub enum InstrumentError {
    /// `OKX_REST_URL` is empty.
    #[error("no REST address is set")]
    NotAsked,
    /// The exchange can't be reached, or its answer can't be read.
    #[error("{url}: {detail}")]
    Request {
        /// What was asked.
        url: String,
        /// Why it failed.
        detail: String,
    },
    /// The exchange lists no such instrument.
    #[error("the exchange lists no instrument {0}")]
    Unlisted(String),
}

impl Instruments {
    /// A client for the REST address; none: every question is refused.
    ///
    /// # Errors
    /// When no TLS can be set up.
    pub fn new(rest_url: Option<String>) -> Result<Self, reqwest::Error> {
        // One provider of cryptography for HTTPS and WebSockets alike; a later call only finds it there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(TIMEOUT).user_agent(concat!("leadline/", env!("CARGO_PKG_VERSION"))).build()?;
        Ok(Self { client, rest_url })
    }

    /// The instrument as the exchange lists it.
    ///
    /// # Errors
    /// [`InstrumentError`].
    pub async fn find(&self, id: &str) -> Result<Instrument, InstrumentError> {
        let listing = self.list(&query(id)).await?;
        listing.into_iter().find(|instrument| instrument.id == id).ok_or_else(|| InstrumentError::Unlisted(id.to_owned()))
    }

    /// The instruments that a query such as `instType=SPOT` names.
    ///
    /// # Errors
    /// [`InstrumentError`].
    pub async fn list(&self, query: &str) -> Result<Vec<Instrument>, InstrumentError> {
        let Some(rest) = &self.rest_url else { return Err(InstrumentError::NotAsked) };
        let url = format!("{rest}/api/v5/public/instruments?{query}");
        let failed = |detail: String| InstrumentError::Request { url: url.clone(), detail };
        let mut response = self.client.get(&url).send().await.map_err(|error| failed(chain(&error)))?;
        if !response.status().is_success() {
            return Err(failed(format!("answered {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(chain(&error)))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(failed(format!("more than {MAX_BYTES} bytes")));
            }
        }
        Ok(parse_listing(&body).map_err(|error| failed(error.to_string()))?.instruments)
    }
}

/// An error with its causes: the outermost alone says "error sending request".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// The type of an instrument shows in its id.
fn query(id: &str) -> String {
    let parts: Vec<&str> = id.split('-').collect();
    let family = parts.iter().take(2).copied().collect::<Vec<_>>().join("-");
    match parts.as_slice() {
        [_, _, "SWAP"] => format!("instType=SWAP&instId={id}"),
        [_, _, _] => format!("instType=FUTURES&instId={id}"),
        [_, _, _, _, ..] => format!("instType=OPTION&instFamily={family}&instId={id}"),
        _ => format!("instType=SPOT&instId={id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_read_off_the_id() {
        assert_eq!(query("BTC-USDT"), "instType=SPOT&instId=BTC-USDT");
        assert_eq!(query("UNI-USD-SWAP"), "instType=SWAP&instId=UNI-USD-SWAP");
        assert_eq!(query("BTC-USD-220527"), "instType=FUTURES&instId=BTC-USD-220527");
        assert_eq!(query("BTC-USD-220325-40000-C"), "instType=OPTION&instFamily=BTC-USD&instId=BTC-USD-220325-40000-C");
    }
}
