//! One stream: the depth of one band on one side, second by second, against its own past.

use crate::parameters::Settings;
use leadline_plugin::math;
use leadline_plugin::windows::bands::{BANDS, BandDepth};
use leadline_plugin::windows::median::{MAD_TO_SIGMA, absolute_deviation, median};
use leadline_plugin::windows::{Cusum, RollingMedian, lag};
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
    /// 1.4826 · median absolute deviation, floored.
    pub scale: f64,
    /// Lag-1 autocorrelation.
    pub phi: f64,
    /// Scale of the innovations, floored.
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
    withdrawal: Cusum,
    surge: Cusum,
    /// Deviations below the baseline at the last sample; NaN when it had none.
    pub z: f64,
    /// Consecutive samples at or beyond `z_warning`, down and up.
    beyond: [u32; 2],
}

impl Stream {
    /// A stream without history.
    #[must_use]
    pub fn new(side: usize, band: usize, settings: &Settings) -> Self {
        let cusum = Cusum::new(settings.cusum_slack, 3.0 * settings.cusum_threshold);
        Self {
            side,
            band,
            left_out: None,
            baseline: None,
            window: RollingMedian::new(settings.window as usize),
            withdrawal: cusum,
            surge: cusum,
            z: f64::NAN,
            beyond: [0; 2],
        }
    }

    /// One sample. `step`: whether the difference to the one before means something.
    pub fn push(&mut self, depth: BandDepth, step: bool, settings: &Settings) {
        let before = self.window.window().newest().unwrap_or(f64::NAN);
        let x = match depth {
            BandDepth::Seen(depth) => math::ln(depth),
            BandDepth::Cut => f64::NAN,
        };
        self.window.push(x);
        let Some(baseline) = self.baseline else { return };
        if step && !before.is_nan() && !x.is_nan() {
            let innovation = baseline.deviation(x) - baseline.phi * baseline.deviation(before);
            self.withdrawal.push(-innovation / baseline.sigma);
            self.surge.push(innovation / baseline.sigma);
        }
        self.score(settings);
    }

    /// Holds the last sample against the baseline.
    pub fn score(&mut self, settings: &Settings) {
        self.z = match (self.baseline, self.window.window().newest()) {
            (Some(baseline), Some(x)) if !x.is_nan() => -baseline.deviation(x) / baseline.scale,
            _ => f64::NAN,
        };
        for (beyond, z) in self.beyond.iter_mut().zip([self.z, -self.z]) {
            if !z.is_nan() {
                *beyond = if z >= settings.z_warning { beyond.saturating_add(1) } else { 0 };
            }
        }
    }

    /// Missing seconds.
    pub fn skip(&mut self, seconds: u64) {
        self.window.skip(seconds);
        self.z = f64::NAN;
    }

    /// How far the last sample goes in a direction: 1 is the threshold. None when the sample says nothing.
    #[must_use]
    pub fn u(&self, direction: Direction, settings: &Settings) -> Option<f64> {
        let (z, sum) = match direction {
            Direction::Withdrawal => (self.z, self.withdrawal.sum()),
            Direction::Surge => (-self.z, self.surge.sum()),
        };
        (!z.is_nan() && self.left_out.is_none()).then(|| (z / settings.z_full).max(sum / settings.cusum_threshold))
    }

    /// Whether the level score has been a warning's for long enough.
    #[must_use]
    pub fn lasts(&self, direction: Direction, settings: &Settings) -> bool {
        self.left_out.is_none() && self.beyond[direction as usize] > settings.z_seconds
    }

    /// The larger of the two sums.
    #[must_use]
    pub fn cusum(&self) -> f64 {
        self.withdrawal.sum().max(self.surge.sum())
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
        // `max` prefers the floor to a NaN of too few values.
        self.baseline =
            Some(Baseline { median: center, scale: scale.max(settings.scale_floor), phi, sigma: sigma.max(settings.scale_floor) });
    }

    /// Whether a restored stream is one that `settings` lead to.
    #[must_use]
    pub fn fits(&self, settings: &Settings) -> bool {
        self.side < 2 && self.band < BANDS && self.window.window().capacity() == settings.window as usize
    }

    /// Forgets what was out of the ordinary, when the baseline has moved to it.
    pub fn forgive(&mut self, settings: &Settings) {
        self.withdrawal.reset();
        self.surge.reset();
        self.beyond = [0; 2];
        self.score(settings);
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

    fn watched(settings: &Settings) -> Stream {
        let mut stream = Stream::new(0, 1, settings);
        let mut steps = vec![];
        for i in 0..100 {
            stream.push(BandDepth::Seen(100.0 + f64::from(i % 3)), true, settings);
            steps.push(i > 0);
        }
        stream.refresh(&steps, &mut [vec![], vec![]], settings);
        stream
    }

    #[test]
    fn the_step_across_a_restart_is_no_innovation() {
        let settings = Settings::default();
        let (mut stepped, mut restarted) = (watched(&settings), watched(&settings));
        stepped.push(BandDepth::Seen(50.0), true, &settings);
        restarted.push(BandDepth::Seen(50.0), false, &settings);
        assert!(stepped.cusum() > 12.0);
        assert_eq!(restarted.cusum(), 0.0);
        // The level itself is judged all the same.
        assert_eq!(stepped.z, restarted.z);
    }

    #[test]
    fn scores_by_hand() {
        let settings = Settings::default();
        let mut stream = watched(&settings);
        let baseline = stream.baseline.unwrap();
        // 100 101 102 in turn: the median is 101, the deviations below the floor of the scale, the autocorrelation negative.
        assert_eq!((baseline.median, baseline.scale, baseline.phi), (math::ln(101.0), 0.05, 0.0));
        stream.push(BandDepth::Seen(101.0 * math::exp(-0.45)), true, &settings);
        assert!((stream.z - 9.0).abs() < 1e-9);
        let sum = 0.45 / baseline.sigma - 1.0;
        assert!((stream.cusum() - sum).abs() < 1e-9);
        assert!((stream.u(Direction::Withdrawal, &settings).unwrap() - (9.0_f64 / 6.0).max(sum / 12.0)).abs() < 1e-9);
        // Surges mirror it: -z, and a sum that got nothing.
        assert!((stream.u(Direction::Surge, &settings).unwrap()).abs() < 1e-9);
        // An empty band counts as 1 % of the baseline.
        stream.push(BandDepth::Seen(0.0), true, &settings);
        assert!((stream.z - 100_f64.ln() / 0.05).abs() < 1e-9);
        // A cut one says nothing.
        stream.push(BandDepth::Cut, true, &settings);
        assert_eq!(stream.u(Direction::Withdrawal, &settings), None);
    }

    #[test]
    fn a_band_cut_or_empty_too_often_is_left_out_and_named() {
        let settings = Settings::default();
        let with = |odd: BandDepth, often: usize, warming: bool| {
            let mut stream = Stream::new(0, 1, &settings);
            (0..100).for_each(|i| stream.push(if i < often { odd } else { BandDepth::Seen(1.0) }, true, &settings));
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
