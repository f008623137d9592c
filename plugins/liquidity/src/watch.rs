//! One instrument with fixed bands: samples to minutes, minutes to a baseline, both to the index.
//!
//! The first volume comes from each sample's own spread and coverage, since there are no bands yet. It is renewed when the history is complete,
//! and daily: for an hour both costs are measured, then the old series is multiplied by the median of their ratios, as index providers link a changed basket.

use crate::alarm::{Alarm, Second, State};
use crate::algorithm::{COMPLETE, PROVISIONAL};
use crate::baseline::{BULK, COMPONENTS, COST, Components, DEPTH, HALF, History, PARTS, Source, WINDOW_MINUTES, Weights, medians};
use crate::drain::Drain;
use crate::hours::Hours;
use crate::index::{Course, index};
use crate::lasting::Lasting;
use crate::parameters::Settings;
use crate::round_trip::{self, EXHAUSTED_BPS};
use leadline_plugin::windows::bands::{self, BandDepth};
use leadline_plugin::windows::median::median;
use leadline_plugin::windows::{Bands, RollingMedian};
use leadline_plugin::{Depth, Kind, Notice, Snapshot, math};
use serde::{Deserialize, Serialize};

/// Share of the samples that may be cut or empty.
const TOLERATED: f64 = 0.05;

/// Minutes before the volume is renewed: the first time, and afterwards.
const RENEW_FIRST: u32 = 60;
const RENEW: u32 = 1440;

/// Minutes that both costs are measured for, and how many must have a ratio.
const OVERLAP: u32 = 60;

/// Components of one book; NaN where one isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) generation: u32,
    spread_bps: f64,
    depth_2: f64,
    depth_3: f64,
    /// All of the depth within reach, of bids and asks.
    whole: [f64; 2],
    /// And its bulk.
    bulk: [f64; 2],
    /// Costs of the volume and of the one that is to follow it, with these volumes.
    costs: [(f64, f64); 2],
}

/// Why a depth is left out until the next warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeftOut {
    /// The feed ends before the band does, too often.
    Cut,
    /// No orders in the band on one side, too often.
    Empty,
}

/// A volume that is to follow, and by minute the median ratio of its cost to that of the one in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Renewal {
    volume: f64,
    seconds: Vec<f64>,
    ratios: Vec<f64>,
}

/// The measuring and judging of one instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watch {
    pub(crate) bands: Bands,
    /// How far the bulk of bids and of asks is looked at, bps: as far as the feed showed while the bands were measured; without end where the orders end.
    pub(crate) reach: [f64; 2],
    pub(crate) volume: f64,
    /// Minutes until the volume is renewed; while it is being renewed, until that is done.
    renew_in: u32,
    renewal: Option<Renewal>,
    /// The last 60 s.
    pub(crate) recent: [RollingMedian; COMPONENTS],
    /// The samples of the clock's minute, and which minute since 1970 that is.
    minute: u64,
    samples: Vec<Components>,
    pub(crate) history: History,
    pub(crate) baseline: Components,
    pub(crate) hour_of_day: bool,
    pub(crate) weights: Weights,
    pub(crate) left_out: [Option<LeftOut>; PARTS],
    /// Of the samples so far: all, and by depth cut and empty ones. Counted while warming up.
    seen: u32,
    cut: [u32; 2],
    empty: [u32; 2],
    pub(crate) index: f64,
    pub(crate) course: Course,
    pub(crate) lasting: Lasting,
    /// How low ln of the lasting index goes by itself.
    pub(crate) hours: Hours,
    /// Of bids and asks.
    pub(crate) bulk: [Lasting; 2],
    pub(crate) drain: Drain,
    pub(crate) alarm: Alarm,
}

impl Watch {
    pub(crate) fn new(bands: Bands, reach: [f64; 2], deep: f64, settings: &Settings) -> Self {
        let mut watch = Self {
            bands,
            reach,
            volume: deep * settings.volume_percent / 100.0,
            renew_in: RENEW_FIRST,
            renewal: None,
            recent: std::array::from_fn(|_| RollingMedian::new(60)),
            minute: 0,
            samples: Vec::with_capacity(60),
            history: History::default(),
            baseline: [f64::NAN; COMPONENTS],
            hour_of_day: false,
            weights: settings.weights(),
            left_out: [None; PARTS],
            seen: 0,
            cut: [0; 2],
            empty: [0; 2],
            index: f64::NAN,
            course: Course::default(),
            lasting: Lasting::default(),
            hours: Hours::default(),
            bulk: [Lasting::default(); 2],
            drain: Drain::default(),
            alarm: Alarm::default(),
        };
        watch.weigh(settings);
        watch
    }

    /// Components of one book, whose second has this bulk.
    pub(crate) fn measure(&self, depth: &Depth, book: &Snapshot, kind: Kind, bulk: [f64; 2], generation: u32, levels: usize) -> Measured {
        let depths = self.bands.depths(depth, levels);
        let weaker = |band: usize| match (depths[band], depths[bands::BANDS + band]) {
            (BandDepth::Seen(bids), BandDepth::Seen(asks)) => bids.min(asks),
            _ => f64::NAN,
        };
        let cost = |volume: f64| (volume, round_trip::cost(volume, depth, book, kind).unwrap_or(EXHAUSTED_BPS));
        let next = self.renewal.as_ref().map_or((f64::NAN, f64::NAN), |renewal| cost(renewal.volume));
        Measured {
            generation,
            spread_bps: depth.spread_bps,
            depth_2: weaker(1),
            depth_3: weaker(2),
            whole: [depth.bids.notional_within(self.reach[0]), depth.asks.notional_within(self.reach[1])],
            bulk,
            costs: [cost(self.volume), next],
        }
    }

    pub(crate) fn push(&mut self, second: u64, sample: &Measured, settings: &Settings) -> Option<Notice> {
        if second / 60 != self.minute {
            self.close_minute(second / 60, settings);
        }
        // A book measured before the volume was changed has the cost of the new one in second place.
        let cost = sample.costs.iter().find(|cost| cost.0 == self.volume).map_or(f64::NAN, |cost| cost.1);
        let ([bids, asks], [bid_bulk, ask_bulk]) = (sample.whole, sample.bulk);
        let value = [sample.spread_bps, sample.depth_2, sample.depth_3, cost, bids, asks, bid_bulk, ask_bulk];
        if let Some(renewal) = &mut self.renewal {
            let ratio = sample.costs[1].1 / cost;
            if sample.costs[1].0 == renewal.volume && ratio.is_finite() && sample.costs[1].1 < EXHAUSTED_BPS && cost < EXHAUSTED_BPS {
                renewal.seconds.push(ratio);
            }
        }
        if self.history.count(0) < COMPLETE {
            self.seen += 1;
            for (i, depth) in [sample.depth_2, sample.depth_3].into_iter().enumerate() {
                self.cut[i] += u32::from(depth.is_nan());
                self.empty[i] += u32::from(depth == 0.0);
            }
        }
        for (recent, value) in self.recent.iter_mut().zip(value) {
            recent.push(value);
        }
        // Time that goes back again and again within a minute would fill it without end.
        if self.samples.len() < 60 {
            self.samples.push(value);
        }
        self.rate(second, settings)
    }

    /// The index of the last 60 s, and the state.
    fn rate(&mut self, second: u64, settings: &Settings) -> Option<Notice> {
        let enough = self.history.count(0) >= PROVISIONAL && self.least_recent() >= HALF;
        self.index = if enough { index(&self.recent_medians(), &self.baseline, &self.weights) } else { f64::NAN };
        if self.index.is_nan() {
            return None;
        }
        let normal = self.alarm.state == State::Normal;
        self.lasting.push(self.index, settings);
        let hour_over = self.hours.push(second, self.lasting.mean(), normal);
        let recent = self.recent_medians();
        let ratio = |component: usize| recent[component] / self.baseline[component];
        let sides = [0, 1].map(|side| [ratio(DEPTH + side), ratio(BULK + side)]);
        self.bulk.iter_mut().zip(sides).for_each(|(bulk, side)| bulk.push(100.0 * side[1], settings));
        if let Some(normal) = hour_over {
            self.drain.close_hour(normal, settings);
        }
        self.drain.push(second, sides, settings);
        let second = Second {
            index: self.index,
            lasting: self.lasting.ratio(),
            lines: self.lines(settings),
            bulk: self.weaker_bulk(),
            drain: self.drain.evidence(),
        };
        self.alarm.push(&second, settings)
    }

    /// Lasting indices below these are a warning, an alert.
    pub(crate) fn lines(&self, settings: &Settings) -> [f64; 2] {
        let line = |below: f64, deviations: f64| {
            let learned = self.hours.line(deviations).map_or(below, |line| 100.0 * math::exp(line));
            math::smaller(below, learned)
        };
        [line(settings.warning_below, settings.unusual), line(settings.alert_below, 1.5 * settings.unusual)]
    }

    /// The lasting bulk of the weaker side, percent of the usual.
    pub(crate) fn weaker_bulk(&self) -> f64 {
        math::smaller(self.bulk[0].ratio(), self.bulk[1].ratio())
    }

    /// The clock's minute is over; `next` is the one that the newest sample is in.
    fn close_minute(&mut self, next: u64, settings: &Settings) {
        if !self.samples.is_empty() {
            let value = medians(&self.samples);
            self.samples.clear();
            self.history.push(self.minute, value);
            let warm = self.history.count(0);
            if warm == PROVISIONAL || warm == COMPLETE {
                self.judge(settings);
            }
            self.judge_cut(settings);
            self.renew(settings);
            let (baseline, _) = self.history.baseline(self.minute);
            self.course.push(if warm < PROVISIONAL { f64::NAN } else { index(&value, &baseline, &self.weights) });
            // No minute at all in between when time goes back.
            let gap = next.saturating_sub(self.minute + 1);
            self.history.skip(gap);
            self.course.skip(gap);
        }
        self.minute = next;
        let (baseline, source) = self.history.baseline(next);
        let hour_of_day = source == Source::HourOfDay;
        if hour_of_day != self.hour_of_day {
            self.hours.begin_anew();
            self.drain.begin_anew();
        }
        (self.baseline, self.hour_of_day) = (baseline, hour_of_day);
    }

    /// Missing seconds. True: too little is left to go on.
    pub(crate) fn skip(&mut self, seconds: u64, settings: &Settings) -> bool {
        self.lasting.skip(seconds, settings);
        self.bulk.iter_mut().for_each(|bulk| bulk.skip(seconds, settings));
        self.drain.skip(seconds, settings);
        for recent in &mut self.recent {
            recent.skip(seconds);
        }
        if self.least_recent() < HALF {
            self.index = f64::NAN;
        }
        // The history is told of missing minutes when the next sample comes; whether any of it is left then is known now.
        seconds / 60 >= WINDOW_MINUTES as u64 - PROVISIONAL as u64 && self.history.count(0) > 0
    }

    /// Leaves out depths that were cut or empty for more than 5 % of the warm-up.
    fn judge(&mut self, settings: &Settings) {
        let tolerated = TOLERATED * f64::from(self.seen);
        for i in 0..2 {
            if f64::from(self.cut[i]) > tolerated {
                self.left_out[i + 1].get_or_insert(LeftOut::Cut);
            } else if f64::from(self.empty[i]) > tolerated {
                self.left_out[i + 1].get_or_insert(LeftOut::Empty);
            }
        }
        self.weigh(settings);
    }

    /// Leaves out depths that were cut in more than 5 % of the minutes of the window. An empty band later on is a lack of liquidity.
    fn judge_cut(&mut self, settings: &Settings) {
        let all = self.history.count(0);
        for component in [1, 2] {
            if all >= COMPLETE
                && (all - self.history.count(component).min(all)) as f64 > TOLERATED * all as f64
                && self.left_out[component].is_none()
            {
                self.left_out[component] = Some(LeftOut::Cut);
                self.weigh(settings);
            }
        }
    }

    /// Weights of what isn't left out, with sum 1.
    fn weigh(&mut self, settings: &Settings) {
        let mut weights = settings.weights();
        for (weight, left_out) in weights.iter_mut().zip(self.left_out) {
            *weight = if left_out.is_some() { 0.0 } else { *weight };
        }
        let sum: f64 = weights.iter().sum();
        self.weights = weights.map(|weight| if sum > 0.0 { weight / sum } else { 0.0 });
    }

    /// Whether no component with a weight is left.
    pub(crate) fn is_over(&self) -> bool {
        self.weights.iter().all(|&weight| weight == 0.0)
    }

    /// One minute nearer to the next volume, or to the end of the overlap with it.
    fn renew(&mut self, settings: &Settings) {
        self.renew_in = self.renew_in.saturating_sub(1);
        if let Some(renewal) = &mut self.renewal {
            if renewal.seconds.len() >= HALF {
                renewal.ratios.push(median(&mut renewal.seconds));
            }
            renewal.seconds.clear();
        }
        if self.renew_in > 0 {
            return;
        }
        match self.renewal.take() {
            Some(mut renewal) => {
                // With too few ratios (exhausted sides) the volume stays for another day.
                if renewal.ratios.len() >= HALF {
                    let factor = median(&mut renewal.ratios);
                    self.volume = renewal.volume;
                    self.history.scale_cost(factor);
                    self.recent[COST].scale(factor);
                }
                self.renew_in = RENEW;
            }
            None => {
                let volume = self.history.of_day()[2] * settings.volume_percent / 100.0;
                if self.left_out[2].is_none() && volume.is_finite() && volume > 0.0 {
                    self.renewal = Some(Renewal { volume, seconds: Vec::new(), ratios: Vec::new() });
                    self.renew_in = OVERLAP;
                } else {
                    self.renew_in = RENEW;
                }
            }
        }
    }

    /// Samples within the last 60 s of the component with the fewest, of those that count.
    pub(crate) fn least_recent(&self) -> usize {
        let used = self.recent.iter().zip(self.weights).filter(|(_, weight)| *weight > 0.0);
        used.map(|(recent, _)| recent.count()).min().unwrap_or(0)
    }

    pub(crate) fn recent_medians(&self) -> Components {
        std::array::from_fn(|component| self.recent[component].median().unwrap_or(f64::NAN))
    }
}
