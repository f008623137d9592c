//! `leadline plugin bench`: time and fuel of a book, against their budgets.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::ArgMatches;

use super::books::{self, Series, Wanted};
use super::{native, trial};
use crate::analysis::{Engine, Plugin};
use crate::cli::arguments::settings;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    let Some(file) = matches.get_one::<PathBuf>("file") else { return Ok(ExitCode::from(2)) };
    let count = usize::try_from(matches.get_one::<u64>("books").copied().unwrap_or(1000))?;
    let recording = matches.get_one::<PathBuf>("replay").map(PathBuf::as_path);
    let series = books::gather(recording, Wanted { pairs: books::MAX_PAIRS, first: count, further: count })?;
    let engine = Engine::with_cache(settings.plugins.cache.as_deref())?;
    let plugin = Arc::new(Plugin::load(&engine, file, settings.plugins.budget)?);
    let budget = plugin.budget;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} {}: {} of fuel and {} ms a book allowed; {} units of fuel are about a millisecond of plain arithmetic here",
        plugin.name,
        plugin.version,
        budget.fuel,
        budget.deadline.as_millis(),
        engine.fuel_per_ms()
    )?;
    writeln!(
        out,
        "{:<24} {:>6} {:>7} {:>8} {:>8} {:>8} {:>11} {:>11} {:>11} {:>9} {:>9}",
        "instrument", "books", "levels", "µs p50", "µs p99", "µs max", "fuel p50", "fuel p99", "fuel max", "time ×", "fuel ×"
    )?;
    let mut clean = true;
    for one in &series {
        let readings = trial::readings(&plugin, &one.instrument, &one.books);
        let (time, fuel) = (trial::microseconds(&readings), trial::fuel(&readings));
        let levels = one.books.iter().map(|book| book.bids.len() + book.asks.len()).max().unwrap_or(0);
        let deadline = u64::try_from(budget.deadline.as_micros()).unwrap_or(u64::MAX);
        writeln!(
            out,
            "{:<24} {:>6} {:>7} {:>8} {:>8} {:>8} {:>11} {:>11} {:>11} {:>9} {:>9}",
            one.instrument.id,
            readings.len(),
            levels,
            time.at(0.5),
            time.at(0.99),
            time.max(),
            fuel.at(0.5),
            fuel.at(0.99),
            fuel.max(),
            times(deadline, time.at(0.99)),
            times(budget.fuel, fuel.at(0.99))
        )?;
        for reading in readings.iter().filter(|reading| reading.outcome.word() == "fault").take(1) {
            clean = false;
            writeln!(out, "    {}", reading.outcome.status())?;
        }
    }
    if let Some(project) = matches.get_one::<PathBuf>("native") {
        clean &= natively(&mut out, project, &plugin, &series)?;
    }
    writeln!(
        out,
        "×: how often the 99th percentile fits its limit. From 20 on there is room for any book; `leadline plugin check` recommends a limit."
    )?;
    Ok(ExitCode::from(u8::from(!clean)))
}

/// The table of the component beside native code; whether both said the same.
fn natively(out: &mut impl Write, project: &Path, plugin: &Arc<Plugin>, series: &[Series]) -> anyhow::Result<bool> {
    let program = native::build(project)?;
    let heads = ["µs p50", "p99", "native p50", "p99", "ratio"];
    writeln!(out, "{:<24} {:>8} {:>8} {:>10} {:>8} {:>7}  answers", "the call alone", heads[0], heads[1], heads[2], heads[3], heads[4])?;
    let mut same = true;
    for one in series {
        let compared = native::compare(&program, plugin, one)?;
        let us = |sorted: &trial::Sorted, share| sorted.at(share) as f64 / 1000.0;
        let (component, native) = (&compared.component, &compared.native);
        let answers = match compared.differs {
            None => format!("the same bit for bit on {} books", one.books.len()),
            Some(book) => format!("DIFFER on book {book}"),
        };
        same &= compared.differs.is_none();
        writeln!(
            out,
            "{:<24} {:>8.2} {:>8.2} {:>10.2} {:>8.2} {:>7.2}  {answers}",
            one.instrument.id,
            us(component, 0.5),
            us(component, 0.99),
            us(native, 0.5),
            us(native, 0.99),
            compared.ratio
        )?;
    }
    if !same {
        writeln!(
            out,
            "    hint: leadline_plugin::math has exponentials and logarithms with the same bits natively and in WebAssembly; f64's own have not"
        )?;
    }
    Ok(same)
}

/// How often a value fits its limit.
fn times(limit: u64, value: u64) -> String {
    format!("{:.0}", limit as f64 / value.max(1) as f64)
}
