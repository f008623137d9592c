//! A copy of all days as of one moment, for a backup.

use std::path::Path;

use super::schema::{self, DayError};

/// Copies every day's file into a folder, each as of one moment, while the host may go on writing. Returns the copies' names.
pub(in crate::history) fn copy(from: &Path, to: &Path) -> Result<Vec<String>, DayError> {
    let folder_failed = |error: std::io::Error| DayError::Foreign { file: from.display().to_string(), what: error.to_string() };
    let mut names = Vec::new();
    for (_, file) in schema::days(from).map_err(folder_failed)? {
        let Some(name) = file.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        let connection = match schema::open_to_read(&file) {
            Ok(Some(connection)) => connection,
            Ok(None) => continue,
            // Retention was faster.
            Err(_) if !file.exists() => continue,
            Err(error) => return Err(error),
        };
        let target = to.join(&name);
        connection.execute("VACUUM INTO ?1", [target.to_string_lossy()]).map_err(|error| DayError::sqlite(&target, error))?;
        names.push(name);
    }
    Ok(names)
}

/// Checks that a file is a day's file that this program can read, whole.
pub(in crate::history) fn check(file: &Path) -> Result<(), DayError> {
    let foreign = |what: String| DayError::Foreign { file: file.display().to_string(), what };
    let connection = schema::open_to_read(file)?.ok_or_else(|| foreign("an empty file".to_owned()))?;
    let said: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|error| DayError::sqlite(file, error))?;
    if said == "ok" { Ok(()) } else { Err(foreign(said)) }
}
