//! The generated market as a plain sequence of frames, for files and benches.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::SimulatorError;
use crate::market::{Beat, Due, Pair, Profile, Rhythm, SPOT, SWAPS};
use crate::options::{DEFAULT_START_MS, Generated};

/// A pair and when its frames come.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) pair: Pair,
    pub(crate) beat: Beat,
}

impl Timed {
    /// The next frame, and its time in microseconds.
    pub(crate) fn next_frame(&mut self) -> (u64, String) {
        let (at_us, due) = self.beat.take();
        let frame = match due {
            Due::Change => self.pair.step(at_us / 1000),
            Due::KeepAlive => self.pair.keep_alive(at_us / 1000),
        };
        (at_us, frame)
    }
}

/// The profiles asked for, in order.
pub(crate) fn profiles(options: &Generated) -> Vec<Profile> {
    let swaps = if options.swaps { &SWAPS[..] } else { &[] };
    SPOT.iter().take(options.pairs).chain(swaps).copied().collect()
}

/// The pairs asked for, in order, starting at `start_ms`.
pub(crate) fn timed(options: &Generated, start_ms: u64) -> Vec<Timed> {
    let profiles = profiles(options);
    let keep_alive_us = u64::try_from(options.keep_alive.as_micros()).unwrap_or(u64::MAX);
    let rhythm = Rhythm { shape: options.shape, per_second: options.per_second(), keep_alive_us, start_us: start_ms * 1000 };
    let count = profiles.len();
    let one = |(index, profile): (usize, Profile)| Timed {
        beat: Beat::new(options.seed, profile.inst_id, rhythm, index, count),
        pair: Pair::new(profile, options.seed, start_ms, options.checksums),
    };
    profiles.into_iter().enumerate().map(one).collect()
}

/// The frames of a generated market without end: first a snapshot of every pair, then updates and keep-alives in order of
/// exchange time.
#[derive(Debug)]
pub struct Frames {
    pairs: Vec<Timed>,
    /// Snapshots given so far.
    snapshots: usize,
    /// When each pair's next frame is due, soonest first.
    due: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Iterator for Frames {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if let Some(timed) = self.pairs.get_mut(self.snapshots) {
            self.snapshots += 1;
            return Some(timed.pair.snapshot());
        }
        let Reverse((_, index)) = self.due.pop()?;
        let (_, frame) = self.pairs[index].next_frame();
        self.due.push(Reverse((self.pairs[index].beat.peek().0, index)));
        Some(frame)
    }
}

/// The frames of a generated market; the same options give the same frames.
///
/// # Errors
/// [`SimulatorError::Option`] where an option has no meaning.
pub fn frames(options: &Generated) -> Result<Frames, SimulatorError> {
    options.check()?;
    let pairs = timed(options, options.start_ms.unwrap_or(DEFAULT_START_MS));
    let due = pairs.iter().enumerate().map(|(index, timed)| Reverse((timed.beat.peek().0, index))).collect();
    Ok(Frames { pairs, snapshots: 0, due })
}

/// Writes `count` frames of a generated market to a recording: one text frame a line, the first ones snapshots.
///
/// # Errors
/// [`SimulatorError::Option`] where an option has no meaning, [`SimulatorError::Write`] where the file can't be written.
pub fn write_recording(path: &Path, options: &Generated, count: usize) -> Result<(), SimulatorError> {
    let frames = frames(options)?;
    let failed = |source| SimulatorError::Write { path: path.to_owned(), source };
    let mut out = BufWriter::new(File::create(path).map_err(failed)?);
    for frame in frames.take(count) {
        out.write_all(frame.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
    }
    out.flush().map_err(failed)
}
