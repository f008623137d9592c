//! Watches what happens in the host and offers it to the history.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::History;
use super::entry::{AlertEntry, Entry, Measurement, Sample, Value};
use super::sieve::Sieve;
use crate::alerts::Alert;
use crate::analysis::Reading;
use crate::clock;
use crate::config::settings;
use crate::monitor::observer::Observer;
use crate::monitor::{HistoryReport, Monitor};
use crate::okx::Change;
use crate::pairs::PairState;

/// Over how many seconds the rate of written points is taken.
const RATE_SECONDS: usize = 10;

/// Offers what happens to the history.
pub struct Keeper {
    history: Arc<History>,
    sieve: Sieve,
    /// Held weakly: the monitor holds its observers.
    monitor: std::sync::Weak<Monitor>,
    every: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the figures of connections and host were kept last.
    figures: Option<Instant>,
    /// Points written so far, at each of the last seconds.
    written: VecDeque<(Instant, u64)>,
    /// Time of the last alert: no two share one.
    alert_ns: i64,
}

impl Keeper {
    /// Watches for a history.
    #[must_use]
    pub fn new(history: &Arc<History>, monitor: &Arc<Monitor>, settings: &settings::History) -> Arc<Self> {
        Arc::new(Self {
            history: Arc::clone(history),
            sieve: Sieve::new(settings),
            monitor: Arc::downgrade(monitor),
            every: settings.metrics_interval,
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sample(&self, measurement: Measurement, pair: &Arc<str>, source: &str, fields: Vec<(std::borrow::Cow<'static, str>, Value)>) {
        if !fields.is_empty() {
            let sample = Sample { measurement, pair: Arc::clone(pair), source: source.into(), time_ns: now_ns(), fields };
            self.history.offer(Entry::Sample(sample));
        }
    }

    /// Tells the monitor how the history is doing.
    fn report(&self, monitor: &Monitor) {
        let figures = self.history.figures();
        let written = figures.written_points();
        let now = Instant::now();
        let mut state = self.lock();
        state.written.push_back((now, written));
        while state.written.len() > RATE_SECONDS + 1 {
            state.written.pop_front();
        }
        let rate = state.written.front().map_or(0.0, |&(then, before)| {
            let seconds = now.duration_since(then).as_secs_f64();
            if seconds > 0.0 { (written - before) as f64 / seconds } else { 0.0 }
        });
        drop(state);
        monitor.history.set(HistoryReport {
            write_rate: rate,
            queued: self.history.queued() as u64 + figures.waiting_points(),
            spooled_bytes: figures.spool_bytes(),
            dropped: figures.dropped_points(),
            refused: figures.refused_lines(),
            errors: figures.errors(),
        });
    }
}

impl Observer for Keeper {
    fn reading(&self, reading: &Reading) {
        if self.history.is_on()
            && let Some(sample) = self.sieve.reading(reading)
        {
            self.history.offer(Entry::Sample(sample));
        }
    }

    fn book(&self, pair: &Arc<str>, change: &Change<'_>) {
        if !self.history.is_on() {
            return;
        }
        for entry in self.sieve.book(pair, change) {
            if !self.history.offer(Entry::Book(entry)) {
                self.sieve.book_lost(pair);
            }
        }
    }

    fn pair_state(&self, pair: &Arc<str>, state: &PairState, _since_ms: u64) {
        if self.history.is_on() {
            let fields = vec![("state", state.word().to_owned())];
            self.sample(Measurement::Connection, pair, "", self.sieve.values(Measurement::Connection, &fields));
        }
    }

    fn figures(&self, figures: &[(&'static str, String)]) {
        let Some(monitor) = self.monitor.upgrade() else { return };
        if !self.history.is_on() {
            return;
        }
        self.report(&monitor);
        let now = Instant::now();
        {
            let mut state = self.lock();
            if state.figures.is_some_and(|at| now.duration_since(at) < self.every) {
                return;
            }
            state.figures = Some(now);
        }
        let host = figures.iter().find(|(name, _)| *name == "host").map_or("", |(_, host)| host.as_str());
        // The process's number changes with each start; the machine is the series.
        let machine = host.rsplit_once(':').map_or(host, |(machine, _)| machine);
        let fields: Vec<(&'static str, String)> = figures.iter().filter(|(name, _)| *name != "host").cloned().collect();
        self.sample(Measurement::Host, &Arc::from(""), machine, self.sieve.values(Measurement::Host, &fields));
        let clock = monitor.exchange_clock();
        for cell in monitor.board.pairs() {
            let mut fields = cell.status().fields(&cell.pair, clock);
            fields.retain(|(name, _)| !matches!(*name, "instrument_id" | "reason"));
            self.sample(Measurement::Connection, &cell.pair, "", self.sieve.values(Measurement::Connection, &fields));
        }
    }

    fn alert(&self, alert: &Alert) {
        if !self.history.is_on() {
            return;
        }
        let changed_ns = i64::try_from(alert.changed_ms).unwrap_or(0).saturating_mul(1_000_000);
        let time_ns = {
            let mut state = self.lock();
            if changed_ns <= state.alert_ns && state.alert_ns - changed_ns < 1_000_000 {
                state.alert_ns += 1000;
            } else {
                state.alert_ns = changed_ns;
            }
            state.alert_ns
        };
        self.history.offer(Entry::Alert(AlertEntry::of(alert, time_ns)));
    }
}

impl AlertEntry {
    /// A step of an alert, as it is kept.
    #[must_use]
    pub fn of(alert: &Alert, time_ns: i64) -> Self {
        Self {
            time_ns,
            id: alert.id.as_str().into(),
            pair: alert.pair.clone().unwrap_or_default(),
            source: alert.source.as_str().into(),
            name: Arc::clone(&alert.name),
            severity: alert.severity.as_str().into(),
            state: alert.state.as_str().into(),
            code: alert.code.as_str().into(),
            message: alert.message.as_str().into(),
            // Numbers by name can be written as JSON.
            numbers: serde_json::to_string(&alert.numbers).unwrap_or_default().into(),
        }
    }
}

fn now_ns() -> i64 {
    i64::try_from(clock::Arrival::now().unix_us()).unwrap_or(i64::MAX / 1000).saturating_mul(1000)
}
