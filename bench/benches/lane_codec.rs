//! A frame of the buffered lane, to bytes and back: a keyframe of 2 × 400 levels and an update of usual size.
#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;

use criterion::Criterion;
use leadline_bench::market::{median_update, stream, tracked};
use leadline_host::lanes::codec::{Head, LaneFrame};
use leadline_market::{Continuity, Decoder, Message, Trust};

fn main() {
    let stream = stream(2000).expect("the generated market");
    let (book, _) = tracked(&stream).expect("the generated market keeps its chain");
    let mut decoder = Decoder::new();
    let update = median_update(&stream).expect("an update");
    let Ok(Message::Books([update])) = decoder.decode(update.as_bytes()) else { unreachable!("one book") };
    let head = Head {
        run: 1_795_000_000_000_000,
        index: 100_000,
        arrival_ns: 1_000_000_000_000,
        arrival_ms: 1_795_000_000_000,
        time_ms: 1_795_000_000_000,
        sequence: Some(60_000_000_000),
        trust: Trust::Chain,
        continuity: Continuity::Continued,
    };

    let mut criterion = Criterion::default().configure_from_args();
    let keyframe = || LaneFrame::keyframe(head, book.book().bids(), book.book().asks());
    let changes = || LaneFrame::changes(head, &update.bids, &update.asks);
    for (name, make) in [("keyframe", &keyframe as &dyn Fn() -> LaneFrame), ("changes", &changes)] {
        let bytes = make().encode().expect("small enough");
        println!("lane codec, {name}: {} bytes", bytes.len());
        let mut group = criterion.benchmark_group(format!("lane codec, {name}"));
        group.bench_function("encode", |b| b.iter(|| make().encode().expect("small enough")));
        group.bench_function("decode", |b| {
            b.iter(|| LaneFrame::decode(black_box(&bytes)).expect("our own bytes").levels().expect("our own levels"));
        });
        group.finish();
    }
    criterion.final_summary();
}
