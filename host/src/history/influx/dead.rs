//! Lines that InfluxDB refuses for what stands in them, in a file for a person to look at.

use std::io::Write as _;
use std::path::PathBuf;

use crate::clock;

/// Bytes of the file at which it becomes the old one, and the old one goes.
const MAX_BYTES: u64 = 8 << 20;

/// The dead-letter file.
pub(super) struct DeadLetters {
    file: PathBuf,
    told: u64,
}

impl DeadLetters {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, told: 0 }
    }

    /// Notes a line down with the reason for which it was refused.
    pub(super) fn add(&mut self, line: &str, why: &str) {
        self.told += 1;
        if self.told.is_power_of_two() {
            tracing::error!(lines = self.told, "InfluxDB refuses a line: {why}; it stands in {}", self.file.display());
        }
        let noted = (|| {
            if std::fs::metadata(&self.file).is_ok_and(|file| file.len() > MAX_BYTES) {
                std::fs::rename(&self.file, self.file.with_extension("lp.old"))?;
            }
            let mut file = std::fs::File::options().append(true).create(true).open(&self.file)?;
            writeln!(file, "# {} {}\n{line}", clock::rfc3339(clock::unix_ms()), why.replace('\n', " "))
        })();
        if let Err(error) = noted
            && self.told.is_power_of_two()
        {
            tracing::error!("{}: {error}; the line: {line}", self.file.display());
        }
    }
}
