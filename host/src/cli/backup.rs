//! `leadline backup` and `leadline restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::arguments::{path, setting, settings};
use super::runtime;
use crate::backup::archive::Manifest;
use crate::backup::{collect, restore};
use crate::logging;

/// The settings that say where things are.
const SETTINGS: [&str; 7] =
    ["REDIS_ADDR", "REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_DB", "REDIS_TRADING_PAIRS_KEY", "PLUGIN_DIR", "HISTORY_DIR"];

fn with_places(command: Command) -> Command {
    command
        .arg(path("config", "FILE", "Settings as NAME=value lines, such as config/app.dev.env"))
        .next_help_heading("Settings (also as environment variables)")
        .args(SETTINGS.map(setting))
        .args(["INFLUX_URL", "LOG_LEVEL"].map(setting))
        .next_help_heading(None)
}

fn file(help: &'static str) -> Arg {
    Arg::new("file").value_name("FILE").required(true).value_parser(value_parser!(PathBuf)).help(help)
}

/// The commands.
pub(super) fn commands() -> [Command; 2] {
    [
        with_places(
            Command::new("backup")
                .about("Put pairs, rules, plugins with their state, and the embedded history into one file")
                .long_about(
                    "Puts the wanted pairs, alert rules and silences, plugins.toml and the components, what the plugins of the buffered lane know, \
                     and the embedded history into one file. The host may run meanwhile. History in InfluxDB is not in it: `influx backup` is for that.",
                )
                .arg(file("The backup, such as leadline.tar.zst; must not exist")),
        ),
        with_places(
            Command::new("restore")
                .about("Put a backup back, onto a Redis and folders that are empty")
                .long_about(
                    "Puts a backup back. It is read and checked whole before anything is touched, and refused where there is something already, \
                     unless --replace is given. No host may run on that Redis or that history.",
                )
                .arg(
                    Arg::new("replace")
                        .long("replace")
                        .action(ArgAction::SetTrue)
                        .help("Also where there is something already: it is put in its place"),
                )
                .arg(file("The backup")),
        ),
    ]
}

pub(super) fn backup_main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    logging::start(&settings.log)?;
    let target = matches.get_one::<PathBuf>("file").context("a file")?;
    let manifest = runtime()?.block_on(collect::make(&settings, target))?;
    let bytes = std::fs::metadata(target).map_or(0, |file| file.len());
    logging::tell(&format!("{}: {}, {:.1} MB\n", target.display(), told(&manifest), bytes as f64 / 1e6));
    if manifest.history == "influxdb" {
        logging::tell("history is in InfluxDB and not in this file\nhint: influx backup DIR\n");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore_main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    logging::start(&settings.log)?;
    let source = matches.get_one::<PathBuf>("file").context("a file")?;
    let manifest = runtime()?.block_on(restore::restore(&settings, source, matches.get_flag("replace")))?;
    logging::tell(&format!("{}, made {} by {}, restored: {}\n", source.display(), manifest.made_at, manifest.program, told(&manifest)));
    Ok(ExitCode::SUCCESS)
}

/// What is in it, in words.
fn told(manifest: &Manifest) -> String {
    let of = |folder: &str| manifest.files.keys().filter(|name| name.starts_with(folder)).count();
    format!("{} pairs, {} files of plugins, {} days of history", manifest.pairs.len(), of("plugins/"), of("history/"))
}
