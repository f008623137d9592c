//! The port: taken first, served until the host stops.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::app::{App, Parts};
use super::metrics::Metrics;
use super::security::{Audit, Gate, TokenError, Tokens, rules::Rules};
use super::{router, system};
use crate::config::settings;

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    gate: Arc<Gate>,
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
        let listener = TcpListener::bind(&settings.addr).await.map_err(|error| ListenError::Address {
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
        let gate = Gate::new(settings, tokens, Arc::new(audit), Rules::read(&router::document()));
        Ok(Self { listener, gate: Arc::new(gate), settings: settings.clone() })
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
        let (sender, stream) = watch::channel(Arc::from("{}"));
        let metrics = Arc::new(Metrics::new(Arc::clone(&parts.monitor), parts.desks.clone()));
        let app = App {
            monitor: parts.monitor,
            desks: parts.desks,
            metrics,
            feed: parts.feed.into(),
            link: Arc::new(parts.link),
            pairs_key: parts.pairs_key.into(),
            recent: parts.recent,
            stream,
            watchers: Arc::default(),
            stop: stop.clone(),
            description: Arc::new(router::description()),
        };
        let ticker = tokio::spawn(system::tick(app.clone(), sender));
        let following = tokio::spawn(Arc::clone(&self.gate).follow_tokens(self.settings.clone(), stop.clone()));
        let routes = router::serve(app, &self.gate, &self.settings.origins, &self.settings.web_dir);
        let service = routes.into_make_service_with_connect_info::<SocketAddr>();
        let stopped = stop.clone();
        if let Err(error) = axum::serve(self.listener, service).with_graceful_shutdown(async move { stopped.cancelled().await }).await {
            tracing::error!("the page is no longer served: {error}");
        }
        let _ = ticker.await;
        let _ = following.await;
    }
}
