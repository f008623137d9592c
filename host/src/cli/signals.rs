//! Ctrl-C and SIGTERM: the first asks the program to stop in order, the second ends it at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::logging;

/// A token that the first SIGINT or SIGTERM cancels.
///
/// # Errors
/// When the system won't tell us of signals.
pub(super) fn stop_token() -> std::io::Result<CancellationToken> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        for count in 0.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if count > 0 {
                logging::tell("stopped at once\n");
                std::process::exit(130);
            }
            tracing::info!("stopping; once more stops at once");
            stop.cancel();
        }
    });
    Ok(token)
}
