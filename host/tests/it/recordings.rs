//! `verify` and `replay` on every form of a recording: plain, packed, a recorder's folder; whole, cut and damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::support::{components, program};
use leadline_recording::{Limits, Origin, Recorder, Recording};
use leadline_simulator::Generated;
use serde_json::Value;

fn run(command: &str, recording: &Path, more: &[&str]) -> Output {
    Command::new(program()).arg(command).arg(recording).args(more).env_remove("REDIS_ADDR").output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The rows of `verify` without the file's name.
fn rows(output: &Output) -> Vec<Value> {
    let mut rows: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for row in &mut rows {
        row.as_object_mut().expect("a row").remove("file");
    }
    rows
}

/// A recording of the generated market: today's frames, with ids, beginning with a snapshot of each of two pairs.
fn generated(folder: &Path, frames: usize) -> PathBuf {
    let file = folder.join("generated.ndjson");
    leadline_simulator::write_recording(&file, &Generated { pairs: 2, start_ms: Some(1_800_000_000_000), ..Generated::default() }, frames)
        .expect("written");
    file
}

/// Records a plain recording into a folder, in several segments.
fn record(plain: &Path, folder: &Path) {
    let origin = Origin { endpoint: "wss://here".into(), channel: "books".into(), pairs: vec![] };
    // Each frame is written by itself, so that a cut loses few.
    let limits = Limits { segment_bytes: 64 << 10, flush_every: Duration::from_nanos(1), ..Limits::default() };
    let recorder = Recorder::start(folder, &origin, &limits).expect("started");
    let mut recording = Recording::open(plain).expect("open");
    while let Some(frame) = recording.next_frame().expect("a frame") {
        recorder.frame(frame.bytes, frame.received_us().unwrap_or(1_800_000_000_000_000));
    }
    recorder.finish().expect("finished");
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).expect("there").map(|entry| entry.expect("readable").path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".ndjson.zst"));
    files.sort_by_key(|path| path.to_string_lossy().rsplit_once('-').map(|(_, number)| number.to_owned()));
    files
}

#[test]
fn verify_and_replay_say_the_same_of_every_form() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plain = generated(scratch.path(), 600);
    let folder = scratch.path().join("recorded");
    record(&plain, &folder);
    assert!(segments(&folder).len() > 1, "several segments are one recording");
    let one = scratch.path().join("one.ndjson.zst");
    // Packed files one after the other are a packed file.
    fs::write(&one, segments(&folder).iter().flat_map(|file| fs::read(file).expect("readable")).collect::<Vec<u8>>()).expect("written");

    let wanted = run("verify", &plain, &[]);
    let plugins = components("plugins");
    let options = ["--format", "jsonl", "--plugin-dir", plugins.to_str().expect("a plain path")];
    let without_time = |output: &Output| -> Vec<String> {
        text(&output.stdout).lines().map(|line| line.rsplit_once(",\"microseconds\"").expect("the last key").0.to_owned()).collect()
    };
    let readings = without_time(&run("replay", &plain, &options));
    assert!(readings.len() > 400);
    for form in [&folder, &one] {
        let output = run("verify", form, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(rows(&output), rows(&wanted), "{}", form.display());
        assert_eq!(text(&output.stderr), "");
        let output = run("replay", form, &options);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(without_time(&output), readings, "{}", form.display());
    }
    assert!(text(&run("verify", &folder, &[]).stdout).contains("\"file\":\"recorded\""));
}

#[test]
fn a_gap_that_the_recorder_knows_and_a_snapshot_follows_is_told_and_clean() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plain = generated(scratch.path(), 100);
    let folder = scratch.path().join("recorded");
    record(&plain, &folder);
    record(&plain, &folder);
    let output = run("verify", &folder, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stderr);
    assert!(told.contains("all pairs: gap from ") && told.contains("the recorder wasn't running"), "{told}");
    assert!(rows(&output).iter().all(|row| row["snapshots"] == 2 && row["gaps"] == 0), "{}", text(&output.stdout));
}

#[test]
fn a_gap_in_a_books_chain_is_not_clean_whatever_the_recorder_knows() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plain = generated(scratch.path(), 600);
    let folder = scratch.path().join("recorded");
    record(&plain, &folder);
    let second = segments(&folder).remove(1);
    fs::remove_file(&second).expect("removed");
    let output = run("verify", &folder, &[]);
    assert_eq!(output.status.code(), Some(1));
    let name = second.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(text(&output.stderr).contains(&format!("{name} is in the manifest and not in the folder")), "{}", text(&output.stderr));
    assert!(rows(&output).iter().any(|row| row["gaps"] == 1), "{}", text(&output.stdout));
}

#[test]
fn a_segment_cut_by_a_kill_is_told_and_clean() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plain = generated(scratch.path(), 600);
    let folder = scratch.path().join("recorded");
    record(&plain, &folder);
    let last = segments(&folder).pop().expect("one");
    let file = fs::OpenOptions::new().write(true).open(&last).expect("open");
    file.set_len(file.metadata().expect("there").len() - 20).expect("cut");
    let plugins = components("plugins");
    for (command, options) in [("verify", vec![]), ("replay", vec!["--plugin-dir", plugins.to_str().expect("a plain path")])] {
        let output = run(command, &folder, &options);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", text(&output.stderr));
        let told = text(&output.stderr);
        assert!(told.contains(&last.display().to_string()) && told.contains("ends early, after line "), "{command}: {told}");
    }
}

#[test]
fn a_damaged_segment_is_named_and_the_others_are_used() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plain = generated(scratch.path(), 600);
    let folder = scratch.path().join("recorded");
    record(&plain, &folder);
    let segments = segments(&folder);
    let mut bytes = fs::read(&segments[0]).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 16].fill(0xff);
    fs::write(&segments[0], bytes).expect("written");
    let plugins = components("plugins");
    for (command, options) in [("verify", vec![]), ("replay", vec!["--plugin-dir", plugins.to_str().expect("a plain path")])] {
        let output = run(command, &folder, &options);
        assert_eq!(output.status.code(), Some(1), "{command}: {}", text(&output.stderr));
        let told = text(&output.stderr);
        assert!(told.contains(&segments[0].display().to_string()) && told.contains("damaged after line "), "{command}: {told}");
        assert!(told.contains("hint: ") && !told.contains("panicked"), "{command}: {told}");
    }
}

#[test]
fn lines_of_a_folder_are_named_with_their_segment() {
    let scratch = tempfile::tempdir().expect("a folder");
    let plain = scratch.path().join("mixed.ndjson");
    fs::write(&plain, "{\"event\":\"subscribe\",\"arg\":{\"channel\":\"books\",\"instId\":\"BTC-USDT\"}}\nthis is no JSON\n")
        .expect("written");
    let folder = scratch.path().join("recorded");
    record(&plain, &folder);
    let output = run("verify", &folder, &[]);
    assert_eq!(output.status.code(), Some(1));
    let place = format!("{} line 2: ", segments(&folder)[0].display());
    assert!(text(&output.stderr).contains(&place), "{}", text(&output.stderr));
}

#[test]
fn a_folder_without_a_recording_is_refused_with_a_hint() {
    let scratch = tempfile::tempdir().expect("a folder");
    for command in ["verify", "replay"] {
        let plugins = components("plugins");
        let more = if command == "replay" { vec!["--plugin-dir", plugins.to_str().expect("a plain path")] } else { vec![] };
        let output = run(command, scratch.path(), &more);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let told = text(&output.stderr);
        assert!(told.contains("neither a manifest.json nor a segment") && told.contains("hint: "), "{told}");
    }
}
