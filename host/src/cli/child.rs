//! A server started for a demo, and stopped with it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// A child process in a process group of its own, so that Ctrl-C reaches the demo alone, which then stops its servers in order.
pub(super) struct Server {
    name: &'static str,
    child: Child,
    /// Held open while the server may run: our own servers end when it closes, and so don't outlive a demo that was killed.
    lifeline: Option<ChildStdin>,
}

impl Server {
    fn spawn(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.process_group(0).kill_on_drop(true).spawn().with_context(|| format!("can't start {name}"))?;
        // Out of the child's own hands, which would close it when waited for.
        let lifeline = child.stdin.take();
        Ok(Self { name, child, lifeline })
    }

    /// Asks the server to stop, waits for it, and kills it if it takes too long.
    pub(super) async fn stop(mut self) {
        drop(self.lifeline.take());
        if let Some(pid) = self.child.id() {
            let _ = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await;
        }
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(_) => tracing::info!("{} stopped", self.name),
            Err(_) => {
                tracing::warn!("{} doesn't stop, and is killed", self.name);
                let _ = self.child.kill().await;
            }
        }
    }

    /// Waits until the server ends by itself, which a demo's servers shouldn't.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("{} ended: {status}", self.name),
            Err(error) => format!("{} is gone: {error}", self.name),
        }
    }
}

/// Starts a redis-server on a folder, with append-only file and snapshots; the folder's earlier data is read.
pub(super) async fn redis(folder: &Path, port: u16) -> anyhow::Result<Server> {
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    // redis-server moves into its folder before it opens its log: a relative path would be looked for inside it.
    let folder = folder.canonicalize().with_context(|| format!("can't find {}", folder.display()))?;
    let log = folder.join("redis.log");
    let port_text = port.to_string();
    // The parent's death, however sudden, ends the server too; where there is no setpriv, the next demo tells of what is left.
    let (program, prefix): (&str, &[&str]) =
        if have("setpriv").await { ("setpriv", &["--pdeathsig", "TERM", "redis-server"]) } else { ("redis-server", &[]) };
    let mut command = Command::new(program);
    command
        .args(prefix)
        .args(["--port", &port_text, "--bind", "127.0.0.1", "--daemonize", "no"])
        .args(["--appendonly", "yes", "--appendfsync", "everysec", "--save", "300 100 60 100000"])
        // So that SADD and SREM act at once.
        .args(["--notify-keyspace-events", "Kgsx"])
        .arg("--dir")
        .arg(&folder)
        .arg("--logfile")
        .arg(&log)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    if !have("redis-server").await {
        bail!("redis-server is not installed\nhint: `make setup` installs it, or apt-get install redis-server");
    }
    let mut server = Server::spawn("redis-server", &mut command)?;
    let address = format!("127.0.0.1:{port}");
    let answers = async {
        loop {
            if tokio::net::TcpStream::connect(&address).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = answers => Ok(server),
        why = server.ended() => bail!("{why}\nhint: {} says why", log.display()),
        () = tokio::time::sleep(PATIENCE) => bail!("redis-server doesn't answer on {address}\nhint: {} may say why", log.display()),
    }
}

/// Starts the simulator, this same program, and reads its address.
pub(super) async fn simulator(arguments: &[String]) -> anyhow::Result<(Server, String)> {
    let program = std::env::current_exe().context("can't find this program's own file")?;
    let mut command = Command::new(program);
    command.arg("simulate").args(arguments).args(["--listen", "127.0.0.1:0", "--until-stdin-closes"]);
    let mut server = Server::spawn("the simulator", command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let stdout = server.child.stdout.take().context("the simulator has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    match tokio::time::timeout(PATIENCE, lines.next_line()).await {
        Ok(Ok(Some(url))) => Ok((server, url)),
        _ => bail!("the simulator didn't say where it listens"),
    }
}

async fn have(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    found.is_ok()
}
