//! `leadline token`: a new token for the API.

use std::io::Write as _;
use std::process::ExitCode;

use clap::ArgMatches;

use crate::api::security::tokens;
use crate::logging;

/// The line for the file of tokens goes to standard output, where `>>` takes it; the token itself to whoever looks.
pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let word = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let token = tokens::random()?;
    logging::tell(&format!("token, shown this once: {token}\nline for API_TOKENS_FILE:\n"));
    writeln!(std::io::stdout(), "{} {} {}", word("role"), word("name"), tokens::digest_of(&token))?;
    Ok(ExitCode::SUCCESS)
}
