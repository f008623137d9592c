//! `leadline plugin new`: a project that builds, passes its tests and `leadline plugin check`, to start from.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ArgMatches;

use super::checkout;

/// A file of a project: its path, its text.
type Template = (&'static str, &'static str);

const RUST: [Template; 5] = [
    ("Cargo.toml", include_str!("../../../../sdk/templates/rust/Cargo.toml.in")),
    ("src/lib.rs", include_str!("../../../../sdk/templates/rust/lib.rs.in")),
    ("src/algorithm.rs", include_str!("../../../../sdk/templates/rust/algorithm.rs.in")),
    ("README.md", include_str!("../../../../sdk/templates/rust/README.md.in")),
    (".gitignore", "/target\n*.wasm\n"),
];
const PYTHON: [Template; 4] = [
    ("@NAME@.py", include_str!("../../../../sdk/templates/python/module.py.in")),
    ("test_@NAME@.py", include_str!("../../../../sdk/templates/python/test.py.in")),
    ("README.md", include_str!("../../../../sdk/templates/python/README.md.in")),
    (".gitignore", "__pycache__\n*.wasm\n"),
];

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let (Some(name), Some(lang)) = (matches.get_one::<String>("name"), matches.get_one::<String>("lang")) else {
        return Ok(ExitCode::from(2));
    };
    check_name(name)?;
    let folder = matches.get_one::<PathBuf>("dir").cloned().unwrap_or_else(|| PathBuf::from(name));
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} isn't empty\n  hint: another name, or another folder with --dir", folder.display());
    }
    let checkout = checkout::find()?;
    let (templates, sdk) = if lang == "rust" { (&RUST[..], checkout.join("sdk")) } else { (&PYTHON[..], checkout.join("sdk/python")) };
    write(&folder, name, &sdk, templates)?;
    if lang == "rust" {
        // The versions that the SDK was tested with; cargo drops what the project doesn't use.
        let (from, to) = (checkout.join("Cargo.lock"), folder.join("Cargo.lock"));
        fs::copy(&from, &to).with_context(|| format!("copy {}", from.display()))?;
    }
    let test = if lang == "rust" { "cargo test".to_owned() } else { format!("PYTHONPATH={} python3 -m unittest", sdk.display()) };
    let mut out = io::stdout().lock();
    writeln!(out, "{}: a plugin in {lang}. Go on with:", folder.display())?;
    writeln!(out, "  cd {}\n  {test}\n  leadline plugin build\n  leadline plugin check {name}.wasm", folder.display())?;
    Ok(ExitCode::SUCCESS)
}

/// The name is a crate, a Python module, a file and the prefix of published fields.
fn check_name(name: &str) -> anyhow::Result<()> {
    let good = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !good {
        bail!("the name {name:?} can't be a plugin's\n  hint: a-z first, then up to 63 of a-z, 0-9 and _, such as my_spread");
    }
    Ok(())
}

/// The name of the type: `my_spread` is `MySpread`.
fn type_name(name: &str) -> String {
    let mut text = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.extend(letters);
    }
    text
}

fn write(folder: &Path, name: &str, sdk: &Path, templates: &[Template]) -> anyhow::Result<()> {
    let Some(sdk) = sdk.to_str() else { bail!("{}: its name isn't plain text", sdk.display()) };
    let fill = |text: &str| text.replace("@NAME@", name).replace("@TYPE@", &type_name(name)).replace("@SDK@", sdk);
    for (path, text) in templates {
        let file = folder.join(fill(path));
        let written = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, fill(text)));
        written.with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_everywhere_are_taken_and_others_refused_with_a_hint() {
        assert!(["spread", "my_spread_2"].iter().all(|name| check_name(name).is_ok()));
        for name in ["", "Spread", "2spread", "my-spread", "spread/..", &"s".repeat(65)] {
            assert!(check_name(name).is_err_and(|error| error.to_string().contains("hint:")), "{name}");
        }
        assert_eq!(type_name("my_spread_2"), "MySpread2");
    }
}
