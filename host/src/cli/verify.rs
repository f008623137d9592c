//! `leadline verify`: a recording checked frame by frame.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;

pub(super) fn main(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut clean = true;
    let mut unreadable = false;
    for file in matches.get_many::<PathBuf>("files").into_iter().flatten() {
        let audit = match leadline_recording::audit(file) {
            Ok(audit) => audit,
            Err(error) => {
                out.flush()?;
                eprintln!("error: {error}");
                unreadable = true;
                continue;
            }
        };
        for row in &audit.rows {
            match serde_json::to_writer(&mut out, row).map_err(std::io::Error::from).and_then(|()| writeln!(out)) {
                // The reader has seen enough, as `head` does.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
                result => result?,
            }
        }
        out.flush()?;
        for bad in &audit.bad_lines {
            eprintln!("{} line {}: {}", file.display(), bad.line, bad.problem);
        }
        let untold = audit.bad_line_count - audit.bad_lines.len() as u64;
        if untold > 0 {
            eprintln!("{}: {untold} more lines that can't be read", file.display());
        }
        if audit.refused > 0 {
            eprintln!("{}: {} frames whose levels can't be a book", file.display(), audit.refused);
        }
        if audit.rows.is_empty() {
            eprintln!("{}: no order-book frames in it", file.display());
        }
        clean &= audit.is_clean();
    }
    Ok(ExitCode::from(if unreadable { 2 } else { u8::from(!clean) }))
}
