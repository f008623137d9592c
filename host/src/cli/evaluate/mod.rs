//! `leadline evaluate`: how right the analyses are, on markets whose events carry exact labels.
//!
//! # Layout
//!
//! - [`arguments`]: what can be said on the command line.
//! - [`plan`]: which markets, of which seeds.
//! - [`contestant`]: who is judged: plugins, the same plugins otherwise, simple rules.
//! - [`reader`]: what a plugin's fields say, in words that scores understand.
//! - [`run`]: markets through contestants, on all cores.
//! - [`recorded`]: walls planted into recordings.
//! - [`outcome`]: the rows of the table, for people and as JSON.
//! - [`page`]: the same as a page with charts.

pub(super) mod arguments;
mod contestant;
mod outcome;
mod page;
mod plan;
mod reader;
mod recorded;
mod run;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::ArgMatches;

use super::arguments::settings;
use crate::analysis::Engine;
use contestant::Contestants;
use outcome::Outcome;
use plan::Plan;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    let plan = Plan::of(matches)?;
    let engine = Engine::with_cache(settings.plugins.cache.as_deref())?;
    let against: Option<&String> = matches.get_one("against");
    let contestants =
        Contestants::load(&engine, &settings.plugins.dir, settings.plugins.budget, against.map(String::as_str), &plan.analyses)?;
    let began = Instant::now();
    let mut cards = run::run(&plan, &contestants)?;
    let mut roughness = recorded::generated(&plan);
    for file in matches.get_many::<PathBuf>("recorded").into_iter().flatten() {
        let found = recorded::run(file, &plan, &contestants).with_context(|| file.display().to_string())?;
        cards.extend(found.cards);
        roughness.extend(found.roughness);
    }
    let outcome = Outcome::new(&plan, &contestants, &cards, roughness, began.elapsed());
    let mut out = std::io::stdout().lock();
    out.write_all(outcome.text().as_bytes())?;
    if let Some(folder) = matches.get_one::<PathBuf>("out") {
        write(folder, &outcome)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(folder: &Path, outcome: &Outcome) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{}: can't be made", folder.display()))?;
    let files = [("evaluation.json", serde_json::to_string_pretty(outcome)?), ("evaluation.html", page::page(outcome).html())];
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::write(&file, text).with_context(|| format!("{}: can't be written", file.display()))?;
        eprintln!("written: {}", file.display());
    }
    Ok(())
}
