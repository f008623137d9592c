//! The embedded history: does it keep up with 100 000 values a second, and how long does a window over a day of ten pairs take?
//!
//! `cargo bench -p leadline-bench --bench history`, or with `LEADLINE_BENCH_SECONDS=10` for less than a minute of writing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a measurement that fails should stop and say where")]

use std::borrow::Cow;
use std::time::{Duration, Instant};

use leadline_host::config::settings;
use leadline_host::history::History;
use leadline_host::history::entry::{Entry, Measurement, Sample, Value};
use leadline_host::history::query::{Name, RangeQuery, Selection, Span, WindowQuery};

/// Values a second.
const RATE: u64 = 100_000;
/// Fields of a sample: a plugin's reading has about so many.
const FIELDS: u64 = 10;
const PAIRS: u64 = 10;
/// 2026-11-25T00:00:00Z.
const DAY_NS: i64 = 1_795_564_800_000_000_000;
const MS: i64 = 1_000_000;

fn settings(folder: &std::path::Path) -> settings::History {
    settings::History {
        folder: Some(folder.to_owned()),
        influx: None,
        interval: Duration::ZERO,
        metrics_interval: Duration::from_secs(10),
        book: settings::BookPolicy::Off,
        keep_days: None,
        max_bytes: 1 << 40,
        flush: Duration::from_secs(5),
    }
}

fn sample(pair: u64, time_ns: i64, number: f64) -> Entry {
    let field = |field| (Cow::Owned(format!("field_{field}")), Value::Number(number + field as f64));
    Entry::Sample(Sample {
        measurement: Measurement::Analysis,
        pair: format!("PAIR{pair}-USDT").into(),
        source: "plugin".into(),
        time_ns,
        fields: (0..FIELDS).map(field).collect(),
    })
}

fn main() {
    let seconds: u64 = std::env::var("LEADLINE_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    write(seconds);
    read();
}

/// Offers at the rate, and says what was dropped, how far the writer was behind, and what it cost.
fn write(seconds: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(&settings(folder.path())).expect("it opens");
    let cpu = cpu();
    let begin = Instant::now();
    let (mut offered, mut most_behind) = (0, 0);
    while begin.elapsed() < Duration::from_secs(seconds) {
        let due = begin.elapsed().as_millis() as u64 * RATE / FIELDS / 1000;
        while offered < due {
            let time_ns = DAY_NS + (offered / PAIRS) as i64 * MS;
            history.offer(sample(offered % PAIRS, time_ns, offered as f64));
            offered += 1;
        }
        most_behind = most_behind.max(offered * FIELDS - history.figures().written_points() - history.figures().dropped_points());
        std::thread::sleep(Duration::from_millis(5));
    }
    let behind = offered * FIELDS - history.figures().written_points();
    let used = cpu_seconds(cpu);
    history.stop();
    let bytes: u64 =
        std::fs::read_dir(folder.path()).expect("a folder").flatten().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
    let rows = offered * FIELDS;
    println!(
        "write: {rows} values in {seconds} s ({} a second), {} dropped; behind at most {most_behind}, at the end {behind}; {:.1} CPU µs a value, {:.1} bytes a value",
        rows / seconds,
        history.figures().dropped_points(),
        used * 1e6 / rows as f64,
        bytes as f64 / rows as f64
    );
}

/// A day of ten pairs, a value a second each, asked for in windows.
fn read() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(&settings(folder.path())).expect("it opens");
    let mut points = 0;
    for second in 0..86_400 {
        for pair in 0..PAIRS {
            let entry = sample(pair, DAY_NS + second * 1000 * MS, second as f64);
            while !history.offer(entry.clone()) {
                std::thread::sleep(Duration::from_millis(1));
            }
            points += FIELDS;
        }
    }
    while history.figures().written_points() < points {
        std::thread::sleep(Duration::from_millis(10));
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let selection = |fields: &[&str]| Selection {
        measurement: Measurement::Analysis,
        pairs: Vec::new(),
        sources: Vec::new(),
        fields: Name::all(fields.iter().copied()).expect("good names"),
    };
    let day = Span::new(DAY_NS, DAY_NS + 86_400_000 * MS).expect("a span");
    for every in [10, 60, 3600] {
        let query = WindowQuery::new(selection(&["field_3"]), day, Duration::from_secs(every)).expect("good");
        let times = measured(|| runtime.block_on(history.windows(query.clone())).expect("an answer").len());
        println!("windows of {every} s over a day of {PAIRS} pairs, 864 000 values: {times}");
    }
    let hour = Span::new(DAY_NS + 3_600_000 * MS, DAY_NS + 7_200_000 * MS).expect("a span");
    let query = RangeQuery { selection: selection(&["field_3"]), span: hour, limit: 10_000 };
    let times = measured(|| runtime.block_on(history.range(query.clone())).expect("an answer").series.len());
    println!("values of an hour of {PAIRS} pairs, 36 000: {times}");
    history.stop();
}

/// Median and longest of 15 runs.
fn measured(mut work: impl FnMut() -> usize) -> String {
    let mut times: Vec<Duration> = (0..15)
        .map(|_| {
            let begin = Instant::now();
            assert_eq!(work() as u64, PAIRS);
            begin.elapsed()
        })
        .collect();
    times.sort();
    format!("median {:.0} ms, longest {:.0} ms", times[7].as_secs_f64() * 1000.0, times[14].as_secs_f64() * 1000.0)
}

/// Ticks of processor time of this process: user and system.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

fn cpu_seconds(since: u64) -> f64 {
    // A tick is 10 ms on every Linux that matters.
    (cpu() - since) as f64 / 100.0
}
