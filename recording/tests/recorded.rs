//! What the recordings must give, and what cut recordings must show. Needs the recordings (`LEADLINE_SHARED`, default `../shared`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use leadline_market::{Kind, Source, State};
use leadline_recording::{Row, audit, instruments_beside};

/// The folder of recordings, or `None` with one line on stderr.
fn recordings() -> Option<PathBuf> {
    let shared = std::env::var_os("LEADLINE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let folder = shared.join("data/okx");
    if folder.join("expected.jsonl").is_file() {
        return Some(folder);
    }
    eprintln!("left out: no recordings in {} (set LEADLINE_SHARED)", folder.display());
    None
}

/// Writes the recording's lines without the `index`-th book frame of an instrument; answers the file and what is in it.
fn without_frame(recording: &Path, instrument: &str, index: usize, folder: &Path) -> PathBuf {
    let text = fs::read_to_string(recording).unwrap();
    let mut seen = 0;
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| {
            let book = line.contains("\"asks\"") && line.contains(&format!("\"{instrument}\""));
            seen += usize::from(book);
            !(book && seen == index + 1)
        })
        .collect();
    let path = folder.join("cut.ndjson");
    fs::write(&path, kept.join("\n")).unwrap();
    path
}

fn row<'a>(rows: &'a [Row], instrument: &str) -> &'a Row {
    rows.iter().find(|row| row.instrument == instrument).unwrap()
}

#[test]
fn the_audit_of_every_recording_is_the_expected_one_byte_for_byte() {
    let Some(folder) = recordings() else { return };
    let expected = fs::read_to_string(folder.join("expected.jsonl")).unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".ndjson") && !name.ends_with(".sent.ndjson")
    });
    files.sort();
    assert_eq!(files.len(), 5);
    let mut lines = String::new();
    for file in files {
        let audit = audit(&file).unwrap();
        assert!(audit.is_clean(), "{}: {:?}", file.display(), audit.bad_lines);
        for row in &audit.rows {
            lines += &serde_json::to_string(row).unwrap();
            lines.push('\n');
        }
    }
    for (at, (got, wanted)) in lines.lines().zip(expected.lines()).enumerate() {
        assert_eq!(got, wanted, "line {}", at + 1);
    }
    assert_eq!(lines, expected);
}

#[test]
fn a_frame_cut_from_the_recording_with_ids_is_a_gap_and_what_follows_is_dropped() {
    let Some(folder) = recordings() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let cut = without_frame(&folder.join("okx_v5_books_20260824.ndjson"), "BTC-USDT", 3, scratch.path());
    let audit = audit(cut).unwrap();
    let counters = row(&audit.rows, "BTC-USDT").counters;
    assert_eq!((counters.frames, counters.updates, counters.gaps, counters.dropped), (6, 5, 1, 2));
    assert!(!audit.is_clean());
}

#[test]
fn a_frame_cut_from_the_recording_with_checksums_is_a_bad_checksum_and_what_follows_is_dropped() {
    let Some(folder) = recordings() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let cut = without_frame(&folder.join("okx_v5_books_20220513.ndjson"), "BTC-USDT", 40, scratch.path());
    let audit = audit(cut).unwrap();
    let counters = row(&audit.rows, "BTC-USDT").counters;
    // One frame of 98 is gone; 40 were good before it.
    assert_eq!((counters.frames, counters.checksum_ok, counters.checksum_bad, counters.dropped), (97, 40, 1, 56));
    assert_eq!(row(&audit.rows, "UNI-USD-SWAP").counters.checksum_ok, 93);
    assert!(!audit.is_clean());
}

#[test]
fn a_snapshot_after_a_cut_mends_the_book() {
    let Some(folder) = recordings() else { return };
    let recording = folder.join("okx_v5_books-l2-tbt_20220227.ndjson");
    let scratch = tempfile::tempdir().unwrap();
    // A cut stream, and behind it the whole one, which begins with a snapshot: what a resync looks like.
    let cut = without_frame(&recording, "ZEN-USDT", 100, scratch.path());
    let joined = [fs::read_to_string(&cut).unwrap(), fs::read_to_string(&recording).unwrap()].join("\n");
    fs::write(&cut, joined).unwrap();
    let whole = audit(&recording).unwrap();
    let mended = audit(cut).unwrap();
    let (whole, mended) = (row(&whole.rows, "ZEN-USDT"), row(&mended.rows, "ZEN-USDT"));
    assert_eq!((mended.counters.checksum_bad, mended.counters.checksum_ok), (1, 100 + 396));
    assert_eq!(mended.counters.dropped, 396 - 102);
    assert_eq!((mended.crc32, &mended.best_bid, mended.levels_ask), (whole.crc32, &whole.best_bid, whole.levels_ask));
}

#[test]
fn the_listings_beside_the_recordings_are_read_whole() {
    let Some(folder) = recordings() else { return };
    let listings = instruments_beside(folder.join("okx_v5_books_20220513.ndjson")).unwrap();
    assert_eq!(listings.left_out, 0);
    let find = |id: &str| listings.instruments.iter().find(|instrument| instrument.id == id).unwrap();
    let spot = find("BTC-USDT");
    assert_eq!((spot.kind, spot.base.as_str(), spot.quote.as_str(), spot.contract_value), (Kind::Spot, "BTC", "USDT", 1.0));
    assert_eq!((spot.tick_size.to_string(), spot.lot_size.to_string()), ("0.1".to_owned(), "0.00000001".to_owned()));
    let future = find("BTC-USD-220527");
    assert_eq!((future.kind, future.quote.as_str(), future.settle.as_str(), future.contract_value), (Kind::Inverse, "USD", "BTC", 100.0));
    assert_eq!((future.state, future.source), (State::Live, Source::Listed));
    let option = find("BTC-USD-220514-22000-C");
    assert_eq!((option.kind, option.base.as_str(), option.contract_value), (Kind::Options, "BTC", 0.1));
    assert_eq!(find("UNI-USD-SWAP").kind, Kind::Inverse);
    assert_eq!(find("BTC-USDT-SWAP").kind, Kind::Linear);
}
