//! `leadline plugin build`: a project's component, by the same script and toolchain as the shipped plugins.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use clap::ArgMatches;

use super::checkout;
use crate::analysis::{Engine, Plugin};
use crate::cli::arguments::settings;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    let given = matches.get_one::<PathBuf>("dir").cloned().unwrap_or_else(|| PathBuf::from("."));
    let folder = given.canonicalize().with_context(|| format!("read {}", given.display()))?;
    let Some(name) = folder.file_name().map(Path::new) else { bail!("{}: this folder has no name", folder.display()) };
    let file = match matches.get_one::<PathBuf>("out") {
        Some(out) if out.extension().is_some_and(|extension| extension == "wasm") => out.clone(),
        Some(out) => out.join(name.with_extension("wasm")),
        None => folder.join(name.with_extension("wasm")),
    };
    if !component(&folder, &file, Pace::Thorough)? {
        return Ok(ExitCode::FAILURE);
    }
    let engine = Engine::with_cache(settings.plugins.cache.as_deref())?;
    let plugin = Plugin::load(&engine, &file, settings.plugins.budget)?;
    let size = std::fs::metadata(&file)?.len() / 1024;
    writeln!(io::stdout(), "{}: {} {}, {size} KB; imports nothing but the host's log", file.display(), plugin.name, plugin.version)?;
    Ok(ExitCode::SUCCESS)
}

/// How much the compiler does for a component in Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// All that makes it fast: the whole of it is optimised as one.
    Thorough,
    /// What makes the next build short: crates are optimised each by itself, and what hasn't changed isn't compiled again.
    Quick,
}

impl Pace {
    /// The settings of the profile `plugin` that stand over those of the project.
    fn profile(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Thorough => &[],
            Self::Quick => &[
                ("CARGO_PROFILE_PLUGIN_LTO", "off"),
                ("CARGO_PROFILE_PLUGIN_CODEGEN_UNITS", "16"),
                ("CARGO_PROFILE_PLUGIN_INCREMENTAL", "true"),
            ],
        }
    }
}

/// Builds a folder's component; whether it could be built. What the compiler says goes to standard error as it comes.
///
/// # Errors
/// The script can't be run.
pub(super) fn component(folder: &Path, file: &Path, pace: Pace) -> anyhow::Result<bool> {
    let script = checkout::find()?.join("scripts/build-plugin.sh");
    let mut command = Command::new("bash");
    command.arg(&script).arg(folder).arg(file).envs(pace.profile().iter().copied());
    let status = command.status().with_context(|| format!("run {}", script.display()))?;
    Ok(status.success())
}
