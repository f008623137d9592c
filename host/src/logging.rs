//! The log: one line an event on standard error, for a terminal or as JSON.

use tracing_subscriber::EnvFilter;

use crate::config::settings;

/// Words for a person on standard error, beside the log. A reader that went away is no reason to panic.
pub fn tell(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Starts the log. A second call changes nothing.
pub fn start(settings: &settings::Log) {
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A reader that went away (`| head`) must not end the program, nor keep it from stopping in order.
        .log_internal_errors(false);
    // An error here means that a log is running already, as in tests.
    let _ = if settings.json {
        builder.json().flatten_event(true).with_current_span(false).try_init()
    } else {
        builder.with_target(false).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
}
