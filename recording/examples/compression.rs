//! What recording costs: `cargo run --release -p leadline-recording --example compression -- RECORDING [FRAMES A SECOND] [LEVEL]`.
//!
//! Plays a recording into a recorder at a steady pace and prints bytes and processor time a frame of all its threads.
#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use leadline_recording::{Limits, Origin, Recorder, Recording};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which recording?")?;
    let rate: f64 = arguments.next().map_or(Ok(90.0), |text| text.parse())?;
    let level: i32 = arguments.next().map_or(Ok(Limits::default().level), |text| text.parse())?;
    let mut frames = Vec::new();
    let mut recording = Recording::open(&file)?;
    while let Some(frame) = recording.next_frame()? {
        frames.push((frame.bytes.to_vec(), frame.received_us().unwrap_or_default()));
    }

    let folder = std::env::temp_dir().join(format!("compression-{}", std::process::id()));
    let origin = Origin { endpoint: file.clone(), ..Origin::default() };
    let recorder = Recorder::start(&folder, &origin, &Limits { level, ..Limits::default() })?;
    let (began, before) = (Instant::now(), processor_ns()?);
    let mut handing_over = Duration::ZERO;
    for (index, (bytes, at)) in frames.iter().enumerate() {
        let due = Duration::from_secs_f64(index as f64 / rate);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let start = Instant::now();
        recorder.frame(bytes, *at);
        handing_over += start.elapsed();
    }
    // Until the last frames are written, but not the end of the folder: that comes once.
    while recorder.status().frames < frames.len() as u64 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let spent = processor_ns()? - before;
    let status = recorder.finish()?;
    let count = frames.len() as f64;
    println!(
        "{file}, level {level}, {rate} frames/s: {} frames, {} bytes raw, {} packed ({:.1} to 1, {:.0} bytes a frame with its time), \
         {:.1} µs of processor a frame in all threads, {:.2} µs to hand over",
        status.frames,
        status.bytes_raw,
        status.bytes,
        status.bytes_raw as f64 / status.bytes as f64,
        status.bytes as f64 / count,
        spent as f64 / count / 1e3,
        handing_over.as_secs_f64() * 1e6 / count,
    );
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Nanoseconds of processor time of all threads so far.
fn processor_ns() -> Result<u64, Box<dyn Error>> {
    let mut sum = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        sum += text.split_whitespace().next().ok_or("no schedstat")?.parse::<u64>()?;
    }
    Ok(sum)
}
