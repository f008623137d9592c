//! What is other than before in the folder and in `plugins.toml`, and acted upon once it has come to rest.

use std::path::Path;

use super::commands::{Load, Purpose};
use super::folder::{self, Stamp};
use super::loading::Source;
use super::{File, Keeper, LOADS};
use crate::analysis::sheet::{self, Sheet};

impl Keeper {
    /// Sheet and files; whether something looks other than before and isn't acted upon yet.
    pub(super) fn look_around(&mut self) -> bool {
        let mut unsettled = self.read_sheet();
        match folder::components(&self.folder) {
            Ok(files) => {
                self.unreadable = false;
                for file in files {
                    self.files.entry(file).or_insert_with(File::new);
                }
                for path in self.files.keys().cloned().collect::<Vec<_>>() {
                    unsettled |= self.look(&path);
                }
            }
            Err(error) if !self.unreadable => {
                self.unreadable = true;
                tracing::error!(folder = %self.folder.display(), "the plugins go on as they are, since their folder can't be read: {error}");
            }
            Err(_) => {}
        }
        unsettled
    }

    /// `plugins.toml`: what it says anew of a file has that file looked at again. One that can't be used changes nothing.
    fn read_sheet(&mut self) -> bool {
        let path = self.folder.join(sheet::SHEET);
        let now = Stamp::of(&path);
        let [acted, seen] = self.sheet_stamps;
        self.sheet_stamps[1] = now;
        if now == acted {
            return false;
        }
        if now != seen || self.writing.holds(&path) {
            return true;
        }
        self.sheet_stamps[0] = now;
        self.take_sheet();
        false
    }

    /// Reads `plugins.toml` and acts upon it.
    pub(super) fn take_sheet(&mut self) {
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
        self.report_all();
    }

    /// One file: acted upon when it is another than before, has looked the same twice, and nobody writes it. Whether it isn't settled yet.
    fn look(&mut self, path: &Path) -> bool {
        let now = Stamp::of(path);
        let writing = self.writing.holds(path);
        let Some(file) = self.files.get_mut(path) else { return false };
        if now.is_some() && now == file.acted {
            return false;
        }
        if now != file.seen || writing || file.is_under_way() {
            file.seen = now;
            return true;
        }
        if now.is_none() {
            self.remove(path);
            return false;
        }
        if self.loads.len() >= LOADS {
            return true;
        }
        file.acted = now;
        let entry = self.sheet.entry(path);
        file.entry = entry.clone();
        if entry.enabled {
            let load = Load { path: Some(path.to_owned()), purpose: Purpose::Follow };
            self.begin(load, Source::File(path.to_owned(), now), None, false);
        } else {
            self.disable(path);
            self.report(path);
        }
        false
    }
}
