//! What can be said on the command line.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{evaluate, plugin, remote};
use crate::api::security::{Role, tokens};
use crate::config::{ConfigError, SETTINGS, Settings, Sources, source};

/// The command line.
#[must_use]
pub fn command() -> Command {
    Command::new("leadline")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Live OKX order books, analysed by WASM components; readings in Redis")
        .after_help("Start here: `leadline demo` runs everything on this machine, with a Redis and an exchange of its own.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(110)
        .subcommand(
            with_settings(Command::new("run"))
                .about("Run the host on live OKX, with the Redis that REDIS_ADDR names")
                .arg(
                    Arg::new("role")
                        .long("role")
                        .value_name("ROLE")
                        .default_value("host")
                        .value_parser(PossibleValuesParser::new(["host", "api"]))
                        .help("host: feeds, analyses, API; api: API and page alone, from what hosts write into Redis; as many as wanted"),
                )
                .after_help(
                    "Every setting can be given as a flag, as an environment variable of the name shown, or as a line NAME=value of --config; \
                     the first of these wins.\nPairs: redis-cli SADD config:trading_pairs BTC-USDT",
                ),
        )
        .subcommand(demo())
        .subcommand(
            with_settings(Command::new("check"))
                .about("Say whether a host could start here: settings, Redis, plugins, webhooks, folders, rules of alerts")
                .after_help("One line each: ok, warn or fail. Nothing is changed. Exit code 0: it could; 1: something is in its way."),
        )
        .subcommand(simulate())
        .subcommand(record())
        .subcommand(
            Command::new("verify")
                .about("Check recordings frame by frame: chain, checksums, structure")
                .long_about(
                    "Checks recordings frame by frame: chain, checksums, structure. Prints one JSON line a channel and instrument, with its counts and \
                     its last book. What a recorder's folder says of its own gaps goes to standard error. Exit code 0: all good; 1: a gap in a book's chain, a wrong \
                     checksum or an unreadable line; 2: a file that can't be read.",
                )
                .arg(files("Recordings, one frame a line as the exchange sent it: .ndjson, .ndjson.zst, or a recorder's folder")),
        )
        .subcommand(
            Command::new("replay")
                .about("Run recorded books through the plugins, without Redis")
                .long_about(
                    "Runs recorded books through the plugins, without Redis, as fast as it goes. Deterministic: the same recording and plugins give the \
                     same lines, but for `microseconds`. Instruments are read from *.json or *.json.gz in a folder `instruments` beside the recording, or in it. \
                     Exit code 0: all good; 1: a book broke or a line can't be read; 2: a file or a plugin can't be used.",
                )
                .arg(files("Recordings, one frame a line as the exchange sent it: .ndjson, .ndjson.zst, or a recorder's folder"))
                .arg(
                    Arg::new("format")
                        .long("format")
                        .value_name("FORMAT")
                        .default_value("table")
                        .value_parser(PossibleValuesParser::new(["table", "jsonl"]))
                        .help("table: a summary for a person; jsonl: one line a reading"),
                )
                .arg(path("html", "FILE", "Write a report too: outputs over time, states, costs and notices, as one HTML file with charts"))
                .arg(setting("PLUGIN_DIR"))
                .arg(setting("PLUGIN_FUEL"))
                .arg(setting("PLUGIN_MEMORY_MB"))
                .arg(setting("PLUGIN_CACHE_DIR")),
        )
        .subcommand(evaluate::arguments::command())
        .subcommand(plugin::arguments::command())
        .subcommands(super::backup::commands())
        .subcommand(token())
        .subcommand(Command::new("openapi").about("Print the API's OpenAPI description"))
}

fn token() -> Command {
    Command::new("token")
        .about("Make a token for the API: its line for API_TOKENS_FILE on standard output, the token itself on standard error")
        .after_help("leadline token --role analyst --name ann >> tokens")
        .arg(
            Arg::new("role")
                .long("role")
                .value_name("ROLE")
                .required(true)
                .value_parser(PossibleValuesParser::new(Role::ALL.map(Role::as_str)))
                .help("viewer: read; analyst: change plugins too; operator: change everything"),
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .required(true)
                .value_parser(
                    |name: &str| {
                        if tokens::is_good_name(name) { Ok(name.to_owned()) } else { Err("up to 64 letters, digits or . _ @ -") }
                    },
                )
                .help("Whose it is: this name stands in the audit log"),
        )
}

fn demo() -> Command {
    with_settings(Command::new("demo"))
        .about("Run everything on this machine: a Redis of its own, an exchange or a recording, the host, the page")
        .arg(
            Arg::new("feed")
                .long("feed")
                .value_name("FEED")
                .default_value("generated")
                .value_parser(PossibleValuesParser::new(["generated", "okx"]))
                .help("generated: a market made up by the simulator; okx: live OKX"),
        )
        .arg(path("replay", "FILE", "Play this recording instead, over and over").conflicts_with("feed"))
        .arg(
            Arg::new("once")
                .long("once")
                .action(ArgAction::SetTrue)
                .requires("replay")
                .help("Stop the recording at its end instead of starting over"),
        )
        .arg(path("data", "DIR", "Folder of the demo's data [default: data/generated, data/okx or data/replay-NAME]"))
        .arg(
            Arg::new("redis-port")
                .long("redis-port")
                .value_name("PORT")
                .value_parser(value_parser!(u16))
                .help("Port of the demo's own Redis; 0: any free one [default: 6379, or any free one when that is taken]"),
        )
        .args(market_arguments())
}

fn record() -> Command {
    Command::new("record")
        .about("Record the exchange's frames byte for byte, with receive times, packed and bounded")
        .after_help(
            "The folder can be gone on with later, and read while it is written to: `leadline verify DIR`, `leadline replay DIR`.\n\
             A connection that the exchange replaces is joined without a gap; what is missing all the same stands in DIR/manifest.json.",
        )
        .arg(
            Arg::new("pairs")
                .long("pairs")
                .value_name("PAIR,...")
                .required_unless_present("last")
                .value_delimiter(',')
                .action(ArgAction::Append)
                .help("Pairs to record, such as BTC-USDT,ETH-USDT; with --last all of the host's, when none is named"),
        )
        .arg(
            Arg::new("last")
                .long("last")
                .value_name("TIME")
                .conflicts_with("for")
                .help("Record what a running host received in the last minutes, such as 10m, instead of what comes from now on"),
        )
        .arg(remote::host_argument())
        .arg(path("out", "DIR", "Folder of the recording; made if it isn't there").required(true))
        .arg(Arg::new("for").long("for").value_name("TIME").help("Stop after this time, such as 10m or 2h [default: at Ctrl-C]"))
        .arg(
            Arg::new("segment-mb")
                .long("segment-mb")
                .value_name("MB")
                .default_value("16")
                .value_parser(value_parser!(u64).range(4..=4096))
                .help("Size of a packed segment at which the next begins"),
        )
        .arg(
            Arg::new("segment-age")
                .long("segment-age")
                .value_name("TIME")
                .default_value("1h")
                .help("Age of a segment at which the next begins"),
        )
        .arg(
            Arg::new("max-mb")
                .long("max-mb")
                .value_name("MB")
                .default_value("10240")
                .value_parser(value_parser!(u64).range(8..))
                .help("Size of all segments beyond which the oldest are deleted"),
        )
        .arg(path("config", "FILE", "Settings as NAME=value lines, such as config/app.dev.env"))
        .next_help_heading("Settings (also as environment variables)")
        .args(
            [
                "OKX_ENDPOINT",
                "OKX_WS_URL",
                "OKX_REST_URL",
                "OKX_CHANNEL",
                "OKX_PAIRS_PER_CONNECTION",
                "OKX_RESYNC_INTERVAL",
                "API_ADDR",
                "LOG_FORMAT",
                "LOG_LEVEL",
            ]
            .map(setting),
        )
        .next_help_heading(None)
}

fn simulate() -> Command {
    Command::new("simulate")
        .about("Run an exchange on loopback that speaks OKX v5: a generated market or recordings")
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("HOST:PORT")
                .default_value("127.0.0.1:8701")
                .help("Where to listen; port 0: any free one"),
        )
        .arg(path("replay", "FILE", "Play recordings instead of a generated market").action(ArgAction::Append))
        .arg(
            Arg::new("once").long("once").action(ArgAction::SetTrue).requires("replay").help("Play once and end, instead of starting over"),
        )
        .arg(
            Arg::new("until-stdin-closes")
                .long("until-stdin-closes")
                .action(ArgAction::SetTrue)
                .help("End when standard input is closed, as by the end of the program that started this one"),
        )
        .args(market_arguments())
        .next_help_heading("Faults and limits (docs/simulator.md)")
        .args(fault_arguments())
        .next_help_heading(None)
}

/// What the simulator can be told, in `simulate` and `demo` alike.
fn market_arguments() -> [Arg; 6] {
    [
        Arg::new("speed").long("speed").value_name("FACTOR").default_value("1").help("Pace of a recording: 1, 10, ... or max"),
        Arg::new("rate")
            .long("rate")
            .allow_hyphen_values(true)
            .value_name("FRAMES")
            .default_value("usual")
            .help("Frames a second of the generated market, over all pairs; usual: 9 a pair; max: as fast as they are read"),
        Arg::new("shape")
            .long("shape")
            .value_name("SHAPE")
            .default_value("natural")
            .help("How the generated pairs' frames lie in time: natural, even or burst"),
        Arg::new("seed")
            .long("seed")
            .value_name("NUMBER")
            .default_value("1")
            .value_parser(value_parser!(u64))
            .help("The same seed makes the same market"),
        Arg::new("market-pairs")
            .long("market-pairs")
            .value_name("N")
            .default_value("10")
            .value_parser(value_parser!(u64).range(1..=10))
            .help("Pairs of the generated market"),
        Arg::new("swaps").long("swaps").action(ArgAction::SetTrue).help("The generated market also has BTC-USDT-SWAP and BTC-USD-SWAP"),
    ]
}

/// What the simulated exchange refuses and gets wrong; for `simulate` alone.
fn fault_arguments() -> [Arg; 10] {
    let limit = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").default_value(default).value_parser(value_parser!(u32)).help(help)
    };
    [
        Arg::new("fault")
            .long("fault")
            .value_name("SPEC")
            .action(ArgAction::Append)
            .help("A fault, such as drop:BTC-USDT:every=10s or restart:lead=5s:after=1m; may be given several times"),
        Arg::new("chaos")
            .long("chaos")
            .value_name("TIME")
            .help("A random fault about each time this has passed, such as 10s; drawn from --seed"),
        Arg::new("chaos-without")
            .long("chaos-without")
            .value_name("NAMES")
            .value_delimiter(',')
            .requires("chaos")
            .help("Faults that --chaos leaves out, such as refuse,half-open"),
        Arg::new("checksums")
            .long("checksums")
            .action(ArgAction::SetTrue)
            .help("True checksums in the generated market's frames instead of 0"),
        Arg::new("idle")
            .long("idle")
            .value_name("TIME")
            .default_value("30s")
            .help("Silence after which a connection is closed with 4004; 0s: never"),
        limit("requests-a-second", "0", "Requests of a connection within a second; one more draws 60014; 0: any number"),
        limit("requests-an-hour", "480", "Requests of a connection within an hour; one more draws 60014; 0: any number"),
        limit("connects-a-second", "0", "WebSockets opened within a second; one more is answered with 429; 0: any number"),
        limit("rest-a-second", "0", "REST calls within a second; one more is answered with 429; 0: any number"),
        limit("channels", "0", "Channels of a connection; one more closes it with 4008; 0: any number"),
    ]
}

fn files(help: &'static str) -> Arg {
    Arg::new("files").value_name("FILE").required(true).num_args(1..).value_parser(value_parser!(PathBuf)).help(help)
}

pub(super) fn path(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf)).help(help)
}

fn with_settings(command: Command) -> Command {
    command
        .arg(path("config", "FILE", "Settings as NAME=value lines, such as config/app.dev.env"))
        .next_help_heading("Settings (also as environment variables)")
        .args(SETTINGS.iter().map(|one| setting(one.name)))
        .next_help_heading(None)
}

/// The flag of a setting. It has no default here: a flag that isn't given must not beat the environment.
pub(super) fn setting(name: &'static str) -> Arg {
    let arg = Arg::new(name).long(source::flag(name));
    match SETTINGS.iter().find(|setting| setting.name == name) {
        Some(setting) => {
            let default = if setting.default.is_empty() { String::new() } else { format!(" [default: {}]", setting.default) };
            arg.value_name(setting.value).help(format!("{} [env: {name}]{default}", setting.help))
        }
        None => arg,
    }
}

/// Where the settings of a command line come from.
///
/// # Errors
/// [`ConfigError`].
pub fn sources(matches: &ArgMatches) -> Result<Sources, ConfigError> {
    let flags = SETTINGS.iter().filter_map(|setting| {
        let value = matches.try_get_one::<String>(setting.name).ok().flatten()?;
        Some((setting.name.to_owned(), value.clone()))
    });
    let file = matches.try_get_one::<PathBuf>("config").ok().flatten();
    Sources::gather(flags, std::env::vars(), file.map(PathBuf::as_path))
}

/// The settings of a command line.
///
/// # Errors
/// [`ConfigError`].
pub fn settings(matches: &ArgMatches) -> Result<Settings, ConfigError> {
    Settings::read(&sources(matches)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn an_unknown_flag_is_refused_with_a_suggestion() {
        let error = command().try_get_matches_from(["leadline", "run", "--redis-adr", "x"]).expect_err("refused").to_string();
        assert!(error.contains("--redis-adr") && error.contains("--redis-addr"), "{error}");
    }
}
