//! Recordings, held in memory and played back byte for byte.
//!
//! **Every subscribe request starts a playback of its own**, from the first frame on, at its own clock. So whoever subscribes
//! sees what the recording client saw, beginning with the snapshot, whenever it comes; the instruments of one request stay in
//! the recorded order, and those of requests sent together are as far apart as the requests were. Subscribing again to an
//! instrument starts it over: a second snapshot, and time going back. When the files end, every playback starts over.
//!
//! A client that subscribes to `books` gets the recorded book frames of the instrument whatever their channel is called
//! (`books-l2-tbt`, v3's `spot/depth`): nothing in a frame is rewritten.
//!
//! # Layout
//!
//! - `frames`: the files in memory, and which frame is whose.
//! - `playback`: one playback, and its pace.

mod frames;
mod playback;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use self::frames::Tape;
use self::playback::Playback;
use super::{Wanted, instrument};
use crate::error::SimulatorError;
use crate::options::{Pace, Recorded};
use crate::server::{Arg, Client};

/// How far the playbacks are, for `--once`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Progress {
    /// Playbacks that were started.
    started: u64,
    /// Playbacks that have come to an end, for whatever reason.
    ended: u64,
    /// Playbacks that sent everything.
    complete: u64,
}

/// The recordings being served.
#[derive(Debug)]
pub(crate) struct Library {
    tape: Arc<Tape>,
    instruments: Vec<Value>,
    pace: Pace,
    once: bool,
    linger: Duration,
    /// Playbacks under way, of all clients.
    playbacks: Mutex<Vec<Arc<Playback>>>,
    progress: watch::Sender<Progress>,
}

impl Library {
    /// Reads the files.
    ///
    /// # Errors
    /// Whatever makes a recording or the instruments beside it unreadable.
    pub(crate) fn open(options: &Recorded) -> Result<Self, SimulatorError> {
        let tape = Tape::read(&options.files)?;
        let mut listed: HashMap<String, Value> = HashMap::new();
        for file in &options.files {
            for entry in instrument::beside(file)? {
                if let Some(id) = entry.get("instId").and_then(Value::as_str) {
                    listed.insert(id.to_owned(), entry);
                }
            }
        }
        for id in tape.instruments().filter(|id| !listed.contains_key(*id)).map(str::to_owned).collect::<Vec<_>>() {
            let (price, size) = tape.decimals(&id);
            listed.insert(id.clone(), instrument::inferred(&id, price, size));
        }
        let mut instruments: Vec<Value> = listed.into_values().collect();
        instruments.sort_by_key(|entry| entry.get("instId").and_then(Value::as_str).unwrap_or_default().to_owned());
        Ok(Self {
            tape: Arc::new(tape),
            instruments,
            pace: options.pace,
            once: options.once,
            linger: options.linger,
            playbacks: Mutex::default(),
            progress: watch::Sender::new(Progress::default()),
        })
    }

    pub(crate) fn offers(&self, arg: &Arg) -> bool {
        self.tape.has(arg)
    }

    pub(crate) async fn subscribe(self: &Arc<Self>, client: &Arc<Client>, wanted: Vec<Wanted>) {
        let mut args = Vec::with_capacity(wanted.len());
        for one in wanted {
            self.stop(client, &one.arg).await;
            if !client.reply(one.ack).await {
                return;
            }
            args.push(one.arg);
        }
        let playback = Arc::new(Playback::new(Arc::clone(&self.tape), Arc::clone(client), args, self.pace, self.once));
        self.playbacks().push(Arc::clone(&playback));
        self.progress.send_modify(|progress| progress.started += 1);
        let library = Arc::clone(self);
        tokio::spawn(async move {
            let complete = playback.run().await;
            library.playbacks().retain(|other| !Arc::ptr_eq(other, &playback));
            library.progress.send_modify(|progress| {
                progress.ended += 1;
                progress.complete += u64::from(complete);
            });
        });
    }

    pub(crate) async fn unsubscribe(&self, client: &Arc<Client>, wanted: Wanted) {
        self.stop(client, &wanted.arg).await;
        client.reply(wanted.ack).await;
    }

    /// Takes an instrument out of whatever playback of this client has it. None of its frames is sent after that.
    async fn stop(&self, client: &Client, arg: &Arg) {
        let running: Vec<_> = self.playbacks().iter().filter(|playback| playback.client_id() == client.id).cloned().collect();
        for playback in running {
            playback.stop(arg).await;
        }
    }

    pub(crate) fn instruments(&self) -> &[Value] {
        &self.instruments
    }

    /// Instruments that have a book.
    pub(crate) fn pairs(&self) -> Vec<String> {
        let has_book = |id: &&str| self.offers(&Arg { channel: "books".to_owned(), inst_id: (*id).to_owned() });
        self.tape.instruments().filter(has_book).map(str::to_owned).collect()
    }

    pub(crate) fn book(&self, inst_id: &str, limit: usize) -> Option<String> {
        let book = self.tape.first_book(inst_id)?;
        let side = |name: &str| -> Vec<Value> {
            let levels = book.get(name).and_then(Value::as_array);
            levels.map(|levels| levels.iter().take(limit).cloned().collect()).unwrap_or_default()
        };
        let ts = book.get("ts").or_else(|| book.get("timestamp")).cloned().unwrap_or(Value::Null);
        let mut answer = json!({ "asks": side("asks"), "bids": side("bids"), "ts": ts });
        if let Some(seq_id) = book.get("seqId") {
            answer["seqId"] = seq_id.clone();
        }
        Some(answer.to_string())
    }

    /// With `once`: when something was played to the end, nothing is being played, and nothing more was asked for during `linger`.
    pub(crate) async fn finished(&self) {
        if !self.once {
            std::future::pending::<()>().await;
        }
        let mut progress = self.progress.subscribe();
        let idle = |progress: &Progress| progress.complete > 0 && progress.started == progress.ended;
        // The sending half is in `self`: waiting can't fail.
        while let Ok(seen) = progress.wait_for(idle).await.map(|progress| *progress) {
            let more = progress.wait_for(|progress| progress.started > seen.started);
            if tokio::time::timeout(self.linger, more).await.is_err() {
                break;
            }
        }
    }

    fn playbacks(&self) -> MutexGuard<'_, Vec<Arc<Playback>>> {
        // A panic while it was held can't have left the list half changed.
        self.playbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
