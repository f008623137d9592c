//! Mutated frames: whatever the bytes, the decoder answers as an independent reading does, and a tracked book holds what an
//! independent model of it holds.
//!
//! A session is one instrument's stream in one of the exchange's forms, generated or recorded; most frames are mutated on the way.
//! `LEADLINE_FUZZ_FRAMES` says how many frames there are (`make fuzz`: a million, optimised). A failure prints the session's seed, with
//! which `LEADLINE_FUZZ_SEED` runs it alone, and the frame in hex.
//!
//! # Layout
//!
//! - `corpus`: streams of good frames, generated and recorded.
//! - `mutation`: what is done to a frame.
//! - `reading`: a frame read through `serde_json`, as far as it is a book frame.
//! - `model`: what a tracked book must hold and answer.
//! - `session`: one stream through decoder and tracked book, beside reading and model.
//! - `edges`: frames at the edges of the format, one by one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub)]

mod corpus;
mod edges;
mod model;
mod mutation;
mod reading;
mod session;

use std::time::Instant;

use session::Tally;

/// Frames when nothing else is said: few seconds unoptimised.
const FRAMES: u64 = 20_000;
/// Frames of a session.
const SESSION: u64 = 50;
/// What the process may grow by after its first sessions, in bytes.
const GROWTH: u64 = 64 << 20;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// Memory that the process has in use, where Linux says so.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

// Proves: no mutated frame makes the decoder panic or read anything but what serde_json reads; none makes a tracked book panic, break an
// invariant, apply a frame that doesn't link, or hold another book than the model; memory stays bounded.
#[test]
fn mutated_frames_are_refused_or_read_and_applied_as_reading_and_model_say() {
    let began = Instant::now();
    let recordings = corpus::recordings();
    let mut tally = Tally::default();
    let mut decoder = leadline_market::Decoder::new();
    if let Some(seed) = number("LEADLINE_FUZZ_SEED") {
        session::run(seed, SESSION, &recordings, &mut decoder, &mut tally);
    } else {
        let frames = number("LEADLINE_FUZZ_FRAMES").unwrap_or(FRAMES);
        let mut settled = None;
        for seed in 0..frames.div_ceil(SESSION) {
            session::run(seed, SESSION.min(frames - seed * SESSION), &recordings, &mut decoder, &mut tally);
            if seed >= frames / SESSION / 10 {
                settled = settled.or_else(resident);
            }
        }
        if let Some((before, after)) = settled.zip(resident()) {
            assert!(after < before + GROWTH, "memory grew from {before} to {after} bytes");
        }
        // A run that reached nothing would prove nothing.
        assert!(tally.books > frames / 10 && tally.applied > frames / 20 && tally.refused > frames / 10, "{tally}");
        assert!(frames < 10_000 || (tally.gaps > 0 && tally.checksums > 0 && tally.levels > 0 && tally.dropped > 0), "{tally}");
    }
    println!("{tally}, {:.1} seconds", began.elapsed().as_secs_f64());
}
