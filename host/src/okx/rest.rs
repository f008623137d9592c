//! What is asked of the exchange's REST interface: instruments, and its clock.

use std::sync::Arc;
use std::time::Duration;

use leadline_market::{Instrument, ListingError, parse_listing};
use serde::Deserialize;

use super::proxy::{Proxies, chain};
use crate::clock;
use crate::config::settings;
use crate::http;
use crate::monitor::ClockOffset;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer read, bytes: the listing of one instrument or one option family.
const MAX_BYTES: usize = 16 << 20;
/// "Instrument ID does not exist".
const NO_INSTRUMENT: &str = "51001";

/// Asks the exchange.
#[derive(Clone)]
pub struct Rest {
    client: reqwest::Client,
    url: Option<String>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// `OKX_REST_URL` is `none`.
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

#[derive(Deserialize)]
struct Times {
    data: Vec<Time>,
}

#[derive(Deserialize)]
struct Time {
    ts: String,
}

impl Rest {
    /// A client for the exchange's REST address; without one every question is refused.
    ///
    /// # Errors
    /// When no TLS can be set up.
    pub fn new(okx: &settings::Okx, proxies: Arc<Proxies>) -> Result<Self, reqwest::Error> {
        let mut headers = reqwest::header::HeaderMap::new();
        if okx.simulated {
            headers.insert("x-simulated-trading", reqwest::header::HeaderValue::from_static("1"));
        }
        let client = http::client().timeout(TIMEOUT).proxy(proxies.for_http()).default_headers(headers).build()?;
        Ok(Self { client, url: okx.rest_url.clone() })
    }

    /// The instrument as the exchange lists it.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn instrument(&self, id: &str) -> Result<Instrument, RestError> {
        let listing = self.list(&query(id)).await?;
        listing.into_iter().find(|instrument| instrument.id == id).ok_or_else(|| RestError::Unlisted(id.to_owned()))
    }

    /// The exchange's listing of an instrument, as it sent it.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn listing(&self, id: &str) -> Result<String, RestError> {
        let (url, body) = self.get(&format!("public/instruments?{}", query(id))).await?;
        if !parse_listing(&body).is_ok_and(|listing| listing.instruments.iter().any(|instrument| instrument.id == id)) {
            return Err(RestError::Unlisted(id.to_owned()));
        }
        String::from_utf8(body).map_err(|error| RestError::Request { url, detail: error.to_string() })
    }

    /// The instruments that a query such as `instType=SPOT` names.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn list(&self, query: &str) -> Result<Vec<Instrument>, RestError> {
        let (url, body) = self.get(&format!("public/instruments?{query}")).await?;
        match parse_listing(&body) {
            Ok(listing) => Ok(listing.instruments),
            Err(ListingError::Refused { code, .. }) if code == NO_INSTRUMENT => Ok(Vec::new()),
            Err(error) => Err(RestError::Request { url, detail: error.to_string() }),
        }
    }

    /// The exchange's clock against this host's.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn clock(&self) -> Result<ClockOffset, RestError> {
        let (began, asked) = (clock::since_start(), clock::unix_ms());
        let (url, body) = self.get("public/time").await?;
        let took_ms = (clock::since_start() - began).div_ceil(1_000_000);
        let times: Result<Times, _> = serde_json::from_slice(&body);
        let ts = times.ok().and_then(|times| times.data.first()?.ts.parse::<i64>().ok());
        let Some(ts) = ts else { return Err(RestError::Request { url, detail: "no time in the answer".to_owned() }) };
        let uncertainty_ms = took_ms.div_ceil(2);
        let here = i64::try_from(asked + uncertainty_ms).unwrap_or(i64::MAX);
        Ok(ClockOffset { offset_ms: ts.saturating_sub(here), uncertainty_ms })
    }

    async fn get(&self, path: &str) -> Result<(String, Vec<u8>), RestError> {
        let Some(rest) = &self.url else { return Err(RestError::NotAsked) };
        let url = format!("{rest}/api/v5/{path}");
        let failed = |detail: String| RestError::Request { url: url.clone(), detail };
        let mut response = self.client.get(&url).send().await.map_err(|error| failed(chain(&error.without_url())))?;
        if !response.status().is_success() {
            return Err(failed(format!("answered {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(chain(&error.without_url())))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err(failed(format!("more than {MAX_BYTES} bytes")));
            }
        }
        Ok((url, body))
    }
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
