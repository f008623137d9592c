//! The listings of instruments recorded beside a recording.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use leadline_market::{Instrument, parse_listing};

use crate::RecordingError;
use crate::folder::INSTRUMENTS;

/// Longest listing that is read, unpacked. All of OKX's options are about 1 MB.
pub const MAX_LISTING_BYTES: u64 = 64 << 20;

/// Instruments of one or more listings.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Listings {
    /// The instruments, file by file in the order of names.
    pub instruments: Vec<Instrument>,
    /// Entries that could not be used.
    pub left_out: usize,
}

/// Reads every `*.json` and `*.json.gz` in the folder `instruments` beside the recording, or in it where it is a folder itself. No
/// such folder, no instruments.
///
/// # Errors
/// [`RecordingError::Io`], or [`RecordingError::Instruments`] naming the file that is not a listing.
pub fn instruments_beside(recording: impl AsRef<Path>) -> Result<Listings, RecordingError> {
    let recording = recording.as_ref();
    let around = if recording.is_dir() { recording } else { recording.parent().unwrap_or(Path::new("")) };
    let folder = around.join(INSTRUMENTS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listings::default()),
        Err(source) => return Err(RecordingError::Io { path: folder, source }),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| RecordingError::Io { path: folder.clone(), source })?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".json") || name.ends_with(".json.gz") {
            files.push(path);
        }
    }
    files.sort();
    instruments_from(&files)
}

/// Reads the listings named, plain or gzip.
///
/// # Errors
/// [`RecordingError::Io`], or [`RecordingError::Instruments`] naming the file that is not a listing.
pub fn instruments_from(files: &[PathBuf]) -> Result<Listings, RecordingError> {
    let mut all = Listings::default();
    for path in files {
        let json = read(path).map_err(|source| RecordingError::Io { path: path.clone(), source })?;
        let refused = |problem| RecordingError::Instruments { path: path.clone(), problem };
        if json.len() as u64 > MAX_LISTING_BYTES {
            return Err(refused(format!("longer than {MAX_LISTING_BYTES} bytes")));
        }
        let listing = parse_listing(&json).map_err(|error| refused(error.to_string()))?;
        all.left_out += listing.left_out;
        all.instruments.extend(listing.instruments);
    }
    Ok(all)
}

/// The file's bytes, unpacked if its name says gzip; one byte more than the limit at most.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        MultiGzDecoder::new(file).take(MAX_LISTING_BYTES + 1).read_to_end(&mut bytes)?;
    } else {
        file.take(MAX_LISTING_BYTES + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
