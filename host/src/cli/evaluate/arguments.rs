//! What can be said to `leadline evaluate`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, value_parser};
use leadline_evaluation::script::Scenario;
use leadline_evaluation::seen::Analysis;

use crate::cli::arguments::{path, setting};

/// The command.
pub(in crate::cli) fn command() -> Command {
    Command::new("evaluate")
        .about("Measure how right the analyses are, on generated markets whose events carry exact labels")
        .long_about(
            "Measures how right the analyses are: markets with planted events run through the plugins, as components under their limits, and through \
             two simple rules; what each said is held against the labels. Prints a table with 95 % intervals; --out writes it as JSON and as a \
             page with charts. The same seeds give the same figures. Exit code 0: measured; 2: something can't be used.",
        )
        .after_help(
            "Does a change help? leadline evaluate --analysis depth_anomaly --seeds tuning --against depth_anomaly.back_below=0.5\n\
             Seeds 1 to 999 are for choosing parameters, those from 1001 on are held out: docs/quality.md.",
        )
        .arg(
            Arg::new("days")
                .long("days")
                .value_name("N")
                .default_value("50")
                .value_parser(value_parser!(u32).range(1..=100_000))
                .help("Market-days at a frame a second; long markets for liquidity come on top"),
        )
        .arg(
            Arg::new("seeds")
                .long("seeds")
                .value_name("SEEDS")
                .default_value("held-out")
                .help("held-out, tuning, or the first seed as a number"),
        )
        .arg(list("analysis", "NAME,...", "Judge these analyses alone", Analysis::ALL.map(Analysis::word)))
        .arg(list("events", "KIND,...", "Run these kinds of markets alone", Scenario::ALL.map(Scenario::word)))
        .arg(
            Arg::new("against")
                .long("against")
                .value_name("OTHER")
                .help("Judge other plugins (a folder) or other parameters (PLUGIN.PARAMETER=VALUE,... or a plugins.toml) on the same markets, and the differences"),
        )
        .arg(
            Arg::new("recorded")
                .long("recorded")
                .value_name("FILE")
                .action(ArgAction::Append)
                .value_parser(value_parser!(PathBuf))
                .help("Also plant walls into this recording; may be given several times"),
        )
        .arg(path("out", "DIR", "Write evaluation.json and evaluation.html into this folder"))
        .arg(
            Arg::new("threads")
                .long("threads")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..=1024))
                .help("Markets at once [default: as many as there are cores]"),
        )
        .args(["PLUGIN_DIR", "PLUGIN_CACHE_DIR", "PLUGIN_FUEL", "PLUGIN_MEMORY_MB"].map(setting))
}

fn list<const N: usize>(name: &'static str, value: &'static str, help: &'static str, words: [&'static str; N]) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .value_delimiter(',')
        .action(ArgAction::Append)
        .value_parser(PossibleValuesParser::new(words))
        .help(help)
}
