//! One playback: the frames of one subscribe request, from the first on, at the pace asked for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::frames::Tape;
use crate::options::Pace;
use crate::server::{Arg, Client, Pressure};

/// Longest pause between two frames that is kept: recordings put together from pieces have days between them.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Pause between the last frame and the first when a paced playback starts over.
const PAUSE_AT_END: Duration = Duration::from_millis(100);
/// Frames passed over after which other tasks get their turn.
const TURN: usize = 4096;

/// A playback under way.
#[derive(Debug)]
pub(super) struct Playback {
    tape: Arc<Tape>,
    client: Arc<Client>,
    pace: Pace,
    once: bool,
    /// What is still wanted: subscription by stream. Held while a frame is handed over, so that none follows an unsubscribe.
    wanted: Mutex<BTreeMap<u32, Arg>>,
}

impl Playback {
    pub(super) fn new(tape: Arc<Tape>, client: Arc<Client>, args: Vec<Arg>, pace: Pace, once: bool) -> Self {
        let mut wanted = BTreeMap::new();
        for arg in args {
            for stream in tape.streams(&arg) {
                wanted.insert(stream, arg.clone());
            }
        }
        Self { tape, client, pace, once, wanted: Mutex::new(wanted) }
    }

    pub(super) fn client_id(&self) -> u64 {
        self.client.id
    }

    /// Takes a subscription out.
    pub(super) async fn stop(&self, arg: &Arg) {
        self.wanted.lock().await.retain(|_, other| other != arg);
    }

    /// Plays until the end (`once`), or for ever; true if everything was handed over.
    pub(super) async fn run(&self) -> bool {
        loop {
            if !self.play().await {
                return false;
            }
            if self.once {
                return true;
            }
            if !matches!(self.pace, Pace::Max) {
                tokio::time::sleep(PAUSE_AT_END).await;
            }
        }
    }

    /// All frames once; false if the client has gone or wants nothing any more.
    async fn play(&self) -> bool {
        let start = Instant::now();
        // Time since the first frame as recorded, pauses shortened; and the newest time seen.
        let mut offset = Duration::ZERO;
        let mut newest_us = None;
        for (number, frame) in self.tape.frames.iter().enumerate() {
            if number % TURN == TURN - 1 {
                tokio::task::yield_now().await;
            }
            // Frames of other streams move the clock too: all playbacks have the same one.
            if let (Some(newest), Some(at)) = (newest_us, frame.at_us) {
                offset += Duration::from_micros(u64::saturating_sub(at, newest)).min(LONGEST_PAUSE);
            }
            newest_us = newest_us.max(frame.at_us);
            if let Pace::Times(factor) = self.pace
                && self.wanted.lock().await.contains_key(&frame.stream)
            {
                let due = start + offset.div_f64(factor.max(1e-6));
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = self.client.closed() => return false,
                }
            }
            let wanted = self.wanted.lock().await;
            if wanted.is_empty() || !self.client.is_open() {
                return false;
            }
            if let Some(arg) = wanted.get(&frame.stream) {
                let pressure = if matches!(self.pace, Pace::Max) { Pressure::Wait } else { Pressure::Close };
                if !self.client.deliver(&arg.inst_id, frame.text.clone(), pressure).await {
                    return false;
                }
            }
        }
        true
    }
}
