//! `leadline-componentize MODULE.wasm COMPONENT.wasm`: the library as a command, from file to file.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use leadline_componentize::{componentize, imports};

const USAGE: &str = "\
Turns a core WebAssembly module built with leadline-plugin into a component.

Usage: leadline-componentize MODULE.wasm COMPONENT.wasm
       leadline-componentize --imports COMPONENT.wasm

  MODULE.wasm     what cargo built for wasm32-unknown-unknown
  COMPONENT.wasm  where the component goes; written whole or not at all, and left alone if it would stay the same
  --imports       print the functions that a component can call, one a line
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("leadline-componentize: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["-h" | "--help"] => Ok(io::stdout().write_all(USAGE.as_bytes())?),
        ["--imports", component] => list(Path::new(component)),
        [module, component] if !module.starts_with('-') => make(Path::new(module), Path::new(component)),
        [flag, ..] if flag.starts_with('-') => bail!("unknown flag or wrong number of files after {flag}\n\n{USAGE}"),
        other => bail!("two files are needed, {} given\n\n{USAGE}", other.len()),
    }
}

fn list(component: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(component).with_context(|| format!("can't read {}", component.display()))?;
    let imports = imports(&bytes).with_context(|| component.display().to_string())?;
    let mut out = io::stdout().lock();
    for function in imports.functions {
        writeln!(out, "{function}")?;
    }
    Ok(())
}

fn make(module: &Path, component: &Path) -> anyhow::Result<()> {
    let core = fs::read(module).with_context(|| format!("can't read {}", module.display()))?;
    let bytes = componentize(&core).with_context(|| module.display().to_string())?;
    // A host may be watching the file: an unchanged component must not look like a new one.
    if fs::read(component).is_ok_and(|existing| existing == bytes) {
        eprintln!("{}: unchanged, {} KB", component.display(), bytes.len() / 1024);
        return Ok(());
    }
    replace(component, &bytes).with_context(|| format!("can't write {}", component.display()))?;
    eprintln!("{}: written, {} KB", component.display(), bytes.len() / 1024);
    Ok(())
}

/// Writes beside the file and renames, so that a reader sees the old component or the new one, never a part.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(name);
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // Nothing more can be done about a leftover than to try; the first error is the one to show.
        let _ = fs::remove_file(&beside);
    }
    written
}
