//! The states of a pair: the one enum that the whole program reads.

use crate::clock::rfc3339;
use crate::monitor::board::PairStatus;
use crate::results::hashes::sequence;

/// Where a pair's feed stands. Only [`PairState::Live`] publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairState {
    /// A connection is being made.
    Connecting,
    /// Connected; waiting for the acknowledgement or the first snapshot.
    Subscribing,
    /// The book is verified and up to date.
    Live,
    /// The book is verified, but something about the connection is not right.
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
            Self::Connecting => "connecting",
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
            Self::Suspect { why } => Some(why.clone()),
            Self::Resyncing { attempt, why, .. } => Some(format!("{why} (try {attempt})")),
            Self::Refused { code, why } => Some(format!("{code}: {why}")),
            Self::Connecting | Self::Subscribing | Self::Live | Self::Stopped => None,
        }
    }
}

impl PairStatus {
    /// The fields of `feed:{id}`.
    #[must_use]
    pub fn fields(&self, pair: &str) -> Vec<(&'static str, String)> {
        vec![
            ("instrument_id", pair.to_owned()),
            ("state", self.state.word().to_owned()),
            ("since", rfc3339(self.since_ms)),
            ("reason", self.state.reason().unwrap_or_default()),
            ("trust", self.trust.map_or_else(String::new, |trust| trust.as_str().to_owned())),
            ("crossed", self.crossed.to_string()),
            ("sequence", sequence(self.sequence)),
            ("exchange_time", self.time_ms.map_or_else(String::new, rfc3339)),
            ("last_frame", self.last_frame.map_or_else(String::new, |arrival| rfc3339(arrival.unix_ms))),
            ("frames", self.frames.to_string()),
            ("gaps", self.gaps.to_string()),
            ("resyncs", self.resyncs.to_string()),
            ("restarts", self.restarts.to_string()),
        ]
    }
}
