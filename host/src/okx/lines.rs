//! Which pair shares a connection with which.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::budget::Budget;
use super::dial::Dialer;
use super::feed::PairFeed;
use super::line::{Command, Context, Line};
use super::proxy::Proxies;
use crate::config::settings;
use crate::monitor::Monitor;

/// Commands that may wait for a line.
const WAITING: usize = 64;

/// All lines to the exchange.
pub struct Lines {
    context: Arc<Context>,
    /// Most pairs that share a connection.
    room: usize,
    lines: Mutex<Vec<Entry>>,
    /// Numbers the lines; none is used twice.
    next: AtomicU64,
}

struct Entry {
    id: u64,
    commands: mpsc::Sender<Command>,
    pairs: usize,
}

/// A pair's place on a line. Dropped without [`Seat::leave`], the pair stays.
pub struct Seat {
    pair: Arc<str>,
    line: u64,
    commands: mpsc::Sender<Command>,
    lines: Arc<Lines>,
}

impl Lines {
    /// No lines yet.
    #[must_use]
    pub fn new(okx: &settings::Okx, proxies: Arc<Proxies>, monitor: Arc<Monitor>) -> Arc<Self> {
        let pace = okx.pace.clone();
        let dialer = Dialer::new(&okx.ws_url, proxies, Budget::new(pace.connects, pace.connects_window), pace.connect);
        let context = Context { dialer, channel: okx.channel.clone(), pace, resync: okx.resync, monitor, outage: AtomicU64::new(0) };
        Arc::new(Self { context: Arc::new(context), room: okx.pairs_per_connection, lines: Mutex::default(), next: AtomicU64::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a pair on a line with room, or on a new one.
    pub async fn join(self: &Arc<Self>, feed: PairFeed) -> Seat {
        let pair = Arc::clone(&feed.pair);
        let (line, commands) = self.place();
        // A line that ends now drops the pair; the seat says so.
        let _ = commands.send(Command::Add(Box::new(feed))).await;
        Seat { pair, line, commands, lines: Arc::clone(self) }
    }

    /// Has a second connection take over on every line, with new snapshots, as on the schedule.
    pub async fn renew(&self, why: &'static str) {
        let all: Vec<mpsc::Sender<Command>> = self.lock().iter().map(|entry| entry.commands.clone()).collect();
        for commands in all {
            let _ = commands.send(Command::Renew { why }).await;
        }
    }

    fn place(&self) -> (u64, mpsc::Sender<Command>) {
        let mut lines = self.lock();
        lines.retain(|entry| !entry.commands.is_closed());
        if let Some(entry) = lines.iter_mut().find(|entry| entry.pairs < self.room) {
            entry.pairs += 1;
            return (entry.id, entry.commands.clone());
        }
        let (commands, receiver) = mpsc::channel(WAITING);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        lines.push(Entry { id, commands: commands.clone(), pairs: 1 });
        tokio::spawn(Line::new(Arc::clone(&self.context), receiver).run());
        (id, commands)
    }

    /// A pair has left its line; one without pairs ends.
    fn left(&self, line: u64) {
        let mut lines = self.lock();
        if let Some(entry) = lines.iter_mut().find(|entry| entry.id == line) {
            entry.pairs -= 1;
        }
        lines.retain(|entry| entry.pairs > 0);
    }
}

impl Seat {
    /// Unsubscribes, waits until that is done, and gives the place up.
    pub async fn leave(self) {
        let (done, gone) = oneshot::channel();
        if self.commands.send(Command::Remove { pair: Arc::clone(&self.pair), done }).await.is_ok() {
            let _ = gone.await;
        }
        self.lines.left(self.line);
    }

    /// Resolves when the line ended unasked.
    pub async fn lost(&self) {
        self.commands.closed().await;
    }
}
