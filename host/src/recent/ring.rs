//! One pair's frames in packed blocks, bounded by time and by bytes.
//!
//! Every block can be read without those before it: it begins with the exchange's snapshot, or with the verified book at its beginning
//! ([`keyframe`](super::keyframe)), which is told only of the first block that is taken out. All other bytes are the exchange's own.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use leadline_market::{Action, Instrument};
use leadline_recording::parcel::{pack, record, unpack};

use super::{Figures, Limits, keyframe};
use crate::okx::Change;

/// A block is closed when it is this old, or has this many bytes, whatever comes first: the grain in which frames are given out and given up.
const BLOCK_US: u64 = 60_000_000;
const BLOCK_BYTES: usize = 512 << 10;
/// A block that can't be closed, since its pair has no valid book, is closed all the same.
const LARGEST_BLOCK: usize = 2 << 20;

/// The frames of one pair.
pub struct Ring {
    pair: Arc<str>,
    limits: Limits,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    closed: VecDeque<Arc<Block>>,
    open: Open,
    instrument: Option<Arc<Instrument>>,
    /// Frames given up before their time.
    dropped: u64,
}

#[derive(Default)]
struct Open {
    opening: Opening,
    records: Vec<u8>,
    frames: u64,
    first_us: u64,
    last_us: u64,
}

/// What a block can be read from.
#[derive(Clone, Debug, Default)]
enum Opening {
    /// Nothing: it goes on from the block before.
    #[default]
    Nothing,
    /// Its first frame is a snapshot.
    Snapshot,
    /// The book as it was, and when.
    Keyframe(Arc<str>, u64),
}

/// A closed block.
pub(super) struct Block {
    opening: Opening,
    frames: u64,
    pub(super) first_us: u64,
    /// As they came, until they are packed.
    raw: Mutex<Vec<u8>>,
    packed: OnceLock<Vec<u8>>,
}

impl Block {
    /// Whether it can be read without the one before.
    pub(super) fn is_opening(&self) -> bool {
        !matches!(self.opening, Opening::Nothing)
    }

    /// The book that it begins with, where no frame of its own says it.
    pub(super) fn keyframe(&self) -> Option<(u64, Arc<str>)> {
        match &self.opening {
            Opening::Keyframe(text, at_us) => Some((*at_us, Arc::clone(text))),
            Opening::Nothing | Opening::Snapshot => None,
        }
    }

    /// Its records.
    pub(super) fn records(&self) -> io::Result<Vec<u8>> {
        match self.packed.get() {
            Some(packed) => unpack(packed),
            None => Ok(lock(&self.raw).clone()),
        }
    }

    /// Packs it, off the threads that receive.
    fn pack(&self) {
        let mut raw = lock(&self.raw);
        if let Ok(packed) = pack(&raw)
            && self.packed.set(packed).is_ok()
        {
            *raw = Vec::new();
        }
    }

    fn bytes(&self) -> usize {
        let keyframe = if let Opening::Keyframe(text, _) = &self.opening { text.len() } else { 0 };
        keyframe + self.packed.get().map_or_else(|| lock(&self.raw).len(), Vec::len)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ring {
    pub(super) fn new(pair: &Arc<str>, limits: Limits) -> Self {
        Self { pair: Arc::clone(pair), limits, inner: Mutex::default() }
    }

    /// The pair.
    pub(super) fn pair(&self) -> &Arc<str> {
        &self.pair
    }

    /// Adds a frame as it was received, whatever becomes of it.
    pub fn raw(&self, bytes: &[u8], received_us: u64) {
        let mut inner = lock(&self.inner);
        if inner.open.records.len() + bytes.len() > LARGEST_BLOCK {
            self.close(&mut inner, Opening::Nothing);
        }
        let open = &mut inner.open;
        if open.frames == 0 {
            open.first_us = received_us;
        }
        open.last_us = received_us;
        open.frames += 1;
        // A Vec takes everything.
        let _ = record(&mut open.records, received_us, bytes);
    }

    /// The book after the frame, verified: from here a block can begin.
    pub fn changed(&self, change: &Change<'_>, instrument: &Arc<Instrument>) {
        let mut inner = lock(&self.inner);
        if inner.instrument.as_ref().is_none_or(|known| !Arc::ptr_eq(known, instrument)) {
            inner.instrument = Some(Arc::clone(instrument));
        }
        let open = &mut inner.open;
        let nothing = matches!(open.opening, Opening::Nothing);
        if nothing && open.frames == 1 && change.frame.action == Action::Snapshot {
            open.opening = Opening::Snapshot;
            return;
        }
        let full = open.records.len() >= BLOCK_BYTES || open.last_us.saturating_sub(open.first_us) >= BLOCK_US;
        if nothing || full {
            let at_us = open.last_us;
            if let Some(text) = keyframe::snapshot(change.tracked, change.frame) {
                self.close(&mut inner, Opening::Keyframe(text.into(), at_us));
            }
        }
    }

    fn close(&self, inner: &mut Inner, next: Opening) {
        let open = std::mem::take(&mut inner.open);
        inner.open.opening = next;
        let newest_us = open.last_us;
        if open.frames > 0 {
            let Open { opening, records, frames, first_us, .. } = open;
            let block = Arc::new(Block { opening, frames, first_us, raw: Mutex::new(records), packed: OnceLock::new() });
            inner.closed.push_back(Arc::clone(&block));
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(move || block.pack())),
                Err(_) => block.pack(),
            }
        }
        let span_us = u64::try_from(self.limits.span.as_micros()).unwrap_or(u64::MAX);
        // The one before the oldest that is wanted whole is kept, too: it begins before the time that is asked for.
        while inner.closed.get(1).is_some_and(|second| second.first_us.saturating_add(span_us) < newest_us) {
            inner.closed.pop_front();
        }
        while inner.closed.len() > 1 && inner.closed.iter().map(|block| block.bytes()).sum::<usize>() > self.limits.bytes.max(LARGEST_BLOCK)
        {
            inner.dropped += inner.closed.pop_front().map_or(0, |block| block.frames);
        }
    }

    /// The blocks that hold the last `span` before `now_us`, the first of them readable by itself; and the instrument.
    pub(super) fn take(&self, span: Duration, now_us: u64) -> (Vec<Arc<Block>>, Option<Arc<Instrument>>) {
        let since_us = now_us.saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        let inner = lock(&self.inner);
        let mut blocks: Vec<Arc<Block>> = inner.closed.iter().cloned().collect();
        let open = &inner.open;
        if open.frames > 0 {
            blocks.push(Arc::new(Block {
                opening: open.opening.clone(),
                frames: open.frames,
                first_us: open.first_us,
                raw: Mutex::new(open.records.clone()),
                packed: OnceLock::new(),
            }));
        }
        // The last one that begins early enough, or the first that can be read at all.
        let readable = |place: &usize| blocks[*place].is_opening();
        let early = (0..blocks.len()).rev().filter(readable).find(|&place| blocks[place].first_us <= since_us);
        let first = early.or_else(|| (0..blocks.len()).find(readable)).unwrap_or(blocks.len());
        (blocks.split_off(first), inner.instrument.clone())
    }

    pub(super) fn figures(&self) -> Figures {
        let inner = lock(&self.inner);
        let bytes = inner.open.records.len() + inner.closed.iter().map(|block| block.bytes()).sum::<usize>();
        Figures { bytes: bytes as u64, dropped: inner.dropped }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;
    use crate::clock::Arrival;
    use crate::recent::{Asked, Recent};
    use leadline_market::{Decoder, Message, TrackedBook, Verdict, infer_from};
    use leadline_recording::ParcelReader;
    use leadline_simulator::{Generated, Rate, frames};

    /// Later than all of them, as far as anybody asks back.
    const END_US: u64 = (1_800_000_000_000 + 24 * 3_600_000) * 1000;

    /// Frames of one generated pair, ten a second of exchange time, fed to a ring as a feed does; the book at the end.
    fn fed(recent: &Recent, count: usize, lost: std::ops::Range<usize>) -> (Vec<String>, TrackedBook) {
        let options = Generated { pairs: 1, rate: Rate::PerSecond(10.0), start_ms: Some(1_800_000_000_000), ..Generated::default() };
        let all: Vec<String> = frames(&options).unwrap().take(count).collect();
        let (mut decoder, mut tracked) = (Decoder::new(), TrackedBook::new());
        let ring = recent.ring(&Arc::from("BTC-USDT")).unwrap();
        for (place, text) in all.iter().enumerate() {
            if lost.contains(&place) {
                continue;
            }
            let received_ms = 1_800_000_000_000 + place as u64 * 100;
            ring.raw(text.as_bytes(), received_ms * 1000);
            let Ok(Message::Books(books)) = decoder.decode(text.as_bytes()) else { continue };
            for frame in books {
                if let Verdict::Applied(applied) = tracked.apply(frame) {
                    let instrument = Arc::new(infer_from("BTC-USDT", tracked.book()));
                    ring.changed(
                        &Change { tracked: &tracked, applied: &applied, frame, arrival: Arrival::recorded(received_ms) },
                        &instrument,
                    );
                }
            }
        }
        (all, tracked)
    }

    fn taken(recent: &Recent, seconds: u64, now_us: u64) -> (Vec<u64>, Vec<Vec<u8>>) {
        let gathered = recent.gather(&Asked { pairs: Vec::new(), span: Duration::from_secs(seconds) }, now_us).unwrap();
        let bytes = gathered.write(Vec::new()).unwrap();
        let (_, mut reader) = ParcelReader::open(&bytes[..]).unwrap();
        let (mut times, mut frames) = (Vec::new(), Vec::new());
        while let Some((time, frame)) = reader.next_frame().unwrap() {
            times.push(time);
            frames.push(frame.to_vec());
        }
        (times, frames)
    }

    /// The book that these frames make, and how many were applied.
    fn replayed(frames: &[Vec<u8>]) -> (TrackedBook, usize) {
        let (mut decoder, mut tracked, mut applied) = (Decoder::new(), TrackedBook::new(), 0);
        for bytes in frames {
            if let Ok(Message::Books(books)) = decoder.decode(bytes) {
                for frame in books {
                    applied += usize::from(matches!(tracked.apply(frame), Verdict::Applied(_)));
                }
            }
        }
        (tracked, applied)
    }

    fn recent(minutes: u64, bytes: usize) -> Recent {
        Recent::new(Limits { span: Duration::from_secs(60 * minutes), bytes }, "wss://exchange", "books")
    }

    #[test]
    fn the_last_minutes_make_the_same_book_and_are_the_exchanges_bytes_but_for_the_book_they_begin_with() {
        let recent = recent(60, 64 << 20);
        let (all, kept) = fed(&recent, 3000, 0..0);
        let now_us = (1_800_000_000_000 + 3000 * 100) * 1000;
        let (times, frames) = taken(&recent, 120, now_us);
        let (tracked, applied) = replayed(&frames);
        assert!((1200..1900).contains(&frames.len()), "{}", frames.len());
        assert_eq!(applied, frames.len(), "every frame is valid from the first one on");
        assert_eq!(
            (tracked.book().bids().iter().collect::<Vec<_>>(), tracked.sequence()),
            (kept.book().bids().iter().collect(), kept.sequence())
        );
        assert!(tracked.book().asks().iter().eq(kept.book().asks().iter()));
        assert!(frames[1..].iter().eq(all[all.len() - frames.len() + 1..].iter().map(String::as_bytes)));
        assert!(times.is_sorted());
        // All of it begins with the exchange's own snapshot.
        let (_, frames) = taken(&recent, 24 * 3600, now_us);
        assert!(frames.iter().eq(all.iter().map(String::as_bytes)));
    }

    #[test]
    fn a_gap_stays_a_gap_and_what_follows_a_snapshot_is_readable() {
        let recent = recent(60, 64 << 20);
        let (_, kept) = fed(&recent, 1500, 700..710);
        assert!(!kept.is_valid(), "the generated market sends no second snapshot");
        let (_, frames) = taken(&recent, 24 * 3600, END_US);
        assert_eq!(frames.len(), 1490);
        assert_eq!(replayed(&frames).1, 700);
    }

    #[test]
    fn time_and_bytes_bound_what_is_kept_and_what_goes_early_is_counted() {
        let short = recent(2, 64 << 20);
        fed(&short, 6000, 0..0);
        let (times, _) = taken(&short, 24 * 3600, END_US);
        let kept_s = (times[times.len() - 1] - times[0]) / 1_000_000;
        assert!((120..260).contains(&kept_s) && short.figures().dropped == 0, "{kept_s}");
        let small = recent(240, 0);
        fed(&small, 40_000, 0..0);
        assert!(small.figures().bytes <= (LARGEST_BLOCK + 2 * BLOCK_BYTES) as u64 && small.figures().dropped > 0, "{:?}", small.figures());
        assert!(recent(0, 64 << 20).ring(&Arc::from("BTC-USDT")).is_none());
    }

    #[test]
    fn a_pair_without_frames_is_named() {
        let recent = recent(2, 64 << 20);
        let asked = Asked { pairs: vec!["ETH-USDT".to_owned()], span: Duration::from_secs(1) };
        assert_eq!(recent.gather(&asked, 1).err(), Some(asked.pairs));
    }
}
