//! The port: taken first, served until the host stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::app::{App, Parts};
use super::forward::Forward;
use super::instruments::Listings;
use super::listener::{self, Bounded, Peer};
use super::metrics::Metrics;
use super::own_metrics::Own;
use super::router;
use super::security::{Audit, Gate, TokenError, Tokens, rules::Rules};
use super::source::Source;
use super::stored::Stored;
use super::stream::{Hub, producer};
use crate::alerts::{AlertDesk, StoredAlerts};
use crate::clock;
use crate::config::settings;

/// How long answers under way may take once the program stops.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    gate: Arc<Gate>,
    host: Option<Arc<Forward>>,
    settings: settings::Api,
}

/// Why the API can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The port can't be had.
    #[error("API_ADDR: can't listen on {addr}: {detail}\nhint: {hint}")]
    Address {
        /// The address.
        addr: String,
        /// Why.
        detail: String,
        /// What to do.
        hint: &'static str,
    },
    /// The tokens can't be used.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// No client can be made for the host that is asked.
    #[error("API_HOST_URL: no client can be made: {detail}\nhint: without it, plugins can't be reached through this process")]
    Host {
        /// Why.
        detail: String,
    },
    /// The audit log can't be written.
    #[error("API_AUDIT_FILE {file}: {detail}\nhint: name a file in a folder that the host may write to, or none")]
    Audit {
        /// The file.
        file: String,
        /// Why.
        detail: String,
    },
}

impl Server {
    /// Takes the port, and reads the tokens.
    ///
    /// # Errors
    /// [`ListenError`] when the address can't be used or is taken, tokens are wrong, or the audit log can't be written.
    pub async fn listen(settings: &settings::Api) -> Result<Self, ListenError> {
        let listener = listener::bind(&settings.addr).await.map_err(|error| ListenError::Address {
            addr: settings.addr.clone(),
            detail: error.to_string(),
            hint: if error.kind() == std::io::ErrorKind::AddrInUse {
                "another program has the port; --api-addr 127.0.0.1:0 takes any free one"
            } else {
                "the address is host:port, such as 127.0.0.1:8710"
            },
        })?;
        let tokens = Arc::new(Tokens::of(settings)?);
        let audit = Audit::start(settings.audit_file.as_deref(), settings.audit_bytes).map_err(|error| ListenError::Audit {
            file: settings.audit_file.as_deref().unwrap_or_else(|| std::path::Path::new("")).display().to_string(),
            detail: error.to_string(),
        })?;
        let reachable = listener.local_addr().is_ok_and(|addr| !addr.ip().is_loopback());
        if reachable && tokens.is_empty() {
            tracing::warn!(
                "API_ADDR {} can be reached from other machines, and they can read nothing: there is no token\nhint: `leadline token` makes one for API_TOKEN or API_TOKENS_FILE",
                settings.addr
            );
        } else if reachable {
            tracing::info!(
                "API_ADDR {} can be reached from other machines; tokens travel in the clear unless a gateway adds TLS",
                settings.addr
            );
        }
        let host = settings
            .host_url
            .clone()
            .map(Forward::new)
            .transpose()
            .map_err(|error| ListenError::Host { detail: error.to_string() })?
            .map(Arc::new);
        let gate = Gate::new(settings, tokens, Arc::new(audit), Rules::read(&router::document()));
        Ok(Self { listener, gate: Arc::new(gate), host, settings: settings.clone() })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system doesn't say.
    pub fn addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`.
    pub async fn run(self, parts: Parts, stop: CancellationToken) {
        let link = Arc::new(parts.link);
        let alerts = match &parts.alerts {
            Some(alerts) => AlertDesk::Host(alerts.clone()),
            None => AlertDesk::Stored(Arc::new(StoredAlerts::new(Arc::clone(&link), Arc::clone(&parts.history)))),
        };
        // A host answers by itself.
        let host = self.host.filter(|_| parts.live.is_none());
        let stored = Stored::new(link, &parts.pairs_key);
        let hub = Hub::new(run_id());
        let own = Own { hub: Arc::clone(&hub), audit: Arc::clone(self.gate.audit()) };
        let metrics = Arc::new(Metrics::new(parts.live.as_ref(), own));
        let source = Arc::new(Source::new(stored.clone(), parts.live, parts.alerts));
        let app = App {
            source: Arc::clone(&source),
            stored,
            listings: Arc::new(Listings::new(parts.rest)),
            hub: Arc::clone(&hub),
            tokens: Arc::clone(self.gate.tokens()),
            plugins: parts.plugins,
            metrics,
            alerts,
            history: parts.history,
            description: Arc::new(router::description()),
            stop: stop.clone(),
        };
        let listening = tokio::spawn(Arc::clone(&source).listen(stop.clone()));
        let producer = tokio::spawn(producer::run(hub, source, stop.clone()));
        let following = tokio::spawn(Arc::clone(&self.gate).follow_tokens(self.settings.clone(), stop.clone()));
        let routes = router::serve(app, host, &self.gate, &self.settings.origins, &self.settings.web_dir);
        let service = routes.into_make_service_with_connect_info::<Peer>();
        let stopped = stop.clone();
        let serving = axum::serve(Bounded::new(self.listener), service).with_graceful_shutdown(async move { stopped.cancelled().await });
        // Answers under way end by themselves; a client that doesn't take its own must not hold up the end.
        let too_long = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_ANSWERS).await;
        };
        tokio::select! {
            served = serving => if let Err(error) = served {
                tracing::error!("the page is no longer served: {error}");
            },
            () = too_long => {}
        }
        let _ = producer.await;
        let _ = listening.await;
        let _ = following.await;
    }
}

/// What tells this run of the program from others: its start in milliseconds, and its process.
fn run_id() -> String {
    format!("{:x}-{:x}", clock::unix_ms(), std::process::id())
}
