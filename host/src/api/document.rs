//! The state of the host as one JSON document, for the page.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::analysis::{Desks, MemoryDesk, Reading};
use crate::clock::{rfc3339, unix_ms};
use crate::monitor::figures::Report;
use crate::monitor::{ClockOffset, Monitor, PairCell, publish};

/// Everything the page shows.
#[derive(Debug, Serialize, ToSchema)]
pub struct Document {
    /// Always `leadline`.
    pub program: &'static str,
    /// The host's version.
    pub version: &'static str,
    /// Wall-clock time, RFC 3339.
    pub time: String,
    /// Where the frames come from, in words.
    pub feed: String,
    /// The fields of `system:monitoring`.
    pub monitoring: BTreeMap<&'static str, String>,
    /// Wanted pairs over the limit.
    pub pairs_left_out: Vec<String>,
    /// Members of the Set of wanted pairs that are no instrument's name.
    pub pairs_refused: Vec<String>,
    /// The pairs, by id.
    pub pairs: Vec<Pair>,
}

/// One pair.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pair {
    instrument_id: String,
    state: &'static str,
    since: String,
    reason: Option<String>,
    trust: Option<&'static str>,
    crossed: bool,
    time: Option<String>,
    sequence: Option<i64>,
    best_bid: Option<String>,
    best_ask: Option<String>,
    bids: usize,
    asks: usize,
    frames: u64,
    gaps: u64,
    resyncs: u64,
    restarts: u64,
    connects: u64,
    reconnects: u64,
    joins: u64,
    audits: u64,
    last_audit: Option<String>,
    drift: u64,
    verified_since: Option<String>,
    verified_share_1h: Option<f64>,
    frames_per_second: f64,
    bytes_per_second: f64,
    frame_bytes_p50: Option<u64>,
    frame_bytes_p99: Option<u64>,
    frame_bytes_max: Option<u64>,
    delay_ms_p50: Option<u64>,
    delay_ms_p99: Option<u64>,
    delay_reliable: Option<&'static str>,
    age_ms: Option<u64>,
    readings: BTreeMap<String, ReadingView>,
}

/// A plugin's newest reading of a pair.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadingView {
    outcome: &'static str,
    code: Option<String>,
    detail: Option<String>,
    remaining_ms: Option<u64>,
    time: String,
    sequence: Option<i64>,
    version: String,
    latency_us: u64,
    fuel: u64,
    age_ms: u64,
    fields: BTreeMap<String, String>,
}

impl Document {
    /// The state now.
    #[must_use]
    pub fn now(monitor: &Monitor, desks: &Desks<MemoryDesk>, feed: &str) -> Self {
        let clock = monitor.exchange_clock();
        let not_run = monitor.not_run();
        Self {
            program: "leadline",
            version: env!("CARGO_PKG_VERSION"),
            time: rfc3339(unix_ms()),
            feed: feed.to_owned(),
            monitoring: publish::fields(monitor, desks).into_iter().collect(),
            pairs_left_out: not_run.left_out,
            pairs_refused: not_run.refused,
            pairs: monitor.board.pairs().iter().map(|cell| pair(cell, clock)).collect(),
        }
    }
}

fn pair(cell: &PairCell, clock: Option<ClockOffset>) -> Pair {
    let readings = cell.readings().iter().map(|(plugin, reading)| (plugin.to_string(), view(reading))).collect();
    let status = cell.status();
    let Report { verified_since_ms, verified_share, frames_per_second, bytes_per_second, frame_bytes, delay } = status.figures.report();
    Pair {
        instrument_id: cell.pair.to_string(),
        state: status.state.word(),
        since: rfc3339(status.since_ms),
        reason: status.state.reason(),
        trust: status.trust.map(leadline_market::Trust::as_str),
        crossed: status.crossed,
        time: status.time_ms.map(rfc3339),
        sequence: status.sequence,
        best_bid: status.best_bid.map(|price| price.to_string()),
        best_ask: status.best_ask.map(|price| price.to_string()),
        bids: status.levels.0,
        asks: status.levels.1,
        frames: status.frames,
        gaps: status.gaps,
        resyncs: status.resyncs,
        restarts: status.restarts,
        connects: status.connects,
        reconnects: status.reconnects,
        joins: status.joins,
        audits: status.audits,
        last_audit: status.audited_ms.map(rfc3339),
        drift: status.drift,
        verified_since: verified_since_ms.map(rfc3339),
        verified_share_1h: verified_share,
        // An empty sum is -0.
        frames_per_second: frames_per_second + 0.0,
        bytes_per_second: bytes_per_second + 0.0,
        frame_bytes_p50: frame_bytes.map(|sizes| sizes.p50),
        frame_bytes_p99: frame_bytes.map(|sizes| sizes.p99),
        frame_bytes_max: frame_bytes.map(|sizes| sizes.max),
        delay_ms_p50: delay.map(|delay| delay.p50_ms),
        delay_ms_p99: delay.map(|delay| delay.p99_ms),
        delay_reliable: delay.map(|delay| delay.reliable(clock)),
        age_ms: status.last_frame.map(|arrival| ms(arrival.elapsed())),
        readings,
    }
}

fn view(reading: &Reading) -> ReadingView {
    let reason = reading.outcome.reason();
    ReadingView {
        outcome: reading.outcome.word(),
        code: reason.map(|reason| reason.code.clone()),
        detail: reason.map(|reason| reason.detail.clone()),
        remaining_ms: reason.and_then(|reason| reason.remaining_ms),
        time: rfc3339(reading.arrival.unix_ms),
        sequence: reading.sequence,
        version: reading.version.to_string(),
        latency_us: u64::try_from(reading.latency.as_micros()).unwrap_or(u64::MAX),
        fuel: reading.cost.fuel,
        age_ms: ms(reading.arrival.elapsed()),
        fields: reading.fields.iter().cloned().collect(),
    }
}

fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
