//! The analysis itself: books in, one sample a second to the streams, a report out.
//!
//! Scores and states are those of the last grid second: the thresholds are calibrated on samples a second apart. Between two seconds only
//! `below_baseline` and `coverage` follow the book.
//!
//! Life of an instance: the bands are measured (60 samples), then the baseline (provisional from 60 samples of the fixed bands on, complete from
//! 300). After a gap that leaves fewer than 60 samples in the window, or when no stream is left that the bands fit, it begins again.

use crate::alarm::{self, Alarm, Evidence as Sides};
use crate::breadth::{Breadth, Levels};
use crate::parameters::Settings;
use crate::stream::{Direction, LeftOut, Stream};
use leadline_plugin::windows::bands::{self, BANDS, BandDepth};
use leadline_plugin::windows::{BandGauge, Bands, Ring, SecondGrid, Tick};
use leadline_plugin::{Depth, Notice, Snapshot, format, math};
use serde::{Deserialize, Serialize};

/// Samples from which there is a provisional reading.
pub const PROVISIONAL: usize = 60;

/// Seconds between two computations of the baseline.
const REFRESH: u32 = 10;

/// What is kept of a book until its second has passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sample {
    spread_bps: f64,
    coverage: [f64; 2],
    /// Depths within the bands, and which bands those were.
    depths: Option<(u32, [BandDepth; 2 * BANDS])>,
    /// Levels within the widest bands; none without bands.
    levels: [Levels; 2],
}

/// What is still missing, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The bands aren't fixed; so many samples are missing until they are.
    NoBands(usize),
    /// The bands are fixed; so many samples are missing until there is a reading.
    NoBaseline(usize),
    /// There is a reading; so many samples are missing until it is complete.
    Provisional(usize),
    /// There is a reading with all its evidence.
    Complete,
}

/// The reading of one book.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// 0 to 100.
    pub score: f64,
    /// `normal`, `warning` or `alert`.
    pub state: &'static str,
    /// Side and direction that raise the state.
    pub side: Option<&'static str>,
    /// `withdrawal` or `surge`.
    pub direction: Option<&'static str>,
    /// By how many percent this book's depth lies below its baseline in the stream where it is lowest; negative above.
    pub below_baseline: Option<f64>,
    /// The streams as JSON.
    pub bands: String,
    /// Breadth of the last change and evidence by side, as JSON.
    pub evidence: String,
    /// How far bids and asks of this book reach, bps.
    pub coverage: [f64; 2],
}

/// The streams of fixed bands, and the state that they raise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Watch {
    bands: Bands,
    streams: Vec<Stream>,
    breadth: [Breadth; 2],
    /// Levels of the last sample, and whether there was one.
    before: [Levels; 2],
    known: bool,
    /// The window's seconds: 0 missing, 1 a sample, 2 a sample with a step to it.
    seconds: Ring<u8>,
    /// How many of them are samples.
    samples: usize,
    refresh_in: u32,
    alarm: Alarm,
    score: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Phase {
    Gauging(BandGauge),
    Watching(Box<Watch>),
}

/// The analysis of one instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DepthAnomaly {
    grid: SecondGrid<Sample>,
    phase: Phase,
    /// Counts the times that bands were fixed, so that depths within earlier ones are told apart.
    generation: u32,
    /// The streams as JSON, until the next second: one book in a hundred milliseconds needn't write it anew.
    #[serde(skip)]
    json: Option<[String; 2]>,
    #[serde(skip)]
    scratch: [Vec<f64>; 2],
}

impl DepthAnomaly {
    /// An instance without history.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            grid: SecondGrid::default(),
            phase: Phase::Gauging(BandGauge::new(settings.bands_samples as usize)),
            generation: 0,
            json: None,
            scratch: [Vec::new(), Vec::new()],
        }
    }

    /// A valid book. `restarted`: the step to it from the book before is none. Gives the notices that are due.
    pub fn push(&mut self, depth: &Depth, book: &Snapshot, restarted: bool, settings: &Settings) -> Vec<Notice> {
        let time_ms = book.time_ms;
        let Self { grid, phase, generation, json, scratch } = self;
        let mut notices = Vec::new();
        grid.advance(time_ms, restarted, |tick| {
            *json = None;
            let over = match phase {
                Phase::Gauging(gauge) => {
                    let Tick::Sample { value, .. } = tick else { return };
                    if let Some(bands) = gauge.push(value.spread_bps, value.coverage) {
                        *generation = generation.wrapping_add(1);
                        *phase = Phase::Watching(Box::new(Watch::new(bands, settings)));
                    }
                    return;
                }
                Phase::Watching(watch) => match tick {
                    Tick::Sample { value: Sample { depths: Some((made, depths)), levels, .. }, step, .. } if made == generation => {
                        watch.push(depths, levels, step, settings, scratch, &mut notices)
                    }
                    // The bands were fixed after this book came.
                    Tick::Sample { .. } => watch.skip(1),
                    Tick::Missing { seconds, .. } => watch.skip(seconds),
                },
            };
            if over {
                *phase = Phase::Gauging(BandGauge::new(settings.bands_samples as usize));
            }
        });
        let levels = settings.feed_levels as usize;
        let depths = match &self.phase {
            Phase::Gauging(_) => None,
            Phase::Watching(watch) => Some((self.generation, watch.bands.depths(depth, levels))),
        };
        let coverage = [bands::coverage(&depth.bids, levels), bands::coverage(&depth.asks, levels)];
        let bands = match &self.phase {
            Phase::Gauging(_) => None,
            Phase::Watching(watch) => Some(&watch.bands),
        };
        self.grid.renew(time_ms, |before| {
            let mut levels = before.map(|sample| sample.levels).unwrap_or_default();
            for (side, levels) in levels.iter_mut().enumerate() {
                let (sign, prices, of) =
                    if side == 0 { (-1.0, &book.bids.prices, &depth.bids) } else { (1.0, &book.asks.prices, &depth.asks) };
                match bands {
                    None => levels.clear(),
                    Some(bands) => levels.fill(sign, prices, of, bands.widest(side)),
                }
            }
            Sample { spread_bps: depth.spread_bps, coverage, depths, levels }
        });
        notices
    }

    /// A book that can't be judged said that the step to it is none.
    pub fn restart(&mut self) {
        self.grid.restart();
    }

    /// What is still missing.
    #[must_use]
    pub fn evidence(&self, settings: &Settings) -> Evidence {
        match &self.phase {
            Phase::Gauging(gauge) => Evidence::NoBands(gauge.missing()),
            Phase::Watching(watch) => {
                let missing_of = |wanted: usize| wanted.saturating_sub(watch.samples);
                match missing_of(complete(settings)) {
                    _ if !watch.is_ready() => Evidence::NoBaseline(missing_of(PROVISIONAL).max(1)),
                    0 => Evidence::Complete,
                    missing => Evidence::Provisional(missing),
                }
            }
        }
    }

    /// The reading of the book pushed last; none while something is missing.
    pub fn report(&mut self, depth: &Depth, settings: &Settings) -> Option<Report> {
        let Phase::Watching(watch) = &self.phase else { return None };
        if !watch.is_ready() {
            return None;
        }
        let [bands, evidence] = self.json.get_or_insert_with(|| [watch.json(), watch.evidence_json(settings)]).clone();
        let below_baseline = self.grid.held().and_then(|sample| watch.below_baseline(&sample.depths?.1));
        Some(Report {
            score: watch.score,
            state: watch.alarm.state.word(),
            side: watch.alarm.side(),
            direction: watch.alarm.direction(),
            below_baseline,
            bands,
            evidence,
            coverage: [depth.bids.coverage_bps(), depth.asks.coverage_bps()],
        })
    }

    /// Whether this state is one that `settings` lead to; a restored one is asked.
    #[must_use]
    pub fn fits(&self, settings: &Settings) -> bool {
        match &self.phase {
            Phase::Gauging(gauge) => gauge.missing() <= settings.bands_samples as usize,
            Phase::Watching(watch) => {
                watch.streams.len() == 2 * BANDS
                    && watch.streams.iter().all(|stream| stream.fits(settings))
                    && watch.breadth.iter().all(|breadth| breadth.fits(settings))
                    && watch.seconds.capacity() == settings.window as usize
                    && watch.samples == watch.seconds.iter().filter(|&second| second > 0).count()
            }
        }
    }
}

/// Samples that a complete reading wants.
fn complete(settings: &Settings) -> usize {
    settings.warm_up.min(settings.window) as usize
}

impl Watch {
    fn new(bands: Bands, settings: &Settings) -> Self {
        let mut streams: Vec<Stream> = (0..2 * BANDS).map(|i| Stream::new(i / BANDS, i % BANDS, settings)).collect();
        for stream in &mut streams {
            let reach = if stream.side == 0 { &bands.bids } else { &bands.asks };
            if stream.band > 0 && reach[stream.band] <= reach[stream.band - 1] {
                stream.left_out = Some(LeftOut::Same);
            }
        }
        let breadth = || Breadth::new(settings);
        Self {
            bands,
            streams,
            breadth: [breadth(), breadth()],
            before: [Levels::default(), Levels::default()],
            known: false,
            seconds: Ring::new(settings.window as usize),
            samples: 0,
            refresh_in: 0,
            alarm: Alarm::default(),
            score: 0.0,
        }
    }

    fn is_ready(&self) -> bool {
        self.streams.iter().any(|stream| stream.baseline.is_some() && stream.left_out.is_none())
    }

    /// One sample. True: the bands fit no stream any more.
    fn push(
        &mut self,
        depths: &[BandDepth; 2 * BANDS],
        levels: &[Levels; 2],
        step: bool,
        settings: &Settings,
        scratch: &mut [Vec<f64>; 2],
        notices: &mut Vec<Notice>,
    ) -> bool {
        self.second(if step { 2 } else { 1 });
        for (stream, &depth) in self.streams.iter_mut().zip(depths) {
            stream.push(depth);
        }
        for ((breadth, before), now) in self.breadth.iter_mut().zip(&mut self.before).zip(levels) {
            breadth.push((step && self.known).then(|| before.change(now)), settings);
            before.copy(now);
        }
        self.known = true;
        if self.alarm.frozen == 0 && (self.samples == PROVISIONAL || self.samples == complete(settings)) {
            self.judge(true);
        }
        if self.is_ready() {
            self.rate(settings, notices);
        }
        self.refresh_in = self.refresh_in.saturating_sub(1);
        if self.samples < PROVISIONAL || self.refresh_in > 0 {
            return self.is_over();
        }
        let frozen = self.alarm.frozen;
        if frozen == 0 || frozen >= settings.freeze_seconds {
            let first = !self.is_ready();
            self.judge(first);
            self.refresh(scratch, settings);
            if first {
                self.rate(settings, notices);
            }
        }
        self.is_over()
    }

    /// Scores the last sample, moves the state, and gives up a baseline that has stood still for too long.
    fn rate(&mut self, settings: &Settings, notices: &mut Vec<Notice>) {
        let evidence = self.evidence(settings);
        self.score = 100.0 * (1.0 - math::exp2(-alarm::peak(&evidence)));
        let before = self.alarm.frozen;
        notices.extend(self.alarm.push(&evidence, self.score, settings));
        if before < settings.freeze_seconds && self.alarm.frozen >= settings.freeze_seconds {
            notices.push(alarm::regime_change(self.alarm.frozen));
            for breadth in &mut self.breadth {
                breadth.forgive();
            }
            self.refresh_in = 0;
        }
    }

    /// By direction and side.
    fn evidence(&self, settings: &Settings) -> [[Sides; 2]; 2] {
        let of = |direction, side: usize| Sides::of(side, direction, &self.streams, &self.breadth[side], settings);
        Direction::ALL.map(|direction| [of(direction, 0), of(direction, 1)])
    }

    fn refresh(&mut self, scratch: &mut [Vec<f64>; 2], settings: &Settings) {
        let steps: Vec<bool> = self.seconds.iter().map(|second| second == 2).collect();
        for stream in &mut self.streams {
            let had = stream.baseline.is_some();
            stream.refresh(&steps, scratch, settings);
            if !had {
                stream.score();
            }
        }
        for breadth in &mut self.breadth {
            breadth.refresh(settings);
        }
        self.refresh_in = REFRESH;
    }

    /// Missing seconds. True: too little is left to go on.
    fn skip(&mut self, seconds: u64) -> bool {
        let had = self.samples;
        for _ in 0..seconds.min(self.seconds.capacity() as u64) {
            self.second(0);
        }
        for stream in &mut self.streams {
            stream.skip(seconds);
        }
        for (breadth, before) in self.breadth.iter_mut().zip(&mut self.before) {
            breadth.skip(seconds);
            before.clear();
        }
        self.known = false;
        self.alarm.pass(seconds);
        (self.is_ready() && self.samples < PROVISIONAL) || (had > 0 && self.samples == 0)
    }

    fn second(&mut self, second: u8) {
        let gone = self.seconds.push(second).unwrap_or(0);
        self.samples = (self.samples + usize::from(second > 0)).saturating_sub(usize::from(gone > 0));
    }

    fn judge(&mut self, warming: bool) {
        for stream in &mut self.streams {
            stream.judge(self.samples, warming);
        }
    }

    fn is_over(&self) -> bool {
        self.streams.iter().all(|stream| stream.left_out.is_some())
    }

    fn below_baseline(&self, depths: &[BandDepth; 2 * BANDS]) -> Option<f64> {
        let below =
            self.streams.iter().zip(depths).filter(|(stream, _)| stream.left_out.is_none()).filter_map(|(stream, depth)| match depth {
                BandDepth::Seen(depth) => Some(100.0 * (1.0 - depth / stream.baseline?.depth())),
                BandDepth::Cut => None,
            });
        below.reduce(f64::max)
    }

    fn evidence_json(&self, settings: &Settings) -> String {
        let mut out = String::with_capacity(384);
        let evidence = self.evidence(settings);
        for (side, name) in ["{\"bid\":{\"change\":", "},\"ask\":{\"change\":"].into_iter().enumerate() {
            out.push_str(name);
            match self.breadth[side].change() {
                Some(change) => format::write_fixed(&mut out, change, 4),
                None => out.push_str("null"),
            }
            for direction in Direction::ALL {
                out.push_str(",\"");
                out.push_str(direction.word());
                let Sides { shock, drift, level } = evidence[direction as usize][side];
                for (name, value) in [("\":{\"shock\":", shock), (",\"drift\":", drift), (",\"level\":", level)] {
                    out.push_str(name);
                    format::write_fixed(&mut out, value.max(0.0), 3);
                }
                out.push('}');
            }
        }
        out.push_str("}}");
        out
    }

    fn json(&self) -> String {
        let mut out = String::with_capacity(1024);
        out.push('[');
        for stream in &self.streams {
            if out.len() > 1 {
                out.push(',');
            }
            let (side, reach) = if stream.side == 0 { ("bid", &self.bands.bids) } else { ("ask", &self.bands.asks) };
            out.push_str("{\"side\":\"");
            out.push_str(side);
            out.push_str("\",\"bps\":");
            format::write_fixed(&mut out, reach[stream.band], 2);
            if let Some(why) = stream.left_out {
                out.push_str(",\"left_out\":\"");
                out.push_str(why.word());
                out.push('"');
            } else if let Some(baseline) = stream.baseline {
                let (depth, usual) = (stream.depth(), baseline.depth());
                let below = 100.0 * (1.0 - depth / usual);
                for (name, value, decimals) in [
                    (",\"depth\":", depth, 15),
                    (",\"usual\":", usual, 15),
                    (",\"below_percent\":", below, 2),
                    (",\"deviations\":", stream.z, 3),
                ] {
                    out.push_str(name);
                    format::write_fixed(&mut out, value, decimals);
                }
            }
            out.push('}');
        }
        out.push(']');
        out
    }
}
