//! The way of a component from its bytes to analysts that are ready to take over: everything that takes time, off the hot threads.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::folder::Stamp;
use crate::analysis::component::{self, Plugin};
use crate::analysis::crew::Crew;
use crate::analysis::engine::Engine;
use crate::analysis::error::PluginError;
use crate::analysis::limits::Budget;
use crate::analysis::phase::Phase;
use crate::analysis::recents::{PairPast, Recents};
use crate::analysis::sheet::{Entry, Sheet};
use crate::analysis::successor::{Fork, Successor};
use crate::analysis::{cache, ownership};

/// A call of the proof may take this many times its deadline: it runs beside everything else, and fuel is what decides.
const PATIENCE: u32 = 20;
/// How long the version at work may take to hand out the state of a pair, between two books.
const FORK_WITHIN: Duration = Duration::from_secs(5);
/// How long the proof waits for a book that follows the handed-over state.
const PROOF_WITHIN: Duration = Duration::from_millis(300);
/// Rounds in which the analysts see what came meanwhile. Each is shorter than the one before, unless the plugin can't follow at all.
const ROUNDS: u32 = 8;

/// Where the bytes come from.
pub(super) enum Source {
    /// A file of the folder, as it looked.
    File(PathBuf, Option<Stamp>),
    /// Sent by somebody.
    Bytes(Arc<Vec<u8>>),
}

/// One piece of work for the loader.
pub(super) struct Job {
    pub(super) engine: Engine,
    pub(super) crew: Arc<Crew>,
    pub(super) source: Source,
    /// The folder of plugins: a plugin that has no file yet gets one with its name there.
    pub(super) folder: PathBuf,
    /// What `plugins.toml` says.
    pub(super) sheet: Sheet,
    /// What is to be said of it instead.
    pub(super) entry: Option<Entry>,
    pub(super) operator: Budget,
    /// The plugins at work, by file.
    pub(super) working: Vec<(PathBuf, Arc<Plugin>)>,
    /// It runs beside the version at work: it may be the same component.
    pub(super) shadow: bool,
}

/// A version that is ready.
pub(super) struct Loaded {
    pub(super) plugin: Arc<Plugin>,
    /// Its file, which may not be there yet.
    pub(super) path: PathBuf,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) entry: Entry,
    /// Analysts that have seen what the version at work has.
    pub(super) prepared: HashMap<Arc<str>, Successor>,
    /// On some pair it took over no state.
    pub(super) warms_up: bool,
}

/// Why a component doesn't go on.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The file changed while it was read: no fault, it is read again.
    Changing,
    /// It is what is at work already.
    Same(PathBuf),
    /// What is wrong with it.
    Wrong(Phase, String),
}

impl From<PluginError> for Refusal {
    fn from(error: PluginError) -> Self {
        Self::Wrong(error.phase(), error.to_string())
    }
}

impl Job {
    /// Goes the way; each phase is told when it begins.
    pub(super) fn run(self, begins: &mut dyn FnMut(Phase)) -> Result<Loaded, Refusal> {
        begins(Phase::Read);
        let (bytes, given) = match &self.source {
            Source::Bytes(bytes) => (Arc::clone(bytes), None),
            Source::File(path, stamp) => {
                let bytes = component::read(path)?;
                if Stamp::of(path) != *stamp {
                    return Err(Refusal::Changing);
                }
                (Arc::new(bytes), Some(path.clone()))
            }
        };
        begins(Phase::VerifyDigest);
        let digest = cache::sha256(&bytes);
        let entry_of = |path: &Path| self.entry.clone().unwrap_or_else(|| self.sheet.entry(path));
        if let Some(path) = &given {
            entry_of(path).admits(path, &digest)?;
        }
        let at_work_in = |path: &Path| self.working.iter().find(|(file, _)| file == path).map(|(_, plugin)| plugin);
        let unnamed = given.clone().unwrap_or_else(|| PathBuf::from("the component that was sent"));
        // Other parameters for the same component: it needn't be compiled again.
        let known = self.working.iter().map(|(_, plugin)| plugin).find(|plugin| *plugin.digest == *digest);
        let mut plugin = match known {
            Some(known) => known.again(),
            None => Plugin::in_phases(&self.engine, &unnamed, &bytes, self.operator, begins)?,
        };
        let path = given.unwrap_or_else(|| {
            let at_work = self.working.iter().find(|(_, other)| other.name == plugin.name);
            at_work.map_or_else(|| self.folder.join(format!("{}.wasm", plugin.name)), |(file, _)| file.clone())
        });
        let entry = entry_of(&path);
        entry.admits(&path, &digest)?;
        let budget = entry.budget(&self.operator);
        if budget.stack != plugin.budget.stack {
            // The stack is the engine's affair, so for another one the code is made anew.
            plugin = Plugin::in_phases(&self.engine, &path, &bytes, budget, begins)?;
        }
        plugin.file.clone_from(&path);
        plugin.budget = budget;
        let at_work = at_work_in(&path);
        self.check_claims(&path, &plugin, at_work)?;
        begins(Phase::CheckParameters);
        plugin.set_parameters(entry.parameters())?;
        if let Some(old) = at_work {
            if !self.shadow && old.digest == plugin.digest && old.budget == plugin.budget && old.parameters == plugin.parameters {
                return Err(Refusal::Same(path));
            }
            plugin.logs = Arc::clone(&old.logs);
        }
        let plugin = Arc::new(plugin);
        let (prepared, warms_up) = self.prove(&plugin, at_work, begins)?;
        Ok(Loaded { plugin, path, bytes, entry, prepared, warms_up })
    }

    /// Name, lane and fields against those of the others.
    fn check_claims(&self, path: &Path, plugin: &Plugin, at_work: Option<&Arc<Plugin>>) -> Result<(), PluginError> {
        let others: Vec<Arc<Plugin>> = self.working.iter().filter(|(file, _)| file != path).map(|(_, plugin)| Arc::clone(plugin)).collect();
        if let Some(first) = others.iter().find(|other| other.name == plugin.name) {
            return Err(PluginError::Duplicate { file: path.to_owned(), name: plugin.name.to_string(), other: first.file.clone() });
        }
        ownership::check(&others, plugin)?;
        match at_work {
            Some(old) if old.name != plugin.name || old.lane != plugin.lane => {
                Err(PluginError::Another { file: path.to_owned(), was: old.name.to_string(), lane: old.lane.as_str() })
            }
            _ => Ok(()),
        }
    }

    /// Opens it for each pair, hands the state over or warms it up, and runs it on the newest books.
    fn prove(
        &self,
        plugin: &Arc<Plugin>,
        at_work: Option<&Arc<Plugin>>,
        begins: &mut dyn FnMut(Phase),
    ) -> Result<(HashMap<Arc<str>, Successor>, bool), Refusal> {
        begins(Phase::Open);
        let hint = "`leadline replay` on a recording shows the same; the file is read again when it changes";
        let unopened = |detail: String| Refusal::Wrong(Phase::Open, format!("{detail}\nhint: {hint}"));
        let unproved = |detail| Refusal::from(PluginError::Prove { file: plugin.file.clone(), detail });
        let recents = self.crew.recents(&plugin.name).or_else(|| self.crew.any_recents()).unwrap_or_default();
        let pairs = recents.all();
        if pairs.is_empty() {
            // No pair runs: at least the parameters are looked at.
            plugin
                .open(&leadline_market::infer("BTC-USDT", 1, 8), plugin.parameters_of(""))
                .map_err(|error| unopened(error.to_string()))?;
        }
        let (mut prepared, mut warms_up) = (HashMap::new(), false);
        for PairPast { instrument, books, next } in pairs {
            let pair: Arc<str> = Arc::from(instrument.id.as_str());
            // From the beginning, on all books that are kept: a version that can't do that is no good, whatever state it takes over.
            let nothing = Fork { saved: None, next: next - books.len() as u64 };
            let mut fresh = Successor::open(plugin, &instrument, &nothing).map_err(unopened)?;
            let deadline = plugin.budget.deadline.saturating_mul(PATIENCE);
            books.iter().try_for_each(|past| fresh.see(past, deadline)).map_err(unproved)?;
            let fork = at_work.and_then(|old| self.crew.fork(&old.name, &pair).recv_timeout(FORK_WITHIN).ok());
            let with_state = match fork.filter(|fork| fork.saved.is_some()) {
                Some(fork) => Some(Successor::open(plugin, &instrument, &fork).map_err(unopened)?).filter(|one| one.with_state),
                None => None,
            };
            warms_up |= with_state.is_none();
            prepared.insert(pair, with_state.unwrap_or(fresh));
        }
        if at_work.is_none() {
            // It begins on every pair with the next book.
            return Ok((HashMap::new(), false));
        }
        begins(if warms_up { Phase::WarmUp } else { Phase::HandOver });
        begins(Phase::Prove);
        follow(plugin, &recents, &mut prepared).map_err(unproved)?;
        Ok((prepared, warms_up))
    }
}

/// Lets the analysts see what came since they were opened, until they are close behind the version at work.
fn follow(plugin: &Arc<Plugin>, recents: &Recents, prepared: &mut HashMap<Arc<str>, Successor>) -> Result<(), String> {
    let deadline = plugin.budget.deadline.saturating_mul(PATIENCE);
    let from: HashMap<Arc<str>, u64> = prepared.iter().map(|(pair, successor)| (Arc::clone(pair), successor.next)).collect();
    let until = Instant::now() + PROOF_WITHIN;
    let mut rounds = 0;
    loop {
        let mut seen = 0;
        for (pair, successor) in prepared.iter_mut() {
            // A pair that it can't follow is handed over by its seat.
            for past in recents.since(pair, successor.next).unwrap_or_default() {
                successor.see(&past, deadline)?;
                seen += 1;
            }
        }
        rounds += 1;
        let proved =
            prepared.iter().all(|(pair, successor)| !successor.with_state || from.get(pair).is_some_and(|from| successor.next > *from));
        if (proved || Instant::now() >= until) && (seen <= prepared.len() || rounds >= ROUNDS) {
            return Ok(());
        }
        if seen == 0 {
            // Nobody waits for this thread; the next book may take a moment.
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
