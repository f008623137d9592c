//! The cryptography behind TLS: to the exchange, to Redis, and over HTTP.

/// Gives the process its one provider, before the first connection is set up. A later call finds it there already.
pub(crate) fn provide() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
