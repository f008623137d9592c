//! A running host's API, as the commands that talk to one call it.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Arg, ArgMatches};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use crate::config::Settings;

/// Names the host, and holds the token, where no flag does.
const URL_VARIABLE: &str = "LEADLINE_HOST";
const TOKEN_VARIABLE: &str = "LEADLINE_TOKEN";
/// Time to connect, and between two pieces of an answer.
const CONNECT: Duration = Duration::from_secs(5);
const SILENT: Duration = Duration::from_secs(30);

/// A host that can be asked.
pub(super) struct Remote {
    base: String,
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
    message: String,
    hint: String,
}

/// The flag that names the host.
pub(in crate::cli) fn host_argument() -> Arg {
    Arg::new("host").long("host").value_name("URL").help(format!(
        "The running host, such as http://127.0.0.1:8710; a token goes into {TOKEN_VARIABLE} [env: {URL_VARIABLE}] [default: http://API_ADDR]"
    ))
}

impl Remote {
    /// The host that the command line, the environment or API_ADDR names, in this order; the token of LEADLINE_TOKEN or API_TOKEN.
    ///
    /// # Errors
    /// No client can be made.
    pub(super) fn new(matches: &ArgMatches, settings: &Settings) -> anyhow::Result<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let given = matches.try_get_one::<String>("host").ok().flatten().cloned().or_else(|| variable(URL_VARIABLE));
        let base = given.unwrap_or_else(|| format!("http://{}", settings.api.addr));
        if !base.starts_with("http://") && !base.starts_with("https://") {
            bail!("--host: `{base}` is no address\n  hint: such as http://127.0.0.1:8710");
        }
        // Once a process; a second try changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The host is named by its operator: no proxy stands between.
        let client = Client::builder().connect_timeout(CONNECT).read_timeout(SILENT).no_proxy().build().context("make an HTTP client")?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), token: variable(TOKEN_VARIABLE), client })
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The host can't be reached, or refuses: its own words and hint.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Response> {
        self.send(self.request(Method::GET, path)).await
    }

    /// A request with the token in it, to be completed and sent.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The host can't be reached, or refuses: its own words and hint.
    pub(super) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.with_context(|| {
            format!("no host answers at {}\n  hint: start one with `leadline run`, or name it with --host or {URL_VARIABLE}", self.base)
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        match serde_json::from_str::<Refused>(&text) {
            Ok(Refused { error: Detail { message, .. } }) if status == StatusCode::UNAUTHORIZED => {
                bail!("{}: {message}\n  hint: put a token into {TOKEN_VARIABLE}; `leadline token` makes one", self.base)
            }
            Ok(Refused { error: Detail { message, hint } }) => bail!("{}: {message}\n  hint: {hint}", self.base),
            Err(_) => bail!("{} answers {status}\n  hint: is it a host of this version?", self.base),
        }
    }
}
