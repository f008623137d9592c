//! What is asked of the keeper while the host runs, and what comes of components on their way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::control::{Command, ControlError, Done, Request, unknown};
use super::folder::Stamp;
use super::loading::{Loaded, Refusal, Source};
use super::shadows::Wanted;
use super::versions::{Reply, Undo, done};
use super::{File, Keeper, LOADS, edit, name_of, stem};
use crate::analysis::phase::Phase;
use crate::analysis::sheet::{SHEET, Sheet};

/// A component on its way.
pub(super) struct Load {
    /// Its file, where that is known from the beginning.
    pub(super) path: Option<PathBuf>,
    pub(super) purpose: Purpose,
}

/// What for.
pub(super) enum Purpose {
    /// Its file, or what `plugins.toml` says of it, is other than before.
    Follow,
    /// It is to be written into the folder.
    Install(Reply),
    /// `plugins.toml` is to be changed.
    Edit(Edit, Reply),
    /// It is to run beside the version at work.
    Shadow(Wanted, Reply),
}

/// A change of `plugins.toml`.
pub(super) enum Edit {
    Enabled(bool),
    Parameters(Option<String>, Map<String, Value>),
}

impl Edit {
    fn apply(&self, text: &str, stem: &str) -> Result<String, ControlError> {
        match self {
            Self::Enabled(enabled) => edit::set_enabled(text, stem, *enabled),
            Self::Parameters(pair, parameters) => edit::set_parameters(text, stem, pair.as_deref(), parameters),
        }
        .map_err(|detail| ControlError::Value(format!("plugins.toml: {detail}")))
    }
}

impl Keeper {
    /// Carries a command out, or sends it on its way.
    pub(super) fn ask(&mut self, Request { command, reply }: Request) {
        let begun = match command {
            Command::Install { bytes } => self.install(bytes, reply),
            Command::SetParameters { plugin, pair, parameters } => self.edit(&plugin, Edit::Parameters(pair, parameters), reply),
            Command::Enable { plugin } => self.edit(&plugin, Edit::Enabled(true), reply),
            Command::Disable { plugin } => return drop(reply.send(self.switch_off(&plugin))),
            Command::Shadow { plugin, bytes, parameters, tolerance, rule } => {
                self.shadow(&plugin, bytes, Wanted { tolerance, rule, parameters, resumed: None }, reply)
            }
            Command::Promote { plugin } => self.promote_by_command(&plugin, reply),
            Command::Drop { plugin } => return drop(reply.send(self.drop_shadow(&plugin))),
            Command::Rollback { plugin, to } => self.roll_back(&plugin, to.as_deref(), reply),
        };
        if let Err((error, reply)) = begun {
            let _ = reply.send(Err(error));
        }
    }

    fn find(&self, plugin: &str) -> Result<PathBuf, ControlError> {
        self.file_of(plugin).ok_or_else(|| {
            let names: Vec<String> = self.files.iter().map(|(path, file)| name_of(path, file)).collect();
            unknown(plugin, names.iter().map(String::as_str))
        })
    }

    /// The file of a plugin about which nothing else is under way.
    fn free(&self, plugin: &str) -> Result<PathBuf, ControlError> {
        let path = self.find(plugin)?;
        if self.loads.len() >= LOADS {
            return Err(ControlError::Unavailable("too many components are on their way"));
        }
        match self.files.get(&path) {
            Some(file) if file.is_under_way() => Err(ControlError::Busy(plugin.to_owned(), "a version is on its way to the books")),
            _ => Ok(path),
        }
    }

    fn install(&mut self, bytes: Vec<u8>, reply: Reply) -> Begun {
        if self.loads.len() >= LOADS {
            return Err((ControlError::Unavailable("too many components are on their way"), reply));
        }
        self.begin(Load { path: None, purpose: Purpose::Install(reply) }, Source::Bytes(Arc::new(bytes)), None, false);
        Ok(())
    }

    fn edit(&mut self, plugin: &str, change: Edit, reply: Reply) -> Begun {
        let path = match self.free(plugin) {
            Ok(path) => path,
            Err(error) => return Err((error, reply)),
        };
        match self.edited(&path, &change) {
            Ok((_, sheet)) => {
                let entry = sheet.entry(&path);
                let running = self.files.get(&path).and_then(|file| file.plugin.as_ref());
                if let Some(running) = running
                    && entry == self.sheet.entry(&path)
                {
                    let _ = reply.send(Ok(done(running, Phase::Running, false)));
                    return Ok(());
                }
                let source = Source::File(path.clone(), Stamp::of(&path));
                self.begin(Load { path: Some(path), purpose: Purpose::Edit(change, reply) }, source, Some(entry), false);
                Ok(())
            }
            Err(error) => Err((error, reply)),
        }
    }

    /// `plugins.toml` as it would be.
    fn edited(&self, path: &Path, change: &Edit) -> Result<(String, Sheet), ControlError> {
        let text = change.apply(&sheet_text(&self.folder.join(SHEET))?, &stem(path))?;
        let sheet = Sheet::parse(&self.folder, &text).map_err(|error| ControlError::Value(error.to_string()))?;
        Ok((text, sheet))
    }

    fn switch_off(&mut self, plugin: &str) -> Result<Done, ControlError> {
        let path = self.free(plugin)?;
        let (text, _) = self.edited(&path, &Edit::Enabled(false))?;
        let running = self.files.get(&path).and_then(|file| file.plugin.clone());
        Undo::default().write(&self.folder.join(SHEET), text.as_bytes())?;
        self.adopt(&path);
        self.disable(&path);
        self.report(&path);
        let nothing = Done {
            plugin: plugin.to_owned(),
            version: String::new(),
            digest: String::new(),
            phase: Phase::Disabled.as_str(),
            changed: false,
        };
        Ok(running.map_or(nothing, |running| done(&running, Phase::Disabled, true)))
    }

    /// Sends a candidate on its way.
    pub(super) fn shadow(&mut self, plugin: &str, bytes: Option<Vec<u8>>, wanted: Wanted, reply: Reply) -> Begun {
        let path = match self.free(plugin) {
            Ok(path) => path,
            Err(error) => return Err((error, reply)),
        };
        let Some(file) = self.files.get(&path) else { return Ok(()) };
        if file.beside.is_some() {
            return Err((ControlError::Busy(plugin.to_owned(), "a shadow runs beside it; drop it first"), reply));
        }
        if file.plugin.is_none() {
            return Err((ControlError::NotAtWork(plugin.to_owned(), file.phase.as_str()), reply));
        }
        let entry = self.sheet.entry(&path);
        let entry = match &wanted.parameters {
            Some(parameters) => entry.with_parameters(parameters.clone()),
            None => entry,
        };
        let source = match bytes {
            Some(bytes) => Source::Bytes(Arc::new(bytes)),
            None => Source::File(path.clone(), Stamp::of(&path)),
        };
        self.begin(Load { path: Some(path), purpose: Purpose::Shadow(wanted, reply) }, source, Some(entry), true);
        Ok(())
    }

    fn promote_by_command(&mut self, plugin: &str, reply: Reply) -> Begun {
        match self.free(plugin) {
            Ok(path) if self.files.get(&path).is_some_and(|file| file.beside.is_none()) => {
                Err((ControlError::NoShadow(plugin.to_owned()), reply))
            }
            // With a reply it has nothing to say here.
            Ok(path) => self.promote(&path, Some(reply)).or(Ok(())),
            Err(error) => Err((error, reply)),
        }
    }

    fn drop_shadow(&mut self, plugin: &str) -> Result<Done, ControlError> {
        let path = self.free(plugin)?;
        let Some(version) = self.files.get(&path).and_then(|file| file.beside.as_ref()).map(|beside| beside.report()) else {
            return Err(ControlError::NoShadow(plugin.to_owned()));
        };
        self.end_shadow(&path, "dropped", "by command");
        self.report(&path);
        Ok(Done {
            plugin: plugin.to_owned(),
            version: version.version.to_string(),
            digest: version.digest.to_string(),
            phase: "dropped",
            changed: true,
        })
    }

    fn roll_back(&mut self, plugin: &str, to: Option<&str>, reply: Reply) -> Begun {
        let path = match self.free(plugin) {
            Ok(path) => path,
            Err(error) => return Err((error, reply)),
        };
        let at_work = self.files.get(&path).and_then(|file| file.plugin.as_ref()).map(|plugin| plugin.digest.to_string());
        let mut versions = self.kept.list(&stem(&path)).into_iter();
        let wanted = match to {
            Some(to) => versions.find(|kept| !to.is_empty() && kept.digest.starts_with(to)),
            None => versions.find(|kept| Some(&kept.digest) != at_work.as_ref()),
        };
        let bytes = wanted.and_then(|kept| self.kept.bytes(&stem(&path), &kept.digest));
        match bytes {
            Some(bytes) => self.install(bytes, reply),
            None => {
                let which = to.map(|to| format!(" under {}", to.chars().take(64).collect::<String>())).unwrap_or_default();
                Err((ControlError::NoVersion(plugin.to_owned(), which), reply))
            }
        }
    }

    /// A component has come to the end of its way.
    pub(super) fn loaded(&mut self, ticket: u64, load: Load, end: Result<Loaded, Refusal>) {
        let Load { path, purpose } = load;
        if let Some(file) = path.as_ref().and_then(|path| self.files.get_mut(path))
            && file.loading == Some(ticket)
        {
            file.loading = None;
        }
        match (end, purpose) {
            (Ok(loaded), Purpose::Follow) => self.followed(loaded),
            (Ok(loaded), Purpose::Install(reply)) => self.write_and_take_over(loaded, None, reply),
            (Ok(loaded), Purpose::Edit(change, reply)) => self.write_and_take_over(loaded, Some(&change), reply),
            (Ok(loaded), Purpose::Shadow(wanted, reply)) => self.begin_shadow(loaded, wanted, reply),
            (Err(refusal), purpose) => self.refused(path, refusal, purpose),
        }
    }

    fn followed(&mut self, loaded: Loaded) {
        let path = loaded.path.clone();
        let Some(file) = self.files.get_mut(&path) else { return };
        if file.acted.is_none() || self.sheet.entry(&path) != loaded.entry {
            // plugins.toml says something else of it by now.
            file.acted = None;
            file.stands(Phase::Read, String::new());
            return;
        }
        self.take_over(loaded, None, None);
    }

    /// A component or a setting that has proved itself is made what a start would find, and put to work.
    fn write_and_take_over(&mut self, loaded: Loaded, change: Option<&Edit>, reply: Reply) {
        let path = loaded.path.clone();
        if self.files.get(&path).is_some_and(File::is_under_way) {
            let _ = reply.send(Err(ControlError::Busy(loaded.plugin.name.to_string(), "another version came first")));
            return;
        }
        let mut undo = Undo::default();
        let written = match change {
            None => undo.write(&path, &loaded.bytes),
            Some(change) => self.edited(&path, change).and_then(|(text, _)| undo.write(&self.folder.join(SHEET), text.as_bytes())),
        };
        if let Err(error) = written {
            if let Some(file) = self.files.get_mut(&path) {
                let phase = if file.plugin.is_some() { Phase::Running } else { file.phase };
                file.stands(phase, String::new());
            }
            let _ = reply.send(Err(error));
            return self.report(&path);
        }
        self.files.entry(path.clone()).or_insert_with(File::new);
        self.adopt(&path);
        if loaded.entry.enabled {
            return self.take_over(loaded, Some(undo), Some(reply));
        }
        if let Some(file) = self.files.get_mut(&path) {
            file.stands(Phase::Disabled, String::new());
        }
        let _ = reply.send(Ok(done(&loaded.plugin, Phase::Disabled, true)));
        self.report(&path);
    }

    /// A component that can't be used: it is said where it is seen, and the version at work goes on.
    fn refused(&mut self, path: Option<PathBuf>, refusal: Refusal, purpose: Purpose) {
        let told = match refusal {
            Refusal::Changing => {
                // It is looked at again once it has come to rest.
                if let (Some(file), Purpose::Follow) = (path.as_ref().and_then(|path| self.files.get_mut(path)), &purpose) {
                    (file.acted, file.seen) = (None, None);
                }
                Err(ControlError::Busy(path.as_deref().map(stem).unwrap_or_default(), "its file is changing"))
            }
            Refusal::Same(same) => {
                // Copied over itself, or back again.
                let file = self.files.get_mut(&same);
                let running = file.and_then(|file| {
                    file.stands(Phase::Running, String::new());
                    file.plugin.clone()
                });
                running.map(|running| done(&running, Phase::Running, false)).ok_or(ControlError::Unavailable("it was stopped meanwhile"))
            }
            Refusal::Wrong(phase, reason) => {
                if let (Some(path), Purpose::Shadow(Wanted { resumed: Some(_), .. }, _)) = (&path, &purpose) {
                    self.not_resumed(path, &reason);
                }
                if let Some(file) = path.as_ref().and_then(|path| self.files.get_mut(path)) {
                    match &file.plugin {
                        Some(plugin) => {
                            let (plugin, version) = (&*plugin.name, &*plugin.version);
                            tracing::error!(plugin, version, phase = phase.as_str(), "the version at work goes on: {reason}");
                        }
                        None => tracing::error!(phase = phase.as_str(), "a new plugin isn't used: {reason}"),
                    }
                    file.logs.host("error", reason.clone());
                    match purpose {
                        Purpose::Follow => file.stands(phase, reason.clone()),
                        // What was asked for wasn't done: the file is as good as it was.
                        _ if file.plugin.is_some() => file.stands(Phase::Running, String::new()),
                        _ => file.stands(if file.entry.enabled { phase } else { Phase::Disabled }, String::new()),
                    }
                }
                Err(ControlError::Refused { phase, reason })
            }
        };
        if let Purpose::Install(reply) | Purpose::Edit(_, reply) | Purpose::Shadow(_, reply) = purpose {
            let _ = reply.send(told);
        }
        if let Some(path) = path {
            self.report(&path);
        }
    }
}

/// A command that isn't carried out hands the reply back.
pub(super) type Begun = Result<(), (ControlError, Reply)>;

/// The text of `plugins.toml`; empty when there is none.
pub(super) fn sheet_text(sheet: &Path) -> Result<String, ControlError> {
    match std::fs::read_to_string(sheet) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(ControlError::NotWritten(sheet.display().to_string(), error.to_string())),
    }
}
