//! Rates, sizes and delays of one pair's frames, and how long its book was verified.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use super::ClockOffset;
use crate::clock::{self, Arrival};

/// The time that the verified share looks back, milliseconds.
const HOUR_MS: u64 = 3_600_000;
/// Stretches of verified time kept; with more, the oldest two become one.
const MAX_STRETCHES: usize = 2048;
/// Seconds that rates look back, the one under way left out.
const RATE_OVER: u64 = 10;
/// Seconds that the best delay looks back.
const DELAY_OVER: u64 = 600;
/// The clocks are so far apart that the frames' times aren't the exchange's now, milliseconds: a recording is played, for example.
const APART_MS: u64 = 60_000;
/// Seconds that count as now for the lag.
const NOW: u64 = 3;
/// Largest frame size told apart, bytes, and longest delay, milliseconds.
const LARGEST: u64 = 8 << 20;
const LONGEST_MS: u64 = 600_000;

/// The figures of one pair.
#[derive(Debug)]
pub struct Figures {
    began_ms: u64,
    /// Stretches of verified time, milliseconds since the process's start.
    stretches: VecDeque<(u64, u64)>,
    /// The one under way: its start on both clocks.
    open: Option<(u64, u64)>,
    /// Frames and bytes of each of the last seconds, and the least delay: (second, frames, bytes, delay).
    seconds: VecDeque<Second>,
    sizes: Histogram<u32>,
    /// Delays of this minute and of the one before.
    delays: [Histogram<u32>; 2],
    minute: u64,
}

#[derive(Clone, Copy, Debug)]
struct Second {
    at: u64,
    frames: u32,
    bytes: u64,
    least_delay_ms: Option<i64>,
}

/// Sizes of frames, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Largest.
    pub max: u64,
}

/// From the exchange's time of a change to this host's receiving it, milliseconds. Only as good as the two clocks agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Median of the last one to two minutes; 0 where frames came before they were sent.
    pub p50_ms: u64,
    /// 99th percentile.
    pub p99_ms: u64,
    /// Least of the last ten minutes; negative where the clocks differ.
    pub least_ms: i64,
}

impl Delay {
    /// Whether it means something: `no` where the clocks differ, or a frame came before it was sent; `unknown` while the exchange's
    /// clock isn't known; else `yes`.
    #[must_use]
    pub fn reliable(&self, clock: Option<ClockOffset>) -> &'static str {
        match clock {
            _ if self.least_ms < 0 => "no",
            Some(clock) if clock.agrees() => "yes",
            Some(_) => "no",
            None => "unknown",
        }
    }
}

/// The figures now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Since when the book is verified without a break, milliseconds since 1970.
    pub verified_since_ms: Option<u64>,
    /// Share of the last hour, or of the time since the pair began, in which it was; 0 to 1.
    pub verified_share: Option<f64>,
    /// Frames a second over the last ten.
    pub frames_per_second: f64,
    /// Their bytes.
    pub bytes_per_second: f64,
    /// Sizes of all frames so far.
    pub frame_bytes: Option<Sizes>,
    /// Delay.
    pub delay: Option<Delay>,
}

impl Default for Figures {
    fn default() -> Self {
        Self::new()
    }
}

fn histogram(highest: u64, digits: u8) -> Histogram<u32> {
    #[expect(clippy::expect_used, reason = "the bounds are constants within what the library documents")]
    Histogram::new_with_bounds(1, highest, digits).expect("1 to a constant, with 2 or 3 digits")
}

fn now_ms() -> u64 {
    clock::since_start() / 1_000_000
}

impl Figures {
    /// Figures of a pair that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            began_ms: now_ms(),
            stretches: VecDeque::new(),
            open: None,
            seconds: VecDeque::new(),
            sizes: histogram(LARGEST, 2),
            delays: [histogram(LONGEST_MS, 2), histogram(LONGEST_MS, 2)],
            minute: 0,
        }
    }

    /// A frame came. `sent_ms`: when the exchange sent it, where the frame says so.
    pub fn frame(&mut self, bytes: usize, arrival: Arrival, sent_ms: Option<u64>) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let delay = sent_ms.map(|sent_ms| signed(arrival.unix_ms).saturating_sub(signed(sent_ms)));
        self.frame_at(arrival.monotonic_ns() / 1_000_000_000, bytes, delay);
    }

    fn frame_at(&mut self, second: u64, bytes: u64, delay_ms: Option<i64>) {
        self.sizes.saturating_record(bytes.max(1));
        let minute = second / 60;
        if minute != self.minute {
            self.delays.swap(0, 1);
            self.delays[0].reset();
            if minute > self.minute + 1 {
                self.delays[1].reset();
            }
            self.minute = minute;
        }
        if let Some(delay_ms) = delay_ms {
            self.delays[0].saturating_record(u64::try_from(delay_ms).unwrap_or(0).max(1));
        }
        match self.seconds.back_mut() {
            // Arrivals of a join may be a little older than the newest: they count where the newest does.
            Some(last) if last.at >= second => {
                last.frames += 1;
                last.bytes += bytes;
                last.least_delay_ms = match (last.least_delay_ms, delay_ms) {
                    (Some(least), Some(delay)) => Some(least.min(delay)),
                    (least, delay) => least.or(delay),
                };
            }
            _ => self.seconds.push_back(Second { at: second, frames: 1, bytes, least_delay_ms: delay_ms }),
        }
        while self.seconds.front().is_some_and(|first| first.at + DELAY_OVER <= second) {
            self.seconds.pop_front();
        }
    }

    /// The book is verified from now on, or no longer.
    pub fn verified(&mut self, verified: bool) {
        self.verified_at(verified, now_ms(), clock::unix_ms());
    }

    fn verified_at(&mut self, verified: bool, now_ms: u64, unix_ms: u64) {
        match (self.open, verified) {
            (None, true) => self.open = Some((now_ms, unix_ms)),
            (Some((since, _)), false) => {
                self.open = None;
                self.stretches.push_back((since, now_ms));
                if self.stretches.len() > MAX_STRETCHES {
                    // Counts the pause between them as verified: it is the oldest of thousands within an hour.
                    if let (Some((start, _)), Some(second)) = (self.stretches.pop_front(), self.stretches.front_mut()) {
                        second.0 = start;
                    }
                }
            }
            _ => {}
        }
        while self.stretches.front().is_some_and(|&(_, end)| end + HOUR_MS < now_ms) {
            self.stretches.pop_front();
        }
    }

    /// The book wasn't up to date since a frame that came earlier, as shows now.
    pub fn interrupted(&mut self, since: Arrival) {
        let Some((opened, _)) = self.open else { return };
        let end = since.monotonic_ns() / 1_000_000;
        if end > opened {
            self.stretches.push_back((opened, end));
        }
        self.open = Some((now_ms(), clock::unix_ms()));
    }

    /// One of the two clocks was set to another time: delays from before can't be held against those from now on.
    pub fn forget_delays(&mut self) {
        self.delays.iter_mut().for_each(Histogram::reset);
        for second in &mut self.seconds {
            second.least_delay_ms = None;
        }
    }

    /// How much later frames come now than at best in the last ten minutes, milliseconds. Independent of a difference of the clocks
    /// under a minute; with more than that their times aren't those of now, and the lag isn't known.
    #[must_use]
    pub fn lag_ms(&self) -> Option<u64> {
        self.lag_at(now_ms() / 1000)
    }

    fn lag_at(&self, second: u64) -> Option<u64> {
        let best = self.seconds.iter().filter_map(|one| one.least_delay_ms).min().filter(|best| best.unsigned_abs() < APART_MS)?;
        let now = self.seconds.iter().rev().take_while(|one| one.at + NOW > second).filter_map(|one| one.least_delay_ms).min()?;
        u64::try_from(now - best).ok()
    }

    /// The figures now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.report_at(now_ms())
    }

    fn report_at(&self, now_ms: u64) -> Report {
        let second = now_ms / 1000;
        let from = now_ms.saturating_sub(HOUR_MS).max(self.began_ms);
        let open = self.open.map(|(since, _)| (since, now_ms));
        let verified: u64 = self.stretches.iter().copied().chain(open).map(|(start, end)| end.saturating_sub(start.max(from))).sum();
        let lived = now_ms.saturating_sub(from);
        let recent = || self.seconds.iter().rev().skip_while(|one| one.at >= second).take_while(|one| one.at + RATE_OVER >= second);
        let over = (second.saturating_sub(self.began_ms / 1000)).clamp(1, RATE_OVER) as f64;
        let mut delays = self.delays[0].clone();
        // Both have the same bounds.
        let _ = delays.add(&self.delays[1]);
        Report {
            verified_since_ms: self.open.map(|(_, unix_ms)| unix_ms),
            verified_share: (lived > 0).then(|| verified.min(lived) as f64 / lived as f64),
            frames_per_second: f64::from(recent().map(|one| one.frames).sum::<u32>()) / over,
            bytes_per_second: recent().map(|one| one.bytes).sum::<u64>() as f64 / over,
            frame_bytes: (!self.sizes.is_empty()).then(|| Sizes {
                p50: self.sizes.value_at_quantile(0.5),
                p99: self.sizes.value_at_quantile(0.99),
                max: self.sizes.max(),
            }),
            delay: self.seconds.iter().filter_map(|one| one.least_delay_ms).min().filter(|_| !delays.is_empty()).map(|least_ms| Delay {
                p50_ms: delays.value_at_quantile(0.5),
                p99_ms: delays.value_at_quantile(0.99),
                least_ms,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures { began_ms: 0, ..Figures::new() }
    }

    #[test]
    fn the_verified_share_counts_the_last_hour_alone() {
        let mut figures = figures();
        figures.verified_at(true, 0, 1000);
        assert_eq!(figures.report_at(60_000).verified_share, Some(1.0));
        figures.verified_at(false, 1_800_000, 0);
        assert_eq!(figures.report_at(3_600_000).verified_share, Some(0.5));
        assert_eq!(figures.report_at(3_600_000).verified_since_ms, None);
        figures.verified_at(true, 3_600_000, 7);
        let report = figures.report_at(5_400_000);
        assert_eq!((report.verified_share, report.verified_since_ms), (Some(0.5), Some(7)));
        assert_eq!(figures.report_at(9_000_000).verified_share, Some(1.0));
    }

    #[test]
    fn however_often_a_book_breaks_the_memory_is_bounded() {
        let mut figures = figures();
        for i in 0..100_000_u64 {
            figures.verified_at(i % 2 == 0, i, i);
        }
        assert!(figures.stretches.len() <= MAX_STRETCHES);
        let share = figures.report_at(100_000).verified_share.expect("lived");
        assert!((0.4..=1.0).contains(&share), "{share}");
    }

    #[test]
    fn rates_are_over_whole_seconds_and_stop_when_frames_do() {
        let mut figures = figures();
        for second in 90..100 {
            for _ in 0..9 {
                figures.frame_at(second, 100, Some(5));
            }
        }
        let report = figures.report_at(100_500);
        assert_eq!((report.frames_per_second, report.bytes_per_second), (9.0, 900.0));
        assert_eq!(figures.report_at(120_000).frames_per_second, 0.0);
        assert_eq!(report.frame_bytes.expect("frames came").p50, 100);
    }

    #[test]
    fn lag_is_against_the_streams_own_best_whatever_the_clocks_say() {
        let mut figures = figures();
        figures.frame_at(10, 1, Some(-5000));
        assert_eq!(figures.lag_at(10), Some(0));
        figures.frame_at(20, 1, Some(-1000));
        figures.frame_at(21, 1, Some(-900));
        assert_eq!(figures.lag_at(21), Some(4000));
        assert_eq!(figures.lag_at(40), None, "nothing came lately");
        let mut recording = self::figures();
        recording.frame_at(10, 1, Some(-100_000_000));
        recording.frame_at(20, 1, Some(-90_000_000));
        assert_eq!(recording.lag_at(20), None);
        assert_eq!(figures.report_at(21_000).delay.expect("frames came").least_ms, -5000);
    }

    #[test]
    fn a_clock_that_is_set_makes_no_frame_late() {
        let mut figures = figures();
        for second in 0..10 {
            figures.frame_at(second, 100, Some(20));
        }
        // A second of frames with the new time, before it is noticed.
        figures.frame_at(10, 100, Some(50_020));
        figures.forget_delays();
        assert_eq!((figures.lag_at(10), figures.report_at(10_000).delay.is_none()), (None, true));
        for second in 11..20 {
            figures.frame_at(second, 100, Some(50_020));
        }
        assert_eq!(figures.lag_at(19), Some(0));
        assert_eq!(figures.report_at(20_000).delay.expect("frames came").least_ms, 50_020);
    }

    #[test]
    fn delays_are_those_of_the_last_two_minutes() {
        let mut figures = figures();
        figures.frame_at(0, 1, Some(1000));
        figures.frame_at(60, 1, Some(10));
        figures.frame_at(120, 1, Some(10));
        let delay = figures.report_at(121_000).delay.expect("frames came");
        assert_eq!((delay.p50_ms, delay.p99_ms), (10, 10));
        figures.frame_at(400, 1, Some(20));
        assert_eq!(figures.report_at(400_000).delay.expect("frames came").p99_ms, 20);
    }
}
