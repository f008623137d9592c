//! Where the sources of Leadline are: the SDKs and the scripts that build plugins.

use std::path::{Path, PathBuf};

use anyhow::bail;

/// Names the folder, where the program isn't on the machine that built it.
const VARIABLE: &str = "LEADLINE_HOME";

/// The checkout that `LEADLINE_HOME` names; else the one that this program was built from.
///
/// # Errors
/// There is none.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os(VARIABLE).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), PathBuf::from);
    match folder.canonicalize() {
        Ok(folder) if folder.join("sdk/Cargo.toml").is_file() => Ok(folder),
        _ => bail!("{}: no sources of Leadline there\n  hint: set {VARIABLE} to a checkout of the repository", folder.display()),
    }
}
