//! Files as they come: long lines, empty lines, missing ends, receive times, listings; and audits of generated frames.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use leadline_recording::{MAX_BAD_LINES, MAX_LINE_BYTES, Recording, RecordingError, audit, instruments_beside, instruments_from};
use tempfile::TempDir;

/// A folder with one recording in it.
fn recording(text: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.ndjson");
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// Every frame's line, text and receive time; lines that are too long as their number alone.
fn read(path: &PathBuf) -> Vec<(u64, String, Option<f64>)> {
    let mut recording = Recording::open(path).unwrap();
    let mut frames = Vec::new();
    loop {
        match recording.next_frame() {
            Ok(Some(frame)) => frames.push((frame.line, String::from_utf8_lossy(frame.bytes).into_owned(), frame.received)),
            Ok(None) => return frames,
            Err(error) => {
                assert!(error.is_one_line(), "{error}");
                let RecordingError::LongLine { line, .. } = error else { panic!("{error}") };
                frames.push((line, "too long".to_owned(), None));
            }
        }
    }
}

/// A v5 book frame with ids; bids 10.0 upwards by id.
fn v5(action: &str, previous: i64, sequence: i64) -> String {
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[],"bids":[["{sequence}.5","1","0","1"]],"ts":"{sequence}","checksum":0,"seqId":{sequence},"prevSeqId":{previous}}}]}}"#
    )
}

#[test]
fn empty_lines_are_passed_and_the_last_line_needs_no_end() {
    let (_folder, path) = recording("one\n\n  \r\ntwo\r\nthree");
    let frames: Vec<(u64, String)> = read(&path).into_iter().map(|(line, text, _)| (line, text)).collect();
    assert_eq!(frames, [(1, "one".into()), (4, "two".into()), (5, "three".into())]);
}

#[test]
fn receive_times_go_with_their_lines() {
    let (_folder, path) = recording("one\n\ntwo\nthree\nfour\n");
    fs::write(path.with_extension("recv"), "1652459200.25\n\n1652459201\nsoon\n").unwrap();
    let times: Vec<Option<f64>> = read(&path).into_iter().map(|(_, _, received)| received).collect();
    assert_eq!(times, [Some(1_652_459_200.25), Some(1_652_459_201.0), None, None]);
    let mut recording = Recording::open(&path).unwrap();
    assert!(recording.has_receive_times());
    assert_eq!(recording.next_frame().unwrap().unwrap().received_ms(), Some(1_652_459_200_250.0));
    while recording.next_frame().unwrap().is_some() {}
    assert_eq!(recording.bad_receive_times(), 1);
}

#[test]
fn an_over_long_line_is_an_error_of_that_line_alone() {
    let longest = "x".repeat(MAX_LINE_BYTES);
    let (_folder, path) = recording(format!("one\n{longest}x\n{longest}\r\nfour\n{longest}{longest}\n"));
    let frames: Vec<(u64, usize)> = read(&path).into_iter().map(|(line, text, _)| (line, text.len())).collect();
    let too_long = "too long".len();
    assert_eq!(frames, [(1, 3), (2, too_long), (3, MAX_LINE_BYTES), (4, 4), (5, too_long)]);
}

#[test]
fn an_empty_recording_and_a_missing_one_are_named_with_a_hint() {
    for text in ["", "\n\n  \n"] {
        let (_folder, path) = recording(text);
        let error = Recording::open(&path).unwrap().next_frame().unwrap_err();
        assert!(matches!(error, RecordingError::Empty { .. }));
        let text = error.to_string();
        assert!(text.contains("made.ndjson") && text.contains("hint: "), "{text}");
        assert!(audit(&path).is_err());
    }
    let (folder, path) = recording("x");
    let error = Recording::open(path.with_extension("missing")).unwrap_err().to_string();
    assert!(error.contains("made.missing"), "{error}");
    assert!(matches!(Recording::open(folder.path()), Err(RecordingError::NoRecording { .. })));
}

#[test]
fn a_frame_cut_from_a_chain_is_one_gap_and_what_follows_is_dropped_until_the_snapshot() {
    let mut lines = vec![v5("snapshot", -1, 100)];
    lines.extend((101..110).map(|sequence| v5("update", sequence - 1, sequence)));
    let (_folder, whole) = recording(lines.join("\n"));
    assert!(audit(&whole).unwrap().is_clean());

    lines.remove(5);
    lines.push(v5("snapshot", -1, 200));
    lines.push(v5("update", 200, 201));
    let (_folder, cut) = recording(lines.join("\n"));
    let audit = audit(&cut).unwrap();
    assert!(!audit.is_clean());
    let counters = audit.rows[0].counters;
    assert_eq!((counters.frames, counters.snapshots, counters.updates), (11, 2, 9));
    assert_eq!((counters.gaps, counters.dropped, counters.checksum_bad), (1, 3, 0));
    assert_eq!((audit.rows[0].levels_bid, audit.rows[0].best_bid.clone()), (2, Some(["201.5".into(), "1".into()])));
}

#[test]
fn lines_that_are_no_frames_are_counted_and_the_first_are_named() {
    let mut text =
        v5("snapshot", -1, 1) + "\nnot json\n{\"event\":\"subscribe\",\"arg\":{\"channel\":\"books\",\"instId\":\"BTC-USDT\"}}\n";
    text += &v5("update", 1, 2).replace("2.5", "NaN");
    text += &"\n{".repeat(200);
    let (_folder, path) = recording(text);
    let audit = audit(&path).unwrap();
    assert_eq!((audit.frames, audit.other_frames, audit.bad_line_count, audit.bad_lines.len()), (204, 1, 202, MAX_BAD_LINES));
    assert_eq!((audit.bad_lines[0].line, audit.bad_lines[1].line), (2, 4));
    assert!(audit.bad_lines[1].problem.contains("NaN"), "{}", audit.bad_lines[1].problem);
    assert!(!audit.is_clean());
}

#[test]
fn levels_that_cannot_be_a_book_are_not_clean() {
    let (_folder, path) = recording(v5("snapshot", -1, 1).replace("1.5", "0.0"));
    let audit = audit(&path).unwrap();
    assert_eq!((audit.refused, audit.bad_line_count, audit.is_clean()), (1, 0, false));
}

#[test]
fn listings_beside_a_recording_are_found_plain_and_packed() {
    let (folder, path) = recording("x");
    assert!(instruments_beside(&path).unwrap().instruments.is_empty());
    let instruments = folder.path().join("instruments");
    fs::create_dir(&instruments).unwrap();
    let listing = |id: &str| {
        format!(
            r#"{{"code":"0","data":[{{"instType":"SPOT","instId":"{id}","baseCcy":"A","quoteCcy":"B","tickSz":"0.1","lotSz":"1","state":"live"}},{{}}]}}"#
        )
    };
    fs::write(instruments.join("b.json"), listing("B-USDT")).unwrap();
    fs::write(instruments.join("notes.txt"), "not a listing").unwrap();
    let mut packed = flate2::write::GzEncoder::new(fs::File::create(instruments.join("a.json.gz")).unwrap(), flate2::Compression::fast());
    packed.write_all(listing("A-USDT").as_bytes()).unwrap();
    packed.finish().unwrap();
    let found = instruments_beside(&path).unwrap();
    assert_eq!(found.instruments.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["A-USDT", "B-USDT"]);
    assert_eq!(found.left_out, 2);

    let bad = folder.path().join("bad.json.gz");
    fs::write(&bad, "not gzip").unwrap();
    let error = instruments_from(std::slice::from_ref(&bad)).unwrap_err().to_string();
    assert!(error.contains("bad.json.gz"), "{error}");
    fs::write(instruments.join("c.json"), "{}").unwrap();
    let error = instruments_beside(&path).unwrap_err();
    assert!(matches!(&error, RecordingError::Instruments { path, .. } if path.ends_with("c.json")) && error.to_string().contains("hint: "));
}
