//! `leadline simulate`: the exchange on loopback.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::ArgMatches;
use leadline_simulator::{Chaos, Fault, Generated, Limits, Options, Recorded, Served, listen, serve};
use tokio::io::AsyncReadExt;

use super::{runtime, signals};
use crate::config::settings;
use crate::logging;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    logging::start(&settings::Log { json: false, filter: "info".to_owned(), files: None })?;
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
        // Whoever started this reads the address as the sign that it runs: options are looked at first.
        options.check()?;
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
            checksums: matches.try_get_one::<bool>("checksums").ok().flatten().is_some_and(|&wanted| wanted),
            ..Generated::default()
        })
    } else {
        Served::Recorded(Recorded { pace: text("speed").parse()?, once: matches.get_flag("once"), ..Recorded::new(files) })
    };
    // `demo` has no faults.
    let faults = matches.try_get_many::<String>("fault").ok().flatten().into_iter().flatten();
    let faults = faults.map(|text| text.parse()).collect::<Result<Vec<Fault>, _>>()?;
    Ok(Options { served, faults, chaos: chaos(matches)?, limits: limits(matches)?, ..Options::default() })
}

fn chaos(matches: &ArgMatches) -> anyhow::Result<Option<Chaos>> {
    let Some(every) = time(matches, "chaos")? else { return Ok(None) };
    let seed = matches.get_one::<u64>("seed").copied().unwrap_or(1);
    let without = matches.try_get_many::<String>("chaos-without").ok().flatten().into_iter().flatten().cloned().collect();
    Ok(Some(Chaos { every, seed, without }))
}

fn limits(matches: &ArgMatches) -> anyhow::Result<Limits> {
    let usual = Limits::default();
    let number = |name: &str, usual: u32| matches.try_get_one::<u32>(name).ok().flatten().copied().unwrap_or(usual);
    Ok(Limits {
        idle: time(matches, "idle")?.unwrap_or(usual.idle),
        requests_a_second: number("requests-a-second", usual.requests_a_second),
        requests_an_hour: number("requests-an-hour", usual.requests_an_hour),
        connects_a_second: number("connects-a-second", usual.connects_a_second),
        rest_a_second: number("rest-a-second", usual.rest_a_second),
        channels: number("channels", usual.channels),
    })
}

fn time(matches: &ArgMatches, name: &str) -> anyhow::Result<Option<Duration>> {
    let Some(text) = matches.try_get_one::<String>(name).ok().flatten() else { return Ok(None) };
    let read = humantime::parse_duration(text);
    Ok(Some(read.with_context(|| format!("--{name} is `{text}`, which is no time\nhint: a number and a unit, such as 500ms, 10s or 1m"))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::command;

    fn read(arguments: &[&str]) -> anyhow::Result<Options> {
        let matches = command().try_get_matches_from(["leadline", "simulate"].iter().chain(arguments))?;
        options(matches.subcommand_matches("simulate").expect("it was named"))
    }

    #[test]
    fn faults_limits_and_chaos_are_read_from_the_command_line() {
        let plain = read(&[]).expect("fine");
        assert_eq!((plain.limits, plain.faults.len(), plain.chaos), (Limits::default(), 0, None));
        let faults = ["--fault", "drop:BTC-USDT:every=10s", "--fault", "restart:lead=5s:after=1m"];
        let chaos = ["--chaos", "10s", "--chaos-without", "refuse,half-open", "--seed", "7"];
        let limits = ["--idle", "2s", "--requests-a-second", "20", "--channels", "30", "--checksums"];
        let options = read(&[&faults[..], &chaos, &limits].concat()).expect("fine");
        assert_eq!(options.faults[1].to_string(), "restart:lead=5s:code=1012:down=0s:after=1m");
        let without = vec!["refuse".to_owned(), "half-open".to_owned()];
        assert_eq!(options.chaos, Some(Chaos { every: Duration::from_secs(10), seed: 7, without }));
        let wanted = Limits { idle: Duration::from_secs(2), requests_a_second: 20, channels: 30, ..Limits::default() };
        assert_eq!(options.limits, wanted);
        assert!(matches!(options.served, Served::Generated(Generated { checksums: true, .. })));
    }

    #[test]
    fn a_wrong_fault_or_time_is_refused_with_a_hint() {
        for arguments in [["--fault", "drip:BTC-USDT"], ["--chaos", "often"], ["--idle", "-"]] {
            let error = format!("{:?}", read(&arguments).expect_err("refused"));
            assert!(error.contains("hint:"), "{error}");
        }
    }
}
