//! Pairs that share a connection: it is made, watched, replaced without a gap, and made again when it is lost.
//!
//! One task owns the connection in use, and at times a second one that is to take over. Frames of both are read here and nowhere
//! else, so nothing is lost between a reader and a book.
//!
//! # Layout
//!
//! - here: connections made, promoted, given up and lost; pairs that come and go.
//! - [`ask`]: what is asked of the exchange, and what it didn't answer in time.
//! - [`hear`]: what the exchange says: books, acknowledgements, errors, notices.
//! - [`watch`]: whether the streams are well, whether a replacement is due, and when something is.

mod ask;
mod hear;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use leadline_market::Decoder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite;

use crate::monitor::Monitor;
use crate::okx::backoff::Backoff;
use crate::okx::connection::Connection;
use crate::okx::dial::{Dialer, Socket};
use crate::okx::feed::PairFeed;
use crate::okx::member::{Member, OnSpare, Slot};
use crate::okx::pace::Pace;
use crate::okx::subscription::Subscription;
use crate::pairs::PairState;

/// Tries of a subscription before it counts as refused, or the connection as sick.
const TRIES: u32 = 3;

/// What all lines to one exchange share.
pub struct Context {
    /// Makes connections, within the budget.
    pub dialer: Dialer,
    /// Order-book channel.
    pub channel: String,
    /// Times and limits.
    pub pace: Pace,
    /// How often a connection is replaced to compare the kept books with the exchange's; `None`: never.
    pub resync: Option<Duration>,
    /// Counters.
    pub monitor: Arc<Monitor>,
    /// Tries to connect that failed since the last that didn't, over all lines.
    pub(super) outage: AtomicU64,
}

/// What a line is told.
pub(super) enum Command {
    Add(Box<PairFeed>),
    Remove { pair: Arc<str>, done: oneshot::Sender<()> },
    Renew { why: &'static str },
}

pub(super) struct Line {
    context: Arc<Context>,
    commands: mpsc::Receiver<Command>,
    /// Reads one frame at a time, of whichever connection.
    decoder: Decoder,
    members: BTreeMap<Arc<str>, Member>,
    leaving: Vec<Leaving>,
    current: Option<Connection>,
    spare: Option<Spare>,
    dialing: Option<BoxFuture<'static, Result<Socket, String>>>,
    /// Not dialled before.
    dial_at: Instant,
    backoff: Backoff,
    /// Tries that failed since the last connection.
    failures: u64,
    /// A connection was lost, so the next one is a reconnect.
    lost: bool,
    /// The connection in use is to be replaced: why, and from when on.
    replace: Option<(String, Instant)>,
    /// When it was last replaced because it was sick, and how often in a row.
    replaced: Option<(Instant, u32)>,
    /// When it is replaced to compare books.
    resync_at: Option<Instant>,
    /// One pair a request: the exchange refused one of several and didn't say which.
    singly: bool,
    /// When the streams are looked at next.
    watch_at: Instant,
    in_a_row: u64,
    unknown_events: u64,
    jitter: u64,
}

/// A connection that is to take over.
struct Spare {
    connection: Connection,
    why: String,
    until: Instant,
}

/// A pair that was taken away and whose unsubscription isn't acknowledged yet.
struct Leaving {
    feed: PairFeed,
    tries: u32,
    until: Instant,
    done: oneshot::Sender<()>,
}

/// The next message of a connection; for ever, if there is none.
async fn next(connection: Option<&mut Connection>) -> Option<Result<tungstenite::Message, tungstenite::Error>> {
    match connection {
        Some(connection) => connection.next().await,
        None => std::future::pending().await,
    }
}

/// The connection in a place, of a line whose other fields are in use.
fn connection<'a>(slot: Slot, current: &'a mut Option<Connection>, spare: &'a mut Option<Spare>) -> Option<&'a mut Connection> {
    match slot {
        Slot::Current => current.as_mut(),
        Slot::Spare => spare.as_mut().map(|spare| &mut spare.connection),
    }
}

async fn dialled(dialing: &mut Option<BoxFuture<'static, Result<Socket, String>>>) -> Result<Socket, String> {
    match dialing {
        Some(dialing) => dialing.await,
        None => std::future::pending().await,
    }
}

impl Line {
    pub(super) fn new(context: Arc<Context>, commands: mpsc::Receiver<Command>) -> Self {
        let seed = crate::clock::since_start() | 1;
        let pace = &context.pace;
        Self {
            backoff: Backoff::new(pace.first_wait, pace.longest_wait, seed),
            context,
            commands,
            decoder: Decoder::new(),
            members: BTreeMap::new(),
            leaving: Vec::new(),
            current: None,
            spare: None,
            dialing: None,
            dial_at: Instant::now(),
            failures: 0,
            lost: false,
            replace: None,
            replaced: None,
            resync_at: None,
            singly: false,
            watch_at: Instant::now(),
            in_a_row: 0,
            unknown_events: 0,
            jitter: seed,
        }
    }

    /// Runs until nobody can send a command any more.
    pub(super) async fn run(mut self) {
        loop {
            self.plan();
            self.ask(Slot::Current).await;
            self.ask(Slot::Spare).await;
            self.keep_alive().await;
            self.watch();
            let wake_at = self.due();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Add(feed)) => self.add(*feed),
                    Some(Command::Remove { pair, done }) => self.remove(&pair, done),
                    Some(Command::Renew { why }) if self.replace.is_none() => self.replace = Some((why.to_owned(), Instant::now())),
                    Some(Command::Renew { .. }) => {}
                    None => break,
                },
                socket = dialled(&mut self.dialing) => self.connected(socket),
                message = next(self.current.as_mut()) => self.message(Slot::Current, message).await,
                message = next(self.spare.as_mut().map(|spare| &mut spare.connection)) => self.message(Slot::Spare, message).await,
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
        self.hang_up(Slot::Current);
        self.hang_up(Slot::Spare);
    }

    fn add(&mut self, mut feed: PairFeed) {
        let now = Instant::now();
        feed.enter(if self.current.is_some() {
            PairState::Subscribing
        } else {
            PairState::Connecting { attempt: self.failures, why: None }
        });
        if self.current.is_some() {
            feed.cell().status().connects += 1;
        }
        let mut member = Member::new(feed, now);
        member.spare = self.spare.as_ref().map(|_| OnSpare::new(now));
        self.members.insert(Arc::clone(&member.feed.pair), member);
    }

    fn remove(&mut self, pair: &str, done: oneshot::Sender<()>) {
        let Some(member) = self.members.remove(pair) else {
            let _ = done.send(());
            return;
        };
        self.leaving.push(Leaving { feed: member.feed, tries: 0, until: Instant::now(), done });
    }

    /// Decides whether a connection is to be made or given up.
    fn plan(&mut self) {
        let now = Instant::now();
        let wanted = self.members.values().any(|member| !member.is_refused(now));
        if self.current.is_some() && !wanted && self.leaving.is_empty() {
            self.hang_up(Slot::Current);
            self.hang_up(Slot::Spare);
        }
        if self.current.is_none() {
            // Nobody is there to tell, so nobody waits for an answer.
            for gone in self.leaving.drain(..) {
                gone.feed.finish();
                let _ = gone.done.send(());
            }
        }
        if !wanted {
            self.dialing = None;
            return;
        }
        if self.dialing.is_some() {
            return;
        }
        let due = match (&self.current, &self.spare) {
            (None, _) => now >= self.dial_at,
            (Some(_), None) => self.replace.as_ref().is_some_and(|(_, at)| now >= *at),
            (Some(_), Some(_)) => false,
        };
        if due {
            let dialer = self.context.dialer.clone();
            self.dialing = Some(Box::pin(async move { dialer.dial().await }));
        }
    }

    /// A connection was made, or couldn't be.
    fn connected(&mut self, socket: Result<Socket, String>) {
        self.dialing = None;
        let now = Instant::now();
        let socket = match socket {
            Ok(socket) => socket,
            Err(error) => return self.failed(&error),
        };
        let counters = &self.context.monitor.counters;
        counters.connects.add(1);
        self.context.monitor.connections.fetch_add(1, Ordering::Relaxed);
        if self.context.outage.swap(0, Ordering::Relaxed) > 0 {
            tracing::info!("the exchange can be reached again");
        }
        self.failures = 0;
        let connection = Connection::new(socket, &self.context.pace);
        let reconnect = self.lost && self.current.is_none();
        for member in self.members.values() {
            let mut status = member.feed.cell().status();
            status.connects += 1;
            status.reconnects += u64::from(reconnect);
        }
        if self.current.is_some() {
            let why = self.replace.take().map_or_else(String::new, |(why, _)| why);
            for member in self.members.values_mut().filter(|member| !member.is_refused(now)) {
                member.spare = Some(OnSpare::new(now));
            }
            // Long enough for the subscription's tries and the join.
            let until = now + self.context.pace.answer * (TRIES + 1) + self.context.pace.join;
            self.spare = Some(Spare { connection, why, until });
            return;
        }
        self.lost = false;
        self.current = Some(connection);
        self.schedule(now);
        for member in self.members.values_mut().filter(|member| !member.is_refused(now)) {
            member.source = Slot::Current;
            member.current = Subscription::new(now);
            member.spare = None;
            member.feed.enter(PairState::Subscribing);
        }
    }

    fn failed(&mut self, error: &str) {
        let now = Instant::now();
        self.context.monitor.counters.connects_failed.add(1);
        let failures = self.context.outage.fetch_add(1, Ordering::Relaxed) + 1;
        let wait = self.backoff.wait();
        // Told on the 1st, 2nd, 4th ... failure over all pairs: the states say it all the time.
        if failures.is_power_of_two() {
            tracing::warn!(failures, retry_ms = wait.as_millis() as u64, "{error}; the host keeps trying");
        }
        if self.current.is_some() {
            if let Some((_, at)) = &mut self.replace {
                *at = now + wait;
            }
            return;
        }
        self.failures += 1;
        self.dial_at = now + wait;
        let why = error.lines().next().unwrap_or_default().to_owned();
        for member in self.members.values_mut().filter(|member| !member.is_refused(now)) {
            member.feed.enter(PairState::Connecting { attempt: self.failures, why: Some(why.clone()) });
        }
    }

    /// When the connection in use is replaced to compare books: not all lines at once.
    fn schedule(&mut self, now: Instant) {
        self.jitter = self.jitter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let part = 0.9 + (self.jitter >> 33) as f64 / f64::from(1_u32 << 31) * 0.2;
        self.resync_at = self.context.resync.map(|every| now + every.mul_f64(part));
        self.replace = None;
    }

    fn names(&self) -> String {
        self.members.keys().map(|pair| &**pair).collect::<Vec<_>>().join(",")
    }

    fn all_joined(&self) -> bool {
        self.members.values().all(|member| member.source == Slot::Spare || member.spare.is_none())
    }

    /// The new connection takes the old one's place.
    fn promote(&mut self) {
        let Some(spare) = self.spare.take() else { return };
        let now = Instant::now();
        if let Some(old) = self.current.replace(spare.connection) {
            self.context.monitor.connections.fetch_sub(1, Ordering::Relaxed);
            old.close();
        }
        self.schedule(now);
        for member in self.members.values_mut() {
            if member.is_refused(now) {
                continue;
            }
            let joined = member.source == Slot::Spare;
            member.promote(now);
            if !joined && member.feed.tracked().is_valid() {
                member.feed.broken("the new connection brought no book in time");
            }
        }
        tracing::info!(pairs = %self.names(), "a new connection took over: {}", spare.why);
    }

    /// We close a connection.
    fn hang_up(&mut self, slot: Slot) {
        let connection = match slot {
            Slot::Current => self.current.take(),
            Slot::Spare => self.spare.take().map(|spare| spare.connection),
        };
        if let Some(connection) = connection {
            self.context.monitor.connections.fetch_sub(1, Ordering::Relaxed);
            connection.close();
        }
        if slot == Slot::Spare {
            for member in self.members.values_mut() {
                member.spare = None;
            }
        }
    }

    /// A connection is lost.
    fn hung_up(&mut self, slot: Slot, why: &str) {
        let now = Instant::now();
        let monitor = Arc::clone(&self.context.monitor);
        match slot {
            Slot::Spare => {
                let Some(spare) = self.spare.take() else { return };
                monitor.counters.disconnects.add(1);
                monitor.connections.fetch_sub(1, Ordering::Relaxed);
                tracing::warn!(pairs = %self.names(), "the new connection was lost before it took over: {why}");
                for member in self.members.values_mut() {
                    member.spare = None;
                    if member.source == Slot::Spare {
                        member.source = Slot::Current;
                        member.feed.broken("the new connection was lost before all of its pairs had joined");
                        member.current = Subscription::Wanted { at: now, tries: 0, anew: true };
                    }
                }
                self.replace = Some((spare.why, now + self.context.pace.between_replacements));
            }
            Slot::Current => {
                let Some(current) = self.current.take() else { return };
                monitor.counters.disconnects.add(1);
                monitor.connections.fetch_sub(1, Ordering::Relaxed);
                if current.opened.elapsed() >= self.context.pace.healthy {
                    self.backoff.reset();
                }
                self.lost = true;
                for member in self.members.values_mut() {
                    if member.source == Slot::Current {
                        member.feed.lose();
                    }
                }
                if let Some(spare) = &self.spare {
                    let reason = spare.why.clone();
                    tracing::warn!(pairs = %self.names(), "connection lost while another was taking over: {why}");
                    for member in self.members.values_mut() {
                        if !member.force(&reason) && !member.is_refused(now) {
                            member.feed.enter(PairState::Subscribing);
                        }
                    }
                    return self.promote();
                }
                let wait = self.backoff.wait();
                self.dial_at = now + wait;
                self.replace = None;
                tracing::warn!(pairs = %self.names(), retry_ms = wait.as_millis() as u64, "connection lost: {why}");
                for member in self.members.values_mut().filter(|member| !member.is_refused(now)) {
                    member.feed.enter(PairState::Connecting { attempt: 0, why: Some(why.to_owned()) });
                }
            }
        }
    }
}
