//! `leadline replay`: a recording through the plugins, without Redis.
//!
//! # Layout
//!
//! - [`lines`]: one JSON line a reading.
//! - [`summary`]: readings counted, as a table for a person.
//! - [`html`]: an HTML report with charts.
//!
//! This file runs the recording.

mod html;
mod lines;
mod summary;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::ArgMatches;
use hdrhistogram::Histogram;
use leadline_market::{Book, BookChannel, Decoder, FrameKind, Instrument, Message, TrackedBook, Verdict, infer_from};
use leadline_recording::{Recording, instruments_beside};

use super::arguments::settings;
use crate::analysis::{self, Analyst, Call, Engine, Plugin, Reading};
use crate::clock::Arrival;
use html::Collected;
use summary::Summary;

/// Replays are for looking, not for deadlines: only a plugin that would hang is stopped by the clock. Fuel counts as ever.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    let jsonl = matches.get_one::<String>("format").is_some_and(|format| format == "jsonl");
    let html = matches.get_one::<PathBuf>("html");
    let engine = Engine::with_cache(settings.plugins.cache.as_deref())?;
    let plugins = analysis::load_folder(&engine, &settings.plugins.dir, settings.plugins.budget)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut report = html::report(&plugins);
    let mut clean = true;
    for file in matches.get_many::<PathBuf>("files").into_iter().flatten() {
        let mut replay = Replay::new(&plugins, file)?;
        let mut summary = Summary::default();
        let mut collected = Collected::default();
        let mut written = Ok(());
        replay.run(|book, reading| {
            if html.is_some() {
                collected.add(book, &reading);
            }
            if jsonl {
                written = lines::write(&mut out, &reading);
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
        if html.is_some() {
            report = collected.into_report(report, file, &replay);
        }
        clean &= replay.breaks == 0 && replay.bad_lines == 0;
    }
    if let Some(path) = html {
        std::fs::write(path, report.html()).with_context(|| format!("write the report {}", path.display()))?;
        eprintln!("report: {}", path.display());
    }
    Ok(ExitCode::from(u8::from(!clean)))
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
    fn run(&mut self, mut each: impl FnMut(&Book, Reading) -> bool) -> anyhow::Result<()> {
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
                                let mut book = Book::empty();
                                kept.tracked.fill(&applied, &mut book);
                                for analyst in &mut kept.analysts {
                                    let call = Call { book: &book, arrival, skipped: 0, restarted: false, deadline: DEADLINE };
                                    if let Some(reading) = analyst.analyze(call)
                                        && !each(&book, reading)
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

fn histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "the bounds are constants within what the library documents")]
    Histogram::new_with_bounds(1, 1_000_000_000_000, 3).expect("1 to 10^12 with 3 digits")
}
