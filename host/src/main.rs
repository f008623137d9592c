//! The `leadline` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    leadline_host::cli::main()
}
