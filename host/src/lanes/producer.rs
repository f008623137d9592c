//! Frames into the Lists: a bounded queue a pair, and one task that sends all that waits in one round trip.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use leadline_market::{Applied, BookFrame, FrameKind, TrackedBook};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::codec::{Head, LaneFrame};
use super::ledger;
use crate::clock::Arrival;
use crate::config::settings;
use crate::monitor::{LaneFigures, Monitor};
use crate::results::{Link, keys};

/// Frames of a pair that may wait for Redis; over it the oldest are dropped, counted, and the lane goes on from a keyframe.
const MAX_WAITING: usize = 2000;
/// Frames of a pair sent in one round trip.
const BATCH: usize = 256;
/// Frames taken at once for a consumer that waits.
pub(super) const TAKEN: usize = 64;
/// Waits after an error.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Sends the frames of all pairs.
pub struct Producer {
    run: u64,
    lane: settings::Lane,
    queues: Mutex<BTreeMap<Arc<str>, Arc<Queue>>>,
    wake: Notify,
    monitor: Arc<Monitor>,
}

/// The frames of one pair on their way to its List.
pub struct Queue {
    pair: Arc<str>,
    /// The names of its Lists.
    lane: String,
    processing: String,
    state: Mutex<QueueState>,
    /// A consumer that waits for frames: they are taken for it in the round trip that puts them into the List.
    asked: Mutex<Option<Ask>>,
    /// Rung when frames stand in the List that weren't handed to anybody.
    pub arrived: Notify,
    /// How far the lane is behind.
    pub figures: Arc<LaneFigures>,
}

/// Where the frames go that a consumer waits for.
struct Ask {
    /// Frames of the processing List that it knows.
    held: usize,
    answer: oneshot::Sender<Vec<Vec<u8>>>,
}

/// Frames on their way to the List, and whom those that then stand in it are taken for.
struct Sending {
    queue: Arc<Queue>,
    count: usize,
    generation: u64,
    ask: Option<Ask>,
}

struct QueueState {
    /// Encoded frames; the first `sent` are on their way and stay until Redis has them.
    frames: VecDeque<Vec<u8>>,
    /// Index of the next frame.
    next: u64,
    /// Frames since the last keyframe; `None`: the next must be one.
    since_keyframe: Option<u32>,
    /// Counts the times the queue was emptied for want of room, so that what was on its way then isn't taken off twice.
    generation: u64,
}

impl Producer {
    /// A producer; [`Producer::run`] does the sending. `run` tells this run of the host from others.
    #[must_use]
    pub fn new(run: u64, lane: settings::Lane, monitor: Arc<Monitor>) -> Arc<Self> {
        Arc::new(Self { run, lane, queues: Mutex::default(), wake: Notify::new(), monitor })
    }

    /// This run of the host.
    #[must_use]
    pub fn run_id(&self) -> u64 {
        self.run
    }

    /// The queue of a pair.
    pub fn queue(&self, pair: &Arc<str>) -> Arc<Queue> {
        let new = || Queue {
            pair: Arc::clone(pair),
            lane: keys::lane(pair),
            processing: keys::lane_processing(pair),
            state: Mutex::new(QueueState { frames: VecDeque::new(), next: 0, since_keyframe: None, generation: 0 }),
            asked: Mutex::default(),
            arrived: Notify::new(),
            figures: Arc::default(),
        };
        Arc::clone(self.lock().entry(Arc::clone(pair)).or_insert_with(|| Arc::new(new())))
    }

    /// Forgets a pair and what waits of it.
    pub fn forget(&self, pair: &Arc<str>) {
        self.lock().remove(pair);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dropped(&self, queue: &Queue, frames: usize) {
        self.monitor.counters.lane_dropped.add(frames as u64);
        queue.figures.dropped(frames as u64);
    }

    /// Queues an applied frame; never waits.
    pub fn push(&self, queue: &Queue, tracked: &TrackedBook, applied: &Applied, frame: &BookFrame, arrival: Arrival) {
        let mut state = queue.lock();
        if state.frames.len() >= MAX_WAITING {
            self.dropped(queue, state.frames.len());
            state.generation += 1;
            // Told on the 1st, 2nd, 4th ... time; the counter tells of all.
            if state.generation.is_power_of_two() {
                tracing::warn!(
                    pair = &*queue.pair,
                    frames = state.frames.len(),
                    overflows = state.generation,
                    "buffered lane: Redis doesn't keep up, waiting frames dropped"
                );
            }
            state.frames.clear();
            state.since_keyframe = None;
        }
        let head = Head {
            run: self.run,
            index: state.next,
            arrival_ns: arrival.monotonic_ns(),
            arrival_ms: arrival.unix_ms,
            time_ms: frame.time_ms,
            sequence: frame.sequence,
            trust: applied.trust,
            continuity: applied.continuity,
        };
        let due = state.since_keyframe.is_none_or(|since| since + 1 >= self.lane.keyframe_every);
        let keyframe = due || applied.kind == FrameKind::Snapshot;
        let frame = if keyframe {
            LaneFrame::keyframe(head, tracked.book().bids(), tracked.book().asks())
        } else {
            LaneFrame::changes(head, &frame.bids, &frame.asks)
        };
        match frame.encode() {
            Ok(bytes) => {
                state.frames.push_back(bytes);
                // All that can be under way: here, in the List, in hand.
                queue.figures.pushed(self.run, state.next, arrival, MAX_WAITING + self.lane.max_frames + BATCH);
                state.next += 1;
                state.since_keyframe = Some(if keyframe { 0 } else { state.since_keyframe.map_or(0, |since| since + 1) });
            }
            Err(error) => {
                self.dropped(queue, 1);
                state.since_keyframe = None;
                tracing::warn!(pair = &*queue.pair, "buffered lane: frame dropped: {error}");
            }
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Sends until `stop`, then once more what still waits.
    pub async fn run(self: Arc<Self>, link: Link, stop: CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.send(&link).await {
                Sent::Nothing => {
                    wait = FIRST_WAIT;
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = stop.cancelled() => {
                            self.send(&link).await;
                            return;
                        }
                    }
                }
                Sent::Something => wait = FIRST_WAIT,
                Sent::Failed => tokio::select! {
                    () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
                    () = stop.cancelled() => {
                        self.send(&link).await;
                        return;
                    }
                },
            }
        }
    }

    async fn send(&self, link: &Link) -> Sent {
        let queues: Vec<Arc<Queue>> = self.lock().values().cloned().collect();
        let mut pipeline = redis::pipe();
        let mut batches = Vec::new();
        for queue in queues {
            let (count, generation) = {
                let state = queue.lock();
                let count = state.frames.len().min(BATCH);
                if count == 0 {
                    continue;
                }
                let command = pipeline.cmd("LPUSH").arg(&queue.lane);
                for frame in state.frames.iter().take(count) {
                    command.arg(frame.as_slice());
                }
                pipeline.cmd("LTRIM").arg(&queue.lane).arg(0).arg(self.lane.max_frames.saturating_sub(1)).ignore();
                (count, state.generation)
            };
            let ask = queue.asked().take();
            if let Some(ask) = &ask {
                ledger::take(&mut pipeline, &queue.lane, &queue.processing, TAKEN, ask.held);
            }
            batches.push(Sending { queue, count, generation, ask });
        }
        if batches.is_empty() {
            return Sent::Nothing;
        }
        let answers = match link.run_each(&mut pipeline).await {
            Ok(answers) => answers,
            Err(error) => {
                self.monitor.redis_failed(&error);
                return Sent::Failed;
            }
        };
        let (mut answers, mut sent) = (answers.into_iter(), Sent::Something);
        for Sending { queue, count, generation, ask } in batches {
            let pushed = answers.next();
            let taken = ask.and_then(|ask| Some((ask, ledger::taken(answers.next()?.ok()?)?)));
            match pushed.map(|pushed| pushed.map(redis::from_redis_value::<usize>)) {
                Some(Ok(length)) => self.is_pushed(&queue, count, generation, length.unwrap_or(0)),
                Some(Err(error)) => {
                    self.monitor.redis_failed(&error);
                    sent = Sent::Failed;
                }
                None => sent = Sent::Failed,
            }
            // Whoever gave up waiting finds the frames in the processing List, since there are more than it knows.
            let handed = taken.is_some_and(|(ask, frames)| !frames.is_empty() && ask.answer.send(frames).is_ok());
            if !handed {
                queue.arrived.notify_one();
            }
        }
        if matches!(sent, Sent::Something) {
            self.monitor.redis_is_there();
        }
        sent
    }

    /// Redis has the first `count` frames of a queue, in a List of that length before it was trimmed.
    fn is_pushed(&self, queue: &Queue, count: usize, generation: u64, length: usize) {
        let trimmed = length.saturating_sub(self.lane.max_frames);
        let mut state = queue.lock();
        if state.generation == generation {
            state.frames.drain(..count);
        }
        if trimmed > 0 {
            // What the consumer will miss, it can only go on from a keyframe.
            self.dropped(queue, trimmed);
            state.since_keyframe = None;
        }
    }
}

enum Sent {
    Nothing,
    Something,
    Failed,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Option<Ask>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the next frames, where `held` of the processing List are known. The receiver ends without any when somebody else asks, or when
    /// they weren't taken: then the List is to be looked at.
    pub(super) fn ask(&self, held: usize) -> oneshot::Receiver<Vec<Vec<u8>>> {
        let (answer, receiver) = oneshot::channel();
        *self.asked() = Some(Ask { held, answer });
        receiver
    }

    /// Nobody waits any more.
    pub(super) fn withdraw(&self) {
        *self.asked() = None;
    }

    /// The consumer lost its place: the next frame is a keyframe.
    pub fn ask_for_keyframe(&self) {
        self.lock().since_keyframe = None;
    }
}
