//! The commands.
//!
//! # Layout
//!
//! - [`arguments`]: what can be said on the command line; flags for the settings are made from their table.
//! - [`run`]: `leadline run`, the host.
//! - [`demo`]: `leadline demo`, everything on one machine.
//! - [`child`]: a server started for a demo, and stopped with it.
//! - [`simulate`]: `leadline simulate`, the exchange on loopback.
//! - [`record`]: `leadline record`, the exchange's frames into a folder.
//! - [`last`]: `leadline record --last`, what a running host just received.
//! - [`remote`]: a running host's API, as the commands call it.
//! - [`verify`]: `leadline verify`, a recording checked frame by frame.
//! - [`replay`]: `leadline replay`, a recording through the plugins.
//! - [`evaluate`]: `leadline evaluate`, how right the analyses are on labelled markets.
//! - [`plugin`]: `leadline plugin ...`, the tools of an author of plugins.
//! - [`check`]: `leadline check`, whether a host could start here.
//! - [`token`]: `leadline token`, a new token for the API.
//! - [`openapi`]: `leadline openapi`, the API's description.
//! - [`backup`]: `leadline backup` and `leadline restore`.
//! - [`signals`]: Ctrl-C and SIGTERM.

pub mod arguments;
mod backup;
mod check;
mod child;
mod demo;
mod evaluate;
mod last;
mod openapi;
mod plugin;
mod record;
mod remote;
mod replay;
mod run;
mod signals;
mod simulate;
mod token;
mod verify;

use std::process::ExitCode;

use arguments::command;

use crate::logging;

/// Runs the program on its command line; what went wrong stands on standard error.
#[must_use]
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let result = match matches.subcommand() {
        Some(("run", matches)) => run::main(matches),
        Some(("demo", matches)) => demo::main(matches),
        Some(("simulate", matches)) => simulate::main(matches),
        Some(("record", matches)) => record::main(matches),
        Some(("verify", matches)) => verify::main(matches),
        Some(("replay", matches)) => replay::main(matches),
        Some(("evaluate", matches)) => evaluate::main(matches),
        Some(("plugin", matches)) => plugin::main(matches),
        Some(("backup", matches)) => backup::backup_main(matches),
        Some(("restore", matches)) => backup::restore_main(matches),
        Some(("check", matches)) => check::main(matches),
        Some(("token", matches)) => token::main(matches),
        Some(("openapi", _)) => openapi::main(),
        // clap asks for a command, and knows no other.
        _ => Ok(ExitCode::from(2)),
    };
    let code = result.unwrap_or_else(|error| {
        logging::tell(&format!("error: {}\n", told(&error)));
        ExitCode::from(2)
    });
    logging::finish();
    code
}

/// An error with its causes, each said once: many of ours hold their cause's words already.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A runtime for commands that wait for networks: as many threads as the machine has cores.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("host").build()
}
