//! Writes frames of the generated market to a file and says how fast: `generate FILE [FRAMES] [SEED]`. All twelve instruments.

use std::path::PathBuf;
use std::time::Instant;

use leadline_simulator::{Generated, SimulatorError, frames, write_recording};

fn main() -> Result<(), SimulatorError> {
    let mut args = std::env::args().skip(1);
    let path = args.next().map_or_else(|| PathBuf::from("generated.ndjson"), PathBuf::from);
    let count = args.next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let seed = args.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let options = Generated { seed, swaps: true, ..Generated::default() };
    let start = Instant::now();
    let bytes: usize = frames(&options)?.take(count).map(|frame| frame.len()).sum();
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{count} frames made in {seconds:.3} s: {:.0} a second, {} bytes a frame", count as f64 / seconds, bytes / count.max(1));
    write_recording(&path, &options, count)
}
