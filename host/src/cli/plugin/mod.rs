//! `leadline plugin ...`: what an author of plugins does, and what is asked of a running host.
//!
//! # Layout
//!
//! - [`arguments`]: what can be said on the command line.
//! - [`new`]: `leadline plugin new`, a project to start from.
//! - [`build`]: `leadline plugin build`, its component.
//! - [`checkout`]: where the SDKs and the scripts are.
//! - [`books`]: the books that plugins are tried on: generated, recorded, or bad in a way that has a name.
//! - [`trial`]: a plugin run on books, its readings and what they cost; the only part here that calls plugins.
//! - [`check`]: `leadline plugin check`, every property that a plugin must keep, each a line.
//! - [`properties`]: what most analyses keep: scaling, mirror, continuity; hints among the checks.
//! - [`bench`]: `leadline plugin bench`, time and fuel against their budgets.
//! - [`remote`]: `leadline plugin list`, `install`, `shadow` and so on: a running host's plugins, through its API.
//! - [`watch`]: `leadline plugin watch`, all of that on each save.
//! - [`native`]: a Rust plugin built natively, beside its component.

pub(super) mod arguments;
mod bench;
pub(super) mod books;
mod build;
mod check;
mod checkout;
mod native;
mod new;
mod properties;
mod remote;
mod trial;
mod watch;

use std::process::ExitCode;

use clap::ArgMatches;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    match matches.subcommand() {
        Some(("new", matches)) => new::main(matches),
        Some(("build", matches)) => build::main(matches),
        Some(("check", matches)) => check::main(matches),
        Some(("bench", matches)) => bench::main(matches),
        Some(("watch", matches)) => watch::main(matches),
        Some((command, matches)) => remote::main(command, matches),
        // clap asks for a command, and knows no other.
        None => Ok(ExitCode::from(2)),
    }
}
