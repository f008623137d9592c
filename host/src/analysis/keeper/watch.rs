//! The keeper's thread: it sleeps until the system says that a file changed, somebody asks for something, or it is time to look.

use std::sync::mpsc::{RecvTimeoutError, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher};

use super::{Keeper, Message};

/// Changes that come within this are looked at together.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// How often it looks at what goes by itself: versions that take over, probations, rules.
const EVERY: Duration = Duration::from_millis(250);

/// A keeper on a thread of its own, until it is stopped.
pub struct Watch {
    stop: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Watch {
    /// Starts it. Where the system can't tell of changes, the folder is looked at four times a second.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut keeper: Keeper) -> std::io::Result<Self> {
        let stop = keeper.sender.clone();
        let events = keeper.sender.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if let Ok(event) = event {
                // An event that finds no room is lost; the folder is looked at every few seconds all the same.
                let _ = events.try_send(Message::Files(event));
            }
        });
        let watcher = watcher.and_then(|mut watcher| {
            watcher.watch(&keeper.folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        match &watcher {
            Ok(_) => keeper.watched = Some(Instant::now()),
            Err(error) => {
                let folder = keeper.folder.display();
                tracing::warn!("the system doesn't tell when {folder} changes, so it is looked at four times a second: {error}");
            }
        }
        let thread = std::thread::Builder::new().name("plugins".to_owned()).spawn(move || {
            // The system tells as long as this lives.
            let _watcher = watcher;
            run(&mut keeper);
        })?;
        Ok(Self { stop, thread: Mutex::new(Some(thread)) })
    }

    /// Ends it after what it has in hand.
    pub fn stop(&self) {
        let _ = self.stop.send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the keeper of the plugins panicked");
        }
    }
}

fn run(keeper: &mut Keeper) {
    let mut next = Instant::now();
    loop {
        match keeper.inbox.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(message) => {
                keeper.hear(message);
                next = next.min(Instant::now() + DEBOUNCE);
            }
            Err(RecvTimeoutError::Timeout) => {
                let soon = keeper.sweep();
                next = Instant::now() + if soon { DEBOUNCE } else { EVERY };
            }
        }
    }
}
