//! What can go wrong, and what to do about it.

use std::path::PathBuf;

/// Why the simulator doesn't start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address can't be listened on.
    #[error("the simulator can't listen on {address}: {source}\nhint: {}", listen_hint(source))]
    Listen {
        /// Where it should have listened.
        address: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// An option has no meaning.
    #[error("simulator option {name} is {value}: {problem}\nhint: {hint}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// What was said.
        value: String,
        /// Why that can't be.
        problem: &'static str,
        /// What can.
        hint: String,
    },
    /// A fault that can't be understood.
    #[error("fault `{text}`: {problem}\nhint: {hint}")]
    Fault {
        /// What was said.
        text: String,
        /// Why that can't be.
        problem: String,
        /// What can.
        hint: String,
    },
    /// A fault was to be brought about where nothing is served.
    #[error(
        "no simulator is served with this control, or it has stopped\nhint: give `Options::control` to `serve`, and wait until it accepts connections"
    )]
    NotServed,
    /// A recording can't be read.
    #[error(transparent)]
    Recording(#[from] leadline_recording::RecordingError),
    /// A recording has nothing to play.
    #[error(
        "{}: none of its {lines} lines is a frame with an instrument\nhint: a recording is one text frame a line, as the exchange sent it; `leadline verify` says what is in it",
        path.display()
    )]
    NothingToPlay {
        /// The file.
        path: PathBuf,
        /// Lines that aren't empty.
        lines: u64,
    },
    /// Recordings are held in memory.
    #[error("{}: with it the recordings come to more than {limit_mib} MiB, and they are held in memory\nhint: play fewer files at once, or a part of this one", path.display())]
    TooLarge {
        /// The file that was too much.
        path: PathBuf,
        /// The most that is held.
        limit_mib: u64,
    },
    /// Instruments beside a recording can't be read.
    #[error("{}: {problem}\nhint: it should be an answer of GET /api/v5/public/instruments, as text or gzip; remove it to have instruments inferred from the frames", path.display())]
    Instruments {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A recording can't be written.
    #[error("{}: {source}\nhint: check that the folder exists and has space", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The server failed while it ran.
    #[error("the simulator's server stopped: {0}\nhint: this is the system's word; starting it again is safe")]
    Server(std::io::Error),
}

fn listen_hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "another program listens there; stop it, choose another port, or port 0 for any free one",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges; choose a higher one",
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address; use 127.0.0.1",
        _ => "an address is HOST:PORT, for example 127.0.0.1:8701",
    }
}
