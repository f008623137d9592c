//! Pairs that share a connection: it is made, watched, replaced without a gap, and made again when it is lost.
//!
//! One task owns the connection in use, and at times a second one that is to take over. Frames of both are read here and nowhere
//! else, so nothing is lost between a reader and a book.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use leadline_market::wire::{Ack, AckKind, Notice, ServerError};
use leadline_market::{Decoder, Message, WireError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite;

use super::backoff::Backoff;
use super::closing;
use super::connection::{Connection, Operation, Unsent};
use super::dial::{Dialer, Socket};
use super::feed::PairFeed;
use super::member::{Member, OnSpare, Slot};
use super::pace::Pace;
use super::subscription::Subscription;
use crate::clock::Arrival;
use crate::monitor::Monitor;
use crate::pairs::PairState;

/// Tries of a subscription before it counts as refused, or the connection as sick.
const TRIES: u32 = 3;
/// Tries of an unsubscription, and the wait for each.
const UNSUBSCRIBE_TRIES: u32 = 3;
const UNSUBSCRIBE_WAIT: Duration = Duration::from_millis(700);
/// How often the streams are looked at.
const WATCH: Duration = Duration::from_millis(250);
/// Frames taken before others get their turn.
const IN_A_ROW: u64 = 16;
/// Errors about a subscription that another try soon can't mend.
const REFUSALS: [&str; 5] = ["60008", "60011", "60018", "64003", "64004"];
/// "Requests too frequent".
const TOO_FREQUENT: &str = "60014";
/// "Service upgrade soon".
const UPGRADE: &str = "64008";
/// Longest wait between two replacements of a connection that stays sick.
const LONGEST_BETWEEN: Duration = Duration::from_secs(600);

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

/// What a message says, apart from books.
enum Control {
    Nothing,
    Ack(Ack),
    Error(ServerError),
    Notice(Notice),
    Unknown(String),
    Invalid(WireError),
}

/// The next message of a connection; for ever, if there is none.
async fn next(connection: Option<&mut Connection>) -> Option<Result<tungstenite::Message, tungstenite::Error>> {
    match connection {
        Some(connection) => connection.next().await,
        None => std::future::pending().await,
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

    /// Asks for what is due on a connection.
    async fn ask(&mut self, slot: Slot) {
        if let Err(why) = self.ask_for_due(slot).await {
            self.hung_up(slot, &why);
        }
    }

    async fn ask_for_due(&mut self, slot: Slot) -> Result<(), String> {
        let now = Instant::now();
        let context = Arc::clone(&self.context);
        let (pace, channel) = (&context.pace, context.channel.as_str());
        self.overdue(slot, now)?;
        let Some(connection) = (match slot {
            Slot::Current => self.current.as_mut(),
            Slot::Spare => self.spare.as_mut().map(|spare| &mut spare.connection),
        }) else {
            return Ok(());
        };
        if slot == Slot::Current {
            for gone in &mut self.leaving {
                if now >= gone.until && gone.tries < UNSUBSCRIBE_TRIES {
                    gone.tries += 1;
                    gone.until = now + UNSUBSCRIBE_WAIT;
                    match connection.ask(Operation::Unsubscribe, channel, &[Arc::clone(&gone.feed.pair)], pace).await {
                        Ok(()) | Err(Unsent::Later(_)) => {}
                        Err(Unsent::Lost(why)) => return Err(why),
                    }
                }
            }
        }
        let mut due: Vec<(Arc<str>, bool)> = Vec::new();
        for (pair, member) in &mut self.members {
            let Some(subscription) = member.on(slot) else { continue };
            match *subscription {
                Subscription::Wanted { at, anew, .. } if now >= at => due.push((Arc::clone(pair), anew)),
                Subscription::Refused { until } if now >= until => {
                    *subscription = Subscription::new(now);
                    due.push((Arc::clone(pair), false));
                    member.feed.enter(PairState::Subscribing);
                }
                _ => {}
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let anew: Vec<Arc<str>> = due.iter().filter(|(_, anew)| *anew).map(|(pair, _)| Arc::clone(pair)).collect();
        let mut sent = Ok(());
        if !anew.is_empty() {
            sent = connection.ask(Operation::Unsubscribe, channel, &anew, pace).await;
        }
        let pairs: Vec<Arc<str>> = due.into_iter().map(|(pair, _)| pair).collect();
        let batch = if self.singly { 1 } else { pairs.len() };
        for pairs in pairs.chunks(batch) {
            if sent.is_ok() {
                sent = connection.ask(Operation::Subscribe, channel, pairs, pace).await;
            }
            let (at, ok) = match &sent {
                Ok(()) => (now + pace.answer, true),
                Err(Unsent::Later(at)) => (*at, false),
                Err(Unsent::Lost(why)) => return Err(why.clone()),
            };
            for pair in pairs {
                let Some(member) = self.members.get_mut(pair) else { continue };
                let resync = anew.contains(pair) && slot == member.source;
                let Some(subscription) = member.on(slot) else { continue };
                let Subscription::Wanted { tries, anew, .. } = *subscription else { continue };
                *subscription = if ok {
                    Subscription::Asked { until: at, tries: tries + 1 }
                } else {
                    tracing::warn!(pair = &**pair, "the exchange's limit of requests is reached; the subscription waits for room");
                    Subscription::Wanted { at, tries, anew }
                };
                if ok && resync {
                    context.monitor.counters.resyncs.add(1);
                    member.feed.cell().status().resyncs += 1;
                }
            }
        }
        Ok(())
    }

    /// Answers that didn't come: asked again, and after the last try refused, or the connection given up.
    fn overdue(&mut self, slot: Slot, now: Instant) -> Result<(), String> {
        let others = self.members.values_mut().filter_map(|member| member.on(slot).copied()).any(|one| one == Subscription::Streaming);
        let refused_until = now + self.context.pace.refused;
        for member in self.members.values_mut() {
            let Some(subscription) = member.on(slot) else { continue };
            let Some(tries) = subscription.overdue(now) else { continue };
            let acknowledged = matches!(subscription, Subscription::Acknowledged { .. });
            if tries < TRIES {
                *subscription = Subscription::Wanted { at: now, tries, anew: acknowledged };
                continue;
            }
            let what = if acknowledged { "no snapshot" } else { "no acknowledgement of the subscription" };
            let why = format!("{what} after {TRIES} tries");
            if !others || slot == Slot::Spare {
                return Err(why);
            }
            // The connection serves others: it isn't sick.
            *subscription = Subscription::Refused { until: refused_until };
            tracing::warn!(pair = &*member.feed.pair, "{why}; asked again in {} s", self.context.pace.refused.as_secs());
            member.feed.lose();
            member.feed.enter(PairState::Refused { code: "no_answer".to_owned(), why });
        }
        if slot == Slot::Current {
            let late = |gone: &mut Leaving| gone.tries >= UNSUBSCRIBE_TRIES && now >= gone.until;
            for gone in self.leaving.extract_if(.., late) {
                tracing::warn!(
                    pair = &*gone.feed.pair,
                    "no acknowledgement of the unsubscription after {UNSUBSCRIBE_TRIES} tries; removed all the same"
                );
                gone.feed.finish();
                let _ = gone.done.send(());
            }
        }
        Ok(())
    }

    async fn keep_alive(&mut self) {
        let now = Instant::now();
        let context = Arc::clone(&self.context);
        if let Some(current) = &mut self.current
            && let Err(why) = current.keep_alive(now, &context.pace).await
        {
            self.hung_up(Slot::Current, &why);
        }
        if let Some(spare) = &mut self.spare
            && let Err(why) = spare.connection.keep_alive(now, &context.pace).await
        {
            self.hung_up(Slot::Spare, &why);
        }
    }

    /// Looks whether the streams are well, and whether a replacement is due.
    fn watch(&mut self) {
        let now = Instant::now();
        if now < self.watch_at {
            return;
        }
        let pace = &self.context.pace;
        self.watch_at = now + WATCH.min(pace.stall / 4);
        let Some(current) = &self.current else { return };
        let sick = current.doubt(now, pace).map(|_| "a ping is unanswered".to_owned());
        let mut doubt = None;
        for member in self.members.values_mut().filter(|member| member.source == Slot::Current) {
            let (verified, suspect, why) = {
                let status = member.feed.cell().status();
                let age = status.last_frame.map(|arrival| arrival.elapsed());
                let stalled = || age.filter(|&age| age >= pace.stall).map(|_| format!("no frame for {} s", pace.stall.as_secs_f64()));
                let late = || {
                    let lag = Duration::from_millis(status.figures.lag_ms()?);
                    (lag >= pace.lag).then(|| format!("frames come over {} s later than before", pace.lag.as_secs_f64()))
                };
                let verified = status.state.is_verified();
                let suspect = matches!(status.state, PairState::Suspect { .. });
                (verified, suspect, if verified { sick.clone().or_else(stalled).or_else(late) } else { None })
            };
            match why {
                Some(why) => {
                    member.feed.enter(PairState::Suspect { why: why.clone() });
                    doubt = Some(why);
                }
                None if verified && suspect => member.feed.enter(PairState::Live),
                None => {}
            }
        }
        if self.spare.is_some() || self.replace.is_some() {
            return;
        }
        if let Some(why) = doubt {
            let (last, times) = self.replaced.unwrap_or((now, 0));
            let times = if now > last + LONGEST_BETWEEN { 0 } else { times };
            let at = if times == 0 { now } else { last + (pace.between_replacements * 2_u32.pow((times - 1).min(8))).min(LONGEST_BETWEEN) };
            tracing::warn!(pairs = %self.names(), "suspect: {why}; a second connection is made to take over");
            self.replaced = Some((at.max(now), times + 1));
            self.replace = Some((why, at));
        } else if self.resync_at.is_some_and(|at| now >= at) {
            self.resync_at = None;
            self.replace = Some(("scheduled resynchronisation".to_owned(), now));
        }
    }

    fn names(&self) -> String {
        self.members.keys().map(|pair| &**pair).collect::<Vec<_>>().join(",")
    }

    /// Does what is due on joins and pairs; says when something will be.
    fn due(&mut self) -> Instant {
        let now = Instant::now();
        let pace = self.context.pace.clone();
        if let Some(spare) = &self.spare {
            let (why, over) = (spare.why.clone(), now >= spare.until);
            for member in self.members.values_mut() {
                if over || member.join_deadline(pace.join).is_some_and(|at| now >= at) {
                    member.force(&why);
                }
            }
            if over && !self.members.values().any(|member| member.source == Slot::Spare) {
                tracing::warn!(pairs = %self.names(), "the new connection brought no book in time; the old one goes on");
                self.hang_up(Slot::Spare);
            } else if over || self.all_joined() {
                self.promote();
            }
        }
        let mut wake = if self.current.is_some() { self.watch_at } else { now + Duration::from_secs(1) };
        let mut at = |time: Option<Instant>| {
            if let Some(time) = time {
                wake = wake.min(time);
            }
        };
        at(self.current.as_ref().map(|current| current.wake_at(&pace)));
        at(self.spare.as_ref().map(|spare| spare.connection.wake_at(&pace).min(spare.until)));
        if self.dialing.is_none() {
            match &self.current {
                None if !self.members.is_empty() => at(Some(self.dial_at.max(now))),
                Some(_) if self.spare.is_none() => at(self.replace.as_ref().map(|(_, time)| *time)),
                _ => {}
            }
        }
        at(self.leaving.iter().map(|gone| gone.until).min());
        for member in self.members.values_mut() {
            at(Some(member.feed.due(now)));
            at(member.join_deadline(pace.join));
            if self.current.is_some() {
                at(member.current.deadline());
            }
            at(member.spare.as_ref().and_then(|spare| spare.subscription.deadline()));
        }
        wake
    }

    /// A message, or the end, of one of the connections.
    async fn message(&mut self, slot: Slot, message: Option<Result<tungstenite::Message, tungstenite::Error>>) {
        let arrival = Arrival::now();
        let now = Instant::now();
        match slot {
            Slot::Current => self.current.as_mut(),
            Slot::Spare => self.spare.as_mut().map(|spare| &mut spare.connection),
        }
        .into_iter()
        .for_each(|connection| connection.alive(now));
        match message {
            Some(Ok(message @ (tungstenite::Message::Text(_) | tungstenite::Message::Binary(_)))) => {
                self.text(slot, &message.into_data(), arrival);
                // A peer that sends without a pause must not keep this thread from the others' work.
                self.in_a_row += 1;
                if self.in_a_row.is_multiple_of(IN_A_ROW) {
                    tokio::task::yield_now().await;
                }
            }
            Some(Ok(tungstenite::Message::Close(reason))) => {
                let why = reason.map_or_else(
                    || "closed by the exchange without a code".to_owned(),
                    |frame| closing::words(u16::from(frame.code), frame.reason.as_str()),
                );
                self.hung_up(slot, &why);
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => self.hung_up(slot, &error.to_string()),
            None => self.hung_up(slot, "closed without a word"),
        }
    }

    fn text(&mut self, slot: Slot, bytes: &[u8], arrival: Arrival) {
        let why = self.spare.as_ref().map_or("", |spare| spare.why.as_str());
        let counters = &self.context.monitor.counters;
        let control = match self.decoder.decode(bytes) {
            Ok(Message::Books(frames)) => {
                counters.bytes.add(bytes.len() as u64);
                for frame in frames {
                    counters.frames.add(1);
                    match self.members.get_mut(frame.instrument.as_str()) {
                        Some(member) => member.frame(slot, frame, bytes, arrival, why),
                        // A pair that was just taken away, or one that nobody asked for.
                        None => counters.frames_unrouted.add(1),
                    }
                }
                Control::Nothing
            }
            Ok(Message::Ack(ack)) => Control::Ack(ack),
            Ok(Message::Error(error)) => Control::Error(error),
            Ok(Message::Notice(notice)) => Control::Notice(notice),
            Ok(Message::OtherEvent { event }) => Control::Unknown(event),
            Ok(Message::Pong | Message::ChannelConnCount(_) | Message::Other { .. }) => Control::Nothing,
            Err(error) => Control::Invalid(error),
        };
        match control {
            Control::Nothing => {}
            Control::Ack(ack) => self.acknowledged(slot, &ack),
            Control::Error(error) => self.refused(slot, error),
            Control::Notice(notice) => self.noticed(slot, &notice),
            Control::Unknown(event) => {
                self.unknown_events += 1;
                // Told on the 1st, 2nd, 4th ... time.
                if self.unknown_events.is_power_of_two() {
                    let event: String = event.chars().take(60).collect();
                    tracing::warn!(
                        event,
                        times = self.unknown_events,
                        "the exchange sends an event that means nothing here; it is left aside"
                    );
                }
            }
            Control::Invalid(error) => {
                let invalid = &self.context.monitor.counters.frames_invalid;
                invalid.add(1);
                // Told on the 1st to 10th, then on the 16th, 32nd ... time: a broken peer must not fill the log.
                if invalid.get() <= 10 || invalid.get().is_power_of_two() {
                    let start: String = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
                    tracing::warn!(pairs = %self.names(), frame = start, invalid = invalid.get(), "frame dropped: {error}");
                }
            }
        }
    }

    fn acknowledged(&mut self, slot: Slot, ack: &Ack) {
        let until = Instant::now() + self.context.pace.answer;
        if ack.kind == AckKind::Unsubscribe {
            let gone = self.leaving.iter().position(|gone| ack.instrument.as_deref() == Some(&*gone.feed.pair));
            if let (Slot::Current, Some(gone)) = (slot, gone) {
                let gone = self.leaving.swap_remove(gone);
                gone.feed.finish();
                let _ = gone.done.send(());
            }
            return;
        }
        for member in self.members.values_mut() {
            if ack.instrument.as_deref().is_some_and(|id| id != &*member.feed.pair) {
                continue;
            }
            let first = slot == Slot::Current && member.feed.attempt() == 0;
            if let Some(subscription) = member.on(slot)
                && let Subscription::Asked { tries, .. } = *subscription
            {
                *subscription = Subscription::Acknowledged { until, tries };
                if first {
                    tracing::info!("Subscribed to {}", member.feed.pair);
                }
            }
        }
    }

    /// The pairs that an error is about: those it names, or else those whose request it names and that wait for an answer.
    fn concerned(&self, slot: Slot, error: &ServerError) -> Vec<Arc<str>> {
        let named = |pair: &Arc<str>| {
            error.instrument.as_deref() == Some(&**pair)
                || error.msg.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).any(|word| word == &**pair)
        };
        let by_name: Vec<Arc<str>> = self.members.keys().filter(|pair| named(pair)).cloned().collect();
        if !by_name.is_empty() {
            return by_name;
        }
        let pending = |member: &Member| match slot {
            Slot::Current => member.current.is_pending(),
            Slot::Spare => member.spare.as_ref().is_some_and(|spare| spare.subscription.is_pending()),
        };
        let mut waiting: Vec<Arc<str>> =
            self.members.values().filter(|member| pending(member)).map(|member| Arc::clone(&member.feed.pair)).collect();
        let connection = match slot {
            Slot::Current => self.current.as_ref(),
            Slot::Spare => self.spare.as_ref().map(|spare| &spare.connection),
        };
        if let (Some(id), Some(connection)) = (&error.id, connection) {
            let about = connection.about(id);
            if !about.is_empty() {
                waiting.retain(|pair| about.contains(pair));
            }
        }
        waiting
    }

    fn refused(&mut self, slot: Slot, error: ServerError) {
        let now = Instant::now();
        let pairs = self.concerned(slot, &error);
        let names = pairs.iter().map(|pair| &**pair).collect::<Vec<_>>().join(",");
        tracing::warn!(pairs = names, code = error.code, "the exchange says: {}", error.msg);
        if error.code == TOO_FREQUENT {
            let connection = match slot {
                Slot::Current => self.current.as_mut(),
                Slot::Spare => self.spare.as_mut().map(|spare| &mut spare.connection),
            };
            let Some(at) = connection.map(|connection| connection.quiet(now)) else { return };
            for pair in pairs {
                if let Some(subscription) = self.members.get_mut(&pair).and_then(|member| member.on(slot))
                    && let Subscription::Asked { tries, .. } = *subscription
                {
                    // It wasn't a try: the exchange didn't look at it.
                    *subscription = Subscription::Wanted { at, tries: tries.saturating_sub(1), anew: false };
                }
            }
            return;
        }
        if !REFUSALS.contains(&error.code.as_str()) {
            return;
        }
        match (slot, pairs.as_slice()) {
            (_, []) => {}
            (Slot::Spare, _) => self.hung_up(Slot::Spare, &format!("refused: {}: {}", error.code, error.msg)),
            (Slot::Current, [pair]) => {
                let until = now + self.context.pace.refused;
                let Some(member) = self.members.get_mut(pair) else { return };
                member.current = Subscription::Refused { until };
                member.feed.lose();
                tracing::warn!(
                    pair = &**pair,
                    code = error.code,
                    "the exchange refuses the pair; asked for again in {} s",
                    self.context.pace.refused.as_secs()
                );
                member.feed.enter(PairState::Refused { code: error.code, why: error.msg });
            }
            (Slot::Current, several) => {
                self.singly = true;
                for pair in several {
                    if let Some(member) = self.members.get_mut(pair) {
                        member.current = Subscription::new(now);
                    }
                }
            }
        }
    }

    fn noticed(&mut self, slot: Slot, notice: &Notice) {
        if notice.code != UPGRADE {
            tracing::warn!(pairs = %self.names(), code = notice.code, "notice of the exchange: {}", notice.msg);
            return;
        }
        match slot {
            Slot::Current if self.spare.is_none() => {
                tracing::warn!(pairs = %self.names(), "the exchange is going to close this connection (64008: {}); a second one is made first", notice.msg);
                self.replace = Some(("service upgrade (64008)".to_owned(), Instant::now()));
            }
            Slot::Current => {}
            Slot::Spare => self.hung_up(Slot::Spare, "the exchange is going to close it (64008)"),
        }
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
