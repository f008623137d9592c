//! `leadline openapi`: the API's description, without a running host.

use std::io::Write as _;
use std::process::ExitCode;

use crate::api::router;

pub(super) fn main() -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(router::description().json.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
