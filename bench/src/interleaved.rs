//! Two ways of doing the same, timed in turn, so that their ratio survives a busy machine.

use std::time::Instant;

/// Calls timed at once, and how often: a block is ten seconds of books, so each holds as much work that is done once a second.
const BLOCK: u32 = 100;
const BLOCKS: usize = 61;

/// Microseconds a call of each, the median over the blocks.
pub fn median_us(mut one: impl FnMut(), mut other: impl FnMut()) -> (f64, f64) {
    let mut times = (Vec::with_capacity(BLOCKS), Vec::with_capacity(BLOCKS));
    for _ in 0..BLOCKS {
        times.0.push(block(&mut one));
        times.1.push(block(&mut other));
    }
    (median(times.0), median(times.1))
}

fn block(call: &mut impl FnMut()) -> f64 {
    let began = Instant::now();
    for _ in 0..BLOCK {
        call();
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(BLOCK)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
