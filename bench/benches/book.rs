//! From a parsed frame to a verified book, and from the book to the columns that plugins read. 2 × 400 levels; `parse` measures the way
//! from the bytes on.
#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;

use criterion::Criterion;
use leadline_bench::market::tracked;
use leadline_bench::typical::{Spread, frames};
use leadline_market::{Book, BookFrame, Decoder, Message, TrackedBook, Verdict};

const UPDATES: usize = 4000;

fn main() {
    let mut stream = frames(Spread::Median, UPDATES);
    let mut criterion = Criterion::default().configure_from_args();

    // The sequence over and over: its first frame, a snapshot, starts the chain anew; its cost is spread over the updates.
    let mut group = criterion.benchmark_group("book");
    let (mut decoder, mut book) = (Decoder::new(), TrackedBook::new());
    let parsed: Vec<BookFrame> = stream.iter().map(|text| parsed(&mut decoder, text)).collect();
    let mut next = parsed.iter().cycle();
    group.bench_function("chain, apply", |b| b.iter(|| assert!(matches!(book.apply(next.next().expect("a cycle")), Verdict::Applied(_)))));

    stream.truncate(1);
    let (book, applied) = tracked(&stream).expect("the generated market keeps its chain");
    assert_eq!((book.book().bids().len(), book.book().asks().len()), (400, 400));
    group.bench_function("checksum of 25 levels a side", |b| b.iter(|| black_box(&book).book().checksum()));

    let mut picture = Book::empty();
    group.bench_function("columns, memory used again", |b| b.iter(|| black_box(&book).fill(&applied, black_box(&mut picture))));
    group.bench_function("columns, fresh memory", |b| {
        b.iter(|| {
            let mut fresh = Book::empty();
            black_box(&book).fill(&applied, &mut fresh);
            fresh
        });
    });
    group.finish();
    criterion.final_summary();
}

fn parsed(decoder: &mut Decoder, text: &str) -> BookFrame {
    match decoder.decode(text.as_bytes()) {
        Ok(Message::Books([frame])) => frame.clone(),
        other => unreachable!("not one book: {other:?}"),
    }
}
