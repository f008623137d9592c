//! `leadline replay`: a recording through the plugins, without Redis.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use hdrhistogram::Histogram;
use leadline_market::{BookChannel, Decoder, FrameKind, Instrument, Message, TrackedBook, Verdict, infer_from};
use leadline_recording::{Recording, instruments_beside};
use serde::Serialize;

use super::arguments::settings;
use crate::analysis::{self, Analyst, Call, Engine, Plugin, Reading};
use crate::clock::Arrival;

/// Replays are for looking, not for deadlines: only a plugin that would hang is stopped by the clock. Fuel counts as ever.
const DEADLINE: Duration = Duration::from_secs(10);

/// One line a reading.
#[derive(Serialize)]
struct Line<'a> {
    plugin: &'a str,
    instrument: &'a str,
    time_ms: u64,
    sequence: Option<i64>,
    outcome: &'a str,
    code: Option<&'a str>,
    detail: Option<&'a str>,
    remaining_ms: Option<u64>,
    fields: BTreeMap<&'a str, &'a str>,
    notices: Vec<NoticeLine<'a>>,
    fuel: u64,
    microseconds: u64,
}

#[derive(Serialize)]
struct NoticeLine<'a> {
    severity: &'a str,
    code: &'a str,
    message: &'a str,
}

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    let jsonl = matches.get_one::<String>("format").is_some_and(|format| format == "jsonl");
    let engine = Engine::new()?;
    let plugins = analysis::load_folder(&engine, &settings.plugins.dir, settings.plugins.budget)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut clean = true;
    for file in matches.get_many::<PathBuf>("files").into_iter().flatten() {
        let mut replay = Replay::new(&plugins, file)?;
        let mut summary = Summary::default();
        let mut written = Ok(());
        replay.run(|reading| {
            if jsonl {
                written = write_line(&mut out, &reading);
            } else {
                summary.add(&reading);
            }
            written.is_ok()
        })?;
        if !jsonl && written.is_ok() {
            written = summary.print(&mut out, file, &replay);
        }
        match written.and_then(|()| out.flush()) {
            // The reader has seen enough, as `head` does.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            result => result?,
        }
        for note in &replay.notes {
            eprintln!("{}: {note}", file.display());
        }
        for cut in replay.recording.cut_short() {
            eprintln!("{cut}");
        }
        clean &= replay.breaks == 0 && replay.bad_lines == 0;
    }
    Ok(ExitCode::from(u8::from(!clean)))
}

fn write_line(out: &mut impl Write, reading: &Reading) -> io::Result<()> {
    let reason = reading.outcome.reason();
    let line = Line {
        plugin: &reading.plugin,
        instrument: &reading.pair,
        time_ms: reading.time_ms,
        sequence: reading.sequence,
        outcome: reading.outcome.word(),
        code: reason.map(|reason| reason.code.as_str()),
        detail: reason.map(|reason| reason.detail.as_str()),
        remaining_ms: reason.and_then(|reason| reason.remaining_ms),
        fields: reading.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        notices: reading.notices.iter().map(|n| NoticeLine { severity: n.severity, code: &n.code, message: &n.message }).collect(),
        fuel: reading.cost.fuel,
        microseconds: u64::try_from(reading.cost.elapsed.as_micros()).unwrap_or(u64::MAX),
    };
    serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
    writeln!(out)
}

/// A recording on its way through the plugins.
struct Replay<'a> {
    plugins: &'a [Arc<Plugin>],
    recording: Recording,
    listed: BTreeMap<String, Arc<Instrument>>,
    books: BTreeMap<(BookChannel, String), Kept>,
    /// Books that broke.
    breaks: u64,
    /// Lines that could not be read.
    bad_lines: u64,
    frames: u64,
    /// What a person should know, a bounded number of lines.
    notes: Vec<String>,
}

struct Kept {
    tracked: TrackedBook,
    analysts: Vec<Analyst>,
}

/// Notes kept.
const MAX_NOTES: usize = 20;

impl<'a> Replay<'a> {
    fn new(plugins: &'a [Arc<Plugin>], file: &Path) -> anyhow::Result<Self> {
        let recording = Recording::open(file)?;
        let listed = instruments_beside(file)?.instruments.into_iter().map(|one| (one.id.clone(), Arc::new(one))).collect();
        Ok(Self { plugins, recording, listed, books: BTreeMap::new(), breaks: 0, bad_lines: 0, frames: 0, notes: Vec::new() })
    }

    /// Runs to the end, or until `each` says that it is enough.
    fn run(&mut self, mut each: impl FnMut(Reading) -> bool) -> anyhow::Result<()> {
        let mut decoder = Decoder::new();
        loop {
            let frame = match self.recording.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(error) if error.goes_on() => {
                    self.bad_lines += 1;
                    note(&mut self.notes, || error.to_string());
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let (place, arrival) = (frame.place(), Arrival::recorded(frame.received_ms().unwrap_or(0.0) as u64));
            match decoder.decode(frame.bytes) {
                Ok(Message::Books(frames)) => {
                    for frame in frames {
                        self.frames += 1;
                        let key = (frame.channel, frame.instrument.clone());
                        let kept = self.books.entry(key).or_insert_with(|| Kept { tracked: TrackedBook::new(), analysts: Vec::new() });
                        match kept.tracked.apply(frame) {
                            Verdict::Applied(applied) if applied.kind != FrameKind::KeepAlive => {
                                if kept.analysts.is_empty() {
                                    let instrument = known(&self.listed, &frame.instrument, &kept.tracked);
                                    kept.analysts =
                                        self.plugins.iter().map(|p| Analyst::new(Arc::clone(p), Arc::clone(&instrument), "{}")).collect();
                                }
                                let mut book = leadline_market::Book::empty();
                                kept.tracked.fill(&applied, &mut book);
                                for analyst in &mut kept.analysts {
                                    let call = Call { book: &book, arrival, skipped: 0, restarted: false, deadline: DEADLINE };
                                    if let Some(reading) = analyst.analyze(call)
                                        && !each(reading)
                                    {
                                        return Ok(());
                                    }
                                }
                            }
                            Verdict::Broken(why) => {
                                self.breaks += 1;
                                note(&mut self.notes, || format!("{place}: {}: {why}; dropped until a snapshot", frame.instrument));
                            }
                            Verdict::Applied(_) | Verdict::Dropped => {}
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    self.bad_lines += 1;
                    note(&mut self.notes, || format!("{place}: {error}"));
                }
            }
        }
    }
}

/// Keeps a note, while there is room.
fn note(notes: &mut Vec<String>, text: impl FnOnce() -> String) {
    if notes.len() < MAX_NOTES {
        notes.push(text());
    }
}

/// The instrument as listed beside the recording, or as its id and its first book tell.
fn known(listed: &BTreeMap<String, Arc<Instrument>>, id: &str, tracked: &TrackedBook) -> Arc<Instrument> {
    if let Some(instrument) = listed.get(id) {
        return Arc::clone(instrument);
    }
    Arc::new(infer_from(id, tracked.book()))
}

/// Readings counted, for a person.
#[derive(Default)]
struct Summary {
    rows: BTreeMap<(Arc<str>, Arc<str>), Row>,
}

struct Row {
    outcomes: BTreeMap<&'static str, u64>,
    last: Reading,
    microseconds: Histogram<u64>,
    fuel: Histogram<u64>,
}

impl Summary {
    fn add(&mut self, reading: &Reading) {
        let row = self.rows.entry((Arc::clone(&reading.plugin), Arc::clone(&reading.pair))).or_insert_with(|| Row {
            outcomes: BTreeMap::new(),
            last: reading.clone(),
            microseconds: histogram(),
            fuel: histogram(),
        });
        *row.outcomes.entry(reading.outcome.word()).or_default() += 1;
        row.microseconds.saturating_record(u64::try_from(reading.cost.elapsed.as_micros()).unwrap_or(u64::MAX));
        row.fuel.saturating_record(reading.cost.fuel);
        row.last = reading.clone();
    }

    fn print(&self, out: &mut impl Write, file: &Path, replay: &Replay<'_>) -> io::Result<()> {
        writeln!(
            out,
            "{}: {} book frames, {} broken books, {} unreadable lines",
            file.display(),
            replay.frames,
            replay.breaks,
            replay.bad_lines
        )?;
        writeln!(out, "{:<20} {:<24} {:<34} {:>8} {:>8} {:>10}", "plugin", "instrument", "readings", "µs p50", "µs p99", "fuel p99")?;
        for ((plugin, pair), row) in &self.rows {
            let outcomes: Vec<String> = row.outcomes.iter().map(|(word, count)| format!("{count} {word}")).collect();
            let (us, fuel) = (&row.microseconds, &row.fuel);
            writeln!(
                out,
                "{plugin:<20} {pair:<24} {:<34} {:>8} {:>8} {:>10}",
                outcomes.join(", "),
                us.value_at_quantile(0.5),
                us.value_at_quantile(0.99),
                fuel.value_at_quantile(0.99)
            )?;
            let shown: Vec<String> = row
                .last
                .fields
                .iter()
                .filter(|(name, value)| analysis::SHARED_FIELDS.contains(&name.as_str()) && !value.is_empty())
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let status = row.last.outcome.status();
            writeln!(out, "    last: {}", if shown.is_empty() { status } else { shown.join(" ") })?;
        }
        Ok(())
    }
}

fn histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "the bounds are constants within what the library documents")]
    Histogram::new_with_bounds(1, 1_000_000_000_000, 3).expect("1 to 10^12 with 3 digits")
}
