//! The log: one line an event on standard error, for a terminal or as JSON, and beside that in files, as JSON.
//!
//! # Layout
//!
//! - [`files`]: files that begin anew by size and day, and go by age and size.

pub mod files;

use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, registry};

use crate::config::settings;
use files::{LogFilesError, Writer};

/// The thread that writes files, of the one log that a process has.
static FILES: OnceLock<Mutex<Option<Writer>>> = OnceLock::new();

/// Words for a person on standard error, beside the log. A reader that went away is no reason to panic.
pub fn tell(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Starts the log. A second call changes nothing.
///
/// # Errors
/// [`LogFilesError`] when the folder of its files can't be used.
pub fn start(settings: &settings::Log) -> Result<(), LogFilesError> {
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let mut started = Ok(());
    let slot = FILES.get_or_init(|| {
        let writer = settings.files.clone().map(Writer::start).transpose();
        Mutex::new(writer.unwrap_or_else(|error| {
            started = Err(error);
            None
        }))
    });
    started?;
    let lines = slot.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Writer::lines);
    let files = lines.map(|lines| tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(lines));
    // A reader that went away (`| head`) must not end the program, nor keep it from stopping in order.
    let terminal = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let terminal = if settings.json {
        terminal.json().flatten_event(true).with_current_span(false).boxed()
    } else {
        terminal.with_target(false).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed()
    };
    // An error here means that a log is running already, as in tests.
    let _ = registry().with(filter).with(terminal).with(files).try_init();
    Ok(())
}

/// Lines that the files couldn't take.
#[must_use]
pub fn dropped() -> u64 {
    let files = FILES.get().map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner));
    files.and_then(|files| files.as_ref().map(Writer::dropped)).unwrap_or(0)
}

/// Writes what still waits into the files; the end of the program.
pub fn finish() {
    if let Some(slot) = FILES.get() {
        let writer = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(writer);
    }
}
