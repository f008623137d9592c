//! The history's folder: made, and held by one host alone.

use std::fs::File;
use std::path::Path;

use super::HistoryError;

/// Makes the folder where there is none, and takes it: the lock goes with the file that is returned.
pub(super) fn take(folder: &Path) -> Result<File, HistoryError> {
    let failed = |error: std::io::Error| HistoryError::folder(folder, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join("history.lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(HistoryError::Taken(folder.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}
