//! The command as a person or a script meets it.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{WITH_LOG, module};

fn run(arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leadline-componentize")).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn writes_a_component_and_leaves_an_equal_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (core, component) = (folder.path().join("core.wasm"), folder.path().join("out/plugin.wasm"));
    fs::write(&core, module(&[("leadline:plugin/log@1.0.0", "write")], Some(WITH_LOG))).unwrap();
    let first = run(&[&core, &component]);
    assert!(first.status.success(), "{}", stderr(&first));
    let written = fs::metadata(&component).unwrap().modified().unwrap();

    let second = run(&[&core, &component]);
    assert!(second.status.success() && stderr(&second).contains("unchanged"), "{}", stderr(&second));
    assert_eq!(fs::metadata(&component).unwrap().modified().unwrap(), written);

    let listed = run(&[Path::new("--imports"), &component]);
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), "leadline:plugin/log.write\n");
}

#[test]
fn a_refused_module_leaves_the_old_component_and_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let (core, component) = (folder.path().join("core.wasm"), folder.path().join("plugin.wasm"));
    fs::write(&core, b"not wasm").unwrap();
    fs::write(&component, b"the old one").unwrap();
    let output = run(&[&core, &component]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("core.wasm") && stderr(&output).contains("hint:"), "{}", stderr(&output));
    assert_eq!(fs::read(&component).unwrap(), b"the old one");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn says_which_file_is_missing_and_how_it_is_used() {
    let missing = run(&[Path::new("nowhere.wasm"), Path::new("out.wasm")]);
    assert!(!missing.status.success() && stderr(&missing).contains("nowhere.wasm"), "{}", stderr(&missing));
    for wrong in [vec![], vec![Path::new("one.wasm")], vec![Path::new("--fast")]] {
        let output = run(&wrong);
        assert!(!output.status.success() && stderr(&output).contains("Usage:"), "{}", stderr(&output));
    }
    let help = run(&[Path::new("--help")]);
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("Usage:"));
}
