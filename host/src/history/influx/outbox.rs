//! Batches on their way to InfluxDB: a few in memory, behind them the spool on the disk, sent in the order in which they were made.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::history::figures::Figures;

/// Most bytes of packed batches in memory.
const MEMORY_BYTES: usize = 16 << 20;
/// Most batches in memory.
const MEMORY_BATCHES: usize = 64;
/// What a spool's file is called: its place in the order, how many lines.
const SUFFIX: &str = ".lp.gz";

/// A batch of lines, packed by gzip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// Its place in the order.
    pub(super) number: u64,
    /// How many lines.
    pub(super) lines: u64,
    /// The lines.
    pub(super) body: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Spooled {
    number: u64,
    lines: u64,
    bytes: u64,
}

#[derive(Default)]
struct State {
    memory: VecDeque<Batch>,
    spool: VecDeque<Spooled>,
    next: u64,
    closed: bool,
    /// Nobody sends any more: what still comes goes to the disk.
    kept: bool,
}

/// The batches that wait.
pub(super) struct Outbox {
    folder: PathBuf,
    max_bytes: u64,
    figures: Arc<Figures>,
    state: Mutex<State>,
    /// A batch came, or none will come any more.
    changed: Notify,
}

impl Outbox {
    /// The outbox of a folder, with what an earlier host left in its spool.
    pub(super) fn open(folder: &Path, max_bytes: u64, figures: &Arc<Figures>) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut spool = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            match parse(name) {
                Some((number, lines)) => spool.push(Spooled { number, lines, bytes: entry.metadata()?.len() }),
                // A file that was being written when the host was killed.
                None if name.ends_with(".part") => std::fs::remove_file(entry.path())?,
                None => {}
            }
        }
        spool.sort_unstable_by_key(|one| one.number);
        let next = spool.last().map_or(1, |last| last.number + 1);
        if !spool.is_empty() {
            let lines: u64 = spool.iter().map(|one| one.lines).sum();
            tracing::info!("{}: {lines} points of an earlier run wait for InfluxDB", folder.display());
        }
        let state = State { spool: spool.into(), next, ..State::default() };
        let outbox =
            Self { folder: folder.to_owned(), max_bytes, figures: Arc::clone(figures), state: Mutex::new(state), changed: Notify::new() };
        outbox.show(&outbox.lock());
        Ok(outbox)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, state: &State) {
        let lines = state.memory.iter().map(|batch| batch.lines).chain(state.spool.iter().map(|one| one.lines)).sum();
        self.figures.set_waiting(lines, state.spool.iter().map(|one| one.bytes).sum());
    }

    /// Takes a batch: into memory, or, where that is full or older ones wait on the disk, into the spool. May write to the disk.
    pub(super) fn put(&self, lines: u64, body: Vec<u8>) {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        let batch = Batch { number, lines, body };
        let bytes: usize = state.memory.iter().map(|batch| batch.body.len()).sum();
        if !state.kept && state.spool.is_empty() && state.memory.len() < MEMORY_BATCHES && bytes + batch.body.len() <= MEMORY_BYTES {
            state.memory.push_back(batch);
        } else {
            self.spool(&mut state, &batch, false);
        }
        self.show(&state);
        drop(state);
        self.changed.notify_one();
    }

    /// Writes a batch into the spool, before or behind what is there; what no longer fits is dropped, the oldest first.
    fn spool(&self, state: &mut State, batch: &Batch, in_front: bool) {
        let path = self.folder.join(file_name(batch.number, batch.lines));
        let part = path.with_extension("part");
        let written = std::fs::write(&part, &batch.body).and_then(|()| std::fs::rename(&part, &path));
        if let Err(error) = written {
            let _ = std::fs::remove_file(&part);
            self.figures.failed(&format!("{}: the spool can't be written: {error}\nhint: make room on its disk", self.folder.display()));
            self.figures.drop_points(batch.lines, "InfluxDB is away and the spool can't be written");
            return;
        }
        let spooled = Spooled { number: batch.number, lines: batch.lines, bytes: batch.body.len() as u64 };
        if in_front {
            state.spool.push_front(spooled)
        } else {
            state.spool.push_back(spooled)
        }
        let mut bytes: u64 = state.spool.iter().map(|one| one.bytes).sum();
        // The first may be on its way.
        while bytes > self.max_bytes
            && let Some(oldest) = (state.spool.len() > 2).then(|| state.spool.remove(1)).flatten()
        {
            bytes -= oldest.bytes;
            let _ = std::fs::remove_file(self.folder.join(file_name(oldest.number, oldest.lines)));
            self.figures.drop_points(oldest.lines, "InfluxDB is away and the spool is full (INFLUX_SPOOL_MB)");
        }
    }

    /// The batch that is next, as soon as there is one; none once there is none and none will come. It stays until [`Outbox::sent`].
    pub(super) async fn next(&self) -> Option<Batch> {
        loop {
            let changed = self.changed.notified();
            if let Some(found) = self.first() {
                return Some(found);
            }
            if self.lock().closed {
                return None;
            }
            changed.await;
        }
    }

    fn first(&self) -> Option<Batch> {
        let mut state = self.lock();
        if let Some(batch) = state.memory.front() {
            return Some(batch.clone());
        }
        while let Some(&Spooled { number, lines, .. }) = state.spool.front() {
            let path = self.folder.join(file_name(number, lines));
            match std::fs::read(&path) {
                Ok(body) => return Some(Batch { number, lines, body }),
                Err(error) => {
                    tracing::error!("{}: {error}", path.display());
                    self.figures.drop_points(lines, "a file of the spool can't be read");
                    state.spool.pop_front();
                }
            }
        }
        self.show(&state);
        None
    }

    /// A batch is done with.
    pub(super) fn sent(&self, number: u64) {
        let mut state = self.lock();
        if state.memory.front().is_some_and(|batch| batch.number == number) {
            state.memory.pop_front();
        } else if let Some(spooled) = state.spool.front().copied().filter(|one| one.number == number) {
            state.spool.pop_front();
            let _ = std::fs::remove_file(self.folder.join(file_name(spooled.number, spooled.lines)));
        }
        self.show(&state);
    }

    /// No more batches come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Puts what is in memory into the spool, for the next host.
    pub(super) fn keep(&self) {
        let mut state = self.lock();
        state.kept = true;
        while let Some(batch) = state.memory.pop_back() {
            self.spool(&mut state, &batch, true);
        }
        self.show(&state);
        let waiting = self.figures.waiting_points();
        if waiting > 0 {
            tracing::warn!("{waiting} points wait for InfluxDB in {}, for the next start", self.folder.display());
        }
    }
}

fn file_name(number: u64, lines: u64) -> String {
    format!("{number:020}-{lines}{SUFFIX}")
}

fn parse(name: &str) -> Option<(u64, u64)> {
    let (number, lines) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    Some((number.parse().ok()?, lines.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(folder: &Path, max_bytes: u64) -> (Outbox, Arc<Figures>) {
        let figures = Arc::<Figures>::default();
        (Outbox::open(folder, max_bytes, &figures).expect("a folder"), figures)
    }

    fn drain(outbox: &Outbox) -> Vec<u64> {
        let mut seen = Vec::new();
        while let Some(batch) = outbox.first() {
            seen.push(batch.lines);
            outbox.sent(batch.number);
        }
        seen
    }

    #[test]
    fn batches_leave_in_the_order_in_which_they_came_also_over_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, _) = outbox(folder.path(), 1 << 30);
        let count = MEMORY_BATCHES as u64 + 20;
        for lines in 0..count {
            first.put(lines, vec![0; 10]);
        }
        let begun = first.first().expect("there are some");
        first.sent(begun.number);
        first.keep();
        let (second, figures) = outbox(folder.path(), 1 << 30);
        second.put(count, vec![1; 10]);
        assert_eq!(drain(&second), (1..=count).collect::<Vec<_>>());
        assert_eq!((figures.waiting_points(), figures.spool_bytes()), (0, 0));
    }

    #[test]
    fn a_spool_that_is_full_drops_the_oldest_and_counts_its_points() {
        let folder = tempfile::tempdir().expect("a folder");
        let (outbox, figures) = outbox(folder.path(), 1000);
        let fits = MEMORY_BATCHES as u64;
        for _ in 0..fits {
            outbox.put(1, vec![0; 10]);
        }
        for _ in 0..20 {
            outbox.put(7, vec![0; 100]);
        }
        assert_eq!(figures.spool_bytes(), 1000);
        assert_eq!(figures.dropped_points(), 70);
        assert_eq!(drain(&outbox).len() as u64, fits + 10);
    }

    #[test]
    fn a_file_that_was_being_written_when_the_host_was_killed_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("00000000000000000007-3.lp.part"), b"half").expect("written");
        let (outbox, _) = outbox(folder.path(), 1000);
        assert_eq!(outbox.first(), None);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
