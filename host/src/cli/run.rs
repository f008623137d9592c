//! `leadline run`: the host.

use std::process::ExitCode;
use std::sync::Arc;

use clap::ArgMatches;
use tokio_util::sync::CancellationToken;

use super::arguments::settings;
use super::{runtime, signals};
use crate::api::app::Parts;
use crate::api::server::Server;
use crate::config::Settings;
use crate::history::History;
use crate::host::Host;
use crate::logging;
use crate::okx::{Proxies, Rest};
use crate::results::Link;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    logging::start(&settings.log)?;
    runtime()?.block_on(async {
        let stop = signals::stop_token()?;
        if matches.get_one::<String>("role").is_some_and(|role| role == "api") {
            api_alone(settings, &stop).await?;
            return Ok(ExitCode::SUCCESS);
        }
        let feed = format!("live: {}", settings.okx.ws_url);
        until_stopped(settings, feed, &stop, |_| {}).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Serves API and page from what hosts write into Redis, without a feed of its own.
async fn api_alone(settings: Settings, stop: &CancellationToken) -> anyhow::Result<()> {
    let server = Server::listen(&settings.api).await?;
    let addr = server.addr()?;
    let link = Link::new(&settings.redis)?;
    if let Err(error) = link.wait(stop).await {
        return if stop.is_cancelled() { Ok(()) } else { Err(error.into()) };
    }
    tracing::info!("page: http://{addr}, from Redis alone");
    let history = History::to_read(&settings.history)?;
    let rest = Rest::new(&settings.okx, Arc::new(Proxies::from_env()?))?;
    server.run(Parts { live: None, plugins: None, link, pairs_key: settings.pairs.key, rest, alerts: None, history }, stop.clone()).await;
    tracing::info!("stopped");
    Ok(())
}

/// Runs a host until `stop`, then prints its latencies. `started` is called once the page is there.
pub(super) async fn until_stopped(
    settings: Settings,
    feed: String,
    stop: &CancellationToken,
    started: impl FnOnce(&Host),
) -> anyhow::Result<()> {
    let Some(host) = Host::start(settings, feed, stop).await? else { return Ok(()) };
    tracing::info!("page: http://{}", host.addr);
    started(&host);
    stop.cancelled().await;
    let monitor = std::sync::Arc::clone(&host.monitor);
    host.stop().await;
    logging::tell(&Host::latencies(&monitor));
    tracing::info!("stopped");
    Ok(())
}
