//! What `analysis:{id}` is known to hold, so that a write sends what changed and nothing else.
//!
//! A Hash costs Redis's append-only file what is written into it, and most of a reading stands there already or is a detail that nobody reads a
//! hundred times a second. So the fields of the design (§14.2), the time, the book and the status are exact with every reading, but only those
//! that changed are sent; a plugin's own fields go at most once an interval, all of one reading, with the time of that reading. Whatever makes it
//! doubtful what Redis holds makes the next write whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::Cmd;

use crate::analysis::{Outcome, Reading, is_shared};
use crate::clock::rfc3339;

/// All is sent anew after this: a Hash that somebody else deleted or changed is whole again by then.
const ANEW: Duration = Duration::from_secs(10);
/// All is sent anew after a silence of this: the Hash may have ended meanwhile.
const SILENCE: Duration = Duration::from_secs(5);

/// What is known of the Hashes of all pairs.
pub(super) struct Sent {
    /// Shortest time between two writes of a plugin's own fields.
    interval: Duration,
    /// The Hash may end after this without a write.
    silence: Duration,
    /// Bounded by the pairs that run.
    pairs: Mutex<HashMap<Arc<str>, Vec<Known>>>,
}

/// What is known of one plugin's fields.
struct Known {
    plugin: Arc<str>,
    names: Names,
    /// Which connection they were sent over; none: it isn't known what Redis holds.
    connection: Option<u64>,
    version: Arc<str>,
    outcome: Outcome,
    /// Those of the fields that are sent with every reading, by their place in the reading.
    shared: Vec<(usize, String)>,
    /// When anything was sent, when all was, when the plugin's own fields were.
    sent: Instant,
    whole: Instant,
    details: Instant,
    /// A reading that was sent without its own fields: they follow if no other reading comes.
    waiting: Option<Arc<Reading>>,
}

/// The fields that the host writes for a plugin.
struct Names {
    time: String,
    sequence: String,
    status: String,
    version: String,
    details_time: String,
}

impl Names {
    fn of(plugin: &str) -> Self {
        let [time, sequence, status, version, details_time] =
            ["time", "sequence", "status", "version", "details_time"].map(|name| format!("{plugin}.{name}"));
        Self { time, sequence, status, version, details_time }
    }
}

impl Known {
    /// Nothing yet.
    fn nothing(reading: &Reading, now: Instant) -> Self {
        Self {
            plugin: Arc::clone(&reading.plugin),
            names: Names::of(&reading.plugin),
            connection: None,
            version: Arc::clone(&reading.version),
            outcome: Outcome::Ok,
            shared: Vec::new(),
            sent: now,
            whole: now,
            details: now,
            waiting: None,
        }
    }

    fn is_good(&self, reading: &Reading, connection: u64, silence: Duration, now: Instant) -> bool {
        fn code(outcome: &Outcome) -> Option<&str> {
            outcome.reason().map(|reason| reason.code.as_str())
        }
        self.connection == Some(connection)
            && now.duration_since(self.sent) < silence
            && now.duration_since(self.whole) < ANEW
            && self.version == reading.version
            // Another state of things replaces every field: no old number stands beside a new status.
            && self.outcome.word() == reading.outcome.word()
            && code(&self.outcome) == code(&reading.outcome)
    }
}

/// What is known of the fields of a reading's plugin on its pair.
fn of<'a>(pairs: &'a mut HashMap<Arc<str>, Vec<Known>>, reading: &Reading) -> Option<&'a mut Known> {
    pairs.get_mut(&reading.pair)?.iter_mut().find(|known| known.plugin == reading.plugin)
}

fn sequence(reading: &Reading) -> String {
    super::hashes::sequence(reading.sequence)
}

impl Sent {
    /// `interval`: between two writes of a plugin's own fields. `expiry`: how long a Hash stays without a write.
    pub(super) fn new(interval: Duration, expiry: Option<Duration>) -> Self {
        Self { interval, silence: expiry.map_or(SILENCE, |expiry| SILENCE.min(expiry / 2)), pairs: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Vec<Known>>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The words of an `HSET` that brings the Hash of a pair to these readings, one of each plugin, over a connection with that number. They
    /// count as sent: whoever can't send them says so with [`Sent::doubt`].
    pub(super) fn words(&self, command: &mut Cmd, readings: &[&Reading], connection: u64) {
        let Some(last) = readings.last() else { return };
        let now = Instant::now();
        let mut pairs = self.lock();
        if !pairs.contains_key(&last.pair) {
            pairs.insert(Arc::clone(&last.pair), Vec::new());
        }
        let Some(plugins) = pairs.get_mut(&last.pair) else { return };
        let mut named = false;
        for reading in readings {
            let at = plugins.iter().position(|known| known.plugin == reading.plugin).unwrap_or_else(|| {
                plugins.push(Known::nothing(reading, now));
                plugins.len() - 1
            });
            let known = &mut plugins[at];
            let whole = !known.is_good(reading, connection, self.silence, now);
            if whole && !named {
                command.arg("instrument_id").arg(&*last.pair);
                named = true;
            }
            self.reading(command, known, reading, whole, now);
            known.connection = Some(connection);
        }
        command.arg("analysis_time").arg(rfc3339(last.arrival.unix_ms));
    }

    /// The words of one reading.
    fn reading(&self, command: &mut Cmd, known: &mut Known, reading: &Reading, whole: bool, now: Instant) {
        let time = rfc3339(reading.arrival.unix_ms);
        let details = whole || now.duration_since(known.details) >= self.interval;
        let mut nth = 0;
        for (at, (name, value)) in reading.fields.iter().enumerate() {
            if !is_shared(name) {
                if details {
                    command.arg(name).arg(value);
                }
                continue;
            }
            match known.shared.get_mut(nth) {
                Some((place, before)) if *place == at => {
                    if whole || before != value {
                        command.arg(name).arg(value);
                        before.clone_from(value);
                    }
                }
                _ => {
                    // Another order than before, which only another version has.
                    known.shared.truncate(nth);
                    known.shared.push((at, value.clone()));
                    command.arg(name).arg(value);
                }
            }
            nth += 1;
        }
        known.shared.truncate(nth);
        command.arg(&known.names.time).arg(&time).arg(&known.names.sequence).arg(sequence(reading));
        if whole || known.outcome != reading.outcome {
            command.arg(&known.names.status).arg(reading.outcome.status());
            known.outcome.clone_from(&reading.outcome);
        }
        if whole {
            command.arg(&known.names.version).arg(&*reading.version);
            known.version = Arc::clone(&reading.version);
            known.whole = now;
        }
        if details {
            command.arg(&known.names.details_time).arg(time);
            known.details = now;
        }
        known.waiting = None;
        known.sent = now;
    }

    /// Keeps a reading that Redis took, if its own fields weren't sent with it.
    pub(super) fn keep(&self, reading: Arc<Reading>) {
        if let Some(known) = of(&mut self.lock(), &reading)
            && known.sent != known.details
            && known.connection.is_some()
        {
            known.waiting = Some(reading);
        }
    }

    /// Keeps a reading that was due and couldn't be sent.
    pub(super) fn put_back(&self, reading: Arc<Reading>) {
        if let Some(known) = of(&mut self.lock(), &reading) {
            known.waiting.get_or_insert(reading);
        }
    }

    /// Readings whose own fields weren't sent and are due: no other reading came meanwhile. `all`: due or not.
    pub(super) fn take_due(&self, all: bool) -> Vec<Arc<Reading>> {
        let now = Instant::now();
        let mut due = Vec::new();
        for known in self.lock().values_mut().flatten() {
            if known.waiting.is_some() && (all || now.duration_since(known.details) >= self.interval) {
                known.details = now;
                due.extend(known.waiting.take());
            }
        }
        due
    }

    /// It isn't known any more what Redis holds of these plugins' fields: the next write is whole.
    pub(super) fn doubt(&self, pair: &str, is_theirs: impl Fn(&str) -> bool) {
        for known in self.lock().get_mut(pair).into_iter().flatten() {
            if is_theirs(&known.plugin) {
                known.connection = None;
                known.waiting = None;
            }
        }
    }

    /// The pair's Hash is gone.
    pub(super) fn forget(&self, pair: &str) {
        self.lock().remove(pair);
    }
}

/// Writes a plugin's own fields if the Hash still stands at that reading: KEYS[1] the Hash; ARGV[1..4] the names and values of its time and its
/// book; from ARGV[5] on fields and values.
const FOLLOW: &str = "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] and redis.call('HGET', KEYS[1], ARGV[3]) == ARGV[4] \
                      then redis.call('HSET', KEYS[1], unpack(ARGV, 5)) end return 0";

/// Adds the command that writes the own fields of a reading that was sent without them.
pub(super) fn follow(pipeline: &mut redis::Pipeline, reading: &Reading) {
    let names = Names::of(&reading.plugin);
    let time = rfc3339(reading.arrival.unix_ms);
    let command = pipeline.cmd("EVAL").arg(FOLLOW).arg(1).arg(super::keys::analysis(&reading.pair));
    command.arg(&names.time).arg(&time).arg(&names.sequence).arg(sequence(reading)).arg(&names.details_time).arg(time);
    for (name, value) in reading.fields.iter().filter(|(name, _)| !is_shared(name)) {
        command.arg(name).arg(value);
    }
    command.ignore();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::analysis::Reason;
    use crate::clock::Arrival;

    const LONG: Duration = Duration::from_secs(3600);

    fn reading(sequence: i64, level: u8, detail: u8, outcome: Outcome) -> Reading {
        Reading {
            plugin: "support_resistance".into(),
            version: "1.0.0".into(),
            pair: "BTC-USDT".into(),
            time_ms: 0,
            sequence: Some(sequence),
            arrival: Arrival::recorded(1_800_000_000_000 + sequence.unsigned_abs()),
            outcome,
            fields: vec![
                ("resistance_level_1".to_owned(), "102".to_owned()),
                ("support_level_1".to_owned(), level.to_string()),
                ("support_resistance.levels".to_owned(), detail.to_string()),
            ],
            notices: Vec::new(),
            cost: Default::default(),
            latency: Duration::ZERO,
        }
    }

    /// What a Hash holds after the commands that reach it.
    fn apply(hash: &mut BTreeMap<String, String>, sent: &Sent, reading: &Reading, connection: u64) -> usize {
        let mut command = redis::cmd("HSET");
        sent.words(&mut command, &[reading], connection);
        let words: Vec<String> = command
            .args_iter()
            .skip(1)
            .filter_map(|word| if let redis::Arg::Simple(bytes) = word { Some(String::from_utf8_lossy(bytes).into_owned()) } else { None })
            .collect();
        hash.extend(words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())));
        words.len() / 2
    }

    fn whole(reading: &Reading) -> BTreeMap<String, String> {
        let mut hash = BTreeMap::new();
        apply(&mut hash, &Sent::new(Duration::ZERO, None), reading, 1);
        hash
    }

    #[derive(Clone, Debug)]
    enum Happens {
        Reading { level: u8, detail: u8, state: u8 },
        Reconnects,
        Fails,
        Deleted,
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            8 => (0..3_u8, any::<u8>(), 0..4_u8).prop_map(|(level, detail, state)| Happens::Reading { level, detail, state }),
            1 => Just(Happens::Reconnects),
            1 => Just(Happens::Fails),
            1 => Just(Happens::Deleted),
        ]
    }

    proptest! {
        #[test]
        fn the_hash_holds_the_last_reading_and_its_details_are_of_the_reading_that_they_name(steps in prop::collection::vec(happens(), 1..60), exact in any::<bool>()) {
            let sent = Sent::new(if exact { Duration::ZERO } else { LONG }, None);
            let (mut hash, mut connection, mut readings) = (BTreeMap::new(), 1, BTreeMap::new());
            for (sequence, step) in (0_i64..).zip(steps) {
                match step {
                    Happens::Reconnects => connection += 1,
                    // What was on its way may have arrived or not; here it hadn't, and the Hash is gone too.
                    Happens::Fails | Happens::Deleted => {
                        hash.clear();
                        sent.doubt("BTC-USDT", |plugin| plugin == "support_resistance");
                    }
                    Happens::Reading { level, detail, state } => {
                        let reason = |code: &str| Reason { code: code.to_owned(), detail: sequence.to_string(), remaining_ms: None };
                        let outcome = match state {
                            0 => Outcome::Unknown(reason("crossed")),
                            1 => Outcome::Unknown(reason("late")),
                            _ => Outcome::Ok,
                        };
                        let reading = reading(sequence, level, detail, outcome);
                        apply(&mut hash, &sent, &reading, connection);
                        let last = whole(&reading);
                        readings.insert(last["support_resistance.time"].clone(), last.clone());
                        for (name, value) in &last {
                            let is_detail = name == "support_resistance.levels" || name == "support_resistance.details_time";
                            if exact || !is_detail {
                                prop_assert_eq!(hash.get(name), Some(value), "{}", name);
                            }
                        }
                        let of = &readings[&hash["support_resistance.details_time"]];
                        prop_assert_eq!(&hash["support_resistance.levels"], &of["support_resistance.levels"]);
                        // The two are of the same state of things.
                        let code = |status: &str| status.split(',').next().unwrap_or_default().to_owned();
                        prop_assert_eq!(code(&hash["support_resistance.status"]), code(&of["support_resistance.status"]));
                    }
                }
            }
        }
    }

    #[test]
    fn what_did_not_change_is_not_sent_and_details_follow_when_no_other_reading_comes() {
        let sent = Sent::new(LONG, None);
        let mut hash = BTreeMap::new();
        let first = reading(1, 5, 1, Outcome::Ok);
        assert_eq!(apply(&mut hash, &sent, &first, 1), 10, "all of it: instrument, time, three fields and five of the host's");
        sent.keep(Arc::new(first));
        assert!(sent.take_due(true).is_empty(), "they went with it");
        let second = reading(2, 6, 2, Outcome::Ok);
        assert_eq!(apply(&mut hash, &sent, &second, 1), 4, "its level, two times and the book");
        sent.keep(Arc::new(second));
        assert!(sent.take_due(false).is_empty(), "not due yet");
        assert_eq!(sent.take_due(true).iter().map(|reading| reading.sequence).collect::<Vec<_>>(), [Some(2)]);
        assert!(sent.take_due(true).is_empty(), "once");
        let third = reading(3, 6, 3, Outcome::Ok);
        assert_eq!(apply(&mut hash, &sent, &third, 1), 3, "two times and the book");
        assert_eq!(apply(&mut hash, &sent, &third, 2), 10, "another connection");
    }
}
