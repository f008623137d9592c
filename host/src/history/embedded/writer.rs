//! The one thread that writes: entries from the queue into the days' files, by size and age.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::days::Days;
use super::schema;
use crate::clock;
use crate::config::settings;
use crate::history::entry::Entry;
use crate::history::figures::Figures;
use crate::history::queue::{Next, Taken};

/// Points of a transaction at which the next begins.
const BATCH_POINTS: u64 = 20_000;
/// How often what is too old or too much is deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// Longest wait after an error; the first is a hundredth of it.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Writes until the queue is closed and empty.
pub(super) fn run(folder: &Path, settings: &settings::History, taken: &Taken, figures: &Arc<Figures>) {
    let mut days = Days::new(folder, settings);
    let mut batch: Vec<Entry> = Vec::new();
    let mut pruned: Option<Instant> = None;
    let today = Today::starts();
    let mut open = true;
    while open {
        if pruned.is_none_or(|at| at.elapsed() >= PRUNE_EVERY) {
            pruned = Some(Instant::now());
            match days.prune(today.ns()) {
                Ok(bytes) => figures.set_disk_bytes(bytes),
                Err(error) => tracing::error!("{}: old history can't be deleted: {error}", folder.display()),
            }
        }
        open = gather(taken, &mut batch, settings.flush);
        if batch.is_empty() {
            continue;
        }
        let oldest = settings.keep_days.map_or(i64::MIN, |keep| schema::day_of(today.ns()) - keep);
        batch.retain(|entry| {
            let kept = schema::day_of(entry.time_ns()) >= oldest && !days.is_full();
            if !kept {
                figures.drop_points(entry.points(), "older than HISTORY_KEEP_DAYS, or beyond HISTORY_MAX_MB");
            }
            kept
        });
        let points: u64 = batch.iter().map(Entry::points).sum();
        if commit(&mut days, &batch, points, taken, figures) {
            figures.written(points);
        } else {
            figures.drop_points(points, "the host stops and the files can't be written");
        }
        taken.done(&batch);
        batch.clear();
    }
    days.close();
}

/// What day it is for the age of what is kept. A clock that is set into another year while the host runs must not cost it its history, so a day
/// ends no sooner than it would have by the clock of the start.
struct Today {
    began_ns: i64,
    began: Instant,
}

impl Today {
    fn starts() -> Self {
        Self { began_ns: now_ns(), began: Instant::now() }
    }

    /// Nanoseconds since 1970.
    fn ns(&self) -> i64 {
        let elapsed = i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        now_ns().min(self.began_ns.saturating_add(elapsed))
    }
}

/// Takes what waits: until there is a batch of it, or its first entry is `age` old. Whether the queue is still open.
fn gather(taken: &Taken, batch: &mut Vec<Entry>, age: Duration) -> bool {
    let mut points = 0;
    let mut until = Instant::now() + PRUNE_EVERY;
    while points < BATCH_POINTS {
        match taken.next(until) {
            Next::Entry(entry) => {
                if batch.is_empty() {
                    until = Instant::now() + age;
                }
                points += entry.points();
                batch.push(entry);
            }
            Next::Time => return true,
            Next::Closed => return false,
        }
    }
    true
}

/// Writes a batch, again and again until it is written: nothing is lost while the disk is full but what no longer fits the queue. Whether
/// it was written: a host that stops waits no longer than one more try.
fn commit(days: &mut Days, batch: &[Entry], points: u64, taken: &Taken, figures: &Arc<Figures>) -> bool {
    let mut wait = LONGEST_WAIT / 100;
    loop {
        match days.write(batch) {
            Ok(()) => {
                figures.is_there("history is written again");
                return true;
            }
            Err(error) => figures.failed(&format!("history waits with {points} points: {error}")),
        }
        if taken.is_stopping() {
            return days.write(batch).is_ok();
        }
        taken.pause(wait);
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

fn now_ns() -> i64 {
    i64::try_from(clock::unix_ms()).unwrap_or(i64::MAX / 1_000_000).saturating_mul(1_000_000)
}
