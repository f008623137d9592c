//! What the API shows of pairs, readings and books: the same shapes whether they come from this host's memory or from Redis.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::analysis::{Reading, SHARED_FIELDS};
use crate::clock::rfc3339;
use crate::monitor::figures::Report;
use crate::monitor::{ClockOffset, PairCell};

/// The fields of a Hash.
pub type Hash = BTreeMap<String, String>;

/// How a pair's feed stands: whether its numbers can be trusted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Feed {
    /// The pair.
    #[schema(example = "BTC-USDT")]
    pub instrument_id: String,
    /// `connecting`, `subscribing`, `live`, `suspect`, `resyncing`, `refused` or `stopped`; `unknown` where no host says.
    pub state: String,
    /// Since when it is so, RFC 3339.
    pub since: Option<String>,
    /// Why, where there is more to say than the word.
    pub reason: Option<String>,
    /// How the newest book was verified: `checksum`, `chain` or `unverified`.
    pub trust: Option<String>,
    /// Whether the best bid is not below the best ask.
    pub crossed: bool,
    /// Exchange time of the newest book, RFC 3339.
    pub time: Option<String>,
    /// The exchange's sequence number of the newest book.
    pub sequence: Option<i64>,
    /// Best bid, as the exchange wrote it.
    pub best_bid: Option<String>,
    /// Best ask, as the exchange wrote it.
    pub best_ask: Option<String>,
    /// Bid levels of the kept book.
    pub bids: Option<u64>,
    /// Ask levels of the kept book.
    pub asks: Option<u64>,
    /// Book frames received.
    pub frames: Option<u64>,
    /// Times the book broke.
    pub gaps: Option<u64>,
    /// Snapshots asked for anew.
    pub resyncs: Option<u64>,
    /// Books that followed none.
    pub restarts: Option<u64>,
    /// Connections that have carried the pair.
    pub connects: Option<u64>,
    /// Those of them that followed a lost one.
    pub reconnects: Option<u64>,
    /// Times a new connection took the pair over without a gap.
    pub joins: Option<u64>,
    /// Times the kept book was compared with the exchange's own.
    pub audits: Option<u64>,
    /// When it was last compared, RFC 3339.
    pub last_audit: Option<String>,
    /// Audits that found the kept book wrong.
    pub drift: Option<u64>,
    /// Since when the book is verified without a break, RFC 3339.
    pub verified_since: Option<String>,
    /// Share of the last hour in which it was, 0 to 1.
    pub verified_share_1h: Option<f64>,
    /// Over the last ten seconds.
    pub frames_per_second: Option<f64>,
    /// Over the last ten seconds.
    pub bytes_per_second: Option<f64>,
    /// Median size of a frame, bytes.
    pub frame_bytes_p50: Option<u64>,
    /// 99th percentile of it.
    pub frame_bytes_p99: Option<u64>,
    /// The largest.
    pub frame_bytes_max: Option<u64>,
    /// Median delay from the exchange to the host, milliseconds.
    pub delay_ms_p50: Option<u64>,
    /// 99th percentile of it.
    pub delay_ms_p99: Option<u64>,
    /// Whether the two clocks agree well enough for delays to mean something: `yes`, `no` or `unknown`.
    pub delay_reliable: Option<String>,
    /// Since the last frame came, milliseconds, when this was made.
    pub age_ms: Option<u64>,
}

impl Feed {
    /// Of this host's memory.
    #[must_use]
    pub fn of(cell: &PairCell, clock: Option<ClockOffset>) -> Self {
        let status = cell.status();
        let Report { verified_since_ms, verified_share, frames_per_second, bytes_per_second, frame_bytes, delay } = status.figures.report();
        Self {
            instrument_id: cell.pair.to_string(),
            state: status.state.word().to_owned(),
            since: Some(rfc3339(status.since_ms)),
            reason: status.state.reason(),
            trust: status.trust.map(|trust| trust.as_str().to_owned()),
            crossed: status.crossed,
            time: status.time_ms.map(rfc3339),
            sequence: status.sequence,
            best_bid: status.best_bid.map(|price| price.to_string()),
            best_ask: status.best_ask.map(|price| price.to_string()),
            bids: Some(status.levels.0 as u64),
            asks: Some(status.levels.1 as u64),
            frames: Some(status.frames),
            gaps: Some(status.gaps),
            resyncs: Some(status.resyncs),
            restarts: Some(status.restarts),
            connects: Some(status.connects),
            reconnects: Some(status.reconnects),
            joins: Some(status.joins),
            audits: Some(status.audits),
            last_audit: status.audited_ms.map(rfc3339),
            drift: Some(status.drift),
            verified_since: verified_since_ms.map(rfc3339),
            verified_share_1h: verified_share,
            // An empty sum is -0.
            frames_per_second: Some(frames_per_second + 0.0),
            bytes_per_second: Some(bytes_per_second + 0.0),
            frame_bytes_p50: frame_bytes.map(|sizes| sizes.p50),
            frame_bytes_p99: frame_bytes.map(|sizes| sizes.p99),
            frame_bytes_max: frame_bytes.map(|sizes| sizes.max),
            delay_ms_p50: delay.map(|delay| delay.p50_ms),
            delay_ms_p99: delay.map(|delay| delay.p99_ms),
            delay_reliable: delay.map(|delay| delay.reliable(clock).to_owned()),
            age_ms: status.last_frame.map(|arrival| ms(arrival.elapsed())),
        }
    }

    /// Of the Hash `feed:{id}`; an empty one: no host says anything of the pair.
    #[must_use]
    pub fn of_hash(pair: &str, hash: &Hash) -> Self {
        let text = |name: &str| hash.get(name).filter(|text| !text.is_empty()).cloned();
        let number = |name: &str| hash.get(name).and_then(|text| text.parse::<u64>().ok());
        let real = |name: &str| hash.get(name).and_then(|text| text.parse::<f64>().ok()).filter(|number| number.is_finite());
        Self {
            instrument_id: pair.to_owned(),
            state: text("state").unwrap_or_else(|| "unknown".to_owned()),
            since: text("since"),
            reason: text("reason"),
            trust: text("trust"),
            crossed: text("crossed").is_some_and(|word| word == "true"),
            time: text("exchange_time"),
            sequence: hash.get("sequence").and_then(|text| text.parse().ok()),
            best_bid: text("best_bid"),
            best_ask: text("best_ask"),
            bids: number("bids"),
            asks: number("asks"),
            frames: number("frames"),
            gaps: number("gaps"),
            resyncs: number("resyncs"),
            restarts: number("restarts"),
            connects: number("connects"),
            reconnects: number("reconnects"),
            joins: number("joins"),
            audits: number("audits"),
            last_audit: text("last_audit"),
            drift: number("drift"),
            verified_since: text("verified_since"),
            verified_share_1h: real("verified_share_1h"),
            frames_per_second: real("frames_per_second"),
            bytes_per_second: real("bytes_per_second"),
            frame_bytes_p50: number("frame_bytes_p50"),
            frame_bytes_p99: number("frame_bytes_p99"),
            frame_bytes_max: number("frame_bytes_max"),
            delay_ms_p50: number("delay_ms_p50"),
            delay_ms_p99: number("delay_ms_p99"),
            delay_reliable: text("delay_reliable"),
            age_ms: number("last_frame_age_ms"),
        }
    }
}

/// A plugin's newest reading of a pair.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReadingView {
    /// `ok`, `provisional`, `warming`, `unknown` or `fault`.
    pub outcome: String,
    /// Why there is no full reading: a code of `docs/reasons.md`.
    pub code: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
    /// Exchange time until it ends, milliseconds, where that is known.
    pub remaining_ms: Option<u64>,
    /// When the frame behind it reached the host, RFC 3339.
    pub time: Option<String>,
    /// Exchange time of the book, RFC 3339.
    pub exchange_time: Option<String>,
    /// The exchange's sequence number of the book.
    pub sequence: Option<i64>,
    /// The version of the plugin that made it.
    pub version: String,
    /// From the frame's arrival to the reading, microseconds; known to the host that made it alone.
    pub latency_us: Option<u64>,
    /// Units of fuel that it cost; known to the host that made it alone.
    pub fuel: Option<u64>,
    /// The plugin's fields under their published names, as they stand in Redis.
    pub fields: BTreeMap<String, String>,
}

impl ReadingView {
    /// Of this host's memory.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        let reason = reading.outcome.reason();
        Self {
            outcome: reading.outcome.word().to_owned(),
            code: reason.map(|reason| reason.code.clone()),
            detail: reason.map(|reason| reason.detail.clone()),
            remaining_ms: reason.and_then(|reason| reason.remaining_ms),
            time: Some(rfc3339(reading.arrival.unix_ms)),
            exchange_time: Some(rfc3339(reading.time_ms)),
            sequence: reading.sequence,
            version: reading.version.to_string(),
            latency_us: Some(u64::try_from(reading.latency.as_micros()).unwrap_or(u64::MAX)),
            fuel: Some(reading.cost.fuel),
            fields: reading.fields.iter().cloned().collect(),
        }
    }

    /// Of the parts that a Hash has of it.
    fn of_parts(status: &str, version: &str, time: &str, sequence: &str) -> Self {
        let (outcome, reason) = status.split_once(": ").unwrap_or((status, ""));
        let (reason, remaining_ms) = match reason.rsplit_once(" (").and_then(|(before, left)| {
            let seconds: u64 = left.strip_suffix(" s left)")?.parse().ok()?;
            Some((before, seconds.saturating_mul(1000)))
        }) {
            Some((before, ms)) => (before, Some(ms)),
            None => (reason, None),
        };
        let (code, detail) = reason.split_once(", ").unwrap_or((reason, ""));
        let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            outcome: outcome.to_owned(),
            code: filled(code),
            detail: filled(code).map(|_| detail.to_owned()),
            remaining_ms,
            time: filled(time),
            exchange_time: None,
            sequence: sequence.parse().ok(),
            version: version.to_owned(),
            latency_us: None,
            fuel: None,
            fields: BTreeMap::new(),
        }
    }
}

/// Of a design's shared fields the plugin that has them as shipped; a Hash doesn't say who wrote a bare name.
fn usual_owner(field: &str) -> &'static str {
    const OWNERS: [(&str, &str); 5] = [
        ("support_", "support_resistance"),
        ("resistance_", "support_resistance"),
        ("large_", "large_orders"),
        ("depth_anomaly_", "depth_anomaly"),
        ("liquidity_", "liquidity"),
    ];
    OWNERS.into_iter().find(|(start, _)| field.starts_with(start)).map_or("", |(_, owner)| owner)
}

/// The newest readings of a pair, by plugin.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Readings {
    /// The pair.
    #[schema(example = "BTC-USDT")]
    pub instrument_id: String,
    /// By the plugin's name.
    pub readings: BTreeMap<String, ReadingView>,
}

impl Readings {
    /// Of this host's memory.
    #[must_use]
    pub fn of(cell: &PairCell) -> Self {
        let readings = cell.readings().iter().map(|(plugin, reading)| (plugin.to_string(), ReadingView::of(reading))).collect();
        Self { instrument_id: cell.pair.to_string(), readings }
    }

    /// Of the Hash `analysis:{id}`.
    #[must_use]
    pub fn of_hash(pair: &str, hash: &Hash) -> Self {
        let part = |plugin: &str, name: &str| hash.get(&format!("{plugin}.{name}")).map_or("", String::as_str);
        let mut readings: BTreeMap<String, ReadingView> = BTreeMap::new();
        for (field, status) in hash {
            if let Some(plugin) = field.strip_suffix(".status") {
                let view = ReadingView::of_parts(status, part(plugin, "version"), part(plugin, "time"), part(plugin, "sequence"));
                readings.insert(plugin.to_owned(), view);
            }
        }
        for (field, value) in hash {
            let owner = match field.split_once('.') {
                Some((_, "status" | "version" | "time" | "sequence" | "details_time")) => continue,
                Some((plugin, _)) => plugin,
                None if SHARED_FIELDS.contains(&field.as_str()) => usual_owner(field),
                None => continue,
            };
            if let Some(reading) = readings.get_mut(owner) {
                reading.fields.insert(field.clone(), value.clone());
            }
        }
        Self { instrument_id: pair.to_owned(), readings }
    }
}

fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;
    use crate::analysis::{Outcome, Reason};

    #[test]
    fn a_status_reads_back_as_the_outcome_that_it_was_written_from() {
        let reason = |detail: &str, remaining_ms| Reason { code: "history".to_owned(), detail: detail.to_owned(), remaining_ms };
        for outcome in [
            Outcome::Ok,
            Outcome::Warming(reason("3 of 600, seconds", Some(597_000))),
            Outcome::Unknown(reason("", None)),
            Outcome::Fault(reason("a (strange) one", None)),
            Outcome::Provisional(reason("so far", Some(1000))),
        ] {
            let view = ReadingView::of_parts(&outcome.status(), "1.0.0", "", "7");
            assert_eq!(view.outcome, outcome.word());
            assert_eq!(view.code.as_deref(), outcome.reason().map(|reason| reason.code.as_str()));
            assert_eq!(view.detail.as_deref(), outcome.reason().map(|reason| reason.detail.as_str()));
            assert_eq!(view.remaining_ms, outcome.reason().and_then(|reason| reason.remaining_ms));
            assert_eq!((view.sequence, view.time), (Some(7), None));
        }
    }

    #[test]
    fn the_fields_of_a_hash_come_to_the_plugin_that_wrote_them() {
        let hash: Hash = [
            ("instrument_id", "BTC-USDT"),
            ("analysis_time", "2026-11-25T17:00:00.000Z"),
            ("support_level_1", "30000.1"),
            ("support_resistance.status", "ok"),
            ("support_resistance.version", "1.2.3"),
            ("support_resistance.strength", "0.5"),
            ("liquidity_index", "0.4"),
            ("microprice.status", "unknown: one_sided"),
            ("microprice.price", ""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let readings = Readings::of_hash("BTC-USDT", &hash).readings;
        assert_eq!(readings.keys().collect::<Vec<_>>(), ["microprice", "support_resistance"]);
        let levels = &readings["support_resistance"];
        assert_eq!((levels.fields.len(), levels.version.as_str()), (2, "1.2.3"));
        assert_eq!(readings["microprice"].code.as_deref(), Some("one_sided"));
    }
}
