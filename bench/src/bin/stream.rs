//! Clients of the live stream against a demo of ten pairs: how late news come, what the host needs for it, and whether analyses notice.
//!
//! `cargo run --release -p leadline-bench --bin stream -- [CLIENTS [SECONDS]]`: first one client alone, then CLIENTS more of which half
//! are slow. Prints one table. The program measured is `leadline` beside this one.

#![allow(clippy::print_stdout, reason = "a table for a person")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpSocket;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// How long a slow client looks away between two messages.
const AWAY: Duration = Duration::from_millis(500);

/// What clients saw in one phase.
#[derive(Default)]
struct Seen {
    /// From the message's own time to the client, microseconds.
    push: Mutex<Vec<u64>>,
    /// From the frame's arrival to the reading, as the host says, microseconds.
    latency: Mutex<Vec<u64>>,
    messages: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let clients: usize = arguments.next().map_or(Ok(100), |text| text.parse()).context("CLIENTS")?;
    let seconds: u64 = arguments.next().map_or(Ok(60), |text| text.parse()).context("SECONDS")?;
    let folder = tempfile::tempdir()?;
    let mut demo = Demo::start(folder.path())?;
    let addr = demo.addr()?;
    let pairs = pairs(&addr).await?;
    let pid = demo.child.id();

    println!("{:<44}{:>12}{:>12}", "", "1 client", format!("{clients} more"));
    let alone = phase(&addr, &pairs, pid, 0, seconds).await?;
    let crowd = phase(&addr, &pairs, pid, clients, seconds).await?;
    let row = |name: &str, of: fn(&Figures) -> String| println!("{name:<44}{:>12}{:>12}", of(&alone), of(&crowd));
    row("push to fast clients, p50 ms", |of| ms(of.push.0));
    row("push to fast clients, p99 ms", |of| ms(of.push.1));
    row("push to fast clients, longest ms", |of| ms(of.push.2));
    row("frame to reading (memory lane), p50 ms", |of| ms(of.latency.0));
    row("frame to reading (memory lane), p99 ms", |of| ms(of.latency.1));
    row("messages a second, fast clients", |of| format!("{:.0}", of.rate));
    row("megabytes a second, fast clients", |of| format!("{:.2}", of.megabytes));
    row("host's processor time, % of a core", |of| format!("{:.1}", of.processor));
    row("host's memory at the begin, MB", |of| format!("{:.1}", of.memory.0));
    row("host's memory at the end, MB", |of| format!("{:.1}", of.memory.1));
    row("clients that were let go", |of| of.lost.to_string());
    Ok(())
}

struct Figures {
    push: (u64, u64, u64),
    latency: (u64, u64, u64),
    rate: f64,
    megabytes: f64,
    processor: f64,
    memory: (f64, f64),
    lost: u64,
}

/// One fast client for all pairs' readings, and so many more, each second one of them slow.
async fn phase(addr: &str, pairs: &[String], pid: u32, clients: usize, seconds: u64) -> anyhow::Result<Figures> {
    let (seen, slow_ones) = (Arc::new(Seen::default()), Arc::new(Seen::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let all: Vec<String> = pairs.iter().map(|pair| format!("readings:{pair}")).collect();
    let mut tasks = vec![tokio::spawn(client(addr.to_owned(), all, false, Arc::clone(&seen), Arc::clone(&stop)))];
    for number in 0..clients {
        let (one, other) = (&pairs[number % pairs.len()], &pairs[(number + 1) % pairs.len()]);
        let topics =
            vec![format!("readings:{one}"), format!("readings:{other}"), format!("book:{one}:20"), "feed".to_owned(), "system".to_owned()];
        let slow = number % 2 == 1;
        let into = if slow { &slow_ones } else { &seen };
        tasks.push(tokio::spawn(client(addr.to_owned(), topics, slow, Arc::clone(into), Arc::clone(&stop))));
    }
    // What connecting costs is not what is measured.
    tokio::time::sleep(Duration::from_secs(5)).await;
    seen.push.lock().map_err(poisoned)?.clear();
    seen.latency.lock().map_err(poisoned)?.clear();
    let (messages, bytes) = (seen.messages.load(Ordering::Relaxed), seen.bytes.load(Ordering::Relaxed));
    let (memory, processor, began) = (memory_mb(pid)?, processor_s(pid)?, Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let took = began.elapsed().as_secs_f64();
    let figures = Figures {
        push: quantiles(&seen.push)?,
        latency: quantiles(&seen.latency)?,
        rate: (seen.messages.load(Ordering::Relaxed) - messages) as f64 / took,
        megabytes: (seen.bytes.load(Ordering::Relaxed) - bytes) as f64 / took / 1e6,
        processor: (processor_s(pid)? - processor) / took * 100.0,
        memory: (memory, memory_mb(pid)?),
        lost: seen.lost.load(Ordering::Relaxed) + slow_ones.lost.load(Ordering::Relaxed),
    };
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok(figures)
}

/// Reads news until told to stop. A slow one has a small window and looks away between messages; one that is let go comes back.
async fn client(addr: String, topics: Vec<String>, slow: bool, seen: Arc<Seen>, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let socket = TcpSocket::new_v4()?;
        if slow {
            socket.set_recv_buffer_size(4096)?;
        }
        let stream = socket.connect(addr.parse()?).await?;
        let mut request = format!("ws://{addr}/api/v1/stream").into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", "leadline.v1".parse()?);
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        socket.send(Message::text(serde_json::json!({"op": "subscribe", "topics": topics}).to_string())).await?;
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let Ok(next) = tokio::time::timeout(Duration::from_secs(1), socket.next()).await else { continue };
            match next {
                Some(Ok(Message::Text(text))) => note(&text, &seen)?,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            }
            if slow {
                tokio::time::sleep(AWAY).await;
            }
        }
        seen.lost.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn note(text: &str, seen: &Seen) -> anyhow::Result<()> {
    let now_us = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as u64;
    seen.messages.fetch_add(1, Ordering::Relaxed);
    seen.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
    // The time stands before the data: nothing more of most messages is read, which would cost more than the host's own work.
    let Some(time) = text.split_once("\"time\":\"").and_then(|(_, rest)| rest.get(..24)) else { return Ok(()) };
    if !text.starts_with("{\"type\":\"news\"") {
        return Ok(());
    }
    let sent_ms = leadline_host::clock::parse_rfc3339(time).context("a time")?;
    seen.push.lock().map_err(poisoned)?.push(now_us.saturating_sub(sent_ms * 1000));
    if text.contains("\"topic\":\"readings:") && seen.messages.load(Ordering::Relaxed).is_multiple_of(8) {
        let value: Value = serde_json::from_str(text)?;
        for plugin in ["support_resistance", "large_orders"] {
            if let Some(us) = value["data"]["readings"][plugin]["latency_us"].as_u64() {
                seen.latency.lock().map_err(poisoned)?.push(us);
            }
        }
    }
    Ok(())
}

fn quantiles(of: &Mutex<Vec<u64>>) -> anyhow::Result<(u64, u64, u64)> {
    let mut all = of.lock().map_err(poisoned)?.clone();
    all.sort_unstable();
    let at = |share: f64| all.get(((all.len() as f64 * share) as usize).min(all.len().saturating_sub(1))).copied().unwrap_or(0);
    Ok((at(0.5), at(0.99), at(1.0)))
}

fn ms(us: u64) -> String {
    format!("{:.2}", us as f64 / 1000.0)
}

fn poisoned<T>(_: std::sync::PoisonError<T>) -> anyhow::Error {
    anyhow::anyhow!("a client's task failed")
}

fn memory_mb(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kb = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kb.map(|kb| kb / 1024.0).context("no VmRSS")
}

fn processor_s(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let behind = stat.rsplit_once(')').context("a stat")?.1;
    let fields: Vec<f64> = behind.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // Behind the name and the state: utime and stime are the 12th and 13th field, in hundredths of a second.
    Ok((fields.get(10).context("utime")? + fields.get(11).context("stime")?) / 100.0)
}

async fn pairs(addr: &str) -> anyhow::Result<Vec<String>> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{addr}/api/v1/stream")).await?;
        if let Some(Ok(Message::Text(text))) = socket.next().await {
            let state: Value = serde_json::from_str(&text)?;
            let live = |pair: &Value| pair["state"] == "live" && pair["readings"]["large_orders"].is_object();
            let pairs: Vec<String> = state["pairs"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|pair| live(pair))
                .filter_map(|pair| Some(pair["instrument_id"].as_str()?.to_owned()))
                .collect();
            if pairs.len() == 10 {
                return Ok(pairs);
            }
        }
        if Instant::now() > deadline {
            bail!("the demo's ten pairs don't come to life");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

struct Demo {
    child: Child,
    log: PathBuf,
}

impl Demo {
    fn start(folder: &std::path::Path) -> anyhow::Result<Self> {
        let beside = std::env::current_exe()?.with_file_name("leadline");
        let plugins = beside.parent().and_then(std::path::Path::parent).context("target/PROFILE")?.join("plugins");
        let log = folder.join("log");
        let child = Command::new(&beside)
            .args(["demo", "--redis-port", "0", "--api-addr", "127.0.0.1:0", "--market-pairs", "10", "--rate", "100", "--shape", "even"])
            .arg("--data")
            .arg(folder.join("data"))
            .arg("--plugin-dir")
            .arg(&plugins)
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .spawn()
            .with_context(|| format!("{} can't be started\nhint: cargo build --release -p leadline, and make plugins", beside.display()))?;
        Ok(Self { child, log })
    }

    fn addr(&mut self) -> anyhow::Result<String> {
        for _ in 0..600 {
            let text = std::fs::read_to_string(&self.log)?;
            if let Some((_, rest)) = text.split_once("page      http://") {
                return Ok(rest.lines().next().unwrap_or_default().trim().to_owned());
            }
            if self.child.try_wait()?.is_some() {
                bail!("the demo ended:\n{text}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("the demo doesn't say where its page is")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
