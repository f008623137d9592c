//! `leadline backup` and `leadline restore`, as a user meets them.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use leadline_host::backup::schedule;
use leadline_host::config::{Settings, Sources, settings};
use leadline_host::history::History;
use leadline_host::history::entry::Measurement;
use tokio_util::sync::CancellationToken;

use super::embedded::SmallDisk;
use super::samples::{MS, START_NS, embedded, everything, numbers};
use crate::support::{Redis, program, until};

/// A place with everything that a backup holds, or with nothing.
struct Place {
    redis: Redis,
    folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        Self { redis: Redis::start().await, folder: tempfile::tempdir().expect("a folder") }
    }

    fn history(&self) -> std::path::PathBuf {
        self.folder.path().join("history")
    }

    fn plugins(&self) -> std::path::PathBuf {
        self.folder.path().join("plugins")
    }

    fn leadline(&self, command: &str, arguments: &[&str]) -> Output {
        Command::new(program())
            .arg(command)
            .args(["--redis-addr", &format!("127.0.0.1:{}", self.redis.port)])
            .arg("--history-dir")
            .arg(self.history())
            .arg("--plugin-dir")
            .arg(self.plugins())
            .args(arguments)
            .output()
            .expect("it runs")
    }

    async fn redis(&self, arguments: &[&str]) -> redis::Value {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.redis.port)).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("it is there");
        let (name, rest) = arguments.split_first().expect("a command");
        redis::cmd(name).arg(rest).query_async(&mut connection).await.expect("an answer")
    }

    /// Fills it; returns what is asked of a restored one.
    async fn fill(&self) {
        self.redis(&["SADD", "config:trading_pairs", "BTC-USDT", "ETH-USDT"]).await;
        self.redis(&["HSET", "config:alert_rules", "thin", "{\"field\":\"liquidity_index\"}"]).await;
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.redis.port)).expect("an address");
        let mut connection = client.get_multiplexed_async_connection().await.expect("it is there");
        let state: Vec<u8> = (0..=255).collect();
        let _: i64 = redis::cmd("HSET")
            .arg("state:{analysis:BTC-USDT}")
            .arg("liquidity")
            .arg(state)
            .query_async(&mut connection)
            .await
            .expect("set");
        std::fs::create_dir_all(self.plugins()).expect("made");
        std::fs::write(self.plugins().join("plugins.toml"), "[liquidity]\nenabled = true\n").expect("written");
        std::fs::write(self.plugins().join("liquidity.wasm"), b"\0asm").expect("written");
    }

    async fn keys(&self) -> Vec<(String, redis::Value)> {
        let mut all = Vec::new();
        let mut members: Vec<String> = redis::from_redis_value(self.redis(&["SMEMBERS", "config:trading_pairs"]).await).expect("texts");
        members.sort();
        all.push(("pairs".to_owned(), redis::Value::SimpleString(members.join(" "))));
        all.push(("rules".to_owned(), self.redis(&["HGET", "config:alert_rules", "thin"]).await));
        all.push(("state".to_owned(), self.redis(&["HGET", "state:{analysis:BTC-USDT}", "liquidity"]).await));
        all
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_history_is_written_is_restored_on_a_fresh_place() {
    let from = Place::new().await;
    from.fill().await;
    let history = History::open(&embedded(&from.history())).expect("it opens");
    for i in 0..5000 {
        assert!(history.offer(numbers("BTC-USDT", START_NS + i * MS, &[i as f64, 1.0])));
    }
    until("some is written", async || history.figures().written_points() == 10_000).await;
    let file = from.folder.path().join("b.tar.zst");
    let made = from.leadline("backup", &[path(&file)]);
    assert!(made.status.success(), "{}", told(&made));
    assert!(told(&made).contains("2 pairs, 2 files of plugins, 1 days of history"), "{}", told(&made));
    let again = from.leadline("backup", &[path(&file)]);
    assert!(!again.status.success() && told(&again).contains("none is overwritten"), "{}", told(&again));
    let kept = everything(&history, Measurement::Analysis).await;
    tokio::task::spawn_blocking(move || history.stop()).await.expect("it stops");

    let to = Place::new().await;
    let restored = to.leadline("restore", &[path(&file)]);
    assert!(restored.status.success(), "{}", told(&restored));
    assert_eq!(to.keys().await, from.keys().await);
    for name in ["plugins.toml", "liquidity.wasm"] {
        assert_eq!(std::fs::read(to.plugins().join(name)).expect("there"), std::fs::read(from.plugins().join(name)).expect("there"));
    }
    let history = History::open(&embedded(&to.history())).expect("it opens");
    assert_eq!(everything(&history, Measurement::Analysis).await, kept);
    tokio::task::spawn_blocking(move || history.stop()).await.expect("it stops");

    // There is something now.
    to.redis(&["SREM", "config:trading_pairs", "ETH-USDT"]).await;
    let refused = to.leadline("restore", &[path(&file)]);
    assert!(!refused.status.success() && told(&refused).contains("--replace"), "{}", told(&refused));
    assert_ne!(to.keys().await, from.keys().await, "nothing was changed");
    let replaced = to.leadline("restore", &["--replace", path(&file)]);
    assert!(replaced.status.success(), "{}", told(&replaced));
    assert_eq!(to.keys().await, from.keys().await);
    // A host runs.
    let now = leadline_host::clock::rfc3339(leadline_host::clock::unix_ms());
    to.redis(&["HSET", "system:monitoring", "time", &now, "host", "box:7"]).await;
    let refused = to.leadline("restore", &["--replace", path(&file)]);
    assert!(!refused.status.success() && told(&refused).contains("box:7"), "{}", told(&refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_not_whole_is_refused_before_anything_is_touched() {
    let from = Place::new().await;
    from.fill().await;
    let file = from.folder.path().join("b.tar.zst");
    let made = from.leadline("backup", &[path(&file)]);
    assert!(made.status.success(), "{}", told(&made));
    let good = std::fs::read(&file).expect("there");
    let to = Place::new().await;
    let bad = to.folder.path().join("bad.tar.zst");
    let mut flipped = zstd::decode_all(good.as_slice()).expect("zstd");
    let at = flipped.windows(4).rposition(|bytes| bytes == b"\0asm").expect("the component");
    flipped[at + 1] = b'X';
    let spoilt: [(&str, Vec<u8>); 4] = [
        ("cut short", good[..good.len() / 2].to_vec()),
        ("no archive", b"just words".to_vec()),
        ("empty", Vec::new()),
        ("another digest", zstd::encode_all(flipped.as_slice(), 1).expect("zstd")),
    ];
    for (what, bytes) in spoilt {
        std::fs::write(&bad, bytes).expect("written");
        let refused = to.leadline("restore", &[path(&bad)]);
        let words = told(&refused);
        assert!(!refused.status.success() && words.contains("bad.tar.zst") && words.contains("nothing was changed"), "{what}: {words}");
        assert!(!to.plugins().exists(), "{what}");
        assert_eq!(to.redis(&["DBSIZE"]).await, redis::Value::Int(0), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_makes_backups_by_itself_and_keeps_the_newest() {
    let from = Place::new().await;
    from.fill().await;
    let backups = from.folder.path().join("backups");
    std::fs::create_dir_all(&backups).expect("made");
    for old in 1..5 {
        std::fs::write(backups.join(format!("leadline-2020-01-0{old}T00-00-00Z.tar.zst")), b"old").expect("written");
    }
    let addr = format!("127.0.0.1:{}", from.redis.port);
    let flags = [("REDIS_ADDR", addr.as_str()), ("HISTORY_DIR", path(&from.history())), ("PLUGIN_DIR", path(&from.plugins()))]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let read = Settings::read(&Sources::gather(flags, [], None).expect("known names")).expect("good values");
    let every = Duration::from_millis(1100);
    // The newest file is as old as its own time says, which is now: the first backup comes after one interval.
    let backup = settings::Backup { folder: backups.clone(), every, keep: 2 };
    let stop = CancellationToken::new();
    let task = tokio::spawn(schedule::run(read, backup, stop.clone()));
    let names = || {
        let mut names: Vec<String> =
            std::fs::read_dir(&backups).expect("a folder").flatten().map(|file| file.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    until("two of its own are there and nothing else", async || {
        let names = names();
        names.len() == 2 && names.iter().all(|name| !name.contains("2020") && name.ends_with(".tar.zst"))
    })
    .await;
    stop.cancel();
    task.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_has_no_room_leaves_nothing_and_says_so() {
    let from = Place::new().await;
    from.fill().await;
    std::fs::write(
        from.plugins().join("large.wasm"),
        (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>(),
    )
    .expect("written");
    let small = tempfile::tempdir().expect("a folder");
    let Some(_disk) = SmallDisk::mount(small.path(), 1) else {
        eprintln!("left out: a full disk, since this user may not mount a small one");
        return;
    };
    let refused = from.leadline("backup", &[path(&small.path().join("b.tar.zst"))]);
    let words = told(&refused);
    assert!(!refused.status.success() && words.contains("No space left") && words.contains("hint: the disk is full"), "{words}");
    assert_eq!(std::fs::read_dir(small.path()).expect("a folder").count(), 0, "nothing is left");
}
