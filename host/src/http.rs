//! HTTP clients: of the exchange's REST interface, of InfluxDB, of webhooks, of another host's API.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};

use crate::tls;

/// A client that says who asks, to be completed.
pub(crate) fn client() -> ClientBuilder {
    tls::provide();
    Client::builder().user_agent(concat!("leadline/", env!("CARGO_PKG_VERSION")))
}

/// A client of a host's API, to be completed. `connect`: time to connect. The host is named by its operator: no proxy stands between.
pub(crate) fn client_of_host(connect: Duration) -> ClientBuilder {
    client().connect_timeout(connect).no_proxy()
}
