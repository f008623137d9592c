//! What the tests start: a real redis-server, the host, an exchange that says exactly what a test wants, pairs without a host.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code, and each test uses a part of it"
)]

pub mod books;
pub mod exchange;
pub mod http;
pub mod kept;
pub mod listener;
pub mod monitor;
pub mod stream;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use leadline_host::config::{Settings, Sources};
use redis::FromRedisValue;

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The program under test.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_leadline"))
}

/// A folder of built components beside the program: `plugins` or `test-plugins`.
pub fn components(name: &str) -> PathBuf {
    let target = program().parent().and_then(Path::parent).expect("target/PROFILE/leadline").to_owned();
    let folder = target.join(name);
    assert!(folder.is_dir(), "{} is not built\nhint: make test builds it; or scripts/build-plugins.sh", folder.display());
    folder
}

/// A recording, or none with a line that says what is left out.
pub fn recording(name: &str) -> Option<PathBuf> {
    let shared =
        std::env::var_os("LEADLINE_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let file = shared.join("data/okx").join(name);
    if file.is_file() {
        return Some(file);
    }
    eprintln!("left out: {} is not there (LEADLINE_SHARED names the folder)", file.display());
    None
}

/// Waits until something is true.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number").port()
}

/// A redis-server of its own, with append-only file, ended with the test.
pub struct Redis {
    pub port: u16,
    folder: tempfile::TempDir,
    child: Option<Child>,
    /// Further arguments.
    more: Vec<String>,
}

impl Redis {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let mut redis = Self::absent();
        redis.up().await;
        redis
    }

    /// Starts one with further arguments.
    pub async fn start_with(more: &[&str]) -> Self {
        let mut redis = Self::absent();
        redis.more = more.iter().map(|&word| word.to_owned()).collect();
        redis.up().await;
        redis
    }

    /// One that isn't there yet.
    pub fn absent() -> Self {
        Self { port: free_port(), folder: tempfile::tempdir().expect("a folder"), child: None, more: Vec::new() }
    }

    /// Starts it, again on the data it had.
    pub async fn up(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--appendonly", "yes", "--save", "", "--dir"])
            .arg(self.folder.path())
            .args(&self.more)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed: make setup");
        self.child = Some(child);
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("an address");
        until("redis-server answers", async || match client.get_multiplexed_async_connection().await {
            Ok(mut connection) => redis::cmd("PING").query_async::<String>(&mut connection).await.is_ok(),
            Err(_) => false,
        })
        .await;
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Kills it, as by `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it ran");
            child.wait().expect("it ended");
        }
    }

    /// Deletes the data of a server that was killed.
    pub fn forget_data(&mut self) {
        assert!(self.child.is_none(), "it runs");
        self.folder = tempfile::tempdir().expect("a folder");
    }

    /// Where its data are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection to it.
    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("an address");
        client.get_multiplexed_async_connection().await.expect("redis-server is there")
    }

    /// One command.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("redis-server is there");
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query_async(&mut connection).await.expect("an answer")
    }

    /// A field of a Hash; empty when it isn't there.
    pub async fn field(&self, key: &str, field: &str) -> String {
        self.ask::<Option<String>>(&["HGET", key, field]).await.unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Settings for a host in this process.
pub fn settings(redis: &Redis, ws_url: &str, more: &[(&str, &str)]) -> Settings {
    let plugins = components("plugins");
    let redis = format!("127.0.0.1:{}", redis.port);
    let base = [
        ("REDIS_ADDR", redis.as_str()),
        ("OKX_WS_URL", ws_url),
        ("OKX_REST_URL", "none"),
        ("PLUGIN_DIR", plugins.to_str().expect("a plain path")),
        ("HISTORY_DIR", "none"),
        ("API_ADDR", "127.0.0.1:0"),
        ("TRADING_PAIRS_POLL_INTERVAL", "1"),
        ("ORDERBOOK_INTERVAL_MS", "100"),
    ];
    // The first value of a name wins.
    let flags = more.iter().chain(&base).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::read(&Sources::gather(flags, [], None).expect("known names")).expect("good values")
}
