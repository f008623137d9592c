//! All of it put together, started and stopped in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::alerts::{AlertParts, AlertTasks, Alerts, Catalog, Pace, Webhook, WebhookError};
use crate::analysis::{self, Control, Crew, Desks, Engine, Keeper, LaneKind, Plugin, PluginError, Reading, Sheet, Told, Watch};
use crate::api::app::Parts;
use crate::api::server::{ListenError, Server};
use crate::api::source::Live;
use crate::backup::schedule;
use crate::clock;
use crate::config::{Settings, settings};
use crate::history::{History, HistoryError, keeper};
use crate::lanes::Producer;
use crate::monitor::machine::Machine;
use crate::monitor::publish::{self, PublishParts};
use crate::monitor::{Monitor, exchange_clock, latency::Summary};
use crate::okx::{Lines, Proxies, ProxyError, Rest};
use crate::pairs::Roster;
use crate::recent::Recent;
use crate::results::{Link, LinkError, Publication, StateEvents, Writer, keys};

/// Why the host can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A plugin can't be used.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The page's port can't be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Redis is there but won't have us.
    #[error(transparent)]
    Redis(#[from] LinkError),
    /// The file of webhooks can't be used.
    #[error(transparent)]
    Webhooks(#[from] WebhookError),
    /// The system refuses a thread or a socket.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
    /// A proxy that the environment names can't be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// No history can be kept.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// No client for the exchange's REST interface, or for webhooks.
    #[error("no HTTPS client: {0}")]
    Https(#[from] reqwest::Error),
}

/// A running host.
pub struct Host {
    /// Where the page is.
    pub addr: SocketAddr,
    /// What it measures.
    pub monitor: Arc<Monitor>,
    /// What is at work, to be seen and changed.
    pub plugins: Control,
    /// What it keeps.
    pub history: Arc<History>,
    /// What somebody should know of.
    pub alerts: Alerts,
    alert_tasks: AlertTasks,
    crew: Arc<Crew>,
    keeper: Watch,
    roster: JoinHandle<()>,
    clock: JoinHandle<()>,
    sender: JoinHandle<()>,
    writer: JoinHandle<()>,
    publisher: JoinHandle<()>,
    server: JoinHandle<()>,
    backups: Option<JoinHandle<()>>,
    stop: Stops,
}

/// What the keeper of the plugins tells, on its way to Redis and to the page.
struct Desk {
    writer: Arc<Writer>,
    monitor: Arc<Monitor>,
}

impl Told for Desk {
    fn report(&mut self, plugin: &str, fields: Vec<(&'static str, String)>) {
        self.monitor.plugin(plugin, &fields);
        self.writer.hash(keys::plugin(plugin), fields);
    }

    fn shadow(&mut self, report: &analysis::ShadowReport) {
        self.writer.hash(keys::shadow(&report.plugin), report.hash());
    }

    fn stopped(&mut self, plugin: &Plugin) {
        let pairs = self.monitor.board.unload(&plugin.name);
        self.writer.clear(&plugin.name, &plugin.published_fields(), &pairs);
    }
}

/// What is stopped first, next, last.
struct Stops {
    pairs: CancellationToken,
    publisher: CancellationToken,
    writers: CancellationToken,
}

/// The plugins of the folder and what `plugins.toml` says of them.
async fn load(engine: &Engine, settings: &settings::Plugins) -> Result<(Sheet, Vec<Arc<Plugin>>), StartError> {
    tracing::info!(
        "loading plugins from {}; compiling them takes some seconds where PLUGIN_CACHE_DIR has no result",
        settings.dir.display()
    );
    let (engine, dir, budget) = (engine.clone(), settings.dir.clone(), settings.budget);
    let compile = move || {
        let sheet = Sheet::read(&dir)?;
        let plugins = analysis::load_folder_by(&sheet, &engine, &dir, budget)?;
        Ok::<_, PluginError>((sheet, plugins))
    };
    // Off the threads that receive.
    let (sheet, plugins) = tokio::task::spawn_blocking(compile).await.map_err(std::io::Error::other)??;
    plugins.iter().for_each(|plugin| plugin.tell_loaded());
    Ok((sheet, plugins))
}

/// The folders that the host writes to, whose disks must not be full.
fn written_folders(settings: &Settings) -> Vec<PathBuf> {
    let log = settings.log.files.as_ref().map(|files| files.folder.clone());
    let mut folders: Vec<PathBuf> = log.into_iter().chain(settings.plugins.cache.clone()).chain(settings.history.folder.clone()).collect();
    if folders.is_empty() {
        folders.push(PathBuf::from("."));
    }
    folders
}

impl Host {
    /// Loads the plugins, waits for Redis, starts everything. `feed`: where the frames come from, in words for the page.
    ///
    /// `stop` ends the wait for Redis; a running host is stopped by [`Host::stop`]. `None`: stopped while it waited.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(settings: Settings, feed: String, stop: &CancellationToken) -> Result<Option<Self>, StartError> {
        let server = Server::listen(&settings.api).await?;
        let addr = server.addr()?;
        let webhooks = settings.webhooks_file.as_deref().map(Webhook::read).transpose()?.unwrap_or_default();
        let proxies = Arc::new(Proxies::from_env()?);
        let engine = Engine::with_cache(settings.plugins.cache.as_deref())?;
        let (sheet, plugins) = load(&engine, &settings.plugins).await?;
        let link = || Link::new(&settings.redis);
        match link()?.wait(stop).await {
            Ok(()) => {}
            Err(_) if stop.is_cancelled() => return Ok(None),
            Err(error) => return Err(error.into()),
        }

        let monitor = Arc::new(Monitor::default());
        let writer = Writer::new(Arc::clone(&monitor), Publication::new(settings.results));
        let history = History::open(&settings.history)?;
        let keeping = keeper::Keeper::new(&history, &monitor, &settings.history);
        let (alerts, alert_tasks) = Alerts::start(AlertParts {
            host: Arc::from(publish::host()),
            monitor: Arc::clone(&monitor),
            links: [link()?, link()?],
            history: Arc::clone(&history),
            webhooks,
            proxies: Arc::clone(&proxies),
            pace: Pace::default(),
            catalog: Catalog::of(&monitor, &Desks::default()),
        })
        .await?;
        monitor.observe(vec![Arc::new(StateEvents::new(&writer)), keeping, alerts.observer()]);
        let (to_writer, to_monitor) = (Arc::clone(&writer), Arc::clone(&monitor));
        let crew = Arc::new(Crew::start(
            &plugins,
            &(Arc::new(move |reading: Reading| {
                let reading = Arc::new(reading);
                to_monitor.reading(&reading);
                to_writer.reading(reading);
            }) as analysis::Sink),
        )?);
        let desk = Desk { writer: Arc::clone(&writer), monitor: Arc::clone(&monitor) };
        let keeper =
            Keeper::new(engine, &settings.plugins.dir, settings.plugins.budget, Arc::clone(&crew), (sheet, &plugins), Box::new(desk))?;
        let control = keeper.control();
        // Unique among the runs that share a Redis: microseconds since 1970.
        let run = clock::unix_ms() * 1000 + clock::since_start() / 1000 % 1000;
        let producer = Producer::new(run, settings.lane, Arc::clone(&monitor));
        let stops = Stops { pairs: CancellationToken::new(), publisher: CancellationToken::new(), writers: CancellationToken::new() };

        let recent = Arc::new(Recent::new(settings.recent, &settings.okx.ws_url, &settings.okx.channel));
        // Set once: this monitor has just been made.
        let _ = monitor.recent.set(Arc::clone(&recent));
        let rest = Rest::new(&settings.okx, Arc::clone(&proxies))?;
        let roster = Roster {
            memory: crew.memory.clone(),
            buffered: crew.buffered.clone(),
            producer: Arc::clone(&producer),
            writer: Arc::clone(&writer),
            lane_link: Arc::new(link()?),
            lines: Lines::new(&settings.okx, Arc::clone(&proxies), Arc::clone(&monitor)),
            rest: rest.clone(),
            monitor: Arc::clone(&monitor),
            recent: Arc::clone(&recent),
            settings: settings.clone(),
        };
        let desks = crew.memory.clone();
        let published = PublishParts {
            monitor: Arc::clone(&monitor),
            desks: desks.clone(),
            writer: Arc::clone(&writer),
            machine: Machine::new(written_folders(&settings)),
            page: format!("http://{addr}"),
        };
        let publisher = publish::run(published, link()?, stops.publisher.clone());
        let live = Live { monitor: Arc::clone(&monitor), desks, feed: feed.into() };
        let parts = Parts {
            live: Some(live),
            plugins: Some(control.clone()),
            link: link()?,
            pairs_key: settings.pairs.key.clone(),
            rest: rest.clone(),
            alerts: Some(alerts.clone()),
            history: Arc::clone(&history),
        };
        Ok(Some(Self {
            addr,
            plugins: control,
            keeper: Watch::start(keeper)?,
            crew,
            roster: tokio::spawn(roster.run([link()?, link()?], stops.pairs.clone())),
            clock: tokio::spawn(exchange_clock::run(rest, Arc::clone(&monitor), stops.pairs.clone())),
            sender: tokio::spawn(producer.run(link()?, stops.writers.clone())),
            publisher: tokio::spawn(publisher),
            server: tokio::spawn(server.run(parts, stops.publisher.clone())),
            writer: tokio::spawn(writer.run([link()?, link()?], stops.writers.clone())),
            backups: settings.backup.clone().map(|backup| tokio::spawn(schedule::run(settings, backup, stops.pairs.clone()))),
            monitor,
            history,
            alerts,
            alert_tasks,
            stop: stops,
        }))
    }

    /// Stops everything in order: no more frames, the books in hand are analysed, what was found is written.
    pub async fn stop(self) {
        let keeper = self.keeper;
        let _ = tokio::task::spawn_blocking(move || keeper.stop()).await;
        self.stop.pairs.cancel();
        let _ = self.roster.await;
        let _ = self.clock.await;
        if let Some(backups) = self.backups {
            let _ = backups.await;
        }
        // Plugin threads end once the last book is done; their readings go to the writer.
        let crew = self.crew;
        let _ = tokio::task::spawn_blocking(move || crew.stop()).await;
        self.stop.publisher.cancel();
        let _ = self.publisher.await;
        self.alert_tasks.stop().await;
        self.stop.writers.cancel();
        let _ = self.sender.await;
        let _ = self.writer.await;
        let _ = self.server.await;
        let history = self.history;
        let _ = tokio::task::spawn_blocking(move || history.stop()).await;
    }

    /// The latencies since the start, for the end of a run.
    #[must_use]
    pub fn latencies(monitor: &Monitor) -> String {
        let mut text =
            format!("{:<34}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "frame received to Redis, ms", "readings", "p50", "p99", "p99.9", "max");
        for (name, lane) in [("memory lane", LaneKind::Memory), ("buffered lane", LaneKind::Buffered)] {
            let Summary { count, p50, p99, p999, max } = monitor.latency.summary(lane);
            let ms = |us: u64| us as f64 / 1000.0;
            text.push_str(&format!("{name:<34}{count:>10}{:>10.3}{:>10.3}{:>10.3}{:>10.3}\n", ms(p50), ms(p99), ms(p999), ms(max)));
        }
        text
    }
}
