//! Histograms from frame received to Redis acknowledged, by lane.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::stages::Stages;
use crate::analysis::{LaneKind, Reading};
use crate::clock;

/// Longest latency told apart, microseconds.
const LONGEST_US: u64 = 60_000_000;
/// Significant digits kept.
const DIGITS: u8 = 3;
/// Seconds that the running mean looks back.
const MEAN_OVER: u64 = 60;

/// The latencies of both lanes.
pub struct Latency {
    memory: Mutex<Track>,
    buffered: Mutex<Track>,
}

struct Track {
    histogram: Histogram<u64>,
    /// Sum and number of the latencies of each second of the last minute: (second, sum in µs, number).
    seconds: VecDeque<(u64, u64, u64)>,
}

/// One lane in numbers, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Readings measured.
    pub count: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Longest.
    pub max: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { memory: Mutex::new(Track::new()), buffered: Mutex::new(Track::new()) }
    }
}

impl Track {
    fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants within what the library documents")]
        let histogram = Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("1 to 60 s with 3 digits");
        Self { histogram, seconds: VecDeque::new() }
    }
}

impl Latency {
    fn lock(&self, lane: LaneKind) -> MutexGuard<'_, Track> {
        let track = match lane {
            LaneKind::Memory => &self.memory,
            LaneKind::Buffered => &self.buffered,
        };
        track.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reading was acknowledged by Redis just now.
    pub fn reading(&self, stages: &Stages, lane: LaneKind, reading: &Reading) {
        let acknowledged = reading.arrival.elapsed();
        self.record(lane, acknowledged);
        let at = usize::from(lane == LaneKind::Buffered);
        stages.analysed[at].record(reading.latency);
        stages.acknowledged[at].record(acknowledged);
    }

    /// A reading was acknowledged so long after its frame was received.
    pub fn record(&self, lane: LaneKind, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).clamp(1, LONGEST_US);
        let second = clock::since_start() / 1_000_000_000;
        let mut track = self.lock(lane);
        track.histogram.saturating_record(us);
        match track.seconds.back_mut() {
            Some((at, sum, number)) if *at == second => {
                *sum += us;
                *number += 1;
            }
            _ => track.seconds.push_back((second, us, 1)),
        }
        while track.seconds.front().is_some_and(|(at, ..)| *at + MEAN_OVER <= second) {
            track.seconds.pop_front();
        }
    }

    /// The lane since the start, in numbers.
    #[must_use]
    pub fn summary(&self, lane: LaneKind) -> Summary {
        let track = self.lock(lane);
        let h = &track.histogram;
        Summary {
            count: h.len(),
            p50: h.value_at_quantile(0.5),
            p99: h.value_at_quantile(0.99),
            p999: h.value_at_quantile(0.999),
            max: h.max(),
        }
    }

    /// Mean of the last minute over both lanes, milliseconds; `None` when nothing was measured in it.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        let oldest = (clock::since_start() / 1_000_000_000).saturating_sub(MEAN_OVER - 1);
        let (mut sum, mut number) = (0_u64, 0_u64);
        for lane in [LaneKind::Memory, LaneKind::Buffered] {
            for (at, us, n) in &self.lock(lane).seconds {
                if *at >= oldest {
                    sum += us;
                    number += n;
                }
            }
        }
        (number > 0).then(|| sum as f64 / number as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_tells_its_percentiles_and_the_mean_is_over_both() {
        let latency = Latency::default();
        for us in 1..=1000 {
            latency.record(LaneKind::Memory, Duration::from_micros(us));
        }
        latency.record(LaneKind::Buffered, Duration::from_micros(501_000));
        let memory = latency.summary(LaneKind::Memory);
        assert_eq!((memory.count, memory.p50, memory.p99), (1000, 500, 990));
        let mean = latency.mean_ms().expect("measured");
        assert!((mean - (1000.0 * 0.5005 + 501.0) / 1001.0).abs() < 1e-9, "{mean}");
        assert_eq!(Latency::default().mean_ms(), None);
    }
}
