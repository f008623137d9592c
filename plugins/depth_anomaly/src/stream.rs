//! One stream: the depth of one band on one side, second by second, against its own past.

use crate::parameters::Settings;
use leadline_plugin::math;
use leadline_plugin::windows::bands::{BANDS, BandDepth};
use leadline_plugin::windows::median::{MAD_TO_SIGMA, absolute_deviation, median};
use leadline_plugin::windows::{RollingMedian, lag};
use serde::{Deserialize, Serialize};

/// ln 0.01: depth counts as at least 1 % of its baseline median.
const FLOOR: f64 = -4.605_170_185_988_091;

/// Largest autocorrelation believed; 1 would make every level a random walk without a baseline.
const PHI_MAX: f64 = 0.995;

/// Share of the samples that may be cut or empty.
const TOLERATED: f64 = 0.05;

/// Where depth goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Less than usual.
    Withdrawal,
    /// More than usual.
    Surge,
}

impl Direction {
    /// Both, the one that matters more first.
    pub const ALL: [Self; 2] = [Self::Withdrawal, Self::Surge];

    /// As a reading says it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Withdrawal => "withdrawal",
            Self::Surge => "surge",
        }
    }
}

/// Why a stream is left out until the next warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeftOut {
    /// The feed ends before the band does, too often.
    Cut,
    /// No orders in the band, too often, while it was being measured.
    Empty,
    /// The coverage ends both bands at one place: the wider one is no evidence of its own.
    Same,
}

impl LeftOut {
    /// As a reading says it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Empty => "empty",
            Self::Same => "same",
        }
    }
}

/// What is usual for a stream, in ln depth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Median of the window.
    pub median: f64,
    /// The largest of 1.4826 · median absolute deviation, what the autocorrelation implies, and a floor.
    pub scale: f64,
    /// Lag-1 autocorrelation.
    pub phi: f64,
    /// Scale of the innovations.
    pub sigma: f64,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    /// 0 bids, 1 asks.
    pub side: usize,
    /// 0 is the innermost.
    pub band: usize,
    /// None: in use.
    pub left_out: Option<LeftOut>,
    /// None until there is history.
    pub baseline: Option<Baseline>,
    /// ln depth, not floored: minus infinity is an empty band, NaN one that was cut or missing.
    window: RollingMedian,
    /// Deviations below the baseline at the last sample; NaN when it had none.
    pub z: f64,
}

impl Stream {
    /// A stream without history.
    #[must_use]
    pub fn new(side: usize, band: usize, settings: &Settings) -> Self {
        Self { side, band, left_out: None, baseline: None, window: RollingMedian::new(settings.window as usize), z: f64::NAN }
    }

    /// One sample.
    pub fn push(&mut self, depth: BandDepth) {
        self.window.push(match depth {
            BandDepth::Seen(depth) => math::ln(depth),
            BandDepth::Cut => f64::NAN,
        });
        self.score();
    }

    /// Holds the last sample against the baseline.
    pub fn score(&mut self) {
        self.z = match (self.baseline, self.window.window().newest()) {
            (Some(baseline), Some(x)) if !x.is_nan() => -baseline.deviation(x) / baseline.scale,
            _ => f64::NAN,
        };
    }

    /// Missing seconds.
    pub fn skip(&mut self, seconds: u64) {
        self.window.skip(seconds);
        self.z = f64::NAN;
    }

    /// How far every sample of the last `level_seconds` lies off in a direction: 1 is the threshold. None when one of them says nothing.
    ///
    /// All of them, since a price that runs leaves its side behind: for a second or two next to nothing is within the inner bands, though nobody
    /// has withdrawn anything.
    #[must_use]
    pub fn level(&self, direction: Direction, settings: &Settings) -> Option<f64> {
        let baseline = self.baseline.filter(|_| self.left_out.is_none())?;
        let sign = if direction == Direction::Withdrawal { -1.0 } else { 1.0 };
        let mut last = self.window.window().iter().rev().take(settings.level_seconds as usize);
        let least = last.try_fold(f64::INFINITY, |least, x| (!x.is_nan()).then(|| least.min(sign * baseline.deviation(x))))?;
        least.is_finite().then(|| least / (baseline.scale * settings.z_full))
    }

    /// Depth at the last sample; NaN when it isn't known.
    #[must_use]
    pub fn depth(&self) -> f64 {
        math::exp(self.window.window().newest().unwrap_or(f64::NAN))
    }

    /// Leaves the stream out when more than 5 % of the `samples` in the window were cut; `warming`: or empty. An empty band later on is what this
    /// analysis looks for.
    pub fn judge(&mut self, samples: usize, warming: bool) {
        let tolerated = TOLERATED * samples as f64;
        let empty = self.window.window().iter().filter(|&x| x == f64::NEG_INFINITY).count();
        if self.left_out.is_none() {
            if samples.saturating_sub(self.window.count()) as f64 > tolerated {
                self.left_out = Some(LeftOut::Cut);
            } else if warming && empty as f64 > tolerated {
                self.left_out = Some(LeftOut::Empty);
            }
        }
    }

    /// Takes the window as what is usual. `steps[i]`: whether sample i has a step to it; `scratch`: two buffers to work in.
    pub fn refresh(&mut self, steps: &[bool], scratch: &mut [Vec<f64>; 2], settings: &Settings) {
        self.baseline = None;
        let Some(center) = self.window.median().filter(|median| median.is_finite() && self.left_out.is_none()) else { return };
        let scale = self.window.absolute_deviation(center).map_or(f64::NAN, |deviation| MAD_TO_SIGMA * deviation);
        let [values, innovations] = scratch;
        values.clear();
        values.extend(self.window.window().iter().map(|x| if x < center + FLOOR { center + FLOOR } else { x }));
        let phi = lag::autocorrelation(values, steps);
        // No variance: nothing carries over.
        let phi = if phi.is_nan() { 0.0 } else { phi.clamp(0.0, PHI_MAX) };
        innovations.clear();
        lag::innovations(values, steps, center, phi, innovations);
        let middle = median(innovations);
        let sigma = MAD_TO_SIGMA * absolute_deviation(innovations, middle);
        // Few waves fit into the window, and the deviation around their median is often too small. What one second leaves to the next says how large
        // they must be: an AR(1) series with innovations of scale σ has the scale σ/√(1 − φ²).
        let implied = sigma / (1.0 - phi * phi).sqrt();
        // `max` prefers the other one to a NaN of too few values.
        self.baseline = Some(Baseline { median: center, scale: implied.max(scale).max(settings.scale_floor), phi, sigma });
    }

    /// Whether a restored stream is one that `settings` lead to.
    #[must_use]
    pub fn fits(&self, settings: &Settings) -> bool {
        self.side < 2 && self.band < BANDS && self.window.window().capacity() == settings.window as usize
    }
}

impl Baseline {
    /// Deviation of ln depth from the median, floored.
    fn deviation(&self, x: f64) -> f64 {
        (x - self.median).max(FLOOR)
    }

    /// The usual depth.
    #[must_use]
    pub fn depth(&self) -> f64 {
        math::exp(self.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let settings = Settings::default();
        let mut stream = Stream::new(0, 1, &settings);
        let mut steps = vec![];
        for i in 0..100 {
            stream.push(BandDepth::Seen(100.0 + f64::from(i % 3)));
            steps.push(i > 0);
        }
        stream.refresh(&steps, &mut [vec![], vec![]], &settings);
        let baseline = stream.baseline.unwrap();
        // 100 101 102 in turn: the median is 101, the deviations below the floor of the scale, the autocorrelation negative.
        assert_eq!((baseline.median, baseline.scale, baseline.phi), (math::ln(101.0), 0.05, 0.0));
        stream.push(BandDepth::Seen(101.0 * math::exp(-0.45)));
        assert!((stream.z - 9.0).abs() < 1e-9);
        let at_once = Settings { level_seconds: 1, ..settings.clone() };
        assert!((stream.level(Direction::Withdrawal, &at_once).unwrap() - 1.125).abs() < 1e-9);
        assert!((stream.level(Direction::Surge, &at_once).unwrap() + 1.125).abs() < 1e-9);
        // An empty band counts as 1 % of the baseline.
        stream.push(BandDepth::Seen(0.0));
        assert!((stream.z - 100_f64.ln() / 0.05).abs() < 1e-9);
        // A cut one says nothing.
        stream.push(BandDepth::Cut);
        assert_eq!(stream.level(Direction::Withdrawal, &settings), None);
    }

    #[test]
    fn depth_is_as_far_off_as_it_has_been_for_all_of_the_last_seconds() {
        let settings = Settings { level_seconds: 3, ..Settings::default() };
        let mut stream = Stream::new(0, 1, &settings);
        (0..100).for_each(|_| stream.push(BandDepth::Seen(100.0)));
        stream.refresh(&[true; 100], &mut [vec![], vec![]], &settings);
        let mut push = |depth| {
            stream.push(depth);
            Direction::ALL.map(|direction| stream.level(direction, &settings))
        };
        let deviations = |z: f64| BandDepth::Seen(100.0 * math::exp(-0.05 * z));
        let close = |level: Option<f64>, expected: f64| (level.unwrap() - expected).abs() < 1e-9;
        // A hole that a price leaves, and that fills within two seconds.
        assert!(close(push(deviations(40.0))[0], 0.0));
        assert!(close(push(deviations(16.0))[0], 0.0));
        assert!(close(push(deviations(0.0))[0], 0.0));
        // What leaves and stays away.
        push(deviations(16.0));
        push(deviations(40.0));
        let [withdrawal, surge] = push(deviations(8.0));
        assert!(close(withdrawal, 1.0) && close(surge, -5.0));
        // What isn't known hasn't lasted.
        assert_eq!(push(BandDepth::Cut), [None, None]);
        assert_eq!(push(deviations(8.0)), [None, None]);
    }

    /// Few of its waves fit into the window, so that the deviation around their median is at times far too small.
    #[test]
    fn a_series_that_wanders_slowly_has_at_least_the_scale_that_its_steps_imply() {
        let settings = Settings::default();
        let mut enlarged = 0;
        for seed in 0..40 {
            let mut random = leadline_plugin::synthetic::Random::new(seed);
            let (mut stream, mut steps, mut x) = (Stream::new(0, 1, &settings), vec![], 0.0);
            for i in 0..900 {
                x = 0.99 * x + (1.0 - 0.99_f64 * 0.99).sqrt() * random.normal();
                stream.push(BandDepth::Seen(math::exp(x)));
                steps.push(i > 0);
            }
            stream.refresh(&steps, &mut [vec![], vec![]], &settings);
            let (baseline, around) = (stream.baseline.unwrap(), stream.window.absolute_deviation(stream.window.median().unwrap()).unwrap());
            assert!(baseline.scale >= MAD_TO_SIGMA * around, "seed {seed}");
            enlarged += u32::from(baseline.scale > 1.1 * MAD_TO_SIGMA * around);
        }
        assert!(enlarged >= 5, "in {enlarged} of 40");
    }

    #[test]
    fn a_band_cut_or_empty_too_often_is_left_out_and_named() {
        let settings = Settings::default();
        let with = |odd: BandDepth, often: usize, warming: bool| {
            let mut stream = Stream::new(0, 1, &settings);
            (0..100).for_each(|i| stream.push(if i < often { odd } else { BandDepth::Seen(1.0) }));
            stream.judge(100, warming);
            stream.left_out
        };
        assert_eq!(with(BandDepth::Cut, 5, true), None);
        assert_eq!(with(BandDepth::Cut, 6, false), Some(LeftOut::Cut));
        assert_eq!(with(BandDepth::Seen(0.0), 5, true), None);
        assert_eq!(with(BandDepth::Seen(0.0), 6, true), Some(LeftOut::Empty));
        assert_eq!(with(BandDepth::Seen(0.0), 6, false), None);
    }
}
