//! A recorder that is killed: what it said was written is there, and the next one goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use leadline_recording::{Limits, Manifest, Origin, Recorder, Recording, RecordingError};

/// Set for the child: the folder to record into.
const CHILD: &str = "LEADLINE_TEST_RECORDS_INTO";

/// Frames that the child has ahead of the disk at most.
const AHEAD: u64 = 20_000;

fn origin() -> Origin {
    Origin { endpoint: "wss://here/ws".into(), channel: "books".into(), pairs: vec!["BTC-USDT".into()] }
}

fn text(index: u64) -> String {
    format!("{{\"index\":{index},\"data\":\"{:x}\"}}", index.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// What the child does: not a test of its own, but the other process of the tests below.
#[test]
fn child_that_records_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let limits = Limits { segment_bytes: 64 << 10, flush_every: Duration::from_millis(5), ..Limits::default() };
    let recorder = Recorder::start(Path::new(&folder), &origin(), &limits).unwrap();
    let mut written = 0;
    for index in 0.. {
        recorder.frame(text(index).as_bytes(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64);
        while {
            let now = recorder.status().frames;
            if now != written {
                written = now;
                println!("written {written}");
            }
            written + AHEAD < index
        } {
            std::thread::yield_now();
        }
    }
}

/// Starts the child and kills it after it has said that so many frames are written; answers the last number that it said.
fn killed_after(folder: &Path, frames: u64) -> u64 {
    let mut child: Child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_records_until_it_is_killed", "--nocapture"])
        .env(CHILD, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let number = |line: &str| line.strip_prefix("written ").and_then(|number| number.parse::<u64>().ok());
    let mut last = 0;
    while last < frames {
        let line = lines.next().expect("the child goes on").unwrap();
        last = number(&line).unwrap_or(last);
    }
    // SIGKILL: nothing of the child runs any more.
    child.kill().unwrap();
    child.wait().unwrap();
    // The last line may be cut: a shorter number is no higher one.
    lines.map_while(Result::ok).filter_map(|line| number(&line)).fold(last, u64::max)
}

/// The frames' indices, each compared with what was sent; and how many files were cut.
fn indices(folder: &Path) -> (Vec<u64>, usize) {
    let mut recording = Recording::open(folder).unwrap();
    let mut found = Vec::new();
    while let Some(frame) = recording.next_frame().unwrap() {
        assert!(frame.received_us().is_some());
        let sent = std::str::from_utf8(frame.bytes).unwrap();
        let index = sent.strip_prefix("{\"index\":").unwrap().split_once(',').unwrap().0.parse().unwrap();
        assert_eq!(sent, text(index));
        found.push(index);
    }
    (found, recording.cut_short().len())
}

#[test]
fn after_a_kill_everything_that_was_written_is_there_and_the_next_recorder_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = 0;
    for (run, frames) in [3_000, 10_000, 500].into_iter().enumerate() {
        let written = killed_after(folder.path(), frames);
        let (found, cut) = indices(folder.path());
        let new = &found[before..];
        assert!(new.len() as u64 >= written, "{} frames of at least {written}", new.len());
        assert!(new.iter().copied().eq(0..new.len() as u64), "in order, none twice, none missing");
        assert!(cut <= run + 1, "{cut} files cut by {} kills", run + 1);
        assert!(!Manifest::read(folder.path()).unwrap().unwrap().finished);
        before = found.len();
    }

    let last_us = {
        let mut recording = Recording::open(folder.path()).unwrap();
        let mut last = None;
        while let Some(frame) = recording.next_frame().unwrap() {
            last = frame.received_us();
        }
        last.unwrap()
    };
    // The lock went with the process.
    let recorder = Recorder::start(folder.path(), &origin(), &Limits::default()).unwrap();
    recorder.frame(b"{\"again\":true}", last_us + 1);
    recorder.finish().unwrap();
    let manifest = Manifest::read(folder.path()).unwrap().unwrap();
    assert!(manifest.finished);
    assert_eq!(manifest.segments.iter().map(|one| one.frames).sum::<u64>(), before as u64 + 1);
    assert_eq!(manifest.gaps.len(), 3, "one before each start but the first: {:?}", manifest.gaps);
    let gap = manifest.gaps.last().unwrap();
    assert!(gap.from_us == last_us && gap.to_us.is_some() && gap.reason.contains("wasn't running"), "{gap:?}");
}

#[test]
fn a_recorder_killed_before_its_first_frame_leaves_a_folder_that_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits::default();
    drop(Recorder::start(folder.path(), &origin(), &limits).unwrap());
    // What a kill between creating the files and writing them leaves.
    for name in ["20261122T190000.123Z-000001.ndjson.zst", "20261122T190000.123Z-000001.recv.zst", "20261122T190000.123Z-000002.recv.zst"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    assert!(matches!(Recording::open(folder.path()).unwrap().next_frame(), Err(RecordingError::Empty { .. })));
    let recorder = Recorder::start(folder.path(), &origin(), &limits).unwrap();
    recorder.frame(text(0).as_bytes(), 1);
    assert_eq!(recorder.finish().unwrap().segments, 1);
    assert_eq!(indices(folder.path()), (vec![0], 0));
}
