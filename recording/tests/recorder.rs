//! What a recorder writes is what a reader reads: whatever the frames, the limits, and the place where a file is cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use leadline_recording::{ALL_PAIRS, Limits, MANIFEST, Manifest, Origin, Recorder, Recording, RecordingError, Status};
use proptest::collection::vec;
use proptest::prelude::*;

type Frames = Vec<(Vec<u8>, u64)>;

fn origin() -> Origin {
    Origin { endpoint: "wss://here/ws".into(), channel: "books".into(), pairs: vec!["BTC-USDT".into()] }
}

/// Everything that can be read: frames with times, and what goes on after an error.
fn read(path: &Path) -> (Frames, usize, Vec<RecordingError>) {
    let mut recording = Recording::open(path).unwrap();
    let (mut frames, mut errors) = (Vec::new(), Vec::new());
    loop {
        match recording.next_frame() {
            Ok(Some(frame)) => frames.push((frame.bytes.to_vec(), frame.received_us().unwrap())),
            Ok(None) | Err(RecordingError::Empty { .. }) => return (frames, recording.cut_short().len(), errors),
            Err(error) => {
                assert!(error.goes_on(), "{error}");
                errors.push(error);
            }
        }
    }
}

fn record(folder: &Path, limits: &Limits, frames: &[(Vec<u8>, u64)]) -> Status {
    let recorder = Recorder::start(folder, &origin(), limits).unwrap();
    for (bytes, at) in frames {
        recorder.frame(bytes, *at);
    }
    recorder.finish().unwrap()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".ndjson.zst"));
    files.sort();
    files
}

/// The packed bytes in a folder.
fn packed_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "zst")).map(|path| path.metadata().unwrap().len()).sum()
}

fn manifest(folder: &Path) -> Manifest {
    Manifest::read(folder).unwrap().unwrap()
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::yield_now();
    }
}

/// So short that every frame is written by itself.
const EACH_FRAME: Duration = Duration::from_nanos(1);

/// Limits of a test: what matters is set by each.
fn limits() -> Limits {
    Limits { flush_every: Duration::from_millis(5), sync_every: Duration::from_millis(20), ..Limits::default() }
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let any = vec(any::<u8>().prop_map(|byte| if byte == b'\n' { b' ' } else { byte }), 1..400);
    let json = "\\{\"arg\":\\{\"channel\":\"books\"\\},\"data\":\\[[0-9,]{0,300}\\]\\}".prop_map(String::into_bytes);
    // A line end of the other kind, and nothing, can't be told from what they mean.
    prop_oneof![any, json].prop_filter("a line", |frame| !frame.ends_with(b"\r") && !frame.trim_ascii().is_empty())
}

fn frames(most: usize) -> impl Strategy<Value = Frames> {
    vec((frame(), 0..4_000_000_000_000_000_u64), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_recorded_is_read_back_byte_for_byte_whatever_the_rotation(
        frames in frames(120), segment_bytes in 900..20_000_u64, level in 1..6_i32, aged in any::<bool>()
    ) {
        let folder = tempfile::tempdir().unwrap();
        let segment_age = if aged { Duration::ZERO } else { Duration::from_secs(3600) };
        let limits = Limits { segment_bytes, segment_age, level, ..limits() };
        let status = record(folder.path(), &limits, &frames);
        let (read, cut, errors) = read(folder.path());
        prop_assert_eq!(&read, &frames);
        prop_assert_eq!((cut, errors.len(), status.frames), (0, 0, frames.len() as u64));
        let manifest = manifest(folder.path());
        prop_assert!(manifest.finished && manifest.gaps.is_empty() && manifest.dropped.total() == 0);
        prop_assert_eq!(manifest.segments.iter().map(|one| one.frames).sum::<u64>(), frames.len() as u64);
        prop_assert_eq!(manifest.segments.iter().map(|one| one.bytes_raw).sum::<u64>(), frames.iter().map(|one| one.0.len() as u64 + 1).sum::<u64>());
        prop_assert_eq!(manifest.segments.iter().map(|one| one.bytes).sum::<u64>(), packed_bytes(folder.path()));
        prop_assert!(manifest.segments.iter().all(|one| one.complete && one.bytes <= segment_bytes));
        prop_assert_eq!(status.bytes, packed_bytes(folder.path()));
        if aged {
            prop_assert_eq!(manifest.segments.len(), frames.len());
        }
    }

    #[test]
    fn a_file_cut_anywhere_gives_what_is_before_the_cut_and_no_error(
        frames in frames(60), cut_frames in any::<bool>(), each in any::<bool>(), place in 0.0..1.0_f64
    ) {
        let folder = tempfile::tempdir().unwrap();
        let flush_every = if each { EACH_FRAME } else { limits().flush_every };
        record(folder.path(), &Limits { flush_every, ..limits() }, &frames);
        let segment = segments(folder.path()).remove(0);
        let file = if cut_frames { segment.clone() } else { PathBuf::from(segment.to_string_lossy().replace(".ndjson.zst", ".recv.zst")) };
        let length = file.metadata().unwrap().len();
        OpenOptions::new().write(true).open(&file).unwrap().set_len((length as f64 * place) as u64).unwrap();
        for path in [segment.as_path(), folder.path()] {
            let (read, cut, errors) = read(path);
            // Only the end of the times may be gone: then every frame is there.
            prop_assert!(errors.is_empty() && (cut == 1 || (!cut_frames && read == frames)), "{cut} cut, {errors:?}");
            prop_assert!(frames.starts_with(&read), "{} frames of {}", read.len(), frames.len());
        }
        // The next recorder goes on behind it, and the manifest says what is there.
        let (before, _, _) = read(folder.path());
        record(folder.path(), &limits(), &frames);
        let (after, _, _) = read(folder.path());
        prop_assert_eq!(after, [before.clone(), frames].concat());
        let manifest = manifest(folder.path());
        prop_assert_eq!(manifest.segments.len(), 1 + usize::from(!before.is_empty()));
        prop_assert_eq!(manifest.segments[0].frames, if before.is_empty() { manifest.segments[0].frames } else { before.len() as u64 });
        prop_assert_eq!(manifest.gaps.len(), usize::from(!before.is_empty()));
    }

    #[test]
    fn the_total_stays_within_the_bound_and_what_is_deleted_is_the_oldest_and_counted(
        frames in frames(200), segment_bytes in 900..3_000_u64, factor in 2..5_u64
    ) {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { segment_bytes, total_bytes: segment_bytes * factor, ..limits() };
        let recorder = Recorder::start(folder.path(), &origin(), &limits).unwrap();
        for (bytes, at) in &frames {
            recorder.frame(bytes, *at);
            prop_assert!(packed_bytes_now(folder.path()) <= limits.total_bytes);
        }
        recorder.finish().unwrap();
        let (read, _, _) = read(folder.path());
        prop_assert!(frames.ends_with(&read));
        let manifest = manifest(folder.path());
        prop_assert_eq!(manifest.deleted.frames as usize + read.len(), frames.len());
        prop_assert!(packed_bytes(folder.path()) <= limits.total_bytes);
        if manifest.deleted.segments > 0 {
            let gone = &frames[..manifest.deleted.frames as usize];
            prop_assert_eq!(manifest.deleted.from_us.is_some(), !gone.is_empty());
        }
    }
}

/// As [`packed_bytes`], while files come and go.
fn packed_bytes_now(folder: &Path) -> u64 {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "zst"));
    // The newest first: what is written meanwhile isn't counted beside what is deleted for it.
    paths.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.split_once('-').map(|(_, number)| number.to_owned())));
    paths.iter().rev().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum()
}

#[test]
fn a_frame_that_would_break_the_lines_is_left_out_counted_and_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let good = |text: &str| (text.as_bytes().to_vec(), 5_000_000);
    let bad = ["{\n}", "ends in\r", "", " \t", &"x".repeat(2 << 20)];
    let mut all = vec![good("first")];
    all.extend(bad.iter().enumerate().map(|(index, text)| (text.as_bytes().to_vec(), 10_000_000 * (index as u64 + 1))));
    all.push(good("a carriage\rreturn within"));
    let status = record(folder.path(), &limits(), &all);
    assert_eq!((status.frames, status.dropped.unfit, status.gaps), (2, bad.len() as u64, bad.len() as u64));
    assert_eq!(read(folder.path()).0, [good("first"), good("a carriage\rreturn within")]);
    let gaps = manifest(folder.path()).gaps;
    assert_eq!((gaps[0].pair.as_str(), gaps[0].from_us, gaps[0].to_us), (ALL_PAIRS, 10_000_000, Some(10_000_000)));
    assert!(gaps[0].reason.contains("line break") && gaps[4].reason.contains("too long"), "{gaps:?}");
}

#[test]
fn gaps_of_the_caller_are_in_the_manifest_and_one_that_is_open_ends_with_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(folder.path(), &origin(), &limits()).unwrap();
    recorder.frame(b"{}", 1_000);
    recorder.gap_begins("BTC-USDT", "link lost", 2_000);
    recorder.gap_begins("BTC-USDT", "said again", 2_500);
    recorder.gap_ends("BTC-USDT", 3_000);
    recorder.gap_begins("ETH-USDT", "refused", 4_000);
    recorder.add_pairs(&["ETH-USDT".to_owned()]);
    until("the manifest of a running recorder has the gap", || manifest(folder.path()).gaps.len() == 2);
    let status = recorder.finish().unwrap();
    assert_eq!((status.gaps, status.open_gaps), (2, 1));
    let first = manifest(folder.path());
    assert_eq!((first.gaps[0].to_us, first.gaps[0].reason.as_str(), first.gaps[1].to_us), (Some(3_000), "link lost", None));
    assert_eq!(first.pairs, ["BTC-USDT", "ETH-USDT"]);

    record(folder.path(), &limits(), &[]);
    let second = manifest(folder.path());
    assert!(second.gaps[1].to_us.is_some());
    assert_eq!((second.gaps[2].pair.as_str(), second.gaps[2].from_us), (ALL_PAIRS, 1_000));
    assert!(second.gaps[2].reason.contains("wasn't running"));
}

#[test]
fn a_second_recorder_in_the_same_folder_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let first = Recorder::start(folder.path(), &origin(), &limits()).unwrap();
    let error = Recorder::start(folder.path(), &origin(), &limits()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, RecordingError::Locked { .. }) && text.contains(&std::process::id().to_string()), "{text}");
    assert!(text.contains("hint: ") && text.contains(&folder.path().display().to_string()), "{text}");
    first.finish().unwrap();
    Recorder::start(folder.path(), &origin(), &limits()).unwrap();
}

#[test]
fn frames_from_elsewhere_a_newer_manifest_and_impossible_limits_are_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), &limits(), &[(b"{}".to_vec(), 1)]);
    let other = Origin { endpoint: "wss://there/ws".into(), ..origin() };
    let error = Recorder::start(folder.path(), &other, &limits()).unwrap_err().to_string();
    assert!(error.contains("wss://here/ws") && error.contains("wss://there/ws") && error.contains("hint: "), "{error}");
    for wrong in [
        Limits { segment_bytes: 10, ..limits() },
        Limits { total_bytes: 1 << 20, ..limits() },
        Limits { level: 22, ..limits() },
        Limits { queue_frames: 0, ..limits() },
        Limits { flush_every: Duration::ZERO, ..limits() },
    ] {
        let error = Recorder::start(folder.path(), &origin(), &wrong).unwrap_err();
        assert!(matches!(error, RecordingError::Limit { .. }) && error.to_string().contains("hint: "), "{error}");
    }
    fs::write(folder.path().join(MANIFEST), "{\"version\":2}").unwrap();
    let error = Recorder::start(folder.path(), &origin(), &limits()).unwrap_err();
    assert!(matches!(&error, RecordingError::Manifest { problem, .. } if problem.contains("version 2")), "{error}");
    // What is recorded can be read all the same.
    assert_eq!(read(folder.path()).0.len(), 1);
    assert!(Recording::open(folder.path()).unwrap().manifest_problem().is_some());
}

#[test]
fn more_frames_than_may_wait_are_dropped_counted_and_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { queue_frames: 1, queue_bytes: 8, ..limits() };
    let recorder = Recorder::start(folder.path(), &origin(), &limits).unwrap();
    recorder.frame(b"longer than may wait", 7);
    recorder.frame(b"short", 8);
    let status = recorder.finish().unwrap();
    assert_eq!((status.frames, status.dropped.disk_slow, status.gaps), (1, 1, 1));
    let manifest = manifest(folder.path());
    assert_eq!((manifest.dropped.disk_slow, manifest.gaps[0].from_us, manifest.gaps[0].to_us), (1, 7, Some(7)));
    assert!(manifest.gaps[0].reason.contains("too slow"));
}

#[test]
fn a_disk_that_refuses_is_told_and_tried_again_and_the_time_without_it_is_a_gap() {
    let around = tempfile::tempdir().unwrap();
    let (folder, away) = (around.path().join("here"), around.path().join("away"));
    // Every frame begins a segment, so that each one needs the folder.
    let limits = Limits { segment_age: Duration::ZERO, ..limits() };
    let recorder = Recorder::start(&folder, &origin(), &limits).unwrap();
    recorder.frame(b"before", 1_000_000);
    until("the first frame is written", || recorder.status().frames == 1);
    fs::rename(&folder, &away).unwrap();
    until("the trouble is told", || {
        recorder.frame(b"lost", 2_000_000);
        recorder.status().trouble.is_some()
    });
    fs::rename(&away, &folder).unwrap();
    until("it is written again", || {
        recorder.frame(b"after", 3_000_000);
        recorder.status().frames > 1
    });
    until("the trouble is over", || recorder.status().trouble.is_none());
    let status = recorder.finish().unwrap();
    assert!(status.dropped.disk_refused > 0);
    let (frames, cut, errors) = read(&folder);
    assert_eq!((frames[0].0.as_slice(), cut, errors.len(), frames.len() as u64), (&b"before"[..], 0, 0, status.frames));
    let manifest = manifest(&folder);
    assert!(manifest.finished);
    let gap = manifest.gaps.iter().find(|gap| gap.reason.contains("the disk refused")).unwrap();
    assert_eq!((gap.pair.as_str(), gap.from_us, gap.to_us), (ALL_PAIRS, 1_000_000, Some(3_000_000)));
}

#[test]
fn a_damaged_segment_is_named_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let frames: Frames = (0..3_u64).map(|index| (format!("frame {index} {}", "x".repeat(100)).into_bytes(), index)).collect();
    record(folder.path(), &Limits { segment_age: Duration::ZERO, ..limits() }, &frames);
    let damaged = segments(folder.path()).remove(1);
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&damaged, bytes).unwrap();
    let (read, cut, errors) = read(folder.path());
    assert_eq!((cut, errors.len()), (0, 1));
    let text = errors[0].to_string();
    assert!(text.contains(&damaged.display().to_string()) && text.contains("damaged after line") && text.contains("hint: "), "{text}");
    assert_eq!((read.first(), read.last()), (frames.first(), frames.last()));
}

#[test]
fn a_file_without_its_end_holds_every_frame_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let frames: Frames = (0..50_u64).map(|index| (format!("frame {index}").into_bytes(), index)).collect();
    record(folder.path(), &Limits { flush_every: EACH_FRAME, ..limits() }, &frames);
    let segment = segments(folder.path()).remove(0);
    let file = OpenOptions::new().write(true).open(&segment).unwrap();
    // The last block, which is empty, and the checksum.
    let end = file.metadata().unwrap().len() - 7;
    file.set_len(end).unwrap();
    assert_eq!((read(&segment).0, read(&segment).1), (frames.clone(), 1));
    // One byte of the last frame less.
    file.set_len(end - 1).unwrap();
    assert_eq!(read(&segment).0, frames[..49]);
}

#[test]
fn packed_files_from_elsewhere_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.ndjson.zst");
    fs::write(&path, zstd::encode_all(&b"one\n\ntwo\r\nthree"[..], 19).unwrap()).unwrap();
    fs::write(folder.path().join("mine.recv"), "1.5\n\n2\n3\n").unwrap();
    let (frames, cut, _) = read(&path);
    assert_eq!(frames, [(b"one".to_vec(), 1_500_000), (b"two".to_vec(), 2_000_000), (b"three".to_vec(), 3_000_000)]);
    assert_eq!(cut, 0);
    let plain = folder.path().join("not.ndjson.zst");
    fs::write(&plain, "not packed").unwrap();
    let mut recording = Recording::open(&plain).unwrap();
    assert!(matches!(recording.next_frame(), Err(RecordingError::Damaged { line: 0, .. })));
}

#[test]
fn a_file_that_asks_for_much_memory_is_refused_and_one_endless_line_is_passed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.ndjson.zst");
    let mut encoder = zstd::stream::write::Encoder::new(File::create(&path).unwrap(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(b"one\n").unwrap();
    encoder.finish().unwrap();
    assert!(matches!(Recording::open(&path).unwrap().next_frame(), Err(RecordingError::Damaged { line: 0, .. })));

    let path = folder.path().join("bomb.ndjson.zst");
    let mut encoder = zstd::stream::write::Encoder::new(File::create(&path).unwrap(), 1).unwrap();
    for _ in 0..64 {
        encoder.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    encoder.write_all(b"\nafter").unwrap();
    encoder.finish().unwrap();
    let mut recording = Recording::open(&path).unwrap();
    assert!(matches!(recording.next_frame(), Err(RecordingError::LongLine { line: 1, .. })));
    assert_eq!(recording.next_frame().unwrap().unwrap().bytes, b"after");
}

#[test]
fn listings_handed_over_are_found_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(folder.path(), &origin(), &limits()).unwrap();
    let listing = r#"{"code":"0","data":[{"instType":"SPOT","instId":"A-USDT","baseCcy":"A","quoteCcy":"USDT","tickSz":"0.1","lotSz":"1","state":"live"}]}"#;
    recorder.instruments("SPOT", listing).unwrap();
    assert!(recorder.instruments("../SPOT", listing).is_err() && recorder.instruments("SWAP", "{}").is_err());
    let found = leadline_recording::instruments_beside(folder.path()).unwrap();
    assert_eq!(found.instruments[0].id, "A-USDT");
}

#[test]
fn a_manifest_that_names_files_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), &limits(), &[(b"{}".to_vec(), 1)]);
    let text = fs::read_to_string(folder.path().join(MANIFEST)).unwrap();
    let name = segments(folder.path())[0].file_name().unwrap().to_string_lossy().into_owned();
    fs::write(folder.path().join(MANIFEST), text.replace(&name, "../precious.ndjson.zst")).unwrap();
    assert!(matches!(Recorder::start(folder.path(), &origin(), &limits()), Err(RecordingError::Manifest { .. })));
}
