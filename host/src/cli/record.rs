//! `leadline record`: the exchange's frames into a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ArgMatches;
use leadline_market::valid_id;
use leadline_recording::{Limits, Origin, Recorder, Status};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::arguments::settings;
use super::last::fetch;
use super::remote::{Remote, SILENT};
use super::{runtime, signals};
use crate::clock::{self, Arrival};
use crate::config::Settings;
use crate::logging;
use crate::monitor::Monitor;
use crate::monitor::board::PairStatus;
use crate::okx::{Change, Lines, Outlet, PairFeed, Proxies, Rest, RestError};
use crate::pairs::PairState;

/// Most pairs of one recording.
const MAX_PAIRS: usize = 100;
/// How often the recording's state is told.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// A start that takes longer is a gap, µs.
const SLOW_START_US: u64 = 3_000_000;
/// Wait before listings are asked for again that couldn't be had.
const LISTINGS_AGAIN: Duration = Duration::from_secs(60);
/// How often the recorder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Puts one pair's stream into the recording, and its gaps into the manifest.
struct Tap {
    pair: Arc<str>,
    recorder: Arc<Recorder>,
    /// When it was put on a line, µs since 1970.
    start_us: u64,
    /// The pair has been verified before: being down is a gap now.
    began: bool,
    /// A gap is open.
    down: bool,
    /// When the last frame came, and the one before it, µs since 1970.
    last_us: [u64; 2],
    /// Why the pair isn't verified, as long as it never was.
    why: String,
}

impl Outlet for Tap {
    fn change(&mut self, _: &Change<'_>) {}

    fn raw(&mut self, bytes: &[u8], arrival: Arrival) {
        self.last_us = [arrival.unix_us(), self.last_us[0]];
        self.recorder.frame(bytes, arrival.unix_us());
    }

    fn keeps_snapshots(&self) -> bool {
        true
    }

    fn state(&mut self, status: &PairStatus) {
        let now_us = clock::unix_ms() * 1000;
        let reason = status.state.reason().unwrap_or_else(|| status.state.word().to_owned());
        match (status.state.is_verified(), self.down) {
            (true, true) => {
                self.recorder.gap_ends(&self.pair, self.last_us[0]);
                self.down = false;
            }
            // Making a connection takes a moment; a start that takes longer leaves something out.
            (true, false) if !self.began && now_us > self.start_us + SLOW_START_US => {
                self.recorder.gap_begins(&self.pair, &format!("not recorded from the start: {}", self.why), self.start_us);
                self.recorder.gap_ends(&self.pair, self.last_us[0]);
            }
            // Our own goodbye leaves nothing out, but for a pair that never came.
            (false, false) if status.state == PairState::Stopped && !self.began => {
                self.recorder.gap_begins(&self.pair, &format!("never recorded: {}", self.why), self.start_us);
            }
            (false, false) if status.state == PairState::Stopped => {}
            (false, false) if self.began => {
                // What broke the book is in the recording: what is missing lies before it.
                let broke = matches!(status.state, PairState::Resyncing { .. });
                self.recorder.gap_begins(&self.pair, &reason, self.last_us[usize::from(broke)]);
                self.down = true;
            }
            _ => {}
        }
        self.began |= status.state.is_verified();
        if !self.began && status.state != PairState::Stopped {
            self.why = reason;
        }
    }
}

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    if let Some(span) = matches.get_one::<String>("last") {
        return last(matches, &settings, time("--last", span)?);
    }
    let pairs = pairs(matches)?;
    let length = matches.get_one::<String>("for").map(|text| time("--for", text)).transpose()?;
    let limits = limits(matches)?;
    let folder = matches.get_one::<PathBuf>("out").cloned().unwrap_or_default();
    logging::start(&settings.log)?;
    runtime()?.block_on(async {
        let stop = signals::stop_token()?;
        let status = record(&settings, &pairs, &folder, &limits, length, &stop).await?;
        logging::tell(&format!("{}\n", words(&status)));
        if status.frames == 0 {
            bail!("nothing was recorded\nhint: the lines above say why; `leadline record --help` names the addresses and proxies");
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// What a running host has of the last minutes.
fn last(matches: &ArgMatches, settings: &Settings, span: Duration) -> anyhow::Result<ExitCode> {
    let pairs: Vec<String> = match matches.contains_id("pairs") {
        true => pairs(matches)?.into_iter().collect(),
        false => Vec::new(),
    };
    let folder = matches.get_one::<PathBuf>("out").cloned().unwrap_or_default();
    let limits = limits(matches)?;
    logging::start(&settings.log)?;
    let remote = Remote::new(matches, settings, SILENT)?;
    let status = runtime()?.block_on(fetch(&remote, span, &pairs, &folder, limits))?;
    logging::tell(&format!("{}\n", words(&status)));
    Ok(ExitCode::SUCCESS)
}

async fn record(
    settings: &Settings,
    pairs: &BTreeSet<String>,
    folder: &Path,
    limits: &Limits,
    length: Option<Duration>,
    stop: &CancellationToken,
) -> anyhow::Result<Status> {
    let origin =
        Origin { endpoint: settings.okx.ws_url.clone(), channel: settings.okx.channel.clone(), pairs: pairs.iter().cloned().collect() };
    let recorder = Arc::new(Recorder::start(folder, &origin, limits)?);
    let proxies = Arc::new(Proxies::from_env()?);
    let rest = Rest::new(&settings.okx, Arc::clone(&proxies))?;
    let monitor = Arc::new(Monitor::default());
    let lines = Lines::new(&settings.okx, proxies, Arc::clone(&monitor));
    let mut seats = Vec::new();
    for pair in pairs {
        let pair: Arc<str> = Arc::from(pair.as_str());
        let tap = Tap {
            pair: Arc::clone(&pair),
            recorder: Arc::clone(&recorder),
            start_us: clock::unix_ms() * 1000,
            began: false,
            down: false,
            last_us: [0; 2],
            why: String::new(),
        };
        let cell = monitor.board.add(&pair);
        let feed = PairFeed::new(&pair, cell, Arc::clone(&monitor), Box::new(tap), settings.okx.pace.healthy);
        seats.push(lines.join(feed).await);
    }
    tracing::info!("recording {} pairs from {} into {}; Ctrl-C ends it", pairs.len(), origin.endpoint, folder.display());
    let end = length.map(|length| Instant::now() + length);
    let asking = tokio::spawn(listings(rest, pairs.clone(), Arc::clone(&recorder)));
    let mut tick = tokio::time::interval_at(Instant::now() + TELL_EVERY, TELL_EVERY);
    let mut look = tokio::time::interval(LOOK_EVERY);
    let (mut segment, mut trouble) = (None, None);
    loop {
        tokio::select! {
            _ = tick.tick() => tracing::info!("{}", words(&recorder.status())),
            _ = look.tick() => {
                let status = recorder.status();
                if status.trouble != trouble {
                    match &status.trouble {
                        Some(trouble) => tracing::error!("the disk refuses: {trouble}\nhint: make room, or see to the rights of {}", folder.display()),
                        None => tracing::info!("the disk takes frames again"),
                    }
                    trouble = status.trouble;
                }
                if status.segment.is_some() && status.segment != segment {
                    // New snapshots: a segment can then be read without those before it.
                    if segment.is_some() {
                        lines.renew("a new segment of the recording").await;
                    }
                    segment = status.segment;
                }
            }
            () = tokio::time::sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
            () = stop.cancelled() => break,
        }
    }
    asking.abort();
    let _ = asking.await;
    futures_util::future::join_all(seats.into_iter().map(crate::okx::Seat::leave)).await;
    match Arc::try_unwrap(recorder) {
        // Dropped feeds have given it back; if one hasn't, dropping the last of them ends it as well.
        Ok(recorder) => Ok(recorder.finish()?),
        Err(recorder) => Ok(recorder.status()),
    }
}

/// Puts the pairs' listings beside the recording, as soon as they can be had.
async fn listings(rest: Rest, pairs: BTreeSet<String>, recorder: Arc<Recorder>) {
    let mut missing = pairs;
    let mut told = false;
    while !missing.is_empty() {
        for pair in missing.clone() {
            match rest.listing(&pair).await {
                Ok(listing) => {
                    missing.remove(&pair);
                    if let Err(error) = recorder.instruments(&pair, &listing) {
                        tracing::error!(pair, "its listing isn't recorded: {error}");
                    }
                }
                Err(RestError::NotAsked) => return,
                Err(error) if !told => tracing::warn!(pair, "tick size and contract value aren't recorded yet: {error}"),
                Err(_) => {}
            }
        }
        told = true;
        tokio::time::sleep(LISTINGS_AGAIN).await;
    }
}

fn words(status: &Status) -> String {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let mut text = format!(
        "recorded {} frames, {:.1} MB, packed to {:.1} MB in {} segments; {} gaps, {} frames dropped",
        status.frames,
        mb(status.bytes_raw),
        mb(status.bytes),
        status.segments,
        status.gaps,
        status.dropped.total()
    );
    if status.deleted_segments > 0 {
        text.push_str(&format!(", {} of the oldest segments deleted", status.deleted_segments));
    }
    if let Some(trouble) = &status.trouble {
        text.push_str(&format!("; the disk refuses: {trouble}"));
    }
    text
}

fn pairs(matches: &ArgMatches) -> anyhow::Result<BTreeSet<String>> {
    let pairs: BTreeSet<String> = matches.get_many::<String>("pairs").into_iter().flatten().map(|pair| pair.trim().to_owned()).collect();
    if let Some(bad) = pairs.iter().find(|pair| !valid_id(pair)) {
        bail!("--pairs: `{}` is no instrument's name\nhint: names look like BTC-USDT", bad.chars().take(60).collect::<String>());
    }
    if pairs.len() > MAX_PAIRS {
        bail!("--pairs: {} pairs, more than {MAX_PAIRS}\nhint: run several recorders, each with a folder of its own", pairs.len());
    }
    Ok(pairs)
}

fn time(flag: &str, text: &str) -> anyhow::Result<Duration> {
    let time = humantime::parse_duration(text).with_context(|| format!("{flag}: `{text}` is no time\nhint: such as 30s, 10m or 2h"))?;
    if time.is_zero() {
        bail!("{flag}: {text} is no time at all\nhint: such as 30s, 10m or 2h");
    }
    Ok(time)
}

fn limits(matches: &ArgMatches) -> anyhow::Result<Limits> {
    let mb = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or_default().saturating_mul(1 << 20);
    let age = matches.get_one::<String>("segment-age").map_or("1h", String::as_str);
    let limits = Limits {
        segment_bytes: mb("segment-mb"),
        segment_age: time("--segment-age", age)?,
        total_bytes: mb("max-mb"),
        ..Limits::default()
    };
    limits.check()?;
    Ok(limits)
}
