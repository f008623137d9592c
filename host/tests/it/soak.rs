//! Ten pairs on an exchange where something goes wrong all the time: no wrong book is ever handed out or published, and every pair
//! comes back.
//!
//! Short in every test run; as long as `LEADLINE_SOAK_MINUTES` says otherwise (`make soak`). Two hosts hang on one exchange: lines in
//! this process, of which every single book is compared with the exchange's own at the same sequence number, and the program
//! itself with Redis and all plugins, whose `orderbook:{id}` is read ten times a second and compared in the same way.
#![allow(clippy::print_stdout, reason = "the table is what it is for")]

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::listener::Rig;
use crate::support::{Redis, components, program, until};
use leadline_host::clock::Arrival;
use leadline_host::monitor::board::PairStatus;
use leadline_host::okx::{Change, Outlet, Pace, PairFeed};
use leadline_market::BookSide;
use leadline_simulator::{Chaos, Control, Generated, Options, Served, digest};

/// Longest time a pair may be down: the longest back-off, the fault's own length, and making a connection and a subscription.
const LONGEST_DOWN: Duration = Duration::from_secs(45);

/// Books that were compared, and those that were not the exchange's.
#[derive(Default)]
struct Verdicts {
    compared: AtomicU64,
    /// The exchange had no such number any more: too old to compare.
    unknown: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Verdicts {
    fn judge(&self, control: &Control, pair: &str, sequence: i64, found: u64) {
        let truth = control.truth(pair, sequence);
        if truth.is_empty() {
            self.unknown.fetch_add(1, Ordering::Relaxed);
        } else if truth.contains(&found) {
            self.compared.fetch_add(1, Ordering::Relaxed);
        } else {
            self.wrong.lock().unwrap().push(format!("{pair} at {sequence}"));
        }
    }
}

/// Compares every book that a feed hands out.
struct Judge {
    pair: String,
    control: Control,
    verdicts: Arc<Verdicts>,
}

fn numbers(side: &BookSide) -> impl Iterator<Item = (f64, f64, u32)> {
    side.iter().map(|level| (level.price.to_f64(), level.size.to_f64(), level.orders))
}

impl Outlet for Judge {
    fn change(&mut self, change: &Change<'_>) {
        let book = change.tracked.book();
        let sequence = change.tracked.sequence().expect("the exchange numbers its frames");
        self.verdicts.judge(&self.control, &self.pair, sequence, digest(numbers(book.bids()), numbers(book.asks())));
    }

    fn raw(&mut self, _: &[u8], _: Arrival) {}

    fn state(&mut self, _: &PairStatus) {}
}

/// How long each pair has been down at a stretch.
#[derive(Default)]
struct Downs {
    since: BTreeMap<String, Instant>,
    longest: BTreeMap<String, Duration>,
    stretches: u64,
}

impl Downs {
    fn note(&mut self, pair: &str, verified: bool) {
        if verified {
            self.since.remove(pair);
            return;
        }
        if !self.since.contains_key(pair) {
            self.since.insert(pair.to_owned(), Instant::now());
            self.stretches += 1;
        }
        let down = self.since[pair].elapsed();
        let longest = self.longest.entry(pair.to_owned()).or_default();
        *longest = (*longest).max(down);
    }

    fn longest(&self) -> Duration {
        self.longest.values().max().copied().unwrap_or_default()
    }
}

/// The program, ended with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    fn memory_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a size");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number") / 1024
    }
}

/// The digest of one side as Redis has it.
fn published(json: &str) -> Vec<(f64, f64, u32)> {
    let levels: Vec<[String; 3]> = serde_json::from_str(json).expect("levels");
    levels.iter().map(|[price, size, orders]| (price.parse().unwrap(), size.parse().unwrap(), orders.parse().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn soak() {
    let minutes: f64 = std::env::var("LEADLINE_SOAK_MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(0.4);
    let long = minutes >= 5.0;
    let length = Duration::from_secs_f64(minutes * 60.0);
    let every = if long { Duration::from_secs(10) } else { Duration::from_millis(1200) };
    let seed = std::env::var("LEADLINE_SOAK_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);

    let control = Control::new();
    let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let options = Options {
        served: Served::Generated(Generated { seed, ..Generated::default() }),
        chaos: Some(Chaos { every, seed, without: Vec::new() }),
        control: control.clone(),
        ..Options::default()
    };
    let serving = tokio::spawn(leadline_simulator::serve(listener, options, std::future::pending()));
    let ws = format!("ws://{address}/ws/v5/public");

    let redis = Redis::start().await;
    let listed = pairs_of(&format!("http://{address}")).await;
    assert_eq!(listed.len(), 10, "{listed:?}");
    for pair in &listed {
        redis.ask::<i64>(&["SADD", "config:trading_pairs", pair]).await;
    }
    let log = std::fs::File::create(redis.folder().join("host.log")).expect("a log");
    let program = Program(
        Command::new(program())
            .args(["run", "--okx-ws-url", &ws, "--okx-rest-url", &format!("http://{address}"), "--api-addr", "127.0.0.1:0"])
            .args(["--redis-addr", &format!("127.0.0.1:{}", redis.port), "--orderbook-interval-ms", "100"])
            .args(["--okx-resync-interval", if long { "180" } else { "8" }])
            .arg("--plugin-dir")
            .arg(components("plugins"))
            .arg("--history-dir")
            .arg(redis.folder().join("history"))
            .stderr(Stdio::from(log))
            .spawn()
            .expect("it starts"),
    );

    let pace = if long {
        Pace::default()
    } else {
        Pace { healthy: Duration::from_secs(5), longest_wait: Duration::from_secs(3), ..Pace::default() }
    };
    let rig = Rig::new(&ws, pace.clone(), &[("OKX_PAIRS_PER_CONNECTION", "2"), ("OKX_RESYNC_INTERVAL", if long { "240" } else { "6" })]);
    let handed_out = Arc::new(Verdicts::default());
    let mut seats = Vec::new();
    for pair in &listed {
        let id: Arc<str> = Arc::from(pair.as_str());
        let cell = rig.monitor.board.add(&id);
        let judge = Judge { pair: pair.clone(), control: control.clone(), verdicts: Arc::clone(&handed_out) };
        let feed = PairFeed::new(&id, cell, Arc::clone(&rig.monitor), Box::new(judge), pace.healthy);
        seats.push(rig.lines.join(feed).await);
    }
    until("all pairs of the program have been live", async || {
        for pair in &listed {
            if redis.field(&format!("orderbook:{pair}"), "sequence").await.is_empty() {
                return false;
            }
        }
        true
    })
    .await;

    let began = Instant::now();
    let in_redis = Verdicts::default();
    let (mut inside, mut outside) = (Downs::default(), Downs::default());
    let mut memory: Vec<u64> = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let mut connection = redis.connection().await;
    while began.elapsed() < length {
        tick.tick().await;
        if memory.len() < (began.elapsed().as_secs() as usize) {
            memory.push(program.memory_mb());
        }
        for cell in rig.monitor.board.pairs() {
            inside.note(&cell.pair, cell.status().state.is_verified());
        }
        for pair in &listed {
            let mut pipeline = redis::pipe();
            pipeline.cmd("HMGET").arg(format!("orderbook:{pair}")).arg(&["sequence", "bids", "asks"]);
            pipeline.cmd("HGET").arg(format!("feed:{pair}")).arg("state");
            let ((sequence, bids, asks), state): ((String, String, String), String) =
                pipeline.query_async(&mut connection).await.expect("an answer");
            outside.note(pair, state == "live" || state == "suspect");
            let found = digest(published(&bids), published(&asks));
            in_redis.judge(&control, pair, sequence.parse().expect("a number"), found);
        }
    }
    until("all pairs are live at once", async || {
        for pair in &listed {
            let state = redis.field(&format!("feed:{pair}"), "state").await;
            if state != "live" && state != "suspect" {
                return false;
            }
        }
        rig.monitor.board.live() == listed.len()
    })
    .await;

    let injected = control.injected();
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for one in &injected {
        *kinds.entry(one.fault.split([':', ' ']).next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    let counters = &rig.monitor.counters;
    let of = async |field: &str| redis.field("system:monitoring", field).await;
    println!("\nsoak: {:.1} min, {} pairs, {} faults, one about every {:.1} s", minutes, listed.len(), injected.len(), every.as_secs_f64());
    println!("faults: {}", kinds.iter().map(|(kind, n)| format!("{kind} {n}")).collect::<Vec<_>>().join(", "));
    println!("{:<42}{:>14}{:>14}", "", "lines", "program");
    let row = |name: &str, lines: String, program: String| println!("{name:<42}{lines:>14}{program:>14}");
    let count = |verdicts: &Verdicts| verdicts.compared.load(Ordering::Relaxed).to_string();
    row("books compared with the exchange's own", count(&handed_out), count(&in_redis));
    row("wrong books", handed_out.wrong.lock().unwrap().len().to_string(), in_redis.wrong.lock().unwrap().len().to_string());
    let unknown = |verdicts: &Verdicts| verdicts.unknown.load(Ordering::Relaxed).to_string();
    row("too old to compare", unknown(&handed_out), unknown(&in_redis));
    row("times a pair was down", inside.stretches.to_string(), outside.stretches.to_string());
    let seconds = |downs: &Downs| format!("{:.1}", downs.longest().as_secs_f64());
    row("longest time a pair was down, s", seconds(&inside), seconds(&outside));
    row("gaps", counters.gaps.get().to_string(), of("gaps").await);
    row("resynchronisations", counters.resyncs.get().to_string(), of("resyncs").await);
    row("connections lost", counters.disconnects.get().to_string(), of("disconnects").await);
    row("joins without a gap", counters.joins.get().to_string(), of("joins").await);
    row("audits", counters.audits.get().to_string(), of("audits").await);
    row("drift found", counters.drift.get().to_string(), of("drift").await);
    row("readings", String::new(), of("readings").await);
    let early = memory.get(memory.len() / 6).copied().unwrap_or_default();
    row("memory after a sixth of the time, MB", String::new(), early.to_string());
    row("memory at the end, MB", String::new(), memory.last().copied().unwrap_or_default().to_string());
    row("memory, largest, MB", String::new(), memory.iter().max().copied().unwrap_or_default().to_string());

    for (name, verdicts) in [("handed out", &handed_out), ("published", &Arc::new(in_redis))] {
        let wrong = verdicts.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{} wrong books were {name}: {:?}", wrong.len(), &wrong[..wrong.len().min(10)]);
        assert!(verdicts.compared.load(Ordering::Relaxed) > 100, "too few books were {name} to say anything");
    }
    assert_eq!(counters.drift.get(), 0, "an audit found a kept book wrong");
    assert!(counters.audits.get() > 0, "nothing was audited");
    for (name, downs) in [("the lines", &inside), ("the program", &outside)] {
        assert!(downs.longest() <= LONGEST_DOWN, "{name}: a pair was down for {:?}: {:?}", downs.longest(), downs.longest);
    }
    if long {
        let last = memory.last().copied().unwrap_or_default();
        assert!(last <= early + early / 5 + 8, "memory grew from {early} to {last} MB");
    }
    serving.abort();
    drop(seats);
}

/// The pairs that the exchange lists.
async fn pairs_of(rest: &str) -> Vec<String> {
    use leadline_host::config::{Settings, Sources};
    use leadline_host::okx::{Proxies, Rest};
    let flags = [("OKX_REST_URL".to_owned(), rest.to_owned())];
    let settings = Settings::read(&Sources::gather(flags, [], None).expect("known names")).expect("good values");
    let rest = Rest::new(&settings.okx, Arc::new(Proxies::none())).expect("a client");
    rest.list("instType=SPOT").await.expect("a listing").into_iter().map(|instrument| instrument.id).collect()
}
