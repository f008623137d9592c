//! Frames out of a pair's List, through the plugins, readings into Redis.
//!
//! A frame that was taken stays in the processing List until a checkpoint: the lane's book and every plugin's state on the pair, written in
//! the step that takes the frames before it off. Readings are published as they come, in the step that says how far the lane was published.
//! So a consumer that died leaves a checkpoint, the frames since, and how far they were published: the next one analyses those frames
//! again from the checkpoint, and publishes only what wasn't.

use std::sync::Arc;
use std::time::Duration;

use leadline_market::Instrument;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::checkpoint::{Checkpoint, encode_state};
use super::codec::LaneFrame;
use super::ledger::{Ledger, Left, Step, Stepped};
use super::pictures::Pictures;
use super::place::{Heard, Place, Stand};
use super::producer::{Queue, TAKEN};
use crate::analysis::{BufferedDesk, Desks, LaneKind, MemoryDesk, Reading};
use crate::clock::{self, Arrival};
use crate::config::settings;
use crate::monitor::Monitor;
use crate::results::{Link, LinkError, Publication, hashes};

/// Frames taken at once.
const BATCH: usize = TAKEN;
/// How often the List is looked at when nobody rings.
const SAFETY_NET: Duration = Duration::from_secs(1);
/// Wait after an error.
const WAIT: Duration = Duration::from_millis(250);
/// Frames analysed since the last checkpoint, at which the next one is due whatever the time.
const CHECKPOINT_FRAMES: usize = 1000;

/// The consumer of one pair's List.
pub struct Consumer {
    /// The pair.
    pub pair: Arc<str>,
    /// This run of the host.
    pub run: u64,
    /// Rings when frames arrive.
    pub queue: Arc<Queue>,
    /// The plugins of the buffered lane.
    pub desks: Desks<BufferedDesk>,
    /// The plugins of the memory lane, whose states go into the checkpoint too.
    pub memory: Desks<MemoryDesk>,
    /// The pair's instrument, once it is known.
    pub instrument: watch::Receiver<Option<Arc<Instrument>>>,
    /// Redis.
    pub link: Arc<Link>,
    /// How often checkpoints are due, and how old a frame may be.
    pub lane: settings::Lane,
    /// What goes into Redis with a reading.
    pub publication: Arc<Publication>,
    /// Counters, latencies, the page.
    pub monitor: Arc<Monitor>,
}

/// Why the work ends.
enum End {
    /// The host stops.
    Stopped,
    /// The lane stands elsewhere than this consumer thinks: Redis lost data, or another host took over.
    Elsewhere,
}

/// One consumer at work.
struct Work<'a> {
    consumer: &'a Consumer,
    ledger: &'a Ledger,
    stop: &'a CancellationToken,
    place: Place,
    /// Run and index of the last published frame, as Redis has them.
    published: Option<(u64, u64)>,
    /// Frames of the processing List that are known.
    held: usize,
    /// Those of them that are analysed and published.
    analysed: usize,
    /// When the next checkpoint is due.
    due: Instant,
    pictures: Pictures,
}

impl Consumer {
    /// Works until `stop`; frames not yet taken then stay in the List.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            known = self.instrument.wait_for(Option::is_some) => if known.is_err() {
                return;
            },
            () = stop.cancelled() => return,
        }
        let ledger = Ledger::new(&self.pair, Arc::clone(&self.link));
        let mut begun: Option<Work<'_>> = None;
        while !stop.is_cancelled() {
            let Ok(left) = self.retry(&stop, || ledger.left()).await else { return };
            let work = match &mut begun {
                // Redis came back empty: the plugins have lost nothing, and the lane goes on from their books.
                Some(work) if left.is_nothing() => {
                    (work.published, work.held, work.analysed) = (None, 0, 0);
                    work
                }
                begun => {
                    self.hand_out(&left, begun.is_none()).await;
                    begun.insert(self.begin(&ledger, &stop, left.checkpoint.as_ref(), left.published))
                }
            };
            match work.work(left).await {
                Ok(()) | Err(End::Stopped) => return,
                Err(End::Elsewhere) => {
                    tracing::warn!(
                        pair = &*self.pair,
                        "buffered lane: Redis has the lane elsewhere than this host left it, and it goes on from there: Redis lost its last \
                         writes, or another host works on the pair\nhint: HGETALL system:monitoring names the host that wrote last"
                    );
                    self.queue.ask_for_keyframe();
                }
            }
        }
    }

    fn begin<'a>(
        &'a self,
        ledger: &'a Ledger,
        stop: &'a CancellationToken,
        checkpoint: Option<&Checkpoint>,
        published: Option<(u64, u64)>,
    ) -> Work<'a> {
        let place = match checkpoint.map(Checkpoint::place) {
            None => Place::new(),
            Some(Ok(place)) => place,
            Some(Err(error)) => {
                tracing::warn!(pair = &*self.pair, "the lane's checkpoint can't be used, and it begins at the next keyframe: {error}");
                Place::new()
            }
        };
        // Not all pairs at the same time: a plugin's thread can't analyse while it saves.
        let spread = self.pair.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 1000;
        let due = Instant::now() + self.lane.checkpoint_every * (500 + spread / 2) / 1000;
        Work { consumer: self, ledger, stop, place, published, held: 0, analysed: 0, due, pictures: Pictures::default() }
    }

    /// The plugins get their states back; those of the memory lane only when the host starts.
    async fn hand_out(&self, left: &Left, first: bool) {
        let state = |name: &str| left.states.get(name).cloned();
        for desk in self.desks.all().iter() {
            desk.restore(&self.pair, state(&desk.name)).await;
        }
        if first {
            for desk in self.memory.all().iter() {
                if let Some(saved) = state(&desk.name) {
                    desk.restore(&self.pair, Some(saved));
                }
            }
        }
    }

    /// Repeats a call until it succeeds.
    async fn retry<T, F: Future<Output = Result<T, LinkError>>>(&self, stop: &CancellationToken, call: impl Fn() -> F) -> Result<T, End> {
        loop {
            match call().await {
                Ok(answer) => {
                    self.monitor.redis_is_there();
                    return Ok(answer);
                }
                Err(error) => self.monitor.redis_failed(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(WAIT) => {}
                () = stop.cancelled() => return Err(End::Stopped),
            }
        }
    }
}

impl Work<'_> {
    /// Finishes what an earlier consumer left, then takes frames until the host stops.
    async fn work(&mut self, left: Left) -> Result<(), End> {
        self.held = left.frames.len();
        let mut frames = self.again(left).await?;
        loop {
            if frames.is_empty() {
                self.checkpoint_if_due().await?;
                frames = self.round(Vec::new(), self.place.last()).await?;
            } else {
                let batch = std::mem::take(&mut frames);
                // A batch that was taken is finished even when the host is stopping.
                frames = self.batch(&batch).await?;
                self.checkpoint_if_due().await?;
            }
            if self.stop.is_cancelled() {
                return self.checkpoint().await;
            }
            if frames.is_empty() {
                frames = self.wait().await;
            }
        }
    }

    /// Waits for frames: those that the producer takes for this consumer, or none when the List is to be looked at.
    async fn wait(&mut self) -> Vec<Vec<u8>> {
        let queue = &self.consumer.queue;
        let handed = queue.ask(self.held);
        let frames = tokio::select! {
            frames = handed => frames.unwrap_or_default(),
            () = queue.arrived.notified() => Vec::new(),
            () = tokio::time::sleep(SAFETY_NET) => Vec::new(),
            () = self.stop.cancelled() => Vec::new(),
        };
        queue.withdraw();
        self.held += frames.len();
        frames
    }

    /// The frames since the checkpoint: those that were published are analysed alone, the others as if they had just been taken. Answers
    /// what is to be done next.
    async fn again(&mut self, left: Left) -> Result<Vec<Vec<u8>>, End> {
        let frames = left.frames;
        if frames.is_empty() {
            return Ok(frames);
        }
        let is_last = |bytes: &Vec<u8>| {
            let at = self.published?;
            LaneFrame::decode(bytes).ok().filter(|frame| Stand::of(frame).is_at(at.0, at.1))
        };
        let done = frames.iter().rposition(|bytes| is_last(bytes).is_some()).map_or(0, |last| last + 1);
        let pair = &*self.consumer.pair;
        tracing::info!(
            pair,
            published = done,
            unpublished = frames.len() - done,
            "buffered lane: goes on from its checkpoint; the frames since are analysed again, and published where they weren't"
        );
        let mut ignored = Vec::new();
        for bytes in &frames[..done] {
            self.frame(bytes, &mut ignored).await;
            ignored.clear();
        }
        self.analysed = done;
        let mut next = Vec::new();
        for batch in frames[done..].chunks(BATCH) {
            next = self.batch(batch).await?;
        }
        Ok(next)
    }

    /// Runs a batch through the plugins and publishes its readings; answers the next frames, taken in the same round trip.
    async fn batch(&mut self, frames: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, End> {
        let mut readings: Vec<(Reading, bool)> = Vec::new();
        for bytes in frames {
            self.frame(bytes, &mut readings).await;
        }
        let next = self.round(readings, self.place.last()).await?;
        self.analysed += frames.len();
        Ok(next)
    }

    /// Publishes readings up to a frame, and takes the next frames.
    async fn round(&mut self, readings: Vec<(Reading, bool)>, to: Option<Stand>) -> Result<Vec<Vec<u8>>, End> {
        let consumer = self.consumer;
        let from = self.published;
        let to = to.filter(|to| from.is_none_or(|(run, index)| !to.is_at(run, index)));
        // Whoever has frames to finish first takes no more; a stopping host takes none.
        let more = self.held <= self.analysed + BATCH && !self.stop.is_cancelled();
        let most = if more { BATCH } else { 0 };
        // The Hash shows the last reading of each plugin; those before are told, and gone within the same step.
        let newest = newest(&readings);
        let work = &*self;
        let round = || {
            let connection = consumer.link.connection_number();
            let step = to.map(|to| Step { readings: work.commands(&readings, &newest, connection), from, to });
            async move {
                let stepped = work.ledger.round(step.as_ref(), work.held, most).await;
                if stepped.is_err() || consumer.link.connection_number() != connection {
                    work.doubt();
                }
                stepped
            }
        };
        let stepped = consumer.retry(self.stop, round).await?;
        let Some(Stepped { failed, frames }) = stepped else {
            self.doubt();
            return Err(End::Elsewhere);
        };
        self.held += frames.len();
        if let Some(to) = to {
            self.published = Some((to.run, to.index));
            consumer.queue.figures.published(to.run, to.index);
        }
        if failed > 0 {
            self.tell_failed(failed);
            self.doubt();
        }
        for (at, (reading, measured)) in readings.into_iter().enumerate() {
            let reading = Arc::new(reading);
            if measured {
                consumer.monitor.latency.reading(&consumer.monitor.stages, LaneKind::Buffered, &reading);
            }
            consumer.monitor.reading(&reading);
            if newest.contains(&at) {
                consumer.publication.keep(reading);
            }
        }
        Ok(frames)
    }

    /// The commands that publish a step's readings over a connection with that number.
    fn commands(&self, readings: &[(Reading, bool)], newest: &[usize], connection: u64) -> redis::Pipeline {
        let mut commands = redis::pipe();
        let publication = &self.consumer.publication;
        let of_the_hash: Vec<&Reading> = newest.iter().filter_map(|&at| readings.get(at)).map(|(reading, _)| reading).collect();
        hashes::readings(&mut commands, &of_the_hash, publication, connection);
        readings.iter().for_each(|(reading, _)| hashes::event(&mut commands, reading, publication));
        commands
    }

    /// It isn't known any more what Redis holds of this lane's readings.
    fn doubt(&self) {
        let desks = self.consumer.desks.all();
        self.consumer.publication.doubt(&self.consumer.pair, |plugin| desks.iter().any(|desk| &*desk.name == plugin));
    }

    /// One frame through the plugins. `readings` gets each with whether its latency can be measured.
    async fn frame(&mut self, bytes: &[u8], readings: &mut Vec<(Reading, bool)>) {
        let frame = match LaneFrame::decode(bytes) {
            Ok(frame) => frame,
            Err(error) => {
                self.place.lose();
                return self.lost(&error.to_string());
            }
        };
        let ours = frame.run == self.consumer.run;
        let arrival = if ours { Arrival::from_parts(frame.arrival_ns, frame.arrival_ms) } else { Arrival::recorded(frame.arrival_ms) };
        let restarted = match self.place.hear(&frame) {
            Heard::Known => return,
            Heard::Useless => return self.drop_one(),
            Heard::Lost(why) => return self.lost(&why),
            Heard::Book { restarted } => restarted,
        };
        // Nobody steps this run's own clock.
        let age = if ours { arrival.elapsed() } else { Duration::from_millis(clock::unix_ms().saturating_sub(frame.arrival_ms)) };
        if age > self.consumer.lane.max_age {
            self.place.lose();
            return self.lost(&format!("it came {} s ago, and LANE_MAX_AGE is {} s", age.as_secs(), self.consumer.lane.max_age.as_secs()));
        }
        // Looked up each time: the exchange may change it. It is known, or nothing would have begun.
        let Some(instrument) = self.consumer.instrument.borrow().clone() else { return };
        let place = &self.place;
        let book = self.pictures.next(|book| place.fill(&frame, restarted, book));
        // All plugins work at once, each on its own thread; their readings are then gathered in order.
        let pair = &self.consumer.pair;
        let mut answers = Vec::new();
        for desk in self.consumer.desks.all().iter() {
            answers.push(desk.analyze(pair, &instrument, &book, arrival, restarted).await);
        }
        for answer in answers {
            if let Ok(Some(reading)) = answer.await {
                readings.push((reading, ours));
            }
        }
    }

    async fn checkpoint_if_due(&mut self) -> Result<(), End> {
        if self.analysed >= CHECKPOINT_FRAMES || Instant::now() >= self.due { self.checkpoint().await } else { Ok(()) }
    }

    /// Writes the checkpoint and takes the frames before it off the processing List.
    async fn checkpoint(&mut self) -> Result<(), End> {
        let consumer = self.consumer;
        self.due = Instant::now() + consumer.lane.checkpoint_every;
        if self.analysed == 0 {
            return Ok(());
        }
        let Some((checkpoint, at)) = Checkpoint::of(&self.place).zip(self.place.last()) else { return Ok(()) };
        let book = match checkpoint.encode() {
            Ok(book) => book,
            Err(error) => {
                tracing::warn!(pair = &*consumer.pair, "buffered lane: no checkpoint: {error}");
                return Ok(());
            }
        };
        let states = self.states().await;
        let analysed = self.analysed;
        let write = || self.ledger.checkpoint(at, book.clone(), states.clone(), analysed);
        if !consumer.retry(self.stop, write).await? {
            return Err(End::Elsewhere);
        }
        self.held -= analysed;
        self.analysed = 0;
        consumer.monitor.counters.checkpoints.add(1);
        Ok(())
    }

    /// The states of all plugins on this pair.
    async fn states(&self) -> Vec<(Arc<str>, Vec<u8>)> {
        let consumer = self.consumer;
        let mut asked = Vec::new();
        for desk in consumer.desks.all().iter() {
            asked.push((Arc::clone(&desk.name), desk.save(&consumer.pair).await));
        }
        for desk in consumer.memory.all().iter() {
            asked.push((Arc::clone(&desk.name), desk.save(&consumer.pair)));
        }
        let mut states = Vec::new();
        for (plugin, answer) in asked {
            let Ok(Some(saved)) = answer.await else { continue };
            match encode_state(saved) {
                Ok(bytes) => states.push((plugin, bytes)),
                Err(error) => {
                    let (pair, plugin) = (&*consumer.pair, &*plugin);
                    tracing::warn!(pair, plugin, "the plugin's state isn't kept, so that a restart would warm up: {error}");
                }
            }
        }
        states
    }

    /// A frame is missing or unreadable: nothing is analysed until the next keyframe.
    fn lost(&self, why: &str) {
        tracing::warn!(pair = &*self.consumer.pair, "buffered lane: frame dropped: {why}");
        self.drop_one();
        self.consumer.queue.ask_for_keyframe();
    }

    fn drop_one(&self) {
        self.consumer.monitor.counters.lane_dropped.add(1);
        self.consumer.queue.figures.dropped(1);
    }

    fn tell_failed(&self, failed: u64) {
        let errors = &self.consumer.monitor.counters.redis_errors;
        errors.add(failed);
        if errors.get().is_power_of_two() || errors.get() == failed {
            let key = crate::results::keys::analysis(&self.consumer.pair);
            tracing::error!(
                errors = errors.get(),
                "buffered lane: {failed} readings couldn't be written to {key}\nhint: redis-cli TYPE {key} says what it holds; it must be a Hash"
            );
        }
    }
}

/// Where the last reading of each plugin stands, in the order of the readings.
fn newest(readings: &[(Reading, bool)]) -> Vec<usize> {
    let mut newest: Vec<usize> = Vec::new();
    for (at, (reading, _)) in readings.iter().enumerate().rev() {
        if !newest.iter().filter_map(|&later| readings.get(later)).any(|(later, _)| later.plugin == reading.plugin) {
            newest.push(at);
        }
    }
    newest.reverse();
    newest
}
