//! The embedded home: kills, full disks, retention.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use leadline_host::history::entry::Measurement;
use leadline_host::history::query::{Name, RangeQuery, Selection, Span, WindowQuery};
use leadline_host::history::{History, HistoryError};

use super::samples::{MS, START_NS, all_of, embedded, everything, numbers};
use crate::support::until;

/// Names the folder to the process that is to be killed.
const CHILD: &str = "LEADLINE_HISTORY_CHILD";
/// Fields of a sample.
const FIELDS: usize = 10;

async fn stop(history: Arc<History>) {
    tokio::task::spawn_blocking(move || history.stop()).await.expect("it stops");
}

/// Not a test by itself: the process that the next one kills while it writes.
#[test]
fn a_process_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let history = History::open(&embedded(Path::new(&folder))).expect("it opens");
    let mut i = 0;
    loop {
        let entry = numbers("BTC-USDT", START_NS + i * MS, &[i as f64; FIELDS]);
        if history.offer(entry) {
            i += 1;
        } else {
            std::thread::yield_now();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_mid_write_leaves_whole_batches_and_the_next_host_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut seen = 0;
    for _ in 0..4 {
        let file = folder.path().join("2026-11-25.sqlite");
        let bytes = |file: &Path| std::fs::metadata(file).map_or(0, |file| file.len());
        let all = || bytes(&file) + bytes(&file.with_extension("sqlite-wal"));
        let before = all();
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "history::embedded::a_process_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let deadline = Instant::now() + Duration::from_secs(60);
        // Killed once more has been written than before: in the middle of the next batch.
        while all() < before + 1_500_000 {
            assert!(Instant::now() < deadline, "it writes");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        let history = History::open(&embedded(folder.path())).expect("the next host opens it");
        let points = everything(&history, Measurement::Analysis).await;
        let samples = points.len() / FIELDS;
        assert_eq!(points.len() % FIELDS, 0, "each sample is whole");
        assert!(samples >= seen, "nothing that was written is gone");
        seen = samples;
        let first: Vec<i64> = points.iter().filter(|(_, field, ..)| field == "field_0").map(|(_, _, time, _)| *time).collect();
        assert_eq!(first, (0..samples as i64).map(|i| START_NS + i * MS).collect::<Vec<_>>(), "in order and without a hole");
        stop(history).await;
    }
    assert!(seen > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(&embedded(folder.path())).expect("it opens");
    let Err(error) = History::open(&embedded(folder.path())) else { panic!("a second one") };
    assert!(matches!(error, HistoryError::Taken(_)) && error.to_string().contains("hint:"), "{error}");
    stop(history).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_are_too_old_or_too_much_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let today = i64::try_from(leadline_host::clock::unix_ms() / 86_400_000).expect("now");
    let at = |day: i64| (today - day) * 86_400_000 * MS + MS;
    let history = History::open(&embedded(folder.path())).expect("it opens");
    for day in 0..5 {
        for i in 0..2000 {
            assert!(history.offer(numbers("BTC-USDT", at(day) + i * MS, &[1.0; 10])));
        }
    }
    until("they are written", async || history.figures().written_points() == 100_000).await;
    stop(history).await;
    let days = || {
        std::fs::read_dir(folder.path())
            .expect("a folder")
            .flatten()
            .filter(|file| file.path().extension().is_some_and(|e| e == "sqlite"))
            .count()
    };
    assert_eq!(days(), 5);
    let mut settings = embedded(folder.path());
    settings.keep_days = Some(2);
    let history = History::open(&settings).expect("it opens");
    until("two days before today are left", async || days() == 3).await;
    assert!(history.offer(numbers("BTC-USDT", at(4), &[1.0])));
    until("what is older is dropped and counted", async || history.figures().dropped_points() == 1).await;
    stop(history).await;
    settings.max_bytes = 1 << 20;
    let history = History::open(&settings).expect("it opens");
    until("today alone is left", async || days() == 1 || history.figures().disk_bytes() <= 1 << 20).await;
    stop(history).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_spoilt_is_set_aside_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("2026-11-25.sqlite"), vec![b'x'; 5000]).expect("written");
    let history = History::open(&embedded(folder.path())).expect("it opens");
    assert!(history.offer(numbers("BTC-USDT", START_NS, &[1.0])));
    until("the day begins anew", async || history.figures().written_points() == 1).await;
    assert_eq!(everything(&history, Measurement::Analysis).await.len(), 1);
    let aside = std::fs::read_dir(folder.path())
        .expect("a folder")
        .flatten()
        .filter(|file| file.file_name().to_string_lossy().contains("broken"))
        .count();
    assert_eq!(aside, 1, "the spoilt file is kept");
    stop(history).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_is_said_and_nothing_is_lost_once_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = SmallDisk::mount(folder.path(), 3) else {
        eprintln!("left out: a full disk, since this user may not mount a small one");
        return;
    };
    let history = History::open(&embedded(folder.path())).expect("it opens");
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![0; 2 << 20]).expect("there is room");
    for i in 0..8000 {
        assert!(history.offer(numbers("BTC-USDT", START_NS + i * MS, &[i as f64; FIELDS])));
    }
    until("it is said", async || history.figures().trouble().is_some()).await;
    let told = history.figures().trouble().expect("said");
    assert!(told.contains("full") && told.contains("hint:"), "{told}");
    std::fs::remove_file(&ballast).expect("it was there");
    disk.grow(64);
    until("all is written", async || history.figures().written_points() == 80_000).await;
    assert_eq!(everything(&history, Measurement::Analysis).await.len(), 80_000);
    assert_eq!((history.figures().trouble(), history.figures().dropped_points()), (None, 0));
    stop(history).await;
}

/// A file system in memory over a folder.
pub struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    pub fn mount(folder: &'a Path, mb: u32) -> Option<Self> {
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mb}m"), "tmpfs"]).arg(folder).stderr(Stdio::null()).status();
        mount.is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    pub fn grow(&self, mb: u32) {
        let grown = Command::new("mount").args(["-o", &format!("remount,size={mb}m")]).arg(self.0).status().expect("mount");
        assert!(grown.success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_without_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let history = History::open(&embedded(folder.path())).expect("it opens");
    for i in 0..1000 {
        assert!(history.offer(numbers("BTC-USDT", START_NS + i * MS, &[i as f64])));
        if i % 3 == 0 {
            assert!(history.offer(numbers("ETH-USDT", START_NS + i * MS, &[i as f64, 1.0])));
        }
    }
    until("they are written", async || history.figures().written_points() == 1668).await;
    let mut from = START_NS;
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let span = Span::new(from, START_NS + 86_400_000 * MS).expect("a span");
        let page = history.range(RangeQuery { selection: all_of(Measurement::Analysis), span, limit: 100 }).await.expect("an answer");
        for (key, points) in page.series {
            assert!(points.len() <= 100);
            seen.extend(points.into_iter().map(|point| (key.pair.to_string(), key.field.to_string(), point.time_ns)));
        }
        pages += 1;
        match page.next_ns {
            Some(next) => from = next,
            None => break,
        }
    }
    assert!(pages >= 10);
    seen.sort();
    let mut all: Vec<_> =
        everything(&history, Measurement::Analysis).await.into_iter().map(|(pair, field, time, _)| (pair, field, time)).collect();
    all.sort();
    assert_eq!(seen, all);
    stop(history).await;
}

#[test]
fn a_question_that_is_too_large_or_wrong_is_refused_with_what_to_do() {
    let text = Name::new("a\") |> drop()").expect_err("no name").to_string();
    assert!(text.contains("is no name") && text.contains("hint:"), "{text}");
    assert!(Span::new(5, 5).is_err() && Span::new(-1, 5).is_err());
    let span = Span::new(START_NS, START_NS + 86_400_000 * MS).expect("a span");
    let selection = Selection { measurement: Measurement::Host, pairs: Vec::new(), sources: Vec::new(), fields: Vec::new() };
    let text = WindowQuery::new(selection.clone(), span, Duration::from_secs(1)).expect_err("86400 windows").to_string();
    assert!(text.contains("86400 windows") && text.contains("hint:"), "{text}");
    assert!(WindowQuery::new(selection, span, Duration::from_secs(60)).is_ok());
}
