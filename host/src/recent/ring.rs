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
    pub(super) last_us: u64,
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
            let Open { opening, records, frames, first_us, last_us } = open;
            let block = Arc::new(Block { opening, frames, first_us, last_us, raw: Mutex::new(records), packed: OnceLock::new() });
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
        while inner.closed.len() > 1 && inner.closed.iter().map(|block| block.bytes()).sum::<usize>() > self.limits.bytes.max(LARGEST_BLOCK) {
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
                last_us: open.last_us,
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
