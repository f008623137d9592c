//! Histories for tests, and what is put into them.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use leadline_host::config::settings::{self, BookPolicy};
use leadline_host::history::History;
use leadline_host::history::entry::{Entry, Measurement, Sample, Value};
use leadline_host::history::query::{Name, RangeQuery, Selection, Span};

/// 2026-11-25T10:00:00Z.
pub const START_NS: i64 = 1_795_600_800_000_000_000;
pub const MS: i64 = 1_000_000;

/// Settings of an embedded home.
pub fn embedded(folder: &Path) -> settings::History {
    settings::History {
        folder: Some(folder.to_owned()),
        influx: None,
        interval: Duration::ZERO,
        metrics_interval: Duration::from_secs(1),
        book: BookPolicy::Changes,
        keep_days: None,
        max_bytes: 1 << 30,
        flush: Duration::from_millis(20),
    }
}

/// Settings of a home in InfluxDB.
pub fn influx(folder: &Path, url: &str) -> settings::History {
    let influx = settings::Influx {
        url: url.to_owned(),
        org: "leadline".to_owned(),
        bucket: "leadline".to_owned(),
        token: "secret-token".to_owned(),
        batch_points: 500,
        batch_age: Duration::from_millis(20),
        spool_bytes: 64 << 20,
    };
    settings::History { influx: Some(influx), ..embedded(folder) }
}

/// A sample of numbers, one field each.
pub fn numbers(pair: &str, time_ns: i64, numbers: &[f64]) -> Entry {
    let field = |(i, number): (usize, &f64)| (Cow::Owned(format!("field_{i}")), Value::Number(*number));
    Entry::Sample(Sample {
        measurement: Measurement::Analysis,
        pair: pair.into(),
        source: "liquidity".into(),
        time_ns,
        fields: numbers.iter().enumerate().map(field).collect(),
    })
}

pub fn all_of(measurement: Measurement) -> Selection {
    Selection { measurement, pairs: Vec::new(), sources: Vec::new(), fields: Vec::new() }
}

pub fn named(names: &[&str]) -> Vec<Name> {
    Name::all(names.iter().copied()).expect("good names")
}

/// Everything of a measurement.
pub async fn everything(history: &Arc<History>, measurement: Measurement) -> Vec<(String, String, i64, Value)> {
    let mut from = 0;
    let mut all = Vec::new();
    loop {
        let span = Span::new(from, 8_000_000_000_000_000_000).expect("a span");
        let page = history.range(RangeQuery { selection: all_of(measurement), span, limit: 10_000 }).await.expect("an answer");
        for (key, points) in page.series {
            all.extend(points.into_iter().map(|point| (key.pair.to_string(), key.field.to_string(), point.time_ns, point.value)));
        }
        match page.next_ns {
            Some(next) => from = next,
            None => return all,
        }
    }
}
