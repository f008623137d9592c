//! The folder of plugins while the host runs: a new, changed or removed file is acted upon, and what can't be used is said by phase while the
//! version before works on.
//!
//! A way in phases: read, verify the digest, compile, check the world, describe, check the names of fields, prove (opened for each pair and run on its
//! recent books), hand over. A version that is stopped again and again while it is young gives way to the one before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::analyst::{Analyst, Call};
use super::component::{self, Plugin};
use super::crew::Crew;
use super::engine::Engine;
use super::error::PluginError;
use super::limits::Budget;
use super::reading::Outcome;
use super::sheet::{self, Entry, Sheet};
use super::{cache, ownership};
use crate::clock::{self, Arrival};

/// Sweeps of the folder between two reports of a plugin that goes on as it was.
const REPORT_EVERY: u32 = 4;
/// A call of the proof may take this many times its deadline: it runs beside everything else, and fuel is what decides.
const PROOF_PATIENCE: u32 = 20;
/// Fields of a plugin that was stopped are cleared again after this, since a batch that was under way may have written them once more.
const CLEAR_AGAIN: Duration = Duration::from_secs(2);

/// Where the keeper tells what it did.
pub trait Told: Send {
    /// How a plugin is doing: the fields of its Hash.
    fn report(&mut self, plugin: &str, fields: Vec<(&'static str, String)>);
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
    /// How `plugins.toml` looked when it was acted upon, and at the last sweep.
    sheet_stamps: [Option<Stamp>; 2],
    /// What is wrong with it.
    sheet_problem: String,
    /// Plugins whose fields are cleared once more.
    stopped: Vec<(Instant, Arc<Plugin>)>,
    sweeps: u32,
    unreadable: bool,
}

/// One file of the folder.
struct File {
    /// How it looked when it was last acted upon.
    acted: Option<Stamp>,
    /// How it looked at the last sweep: acted upon when it looks so again.
    seen: Option<Stamp>,
    /// What `plugins.toml` said of it then.
    entry: Entry,
    /// The version at work.
    plugin: Option<Arc<Plugin>>,
    loaded_ms: u64,
    /// When it took over.
    since: Instant,
    /// The version before it.
    before: Option<Arc<Plugin>>,
    /// A version that is taking over, and how that ends.
    coming: Option<Coming>,
    /// Where the newest file stands: `running`, or the phase in which it failed.
    phase: &'static str,
    /// What is wrong with it.
    reason: String,
}

struct Coming {
    plugin: Arc<Plugin>,
    end: Receiver<Result<(), String>>,
    /// Why the version at work gives way, if it isn't for a newer file.
    back: Option<String>,
}

/// What tells a file from its next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let data = std::fs::metadata(file).ok()?;
        Some(Self { size: data.len(), modified: data.modified().ok(), inode: data.ino() })
    }
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
            coming: None,
            phase: "running",
            reason: String::new(),
        }
    }

    fn failed(&mut self, phase: &'static str, reason: String) {
        (self.phase, self.reason) = (phase, reason);
    }
}

impl Keeper {
    /// A keeper of the plugins that a crew was started with, by what `plugins.toml` said then.
    #[must_use]
    pub fn new(
        engine: Engine,
        folder: &Path,
        budget: Budget,
        crew: Arc<Crew>,
        started: (Sheet, &[Arc<Plugin>]),
        told: Box<dyn Told>,
    ) -> Self {
        let (sheet, plugins) = started;
        let file = |plugin: &Arc<Plugin>| {
            let entry = sheet.entry(&plugin.file);
            (plugin.file.clone(), File { plugin: Some(Arc::clone(plugin)), entry, ..File::new() })
        };
        Self {
            engine,
            folder: folder.to_owned(),
            budget,
            probation: Probation::default(),
            crew,
            told,
            files: plugins.iter().map(file).collect(),
            sheet,
            sheet_stamps: [None; 2],
            sheet_problem: String::new(),
            stopped: Vec::new(),
            sweeps: 0,
            unreadable: false,
        }
    }

    /// The same with another rule of when a version counts as good.
    #[must_use]
    pub fn with_probation(self, probation: Probation) -> Self {
        Self { probation, ..self }
    }

    /// Looks at the folder once, and acts. Call it a few times a second, on a thread of its own: compiling takes a second or so.
    pub fn sweep(&mut self) {
        self.ends();
        self.probations();
        self.read_sheet();
        match std::fs::read_dir(&self.folder) {
            Ok(entries) => {
                self.unreadable = false;
                let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
                for file in files.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")) {
                    self.files.entry(file).or_insert_with(File::new);
                }
                for path in self.files.keys().cloned().collect::<Vec<_>>() {
                    self.look(&path);
                }
            }
            Err(error) if !self.unreadable => {
                self.unreadable = true;
                tracing::error!(folder = %self.folder.display(), "the plugins go on as they are, since their folder can't be read: {error}");
            }
            Err(_) => {}
        }
        for (at, plugin) in std::mem::take(&mut self.stopped) {
            if at.elapsed() < CLEAR_AGAIN {
                self.stopped.push((at, plugin));
            } else if self.at_work(&plugin.name).is_none() {
                self.told.stopped(&plugin);
            }
        }
        if self.sweeps.is_multiple_of(REPORT_EVERY) {
            for path in self.files.keys().cloned().collect::<Vec<_>>() {
                self.report(&path);
            }
        }
        self.sweeps = self.sweeps.wrapping_add(1);
    }

    /// `plugins.toml`: what it says anew of a file has that file looked at again. One that can't be used changes nothing.
    fn read_sheet(&mut self) {
        let now = Stamp::of(&self.folder.join(sheet::SHEET));
        let [acted, seen] = self.sheet_stamps;
        self.sheet_stamps[1] = now;
        if now == acted || now != seen {
            return;
        }
        self.sheet_stamps[0] = now;
        match Sheet::read(&self.folder) {
            Ok(sheet) => {
                self.sheet_problem.clear();
                self.sheet = sheet;
                for (path, file) in &mut self.files {
                    if self.sheet.entry(path) != file.entry {
                        file.acted = None;
                    }
                }
            }
            Err(error) => {
                tracing::error!("{error}");
                self.sheet_problem = error.to_string();
            }
        }
        for path in self.files.keys().cloned().collect::<Vec<_>>() {
            self.report(&path);
        }
    }

    /// One file: acted upon when it is another than before and has looked the same for two sweeps.
    fn look(&mut self, path: &Path) {
        let now = Stamp::of(path);
        let Some(file) = self.files.get_mut(path) else { return };
        if now.is_some() && now == file.acted {
            return;
        }
        if now != file.seen || file.coming.is_some() {
            file.seen = now;
            return;
        }
        if now.is_none() {
            self.remove(path);
            return;
        }
        file.acted = now;
        let entry = self.sheet.entry(path);
        file.entry = entry.clone();
        if !entry.enabled {
            self.disable(path);
            return;
        }
        match self.load(path, now, &entry) {
            Ok(()) => {}
            Err((phase, reason)) => {
                if phase == CHANGING {
                    // It is looked at again once it has come to rest.
                    if let Some(file) = self.files.get_mut(path) {
                        (file.acted, file.seen) = (None, None);
                    }
                    return;
                }
                let Some(file) = self.files.get_mut(path) else { return };
                match &file.plugin {
                    Some(plugin) => {
                        let (plugin, version) = (&*plugin.name, &*plugin.version);
                        tracing::error!(plugin, version, phase, "the version at work goes on: {reason}");
                    }
                    None => tracing::error!(phase, "a new plugin isn't used: {reason}"),
                }
                file.failed(phase, reason);
            }
        }
        self.report(path);
    }

    /// A new or changed file, through all phases up to the hand-over.
    fn load(&mut self, path: &Path, stamp: Option<Stamp>, entry: &Entry) -> Result<(), (&'static str, String)> {
        let named = |error: PluginError| (error.phase(), error.to_string());
        let bytes = component::read(path).map_err(named)?;
        if Stamp::of(path) != stamp {
            return Err((CHANGING, String::new()));
        }
        let at_work = self.files.get(path).and_then(|file| file.plugin.clone());
        let digest = cache::sha256(&bytes);
        entry.admits(path, &digest).map_err(named)?;
        let (budget, parameters) = (entry.budget(&self.budget), entry.parameters());
        if let Some(plugin) = &at_work
            && *plugin.digest == *digest
            && plugin.budget == budget
            && plugin.parameters == parameters
        {
            // Copied over itself, or back again.
            if let Some(file) = self.files.get_mut(path) {
                file.failed("running", String::new());
            }
            return Ok(());
        }
        let mut plugin = Plugin::from_bytes(&self.engine, path, &bytes, budget).map_err(named)?;
        plugin.parameters = parameters;
        let others: Vec<Arc<Plugin>> =
            self.files.iter().filter(|(other, _)| *other != path).filter_map(|(_, file)| file.plugin.clone()).collect();
        if let Some(first) = others.iter().find(|other| other.name == plugin.name) {
            return Err(named(PluginError::Duplicate { file: path.to_owned(), name: plugin.name.to_string(), other: first.file.clone() }));
        }
        ownership::check(&others, &plugin).map_err(named)?;
        if let Some(old) = &at_work
            && (old.name != plugin.name || old.lane != plugin.lane)
        {
            return Err(named(PluginError::Another { file: path.to_owned(), was: old.name.to_string(), lane: old.lane.as_str() }));
        }
        let plugin = Arc::new(plugin);
        self.prove(&plugin).map_err(|detail| named(PluginError::Prove { file: path.to_owned(), detail }))?;
        let Some(file) = self.files.get_mut(path) else { return Ok(()) };
        if at_work.is_some() {
            file.coming = Some(Coming { end: self.crew.exchange(&plugin), plugin, back: None });
            file.failed("hand over", String::new());
            return Ok(());
        }
        self.crew.add(&plugin).map_err(|error| ("start", format!("start {}: {error}", path.display())))?;
        plugin.tell_loaded();
        *file = File { acted: file.acted, seen: file.seen, entry: entry.clone(), plugin: Some(plugin), ..File::new() };
        Ok(())
    }

    /// Opens a version for each pair and runs it on the pair's recent books.
    fn prove(&self, plugin: &Arc<Plugin>) -> Result<(), String> {
        let Some(recents) = self.crew.recents(&plugin.name).or_else(|| self.crew.any_recents()) else { return Ok(()) };
        let pairs = recents.all();
        if pairs.is_empty() {
            // No pair runs: at least the parameters are looked at.
            plugin.open(&leadline_market::infer("BTC-USDT", 1, 8), plugin.parameters_of("")).map_err(|error| error.to_string())?;
        }
        for (instrument, books) in pairs {
            let mut analyst = Analyst::new(Arc::clone(plugin), Arc::clone(&instrument), plugin.parameters_of(&instrument.id));
            for past in books {
                let deadline = plugin.budget.deadline.saturating_mul(PROOF_PATIENCE);
                let call = Call { book: &past.book, arrival: Arrival::now(), skipped: 0, restarted: past.restarted, deadline };
                if let Some(Outcome::Fault(fault)) = analyst.analyze(call).map(|reading| reading.outcome) {
                    return Err(format!("{}: {}: {}", instrument.id, fault.code, fault.detail));
                }
            }
        }
        Ok(())
    }

    /// Versions whose taking over has ended.
    fn ends(&mut self) {
        let mut ended = Vec::new();
        for (path, file) in &mut self.files {
            let Some(coming) = &file.coming else { continue };
            let end = match coming.end.try_recv() {
                Ok(end) => end,
                Err(TryRecvError::Empty) => continue,
                Err(TryRecvError::Disconnected) => Err("its thread is gone".to_owned()),
            };
            let Some(coming) = file.coming.take() else { continue };
            let (name, version) = (&*coming.plugin.name, &*coming.plugin.version);
            match end {
                Ok(()) => {
                    match &coming.back {
                        None => {
                            tracing::info!(plugin = name, version, digest = &*coming.plugin.digest, "this version has taken over");
                            file.failed("running", String::new());
                            file.before = file.plugin.take();
                        }
                        Some(why) => {
                            tracing::warn!(plugin = name, version, "the version before is at work again: {why}");
                            file.failed("went back", why.clone());
                            file.before = None;
                        }
                    }
                    file.plugin = Some(coming.plugin);
                    (file.since, file.loaded_ms) = (Instant::now(), clock::unix_ms());
                }
                Err(why) => {
                    let reason = format!("hand over to {}: {why}\nhint: the file is read again when it changes", path.display());
                    tracing::error!(plugin = name, version, phase = "hand over", "the version at work goes on: {reason}");
                    file.failed("hand over", reason);
                }
            }
            ended.push(path.clone());
        }
        for path in ended {
            self.report(&path);
        }
    }

    /// Young versions that are stopped again and again.
    fn probations(&mut self) {
        for file in self.files.values_mut() {
            let (Some(plugin), Some(before), None) = (&file.plugin, &file.before, &file.coming) else { continue };
            if file.since.elapsed() >= self.probation.time {
                file.before = None;
                continue;
            }
            let health = plugin.health();
            if health.tally.kills >= self.probation.kills {
                let last = health.state.stopped().map(|(reason, _)| reason.to_owned()).unwrap_or_default();
                let back = format!(
                    "version {} ({}) was stopped {} times within its first {} s: {last}\nhint: the file is read again when it changes",
                    plugin.version,
                    plugin.digest.get(..12).unwrap_or_default(),
                    health.tally.kills,
                    file.since.elapsed().as_secs().max(1)
                );
                file.coming = Some(Coming { plugin: Arc::clone(before), end: self.crew.go_back(before), back: Some(back) });
            }
        }
    }

    /// A file that is gone.
    fn remove(&mut self, path: &Path) {
        let Some(file) = self.files.remove(path) else { return };
        if let Some(plugin) = file.plugin {
            self.stop(plugin, "removed", "its file was removed");
        }
    }

    /// A file that `plugins.toml` switches off.
    fn disable(&mut self, path: &Path) {
        let Some(file) = self.files.get_mut(path) else { return };
        *file = File { acted: file.acted, seen: file.seen, entry: file.entry.clone(), plugin: file.plugin.take(), ..File::new() };
        file.failed("disabled", String::new());
        if let Some(plugin) = file.plugin.take() {
            self.stop(plugin, "disabled", "plugins.toml says `enabled = false`");
        }
    }

    fn stop(&mut self, plugin: Arc<Plugin>, phase: &'static str, why: &str) {
        self.crew.remove(&plugin.name);
        tracing::info!(plugin = &*plugin.name, version = &*plugin.version, "plugin stopped: {why}");
        self.told.stopped(&plugin);
        let mut fields = plugin.health().fields();
        set(&mut fields, "state", "stopped");
        fields.extend([("phase", phase.to_owned()), ("problem", why.to_owned())]);
        self.told.report(&plugin.name, fields);
        self.stopped.push((Instant::now(), plugin));
    }

    fn at_work(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.files.values().filter_map(|file| file.plugin.as_ref()).find(|plugin| &*plugin.name == name)
    }

    fn report(&mut self, path: &Path) {
        let Some(file) = self.files.get(path) else { return };
        let named = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = file.plugin.as_ref().map_or(named, |plugin| plugin.name.to_string());
        let mut fields = match &file.plugin {
            Some(plugin) => plugin.health().fields(),
            // Another file's plugin has this name: its Hash is its own.
            None if self.at_work(&name).is_some() => return,
            None => vec![("state", "stopped".to_owned()), ("time", clock::rfc3339(clock::unix_ms()))],
        };
        let both = [self.sheet_problem.as_str(), file.reason.as_str()];
        let problem = both.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
        let loaded = if file.plugin.is_some() { clock::rfc3339(file.loaded_ms) } else { String::new() };
        fields.extend([("phase", file.phase.to_owned()), ("problem", problem), ("loaded_at", loaded)]);
        self.told.report(&name, fields);
    }
}

/// The file changed while it was read: no fault, it is read again.
const CHANGING: &str = "changing";

fn set(fields: &mut [(&'static str, String)], name: &str, value: &str) {
    if let Some((_, old)) = fields.iter_mut().find(|(field, _)| *field == name) {
        value.clone_into(old);
    }
}

/// A keeper on a thread of its own, until it is stopped.
pub struct Watch {
    stop: std::sync::mpsc::Sender<()>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Watch {
    /// Sweeps every so often.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mut keeper: Keeper, every: Duration) -> std::io::Result<Self> {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("plugins".to_owned()).spawn(move || {
            while stopped.recv_timeout(every) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                keeper.sweep();
            }
        })?;
        Ok(Self { stop, thread: Mutex::new(Some(thread)) })
    }

    /// Ends it after the sweep in hand.
    pub fn stop(&self) {
        let _ = self.stop.send(());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the keeper of the plugins panicked");
        }
    }
}
