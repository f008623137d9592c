//! `system:monitoring` and `system:stages`, once a second: the fields of §14.4 and §16.6, and the figures behind them.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::machine::Machine;
use super::redis_figures::RedisFigures;
use super::stages::{self, StageTimes};
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
    let cells = monitor.board.pairs();
    let offset = monitor.exchange_clock();
    let redis = monitor.redis();
    let of_redis = |of: fn(&RedisFigures) -> Option<f64>, digits: usize| {
        redis.as_ref().and_then(of).map_or_else(String::new, |value| format!("{value:.digits$}"))
    };
    let machine = monitor.machine();
    let disk = machine.disk.as_ref();
    let recent = monitor.recent.get().map(|recent| recent.figures()).unwrap_or_default();
    let history = monitor.history.get();
    let of_history = |of: fn(&HistoryReport) -> u64| history.as_ref().map_or_else(String::new, |history| of(history).to_string());
    let mut fields = vec![
        ("websocket_connections", number(monitor.connections.load(Ordering::Relaxed))),
        ("active_pairs", monitor.board.live().to_string()),
        ("avg_processing_latency", monitor.latency.mean_ms().map_or_else(String::new, |ms| format!("{ms:.3}"))),
        ("redis_memory_usage", redis.map_or_else(String::new, |redis| number(redis.memory))),
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
        ("buffered_lane_checkpoints", number(counters.checkpoints.get())),
        ("buffered_lane_waiting", number(cells.iter().map(|cell| cell.status().lane.waiting() as u64).sum())),
        (
            "buffered_lane_lag_ms",
            number(
                cells.iter().map(|cell| cell.status().lane.lag()).max().map_or(0, |lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)),
            ),
        ),
        ("buffered_lane_dropped", number(counters.lane_dropped.get())),
        ("clock_steps", number(counters.clock_steps.get())),
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
        ("redis_up", if redis.is_some() { "yes" } else { "no" }.to_owned()),
        ("redis_memory_percent", of_redis(RedisFigures::memory_percent, 1)),
        ("redis_fragmentation", of_redis(|redis| redis.fragmentation, 2)),
        ("redis_round_trip_ms", of_redis(|redis| Some(redis.round_trip.as_secs_f64() * 1000.0), 3)),
        ("process_cpu_percent", machine.cpu_percent.map_or_else(String::new, |percent| format!("{percent:.1}"))),
        ("process_memory_bytes", machine.memory.map_or_else(String::new, number)),
        ("disk_free_bytes", disk.map_or_else(String::new, |disk| number(disk.free))),
        ("disk_free_percent", disk.map_or_else(String::new, |disk| format!("{:.1}", disk.free_percent))),
        ("disk_folder", disk.map_or_else(String::new, |disk| disk.folder.display().to_string())),
        ("log_dropped", number(crate::logging::dropped())),
    ];
    fields.extend(monitor.alert_figures().into_iter().map(|(name, value)| (name, number(value))));
    fields
}

/// The fields of `system:stages`: each stage's times as JSON.
fn stages(monitor: &Monitor) -> Vec<(&'static str, String)> {
    let times = monitor.stages.each().map(|stage| serde_json::to_string(&StageTimes::of(stage)).unwrap_or_default());
    stages::FIELDS.into_iter().zip(times).collect()
}

/// This process, as other hosts on the same Redis can tell it from themselves.
#[must_use]
pub fn host() -> &'static str {
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

/// What is published, and through what.
pub struct PublishParts {
    /// The figures.
    pub monitor: Arc<Monitor>,
    /// The memory lane's plugins.
    pub desks: Desks<MemoryDesk>,
    /// The way into Redis.
    pub writer: Arc<Writer>,
    /// The process and its disks.
    pub machine: Machine,
    /// Where the page is.
    pub page: String,
}

/// Writes the figures each second until `stop`, and once more then.
pub async fn run(parts: PublishParts, link: Link, stop: CancellationToken) {
    let PublishParts { monitor, desks, writer, mut machine, page } = parts;
    let started = clock::rfc3339(clock::unix_ms());
    look_for_another(&link).await;
    let mut tick = tokio::time::interval(EVERY);
    loop {
        let stopping = tokio::select! {
            _ = tick.tick() => false,
            () = stop.cancelled() => true,
        };
        if !stopping {
            monitor.set_redis(RedisFigures::ask(&link).await);
            monitor.set_machine(machine.look());
        }
        note_skipped(&monitor, &desks);
        for cell in monitor.board.pairs() {
            // A pair without a connection has nobody else who writes this each second.
            let status = cell.status();
            if matches!(status.state, PairState::Refused { .. }) {
                writer.hash(keys::feed(&cell.pair), status.fields(&cell.pair, monitor.exchange_clock()));
            }
        }
        let heartbeat = vec![
            ("host", host().to_owned()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("started", started.clone()),
            ("time", clock::rfc3339(clock::unix_ms())),
            ("state", if stopping { "stopping" } else { "running" }.to_owned()),
            ("pairs", monitor.board.pairs().iter().map(|cell| &*cell.pair).collect::<Vec<_>>().join(",")),
            ("page", page.clone()),
        ];
        writer.hash(keys::host(host()), heartbeat);
        let figures = fields(&monitor, &desks);
        monitor.figures(&figures);
        writer.hash(keys::MONITORING.to_owned(), figures);
        writer.hash(keys::STAGES.to_owned(), stages(&monitor));
        if stopping {
            return;
        }
    }
}

/// Tells each pair how many of its books plugins of the memory lane have skipped.
fn note_skipped(monitor: &Monitor, desks: &Desks<MemoryDesk>) {
    let mut by_pair: HashMap<Arc<str>, Vec<(Arc<str>, u64)>> = HashMap::new();
    for desk in desks.all().iter() {
        for (pair, books) in desk.skipped_by_pair() {
            by_pair.entry(pair).or_default().push((Arc::clone(&desk.name), books));
        }
    }
    for cell in monitor.board.pairs() {
        if let Some(skipped) = by_pair.remove(&cell.pair) {
            cell.status().skipped = skipped;
        }
    }
}
