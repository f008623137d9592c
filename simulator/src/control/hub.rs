//! Who is connected, and what is done to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::log::{Injected, Log};
use crate::error::SimulatorError;
use crate::fault::{Chaos, Draws, Fault, Flood, Kind, Rule, Target};
use crate::market::Dice;
use crate::server::{Client, Goodbye, Refusing};
use crate::source::{Source, wall_clock_ms};

/// Messages of a flood after which the queue must be half free again.
const FLOOD_PART: u32 = 8;
/// Faults that may be on the schedule at once.
const MOST_SCHEDULED: u64 = 1000;

/// An open WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// From 1, in the order of opening: a fault's `on=NUMBER`.
    pub number: u64,
    /// As acknowledgements have it.
    pub conn_id: String,
    /// The client's address.
    pub peer: std::net::SocketAddr,
    /// How long it has been open.
    pub age: Duration,
    /// Pairs it is subscribed to, in alphabetical order.
    pub pairs: Vec<String>,
    /// Messages that were put into its queue.
    pub sent: u64,
    /// A fault has made it half-open.
    pub half_open: bool,
}

/// The exchange's own view of its clients.
#[derive(Debug)]
pub(crate) struct Hub {
    source: Source,
    refusing: Refusing,
    /// By number.
    clients: Mutex<BTreeMap<u64, Arc<Client>>>,
    log: Mutex<Log>,
    dice: Mutex<Dice>,
    /// Faults on the schedule.
    scheduled: AtomicU64,
    /// Ends the schedule.
    stop: CancellationToken,
}

impl Hub {
    pub(crate) fn new(source: Source, refusing: Refusing) -> Self {
        Self {
            source,
            refusing,
            clients: Mutex::default(),
            log: Mutex::default(),
            dice: Mutex::new(Dice::new(1, "hub")),
            scheduled: AtomicU64::new(0),
            stop: CancellationToken::new(),
        }
    }

    /// A client has connected.
    pub(crate) fn enter(&self, client: &Arc<Client>) {
        lock(&self.clients).insert(client.id, Arc::clone(client));
    }

    /// A client has gone.
    pub(crate) fn leave(&self, client: &Client) {
        lock(&self.clients).remove(&client.id);
    }

    /// Begins what was asked for at the start.
    pub(crate) fn start(self: &Arc<Self>, faults: &[Fault], chaos: Option<&Chaos>, checksums: bool) {
        for fault in faults {
            let (hub, fault) = (Arc::clone(self), fault.clone());
            tokio::spawn(async move {
                if let Err(error) = hub.inject(&fault).await {
                    tracing::error!(%error, "fault left out");
                }
            });
        }
        if let Some(chaos) = chaos {
            let mut draws = Draws::new(chaos, self.source.pairs(), checksums, self.source.exchange().is_some());
            let hub = Arc::clone(self);
            tokio::spawn(async move {
                while let Some((pause, fault)) = draws.next() {
                    if !hub.sleep(pause).await {
                        break;
                    }
                    let _ = hub.strike(&fault).await;
                }
            });
        }
    }

    /// Whether clients can still connect.
    pub(crate) fn is_served(&self) -> bool {
        !self.stop.is_cancelled()
    }

    /// Ends the schedule.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// False if the schedule was ended meanwhile.
    async fn sleep(&self, length: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(length) => true,
        }
    }

    pub(crate) fn injected(&self) -> Vec<Injected> {
        lock(&self.log).all()
    }

    pub(crate) fn connections(&self) -> Vec<Connection> {
        let clients: Vec<_> = lock(&self.clients).values().cloned().collect();
        let one = |client: Arc<Client>| Connection {
            number: client.id,
            conn_id: client.conn_id(),
            peer: client.wire.peer(),
            age: client.opened.elapsed(),
            pairs: client.pairs().iter().cloned().collect(),
            sent: client.sent(),
            half_open: client.wire.is_half_open(),
        };
        clients.into_iter().map(one).collect()
    }

    pub(crate) fn truth(&self, pair: &str, seq_id: i64) -> Vec<u64> {
        self.source.exchange().map(|exchange| exchange.truth(pair, seq_id)).unwrap_or_default()
    }

    /// See [`super::Control::acknowledge`].
    pub(crate) async fn acknowledge(&self, pair: &str, seq_id: i64) -> bool {
        match self.source.exchange() {
            Some(exchange) => exchange.acknowledge(pair, seq_id).await,
            None => false,
        }
    }

    /// Now, or on the schedule.
    pub(crate) async fn inject(self: &Arc<Self>, fault: &Fault) -> Result<Injected, SimulatorError> {
        self.check(fault)?;
        if fault.after.is_zero() && fault.every.is_none() {
            return self.strike(fault).await;
        }
        if self.scheduled.fetch_add(1, Ordering::AcqRel) >= MOST_SCHEDULED {
            self.scheduled.fetch_sub(1, Ordering::AcqRel);
            return Err(refused(fault, format!("{MOST_SCHEDULED} faults are on the schedule already"), "start the simulator anew"));
        }
        let (hub, own) = (Arc::clone(self), fault.clone());
        tokio::spawn(async move {
            let mut pause = own.after;
            while hub.sleep(pause).await {
                let _ = hub.strike(&own).await;
                match own.every {
                    Some(every) => pause = every,
                    None => break,
                }
            }
            hub.scheduled.fetch_sub(1, Ordering::AcqRel);
        });
        Ok(self.record(fault, "on the schedule".to_owned(), &[], Arc::default()))
    }

    /// Whether there is such a pair, and whether this market can do it.
    pub(crate) fn check(&self, fault: &Fault) -> Result<(), SimulatorError> {
        if fault.kind.is_of_the_market() && self.source.exchange().is_none() {
            return Err(refused(
                fault,
                "a recording's market can't be changed".to_owned(),
                "it is for generated markets; leave out --replay",
            ));
        }
        match &fault.pair {
            Some(pair) if !self.source.pairs().contains(pair) => {
                let hint = format!("one of {}, or *", self.source.pairs().join(", "));
                Err(refused(fault, format!("there is no pair {pair}"), hint))
            }
            _ => Ok(()),
        }
    }

    /// Brings it about now.
    async fn strike(self: &Arc<Self>, fault: &Fault) -> Result<Injected, SimulatorError> {
        self.check(fault)?;
        let clients = self.targets(fault);
        let hits = Arc::new(AtomicU64::new(0));
        let effect = self.act(fault, &clients, &hits).await;
        tracing::info!(%fault, connections = clients.len(), "{effect}");
        Ok(self.record(fault, effect, &clients, hits))
    }

    fn record(&self, fault: &Fault, effect: String, clients: &[Arc<Client>], hits: Arc<AtomicU64>) -> Injected {
        let connections = clients.iter().map(|client| client.id).collect();
        let injected = Injected { number: 0, at_ms: wall_clock_ms(), fault: fault.to_string(), effect, connections, hits: 0 };
        lock(&self.log).add(injected, hits)
    }

    /// The connections that a fault concerns, oldest first.
    fn targets(&self, fault: &Fault) -> Vec<Arc<Client>> {
        let mut clients: Vec<_> = lock(&self.clients).values().filter(|client| client.is_open()).cloned().collect();
        if let Some(pair) = &fault.pair {
            clients.retain(|client| client.pairs().contains(pair));
        }
        let one = match fault.on {
            Target::All => return clients,
            Target::Oldest => clients.first(),
            Target::Newest => clients.last(),
            Target::Random => {
                let count = i64::try_from(clients.len()).unwrap_or(0);
                let pick = lock(&self.dice).between(0, count);
                usize::try_from(pick).ok().and_then(|pick| clients.get(pick))
            }
            Target::Number(number) => clients.iter().find(|client| client.id == number),
        };
        one.cloned().into_iter().collect()
    }

    /// Does it; says what was done.
    async fn act(self: &Arc<Self>, fault: &Fault, clients: &[Arc<Client>], hits: &Arc<AtomicU64>) -> String {
        let hit = |count: usize| hits.fetch_add(count as u64, Ordering::Relaxed);
        let close = |reason: Goodbye| {
            clients.iter().for_each(|client| client.close(reason));
            hit(clients.len());
        };
        let rule = |make: &dyn Fn() -> Rule| clients.iter().for_each(|client| client.lane.add(make()));
        let pair = || fault.pair.clone();
        match &fault.kind {
            Kind::Damage(damage, extent) => {
                rule(&|| Rule::damage(*damage, *extent, pair(), Arc::clone(hits)));
                "waits for frames".to_owned()
            }
            Kind::Delay { by, length } => {
                rule(&|| Rule::delay(*by, *length, pair(), Arc::clone(hits)));
                "waits for frames".to_owned()
            }
            Kind::Stall(length) => {
                let extent = crate::fault::Extent::Time(*length);
                rule(&|| Rule::damage(crate::fault::Damage::Drop, extent, pair(), Arc::clone(hits)));
                "no data from now on".to_owned()
            }
            Kind::HalfOpen => {
                clients.iter().for_each(|client| client.wire.half_open());
                hit(clients.len());
                "half-open".to_owned()
            }
            Kind::Cut => {
                close(Goodbye::Cut);
                "cut".to_owned()
            }
            Kind::Close(code) => {
                close(Goodbye::Code(*code));
                "closed".to_owned()
            }
            Kind::Refuse(length) => {
                self.refusing.start(*length);
                "new connections are reset".to_owned()
            }
            Kind::Notice => {
                hit(self.notify(clients).await);
                "notified".to_owned()
            }
            Kind::Restart { lead, code, down } => {
                let (lead, code, down) = (*lead, *code, *down);
                if !lead.is_zero() {
                    hit(self.notify(clients).await);
                }
                let (hub, clients) = (Arc::clone(self), clients.to_vec());
                let restart = async move {
                    if !down.is_zero() {
                        hub.refusing.start(down);
                    }
                    clients.iter().for_each(|client| client.close(Goodbye::Code(code)));
                };
                if lead.is_zero() {
                    restart.await;
                    return "closed".to_owned();
                }
                let stop = self.stop.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = async { tokio::time::sleep(lead).await; restart.await } => {}
                    }
                });
                "notified; closes after the lead time".to_owned()
            }
            Kind::Flood(what @ (Flood::Notices | Flood::Unknown), count) => {
                for client in clients {
                    hit(flood(client, *what, *count).await);
                }
                "sent".to_owned()
            }
            _ => {
                let Some(exchange) = self.source.exchange() else { return "nothing".to_owned() };
                let pairs = fault.pair.clone().map_or_else(|| self.source.pairs(), |pair| vec![pair]);
                for pair in &pairs {
                    exchange.stir(pair, &fault.kind, clients).await;
                }
                if let Kind::Delist { length: Some(length), .. } = &fault.kind {
                    let (hub, length) = (Arc::clone(self), *length);
                    tokio::spawn(async move {
                        if hub.sleep(length).await
                            && let Some(exchange) = hub.source.exchange()
                        {
                            for pair in &pairs {
                                exchange.stir(pair, &Kind::Relist, &[]).await;
                            }
                        }
                    });
                }
                "done".to_owned()
            }
        }
    }

    /// Notice 64008 to each; the number that got it.
    async fn notify(&self, clients: &[Arc<Client>]) -> usize {
        let mut count = 0;
        for client in clients {
            let message = "The connection will soon be closed for a service upgrade. Please reconnect.";
            let notice = json!({ "event": "notice", "code": "64008", "msg": message, "connId": client.conn_id() });
            count += usize::from(client.reply(notice.to_string()).await);
        }
        count
    }
}

/// Valid messages that aren't about a book; the number that was sent.
async fn flood(client: &Client, what: Flood, count: u32) -> usize {
    let mut sent = 0;
    for number in 0..count {
        if number % FLOOD_PART == 0 && !client.half_free().await {
            break;
        }
        let text = match what {
            Flood::Unknown => json!({
                "arg": { "channel": "tickers", "instId": "NO-SUCH" },
                "data": [{ "instType": "SPOT", "instId": "NO-SUCH", "last": number.to_string(), "ts": wall_clock_ms().to_string() }],
            }),
            _ => json!({ "event": "channel-conn-count", "channel": "books", "connCount": number.to_string(), "connId": client.conn_id() }),
        };
        sent += usize::from(client.reply(text.to_string()).await);
    }
    client.half_free().await;
    sent
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it was held can't have left it half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(fault: &Fault, problem: String, hint: impl Into<String>) -> SimulatorError {
    SimulatorError::Fault { text: fault.to_string(), problem, hint: hint.into() }
}
