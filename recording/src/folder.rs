//! What a recorder's folder holds: the names of its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::RecordingError;

/// The file that says what is in the folder.
pub const MANIFEST: &str = "manifest.json";

/// The file that a running recorder holds locked.
pub(crate) const LOCK: &str = "recorder.lock";

/// The folder of listings in it.
pub(crate) const INSTRUMENTS: &str = "instruments";

const FRAMES: &str = ".ndjson.zst";
const TIMES: &str = ".recv.zst";

/// A segment's name: when it began, and its number, which gives the order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    /// The name of its files without what follows the first dot after the number.
    stem: String,
}

impl Segment {
    /// One that begins at a time.
    pub(crate) fn new(begins_us: u64, number: u64) -> Self {
        Self { number, stem: format!("{}-{number:06}", compact(begins_us)) }
    }

    /// Reads the name of a file of frames, and nothing else: names come from a manifest too.
    pub(crate) fn of_frames(name: &str) -> Option<Self> {
        Self::parse(name.strip_suffix(FRAMES)?)
    }

    /// Reads the name of a file of receive times.
    pub(crate) fn of_times(name: &str) -> Option<Self> {
        Self::parse(name.strip_suffix(TIMES)?)
    }

    fn parse(stem: &str) -> Option<Self> {
        let (time, number) = stem.split_once('-')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (day, clock) = time.strip_suffix('Z')?.split_once('T')?;
        let (clock, fraction) = clock.split_once('.')?;
        let sound = [day, clock, fraction, number].into_iter().all(digits);
        (sound && stem.len() < 64).then_some(())?;
        Some(Self { number: number.parse().ok()?, stem: stem.to_owned() })
    }

    pub(crate) fn frames_name(&self) -> String {
        format!("{}{FRAMES}", self.stem)
    }

    pub(crate) fn times_name(&self) -> String {
        format!("{}{TIMES}", self.stem)
    }

    pub(crate) fn files(&self, folder: &Path) -> [PathBuf; 2] {
        [folder.join(self.frames_name()), folder.join(self.times_name())]
    }
}

/// `20261122T190000.123Z`.
fn compact(us: u64) -> String {
    // The last day of the year 9999; later ones can't be written.
    let time = UNIX_EPOCH + Duration::from_micros(us.min(253_402_300_799_000_000));
    humantime::format_rfc3339_millis(time).to_string().replace(['-', ':'], "")
}

/// A time for a person: `2026-11-22T19:00:00.123Z`.
pub(crate) fn readable(us: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_micros(us.min(253_402_300_799_000_000));
    humantime::format_rfc3339_millis(time).to_string()
}

/// The segments in a folder, in the order in which they were recorded.
pub(crate) fn segments(folder: &Path) -> Result<Vec<Segment>, RecordingError> {
    let mut found: Vec<Segment> = names(folder)?.iter().filter_map(|name| Segment::of_frames(name)).collect();
    found.sort();
    Ok(found)
}

/// The names of all files in a folder.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, RecordingError> {
    let failed = |source: io::Error| RecordingError::Io { path: folder.to_path_buf(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segments_name_holds_its_time_and_number_and_is_read_back() {
        let segment = Segment::new(1_795_374_000_123_456, 1);
        assert_eq!(segment.frames_name(), "20261122T190000.123Z-000001.ndjson.zst");
        assert_eq!(segment.times_name(), "20261122T190000.123Z-000001.recv.zst");
        assert_eq!(Segment::of_frames(&segment.frames_name()), Some(segment.clone()));
        assert_eq!(Segment::of_times(&segment.times_name()), Some(segment));
        let far = Segment::new(u64::MAX, 12_345_678);
        assert_eq!(Segment::of_frames(&far.frames_name()), Some(far));
    }

    #[test]
    fn other_names_are_no_segments() {
        for name in ["a.ndjson.zst", "../20261122T190000.123Z-000001.ndjson.zst", "20261122T190000.123Z-.ndjson.zst", "manifest.json", ""] {
            assert_eq!(Segment::of_frames(name), None, "{name}");
        }
    }
}
