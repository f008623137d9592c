//! How long frames took to each stage of their way, from the moment they were received: counts in buckets, without a lock.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Buckets: up to 1, 2, 4 ... microseconds, the last a little over half a minute; and all that is longer.
const BUCKETS: usize = 26;

/// Times from received to one stage.
#[derive(Debug, Default)]
pub struct Stage {
    counts: [AtomicU64; BUCKETS],
    over: AtomicU64,
    /// Microseconds, all together.
    sum_us: AtomicU64,
}

/// A stage at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct StageCounts {
    /// Upper bound of each bucket, seconds, and how many times lay in it; the last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// All times together, seconds.
    pub sum: f64,
    /// How many times.
    pub count: u64,
}

impl Stage {
    /// It took so long.
    pub fn record(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        // The number of the first power of two that isn't less.
        let at = if us <= 1 { 0 } else { (u64::BITS - (us - 1).leading_zeros()) as usize };
        self.counts.get(at).unwrap_or(&self.over).fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// What was recorded so far.
    #[must_use]
    pub fn counts(&self) -> StageCounts {
        let bounds = (0..BUCKETS).map(|at| (1_u64 << at) as f64 / 1_000_000.0).chain([f64::INFINITY]);
        let counts = self.counts.iter().chain([&self.over]).map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        StageCounts { buckets, sum: self.sum_us.load(Ordering::Relaxed) as f64 / 1_000_000.0, count }
    }
}

/// Names of the stages, with their lane once the lanes part, in the order of [`Stages::each`]: the fields of `system:stages`.
pub const FIELDS: [&str; 6] = ["parsed", "applied", "analysed.memory", "analysed.buffered", "acknowledged.memory", "acknowledged.buffered"];

/// The stages of a frame's way. Each time counts from the moment the frame was received.
#[derive(Debug, Default)]
pub struct Stages {
    /// Read.
    pub parsed: Stage,
    /// Checked and applied to the book.
    pub applied: Stage,
    /// Analysed by a plugin of the memory lane; of the buffered lane.
    pub analysed: [Stage; 2],
    /// The reading acknowledged by Redis, by lane.
    pub acknowledged: [Stage; 2],
}

impl Stages {
    /// All of them in the order of the way, with stage and lane; no lane: before they part.
    #[must_use]
    pub fn each(&self) -> [(&'static str, &'static str, &Stage); 6] {
        let Self { parsed, applied, analysed: [memory, buffered], acknowledged: [memory_done, buffered_done] } = self;
        [
            ("parsed", "", parsed),
            ("applied", "", applied),
            ("analysed", "memory", memory),
            ("analysed", "buffered", buffered),
            ("acknowledged", "memory", memory_done),
            ("acknowledged", "buffered", buffered_done),
        ]
    }
}

/// How long frames took from the moment they were received to one stage of their way.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StageTimes {
    /// `parsed`, `applied`, `analysed` or `acknowledged`.
    pub stage: Cow<'static, str>,
    /// `memory` or `buffered`; empty: before the lanes part.
    pub lane: Cow<'static, str>,
    /// Times measured.
    pub count: u64,
    /// Their mean, milliseconds; none: nothing was measured.
    pub mean_ms: Option<f64>,
    /// The bound of the bucket that the median lies in, milliseconds.
    pub p50_ms: Option<f64>,
    /// The same of the 99th percentile.
    pub p99_ms: Option<f64>,
    /// The buckets that have any: a bucket's upper bound is twice its lower one.
    pub buckets: Vec<StageBucket>,
}

/// Times up to a bound, and longer than the bound of the bucket before.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StageBucket {
    /// Milliseconds; none: longer than all bounds.
    pub to_ms: Option<f64>,
    /// How many times.
    pub count: u64,
}

impl StageTimes {
    /// One of [`Stages::each`].
    #[must_use]
    pub fn of((stage, lane, times): (&'static str, &'static str, &Stage)) -> Self {
        let counts = times.counts();
        let ms = |seconds: f64| Some(seconds * 1000.0).filter(|ms| ms.is_finite());
        let quantile = |share: f64| {
            let rank = (share * counts.count as f64).ceil().max(1.0) as u64;
            let mut sum = 0;
            let found = counts.buckets.iter().find(|(_, count)| {
                sum += count;
                sum >= rank
            });
            found.and_then(|(bound, _)| ms(*bound))
        };
        Self {
            stage: stage.into(),
            lane: lane.into(),
            count: counts.count,
            mean_ms: (counts.count > 0).then(|| counts.sum * 1000.0 / counts.count as f64),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            buckets: counts
                .buckets
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(bound, count)| StageBucket { to_ms: ms(*bound), count: *count })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_tells_its_buckets_and_the_bounds_that_its_quantiles_lie_under() {
        let stage = Stage::default();
        for us in [3, 3, 3, 900] {
            stage.record(Duration::from_micros(us));
        }
        let times = StageTimes::of(("parsed", "", &stage));
        assert_eq!((times.count, times.p50_ms, times.p99_ms), (4, Some(0.004), Some(1.024)));
        assert_eq!(
            times.buckets.iter().map(|bucket| (bucket.to_ms, bucket.count)).collect::<Vec<_>>(),
            [(Some(0.004), 3), (Some(1.024), 1)]
        );
        assert!(times.mean_ms.is_some_and(|mean| (mean - 0.909 / 4.0).abs() < 1e-9));
        assert_eq!(StageTimes::of(("parsed", "", &Stage::default())).p50_ms, None);
    }

    #[test]
    fn each_time_lies_in_the_first_bucket_that_holds_it() {
        let stage = Stage::default();
        for us in [0, 1, 2, 3, 4, 5, 1024, 1025, u64::from(u32::MAX)] {
            stage.record(Duration::from_micros(us));
        }
        let counts = stage.counts();
        let of = |bound: f64| counts.buckets.iter().find(|(one, _)| (*one - bound).abs() < 1e-12 || *one == bound).expect("a bound").1;
        assert_eq!((of(1e-6), of(2e-6), of(4e-6), of(8e-6)), (2, 1, 2, 1));
        assert_eq!((of(0.001024), of(0.002048), of(f64::INFINITY)), (1, 1, 1));
        assert_eq!(counts.count, 9);
    }
}
