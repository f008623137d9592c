//! InfluxDB that is away, slow, full, or refuses: every good line arrives once the fault ends.

use std::sync::Arc;
use std::time::Duration;

use leadline_host::history::History;

use super::embedded::SmallDisk;
use super::front::{Fault, Front, Judge};
use super::model::Model;
use super::samples::{MS, START_NS, influx, numbers};
use crate::support::until;

async fn start(folder: &std::path::Path) -> (Arc<Model>, Front, Arc<History>) {
    let model = Arc::<Model>::default();
    let front = Front::start(Judge::Model(Arc::clone(&model))).await;
    let history = History::open(&influx(folder, &front.url())).expect("it opens");
    (model, front, history)
}

async fn stop(history: Arc<History>) {
    tokio::task::spawn_blocking(move || history.stop()).await.expect("it stops");
}

/// Offers samples of two values; their times say which they are.
fn offer(history: &History, which: std::ops::Range<i64>) {
    for i in which {
        assert!(history.offer(numbers("BTC-USDT", START_NS + i * MS, &[i as f64, -i as f64])));
    }
}

/// That exactly these samples are there, with their values.
fn assert_whole(model: &Model, count: i64) {
    let points = model.points.lock().unwrap();
    assert_eq!(points.len(), 2, "two series");
    for ((_, tags, field), values) in points.iter() {
        assert_eq!((tags["analysis_type"].as_str(), tags["instrument_id"].as_str()), ("liquidity_shrink", "BTC-USDT"));
        assert_eq!(values.len() as i64, count, "{field}");
        for (i, (time, value)) in (0_i64..).zip(values) {
            let number = if field == "field_0" { i as f64 } else { -i as f64 };
            assert_eq!((*time, value), (START_NS + i * MS, &super::model::Cell::Double(number)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_point_arrives_once_each_kind_of_outage_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, front, history) = start(folder.path()).await;
    let faults = [
        Fault::Away,
        Fault::Status(429, Some(1)),
        Fault::Status(500, None),
        Fault::Status(503, Some(1)),
        Fault::Cut,
        Fault::Slow(Duration::from_millis(300)),
    ];
    let each = 2000;
    let mut offered = 0;
    for fault in faults {
        let before = (history.figures().errors(), front.writes());
        front.set(fault);
        offer(&history, offered..offered + each);
        offered += each;
        until("the fault was felt", async || history.figures().errors() > before.0 || front.writes() > before.1 + 1).await;
        front.set(Fault::None);
    }
    until("all points are there", async || model.count() as i64 == 2 * offered && history.figures().waiting_points() == 0).await;
    assert_whole(&model, offered);
    assert_eq!((history.figures().dropped_points(), history.figures().refused_lines()), (0, 0));
    assert_eq!(history.figures().written_points() as i64, offered, "each line is counted as written once");
    stop(history).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_sent_by_the_next_host_in_the_same_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, front, history) = start(folder.path()).await;
    front.set(Fault::Away);
    offer(&history, 0..40_000);
    until("they wait", async || history.figures().waiting_points() == 40_000 && history.queued() == 0).await;
    assert!(history.figures().spool_bytes() > 0, "what doesn't fit into memory is on the disk");
    stop(history).await;
    assert_eq!(model.count(), 0);
    front.set(Fault::None);
    let again = History::open(&influx(folder.path(), &front.url())).expect("it opens");
    until("all points are there", async || model.count() == 80_000).await;
    assert_whole(&model, 40_000);
    stop(again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_whose_disk_is_full_says_so_counts_what_it_drops_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = SmallDisk::mount(folder.path(), 1) else {
        eprintln!("left out: a full disk, since this user may not mount a small one");
        return;
    };
    let (model, front, history) = start(folder.path()).await;
    front.set(Fault::Away);
    let figures = history.figures();
    let mut offered = 0;
    // Batches fill the memory, then the disk.
    until("it is said, and counted", async || {
        if history.queued() < 20_000 {
            offer(&history, offered..offered + 4000);
            offered += 4000;
        }
        let told = figures.trouble().unwrap_or_default();
        figures.dropped_points() > 0 && told.contains("the spool can't be written") && told.contains("hint: make room on its disk")
    })
    .await;
    until("the queue is empty", async || history.queued() == 0).await;
    disk.grow(64);
    front.set(Fault::None);
    until("what was kept is written", async || figures.waiting_points() == 0).await;
    let (written, dropped) = (figures.written_points() as i64, figures.dropped_points() as i64);
    assert_eq!((written + dropped, model.count() as i64), (offered, 2 * written), "each is written, or counted as dropped, once");
    offer(&history, offered..offered + 1000);
    until("what comes afterwards is written", async || model.count() as i64 == 2 * (written + 1000)).await;
    assert_eq!((figures.dropped_points() as i64, figures.trouble()), (dropped, None));
    stop(history).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_refused_is_laid_aside_and_all_others_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, _front, history) = start(folder.path()).await;
    for i in 0..1000 {
        let pair = if i % 333 == 7 { "bad" } else { "BTC-USDT" };
        assert!(history.offer(numbers(pair, START_NS + i * MS, &[1.0])));
    }
    until("all others are written", async || model.count() == 997).await;
    until("three are refused", async || history.figures().refused_lines() == 3).await;
    let dead = std::fs::read_to_string(folder.path().join("dead-letters.lp")).expect("the file");
    assert_eq!(dead.matches("instrument_id=bad").count(), 3, "{dead}");
    assert!(dead.contains("a bad line"), "with the reason: {dead}");
    stop(history).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_goes_in_parts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, front, history) = start(folder.path()).await;
    front.set(Fault::TooLarge(4000));
    offer(&history, 0..1000);
    until("all are written", async || model.count() == 2000).await;
    assert_whole(&model, 1000);
    stop(history).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_is_made_with_its_retention() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = Arc::<Model>::default();
    let front = Front::start(Judge::Model(Arc::clone(&model))).await;
    let mut settings = influx(folder.path(), &front.url());
    settings.keep_days = Some(30);
    let history = History::open(&settings).expect("it opens");
    offer(&history, 0..1);
    until("it is written", async || model.count() == 2).await;
    let made = front.made_buckets();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["name"], "leadline");
    assert_eq!(made[0]["retentionRules"], serde_json::json!([{"type": "expire", "everySeconds": 2_592_000}]));
    stop(history).await;
}

#[test]
fn a_token_never_stands_in_what_is_shown_of_the_settings() {
    let settings = influx(std::path::Path::new("x"), "http://x");
    assert!(!format!("{settings:?}").contains("secret-token"));
}
