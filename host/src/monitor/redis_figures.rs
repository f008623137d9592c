//! What Redis says of itself, asked once a second.

use std::time::{Duration, Instant};

use crate::results::Link;

/// Redis now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RedisFigures {
    /// Bytes that it uses for data.
    pub memory: u64,
    /// Bytes that it may use; none: as many as there are.
    pub memory_limit: Option<u64>,
    /// Bytes that it takes of the machine for each byte that it uses.
    pub fragmentation: Option<f64>,
    /// How long the question took.
    pub round_trip: Duration,
}

impl RedisFigures {
    /// Asks; none: it doesn't answer.
    pub async fn ask(link: &Link) -> Option<Self> {
        let asked = Instant::now();
        let (info,): (String,) = link.run(redis::pipe().cmd("INFO").arg("memory")).await.ok()?;
        Self::read(&info, asked.elapsed())
    }

    fn read(info: &str, round_trip: Duration) -> Option<Self> {
        let value = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        Some(Self {
            memory: value("used_memory")?.parse().ok()?,
            memory_limit: value("maxmemory").and_then(|text| text.parse().ok()).filter(|&bytes| bytes > 0),
            fragmentation: value("mem_fragmentation_ratio").and_then(|text| text.parse().ok()),
            round_trip,
        })
    }

    /// How much of what it may use it uses, percent.
    #[must_use]
    pub fn memory_percent(&self) -> Option<f64> {
        Some(100.0 * self.memory as f64 / self.memory_limit? as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_the_memory_is_unknown_where_there_is_no_limit() {
        let info = |limit: u64| {
            format!("# Memory\r\nused_memory:500\r\nused_memory_human:1K\r\nmaxmemory:{limit}\r\nmem_fragmentation_ratio:1.25\r\n")
        };
        let figures = RedisFigures::read(&info(1000), Duration::ZERO).expect("good");
        assert_eq!((figures.memory, figures.memory_percent(), figures.fragmentation), (500, Some(50.0), Some(1.25)));
        assert_eq!(RedisFigures::read(&info(0), Duration::ZERO).and_then(|figures| figures.memory_percent()), None);
        assert_eq!(RedisFigures::read("nonsense", Duration::ZERO), None);
    }
}
