//! `leadline simulate`: the exchange on loopback.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use leadline_simulator::{Generated, Options, Recorded, Served, listen, serve};
use tokio::io::AsyncReadExt;

use super::{runtime, signals};
use crate::config::settings;
use crate::logging;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    logging::start(&settings::Log { json: false, filter: "info".to_owned() });
    let options = options(matches)?;
    let address = matches.get_one::<String>("listen").cloned().unwrap_or_default();
    let until_stdin_closes = matches.get_flag("until-stdin-closes");
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let stop = signals::stop_token()?;
        if until_stdin_closes {
            let stop = stop.clone();
            tokio::spawn(async move {
                // Nothing is ever written there; whatever ends the read means that the other end is gone.
                let _ = tokio::io::stdin().read(&mut [0; 1]).await;
                stop.cancel();
            });
        }
        let listener = listen(&address).await?;
        // The one line on standard output: whoever started this reads the address from it.
        #[expect(clippy::print_stdout, reason = "this is the command's output")]
        {
            println!("ws://{}/ws/v5/public", listener.local_addr()?);
        }
        serve(listener, options, async move { stop.cancelled().await }).await?;
        Ok(ExitCode::SUCCESS)
    });
    // A read of standard input may still be waiting on a thread of its own; nobody waits for it.
    runtime.shutdown_background();
    ended
}

/// What the command line asks of the simulator.
pub(super) fn options(matches: &ArgMatches) -> anyhow::Result<Options> {
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let files: Vec<PathBuf> = matches.get_many::<PathBuf>("replay").into_iter().flatten().cloned().collect();
    let served = if files.is_empty() {
        Served::Generated(Generated {
            seed: matches.get_one::<u64>("seed").copied().unwrap_or(1),
            pairs: matches.get_one::<u64>("market-pairs").and_then(|&n| usize::try_from(n).ok()).unwrap_or(10),
            swaps: matches.get_flag("swaps"),
            rate: text("rate").parse()?,
            shape: text("shape").parse()?,
            ..Generated::default()
        })
    } else {
        Served::Recorded(Recorded { pace: text("speed").parse()?, once: matches.get_flag("once"), ..Recorded::new(files) })
    };
    Ok(Options { served, ..Options::default() })
}
