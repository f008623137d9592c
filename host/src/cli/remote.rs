//! A running host's API, as the commands that talk to one call it.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Arg, ArgMatches};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use crate::config::Settings;
use crate::http;

/// Names the host, and holds the token, where no flag does.
const URL_VARIABLE: &str = "LEADLINE_HOST";
const TOKEN_VARIABLE: &str = "LEADLINE_TOKEN";
/// Time to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// Time between two pieces of an answer that is there.
pub(in crate::cli) const SILENT: Duration = Duration::from_secs(30);

/// A host that can be asked.
pub(in crate::cli) struct Remote {
    base: Url,
    token: Option<String>,
    client: Client,
}

/// The form of the API's errors.
#[derive(Deserialize)]
struct Refused {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: String,
    message: String,
    hint: String,
}

/// The flag that names the host.
pub(in crate::cli) fn host_argument() -> Arg {
    Arg::new("host").long("host").value_name("URL").help(format!(
        "The running host, such as http://127.0.0.1:8710; a token goes into {TOKEN_VARIABLE} [env: {URL_VARIABLE}] [default: http://API_ADDR]"
    ))
}

/// The flag that holds the token. The environment keeps it out of the list of processes.
pub(in crate::cli) fn token_argument() -> Arg {
    Arg::new("token").long("token").value_name("TOKEN").help(format!("A token of the role analyst [env: {TOKEN_VARIABLE}]"))
}

/// The host that the command line or the environment names, where one does.
pub(in crate::cli) fn named(matches: &ArgMatches) -> Option<String> {
    flag(matches, "host").or_else(|| variable(URL_VARIABLE))
}

fn flag(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.try_get_one::<String>(name).ok().flatten().cloned()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Remote {
    /// The host that the command line, the environment or API_ADDR names, in this order; the token of the command line or of LEADLINE_TOKEN.
    /// `silent`: how long it may say nothing.
    ///
    /// # Errors
    /// The address is none, or no client can be made.
    pub(in crate::cli) fn new(matches: &ArgMatches, settings: &Settings, silent: Duration) -> anyhow::Result<Self> {
        let text = named(matches).unwrap_or_else(|| format!("http://{}", settings.api.addr));
        let base = Url::parse(&text).ok().filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
        let base = base.with_context(|| format!("--host: `{text}` is no address\n  hint: such as http://127.0.0.1:8710"))?;
        let token = flag(matches, "token").or_else(|| variable(TOKEN_VARIABLE)).filter(|token| !token.is_empty());
        let client = http::client_of_host(CONNECT).read_timeout(silent).build().context("make an HTTP client")?;
        Ok(Self { base, token, client })
    }

    /// A request of the API with the token in it, to be completed and sent: the parts of its path after `/api/v1`, and its query.
    pub(in crate::cli) fn request(&self, method: Method, path: &[&str], query: &[(&str, String)]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.client.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The host can't be reached, or refuses: its own words, code and hint.
    pub(in crate::cli) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let host = self.base.as_str().trim_end_matches('/');
        let response = request.send().await.map_err(|error| {
            let why = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            anyhow::anyhow!(
                "{host} doesn't answer{why}\n  hint: is the host running, and is this its API_ADDR? --host or {URL_VARIABLE} names another"
            )
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        match serde_json::from_str::<Refused>(&text) {
            Ok(Refused { error: Detail { code, message, .. } }) if status == StatusCode::UNAUTHORIZED => {
                bail!("{message} ({code}, {})\n  hint: put a token into {TOKEN_VARIABLE}; `leadline token` makes one", status.as_u16())
            }
            Ok(Refused { error: Detail { code, message, hint } }) => bail!("{message} ({code}, {})\n  hint: {hint}", status.as_u16()),
            Err(_) => bail!("{host} answers {status}\n  hint: is it a host of this version?"),
        }
    }

    /// Sends a request, and reads the JSON that answers it.
    ///
    /// # Errors
    /// As [`Remote::send`]; or the answer isn't whole.
    pub(in crate::cli) async fn ask<T: serde::de::DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let text = self.send(request).await?.text().await.context("the host's answer ended early")?;
        serde_json::from_str(&text).context("the host's answer can't be read\n  hint: is it a host of this version?")
    }
}
