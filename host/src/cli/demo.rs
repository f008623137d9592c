//! `leadline demo`: everything on one machine.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::ArgMatches;
use leadline_market::{Decoder, Message};
use leadline_recording::Recording;
use tokio::net::TcpListener;

use super::arguments::sources;
use super::child::{self, Server};
use super::{run, runtime, signals, simulate};
use crate::api::security::tokens;
use crate::config::settings::Secret;
use crate::config::{Settings, table};
use crate::logging;
use crate::okx::endpoint::ENDPOINTS;
use crate::okx::{Proxies, Rest};
use crate::results::Link;

/// Redis's own port, so that plain `redis-cli` finds the demo; if it is taken, any free one.
const REDIS_PORT: u16 = 6379;
/// Pairs of live OKX when nobody named others.
const LIVE_PAIRS: [&str; 3] = ["BTC-USDT", "ETH-USDT", "SOL-USDT"];
/// Frames of a recording that are looked at to learn its pairs.
const LOOK: usize = 20_000;

/// Where the demo's frames come from.
enum Feed {
    Generated,
    Okx,
    Replay(PathBuf),
}

impl Feed {
    fn of(matches: &ArgMatches) -> Self {
        match matches.get_one::<PathBuf>("replay") {
            Some(file) => Self::Replay(file.clone()),
            None if matches.get_one::<String>("feed").is_some_and(|feed| feed == "okx") => Self::Okx,
            None => Self::Generated,
        }
    }

    /// A folder each, so that one feed's numbers never stand among another's.
    fn folder(&self) -> PathBuf {
        match self {
            Self::Generated => "data/generated".into(),
            Self::Okx => "data/okx".into(),
            Self::Replay(file) => {
                let name = file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
                format!("data/replay-{name}").into()
            }
        }
    }

    /// In words, for the page. `url`: the address that live frames come from.
    fn words(&self, url: &str) -> String {
        match self {
            Self::Generated => "generated market".to_owned(),
            Self::Okx if ENDPOINTS.iter().any(|endpoint| endpoint.ws_url == url) => "live OKX".to_owned(),
            Self::Okx => format!("live: {url}"),
            Self::Replay(file) => format!("recording {}", file.display()),
        }
    }
}

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let sources = sources(matches)?;
    let feed = Feed::of(matches);
    // Checked before anything is started.
    let mut settings = Settings::read(&sources)?;
    if !matches!(feed, Feed::Okx) {
        simulate::options(matches)?;
    }
    let pairs = match &feed {
        Feed::Replay(file) => recorded_pairs(file)?,
        Feed::Okx => LIVE_PAIRS.map(str::to_owned).to_vec(),
        Feed::Generated => Vec::new(),
    };
    logging::start(&settings.log)?;
    let folder = matches.get_one::<PathBuf>("data").cloned().unwrap_or_else(|| feed.folder());
    let _lock = lock(&folder)?;
    runtime()?.block_on(async {
        let stop = signals::stop_token()?;
        // The page's port is tried before servers are started for nothing.
        if sources.get(&table::API_ADDR).place == "default" && TcpListener::bind(&settings.api.addr).await.is_err() {
            tracing::warn!("{} is taken by another program; the page gets a free port", settings.api.addr);
            settings.api.addr = "127.0.0.1:0".to_owned();
        }
        let port = redis_port(matches.get_one::<u16>("redis-port").copied()).await?;
        let redis = child::redis(&folder.join("redis"), port).await?;
        let mut servers = vec![redis];
        settings.redis.addr = format!("127.0.0.1:{port}");
        settings.redis.password.clear();
        settings.redis.username.clear();
        settings.redis.db = 0;
        // A demo's history stands beside its Redis, and one feed's never among another's.
        if !sources.is_given(&table::HISTORY_DIR) {
            settings.history.folder = Some(folder.join("history"));
        }
        settings.api.audit_file.get_or_insert_with(|| folder.join("audit.jsonl"));
        let token_file = match (&settings.api.token, &settings.api.tokens_file) {
            (None, None) => {
                let (file, token) = token(&folder)?;
                settings.api.token = Some(token);
                Some(file)
            }
            _ => None,
        };

        let ran = run_all(matches, &feed, settings, &folder, token_file, pairs, &mut servers, &stop, port).await;
        // Last started, first stopped; Redis writes its data and goes last.
        while let Some(server) = servers.pop() {
            server.stop().await;
        }
        ran.map(|()| ExitCode::SUCCESS)
    })
}

/// Holds the data folder: two servers on one append-only file would spoil it.
fn lock(folder: &Path) -> anyhow::Result<std::fs::File> {
    std::fs::create_dir_all(folder).with_context(|| format!("--data: can't make {}", folder.display()))?;
    let path = folder.join("demo.lock");
    let file = std::fs::File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!("another demo runs on {}\nhint: stop it, or name another folder with --data", folder.display())
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("can't lock {}", path.display())),
    }
}

#[expect(clippy::too_many_arguments, reason = "the demo's parts, each named; a struct for one call would say no more")]
async fn run_all(
    matches: &ArgMatches,
    feed: &Feed,
    mut settings: Settings,
    folder: &Path,
    token_file: Option<PathBuf>,
    mut pairs: Vec<String>,
    servers: &mut Vec<Server>,
    stop: &tokio_util::sync::CancellationToken,
    port: u16,
) -> anyhow::Result<()> {
    if !matches!(feed, Feed::Okx) {
        let (server, url) = child::simulator(&simulator_arguments(matches)).await?;
        servers.push(server);
        let rest = url.replacen("ws://", "http://", 1);
        settings.okx.rest_url = Some(rest.trim_end_matches("/ws/v5/public").to_owned());
        settings.okx.ws_url = url;
    }
    if pairs.is_empty() {
        pairs = market_pairs(&settings).await?;
    }
    wish(&settings, &pairs, stop).await?;
    let key = settings.pairs.key.clone();
    let cli = if port == REDIS_PORT { "redis-cli".to_owned() } else { format!("redis-cli -p {port}") };
    let first = pairs.first().cloned().unwrap_or_else(|| "BTC-USDT".to_owned());
    let words = feed.words(&settings.okx.ws_url);
    let host = run::until_stopped(settings, words.clone(), stop, |host| {
        let change = token_file.map_or_else(String::new, |file| {
            format!(
                "  API       http://{0}/api/v1/docs\n  change    curl -H \"Authorization: Bearer $(cat {1})\" -H 'Content-Type: application/json' -d '{{\"instrument_id\":\"{first}\"}}' http://{0}/api/v1/pairs\n",
                host.addr,
                file.display()
            )
        });
        logging::tell(&format!(
            "\n  Leadline runs on: {words}\n  page      http://{}\n  readings  {cli} HGETALL analysis:{first}\n  host      {cli} HGETALL system:monitoring\n  pairs     {cli} SADD {key} {first}    (SREM takes one away)\n{change}  data      {}\n  Ctrl-C stops everything.\n\n",
            host.addr,
            folder.display()
        ));
    });
    tokio::pin!(host);
    let mut watched: Vec<_> = servers.iter_mut().map(|server| Box::pin(server.ended())).collect();
    let (why, which, _) = tokio::select! {
        ran = &mut host => return ran,
        ended = futures_util::future::select_all(watched.iter_mut()) => ended,
    };
    stop.cancel();
    host.await?;
    // The simulator is the second server; with --once it ends by itself, and the demo with it.
    if which == 1 && matches.get_flag("once") {
        return Ok(());
    }
    bail!("{why}\nhint: {}/redis/redis.log may say why", folder.display())
}

/// The demo's token, kept in its data folder for whoever may read that.
fn token(folder: &Path) -> anyhow::Result<(PathBuf, Secret)> {
    let file = folder.join("api-token");
    if let Ok(kept) = std::fs::read_to_string(&file) {
        return Ok((file, Secret::new(kept.trim().to_owned())));
    }
    let token = tokens::random()?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&file).with_context(|| format!("can't write {}", file.display()))?;
    writeln!(written, "{token}").with_context(|| format!("can't write {}", file.display()))?;
    Ok((file, Secret::new(token)))
}

/// The demo's own arguments, handed on.
fn simulator_arguments(matches: &ArgMatches) -> Vec<String> {
    let mut arguments = Vec::new();
    for name in ["rate", "shape", "speed"] {
        if let Some(value) = matches.get_one::<String>(name) {
            arguments.extend([format!("--{name}"), value.clone()]);
        }
    }
    for name in ["seed", "market-pairs"] {
        if let Some(value) = matches.get_one::<u64>(name) {
            arguments.extend([format!("--{name}"), value.to_string()]);
        }
    }
    for name in ["swaps", "once"] {
        if matches.get_flag(name) {
            arguments.push(format!("--{name}"));
        }
    }
    if let Some(file) = matches.get_one::<PathBuf>("replay") {
        arguments.extend(["--replay".to_owned(), file.display().to_string()]);
    }
    arguments
}

/// The port that was asked for, or Redis's own, or any free one.
async fn redis_port(asked: Option<u16>) -> anyhow::Result<u16> {
    let port = asked.unwrap_or(REDIS_PORT);
    match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => Ok(listener.local_addr()?.port()),
        Err(error) if asked.is_some() => Err(error).with_context(|| format!("--redis-port {port} can't be used; 0 takes any free one")),
        Err(_) => {
            let free = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port")?.local_addr()?.port();
            tracing::info!("port {REDIS_PORT} is taken; the demo's Redis gets port {free}");
            Ok(free)
        }
    }
}

/// Puts the feed's pairs into the wanted Set of a data folder that has none yet; one that has keeps its own.
async fn wish(settings: &Settings, pairs: &[String], stop: &tokio_util::sync::CancellationToken) -> anyhow::Result<()> {
    let link = Link::new(&settings.redis)?;
    // It may still be reading the data of an earlier demo.
    if let Err(error) = link.wait(stop).await {
        return if stop.is_cancelled() { Ok(()) } else { Err(error.into()) };
    }
    let (there,): (bool,) = link.run(redis::pipe().cmd("EXISTS").arg(&settings.pairs.key)).await?;
    if !there && !pairs.is_empty() {
        link.run::<()>(redis::pipe().cmd("SADD").arg(&settings.pairs.key).arg(pairs).ignore()).await?;
    }
    Ok(())
}

/// The pairs that the simulator's generated market lists.
async fn market_pairs(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let rest = Rest::new(&settings.okx, Arc::new(Proxies::from_env()?))?;
    let mut pairs = Vec::new();
    for kind in ["SPOT", "SWAP"] {
        pairs.extend(rest.list(&format!("instType={kind}")).await?.into_iter().map(|instrument| instrument.id));
    }
    pairs.truncate(settings.pairs.limit);
    Ok(pairs)
}

/// The pairs of a recording, in alphabetical order.
fn recorded_pairs(file: &Path) -> anyhow::Result<Vec<String>> {
    let mut recording = Recording::open(file)?;
    let mut decoder = Decoder::new();
    let mut pairs = BTreeSet::new();
    for _ in 0..LOOK {
        match recording.next_frame() {
            Ok(Some(frame)) => {
                if let Ok(Message::Books(frames)) = decoder.decode(frame.bytes) {
                    pairs.extend(frames.iter().map(|frame| frame.instrument.clone()));
                }
            }
            Ok(None) => break,
            Err(error) if error.is_one_line() => {}
            Err(error) => return Err(error.into()),
        }
    }
    if pairs.is_empty() {
        bail!("{}: no order-book frames in it\nhint: `leadline verify {}` says what is", file.display(), file.display());
    }
    Ok(pairs.into_iter().collect())
}
