//! What can be said to `leadline plugin`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, value_parser};

use crate::cli::arguments::{path, setting};
use crate::cli::remote;

/// The command with its own commands.
pub(in crate::cli) fn command() -> Command {
    Command::new("plugin")
        .about("Write plugins, and change those of a running host")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(new())
        .subcommand(build())
        .subcommand(check())
        .subcommand(bench())
        .subcommand(watch())
        .subcommands(at_hosts())
}

/// The commands that ask a running host.
fn at_hosts() -> Vec<Command> {
    let name = || Arg::new("name").value_name("PLUGIN").required(true).help("The plugin");
    let command = |name: &'static str, about: &'static str| at_a_host(Command::new(name).about(about));
    vec![
        command("list", "Show a running host's plugins, or one of them")
            .arg(name().required(false).help("One plugin, with its pairs, kept versions and shadow")),
        command("install", "Have a component checked, proved on recent books, written and put to work").arg(component()),
        command("enable", "Put a plugin to work that was switched off").arg(name()),
        command("disable", "Stop a plugin and clear its fields").arg(name()),
        command("parameters", "Show a plugin's parameters, or set all of them")
            .arg(name())
            .arg(Arg::new("json").value_name("JSON").help("A JSON object: all parameters from now on; what is left out has its default"))
            .arg(Arg::new("pair").long("pair").value_name("PAIR").help("One pair's own")),
        command("shadow", "Run a candidate beside a plugin, or show how the one that runs compares")
            .arg(name())
            .arg(component().required(false).help("The candidate; none: the component at work, with --parameters"))
            .arg(Arg::new("parameters").long("parameters").value_name("JSON").help("The candidate's parameters [default: those at work]"))
            .arg(
                Arg::new("tolerance")
                    .long("tolerance")
                    .value_name("SHARE")
                    .value_parser(value_parser!(f64))
                    .help("Relative difference up to which numbers count as alike [default: 1e-9]"),
            )
            .arg(
                Arg::new("rule")
                    .long("rule")
                    .value_name("RULE")
                    .help("When it is promoted by itself: \"promote after 10 min if agreement >= 99.5%, no faults, p99 fuel <= 2000000\""),
            ),
        command("promote", "Let the candidate take over, with what it has gathered").arg(name()),
        command("drop", "Let the candidate go").arg(name()),
        command("rollback", "Go back to an earlier version").arg(name()).arg(
            Arg::new("to")
                .long("to")
                .value_name("DIGEST")
                .help("The first characters of a kept version's digest [default: the newest before this]"),
        ),
        command("logs", "Show a plugin's newest log lines").arg(name()).arg(
            Arg::new("lines").long("lines").value_name("N").default_value("100").value_parser(value_parser!(usize)).help("So many at most"),
        ),
    ]
}

/// Which host, and who asks.
fn at_a_host(command: Command) -> Command {
    command.arg(remote::host_argument()).arg(remote::token_argument()).arg(
        Arg::new("format")
            .long("format")
            .value_name("FORMAT")
            .default_value("table")
            .value_parser(PossibleValuesParser::new(["table", "json"]))
            .help("table: for a person; json: the API's answer"),
    )
}

fn new() -> Command {
    Command::new("new")
        .about("Begin a plugin: its algorithm, a test, a README")
        .arg(Arg::new("name").value_name("NAME").required(true).help("Its name: a-z, 0-9 and _"))
        .arg(
            Arg::new("lang")
                .long("lang")
                .value_name("LANGUAGE")
                .required(true)
                .value_parser(PossibleValuesParser::new(["rust", "python"]))
                .help("Rust: fastest, whole SDK; Python: shortest, about a millisecond a book"),
        )
        .arg(path("dir", "DIR", "Folder of the project [default: NAME]"))
}

fn build() -> Command {
    Command::new("build")
        .about("Build a plugin's component from its folder, and load it once")
        .long_about(
            "Builds a plugin's component from its folder, and loads it once. A Cargo project is built for wasm32-unknown-unknown, with the target \
             that is installed, or added by rustup, or Debian's; a Python module by componentize-py, which is installed once into .cache of the \
             checkout. LEADLINE_HOME names the checkout, where it isn't the one that this program was built from.",
        )
        .arg(Arg::new("dir").value_name("DIR").value_parser(value_parser!(PathBuf)).help("The plugin's folder [default: this one]"))
        .arg(path("out", "PATH", "Folder or *.wasm file of the component [default: the plugin's folder]"))
        .arg(setting("PLUGIN_CACHE_DIR"))
}

fn check() -> Command {
    budget(
        Command::new("check")
            .about("Check that a component keeps the contract, its limits, and its promises")
            .long_about(
                "Checks a component: contract and imports, description, limits, the same answer twice, state handed over in the middle, and every \
                 kind of bad book. Each check is a line: ok, hint (worth a look, no fault) or failed. Exit code 0: none failed; 1: one failed; \
                 2: a file can't be read.",
            )
            .arg(component())
            .arg(path("replay", "RECORDING", "Try it on the books of a recording instead of generated ones"))
            .arg(count("400", "Books of the first pair; other pairs get a tenth"))
            .arg(
                Arg::new("format")
                    .long("format")
                    .value_name("FORMAT")
                    .default_value("table")
                    .value_parser(PossibleValuesParser::new(["table", "json"]))
                    .help("table: a line a check; json: one document"),
            ),
    )
}

fn bench() -> Command {
    budget(
        Command::new("bench")
            .about("Measure a component: time and fuel of a book, and how far they are from their limits")
            .arg(component())
            .arg(path("replay", "RECORDING", "Measure on the books of a recording instead of generated ones"))
            .arg(path(
                "native",
                "DIR",
                "Build this folder of a plugin in Rust natively, too, and compare time and answers on the same books",
            ))
            .arg(count("1000", "Books of each pair, at most")),
    )
}

fn watch() -> Command {
    budget(
        Command::new("watch")
            .about("Build, check and install a plugin on each save")
            .long_about(
                "Builds, checks and installs a plugin's folder, now and on each save of one of its sources, until Ctrl-C. What doesn't build, or fails a \
                 check, isn't installed: the host goes on with what it has. With --host it is installed through the host's API, and it is told when the first \
                 reading by it is live; without, it is put into the host's folder of plugins in one step, which the host follows.",
            )
            .arg(remote::host_argument())
            .arg(remote::token_argument())
            .arg(Arg::new("dir").value_name("DIR").value_parser(value_parser!(PathBuf)).help("The plugin's folder [default: this one]"))
            .arg(Arg::new("once").long("once").action(clap::ArgAction::SetTrue).help("Do it once; exit code 1 when it wasn't installed"))
            .arg(
                Arg::new("thorough")
                    .long("thorough")
                    .action(clap::ArgAction::SetTrue)
                    .help("Let the compiler do all that `build` does: a longer wait for a faster plugin; the readings are the same"),
            )
            .arg(setting("PLUGIN_DIR")),
    )
}

fn component() -> Arg {
    Arg::new("file").value_name("FILE.wasm").required(true).value_parser(value_parser!(PathBuf)).help("The component")
}

fn count(default: &'static str, help: &'static str) -> Arg {
    Arg::new("books").long("books").value_name("N").default_value(default).value_parser(value_parser!(u64).range(20..=100_000)).help(help)
}

/// The limits that the host would set.
fn budget(command: Command) -> Command {
    command.next_help_heading("Limits (also as environment variables)").args(
        [
            "PLUGIN_FUEL",
            "PLUGIN_DEADLINE_MS",
            "PLUGIN_MEMORY_MB",
            "PLUGIN_ANSWER_KB",
            "PLUGIN_TABLE_ENTRIES",
            "PLUGIN_STACK_KB",
            "PLUGIN_CACHE_DIR",
        ]
        .map(setting),
    )
}
