//! `leadline verify`: a recording checked frame by frame.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ArgMatches;
use leadline_recording::{MANIFEST, Manifest};

/// Most gaps of a folder that are told.
const MAX_GAPS_TOLD: usize = 100;

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
            eprintln!("{} line {}: {}", bad.file.display(), bad.line, bad.problem);
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
        for problem in &audit.damaged {
            eprintln!("{problem}");
        }
        for name in &audit.missing {
            eprintln!("{}: {name} is in the manifest and not in the folder", file.display());
        }
        for cut in &audit.cut_short {
            eprintln!("{cut}");
        }
        if let Some(manifest) = &audit.manifest {
            tell_manifest(file, manifest);
        }
        clean &= audit.is_clean();
    }
    Ok(ExitCode::from(if unreadable { 2 } else { u8::from(!clean) }))
}

/// What the recorder itself says that is missing.
fn tell_manifest(file: &Path, manifest: &Manifest) {
    for gap in manifest.gaps.iter().take(MAX_GAPS_TOLD) {
        eprintln!("{}: {gap}", file.display());
    }
    let untold = manifest.gaps.len().saturating_sub(MAX_GAPS_TOLD) as u64 + manifest.gaps_left_out;
    if untold > 0 {
        eprintln!("{}: {untold} more gaps; {MANIFEST} has those that it still lists", file.display());
    }
    let dropped = manifest.dropped;
    if dropped.total() > 0 {
        let (slow, refused, unfit) = (dropped.disk_slow, dropped.disk_refused, dropped.unfit);
        eprintln!("{}: frames not recorded: {slow} disk too slow, {refused} disk refused, {unfit} no line", file.display());
    }
    let deleted = manifest.deleted;
    if deleted.segments > 0 {
        let (segments, frames) = (deleted.segments, deleted.frames);
        eprintln!(
            "{}: {segments} old segments deleted to keep within the bound ({frames} frames); updates before a book's first snapshot can't be used",
            file.display()
        );
    }
}
