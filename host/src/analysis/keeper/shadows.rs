//! Candidates beside the versions at work: begun, promoted by command or by rule, dropped, gone on with after a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::control::ControlError;
use super::edit;
use super::kept::KeptShadow;
use super::loading::Loaded;
use super::versions::{Reply, Undo, done};
use super::{Keeper, folder, stem};
use crate::analysis::phase::Phase;
use crate::analysis::shadow::Shadow;
use crate::analysis::shadow::report::ShadowReport;
use crate::analysis::shadow::rule::Rule;
use crate::analysis::sheet::{Entry, SHEET};
use crate::clock;

/// A candidate, and what makes it the version at work over the next start too.
pub(super) struct Beside {
    shadow: Shadow,
    /// Its component; none: that of the version at work.
    bytes: Option<Arc<Vec<u8>>>,
    /// Its parameters; none: those of the version at work.
    parameters: Option<Map<String, Value>>,
    entry: Entry,
    /// When it was begun by command, milliseconds since 1970.
    begun_ms: u64,
    /// It is finishing the books that it was shown, and then takes over.
    promotion: Option<Promotion>,
    /// Its promotion by rule has failed: it isn't tried again.
    failed: Option<String>,
}

struct Promotion {
    undo: Undo,
    reply: Option<Reply>,
}

/// What a shadow was asked for with.
pub(super) struct Wanted {
    pub(super) tolerance: f64,
    pub(super) rule: Option<Rule>,
    pub(super) parameters: Option<Map<String, Value>>,
    /// It ran before the host was started, and was begun then, milliseconds since 1970.
    pub(super) resumed: Option<u64>,
}

impl Beside {
    pub(super) fn is_promoted(&self) -> bool {
        self.promotion.is_some()
    }

    pub(super) fn report(&self) -> ShadowReport {
        let mut report = ShadowReport { begun_ms: self.begun_ms, ..self.shadow.report() };
        if self.promotion.is_some() {
            report.state = "promoting";
        }
        if let Some(why) = &self.failed {
            report.rule_state.clone_from(why);
        }
        report
    }

    /// Another version is at work.
    pub(super) fn compare_with(&self, live: &Arc<crate::analysis::Plugin>) {
        self.shadow.compare_with(live);
    }
}

impl Keeper {
    /// A candidate that is ready begins beside the version at work.
    pub(super) fn begin_shadow(&mut self, loaded: Loaded, wanted: Wanted, reply: Reply) {
        let Loaded { plugin, path, bytes, entry, prepared, .. } = loaded;
        let begun_ms = wanted.resumed.unwrap_or_else(clock::unix_ms);
        let begun = match self.files.get_mut(&path) {
            Some(file) => match (&file.plugin, &file.beside) {
                (None, _) => Err(ControlError::NotAtWork(plugin.name.to_string(), "it was stopped meanwhile")),
                (_, Some(_)) => Err(ControlError::Busy(plugin.name.to_string(), "a shadow runs beside it; drop it first")),
                (Some(live), None) => {
                    let recents = self.crew.recents(&live.name).unwrap_or_default();
                    let other = live.digest != plugin.digest;
                    let kept = KeptShadow {
                        digest: other.then(|| plugin.digest.to_string()),
                        parameters: wanted.parameters.clone(),
                        tolerance: wanted.tolerance,
                        rule: wanted.rule.as_ref().map(ToString::to_string),
                        begun_ms,
                    };
                    Shadow::start(live, Arc::clone(&plugin), prepared, (wanted.tolerance, wanted.rule), &self.crew, recents)
                        .map_err(|_| ControlError::Unavailable("the system gives no thread"))
                        .map(|shadow| {
                            let bytes = other.then_some(bytes);
                            self.kept.keep_shadow(&stem(&path), &kept, bytes.as_ref().map(|bytes| bytes.as_slice()));
                            let parameters = wanted.parameters;
                            file.beside = Some(Beside { shadow, bytes, parameters, entry, begun_ms, promotion: None, failed: None });
                        })
                }
            },
            None => Err(ControlError::NotAtWork(plugin.name.to_string(), "its file is gone")),
        };
        if begun.is_ok() {
            let again = if wanted.resumed.is_some() { " again after a restart, counted anew" } else { "" };
            tracing::info!(plugin = &*plugin.name, version = &*plugin.version, "a shadow runs beside the version at work{again}");
            plugin.logs.host("info", format!("version {} runs as a shadow{again}", plugin.version));
        }
        let _ = reply.send(begun.map(|()| done(&plugin, Phase::Running, true)));
        self.report(&path);
    }

    /// Sends the candidates on their way that ran when the host ended.
    pub(super) fn resume_shadows(&mut self) {
        let at_work: Vec<_> =
            self.files.iter().filter_map(|(path, file)| Some((path.clone(), file.plugin.as_ref()?.name.to_string()))).collect();
        for (path, plugin) in at_work {
            let Some((kept, bytes)) = self.kept.shadow(&stem(&path)) else { continue };
            // What was written out can be read; a later host may know fewer rules.
            let rule = match kept.rule.map(|rule| rule.parse::<Rule>()).transpose() {
                Ok(rule) => rule,
                Err(error) => {
                    self.not_resumed(&path, &error.to_string());
                    continue;
                }
            };
            let KeptShadow { parameters, tolerance, begun_ms, .. } = kept;
            let wanted = Wanted { tolerance, rule, parameters, resumed: Some(begun_ms) };
            // Nobody waits for it: what becomes of it is told.
            let (reply, _) = oneshot::channel();
            if let Err((error, _)) = self.shadow(&plugin, bytes, wanted, reply) {
                self.not_resumed(&path, &error.to_string());
            }
        }
    }

    /// A candidate that ran when the host ended can't go on.
    pub(super) fn not_resumed(&mut self, path: &Path, why: &str) {
        tracing::error!("the shadow of {} doesn't go on after the restart: {why}", stem(path));
        if let Some(file) = self.files.get(path) {
            file.logs.host("error", format!("the shadow doesn't go on after the restart: {why}"));
        }
        self.kept.forget_shadow(&stem(path));
    }

    /// Rules that are fulfilled, and promotions that have finished their books.
    pub(super) fn shadows(&mut self) {
        for path in self.files.keys().cloned().collect::<Vec<_>>() {
            let Some(file) = self.files.get_mut(&path) else { continue };
            let under_way = file.loading.is_some() || file.coming.is_some();
            let Some(beside) = &mut file.beside else { continue };
            if beside.is_promoted() {
                if !under_way {
                    self.finish_promotion(&path);
                }
            } else if !under_way && beside.failed.is_none() && beside.shadow.is_due() {
                tracing::info!(plugin = &*beside.shadow.plugin.name, "its rule is fulfilled: the shadow is promoted");
                if let Err(error) = self.promote(&path, None) {
                    tracing::error!("{error}");
                    if let Some(beside) = self.files.get_mut(&path).and_then(|file| file.beside.as_mut()) {
                        beside.failed = Some(format!("fulfilled, but not promoted: {error}"));
                    }
                }
            }
        }
    }

    /// Makes the candidate what a start would find, and lets it finish its books.
    ///
    /// # Errors
    /// Why it can't be; it runs on as a shadow. `reply` hears of the end otherwise.
    pub(super) fn promote(&mut self, path: &Path, reply: Option<Reply>) -> Result<(), ControlError> {
        let Some((sheet, undo)) = self.files.get(path).and_then(|file| file.beside.as_ref()).map(|beside| {
            let mut undo = Undo::default();
            let written = write_candidate(beside, path, &self.folder, &mut undo);
            (written, undo)
        }) else {
            return Ok(());
        };
        if let Err(error) = sheet {
            undo.undo();
            if let Some(reply) = reply {
                let _ = reply.send(Err(error));
                return Ok(());
            }
            return Err(error);
        }
        self.adopt(path);
        // The folder holds it now as what is at work.
        self.kept.forget_shadow(&stem(path));
        if let Some(beside) = self.files.get_mut(path).and_then(|file| file.beside.as_mut()) {
            beside.promotion = Some(Promotion { undo, reply });
            beside.shadow.finish(&self.crew);
        }
        self.report(path);
        Ok(())
    }

    fn finish_promotion(&mut self, path: &PathBuf) {
        let Some(file) = self.files.get_mut(path) else { return };
        let Some(analysts) = file.beside.as_ref().and_then(|beside| beside.shadow.analysts()) else { return };
        let Some(Beside { shadow, bytes, entry, begun_ms, promotion: Some(Promotion { undo, reply }), .. }) = file.beside.take() else {
            return;
        };
        file.entry = entry;
        let report = ShadowReport { state: "promoted", begun_ms, ..shadow.report() };
        self.told.shadow(&report);
        file.last_shadow = Some(report);
        let end = self.crew.exchange_with(&shadow.plugin, analysts);
        self.come(path, Arc::clone(&shadow.plugin), end, (bytes, Some(undo), reply));
    }

    /// Ends the candidate beside a plugin; whether there was one.
    pub(super) fn end_shadow(&mut self, path: &Path, state: &'static str, why: &str) -> bool {
        let Some(file) = self.files.get_mut(path) else { return false };
        let Some(beside) = file.beside.take() else { return false };
        self.kept.forget_shadow(&stem(path));
        let mut report = beside.report();
        (report.state, report.rule_state) = (state, why.to_owned());
        beside.shadow.drop_it(&self.crew);
        tracing::info!(plugin = &*report.plugin, version = &*report.version, "the shadow has ended: {why}");
        file.logs.host("info", format!("the shadow of version {} has ended: {why}", report.version));
        if let Some(Promotion { undo, reply }) = beside.promotion {
            undo.undo();
            if let Some(reply) = reply {
                let _ = reply.send(Err(ControlError::NoShadow(report.plugin.to_string())));
            }
        }
        self.told.shadow(&report);
        file.last_shadow = Some(report);
        true
    }

    /// What the folder holds now was put there by a command, so it isn't acted upon once more.
    pub(super) fn adopt(&mut self, path: &Path) {
        let now = folder::Stamp::of(&self.folder.join(SHEET));
        if now != self.sheet_stamps[0] {
            self.sheet_stamps = [now; 2];
            self.take_sheet();
        }
        let entry = self.sheet.entry(path);
        if let Some(file) = self.files.get_mut(path) {
            let stamp = folder::Stamp::of(path);
            (file.acted, file.seen, file.entry) = (stamp, stamp, entry);
        }
    }
}

fn write_candidate(beside: &Beside, path: &Path, folder: &Path, undo: &mut Undo) -> Result<(), ControlError> {
    if let Some(parameters) = &beside.parameters {
        let sheet = folder.join(SHEET);
        let text = super::commands::sheet_text(&sheet)?;
        let text = edit::set_parameters(&text, &stem(path), None, parameters).map_err(ControlError::Value)?;
        undo.write(&sheet, text.as_bytes())?;
    }
    if let Some(bytes) = &beside.bytes {
        undo.write(path, bytes)?;
    }
    Ok(())
}
