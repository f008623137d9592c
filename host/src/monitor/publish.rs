//! `system:monitoring`, once a second: the fields of §14.4 and §16.6, and the figures behind them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{HistoryReport, Monitor, latency::Summary};
use crate::analysis::{Desks, LaneKind, MemoryDesk};
use crate::clock;
use crate::pairs::PairState;
use crate::results::{Link, Writer, keys};

/// Another host that wrote so lately runs.
const ANOTHER_MS: u64 = 3000;
/// How often it is written.
const EVERY: Duration = Duration::from_secs(1);

/// The fields, in the order of the documentation.
#[must_use]
pub fn fields(monitor: &Monitor, desks: &Desks<MemoryDesk>) -> Vec<(&'static str, String)> {
    let counters = &monitor.counters;
    let checked = monitor.last_config_check_ms.load(Ordering::Relaxed);
    let memory = monitor.latency.summary(LaneKind::Memory);
    let buffered = monitor.latency.summary(LaneKind::Buffered);
    let skipped: u64 = desks.all().iter().map(MemoryDesk::skipped).sum();
    let ms = |us: u64| format!("{:.3}", us as f64 / 1000.0);
    let measured = |summary: Summary, us: u64| if summary.count == 0 { String::new() } else { ms(us) };
    let number = |n: u64| n.to_string();
    let not_run = monitor.not_run();
    let offset = monitor.exchange_clock();
    let recent = monitor.recent.get().map(|recent| recent.figures()).unwrap_or_default();
    let history = monitor.history.get();
    let of_history = |of: fn(&HistoryReport) -> u64| history.as_ref().map_or_else(String::new, |history| of(history).to_string());
    vec![
        ("websocket_connections", number(monitor.connections.load(Ordering::Relaxed))),
        ("active_pairs", monitor.board.live().to_string()),
        ("avg_processing_latency", monitor.latency.mean_ms().map_or_else(String::new, |ms| format!("{ms:.3}"))),
        ("redis_memory_usage", monitor.redis_memory().map_or_else(String::new, number)),
        ("influxdb_write_rate", history.map_or_else(|| "0".to_owned(), |history| format!("{:.1}", history.write_rate))),
        ("last_config_check", if checked == 0 { String::new() } else { clock::rfc3339(checked) }),
        ("subscription_changes", number(counters.subscription_changes.get())),
        ("pairs_left_out", names(&not_run.left_out)),
        ("pairs_refused", names(&not_run.refused)),
        ("exchange_clock_offset_ms", offset.map_or_else(String::new, |clock| clock.offset_ms.to_string())),
        ("exchange_clock_uncertainty_ms", offset.map_or_else(String::new, |clock| clock.uncertainty_ms.to_string())),
        ("host", host().to_owned()),
        ("time", clock::rfc3339(clock::unix_ms())),
        ("memory_lane_latency_p50_ms", measured(memory, memory.p50)),
        ("memory_lane_latency_p99_ms", measured(memory, memory.p99)),
        ("memory_lane_latency_max_ms", measured(memory, memory.max)),
        ("buffered_lane_latency_p50_ms", measured(buffered, buffered.p50)),
        ("buffered_lane_latency_p99_ms", measured(buffered, buffered.p99)),
        ("buffered_lane_latency_max_ms", measured(buffered, buffered.max)),
        ("frames", number(counters.frames.get())),
        ("frame_bytes", number(counters.bytes.get())),
        ("frames_invalid", number(counters.frames_invalid.get())),
        ("frames_dropped", number(counters.frames_dropped.get())),
        ("gaps", number(counters.gaps.get())),
        ("resyncs", number(counters.resyncs.get())),
        ("audits", number(counters.audits.get())),
        ("drift", number(counters.drift.get())),
        ("joins", number(counters.joins.get())),
        ("frames_unrouted", number(counters.frames_unrouted.get())),
        ("connects", number(counters.connects.get())),
        ("connects_failed", number(counters.connects_failed.get())),
        ("disconnects", number(counters.disconnects.get())),
        ("readings", number(counters.readings.get())),
        ("readings_superseded", number(counters.readings_superseded.get())),
        ("memory_lane_skipped", number(skipped)),
        ("buffered_lane_dropped", number(counters.lane_dropped.get())),
        ("faults", number(counters.faults.get())),
        ("redis_errors", number(counters.redis_errors.get())),
        ("recent_bytes", number(recent.bytes)),
        ("recent_frames_dropped", number(recent.dropped)),
        ("events_dropped", number(counters.events_dropped.get())),
        ("history_queued", of_history(|history| history.queued)),
        ("history_spooled_bytes", of_history(|history| history.spooled_bytes)),
        ("history_dropped", of_history(|history| history.dropped)),
        ("history_refused", of_history(|history| history.refused)),
        ("history_errors", of_history(|history| history.errors)),
    ]
}

/// This process, as other hosts on the same Redis can tell it from themselves.
fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{}:{}", machine.trim(), std::process::id())
    })
}

/// Warns of another host on the same Redis: each would write over the other's numbers.
async fn look_for_another(link: &Link) {
    let mut ask = redis::pipe();
    ask.cmd("HMGET").arg(keys::MONITORING).arg(&["host", "time"]);
    let Ok(((Some(other), Some(time)),)) = link.run::<((Option<String>, Option<String>),)>(&ask).await else { return };
    let age_ms = clock::parse_rfc3339(&time).map(|ms| clock::unix_ms().saturating_sub(ms));
    if other != host() && age_ms.is_some_and(|age| age < ANOTHER_MS) {
        tracing::warn!(
            other,
            "another host seems to run on this Redis: it wrote {} a moment ago, and each writes over the other's numbers\nhint: stop one, or give one another REDIS_DB",
            keys::MONITORING
        );
    }
}

/// Names in a row, as many as a person reads.
fn names(names: &[String]) -> String {
    const MOST: usize = 20;
    let mut text = names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(",");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}

/// Writes the figures each second until `stop`, and once more then.
pub async fn run(monitor: Arc<Monitor>, desks: Desks<MemoryDesk>, writer: Arc<Writer>, link: Link, stop: CancellationToken) {
    look_for_another(&link).await;
    let mut tick = tokio::time::interval(EVERY);
    loop {
        let stopping = tokio::select! {
            _ = tick.tick() => false,
            () = stop.cancelled() => true,
        };
        if !stopping {
            monitor.set_redis_memory(redis_memory(&link).await);
        }
        for cell in monitor.board.pairs() {
            // A pair without a connection has nobody else who writes this each second.
            let status = cell.status();
            if matches!(status.state, PairState::Refused { .. }) {
                writer.hash(keys::feed(&cell.pair), status.fields(&cell.pair, monitor.exchange_clock()));
            }
        }
        let figures = fields(&monitor, &desks);
        monitor.figures(&figures);
        writer.hash(keys::MONITORING.to_owned(), figures);
        if stopping {
            return;
        }
    }
}

/// Bytes that Redis says it uses.
async fn redis_memory(link: &Link) -> Option<u64> {
    let (info,): (String,) = link.run(redis::pipe().cmd("INFO").arg("memory")).await.ok()?;
    info.lines().find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok())
}
