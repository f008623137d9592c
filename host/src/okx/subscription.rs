//! Where one pair stands on one connection.

use tokio::time::Instant;

/// A subscription, from the wish to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    /// To be asked for at a time.
    Wanted {
        /// When.
        at: Instant,
        /// Times it was asked for in vain.
        tries: u32,
        /// An older one is ended first, so that a new snapshot comes.
        anew: bool,
    },
    /// Asked for; the acknowledgement is due.
    Asked {
        /// By when.
        until: Instant,
        /// Times it was asked for.
        tries: u32,
    },
    /// Acknowledged; the snapshot is due.
    Acknowledged {
        /// By when.
        until: Instant,
        /// Times it was asked for.
        tries: u32,
    },
    /// The snapshot came.
    Streaming,
    /// The exchange has no such pair; not asked for before a time.
    Refused {
        /// When it is tried again.
        until: Instant,
    },
}

impl Subscription {
    /// One to be asked for at once.
    pub(super) fn new(now: Instant) -> Self {
        Self::Wanted { at: now, tries: 0, anew: false }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match *self {
            Self::Wanted { at, .. } => Some(at),
            Self::Asked { until, .. } | Self::Acknowledged { until, .. } | Self::Refused { until } => Some(until),
            Self::Streaming => None,
        }
    }

    /// An answer that was due by now didn't come: how often it was asked for.
    pub(super) fn overdue(&self, now: Instant) -> Option<u32> {
        match *self {
            Self::Asked { until, tries } | Self::Acknowledged { until, tries } if now >= until => Some(tries),
            _ => None,
        }
    }

    /// Whether the exchange was asked and hasn't answered with a stream.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self, Self::Asked { .. } | Self::Acknowledged { .. })
    }
}
