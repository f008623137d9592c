//! `leadline plugin check`: every property that a plugin must keep, each a line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::ArgMatches;
use leadline_market::Book;
use serde::Serialize;

use super::books::{self, Expected, Series, Wanted};
use super::properties::{self, Shown};
use super::trial::{self, Handed, Script};
use crate::analysis::{Budget, Engine, Plugin, PluginError, Reading, SHARED_FIELDS};
use crate::cli::arguments::settings;

/// A recommended fuel limit is so many times what the 99th percentile of calls uses.
const HEADROOM: u64 = 20;
/// Size from which a component is compiled once only.
const LARGE: u64 = 8 << 20;
/// Books on which limits are searched: each step of the search runs them anew.
const SEARCH_BOOKS: usize = 20;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// Worth a look; the host takes the plugin all the same.
    Hint,
    Failed,
}

/// One check.
#[derive(Serialize)]
struct Line {
    check: &'static str,
    verdict: Verdict,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// All of them.
#[derive(Serialize)]
pub(super) struct Report {
    file: PathBuf,
    plugin: Option<String>,
    version: Option<String>,
    passed: bool,
    checks: Vec<Line>,
}

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    let Some(file) = matches.get_one::<PathBuf>("file") else { return Ok(ExitCode::from(2)) };
    let first = usize::try_from(matches.get_one::<u64>("books").copied().unwrap_or(400))?;
    let engine = Engine::with_cache(settings.plugins.cache.as_deref())?;
    let recording = matches.get_one::<PathBuf>("replay").map(PathBuf::as_path);
    let report = examine(file, &engine, settings.plugins.budget, recording, first)?;
    let mut out = io::stdout().lock();
    if matches.get_one::<String>("format").is_some_and(|format| format == "json") {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        report.table(&mut out)?;
    }
    Ok(ExitCode::from(u8::from(!report.passed)))
}

/// Checks a component on the books of a recording, or on generated ones: `first` of the first pair, a tenth of that of the others.
///
/// # Errors
/// The component or the recording can't be read. Whatever is wrong with the plugin stands in the report.
pub(super) fn examine(file: &Path, engine: &Engine, budget: Budget, recording: Option<&Path>, first: usize) -> anyhow::Result<Report> {
    let series = books::gather(recording, Wanted { pairs: books::MAX_PAIRS, first, further: first.div_ceil(10) })?;
    let mut checks = Checks { lines: Vec::new() };
    let mut report = Report { file: file.to_owned(), plugin: None, version: None, passed: false, checks: Vec::new() };
    std::thread::scope(|scope| {
        // Compiled beside the first one: an author waits for both.
        let other = scope.spawn(|| another_nan(file, budget));
        match Plugin::load(engine, file, budget) {
            Ok(plugin) => {
                (report.plugin, report.version) = (Some(plugin.name.to_string()), Some(plugin.version.to_string()));
                let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                checks.all(plugin, other.as_ref(), &series);
            }
            // Nothing is known about a file that can't be read.
            Err(error @ (PluginError::Read { .. } | PluginError::Engine(_))) => return Err(anyhow::Error::from(error)),
            Err(error) => checks.not_loaded(&error),
        }
        Ok(())
    })?;
    report.passed = checks.lines.iter().all(|line| line.verdict != Verdict::Failed);
    report.checks = checks.lines;
    Ok(report)
}

/// The same component in an engine where every NaN has the same bits; none for one that takes long to compile, such as an interpreter.
fn another_nan(file: &Path, budget: Budget) -> anyhow::Result<Option<Plugin>> {
    if std::fs::metadata(file)?.len() > LARGE {
        return Ok(None);
    }
    Ok(Some(Plugin::load(&Engine::with_one_nan()?, file, budget)?))
}

impl Report {
    /// Whether no check failed.
    pub(super) fn passed(&self) -> bool {
        self.passed
    }

    /// The plugin's name, where it says one.
    pub(super) fn plugin(&self) -> &str {
        self.plugin.as_deref().unwrap_or("plugin")
    }

    /// Its version, where it says one.
    pub(super) fn version(&self) -> &str {
        self.version.as_deref().unwrap_or("")
    }

    /// What is worth a look.
    pub(super) fn hints(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().filter(|line| line.verdict == Verdict::Hint).map(|line| line.detail.as_str())
    }

    /// A line a check, for a person.
    pub(super) fn table(&self, out: &mut impl Write) -> io::Result<()> {
        let who = match (&self.plugin, &self.version) {
            (Some(plugin), Some(version)) => format!(" {plugin} {version}"),
            _ => String::new(),
        };
        writeln!(out, "{}:{who}", self.file.display())?;
        for line in &self.checks {
            let verdict = match line.verdict {
                Verdict::Ok => "ok",
                Verdict::Hint => "hint",
                Verdict::Failed => "failed",
            };
            writeln!(out, "  {verdict:<7} {:<12} {}", line.check, line.detail)?;
            if let Some(hint) = &line.hint {
                writeln!(out, "  {:<20} hint: {hint}", "")?;
            }
        }
        let of = |verdict| self.checks.iter().filter(|line| line.verdict == verdict).count();
        writeln!(out, "{} ok, {} to look at, {} failed", of(Verdict::Ok), of(Verdict::Hint), of(Verdict::Failed))
    }
}

struct Checks {
    lines: Vec<Line>,
}

impl Checks {
    fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.lines.push(Line { check, verdict: Verdict::Ok, detail: detail.into(), hint: None });
    }

    fn hint(&mut self, check: &'static str, detail: impl Into<String>, hint: impl Into<String>) {
        self.lines.push(Line { check, verdict: Verdict::Hint, detail: detail.into(), hint: Some(hint.into()) });
    }

    fn failed(&mut self, check: &'static str, detail: impl Into<String>, hint: impl Into<String>) {
        self.lines.push(Line { check, verdict: Verdict::Failed, detail: detail.into(), hint: Some(hint.into()) });
    }

    fn not_loaded(&mut self, error: &PluginError) {
        let check = match error {
            PluginError::Import { .. } => "imports",
            PluginError::Describe { .. } => "description",
            _ => "contract",
        };
        let text = error.to_string();
        let (detail, hint) = text.split_once("\nhint: ").unwrap_or((&text, "docs/plugins.md says what a plugin is"));
        self.failed(check, detail, hint);
    }

    fn all(&mut self, plugin: Plugin, one_nan: Option<&Plugin>, series: &[Series]) {
        self.ok("contract", "exports leadline:plugin/analysis@1.0.0");
        self.ok("imports", "nothing but the host's log");
        self.description(&plugin);
        let mut plugin = Arc::new(plugin);
        let mut all = Vec::new();
        let mut sound = true;
        for one in series {
            let readings = trial::readings(&plugin, &one.instrument, &one.books);
            sound &= self.faults(&one.instrument.id, &readings, one.books.len());
            all.extend(readings);
        }
        if sound {
            self.readings(&plugin, series, &all);
            self.costs(plugin.budget, &all);
        }
        if let Some(first) = series.first().filter(|_| sound) {
            self.sizes(&mut plugin, first);
            if let Some(plain) = self.determinism(&plugin, one_nan, first) {
                self.state(&plugin, first, &plain);
            }
            for Shown { property, detail, hint } in properties::all(&plugin, first) {
                match hint {
                    None => self.ok(property, detail),
                    Some(hint) => self.hint(property, detail, hint),
                }
            }
        }
        if let Some(first) = series.first() {
            self.bad_books(&plugin, first);
        }
    }

    fn description(&mut self, plugin: &Plugin) {
        let published: Vec<&str> = plugin.outputs.keys().map(String::as_str).filter(|name| SHARED_FIELDS.contains(name)).collect();
        let own = plugin.outputs.len() - published.len();
        let mut detail =
            format!("{} {}, {} lane, {own} outputs published as {}.NAME", plugin.name, plugin.version, plugin.lane.as_str(), plugin.name);
        if !published.is_empty() {
            detail = format!("{detail}, and {}", published.join(", "));
        }
        if plugin.outputs.is_empty() {
            self.failed("description", format!("{detail}; no output"), "describe at least one output, or nothing is ever published");
        } else if plugin.summary.is_empty() {
            self.hint("description", detail, "give it a summary: it stands beside the name wherever the plugin is listed");
        } else {
            self.ok("description", detail);
        }
    }

    /// Names the first fault; whether there is none.
    fn faults(&mut self, pair: &str, readings: &[Reading], books: usize) -> bool {
        let fault = readings.iter().enumerate().find_map(|(place, reading)| {
            let reason = reading.outcome.reason().filter(|_| reading.outcome.word() == "fault")?;
            Some((place + 1, reason))
        });
        let Some((place, reason)) = fault else { return true };
        let detail = format!("{pair}, book {place} of {books}: {}: {}", reason.code, reason.detail);
        let hint = match reason.code.as_str() {
            "fuel" => "a shorter loop, or a larger PLUGIN_FUEL; `leadline plugin bench` says what a call uses",
            "memory" => "bound what it keeps, or a larger PLUGIN_MEMORY_MB",
            "answer" => "answer described outputs alone, each once, and `none` instead of a number that isn't finite",
            "refused" => "a book that can't be judged is a reading `unknown` with a reason, not an error",
            _ => "run its algorithm on this book in a test of its own, where the whole message is seen",
        };
        self.failed("readings", detail, hint);
        false
    }

    fn readings(&mut self, plugin: &Plugin, series: &[Series], readings: &[Reading]) {
        let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
        let mut given = BTreeSet::new();
        for reading in readings {
            *outcomes.entry(reading.outcome.word()).or_default() += 1;
            given.extend(reading.fields.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.as_str()));
        }
        let counts: Vec<String> = outcomes.iter().map(|(word, count)| format!("{count} {word}")).collect();
        let pairs: Vec<&str> = series.iter().map(|one| one.instrument.id.as_str()).collect();
        let detail = format!("{} on {}", counts.join(", "), pairs.join(", "));
        let without_reason = readings.iter().find_map(|reading| reading.outcome.reason().filter(|reason| reason.code.is_empty()));
        let never: Vec<&str> = plugin
            .outputs
            .keys()
            .map(String::as_str)
            .filter(|name| !given.contains(name) && !given.contains(format!("{}.{name}", plugin.name).as_str()))
            .collect();
        if without_reason.is_some() {
            self.failed("readings", detail, "a reading that isn't ok gives a code: the reason is shown to users");
        } else if never.is_empty() {
            self.ok("readings", detail);
        } else {
            let hint = "every described output should have a value on some book; more books may help: --books";
            self.hint("readings", format!("{detail}; never a value: {}", never.join(", ")), hint);
        }
    }

    fn costs(&mut self, budget: Budget, readings: &[Reading]) {
        let fuel = trial::fuel(readings);
        let (p50, p99, max) = (fuel.at(0.5), fuel.at(0.99), fuel.max());
        let recommended = p99.saturating_mul(HEADROOM);
        let detail = format!("p50 {p50}, p99 {p99}, most {max} of {}; recommended limit {recommended}", budget.fuel);
        if recommended > budget.fuel {
            let hint = format!("a deeper or livelier book may be stopped: use less, or run the host with PLUGIN_FUEL={recommended}");
            self.hint("fuel", detail, hint);
        } else {
            self.ok("fuel", detail);
        }
        let time = trial::microseconds(readings);
        let (p50, p99, max) = (time.at(0.5), time.at(0.99), time.max());
        let detail = format!("p50 {p50} µs, p99 {p99} µs, most {max} µs of {} ms, on this machine now", budget.deadline.as_millis());
        let deadline = u64::try_from(budget.deadline.as_micros()).unwrap_or(u64::MAX);
        if p99 > deadline / 2 {
            self.hint("time", detail, "the 50 ms count from the frame's arrival, over all plugins of a pair: aim for a tenth of it");
        } else {
            self.ok("time", detail);
        }
    }

    fn sizes(&mut self, plugin: &mut Arc<Plugin>, series: &Series) {
        let books: Vec<Book> = series.books.iter().take(SEARCH_BOOKS).cloned().collect();
        let budget = plugin.budget;
        let megabytes = budget.memory >> 20;
        let limits: Vec<usize> = (1..=megabytes).map(|mb| mb << 20).collect();
        match trial::smallest(plugin, &series.instrument, &books, &limits, |budget, limit| budget.memory = limit) {
            Some(least) if least > budget.memory / 4 * 3 => {
                let hint = "from three quarters of the limit the host replaces an instance; use less, or raise PLUGIN_MEMORY_MB";
                self.hint("memory", format!("{} MiB of {megabytes} at the start", least >> 20), hint);
            }
            Some(least) => self.ok("memory", format!("{} MiB of {megabytes} at the start", least >> 20)),
            None => self.hint("memory", "not measured", "run it again; its runs differ"),
        }
        let kilobytes = budget.answer >> 10;
        let limits: Vec<usize> = (1..=kilobytes).map(|kb| kb << 10).collect();
        match trial::smallest(plugin, &series.instrument, &books, &limits, |budget, limit| budget.answer = limit) {
            Some(least) if least > budget.answer / 2 => {
                self.hint("answer", format!("{} KiB of {kilobytes}", least >> 10), "answer less: each reading is written to Redis");
            }
            Some(least) => self.ok("answer", format!("at most {} KiB of {kilobytes}", least >> 10)),
            None => self.hint("answer", "not measured", "run it again; its runs differ"),
        }
    }

    /// The answers of a run, when two runs agree.
    fn determinism(&mut self, plugin: &Plugin, one_nan: Option<&Plugin>, series: &Series) -> Option<Script> {
        let hint = "no order of a hash table, no address, no state shared between instances may reach a reading";
        match (trial::script(plugin, series, None), trial::script(plugin, series, None)) {
            (Ok(one), Ok(other)) => match first_difference(&one.answers, &other.answers) {
                None => {
                    let books = one.answers.len();
                    let twice = format!("{books} books twice, in two instances: the same bit for bit");
                    match one_nan.map(|plugin| trial::script(plugin, series, None)) {
                        None => self.ok("determinism", format!("{twice}; large, so not tried with the NaN of other processors")),
                        Some(Ok(other)) if other.answers == one.answers && other.saved == one.saved => {
                            self.ok(
                                "determinism",
                                format!("{twice}; with the NaN of other processors too, and so is the state at the end"),
                            );
                        }
                        Some(Ok(_)) => self.failed(
                            "determinism",
                            "answers or the saved state depend on the bits of a NaN, which differ between processors",
                            "keep f64::NAN or no value where nothing can be computed, instead of what 0/0 gives; order by partial_cmp",
                        ),
                        Some(Err(why)) => self.failed("determinism", why, hint),
                    }
                    return Some(one);
                }
                Some(place) => self.failed("determinism", format!("two instances differ on book {place}"), hint),
            },
            (Err(why), _) | (_, Err(why)) => self.failed("determinism", why, hint),
        }
        None
    }

    fn state(&mut self, plugin: &Plugin, series: &Series, plain: &Script) {
        let middle = series.books.len() / 2;
        let script = match trial::script(plugin, series, Some(middle)) {
            Ok(script) => script,
            Err(why) => {
                return self.failed("state", why, "restore takes what save gave, of this version and these parameters");
            }
        };
        let difference = first_difference(&plain.answers, &script.answers);
        match (script.state, difference) {
            (Handed::Over(bytes), None) => {
                self.ok("state", format!("saved after {middle} books ({bytes} bytes), restored: the same readings as without that"));
            }
            (Handed::Over(_), Some(place)) => self.failed(
                "state",
                format!("saved after {middle} books and restored, it differs on book {place} from a run without that"),
                "save everything that a reading depends on",
            ),
            (_, None) => self.ok("state", "none kept, and none needed: a fresh instance gives the same readings"),
            (_, Some(place)) => self.hint(
                "state",
                format!("none offered, and a fresh instance differs on book {place}: its history is lost whenever it is replaced"),
                "write save and restore",
            ),
        }
    }

    fn bad_books(&mut self, plugin: &Arc<Plugin>, series: &Series) {
        let Some(good) = series.books.last() else { return };
        let (mut wrong, mut names) = (Vec::new(), Vec::new());
        for (name, book, expected) in books::bad(good) {
            names.push(name);
            let readings = trial::readings(plugin, &series.instrument, [good, &book, good]);
            let Some(reading) = readings.get(1) else {
                wrong.push(format!("{name}: the good book before it stopped the plugin"));
                continue;
            };
            let word = reading.outcome.word();
            let reason = reading.outcome.reason();
            match reason {
                Some(reason) if word == "fault" => wrong.push(format!("{name}: {}: {}", reason.code, reason.detail)),
                Some(reason) if reason.code.is_empty() => wrong.push(format!("{name}: {word} without a reason")),
                _ if expected == Expected::NoNumbers && matches!(word, "ok" | "provisional") => wrong.push(format!("{name}: {word}")),
                _ => {}
            }
        }
        if wrong.is_empty() {
            self.ok(
                "bad books",
                format!("{} kinds: {}; no fault, `unknown` where nothing true can be said", names.len(), names.join(", ")),
            );
        } else {
            let hint = "look at the book first: `Depth::read` (Rust) and `problem` (Python) say what is wrong with it";
            self.failed("bad books", wrong.join("; "), hint);
        }
    }
}

/// The first book, counted from 1, on which two runs differ.
fn first_difference(one: &[String], other: &[String]) -> Option<usize> {
    (0..one.len().max(other.len())).find(|&place| one.get(place) != other.get(place)).map(|place| place + 1)
}
