//! The analysis itself: books in, one sample a second, one median a minute, a report out.
//!
//! The index of a second is made from the medians of the 60 s that end with it; at the end of a minute they are that minute's medians, which
//! go into the history. Between two seconds a reading stays as it is.
//!
//! Life of an instance: bands and the volume of the round trip are measured (60 samples); the index is provisional from 5 one-minute medians on,
//! complete from 60. A minute with fewer than 30 samples has no median. When a gap leaves fewer than 5 minutes in the window it begins again.
//! Exchange time that goes back closes the running minute; history stays, and nothing in between is filled.

use crate::alarm::State;
use crate::baseline::{COMPONENTS, COST, HALF, PARTS, Source};
use crate::bulk::bulk;
use crate::drain::On;
use crate::index::Trend;
use crate::lasting::Lasting;
use crate::parameters::Settings;
use crate::round_trip::EXHAUSTED_BPS;
use crate::watch::{LeftOut, Measured, Watch};
use leadline_plugin::windows::bands;
use leadline_plugin::windows::median::{median, quantile};
use leadline_plugin::windows::{BandGauge, Bands, SecondGrid, Tick};
use leadline_plugin::{Depth, Kind, Notice, Snapshot};
use serde::{Deserialize, Serialize};

/// One-minute medians from which there is a provisional index, and a complete one.
pub const PROVISIONAL: usize = 5;
/// See [`PROVISIONAL`].
pub const COMPLETE: usize = 60;

/// What is kept of a book until its second has passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Sample {
    Gauge { spread_bps: f64, coverage: [f64; 2], deep: f64 },
    Measured(Measured),
}

/// What is still missing, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The bands aren't fixed; so many samples are missing.
    NoBands(usize),
    /// So many one-minute medians are missing until there is an index.
    NoBaseline(usize),
    /// There is a baseline, but after a gap the last minute wants so many more samples.
    NoMinute(usize),
    /// So many one-minute medians are missing until the index is complete.
    Provisional(usize),
    /// All there.
    Complete,
}

/// What a reading shows of one component.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    /// Median of the last 60 s.
    pub value: f64,
    /// What is usual.
    pub usual: f64,
    /// Weight in the index; 0 when it is left out, or no part of the index.
    pub weight: f64,
    /// Why it is left out.
    pub left_out: Option<LeftOut>,
}

/// The reading of one second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// 0 to 200, 100 is usual.
    pub index: f64,
    /// State of the alarm.
    pub state: State,
    /// Spread, depth in the 2nd and in the 3rd band, cost; whole depth of bids and of asks, and their bulk.
    pub components: [Component; COMPONENTS],
    /// Reach of the 2nd and the 3rd band, of bids and of asks, bps.
    pub reach: [[f64; 2]; 2],
    /// Volume of the round trip.
    pub volume: f64,
    /// Whether the cost of the last 60 s says that a side can't fill it.
    pub exhausted: bool,
    /// The index that lasts, and below which it is a warning.
    pub lasting: [f64; 2],
    /// The lasting bulk of the weaker side, percent of the usual.
    pub bulk: f64,
    /// How much the last hour looks like a drain, in standard deviations, and where. None while that isn't known.
    pub drain: Option<(f64, On)>,
    /// None with fewer than ten minutes.
    pub trend: Option<Trend>,
    /// Minutes that the baseline reaches back over.
    pub age_minutes: usize,
    /// Where the baseline comes from.
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Phase {
    Gauging { gauge: BandGauge, deep: Vec<f64>, coverage: [Vec<f64>; 2] },
    Watching(Box<Watch>),
}

/// The analysis of one instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Liquidity {
    grid: SecondGrid<Sample>,
    phase: Phase,
    generation: u32,
    /// The second of the newest book, and the bulk of bids and asks in its first one: hundreds of roots, which needn't be drawn of every book.
    bulk: (u64, [f64; 2]),
    /// Grid seconds so far; a caller that keeps what it made of a report makes it anew when this moves.
    pub ticks: u64,
}

impl Phase {
    fn gauging(settings: &Settings) -> Self {
        Self::Gauging { gauge: BandGauge::new(settings.bands_samples as usize), deep: Vec::new(), coverage: [Vec::new(), Vec::new()] }
    }
}

impl Liquidity {
    /// An instance without history.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { grid: SecondGrid::default(), phase: Phase::gauging(settings), generation: 0, bulk: (0, [f64::NAN; 2]), ticks: 0 }
    }

    /// A valid book, which `depth` was read from. `restarted`: the step to it is none. Gives the notices that are due.
    pub fn push(&mut self, depth: &Depth, book: &Snapshot, kind: Kind, restarted: bool, settings: &Settings) -> Vec<Notice> {
        let Self { grid, phase, generation, ticks, .. } = self;
        let mut notices = Vec::new();
        grid.advance(book.time_ms, restarted, |tick| {
            *ticks += 1;
            let over = match (&mut *phase, tick) {
                (
                    Phase::Gauging { gauge, deep, coverage: reaches },
                    Tick::Sample { value: Sample::Gauge { spread_bps, coverage, deep: now }, .. },
                ) => {
                    deep.push(*now);
                    for (reaches, reach) in reaches.iter_mut().zip(coverage) {
                        reaches.push(*reach);
                    }
                    if let Some(bands) = gauge.push(*spread_bps, *coverage) {
                        *generation = generation.wrapping_add(1);
                        let reach = reaches.each_mut().map(|reaches| quantile(reaches, 0.05));
                        *phase = Phase::Watching(Box::new(Watch::new(bands, reach, median(deep), settings)));
                    }
                    false
                }
                (Phase::Gauging { .. }, _) => false,
                (Phase::Watching(watch), Tick::Sample { second, value: Sample::Measured(sample), .. })
                    if sample.generation == *generation =>
                {
                    notices.extend(watch.push(second, sample, settings));
                    watch.is_over()
                }
                // The bands were fixed after this book came.
                (Phase::Watching(watch), Tick::Sample { .. }) => watch.skip(1, settings),
                (Phase::Watching(watch), Tick::Missing { seconds, .. }) => watch.skip(seconds, settings),
            };
            if over {
                *phase = Phase::gauging(settings);
            }
        });
        let second = book.time_ms.div_ceil(1000);
        if self.bulk.0 != second {
            let [bids, asks] = match &self.phase {
                Phase::Gauging { .. } => [f64::INFINITY; 2],
                Phase::Watching(watch) => watch.reach,
            };
            self.bulk = (second, [bulk(&depth.bids, bids), bulk(&depth.asks, asks)]);
        }
        let levels = settings.feed_levels as usize;
        let sample = match &self.phase {
            Phase::Gauging { .. } => {
                let coverage = [bands::coverage(&depth.bids, levels), bands::coverage(&depth.asks, levels)];
                let own = Bands::new(depth.spread_bps, coverage[0], coverage[1]);
                let deep = depth.bids.notional_within(own.bids[2]).min(depth.asks.notional_within(own.asks[2]));
                Sample::Gauge { spread_bps: depth.spread_bps, coverage, deep }
            }
            Phase::Watching(watch) => Sample::Measured(watch.measure(depth, book, kind, self.bulk.1, self.generation, levels)),
        };
        self.grid.hold(book.time_ms, sample);
        notices
    }

    /// A book that can't be judged said that the step to it is none.
    pub fn restart(&mut self) {
        self.grid.restart();
    }

    /// What is still missing.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let watch = match &self.phase {
            Phase::Gauging { gauge, .. } => return Evidence::NoBands(gauge.missing()),
            Phase::Watching(watch) => watch,
        };
        match watch.history.count(0) {
            minutes if minutes < PROVISIONAL => Evidence::NoBaseline(PROVISIONAL - minutes),
            _ if watch.index.is_nan() => Evidence::NoMinute(HALF.saturating_sub(watch.least_recent()).max(1)),
            minutes if minutes < COMPLETE => Evidence::Provisional(COMPLETE - minutes),
            _ => Evidence::Complete,
        }
    }

    /// The reading of the last second; none while something is missing.
    #[must_use]
    pub fn report(&self, settings: &Settings) -> Option<Report> {
        let Phase::Watching(watch) = &self.phase else { return None };
        if watch.history.count(0) < PROVISIONAL || watch.index.is_nan() {
            return None;
        }
        let value = watch.recent_medians();
        let source = if watch.hour_of_day { Source::HourOfDay } else { Source::Day };
        Some(Report {
            index: watch.index,
            state: watch.alarm.state,
            components: std::array::from_fn(|i| Component {
                value: value[i],
                usual: watch.baseline[i],
                weight: if i < PARTS { watch.weights[i] } else { 0.0 },
                left_out: watch.left_out.get(i).copied().flatten(),
            }),
            reach: [[watch.bands.bids[1], watch.bands.asks[1]], [watch.bands.bids[2], watch.bands.asks[2]]],
            volume: watch.volume,
            exhausted: value[COST] >= EXHAUSTED_BPS,
            lasting: [watch.lasting.ratio(), watch.lines(settings)[0]],
            bulk: watch.weaker_bulk(),
            drain: watch.drain.evidence(),
            trend: watch.course.trend,
            age_minutes: watch.history.age_minutes(source),
            source,
        })
    }

    /// Whether this state is one that `settings` lead to; a restored one is asked.
    #[must_use]
    pub fn fits(&self, settings: &Settings) -> bool {
        match &self.phase {
            Phase::Gauging { gauge, .. } => gauge.missing() <= settings.bands_samples as usize,
            Phase::Watching(watch) => {
                watch.history.fits()
                    && watch.course.fits()
                    && watch.lasting.fits()
                    && watch.hours.fits()
                    && watch.bulk.iter().all(Lasting::fits)
                    && watch.drain.fits()
                    && watch.recent.iter().all(|recent| recent.window().capacity() == 60)
            }
        }
    }
}
