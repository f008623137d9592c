//! One version takes over from another, goes back to it, or is stopped.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::control::{ControlError, Done};
use super::kept::Kept;
use super::loading::Loaded;
use super::{File, Keeper, folder, stem};
use crate::analysis::component::Plugin;
use crate::analysis::phase::Phase;
use crate::analysis::sheet;
use crate::clock;

/// A command is answered after this at the latest, with the phase that its version is in.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Who waits for what comes of a command.
pub(super) type Reply = oneshot::Sender<Result<Done, ControlError>>;

/// A version that is taking over, and how that ends.
pub(super) struct Coming {
    pub(super) plugin: Arc<Plugin>,
    end: Receiver<Result<(), String>>,
    /// Why the version at work gives way, if it isn't for a newer one.
    back: Option<String>,
    /// Its component, to be kept.
    bytes: Option<Arc<Vec<u8>>>,
    /// What the folder is to hold again if it doesn't take over.
    undo: Option<Undo>,
    began: Instant,
    reply: Option<Reply>,
}

impl Coming {
    /// How it ended, if it did. Who has waited for long is told the phase that it is in.
    fn ended(&mut self, phase: Phase) -> Option<Result<(), String>> {
        match self.end.try_recv() {
            Ok(end) => Some(end),
            Err(TryRecvError::Disconnected) => Some(Err("its thread is gone".to_owned())),
            Err(TryRecvError::Empty) => {
                if self.began.elapsed() >= ANSWER_WITHIN
                    && let Some(reply) = self.reply.take()
                {
                    let _ = reply.send(Ok(done(&self.plugin, phase, true)));
                }
                None
            }
        }
    }
}

impl File {
    /// The version that was coming is at work.
    fn takes_over(&mut self, coming: Coming, path: &Path, kept: &mut Kept) {
        let Coming { plugin: new, back, bytes, undo, reply, .. } = coming;
        let (plugin, version) = (&*new.name, &*new.version);
        match back {
            None => {
                tracing::info!(plugin, version, digest = &*new.digest, "this version has taken over");
                self.logs.host("info", format!("version {version} has taken over"));
                self.stands(Phase::Running, String::new());
                self.before = self.plugin.take();
                self.undo = undo;
                if let Some(bytes) = &bytes {
                    kept.keep(&stem(path), version, &new.digest, bytes);
                }
            }
            Some(why) => {
                tracing::warn!(plugin, version, "the version before is at work again: {why}");
                self.logs.host("warn", format!("version {version} is at work again: {why}"));
                self.stands(Phase::WentBack, why);
                self.before = None;
                if let Some(bad) = self.plugin.as_ref().filter(|bad| bad.digest != new.digest) {
                    kept.discard(&stem(path), &bad.digest);
                }
                let undo = self.undo.take();
                self.put_back(undo, path);
            }
        }
        if let Some(beside) = &self.beside {
            beside.compare_with(&new);
        }
        if let Some(reply) = reply {
            let _ = reply.send(Ok(done(&new, self.phase, true)));
        }
        self.plugin = Some(new);
        (self.since, self.loaded_ms) = (Instant::now(), clock::unix_ms());
    }

    /// The version that was coming couldn't take over: the one at work goes on.
    fn stays(&mut self, coming: Coming, path: &Path, why: &str) {
        let (plugin, version) = (&*coming.plugin.name, &*coming.plugin.version);
        let reason = format!("hand over to {}: {why}\nhint: the file is read again when it changes", path.display());
        tracing::error!(plugin, version, phase = "hand over", "the version at work goes on: {reason}");
        self.logs.host("error", reason.clone());
        self.stands(Phase::HandOver, reason.clone());
        self.put_back(coming.undo, path);
        if let Some(reply) = coming.reply {
            let _ = reply.send(Err(ControlError::Refused { phase: Phase::HandOver, reason }));
        }
    }

    /// The folder holds again what it held before; what stands there then is at work already.
    fn put_back(&mut self, undo: Option<Undo>, path: &Path) {
        if let Some(undo) = undo {
            undo.undo();
            (self.acted, self.seen) = (folder::Stamp::of(path), folder::Stamp::of(path));
        }
    }
}

/// Files as they were before a command changed them.
#[derive(Default)]
pub(super) struct Undo(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Undo {
    /// Writes a file, and remembers what it held.
    pub(super) fn write(&mut self, path: &Path, bytes: &[u8]) -> Result<(), ControlError> {
        let before = std::fs::read(path).ok();
        folder::replace(path, bytes).map_err(|error| ControlError::NotWritten(path.display().to_string(), error.to_string()))?;
        self.0.push((path.to_owned(), before));
        Ok(())
    }

    /// Puts back what was there. What can't be put back is told: then a restart begins with the new version.
    pub(super) fn undo(self) {
        for (path, before) in self.0.into_iter().rev() {
            let undone = match before {
                Some(bytes) => folder::replace(&path, &bytes),
                None => std::fs::remove_file(&path),
            };
            if let Err(error) = undone {
                tracing::error!("{} still holds what was refused: {error}\nhint: put the earlier file back", path.display());
            }
        }
    }
}

impl Keeper {
    /// A version that is ready takes over: from the version at work, or it is the first.
    pub(super) fn take_over(&mut self, loaded: Loaded, undo: Option<Undo>, reply: Option<Reply>) {
        let Loaded { plugin, path, bytes, entry, prepared, warms_up } = loaded;
        let file = self.files.entry(path.clone()).or_insert_with(File::new);
        file.entry = entry;
        if file.plugin.is_some() {
            let end = self.crew.exchange_with(&plugin, prepared);
            file.stands(if warms_up { Phase::WarmUp } else { Phase::Swap }, String::new());
            file.coming = Some(Coming { plugin, end, back: None, bytes: Some(bytes), undo, began: Instant::now(), reply });
            self.report(&path);
            return;
        }
        if let Err(error) = self.crew.add(&plugin) {
            let reason = format!("start {}: {error}\nhint: the system gives no thread; see its limits", path.display());
            undo.unwrap_or_default().undo();
            file.stands(Phase::Start, reason.clone());
            if let Some(reply) = reply {
                let _ = reply.send(Err(ControlError::Refused { phase: Phase::Start, reason }));
            }
            self.report(&path);
            return;
        }
        plugin.tell_loaded();
        plugin.logs.host("info", format!("version {} is at work", plugin.version));
        self.kept.keep(&stem(&path), &plugin.version, &plugin.digest, &bytes);
        let (acted, seen) = (file.acted, file.seen);
        *file = File { acted, seen, ..File::with(&plugin, file.entry.clone()) };
        if let Some(reply) = reply {
            let _ = reply.send(Ok(done(&plugin, Phase::Running, true)));
        }
        self.report(&path);
    }

    /// A candidate takes over with what it has gathered.
    pub(super) fn come(
        &mut self,
        path: &Path,
        plugin: Arc<Plugin>,
        end: Receiver<Result<(), String>>,
        (bytes, undo, reply): (Option<Arc<Vec<u8>>>, Option<Undo>, Option<Reply>),
    ) {
        if let Some(file) = self.files.get_mut(path) {
            file.stands(Phase::Swap, String::new());
            file.coming = Some(Coming { plugin, end, back: None, bytes, undo, began: Instant::now(), reply });
        }
        self.report(path);
    }

    /// Versions whose taking over has ended.
    pub(super) fn ends(&mut self) {
        let mut ended = Vec::new();
        for (path, file) in &mut self.files {
            let Some(coming) = &mut file.coming else { continue };
            let Some(end) = coming.ended(file.phase) else { continue };
            let Some(coming) = file.coming.take() else { continue };
            match end {
                Ok(()) => file.takes_over(coming, path, &mut self.kept),
                Err(why) => file.stays(coming, path, &why),
            }
            ended.push(path.clone());
        }
        if !ended.is_empty() {
            // An undone change of plugins.toml isn't a change.
            let now = folder::Stamp::of(&self.folder.join(sheet::SHEET));
            if now != self.sheet_stamps[0] && now != self.sheet_stamps[1] {
                self.sheet_stamps = [now; 2];
                self.take_sheet();
            }
        }
        for path in ended {
            self.report(&path);
        }
    }

    /// Young versions that are stopped again and again.
    pub(super) fn probations(&mut self) {
        for file in self.files.values_mut() {
            let (Some(plugin), Some(before), None) = (&file.plugin, &file.before, &file.coming) else { continue };
            if file.since.elapsed() >= self.probation.time {
                (file.before, file.undo) = (None, None);
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
                let end = self.crew.go_back(before);
                let plugin = Arc::clone(before);
                file.coming = Some(Coming { plugin, end, back: Some(back), bytes: None, undo: None, began: Instant::now(), reply: None });
            }
        }
    }

    /// A file that is gone.
    pub(super) fn remove(&mut self, path: &Path) {
        self.end_shadow(path, "dropped", "the plugin's file was removed");
        let Some(file) = self.files.remove(path) else { return };
        if let Some(plugin) = file.plugin {
            self.stop(plugin, Phase::Removed, "its file was removed");
        }
    }

    /// A file that `plugins.toml` switches off.
    pub(super) fn disable(&mut self, path: &Path) {
        self.end_shadow(path, "dropped", "the plugin was switched off");
        let Some(file) = self.files.get_mut(path) else { return };
        let (plugin, logs) = (file.plugin.take(), Arc::clone(&file.logs));
        *file = File { acted: file.acted, seen: file.seen, entry: file.entry.clone(), logs, ..File::new() };
        file.stands(Phase::Disabled, String::new());
        if let Some(plugin) = plugin {
            self.stop(plugin, Phase::Disabled, "plugins.toml says `enabled = false`");
        }
    }

    fn stop(&mut self, plugin: Arc<Plugin>, phase: Phase, why: &str) {
        self.crew.remove(&plugin.name);
        tracing::info!(plugin = &*plugin.name, version = &*plugin.version, "plugin stopped: {why}");
        plugin.logs.host("info", format!("stopped: {why}"));
        self.told.stopped(&plugin);
        let mut fields = plugin.health().fields();
        if let Some((_, state)) = fields.iter_mut().find(|(field, _)| *field == "state") {
            "stopped".clone_into(state);
        }
        fields.extend([("phase", phase.as_str().to_owned()), ("problem", why.to_owned())]);
        self.told.report(&plugin.name, fields);
        self.stopped.push((Instant::now(), plugin));
    }
}

pub(super) fn done(plugin: &Plugin, phase: Phase, changed: bool) -> Done {
    Done {
        plugin: plugin.name.to_string(),
        version: plugin.version.to_string(),
        digest: plugin.digest.to_string(),
        phase: phase.as_str(),
        changed,
    }
}
