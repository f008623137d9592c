//! When things happened: one monotonic clock for durations, the wall clock for what is shown.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// When a frame reached this host, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Nanoseconds on this process's monotonic clock; see [`since_start`].
    monotonic_ns: u64,
    /// Wall-clock time, milliseconds since 1970 UTC.
    pub unix_ms: u64,
    /// Microseconds over the millisecond.
    over_us: u16,
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// Nanoseconds since this process first asked for the time.
#[must_use]
pub fn since_start() -> u64 {
    u64::try_from(start().elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Wall-clock time, milliseconds since 1970 UTC.
#[must_use]
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

impl Arrival {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let unix_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX));
        // The remainder is under 1000.
        Self { monotonic_ns: since_start(), unix_ms: unix_us / 1000, over_us: (unix_us % 1000) as u16 }
    }

    /// An arrival at a wall-clock time of the past, as a recording tells it: no duration can be measured from it.
    #[must_use]
    pub fn recorded(unix_ms: u64) -> Self {
        Self { monotonic_ns: since_start(), unix_ms, over_us: 0 }
    }

    /// An arrival that this process noted down earlier.
    #[must_use]
    pub fn from_parts(monotonic_ns: u64, unix_ms: u64) -> Self {
        Self { monotonic_ns, unix_ms, over_us: 0 }
    }

    /// For noting it down: meaningful to this process only.
    #[must_use]
    pub fn monotonic_ns(&self) -> u64 {
        self.monotonic_ns
    }

    /// Wall-clock time, microseconds since 1970 UTC; whole milliseconds for an arrival that was noted down.
    #[must_use]
    pub fn unix_us(&self) -> u64 {
        self.unix_ms.saturating_mul(1000).saturating_add(u64::from(self.over_us))
    }

    /// Time since then.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(since_start().saturating_sub(self.monotonic_ns))
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T16:00:00.123Z`.
#[must_use]
pub fn rfc3339(unix_ms: u64) -> String {
    // The library can't write years over 9999; no exchange sends one, and a wrong clock must not end the program.
    const LAST: u64 = 253_402_300_799_999;
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(unix_ms.min(LAST))).to_string()
}

/// The milliseconds since 1970 of a time that [`rfc3339`] wrote.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let time = humantime::parse_rfc3339(text).ok()?;
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc3339_with_milliseconds_in_utc() {
        assert_eq!(parse_rfc3339(&rfc3339(1_652_459_225_503)), Some(1_652_459_225_503));
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_652_459_225_503), "2022-05-13T16:27:05.503Z");
        assert_eq!(rfc3339(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
    }
}
