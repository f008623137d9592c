//! The plugins at work, kept equal to the files of a folder while the host runs: a new, changed or removed file is acted upon, what can't be used is said
//! by phase while the version before works on, and commands change all of it.
//!
//! # Layout
//!
//! - [`folder`]: what tells a file from its next version, when it is whole, and how it is replaced.
//! - [`looking`]: what is other than before in the folder and in `plugins.toml`, and acted upon.
//! - [`loading`]: from bytes to analysts that are ready to take over, phase by phase, off the hot threads.
//! - [`versions`]: one version takes over from another, goes back, is stopped.
//! - [`shadows`]: candidates beside the versions at work: begun, promoted, dropped, gone on with after a restart.
//! - [`commands`]: what is asked of it while the host runs.
//! - [`control`]: the handle to ask it by.
//! - [`shown`]: plugins as they are shown.
//! - [`edit`]: changes of `plugins.toml` that leave its comments as they are.
//! - [`kept`]: versions that were at work, for the way back, and candidates, for the next start.
//! - [`reports`]: how each plugin is doing, for Redis and for the handle.
//! - [`watch`]: the thread, and the system's word that a file changed.

mod commands;
pub(super) mod control;
mod edit;
mod folder;
mod kept;
mod loading;
mod looking;
mod reports;
mod shadows;
pub(super) mod shown;
mod versions;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

pub use self::kept::KeptVersion;
pub use self::watch::Watch;

use self::control::Control;
use self::folder::{Stamp, Writing};
use self::kept::Kept;
use self::loading::{Job, Loaded, Refusal, Source};
use self::shadows::Beside;
use self::shown::Shown;
use self::versions::{Coming, Undo};
use super::component::Plugin;
use super::crew::Crew;
use super::engine::Engine;
use super::limits::Budget;
use super::logs::Logs;
use super::phase::Phase;
use super::shadow::report::ShadowReport;
use super::sheet::{Entry, Sheet};
use crate::clock;
use crate::quiet::Quiet;

/// Messages that may wait for the keeper; of commands, the next one is refused.
const INBOX: usize = 128;
/// Components that may wait for the loader; of commands, the next one is refused, and files are looked at again later.
const LOADS: usize = 16;
/// How often a plugin that goes on as it was is reported.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How often the folder is looked at without a word of the system: events can be lost, and network file systems send none.
const POLL: Duration = Duration::from_secs(2);
/// Fields of a plugin that was stopped are cleared again after this, since a batch that was under way may have written them once more.
const CLEAR_AGAIN: Duration = Duration::from_secs(2);

/// Where the keeper tells what it did.
pub trait Told: Send {
    /// How a plugin is doing: the fields of its Hash.
    fn report(&mut self, plugin: &str, fields: Vec<(&'static str, String)>);
    /// How the candidate beside a plugin is doing, or did.
    fn shadow(&mut self, report: &ShadowReport);
    /// A plugin is no longer at work: its fields are to be cleared.
    fn stopped(&mut self, plugin: &Plugin);
}

/// When a version counts as good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probation {
    /// A version younger than this goes back to the one before it when it is stopped too often.
    pub time: Duration,
    /// So many kills are too many.
    pub kills: u64,
}

impl Default for Probation {
    fn default() -> Self {
        Self { time: Duration::from_secs(60), kills: 3 }
    }
}

/// What the keeper hears.
enum Message {
    /// Something is asked of it.
    Ask(control::Request),
    /// Something in the folder changed.
    Files(notify::Event),
    /// A component on its way has come to a phase.
    Begins(u64, Phase),
    /// A component has come to the end of its way.
    Ends(u64, Box<Result<Loaded, Refusal>>),
    /// The host stops.
    Stop,
}

/// Keeps the plugins at work equal to the files of a folder.
pub struct Keeper {
    engine: Engine,
    folder: PathBuf,
    budget: Budget,
    probation: Probation,
    crew: Arc<Crew>,
    told: Box<dyn Told>,
    files: BTreeMap<PathBuf, File>,
    sheet: Sheet,
    /// How `plugins.toml` looked when it was acted upon, and at the last look.
    sheet_stamps: [Option<Stamp>; 2],
    /// What is wrong with it.
    sheet_problem: String,
    /// Plugins whose fields are cleared once more.
    stopped: Vec<(Instant, Arc<Plugin>)>,
    /// When all plugins were reported.
    reported: Option<Instant>,
    unreadable: bool,
    /// Candidates of the run before were looked for.
    resumed: bool,
    quiet: Quiet,
    /// Components on their way, by ticket.
    loads: BTreeMap<u64, commands::Load>,
    next_ticket: u64,
    inbox: Receiver<Message>,
    sender: SyncSender<Message>,
    shown: Arc<Shown>,
    kept: Kept,
    writing: Writing,
    /// The system tells when the folder changes; when it is looked at all the same.
    watched: Option<Instant>,
}

/// One file of the folder.
struct File {
    /// How it looked when it was last acted upon.
    acted: Option<Stamp>,
    /// How it looked at the last look: acted upon when it looks so again.
    seen: Option<Stamp>,
    /// What `plugins.toml` said of it then.
    entry: Entry,
    /// The version at work.
    plugin: Option<Arc<Plugin>>,
    loaded_ms: u64,
    /// When it took over.
    since: Instant,
    /// The version before it, while it is on probation.
    before: Option<Arc<Plugin>>,
    /// What the folder is to hold again if it goes back to that one.
    undo: Option<Undo>,
    /// The ticket of a component on its way.
    loading: Option<u64>,
    /// A version that is taking over, and how that ends.
    coming: Option<Coming>,
    /// A candidate.
    beside: Option<Beside>,
    /// What became of the last one.
    last_shadow: Option<ShadowReport>,
    /// Where the newest file stands.
    phase: Phase,
    /// What is wrong with it.
    reason: String,
    logs: Arc<Logs>,
}

impl File {
    fn new() -> Self {
        Self {
            acted: None,
            seen: None,
            entry: Entry::default(),
            plugin: None,
            loaded_ms: clock::unix_ms(),
            since: Instant::now(),
            before: None,
            undo: None,
            loading: None,
            coming: None,
            beside: None,
            last_shadow: None,
            phase: Phase::Running,
            reason: String::new(),
            logs: Arc::default(),
        }
    }

    fn with(plugin: &Arc<Plugin>, entry: Entry) -> Self {
        Self { plugin: Some(Arc::clone(plugin)), entry, logs: Arc::clone(&plugin.logs), ..Self::new() }
    }

    fn stands(&mut self, phase: Phase, reason: String) {
        (self.phase, self.reason) = (phase, reason);
    }

    /// Whether it is between two versions.
    fn is_under_way(&self) -> bool {
        self.loading.is_some() || self.coming.is_some() || self.beside.as_ref().is_some_and(Beside::is_promoted)
    }
}

impl Keeper {
    /// A keeper of the plugins that a crew was started with, by what `plugins.toml` said then.
    ///
    /// # Errors
    /// When the system gives no thread for the loader.
    pub fn new(
        engine: Engine,
        folder: &Path,
        budget: Budget,
        crew: Arc<Crew>,
        started: (Sheet, &[Arc<Plugin>]),
        told: Box<dyn Told>,
    ) -> std::io::Result<Self> {
        let (sheet, plugins) = started;
        let (sender, inbox) = sync_channel(INBOX);
        let mut kept = Kept::of(folder);
        let mut files = BTreeMap::new();
        for plugin in plugins {
            let mut file = File::with(plugin, sheet.entry(&plugin.file));
            let stamp = Stamp::of(&plugin.file);
            if let Ok(bytes) = super::component::read(&plugin.file)
                && super::cache::sha256(&bytes) == *plugin.digest
            {
                kept.keep(&stem(&plugin.file), &plugin.version, &plugin.digest, &bytes);
                // It is what is at work: nothing is to be done about it.
                (file.acted, file.seen) = (stamp, stamp);
            }
            files.insert(plugin.file.clone(), file);
        }
        Ok(Self {
            engine,
            folder: folder.to_owned(),
            budget,
            probation: Probation::default(),
            crew,
            told,
            files,
            sheet,
            sheet_stamps: [None; 2],
            sheet_problem: String::new(),
            stopped: Vec::new(),
            reported: None,
            unreadable: false,
            resumed: false,
            quiet: Quiet::start()?,
            loads: BTreeMap::new(),
            next_ticket: 0,
            inbox,
            sender,
            shown: Arc::default(),
            kept,
            writing: Writing::default(),
            watched: None,
        })
    }

    /// The same with another rule of when a version counts as good.
    #[must_use]
    pub fn with_probation(self, probation: Probation) -> Self {
        Self { probation, ..self }
    }

    /// The handle by which others see and change what is at work.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.sender.clone(), Arc::clone(&self.shown))
    }

    /// Looks at everything once, and acts; whether something is under way, so that it should look again soon. Call it a few times a second, on a thread
    /// of its own. What takes time is done on another.
    pub fn sweep(&mut self) -> bool {
        if !std::mem::replace(&mut self.resumed, true) {
            self.resume_shadows();
        }
        while let Ok(message) = self.inbox.try_recv() {
            self.hear(message);
        }
        self.ends();
        self.probations();
        self.shadows();
        let now = Instant::now();
        let look = self.watched.is_none_or(|next| now >= next);
        let mut unsettled = false;
        if look {
            self.watched = self.watched.map(|_| now + POLL);
            unsettled = self.look_around();
        }
        for (at, plugin) in std::mem::take(&mut self.stopped) {
            if at.elapsed() < CLEAR_AGAIN {
                self.stopped.push((at, plugin));
            } else if self.at_work(&plugin.name).is_none() {
                self.told.stopped(&plugin);
            }
        }
        if self.reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
            self.reported = Some(now);
            self.report_all();
        }
        if unsettled && let Some(next) = &mut self.watched {
            *next = now;
        }
        unsettled || self.files.values().any(|file| file.coming.is_some() || file.beside.as_ref().is_some_and(Beside::is_promoted))
    }

    /// What the keeper is told.
    fn hear(&mut self, message: Message) {
        match message {
            Message::Ask(request) => self.ask(request),
            Message::Files(event) => {
                self.writing.hear(event);
                if let Some(next) = &mut self.watched {
                    *next = Instant::now();
                }
            }
            Message::Begins(ticket, phase) => {
                let path = self.loads.get(&ticket).and_then(|load| load.path.clone());
                if let Some(path) = path
                    && let Some(file) = self.files.get_mut(&path)
                    && file.loading == Some(ticket)
                {
                    file.stands(phase, String::new());
                    self.report(&path);
                }
            }
            Message::Ends(ticket, end) => {
                if let Some(load) = self.loads.remove(&ticket) {
                    self.loaded(ticket, load, *end);
                }
            }
            Message::Stop => {}
        }
    }

    /// Sends a component on its way.
    fn begin(&mut self, load: commands::Load, source: Source, entry: Option<Entry>, shadow: bool) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(file) = load.path.as_ref().and_then(|path| self.files.get_mut(path))
            && !shadow
        {
            file.loading = Some(ticket);
            file.stands(Phase::Read, String::new());
        }
        let job = Job {
            engine: self.engine.clone(),
            crew: Arc::clone(&self.crew),
            source,
            folder: self.folder.clone(),
            sheet: self.sheet.clone(),
            entry,
            operator: self.budget,
            working: self.files.iter().filter_map(|(path, file)| Some((path.clone(), file.plugin.clone()?))).collect(),
            shadow,
        };
        self.loads.insert(ticket, load);
        let sender = self.sender.clone();
        self.quiet.spawn(move || {
            // Whatever is wrong with a component, the keeper hears of its end.
            let run = std::panic::AssertUnwindSafe(|| job.run(&mut |phase| drop(sender.try_send(Message::Begins(ticket, phase)))));
            let end = std::panic::catch_unwind(run).unwrap_or_else(|_| {
                let reason = "the host failed at it\nhint: report it with the component; the version at work goes on";
                Err(Refusal::Wrong(Phase::Compile, reason.to_owned()))
            });
            // A keeper that is gone needs no end.
            let _ = sender.send(Message::Ends(ticket, Box::new(end)));
        });
    }

    fn at_work(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.files.values().filter_map(|file| file.plugin.as_ref()).find(|plugin| &*plugin.name == name)
    }

    /// The file of a plugin: of the one at work under this name, or of the one whose file has it.
    fn file_of(&self, name: &str) -> Option<PathBuf> {
        let at_work = self.files.iter().find(|(_, file)| file.plugin.as_ref().is_some_and(|plugin| &*plugin.name == name));
        at_work.or_else(|| self.files.iter().find(|(path, _)| stem(path) == name)).map(|(path, _)| path.clone())
    }
}

/// What a plugin is called: by itself, or after its file.
fn name_of(path: &Path, file: &File) -> String {
    file.plugin.as_ref().map_or_else(|| stem(path), |plugin| plugin.name.to_string())
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
