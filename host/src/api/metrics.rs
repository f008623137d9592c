//! `/metrics`: what the host knows of itself and of each pair, as OpenMetrics text. Read off the board and the counters when
//! somebody asks; nothing is counted twice.
//!
//! What isn't known has no sample: nothing is not zero.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::own_metrics::Own;
use super::source::Live;
use crate::analysis::{Desks, LaneKind, MemoryDesk};
use crate::monitor::counters::Counter;
use crate::monitor::figures::Report;
use crate::monitor::stages::StageCounts;
use crate::monitor::{ClockOffset, Counters, Monitor, PairCell};
use crate::pairs::PairState;

/// What the answer is, as its header says.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The text behind `/metrics`.
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Metrics of a host, where there is one in this process, and of its API.
    #[must_use]
    pub fn new(live: Option<&Live>, own: Own) -> Self {
        let mut registry = Registry::with_prefix("leadline");
        if let Some(Live { monitor, desks, .. }) = live {
            registry.register_collector(Box::new(Host { monitor: Arc::clone(monitor), desks: desks.clone() }));
        }
        registry.register_collector(Box::new(own));
        Self { registry }
    }

    /// All metrics now.
    ///
    /// # Errors
    /// When the text can't be written, which a text in memory always can.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

struct Host {
    monitor: Arc<Monitor>,
    desks: Desks<MemoryDesk>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Collector for Host {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let clock = self.monitor.exchange_clock();
        let pairs: Vec<PairSample> = self.monitor.board.pairs().iter().map(|cell| PairSample::of(cell, clock)).collect();
        let mut sheet = Sheet { encoder };
        self.host(&mut sheet, clock)?;
        self.lanes(&mut sheet)?;
        self.stages(&mut sheet)?;
        of_pairs(&mut sheet, &pairs)
    }
}

/// Label names and values of one sample.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// The answer under way: one family after the other.
pub(super) struct Sheet<'a> {
    pub(super) encoder: DescriptorEncoder<'a>,
}

impl Sheet<'_> {
    pub(super) fn counter<'l>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        samples: impl IntoIterator<Item = (Labels<'l>, u64)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                family.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
            } else {
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
            }
        }
        Ok(())
    }

    fn gauge<'l>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<Unit>,
        samples: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                family.encode_gauge(&value)?;
            } else {
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    pub(super) fn one(&mut self, name: &str, help: &str, unit: Option<Unit>, value: Option<f64>) -> fmt::Result {
        self.gauge(name, help, unit, value.map(|value| (Labels::new(), value)))
    }
}

impl Host {
    fn host(&self, sheet: &mut Sheet<'_>, clock: Option<ClockOffset>) -> fmt::Result {
        let monitor = &*self.monitor;
        let mut info = sheet.encoder.encode_descriptor("build", "The program that answers", None, MetricType::Info)?;
        info.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        for (name, help, unit, counter) in counters(&monitor.counters) {
            sheet.counter(name, help, unit, [(Labels::new(), counter.get())])?;
        }
        let skipped: u64 = self.desks.all().iter().map(MemoryDesk::skipped).sum();
        let help = "Books that a plugin of the memory lane skipped because a newer one had come";
        sheet.counter("memory_lane_skipped", help, None, [(Labels::new(), skipped)])?;

        let connections = monitor.connections.load(Ordering::Relaxed) as f64;
        sheet.one("connections", "Connections to the exchange that are open now", None, Some(connections))?;
        sheet.one("pairs", "Pairs that run", None, Some(monitor.board.pairs().len() as f64))?;
        sheet.one("pairs_verified", "Pairs whose books are verified now: live or suspect", None, Some(monitor.board.live() as f64))?;
        let (left_out, refused) = {
            let not_run = monitor.not_run();
            (not_run.left_out.len() as f64, not_run.refused.len() as f64)
        };
        sheet.one("pairs_left_out", "Wanted pairs over the limit", None, Some(left_out))?;
        sheet.one("pairs_refused", "Members of the Set of wanted pairs that are no instrument's name", None, Some(refused))?;
        let checked = Some(monitor.last_config_check_ms.load(Ordering::Relaxed)).filter(|&ms| ms > 0).map(seconds);
        sheet.one("config_check_timestamp", "When the wanted pairs were last read", Some(Unit::Seconds), checked)?;
        self.surroundings(sheet)?;
        let offset = clock.map(|clock| clock.offset_ms as f64 / 1000.0);
        sheet.one("exchange_clock_offset", "The exchange's clock less this host's", Some(Unit::Seconds), offset)?;
        let uncertainty = clock.map(|clock| seconds(clock.uncertainty_ms));
        let help = "The offset may be wrong by this much either way";
        sheet.one("exchange_clock_uncertainty", help, Some(Unit::Seconds), uncertainty)
    }

    /// Redis, the process and its disks, alerts, history, log.
    fn surroundings(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let monitor = &*self.monitor;
        let (redis, machine, history) = (monitor.redis(), monitor.machine(), monitor.history.get());
        sheet.one("redis_up", "1 while Redis answers", None, Some(flag(redis.is_some())))?;
        let memory = redis.map(|redis| redis.memory as f64);
        sheet.one("redis_memory", "Memory that Redis says it uses", Some(Unit::Bytes), memory)?;
        let limit = redis.and_then(|redis| redis.memory_limit).map(|bytes| bytes as f64);
        sheet.one("redis_memory_limit", "Its maxmemory, where it has one", Some(Unit::Bytes), limit)?;
        let ratio = || Some(Unit::Other("ratio".to_owned()));
        let fragmentation = redis.and_then(|redis| redis.fragmentation);
        sheet.one("redis_fragmentation", "Memory that it takes of the machine for what it uses", ratio(), fragmentation)?;
        let round_trip = redis.map(|redis| redis.round_trip.as_secs_f64());
        sheet.one("redis_round_trip", "How long the last question took", Some(Unit::Seconds), round_trip)?;
        let mut family =
            sheet.encoder.encode_descriptor("process_cpu", "Processor time of all threads", Some(&Unit::Seconds), MetricType::Counter)?;
        if let Some(seconds) = machine.cpu_seconds {
            family.encode_counter::<NoLabelSet, _, f64>(&seconds, None)?;
        }
        let resident = machine.memory.map(|bytes| bytes as f64);
        sheet.one("process_memory", "Resident memory of the process", Some(Unit::Bytes), resident)?;
        let free = machine.disk.as_ref().map(|disk| disk.free as f64);
        sheet.one("disk_free", "Room on the fullest disk that the host writes to", Some(Unit::Bytes), free)?;
        let share = machine.disk.as_ref().map(|disk| disk.free_percent / 100.0);
        sheet.one("disk_free_share", "The same as a share of the disk", ratio(), share)?;
        for (name, value) in monitor.alert_figures() {
            match name {
                "alerts_active" => sheet.one(name, "Alerts that are on", None, Some(value as f64))?,
                "alert_webhooks_failing" => sheet.one(name, "Webhooks that can't be reached", None, Some(value as f64))?,
                "alerts_fired" => sheet.counter(name, "Alerts that began", None, [(Labels::new(), value)])?,
                _ => sheet.counter(name, "Alerts that somebody was not told of", None, [(Labels::new(), value)])?,
            }
        }
        let dropped = crate::logging::dropped();
        sheet.counter("log_dropped", "Lines that a file of the log couldn't take", None, [(Labels::new(), dropped)])?;
        let Some(history) = history else { return Ok(()) };
        sheet.one("history_write_rate", "Points a second that the history acknowledged", None, Some(history.write_rate))?;
        sheet.one("history_queued", "Points that wait in memory", None, Some(history.queued as f64))?;
        sheet.one("history_spooled", "What waits on the disk", Some(Unit::Bytes), Some(history.spooled_bytes as f64))?;
        let counts = [("dropped", history.dropped), ("refused", history.refused), ("errors", history.errors)];
        for (name, count) in counts {
            sheet.counter(
                &format!("history_{name}"),
                "Points of the history dropped, points refused, writes that failed",
                None,
                [(Labels::new(), count)],
            )?;
        }
        Ok(())
    }

    /// How long frames took to each stage of their way.
    fn stages(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let help = "From frame received to each stage of its way";
        let mut family = sheet.encoder.encode_descriptor("stage", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (stage, lane, times) in self.monitor.stages.each() {
            let StageCounts { buckets, sum, count } = times.counts();
            let buckets: Vec<(f64, u64)> =
                buckets.into_iter().map(|(bound, count)| (if bound.is_finite() { bound } else { f64::MAX }, count)).collect();
            let mut labels: Labels<'_> = vec![("stage", stage)];
            labels.extend((!lane.is_empty()).then_some(("lane", lane)));
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }

    fn lanes(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let lanes =
            [("memory", LaneKind::Memory), ("buffered", LaneKind::Buffered)].map(|(name, lane)| (name, self.monitor.latency.summary(lane)));
        let counts = lanes.iter().map(|(name, summary)| (vec![("lane", *name)], summary.count));
        sheet.counter("lane_readings", "Readings that Redis acknowledged", None, counts)?;
        let quantiles = lanes.iter().filter(|(_, summary)| summary.count > 0).flat_map(|(name, summary)| {
            [("p50", summary.p50), ("p99", summary.p99), ("p99.9", summary.p999), ("max", summary.max)]
                .map(|(statistic, us)| (vec![("lane", *name), ("statistic", statistic)], us as f64 / 1_000_000.0))
        });
        let help = "From frame received to reading acknowledged by Redis, since the start";
        sheet.gauge("lane_latency", help, Some(Unit::Seconds), quantiles)?;
        let mean = self.monitor.latency.mean_ms().map(|ms| ms / 1000.0);
        sheet.one("latency_mean", "The same, both lanes, mean of the last minute", Some(Unit::Seconds), mean)
    }
}

/// A counter's name without `_total`, its meaning, its unit, and where it stands.
type Counted<'a> = (&'static str, &'static str, Option<Unit>, &'a Counter);

/// All counters of the host. Taken apart by name, so that a new one that is missing here doesn't compile.
fn counters(all: &Counters) -> [Counted<'_>; 22] {
    let Counters {
        frames,
        bytes,
        frames_invalid,
        frames_dropped,
        gaps,
        resyncs,
        frames_unrouted,
        joins,
        audits,
        drift,
        connects_failed,
        connects,
        disconnects,
        subscription_changes,
        readings,
        readings_superseded,
        faults,
        redis_errors,
        events_dropped,
        lane_dropped,
        checkpoints,
        clock_steps,
    } = all;
    [
        ("frames", "Book frames received", None, frames),
        ("frame", "Their size", Some(Unit::Bytes), bytes),
        ("frames_invalid", "Frames that could not be read", None, frames_invalid),
        ("frames_dropped", "Updates dropped while a book was broken", None, frames_dropped),
        ("frames_unrouted", "Frames about pairs that nobody subscribed to on their connection", None, frames_unrouted),
        ("gaps", "Books that broke: gap, wrong checksum, impossible levels", None, gaps),
        ("resyncs", "Snapshots asked for anew", None, resyncs),
        ("joins", "New connections that took a pair over from an old one", None, joins),
        ("audits", "Kept books compared with the exchange's own at the same sequence number", None, audits),
        ("drift", "Kept books that differed", None, drift),
        ("connects", "Connections made", None, connects),
        ("connects_failed", "Tries to connect that failed", None, connects_failed),
        ("disconnects", "Connections lost", None, disconnects),
        ("subscription_changes", "Pairs added or taken away while running", None, subscription_changes),
        ("readings", "Readings made, of all outcomes", None, readings),
        ("readings_superseded", "Readings that a newer one overtook before Redis took them", None, readings_superseded),
        ("faults", "Calls of plugins that were stopped or failed", None, faults),
        ("redis_errors", "Calls to Redis that failed", None, redis_errors),
        ("lane_checkpoints", "Checkpoints of the buffered lane written", None, checkpoints),
        ("events_dropped", "Events that nobody could be told, since Redis was away too long", None, events_dropped),
        ("lane_dropped", "Frames of the buffered lane dropped: List full, Redis away too long, or unreadable", None, lane_dropped),
        ("clock_steps", "Times at which this machine's clock was set to another time", None, clock_steps),
    ]
}

/// A pair at one moment, so that all of its samples belong together.
struct PairSample {
    id: Arc<str>,
    state: &'static str,
    verified: bool,
    crossed: bool,
    levels: (usize, usize),
    age_s: Option<f64>,
    audited_ms: Option<u64>,
    report: Report,
    delay_reliable: Option<&'static str>,
    /// Frames of the buffered lane that aren't published yet, and how old the oldest is.
    lane: (usize, std::time::Duration),
    skipped: Vec<(Arc<str>, u64)>,
    counts: [u64; 10],
}

/// What [`PairSample::counts`] counts.
const PAIR_COUNTS: [(&str, &str); 10] = [
    ("pair_frames", "Book frames received"),
    ("pair_gaps", "Times the book broke"),
    ("pair_resyncs", "Snapshots asked for anew"),
    ("pair_restarts", "Books that followed none: a second snapshot, or exchange time that went back"),
    ("pair_connects", "Connections that have carried the pair"),
    ("pair_reconnects", "Those of them that followed a lost one"),
    ("pair_joins", "Times a new connection took the pair over without a gap"),
    ("pair_audits", "Times the kept book was compared with the exchange's own at the same sequence number"),
    ("pair_drift", "Audits that found the kept book wrong"),
    ("pair_lane_dropped", "Frames of the buffered lane that were dropped"),
];

impl PairSample {
    fn of(cell: &PairCell, clock: Option<ClockOffset>) -> Self {
        let status = cell.status();
        let report = status.figures.report();
        Self {
            id: Arc::clone(&cell.pair),
            state: status.state.word(),
            verified: status.state.is_verified(),
            crossed: status.crossed,
            levels: status.levels,
            age_s: status.last_frame.map(|arrival| arrival.elapsed().as_secs_f64()),
            audited_ms: status.audited_ms,
            delay_reliable: report.delay.map(|delay| delay.reliable(clock)),
            report,
            lane: (status.lane.waiting(), status.lane.lag()),
            skipped: status.skipped.clone(),
            counts: [
                status.frames,
                status.gaps,
                status.resyncs,
                status.restarts,
                status.connects,
                status.reconnects,
                status.joins,
                status.audits,
                status.drift,
                status.lane.dropped_total(),
            ],
        }
    }

    fn labels(&self) -> Labels<'_> {
        vec![("instrument_id", &*self.id)]
    }

    fn labels_and(&self, name: &'static str, value: &'static str) -> Labels<'_> {
        vec![("instrument_id", &*self.id), (name, value)]
    }
}

/// A pair's number, if there is one now.
type Number = fn(&PairSample) -> Option<f64>;

fn of_pairs(sheet: &mut Sheet<'_>, pairs: &[PairSample]) -> fmt::Result {
    let states = pairs
        .iter()
        .flat_map(|pair| states().into_iter().map(|state| (pair.labels_and("state", state), f64::from(u8::from(pair.state == state)))));
    sheet.gauge("pair_state", "1 for the state that the pair is in, 0 for the others", None, states)?;
    let seconds_unit = || Some(Unit::Seconds);
    let ratio = || Some(Unit::Other("ratio".to_owned()));
    let gauges: [(&str, &str, Option<Unit>, Number); 12] = [
        ("pair_verified", "1 while the kept book is the exchange's as far as its frames came", None, |pair| Some(flag(pair.verified))),
        ("pair_verified_since_timestamp", "Since when it is so without a break", seconds_unit(), |pair| {
            pair.report.verified_since_ms.map(seconds)
        }),
        ("pair_verified_hour", "Share of the last hour, or of the time since the pair began, in which it was", ratio(), |pair| {
            pair.report.verified_share
        }),
        ("pair_crossed", "1 while the best bid is not below the best ask", None, |pair| Some(flag(pair.crossed))),
        ("pair_last_frame_age", "Since the last frame came", seconds_unit(), |pair| pair.age_s),
        ("pair_last_audit_timestamp", "When the kept book was last compared with the exchange's", seconds_unit(), |pair| {
            pair.audited_ms.map(seconds)
        }),
        ("pair_frames_per_second", "Frames a second over the last ten", None, |pair| Some(pair.report.frames_per_second + 0.0)),
        ("pair_bytes_per_second", "Their bytes a second", None, |pair| Some(pair.report.bytes_per_second + 0.0)),
        ("pair_lane_waiting", "Frames of the buffered lane whose readings aren't published yet", None, |pair| Some(pair.lane.0 as f64)),
        ("pair_lane_lag", "How long the oldest of them has been under way", seconds_unit(), |pair| Some(pair.lane.1.as_secs_f64())),
        ("pair_delay_least", "Least delay of the last ten minutes; negative where the clocks differ", seconds_unit(), |pair| {
            pair.report.delay.map(|delay| delay.least_ms as f64 / 1000.0)
        }),
        (
            "pair_delay_reliable",
            "1 where the two clocks agree, so that delays mean something; 0 where not, or where it isn't known",
            None,
            |pair| pair.delay_reliable.map(|word| flag(word == "yes")),
        ),
    ];
    for (name, help, unit, number) in gauges {
        sheet.gauge(name, help, unit, pairs.iter().filter_map(|pair| Some((pair.labels(), number(pair)?))))?;
    }
    let levels = pairs.iter().flat_map(|pair| {
        [("bid", pair.levels.0), ("ask", pair.levels.1)].map(|(side, levels)| (pair.labels_and("side", side), levels as f64))
    });
    sheet.gauge("pair_levels", "Levels of the kept book", None, levels)?;
    let sizes = pairs.iter().filter_map(|pair| Some((pair, pair.report.frame_bytes?))).flat_map(|(pair, sizes)| {
        [("p50", sizes.p50), ("p99", sizes.p99), ("max", sizes.max)]
            .map(|(statistic, bytes)| (pair.labels_and("statistic", statistic), bytes as f64))
    });
    sheet.gauge("pair_frame_size", "Sizes of all frames so far", Some(Unit::Bytes), sizes)?;
    let delays = pairs.iter().filter_map(|pair| Some((pair, pair.report.delay?))).flat_map(|(pair, delay)| {
        [("p50", delay.p50_ms), ("p99", delay.p99_ms)].map(|(statistic, ms)| (pair.labels_and("statistic", statistic), seconds(ms)))
    });
    let help = "From the exchange's time of a change to its arrival, over the last one to two minutes; see leadline_pair_delay_reliable";
    sheet.gauge("pair_delay", help, Some(Unit::Seconds), delays)?;
    let skipped = pairs
        .iter()
        .flat_map(|pair| pair.skipped.iter().map(|(plugin, books)| (vec![("instrument_id", &*pair.id), ("plugin", &**plugin)], *books)));
    sheet.counter("pair_skipped", "Books that a plugin of the memory lane skipped because a newer one had come", None, skipped)?;
    for (at, (name, help)) in PAIR_COUNTS.into_iter().enumerate() {
        sheet.counter(name, help, None, pairs.iter().map(|pair| (pair.labels(), pair.counts[at])))?;
    }
    Ok(())
}

/// The words of all states.
fn states() -> [&'static str; 7] {
    [
        PairState::Connecting { attempt: 0, why: None },
        PairState::Subscribing,
        PairState::Live,
        PairState::Suspect { why: String::new() },
        PairState::Resyncing { since_ms: 0, attempt: 0, why: String::new() },
        PairState::Refused { code: String::new(), why: String::new() },
        PairState::Stopped,
    ]
    .map(|state| state.word())
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
