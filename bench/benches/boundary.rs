//! What a call into WebAssembly costs before any analysis, through the host's own door with fuel and epoch on: without levels, and
//! with 2 × 400, which is what handing over the columns adds. The component does nothing and has next to no allocator; a plugin
//! built with the SDK pays its allocator on top, which is part of its own figures.
#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::sync::Arc;

use criterion::Criterion;
use leadline_bench::components::{analyst, analyze};
use leadline_bench::market::{books, instrument, stream};
use leadline_bench::{empty, interleaved, native};
use leadline_host::analysis::{Engine, Outcome};
use leadline_market::Book;
use leadline_plugin::{Outcome as Native, Reading, Snapshot};

/// The same nothing, compiled natively. Not inlined: a call is what is measured.
#[inline(never)]
fn nothing(book: &Snapshot) -> Result<Reading, String> {
    std::hint::black_box(book);
    Ok(Reading { outcome: Native::Ok, fields: Vec::new(), notices: Vec::new() })
}

fn main() {
    let stream = stream(50).expect("the generated market");
    let full = books(&stream).expect("books").pop().expect("50 books");
    assert_eq!((full.bids.len(), full.asks.len()), (400, 400));
    let bare = Book { bids: Default::default(), asks: Default::default(), ..full.clone() };

    let engine = Engine::new().expect("an engine");
    let plugin = empty::plugin(&engine).expect("the empty component keeps the contract");
    let instrument = Arc::new(instrument(&stream).expect("an instrument"));
    let mut at_work = analyst(&plugin, &instrument);
    let reading = analyze(&mut at_work, &full).expect("a reading");
    assert_eq!(reading.outcome, Outcome::Ok);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("boundary");
    group.bench_function("empty call", |b| b.iter(|| analyze(&mut at_work, &bare)));
    group.bench_function("call with 800 levels", |b| b.iter(|| analyze(&mut at_work, &full)));
    let snapshot = native::snapshot(&full);
    group.bench_function("native call with 800 levels", |b| b.iter(|| nothing(&snapshot)));
    group.finish();
    criterion.final_summary();

    let mut other = analyst(&plugin, &instrument);
    let (empty, full) = interleaved::median_us(|| drop(analyze(&mut at_work, &bare)), || drop(analyze(&mut other, &full)));
    println!("in turn, µs a call: empty {empty:.2}, 800 levels {full:.2}, the levels alone {:.2}", full - empty);
}
