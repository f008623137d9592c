//! Frames out of a pair's List, through the plugins, readings into Redis.
//!
//! A batch is moved to a processing List before it is worked on, and removed from it by the same transaction that publishes its
//! readings: what a consumer that died had taken is still there for the next, and is published once.

use std::sync::Arc;
use std::time::Duration;

use leadline_market::{Book, Continuity, Instrument, OrderBook};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::codec::LaneFrame;
use super::producer::Queue;
use crate::analysis::{BufferedDesk, Desks, LaneKind, Reading};
use crate::clock::Arrival;
use crate::monitor::Monitor;
use crate::results::{Link, LinkError, Publication, hashes, keys};

/// Frames taken at once.
const BATCH: usize = 64;
/// How often the List is looked at when nobody rings.
const SAFETY_NET: Duration = Duration::from_secs(1);
/// Wait after an error.
const WAIT: Duration = Duration::from_millis(250);

/// Moves up to ARGV[1] frames to the processing List, oldest first, and returns them. One frame a move: the append-only file then
/// holds a few bytes a frame instead of the frame once more.
const TAKE: &str = "local taken = {} \
    for i = 1, tonumber(ARGV[1]) do \
      local frame = redis.call('RPOPLPUSH', KEYS[1], KEYS[2]) \
      if not frame then break end \
      taken[i] = frame \
    end \
    return taken";

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
    /// The pair's instrument, once it is known.
    pub instrument: watch::Receiver<Option<Arc<Instrument>>>,
    /// Redis.
    pub link: Arc<Link>,
    /// What goes into Redis with a reading.
    pub publication: Arc<Publication>,
    /// Counters, latencies, the page.
    pub monitor: Arc<Monitor>,
}

/// Where the consumer stands.
struct Place {
    book: OrderBook,
    /// The book is whole: a keyframe and every frame since.
    whole: bool,
    /// Run and index of the last frame seen.
    last: Option<(u64, u64)>,
    /// Books before the next one are missing.
    restarted: bool,
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
        let mut place = Place { book: OrderBook::new(), whole: false, last: None, restarted: true };
        let Some(left) = self.retry(&stop, || self.left_behind()).await else { return };
        self.finish(&mut place, left, &stop).await;
        while !stop.is_cancelled() {
            let Some(frames) = self.retry(&stop, || self.take()).await else { return };
            if frames.is_empty() {
                tokio::select! {
                    () = self.queue.arrived.notified() => {}
                    () = tokio::time::sleep(SAFETY_NET) => {}
                    () = stop.cancelled() => return,
                }
                continue;
            }
            // A batch that was taken is finished even when the host is stopping.
            self.finish(&mut place, frames, &stop).await;
        }
    }

    /// What a consumer that died had taken, oldest first.
    async fn left_behind(&self) -> Result<Vec<Vec<u8>>, LinkError> {
        let (mut frames,): (Vec<Vec<u8>>,) =
            self.link.run(redis::pipe().cmd("LRANGE").arg(keys::lane_processing(&self.pair)).arg(0).arg(-1)).await?;
        frames.reverse();
        if !frames.is_empty() {
            tracing::info!(pair = &*self.pair, frames = frames.len(), "buffered lane: frames of an earlier run are finished first");
        }
        Ok(frames)
    }

    async fn take(&self) -> Result<Vec<Vec<u8>>, LinkError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("EVAL").arg(TAKE).arg(2).arg(keys::lane(&self.pair)).arg(keys::lane_processing(&self.pair)).arg(BATCH);
        let (frames,): (Vec<Vec<u8>>,) = self.link.run(&pipeline).await?;
        Ok(frames)
    }

    /// Runs a batch through the plugins, publishes the readings and takes the batch off the processing List, in one transaction.
    async fn finish(&self, place: &mut Place, frames: Vec<Vec<u8>>, stop: &CancellationToken) {
        if frames.is_empty() {
            return;
        }
        // Looked up each time: the exchange may change it. It is known, or nothing would have begun.
        let Some(instrument) = self.instrument.borrow().clone() else { return };
        let mut readings: Vec<(Reading, bool)> = Vec::new();
        for bytes in &frames {
            match LaneFrame::decode(bytes) {
                Ok(frame) => self.analyze(place, &instrument, &frame, &mut readings).await,
                Err(error) => {
                    tracing::warn!(pair = &*self.pair, "buffered lane: frame dropped: {error}");
                    self.lost(place);
                }
            }
        }
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for (reading, _) in &readings {
            hashes::reading(&mut pipeline, reading, &self.publication);
        }
        // The processing List holds this batch and nothing else, so removing all of it can be repeated.
        pipeline.del(keys::lane_processing(&self.pair)).ignore();
        if let Some((run, index)) = place.last {
            pipeline.hset_multiple(keys::lane_position(&self.pair), &[("run", run), ("index", index)]).ignore();
        }
        let published = self.retry(stop, || self.link.run::<()>(&pipeline)).await.is_some();
        for (reading, measured) in readings {
            if published && measured {
                self.monitor.latency.record(LaneKind::Buffered, reading.arrival.elapsed());
            }
            self.monitor.reading(&reading);
        }
    }

    /// One frame through the plugins. `readings` gets each with whether its latency can be measured.
    async fn analyze(&self, place: &mut Place, instrument: &Arc<Instrument>, frame: &LaneFrame, readings: &mut Vec<(Reading, bool)>) {
        match place.last {
            // Sent twice, since an answer of Redis was lost on its way.
            Some((run, index)) if run == frame.run && frame.index <= index => return,
            Some((run, index)) if run == frame.run && frame.index == index + 1 => {}
            _ if frame.keyframe => place.restarted = true,
            _ => {
                place.last = Some((frame.run, frame.index));
                self.lost(place);
                return;
            }
        }
        place.last = Some((frame.run, frame.index));
        if !frame.keyframe && !place.whole {
            self.monitor.counters.lane_dropped.add(1);
            return;
        }
        let Some((bids, asks)) = frame.levels() else { return self.lost(place) };
        let applied =
            if frame.keyframe { place.book.apply_snapshot(&bids, &asks) } else { place.book.apply_update(&bids, &asks).map(|_| ()) };
        if let Err(error) = applied {
            tracing::warn!(pair = &*self.pair, "buffered lane: frame dropped: {error}");
            return self.lost(place);
        }
        place.whole = true;
        let restarted = std::mem::take(&mut place.restarted) || frame.restarted;
        let ours = frame.run == self.run;
        let arrival = if ours { Arrival::from_parts(frame.arrival_ns, frame.arrival_ms) } else { Arrival::recorded(frame.arrival_ms) };
        let mut book = Book {
            time_ms: frame.time_ms,
            sequence: frame.sequence,
            trust: frame.trust(),
            continuity: if restarted { Continuity::Restarted } else { Continuity::Continued },
            crossed: place.book.is_crossed(),
            ..Book::empty()
        };
        place.book.fill(&mut book.bids, &mut book.asks);
        let book = Arc::new(book);
        // Both plugins work at once, each on its own thread; their readings are then gathered in order.
        let mut answers = Vec::new();
        for desk in self.desks.all().iter() {
            answers.push(desk.analyze(&self.pair, instrument, &book, arrival, restarted).await);
        }
        for answer in answers {
            if let Ok(Some(reading)) = answer.await {
                readings.push((reading, ours));
            }
        }
    }

    /// A frame is missing or unreadable: nothing is analysed until the next keyframe.
    fn lost(&self, place: &mut Place) {
        self.monitor.counters.lane_dropped.add(1);
        place.whole = false;
        place.restarted = true;
        self.queue.ask_for_keyframe();
    }

    /// Repeats a call until it succeeds; `None` when the host stops meanwhile.
    async fn retry<T, F: Future<Output = Result<T, LinkError>>>(&self, stop: &CancellationToken, call: impl Fn() -> F) -> Option<T> {
        loop {
            match call().await {
                Ok(answer) => {
                    self.monitor.redis_is_there();
                    return Some(answer);
                }
                Err(error) => self.monitor.redis_failed(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(WAIT) => {}
                () = stop.cancelled() => return None,
            }
        }
    }
}
