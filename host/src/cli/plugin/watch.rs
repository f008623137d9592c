//! `leadline plugin watch`: a plugin's folder built, checked and installed on each save.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ArgMatches;
use notify::{EventKind, RecursiveMode, Watcher};
use reqwest::Method;

use super::build::{self, Pace};
use super::check;
use super::remote::{self, Body, ask};
use crate::analysis::Engine;
use crate::cli::arguments::settings;
use crate::cli::remote::{Remote, named};
use crate::cli::runtime;
use crate::config::Settings;

/// Editors write a file in several steps: quiet for so long is a save.
const QUIET: Duration = Duration::from_millis(150);
/// Books that each build is tried on before it is installed.
const BOOKS: usize = 60;
/// How often the host is asked whether a version is live, and how long it may take.
const ASKED: Duration = Duration::from_millis(100);
const LIVE_WITHIN: Duration = Duration::from_secs(60);

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let settings = settings(matches)?;
    let given = matches.get_one::<PathBuf>("dir").cloned().unwrap_or_else(|| PathBuf::from("."));
    let folder = given.canonicalize().with_context(|| format!("read {}", given.display()))?;
    let target = match named(matches) {
        Some(host) => Target::Host { name: host, remote: Remote::new(matches, &settings, remote::WITHIN)?, runtime: runtime()? },
        None => Target::Folder(settings.plugins.dir.clone()),
    };
    if let Target::Folder(into) = &target
        && !into.is_dir()
    {
        bail!(
            "{}: no folder\n  hint: --plugin-dir names the folder that the running host takes its plugins from, --host a running host",
            into.display()
        );
    }
    let once = matches.get_flag("once");
    let pace = if matches.get_flag("thorough") { Pace::Thorough } else { Pace::Quick };
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
    say(&format!("watching {}; each save is built, checked, and installed into {target}; Ctrl-C ends it", folder.display()))?;
    let mut round = Round { settings: &settings, engine: &engine, folder: &folder, target: &target, pace };
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
        && path.extension().is_some_and(|kind| ["rs", "toml", "py", "js", "wit", "json"].iter().any(|known| kind == *known))
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

/// Where a plugin is installed.
enum Target {
    /// A folder that a host follows.
    Folder(PathBuf),
    /// A running host, through its API.
    Host { name: String, remote: Remote, runtime: tokio::runtime::Runtime },
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Host { name, .. } => write!(f, "the host at {name}"),
        }
    }
}

/// One build.
struct Round<'a> {
    settings: &'a Settings,
    engine: &'a Engine,
    folder: &'a Path,
    target: &'a Target,
    pace: Pace,
}

impl Round<'_> {
    /// Builds, checks and installs; whether it came to that. What is wrong with the plugin is told, and ends nothing.
    fn run(&mut self) -> anyhow::Result<bool> {
        // What was saved has been quiet for so long.
        let saved = Instant::now().checked_sub(QUIET).unwrap_or_else(Instant::now);
        let name = self.folder.file_name().map(Path::new).with_context(|| format!("{}: this folder has no name", self.folder.display()))?;
        let made = Made(match self.target {
            Target::Folder(into) => into.join(format!(".{}.watch", name.display())),
            Target::Host { .. } => self.folder.join(format!(".{}.watch", name.display())),
        });
        if !build::component(self.folder, &made.0, self.pace)? {
            say("not built; what is installed stays. Waiting for the next save")?;
            return Ok(false);
        }
        let built = saved.elapsed();
        let report = check::examine(&made.0, self.engine, self.settings.plugins.budget, None, BOOKS)?;
        let checked = saved.elapsed();
        if !report.passed() {
            report.table(&mut io::stdout().lock())?;
            say("checks failed; what is installed stays. Waiting for the next save")?;
            return Ok(false);
        }
        let what = format!(
            "{} {}: built in {:.1} s, checked in {:.1} s",
            report.plugin(),
            report.version(),
            built.as_secs_f64(),
            (checked - built).as_secs_f64()
        );
        match self.target {
            Target::Folder(into) => {
                let file = into.join(name.with_extension("wasm"));
                // In one step, so that the host never sees a part.
                fs::rename(&made.0, &file).with_context(|| format!("install {}", file.display()))?;
                say(&format!("{what}, installed as {} {:.1} s after the save", file.display(), saved.elapsed().as_secs_f64()))?;
            }
            Target::Host { remote, runtime, .. } => {
                let bytes = fs::read(&made.0).with_context(|| format!("read {}", made.0.display()))?;
                match runtime.block_on(live(remote, bytes, saved)) {
                    Ok(told) => say(&format!("{what}, {told}"))?,
                    // A host that refuses, or is gone, may take the next one.
                    Err(error) => {
                        say(&format!("{what}, not installed: {error:#}\nWaiting for the next save"))?;
                        return Ok(false);
                    }
                }
            }
        }
        for hint in report.hints() {
            say(&format!("  worth a look: {hint}"))?;
        }
        Ok(true)
    }
}

/// Installs a component in a running host and waits until there is a reading by it; what came of it, for the author.
///
/// # Errors
/// The host can't be reached, or refuses the component.
async fn live(remote: &Remote, bytes: Vec<u8>, saved: Instant) -> anyhow::Result<String> {
    let done = ask(remote, Method::POST, &[], &[], Body::Component(bytes)).await?;
    let seconds = |since: Instant| since.elapsed().as_secs_f64();
    let installed = seconds(saved);
    if done["changed"] == false {
        return Ok("at work already".to_owned());
    }
    let plugin = done["plugin"].as_str().context("the host's answer names no plugin")?;
    let asked = Instant::now();
    loop {
        let state = ask(remote, Method::GET, &[plugin], &[], Body::None).await?;
        // Its calls are counted from when it takes over.
        if state["work"]["digest"] == done["digest"] && state["work"]["tally"]["calls"].as_u64().is_some_and(|calls| calls > 0) {
            return Ok(format!("installed; saved \u{2192} live in {:.1} s", seconds(saved)));
        }
        if asked.elapsed() > LIVE_WITHIN {
            let phase = state["phase"].as_str().unwrap_or_default();
            return Ok(format!("installed {installed:.1} s after the save; no reading by it in {} s ({phase})", LIVE_WITHIN.as_secs()));
        }
        tokio::time::sleep(ASKED).await;
    }
}

/// A component that is on its way; what hasn't been put anywhere is removed.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
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
        assert!(["src/lib.rs", "Cargo.toml", "my_tilt.py", "tilt.js", "src/deep/er.rs"].into_iter().all(source));
        let built =
            ["target/debug/build.rs", "my_spread.wasm", ".git/index", "Cargo.lock", "__pycache__/a.py", "src/.lib.rs.swp", "src/lib.rs~"];
        assert!(!built.into_iter().any(source));
        assert!(!is_source(folder, Path::new("/plugins/other/src/lib.rs")));
    }
}
