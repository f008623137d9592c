//! The states of a pair: the one enum that the whole program reads.

use crate::clock::{rfc3339, unix_ms};
use crate::monitor::ClockOffset;
use crate::monitor::board::PairStatus;
use crate::monitor::figures::Report;
use crate::results::hashes::sequence;

/// Where a pair's feed stands. Books are published while [`PairState::is_verified`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairState {
    /// A connection is being made.
    Connecting {
        /// Tries that failed since the last connection.
        attempt: u64,
        /// What ended the last one, or made the last try fail.
        why: Option<String>,
    },
    /// Connected; waiting for the acknowledgement or the first snapshot.
    Subscribing,
    /// The book is verified and up to date.
    Live,
    /// The book is verified up to its last frame, but something about the connection is not right: another one is being made.
    Suspect {
        /// What.
        why: String,
    },
    /// The book broke; updates are dropped until a new snapshot.
    Resyncing {
        /// Since when, milliseconds since 1970.
        since_ms: u64,
        /// The how manieth try.
        attempt: u32,
        /// What broke it.
        why: String,
    },
    /// The exchange refuses the pair.
    Refused {
        /// The exchange's code.
        code: String,
        /// Its words.
        why: String,
    },
    /// Taken away.
    Stopped,
}

impl PairState {
    /// The state in one word, as published.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Connecting { .. } => "connecting",
            Self::Subscribing => "subscribing",
            Self::Live => "live",
            Self::Suspect { .. } => "suspect",
            Self::Resyncing { .. } => "resyncing",
            Self::Refused { .. } => "refused",
            Self::Stopped => "stopped",
        }
    }

    /// Why it is in this state, where there is more to say than the word.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Connecting { attempt, why: Some(why) } if *attempt > 0 => Some(format!("{why} (try {})", attempt + 1)),
            Self::Connecting { why, .. } => why.clone(),
            Self::Suspect { why } => Some(why.clone()),
            Self::Resyncing { attempt, why, .. } => Some(format!("{why} (try {attempt})")),
            Self::Refused { code, why } => Some(format!("{code}: {why}")),
            Self::Subscribing | Self::Live | Self::Stopped => None,
        }
    }

    /// Whether the kept book is the exchange's, as far as its frames came.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Live | Self::Suspect { .. })
    }
}

impl PairStatus {
    /// The fields of `feed:{id}`. `clock`: how the exchange's clock and this host's compare.
    #[must_use]
    pub fn fields(&self, pair: &str, clock: Option<ClockOffset>) -> Vec<(&'static str, String)> {
        let text = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let time = |ms: Option<u64>| ms.map_or_else(String::new, rfc3339);
        let Report { verified_since_ms, verified_share, frames_per_second, bytes_per_second, frame_bytes, delay } = self.figures.report();
        vec![
            ("instrument_id", pair.to_owned()),
            ("state", self.state.word().to_owned()),
            ("since", rfc3339(self.since_ms)),
            ("verified", if self.state.is_verified() { "yes" } else { "no" }.to_owned()),
            ("reason", self.state.reason().unwrap_or_default()),
            ("trust", self.trust.map_or_else(String::new, |trust| trust.as_str().to_owned())),
            ("crossed", self.crossed.to_string()),
            ("sequence", sequence(self.sequence)),
            ("best_bid", self.best_bid.map_or_else(String::new, |price| price.to_string())),
            ("best_ask", self.best_ask.map_or_else(String::new, |price| price.to_string())),
            ("bids", self.levels.0.to_string()),
            ("asks", self.levels.1.to_string()),
            ("exchange_time", time(self.time_ms)),
            ("last_frame", time(self.last_frame.map(|arrival| arrival.unix_ms))),
            ("last_frame_age_ms", text(self.last_frame.map(|arrival| ms(arrival.elapsed())))),
            ("lag_ms", text(self.figures.lag_ms())),
            ("verified_since", time(verified_since_ms)),
            ("verified_share_1h", verified_share.map_or_else(String::new, |share| format!("{share:.5}"))),
            ("audits", self.audits.to_string()),
            ("last_audit", time(self.audited_ms)),
            ("drift", self.drift.to_string()),
            ("gaps", self.gaps.to_string()),
            ("resyncs", self.resyncs.to_string()),
            ("restarts", self.restarts.to_string()),
            ("connects", self.connects.to_string()),
            ("reconnects", self.reconnects.to_string()),
            ("joins", self.joins.to_string()),
            ("frames", self.frames.to_string()),
            ("frames_per_second", format!("{frames_per_second:.1}")),
            ("bytes_per_second", format!("{bytes_per_second:.0}")),
            ("frame_bytes_p50", text(frame_bytes.map(|sizes| sizes.p50))),
            ("frame_bytes_p99", text(frame_bytes.map(|sizes| sizes.p99))),
            ("frame_bytes_max", text(frame_bytes.map(|sizes| sizes.max))),
            ("delay_ms_p50", delay.map_or_else(String::new, |delay| delay.p50_ms.to_string())),
            ("delay_ms_p99", delay.map_or_else(String::new, |delay| delay.p99_ms.to_string())),
            ("delay_reliable", delay.map_or("", |delay| delay.reliable(clock)).to_owned()),
            ("lane_waiting", self.lane.waiting().to_string()),
            ("lane_lag_ms", ms(self.lane.lag()).to_string()),
            ("lane_dropped", self.lane.dropped_total().to_string()),
            ("skipped", self.skipped.iter().map(|(plugin, books)| format!("{plugin} {books}")).collect::<Vec<_>>().join(", ")),
            ("written_at", rfc3339(unix_ms())),
        ]
    }
}

fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
