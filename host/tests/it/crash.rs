//! The host killed, Redis killed, Redis stopped: every reading of the buffered lane is published exactly once and in order, and the plugins end
//! with the same state, bit for bit, as if nothing had happened.
//!
//! The exchange runs in lock-step: it sends a frame once the one before stands in the List. So whatever moment is hit, what must come of it is
//! known. Short in every test run; `LEADLINE_CRASH_KILLS` and `LEADLINE_CRASH_BOOKS` make it as long as wanted (`make crash`).
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::monitor::Watcher;
use crate::support::{DEADLINE, Redis, components, program, until};
use leadline_host::analysis::SavedState;
use leadline_host::lanes::checkpoint::decode_state;
use leadline_host::lanes::codec::LaneFrame;
use leadline_simulator::{Control, Generated, Options, Rate, Served};

const PAIR: &str = "BTC-USDT";
const KEY: &str = "buffer:{analysis:BTC-USDT}";
const PLUGINS: [&str; 2] = ["depth_anomaly", "liquidity"];

/// An exchange in lock-step.
struct Exchange {
    control: Control,
    address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Exchange {
    async fn start(seed: u64) -> Self {
        Self::start_market(Generated { seed, pairs: 1, rate: Rate::LockStep, start_ms: Some(1_800_000_000_000), ..Generated::default() })
            .await
    }

    async fn start_market(market: Generated) -> Self {
        let control = Control::new();
        let listener = leadline_simulator::listen("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let options = Options { served: Served::Generated(market), control: control.clone(), ..Options::default() };
        let task = tokio::spawn(async move {
            let _ = leadline_simulator::serve(listener, options, std::future::pending()).await;
        });
        Self { control, address, task }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The program, killed with the test.
struct Program(Child);

impl Program {
    fn start(redis: &Redis, exchange: &Exchange, cache: &std::path::Path, more: &[(&str, &str)]) -> Self {
        let (url, rest) = (format!("ws://{}/ws/v5/public", exchange.address), format!("http://{}", exchange.address));
        let log = std::env::var_os("LEADLINE_CRASH_LOG");
        let child = Command::new(program())
            .arg("run")
            .env("REDIS_ADDR", format!("127.0.0.1:{}", redis.port))
            .env("OKX_WS_URL", url)
            .env("OKX_REST_URL", rest)
            .env("OKX_RESYNC_INTERVAL", "0")
            .env("PLUGIN_DIR", components("plugins"))
            .env("PLUGIN_CACHE_DIR", cache)
            // A loaded machine must not decide what a plugin answers.
            .env("PLUGIN_DEADLINE_MS", "10000")
            .env("LANE_CHECKPOINT_INTERVAL", "1")
            .env("API_ADDR", "127.0.0.1:0")
            .env("HISTORY_DIR", "none")
            .envs(more.iter().copied())
            .stdout(Stdio::null())
            .stderr(if log.is_some() { Stdio::inherit() } else { Stdio::null() })
            .spawn()
            .expect("it starts");
        Self(child)
    }

    fn kill(&mut self) {
        self.0.kill().expect("it ran");
        self.0.wait().expect("it ended");
    }

    /// Resident memory.
    fn memory_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("a size");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number") / 1024
    }

    /// As Ctrl-C does.
    async fn stop(mut self) {
        signal(self.0.id(), "-TERM");
        let deadline = Instant::now() + DEADLINE;
        while self.0.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < deadline, "the host doesn't stop");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().expect("kill").success());
}

/// The newest frame that the List has acknowledged: run, index, sequence number.
async fn newest(connection: &mut redis::aio::MultiplexedConnection) -> redis::RedisResult<Option<(u64, u64, i64)>> {
    type Answer = (Option<Vec<u8>>, Option<Vec<u8>>, (Option<u64>, Option<u64>, Option<i64>));
    let (waiting, taken, position): Answer = redis::pipe()
        .atomic()
        .cmd("LINDEX")
        .arg(KEY)
        .arg(0)
        .cmd("LINDEX")
        .arg(format!("{KEY}:processing"))
        .arg(0)
        .cmd("HMGET")
        .arg(format!("{KEY}:position"))
        .arg(&["run", "index", "sequence"])
        .query_async(connection)
        .await?;
    Ok(match waiting.or(taken) {
        Some(bytes) => {
            let frame = LaneFrame::decode(&bytes).expect("ours");
            Some((frame.run, frame.index, frame.sequence.expect("numbered")))
        }
        None => position.0.zip(position.1).zip(position.2).map(|((run, index), sequence)| (run, index, sequence)),
    })
}

/// Acknowledges what the List has until so many books are in it, counted over all runs of the host.
struct Acknowledger {
    seen: Option<(u64, u64)>,
    /// Sequence number of the newest.
    sequence: i64,
    books: usize,
}

impl Acknowledger {
    fn new() -> Self {
        Self { seen: None, sequence: -1, books: 0 }
    }

    /// Looks once; whether anything was new.
    async fn look(&mut self, redis: &mut redis::aio::MultiplexedConnection, exchange: &Exchange) -> bool {
        let Ok(Some((run, index, sequence))) = newest(redis).await else { return false };
        if self.seen == Some((run, index)) {
            return false;
        }
        self.seen = Some((run, index));
        if sequence != self.sequence {
            self.books += 1;
            self.sequence = sequence;
        }
        exchange.control.acknowledge(PAIR, sequence).await;
        true
    }

    async fn until(&mut self, books: usize, redis: &Redis, exchange: &Exchange) {
        let mut connection = redis.connection().await;
        let mut last = Instant::now();
        while self.books < books {
            if self.look(&mut connection, exchange).await {
                last = Instant::now();
            } else {
                assert!(last.elapsed() < 6 * DEADLINE, "nothing came after {} books", self.books);
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
    }
}

/// The readings of a plugin in order: sequence number and fields.
type InOrder = Vec<(i64, BTreeMap<String, String>)>;

/// What a run came to.
struct Ended {
    /// What the plugins had gathered.
    states: BTreeMap<&'static str, SavedState>,
    /// The last book, level by level.
    book: (String, String),
    /// Of each plugin, in the order of their publication: sequence number and fields, without the times of this host's clock.
    readings: BTreeMap<&'static str, InOrder>,
}

async fn end(redis: &Redis, watcher: Option<Watcher>) -> Ended {
    let mut states = BTreeMap::new();
    for plugin in PLUGINS {
        let bytes: Vec<u8> = redis.ask(&["HGET", "state:{analysis:BTC-USDT}", plugin]).await;
        states.insert(plugin, decode_state(&bytes).expect("ours"));
    }
    let book = (redis.field("orderbook:BTC-USDT", "asks").await, redis.field("orderbook:BTC-USDT", "bids").await);
    let mut readings: BTreeMap<&str, Vec<_>> = PLUGINS.map(|plugin| (plugin, Vec::new())).into();
    if let Some(watcher) = watcher {
        for told in watcher.readings().await {
            if let Some(of_plugin) = readings.get_mut(told.plugin.as_str()) {
                of_plugin.push((told.sequence, told.fields));
            }
        }
    }
    Ended { states, book, readings }
}

fn is_same(run: &Ended, plain: &Ended) {
    for plugin in PLUGINS {
        let (found, wanted) = (&run.readings[plugin], &plain.readings[plugin]);
        for (at, (one, other)) in found.iter().zip(wanted).enumerate() {
            assert_eq!(one.0, other.0, "{plugin}: reading {at} is of another book");
            assert_eq!(one.1, other.1, "{plugin}: reading {at}, of {}", one.0);
        }
        assert_eq!(found.len(), wanted.len(), "{plugin}: readings");
        assert!(run.states[plugin] == plain.states[plugin], "{plugin} ended with another state");
    }
    assert_eq!(run.book, plain.book, "the last books differ");
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// The same numbers each time.
fn dice(seed: &mut u64, below: u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed % below
}

async fn redis_with_the_pair() -> Redis {
    let redis = Redis::start().await;
    // Written before the answer, always, and never waited for: a kill of the process then loses nothing that was acknowledged.
    redis.ask::<String>(&["CONFIG", "SET", "appendfsync", "no"]).await;
    redis.ask::<i64>(&["SADD", "config:trading_pairs", PAIR]).await;
    redis
}

/// A run in which nothing happens.
async fn undisturbed(books: usize, cache: &std::path::Path) -> Ended {
    let (redis, exchange) = (redis_with_the_pair().await, Exchange::start(11).await);
    let watcher = Watcher::start(&redis, PAIR);
    let host = Program::start(&redis, &exchange, cache, &[]);
    Acknowledger::new().until(books, &redis, &exchange).await;
    // The last frame acknowledged has sent one more out.
    settle(&redis, &exchange).await;
    host.stop().await;
    end(&redis, Some(watcher)).await
}

/// Waits until the frame that the last acknowledgement sent out is published too.
async fn settle(redis: &Redis, _: &Exchange) {
    let mut connection = redis.connection().await;
    until("all is published", async || {
        let Ok(Some((run, index, _))) = newest(&mut connection).await else { return false };
        let at = redis.field(&format!("{KEY}:position"), "index").await;
        let of = redis.field(&format!("{KEY}:position"), "run").await;
        let arrived = redis.field("feed:BTC-USDT", "sequence").await;
        at == index.to_string() && of == run.to_string() && arrived == redis.field(&format!("{KEY}:position"), "sequence").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_any_moment_publishes_every_reading_once_and_in_order_and_ends_in_the_same_state() {
    let (kills, books) = (number("LEADLINE_CRASH_KILLS", 3), number("LEADLINE_CRASH_BOOKS", 600));
    let cache = tempfile::tempdir().expect("a folder");
    let cache: PathBuf = cache.path().join("cache");
    let plain = undisturbed(books, &cache).await;
    assert!(plain.readings["liquidity"].len() >= books, "{} readings of {books} books", plain.readings["liquidity"].len());

    let (redis, exchange) = (redis_with_the_pair().await, Exchange::start(11).await);
    let watcher = Watcher::start(&redis, PAIR);
    let mut acknowledger = Acknowledger::new();
    let mut seed = number("LEADLINE_CRASH_SEED", 7) as u64;
    let mut moments: Vec<usize> = (0..kills).map(|_| 1 + dice(&mut seed, books as u64 - 1) as usize).collect();
    moments.sort_unstable();
    let mut host = Program::start(&redis, &exchange, &cache, &[]);
    for (nth, moment) in moments.into_iter().enumerate() {
        acknowledger.until(moment, &redis, &exchange).await;
        // Anywhere between two frames.
        tokio::time::sleep(Duration::from_micros(dice(&mut seed, 4000))).await;
        host.kill();
        // What stood in the List when it died is acknowledged.
        acknowledger.look(&mut redis.connection().await, &exchange).await;
        println!("kill {} at book {}", nth + 1, acknowledger.books);
        host = Program::start(&redis, &exchange, &cache, &[]);
    }
    acknowledger.until(books, &redis, &exchange).await;
    settle(&redis, &exchange).await;
    host.stop().await;
    is_same(&end(&redis, Some(watcher)).await, &plain);
    println!("{kills} kills over {books} books: every reading published once and in order, and the same state in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_killed_and_one_that_hangs_cost_no_book_that_its_list_had_acknowledged() {
    let (books, hang) = (number("LEADLINE_CRASH_BOOKS", 150).min(2000), number("LEADLINE_CRASH_HANG_SECONDS", 3) as u64);
    let cache = tempfile::tempdir().expect("a folder");
    let cache: PathBuf = cache.path().join("cache");
    let plain = undisturbed(books, &cache).await;

    let (mut redis, exchange) = (redis_with_the_pair().await, Exchange::start(11).await);
    let mut acknowledger = Acknowledger::new();
    let host = Program::start(&redis, &exchange, &cache, &[]);
    acknowledger.until(books / 3, &redis, &exchange).await;
    redis.kill();
    redis.up().await;
    redis.ask::<String>(&["CONFIG", "SET", "appendfsync", "no"]).await;
    acknowledger.until(2 * books / 3, &redis, &exchange).await;
    // Longer than a call may take: the host sends anew what the stopped server then carries out twice.
    signal(redis.pid(), "-STOP");
    tokio::time::sleep(Duration::from_secs(hang)).await;
    signal(redis.pid(), "-CONT");
    acknowledger.until(books, &redis, &exchange).await;
    settle(&redis, &exchange).await;
    assert_eq!(redis.field("feed:BTC-USDT", "lane_dropped").await, "0");
    host.stop().await;
    let ended = end(&redis, None).await;
    for plugin in PLUGINS {
        assert!(ended.states[plugin] == plain.states[plugin], "{plugin} ended with another state");
    }
    assert_eq!(ended.book, plain.book);
}

/// The oldest time that any analysis of any pair says, if all say one.
async fn oldest_reading(connection: &mut redis::aio::MultiplexedConnection, pairs: &[String]) -> Option<u64> {
    let mut oldest = u64::MAX;
    for pair in pairs {
        for plugin in ["support_resistance", "large_orders", "depth_anomaly", "liquidity"] {
            let mut ask = redis::cmd("HGET");
            let time: Option<String> =
                ask.arg(format!("analysis:{pair}")).arg(format!("{plugin}.time")).query_async(connection).await.ok()?;
            oldest = oldest.min(leadline_host::clock::parse_rfc3339(&time?)?);
        }
    }
    Some(oldest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_under_load_is_waited_for_in_bounded_memory_and_everything_is_fresh_again_afterwards() {
    let away = Duration::from_secs(number("LEADLINE_CRASH_AWAY_SECONDS", 3) as u64);
    let cache = tempfile::tempdir().expect("a folder");
    let exchange = Exchange::start_market(Generated { rate: Rate::PerSecond(100.0), ..Generated::default() }).await;
    let mut redis = Redis::start().await;
    let pairs: Vec<String> = ["BTC", "ETH", "SOL", "XRP", "DOGE"].map(|base| format!("{base}-USDT")).to_vec();
    for pair in &pairs {
        redis.ask::<i64>(&["SADD", "config:trading_pairs", pair]).await;
    }
    let mut host = Program::start(&redis, &exchange, &cache.path().join("cache"), &[("PLUGIN_DEADLINE_MS", "1000")]);
    let mut connection = redis.connection().await;
    until("all pairs have all readings", async || oldest_reading(&mut connection, &pairs).await.is_some()).await;
    let before_mb = host.memory_mb();
    redis.kill();
    let gone = Instant::now();
    let mut most_mb = 0;
    while gone.elapsed() < away {
        assert!(host.0.try_wait().expect("a child").is_none(), "the host ended");
        most_mb = most_mb.max(host.memory_mb());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    redis.up().await;
    let (back, back_ms) = (Instant::now(), leadline_host::clock::unix_ms());
    let mut connection = redis.connection().await;
    until("every analysis of every pair is of a book that came after the return", async || {
        oldest_reading(&mut connection, &pairs).await.is_some_and(|oldest| oldest > back_ms)
    })
    .await;
    until("nothing waits any more", async || {
        let mut waiting = 0;
        for pair in &pairs {
            waiting += redis.field(&format!("feed:{pair}"), "lane_lag_ms").await.parse::<u64>().unwrap_or(u64::MAX / 100);
        }
        waiting < 100 * pairs.len() as u64
    })
    .await;
    println!(
        "Redis away for {away:?}: all fresh again {:.1} s after its return; {before_mb} MB before, {most_mb} MB at most",
        back.elapsed().as_secs_f64()
    );
    // 2000 frames a pair, of half a kilobyte, and the readings that wait.
    assert!(most_mb < before_mb + 64, "{before_mb} MB before, {most_mb} MB while Redis was away");
    for pair in &pairs {
        assert_eq!(redis.field(&format!("feed:{pair}"), "gaps").await, "0", "{pair}");
    }
    host.stop().await;
}
