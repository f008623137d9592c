//! A value over time in bounded memory, whatever the length.

use super::bands::{Span, Tone};
use super::chart::Point;

/// Buckets kept: one for each pixel of a wide chart.
const BUCKETS: usize = 1024;
/// The first width of a bucket, ms.
const FIRST_WIDTH_MS: u64 = 100;
/// Changes of state kept; from then on the latest span only grows.
const SPANS: usize = 4096;

/// A number over time: lowest, highest and last of each stretch of time. When the stretches become too many, each two neighbours are made one.
#[derive(Clone, Debug)]
pub struct Trace {
    width_ms: u64,
    buckets: Vec<Bucket>,
    count: u64,
    sum: f64,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Time divided by the width.
    place: u64,
    /// Times of the first and the last value, ms.
    first_ms: u64,
    last_ms: u64,
    low: f64,
    high: f64,
    last: f64,
    /// Nothing was said between the bucket before and this one.
    after_gap: bool,
}

impl Default for Trace {
    fn default() -> Self {
        Self { width_ms: FIRST_WIDTH_MS, buckets: Vec::new(), count: 0, sum: 0.0 }
    }
}

impl Trace {
    /// Adds a value; one that isn't finite is a gap. Times don't go back; one that does counts as the time before.
    pub fn push(&mut self, time_ms: u64, value: f64) {
        if !value.is_finite() {
            return self.gap();
        }
        self.count += 1;
        self.sum += value;
        let time_ms = self.buckets.last().map_or(time_ms, |last| time_ms.max(last.last_ms));
        let place = time_ms / self.width_ms;
        match self.buckets.last_mut() {
            Some(last) if last.place == place => {
                *last = Bucket { last_ms: time_ms, low: last.low.min(value), high: last.high.max(value), last: value, ..*last };
            }
            _ => {
                self.buckets.push(Bucket {
                    place,
                    first_ms: time_ms,
                    last_ms: time_ms,
                    low: value,
                    high: value,
                    last: value,
                    after_gap: false,
                });
                // Values far apart in time may need it more than once; in the end all have one place.
                while self.buckets.len() > BUCKETS {
                    self.halve();
                }
            }
        }
        // A gap said before this value stands on a bucket of its own.
        if let [.., gap, last] = self.buckets.as_mut_slice()
            && gap.is_gap()
        {
            last.after_gap = true;
            let place = self.buckets.len() - 2;
            self.buckets.remove(place);
        }
    }

    /// Nothing can be said from here to the next value.
    pub fn gap(&mut self) {
        if let Some(&last) = self.buckets.last()
            && !last.is_gap()
        {
            self.buckets.push(Bucket { low: f64::NAN, high: f64::NAN, last: f64::NAN, place: u64::MAX, ..last });
        }
    }

    fn halve(&mut self) {
        self.width_ms = self.width_ms.saturating_mul(2);
        let mut kept: Vec<Bucket> = Vec::with_capacity(BUCKETS);
        for bucket in &self.buckets {
            let place = bucket.last_ms / self.width_ms;
            match kept.last_mut() {
                Some(last) if last.place == place && !bucket.is_gap() => {
                    *last = Bucket {
                        last_ms: bucket.last_ms,
                        low: last.low.min(bucket.low),
                        high: last.high.max(bucket.high),
                        last: bucket.last,
                        ..*last
                    };
                }
                _ if bucket.is_gap() => kept.push(*bucket),
                _ => kept.push(Bucket { place, ..*bucket }),
            }
        }
        self.buckets = kept;
    }

    /// Values added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; none without any.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Lowest and highest value; none without any.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        let real = self.buckets.iter().filter(|bucket| !bucket.is_gap());
        real.map(|bucket| (bucket.low, bucket.high)).reduce(|(low, high), (l, h)| (low.min(l), high.max(h)))
    }

    /// The newest value; none without any.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.buckets.iter().rev().find(|bucket| !bucket.is_gap()).map(|bucket| bucket.last)
    }

    /// The points to draw: one for a stretch in which the value stood still, lowest and highest for the others, none for a gap.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let mut points = Vec::with_capacity(self.buckets.len() * 2);
        let mut before = None;
        for bucket in &self.buckets {
            if bucket.is_gap() {
                continue;
            }
            if bucket.after_gap {
                points.push(None);
            }
            let (first_ms, last_ms) = (bucket.first_ms as f64, bucket.last_ms as f64);
            if bucket.low == bucket.high {
                points.push(Some((first_ms, bucket.low)));
                if last_ms > first_ms {
                    points.push(Some((last_ms, bucket.low)));
                }
            } else {
                // From where the line is, the nearer end comes first.
                let up = before.is_none_or(|before: f64| (before - bucket.low).abs() <= (before - bucket.high).abs());
                let (one, other) = if up { (bucket.low, bucket.high) } else { (bucket.high, bucket.low) };
                points.extend([Some((first_ms, one)), Some((last_ms, other))]);
            }
            before = Some(bucket.last);
        }
        points
    }
}

impl Bucket {
    fn is_gap(&self) -> bool {
        self.place == u64::MAX
    }
}

/// A word over time: when it changed.
#[derive(Clone, Debug, Default)]
pub struct StateTrace {
    spans: Vec<Span>,
    /// Changes that weren't kept.
    dropped: u64,
}

impl StateTrace {
    /// At this time the word holds, until the next is said.
    pub fn push(&mut self, time_ms: u64, word: &str, tone: Tone) {
        let time = time_ms as f64;
        if let Some(last) = self.spans.last_mut() {
            last.to = last.to.max(time);
            if last.word == word {
                return;
            }
            if self.spans.len() >= SPANS {
                self.dropped += 1;
                return;
            }
        }
        self.spans.push(Span { from: time, to: time, word: word.to_owned(), tone });
    }

    /// The spans, in order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Changes that weren't kept, because there were too many.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gap_breaks_the_line_and_nothing_else() {
        let mut trace = Trace::default();
        trace.gap();
        for (time, value) in [(0, 1.0), (1000, 2.0), (2000, f64::NAN), (3000, f64::INFINITY), (4000, 3.0)] {
            trace.push(time, value);
        }
        assert_eq!(trace.points(), [Some((0.0, 1.0)), Some((1000.0, 2.0)), None, Some((4000.0, 3.0))]);
        assert_eq!((trace.count(), trace.mean(), trace.range(), trace.last()), (3, Some(2.0), Some((1.0, 3.0)), Some(3.0)));
    }

    #[test]
    fn a_state_that_stays_is_one_span_and_more_changes_than_are_kept_are_counted() {
        let mut states = StateTrace::default();
        for second in 0..10 {
            states.push(second * 1000, if second < 4 { "normal" } else { "alert" }, Tone::Plain);
        }
        let spans: Vec<_> = states.spans().iter().map(|span| (span.from, span.to, span.word.as_str())).collect();
        assert_eq!(spans, [(0.0, 4000.0, "normal"), (4000.0, 9000.0, "alert")]);
        for second in 10..10_000 {
            states.push(second * 1000, if second % 2 == 0 { "a" } else { "b" }, Tone::Plain);
        }
        assert!(states.spans().len() == SPANS && states.dropped() > 2000);
    }

    proptest! {
        #[test]
        fn any_length_stays_bounded_and_keeps_lowest_highest_and_last(
            values in proptest::collection::vec((0..20_000_u64, -1e9..1e9_f64), 1..6000),
        ) {
            let mut trace = Trace::default();
            let mut time = 0;
            for &(step, value) in &values {
                time += step;
                trace.push(time, value);
                if step % 97 == 0 {
                    trace.gap();
                }
            }
            let points: Vec<f64> = trace.points().into_iter().flatten().map(|(_, value)| value).collect();
            let low = values.iter().map(|&(_, value)| value).fold(f64::INFINITY, f64::min);
            let high = values.iter().map(|&(_, value)| value).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(points.len() <= 2 * (BUCKETS + 1));
            prop_assert_eq!(trace.range(), Some((low, high)));
            prop_assert!(points.contains(&low) && points.contains(&high));
            prop_assert_eq!(trace.last(), values.last().map(|&(_, value)| value));
            let times: Vec<f64> = trace.points().into_iter().flatten().map(|(time, _)| time).collect();
            prop_assert!(times.is_sorted());
        }
    }
}
