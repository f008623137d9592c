//! `leadline run`: the host.

use std::process::ExitCode;

use clap::ArgMatches;
use tokio_util::sync::CancellationToken;

use super::arguments::settings;
use super::{runtime, signals};
use crate::config::Settings;
use crate::host::Host;
use crate::logging;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    logging::start(&settings.log)?;
    runtime()?.block_on(async {
        let stop = signals::stop_token()?;
        let feed = format!("live: {}", settings.okx.ws_url);
        until_stopped(settings, feed, &stop, |_| {}).await?;
        Ok(ExitCode::SUCCESS)
    })
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
