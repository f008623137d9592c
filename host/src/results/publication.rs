//! What goes into Redis beside a value: how long it stays, and the event that tells of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use redis::Pipeline;
use serde::{Serialize, Serializer};

use super::sent::Sent;
use super::{Link, Writer, keys};
use crate::analysis::Reading;
use crate::clock::rfc3339;
use crate::config::settings::{self, Events};
use crate::monitor::{Observer, PluginState};
use crate::pairs::PairState;

/// The expiry of results that are written often is set anew each time this part of it has passed.
const RENEWALS: u32 = 4;

/// How results are published: shared by both lanes.
pub struct Publication {
    settings: settings::Results,
    /// What the Hashes of the readings are known to hold.
    sent: Sent,
    /// Whether readings are told: somebody listens, or it isn't known that nobody does.
    heard: AtomicBool,
    /// When the expiry of a pair's results was last set with a reading.
    by_readings: Mutex<Renewals>,
    /// And without one, since the pair is well and its book stands still.
    by_states: Mutex<Renewals>,
}

/// By pair; bounded by the pairs that run.
type Renewals = HashMap<Arc<str>, Instant>;

fn lock(renewals: &Mutex<Renewals>) -> MutexGuard<'_, Renewals> {
    renewals.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Publication {
    fn default() -> Self {
        Self::of(settings::Results::default())
    }
}

impl Publication {
    /// As the settings say.
    #[must_use]
    pub fn new(settings: settings::Results) -> Arc<Self> {
        Arc::new(Self::of(settings))
    }

    fn of(settings: settings::Results) -> Self {
        Self {
            sent: Sent::new(settings.details_interval, settings.expiry),
            heard: AtomicBool::new(true),
            by_readings: Mutex::default(),
            by_states: Mutex::default(),
            settings,
        }
    }

    /// What the Hashes of the readings are known to hold.
    pub(super) fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Keeps a reading that Redis took: its details follow, if they weren't sent with it and no other reading comes.
    pub fn keep(&self, reading: Arc<Reading>) {
        self.sent.keep(reading);
    }

    /// It isn't known any more what Redis holds of these plugins' fields of a pair: the next write is whole.
    pub fn doubt(&self, pair: &str, is_theirs: impl Fn(&str) -> bool) {
        self.sent.doubt(pair, is_theirs);
    }

    /// Asks whether anybody listens to readings. A server that isn't alone, or doesn't say, may have listeners that it doesn't know.
    pub(super) async fn look_for_listeners(&self, link: &Link) {
        if self.settings.events != Events::All || link.is_cluster() {
            return;
        }
        let mut ask = redis::pipe();
        ask.cmd("PUBSUB").arg("NUMPAT").cmd("PUBSUB").arg("CHANNELS").arg(keys::events("*")).cmd("INFO").arg("replication");
        let heard = match link.run::<(u64, Vec<String>, String)>(&ask).await {
            Ok((patterns, channels, info)) => {
                let alone = info.lines().any(|line| line.trim() == "connected_slaves:0");
                patterns > 0
                    || !alone
                    || channels.iter().any(|channel| ![keys::EVENTS_PLUGINS, keys::EVENTS_ALERTS].contains(&channel.as_str()))
            }
            Err(_) => true,
        };
        self.heard.store(heard, Ordering::Relaxed);
    }

    /// How long the results of a pair stay without a write; none: for ever.
    #[must_use]
    pub fn results_expiry(&self) -> Option<Duration> {
        self.settings.expiry
    }

    /// How long a Hash stays without a write, by its key.
    pub(super) fn expiry_of(&self, key: &str) -> Option<Duration> {
        if key.starts_with(keys::orderbook("").as_str()) {
            return self.settings.expiry;
        }
        // Whoever writes of plugins also compiles them, which may take longer than other states live.
        let patience = if key.starts_with(keys::plugin("").as_str()) { 4 } else { 1 };
        self.settings.state_expiry.map(|expiry| expiry * patience)
    }

    /// The event that tells of a reading, as JSON; none where they are switched off, or nobody listens.
    pub(super) fn reading_event(&self, reading: &Reading) -> Option<String> {
        (self.settings.events == Events::All && self.heard.load(Ordering::Relaxed)).then(|| reading_json(reading))
    }

    /// Whether changes of state are told.
    fn tells_states(&self) -> bool {
        self.settings.events != Events::Off
    }

    /// The expiry of `analysis:{id}`, where a reading is due to set it anew.
    pub(super) fn due_with_reading(&self, pair: &Arc<str>) -> Option<Duration> {
        self.due(&self.by_readings, pair)
    }

    /// The same for a pair that is well while its book stands still.
    pub(super) fn due_without(&self, pair: &Arc<str>) -> Option<Duration> {
        self.due(&self.by_states, pair)
    }

    fn due(&self, renewals: &Mutex<Renewals>, pair: &Arc<str>) -> Option<Duration> {
        let expiry = self.settings.expiry?;
        let (mut renewals, now) = (lock(renewals), Instant::now());
        match renewals.get_mut(pair) {
            Some(last) if now.duration_since(*last) < expiry / RENEWALS => return None,
            Some(last) => *last = now,
            None => drop(renewals.insert(Arc::clone(pair), now)),
        }
        Some(expiry)
    }

    /// The pair's keys are gone.
    pub(super) fn forget(&self, pair: &str) {
        lock(&self.by_readings).remove(pair);
        lock(&self.by_states).remove(pair);
        self.sent.forget(pair);
    }
}

/// Adds the expiry of a key.
pub(super) fn expire(pipeline: &mut Pipeline, key: &str, after: Duration) {
    // In whole seconds, which any Redis takes; never 0, which would delete the key.
    pipeline.cmd("EXPIRE").arg(key).arg(after.as_secs().max(1)).ignore();
}

/// A reading as `events:{id}` tells it. The texts are those of the Hash.
#[derive(Serialize)]
struct ReadingEvent<'a> {
    event: &'static str,
    instrument_id: &'a str,
    plugin: &'a str,
    version: &'a str,
    time: String,
    exchange_time: String,
    sequence: Option<i64>,
    status: String,
    fields: Fields<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notices: Vec<NoticeEvent<'a>>,
}

#[derive(Serialize)]
struct NoticeEvent<'a> {
    severity: &'static str,
    code: &'a str,
    message: &'a str,
}

/// Names and texts in their order.
struct Fields<'a>(&'a [(String, String)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn reading_json(reading: &Reading) -> String {
    json(&ReadingEvent {
        event: "reading",
        instrument_id: &reading.pair,
        plugin: &reading.plugin,
        version: &reading.version,
        time: rfc3339(reading.arrival.unix_ms),
        exchange_time: rfc3339(reading.time_ms),
        sequence: reading.sequence,
        status: reading.outcome.status(),
        fields: Fields(&reading.fields),
        notices: reading
            .notices
            .iter()
            .map(|notice| NoticeEvent { severity: notice.severity, code: &notice.code, message: &notice.message })
            .collect(),
    })
}

#[derive(Serialize)]
struct StateEvent<'a> {
    event: &'static str,
    instrument_id: &'a str,
    state: &'static str,
    since: String,
    reason: Option<String>,
}

#[derive(Serialize)]
struct PluginEvent<'a> {
    event: &'static str,
    plugin: &'a str,
    version: &'a str,
    state: &'a str,
    reason: &'a str,
    phase: &'a str,
    problem: &'a str,
}

/// None of these types can fail to be written: they hold texts and numbers alone.
fn json(event: &impl Serialize) -> String {
    serde_json::to_string(event).unwrap_or_default()
}

/// Tells changes of state over `events:{id}` and `events:plugins`.
pub struct StateEvents {
    /// Held weakly: the writer knows the monitor, and the monitor holds its observers.
    writer: Weak<Writer>,
}

impl StateEvents {
    /// Through this writer.
    #[must_use]
    pub fn new(writer: &Arc<Writer>) -> Self {
        Self { writer: Arc::downgrade(writer) }
    }

    /// The writer, where such changes are told.
    fn writer(&self) -> Option<Arc<Writer>> {
        self.writer.upgrade().filter(|writer| writer.publication().tells_states())
    }
}

impl Observer for StateEvents {
    fn pair_state(&self, pair: &Arc<str>, state: &PairState, since_ms: u64) {
        let Some(writer) = self.writer() else { return };
        let event =
            StateEvent { event: "state", instrument_id: pair, state: state.word(), since: rfc3339(since_ms), reason: state.reason() };
        writer.event(keys::events(pair), json(&event));
    }

    fn plugin_state(&self, state: &PluginState) {
        let Some(writer) = self.writer() else { return };
        let PluginState { plugin, version, state, reason, phase, problem } = state;
        let event = PluginEvent { event: "plugin", plugin, version, state, reason, phase, problem };
        writer.event(keys::EVENTS_PLUGINS.to_owned(), json(&event));
    }
}
