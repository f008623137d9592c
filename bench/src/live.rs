//! Books offered to plugin threads as a busy market does, and what became of each: for benches of what happens while the host runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use leadline_host::analysis::{Crew, Outcome, Reading, Sink};
use leadline_host::clock::Arrival;
use leadline_market::{Book, Instrument, infer};

use crate::market;
use crate::walk::Walk;

/// Pairs of the load.
pub const PAIRS: usize = 10;
/// Frames a second of each pair.
pub const PER_SECOND: u32 = 100;

/// What was read, by plugin.
#[derive(Clone, Default)]
pub struct Readings(Arc<Mutex<HashMap<Arc<str>, Seen>>>);

/// Of one plugin.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Readings.
    pub readings: u64,
    /// Readings whose sequence number isn't above the one before, of their pair.
    pub twice: u64,
    /// Readings that said `warming` after one of their pair that didn't.
    pub cold: u64,
    /// Frame's arrival to reading, of readings that are no fault.
    pub latencies: Vec<Duration>,
    /// The same of faults.
    pub faults: Vec<Duration>,
    /// Time between two readings of one pair.
    pub gaps: Vec<Duration>,
    last: HashMap<Arc<str>, (Instant, Option<i64>, bool)>,
}

impl Readings {
    /// A sink that notes everything down.
    #[must_use]
    pub fn sink(&self) -> Sink {
        let notes = Arc::clone(&self.0);
        Arc::new(move |reading: Reading| {
            let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = notes.entry(Arc::clone(&reading.plugin)).or_default();
            let now = Instant::now();
            let warm = !matches!(reading.outcome, Outcome::Warming(_));
            seen.readings += 1;
            match reading.outcome {
                Outcome::Fault(_) => seen.faults.push(reading.latency),
                _ => seen.latencies.push(reading.latency),
            }
            if let Some((at, sequence, was_warm)) = seen.last.insert(Arc::clone(&reading.pair), (now, reading.sequence, warm)) {
                seen.gaps.push(now - at);
                seen.twice += u64::from(reading.sequence <= sequence);
                seen.cold += u64::from(was_warm && !warm);
            }
        })
    }

    /// What a plugin's readings were so far; the next ones are noted anew, but for where each pair stands.
    #[must_use]
    pub fn take(&self, plugin: &str) -> Seen {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = notes.get_mut(plugin) else { return Seen::default() };
        let last = seen.last.clone();
        std::mem::replace(seen, Seen { last, ..Seen::default() })
    }
}

/// A quantile of some durations.
#[must_use]
pub fn quantile(of: &mut [Duration], quantile: f64) -> Duration {
    of.sort_unstable();
    let at = ((of.len() as f64 * quantile).ceil() as usize).clamp(1, of.len().max(1)) - 1;
    of.get(at).copied().unwrap_or_default()
}

/// The load: what it has offered so far.
pub struct Load {
    books: Walk<Book>,
    pairs: Vec<(Arc<str>, Arc<Instrument>)>,
    due: Instant,
    /// Rounds offered: one book a pair.
    pub rounds: u64,
}

impl Load {
    /// Books of the generated market, of 400 levels a side.
    ///
    /// # Errors
    /// When the market can't be made.
    pub fn new(bases: &[&str]) -> anyhow::Result<Self> {
        let stream = market::stream(400)?;
        let books = market::books(&stream)?;
        let pairs = bases.iter().map(|base| Arc::new(infer(&format!("{base}-USDT"), 1, 8)));
        Ok(Self {
            books: Walk::new(books, 1_700_000_000_000),
            pairs: pairs.map(|instrument| (Arc::from(instrument.id.as_str()), instrument)).collect(),
            due: Instant::now(),
            rounds: 0,
        })
    }

    /// The same with a quote of its own for each pair, for a plugin that goes by the base.
    #[must_use]
    pub fn quoted(mut self, pairs: usize) -> Self {
        let base = self.pairs.first().map(|(_, instrument)| instrument.base.clone()).unwrap_or_default();
        let instruments = (0..pairs).map(|n| Arc::new(infer(&format!("{base}-Q{n}"), 1, 8)));
        self.pairs = instruments.map(|instrument| (Arc::from(instrument.id.as_str()), instrument)).collect();
        self
    }

    /// Offers books at their times until something is true; pairs one after another, evenly over each hundredth of a second.
    pub fn run(&mut self, crew: &Crew, mut until: impl FnMut() -> bool) {
        let step = Duration::from_secs(1) / PER_SECOND / u32::try_from(self.pairs.len()).unwrap_or(1);
        self.due = self.due.max(Instant::now());
        while !until() {
            let book = Arc::new(self.books.step().clone());
            let desks = crew.memory.all();
            for (pair, instrument) in &self.pairs {
                std::thread::sleep(self.due.saturating_duration_since(Instant::now()));
                self.due += step;
                let arrival = Arrival::now();
                desks.iter().for_each(|desk| desk.offer(pair, instrument, &book, arrival));
            }
            self.rounds += 1;
        }
    }
}

/// Share of the processor time since `before` that the machine's owner took for others, percent.
#[must_use]
pub fn steal(before: Option<(u64, u64)>) -> Option<f64> {
    let (total, stolen) = before?;
    let (now, now_stolen) = processor_time()?;
    Some(100.0 * (now_stolen - stolen) as f64 / (now - total).max(1) as f64)
}

/// All processor time so far, and what of it was stolen, in the kernel's ticks.
#[must_use]
pub fn processor_time() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = text.lines().next()?.split_whitespace().skip(1).filter_map(|tick| tick.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; guest time is part of user time.
    Some((ticks.iter().take(8).sum(), *ticks.get(7)?))
}
