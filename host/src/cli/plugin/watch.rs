//! `leadline plugin watch`: a plugin's folder built, checked and installed on each save.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ArgMatches;
use notify::{EventKind, RecursiveMode, Watcher};

use super::{build, check};
use crate::analysis::Engine;
use crate::cli::arguments::settings;
use crate::config::Settings;

/// Editors write a file in several steps: quiet for so long is a save.
const QUIET: Duration = Duration::from_millis(150);
/// Books that each build is tried on before it is installed.
const BOOKS: usize = 60;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    let given = matches.get_one::<PathBuf>("dir").cloned().unwrap_or_else(|| PathBuf::from("."));
    let folder = given.canonicalize().with_context(|| format!("read {}", given.display()))?;
    let into = settings.plugins.dir.clone();
    if !into.is_dir() {
        bail!("{}: no folder\n  hint: --plugin-dir names the folder that the running host takes its plugins from", into.display());
    }
    let once = matches.get_flag("once");
    let (told, changes) = mpsc::channel();
    let watched = folder.clone();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let wrote = matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
        if wrote && event.paths.iter().any(|path| is_source(&watched, path)) {
            // Nobody listens any more: the program ends.
            let _ = told.send(());
        }
    })
    .context("watch files")?;
    watcher.watch(&folder, RecursiveMode::Recursive).with_context(|| format!("watch {}", folder.display()))?;
    let engine = Engine::with_cache(settings.plugins.cache.as_deref())?;
    say(&format!("watching {}; each save is built, checked, and installed into {}; Ctrl-C ends it", folder.display(), into.display()))?;
    let mut round = Round { settings: &settings, engine: &engine, folder: &folder, into: &into };
    loop {
        let installed = round.run()?;
        if once {
            return Ok(ExitCode::from(u8::from(!installed)));
        }
        if !next_save(&changes) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Whether a change of this file is one of the sources: not of what a build writes.
fn is_source(folder: &Path, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(folder) else { return false };
    let mut parts = inside.components().map(|part| part.as_os_str().to_string_lossy());
    let built = |part: &str| matches!(part, "target" | "__pycache__" | "Cargo.lock") || part.starts_with('.') || part.ends_with('~');
    !parts.any(|part| built(&part))
        && path.extension().is_some_and(|kind| ["rs", "toml", "py", "wit", "json"].iter().any(|known| kind == *known))
}

/// Waits for a save and for the quiet after it; whether there may be another.
fn next_save(changes: &Receiver<()>) -> bool {
    if changes.recv().is_err() {
        return false;
    }
    loop {
        match changes.recv_timeout(QUIET) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// One build.
struct Round<'a> {
    settings: &'a Settings,
    engine: &'a Engine,
    folder: &'a Path,
    into: &'a Path,
}

impl Round<'_> {
    /// Builds, checks and installs; whether it came to that. What is wrong with the plugin is told, and ends nothing.
    fn run(&mut self) -> anyhow::Result<bool> {
        let began = Instant::now();
        let name = self.folder.file_name().map(Path::new).with_context(|| format!("{}: this folder has no name", self.folder.display()))?;
        let made = self.into.join(format!(".{}.watch", name.display()));
        if !build::component(self.folder, &made)? {
            say("not built; what is installed stays. Waiting for the next save")?;
            return Ok(false);
        }
        let built = began.elapsed();
        let report = check::examine(&made, self.engine, self.settings.plugins.budget, None, BOOKS);
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                let _ = fs::remove_file(&made);
                return Err(error);
            }
        };
        let checked = began.elapsed();
        if !report.passed() {
            report.table(&mut io::stdout().lock())?;
            let _ = fs::remove_file(&made);
            say("checks failed; what is installed stays. Waiting for the next save")?;
            return Ok(false);
        }
        let file = self.into.join(name.with_extension("wasm"));
        // In one step, so that the host never sees a part.
        fs::rename(&made, &file).with_context(|| format!("install {}", file.display()))?;
        say(&format!(
            "{} {}: built in {:.1} s, checked in {:.1} s, installed as {} {:.1} s after the save",
            report.plugin(),
            report.version(),
            built.as_secs_f64(),
            (checked - built).as_secs_f64(),
            file.display(),
            (began.elapsed() + QUIET).as_secs_f64()
        ))?;
        for hint in report.hints() {
            say(&format!("  worth a look: {hint}"))?;
        }
        Ok(true)
    }
}

fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_watched_and_what_a_build_writes_is_not() {
        let folder = Path::new("/plugins/my_spread");
        let source = |path: &str| is_source(folder, &folder.join(path));
        assert!(["src/lib.rs", "Cargo.toml", "my_tilt.py", "src/deep/er.rs"].into_iter().all(source));
        let built =
            ["target/debug/build.rs", "my_spread.wasm", ".git/index", "Cargo.lock", "__pycache__/a.py", "src/.lib.rs.swp", "src/lib.rs~"];
        assert!(!built.into_iter().any(source));
        assert!(!is_source(folder, Path::new("/plugins/other/src/lib.rs")));
    }
}
