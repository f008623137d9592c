//! From the bytes of a `books` frame to its levels and to a verified book, beside two JSON libraries on the same bytes.
//!
//! The libraries stop at texts (or doubles); Leadline's decoder checks every number and keeps its digits. All take the frames of one
//! sequence in turn, a snapshot and 4 000 linked updates, over and over: no frame is guessed from the one before, and the book is
//! carried on from frame to frame. The figures are a frame's, the snapshot's cost spread over the updates.
#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use leadline_bench::market::{changes, stream};
use leadline_bench::recorded;
use leadline_bench::typical::{Spread, frames};
use leadline_market::{Decoder, Message, TrackedBook, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed, not read")]
struct Frame<'a, Level> {
    #[serde(borrow)]
    arg: Argument<'a>,
    action: &'a str,
    data: Vec<Entry<'a, Level>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed, not read")]
struct Argument<'a> {
    channel: &'a str,
    #[serde(rename = "instId")]
    instrument: &'a str,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed, not read")]
#[serde(rename_all = "camelCase")]
struct Entry<'a, Level> {
    asks: Vec<Level>,
    bids: Vec<Level>,
    ts: &'a str,
    #[serde(default)]
    checksum: i32,
    seq_id: i64,
    prev_seq_id: i64,
}

/// Price, size, a field out of use, orders.
type Texts<'a> = [&'a str; 4];

/// The same with the numbers as doubles.
struct Doubles {
    price: f64,
    size: f64,
    orders: u32,
}

impl<'de> Deserialize<'de> for Doubles {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [price, size, _, orders] = Texts::deserialize(deserializer)?;
        let wrong = |_| serde::de::Error::custom("no number");
        Ok(Self {
            price: price.parse().map_err(wrong)?,
            size: size.parse().map_err(wrong)?,
            orders: orders.parse().map_err(|_| serde::de::Error::custom("no number"))?,
        })
    }
}

fn touch(frame: &Frame<'_, Doubles>) -> f64 {
    frame.data.iter().flat_map(|data| data.asks.first()).map(|level| level.price + level.size + f64::from(level.orders)).sum()
}

/// Updates in a sequence.
const UPDATES: usize = 4000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, "median frame", &frames(Spread::Median, UPDATES));
    measure(&mut criterion, "frames of 1 to 110 changes", &frames(Spread::Recorded, UPDATES));
    measure(&mut criterion, "simulator's frames", &stream(UPDATES).expect("the generated market"));
    if let Some(frames) = recorded::frames() {
        measure(&mut criterion, "recorded frames of 2022", &frames);
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, name: &str, frames: &[String]) {
    let mut lengths: Vec<usize> = frames[1..].iter().map(String::len).collect();
    let mut counts: Vec<usize> = frames[1..].iter().map(|frame| changes(frame).expect("a book frame")).collect();
    lengths.sort_unstable();
    counts.sort_unstable();
    println!("{name}: median of {} updates: {} bytes, {} changes", counts.len(), lengths[lengths.len() / 2], counts[counts.len() / 2]);

    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(frames.iter().map(|frame| frame.len() as u64).sum::<u64>() / frames.len() as u64));
    let turns = || frames.iter().cycle().map(|frame| black_box(frame.as_bytes()));
    let (mut decoder, mut book, mut turn) = (Decoder::new(), TrackedBook::new(), turns());
    group.bench_function("leadline: parse, chain, apply", |b| {
        b.iter(|| {
            let Ok(Message::Books([frame])) = decoder.decode(turn.next().expect("a cycle")) else { unreachable!("a book frame") };
            assert!(matches!(book.apply(frame), Verdict::Applied(_)));
        });
    });
    let mut turn = turns();
    group.bench_function("leadline: parse", |b| b.iter(|| decoder.decode(turn.next().expect("a cycle")).is_ok()));
    let mut turn = turns();
    group.bench_function("serde_json: parse, texts", |b| {
        b.iter(|| serde_json::from_slice::<Frame<'_, Texts<'_>>>(turn.next().expect("a cycle")).is_ok());
    });
    let mut turn = turns();
    group.bench_function("serde_json: parse, doubles", |b| {
        b.iter(|| serde_json::from_slice::<Frame<'_, Doubles>>(turn.next().expect("a cycle")).map(|frame| touch(&frame)).expect("a frame"));
    });
    let mut turn = turns();
    group.bench_function("sonic-rs: parse, texts", |b| {
        b.iter(|| sonic_rs::from_slice::<Frame<'_, Texts<'_>>>(turn.next().expect("a cycle")).is_ok());
    });
    let mut turn = turns();
    group.bench_function("sonic-rs: parse, doubles", |b| {
        b.iter(|| sonic_rs::from_slice::<Frame<'_, Doubles>>(turn.next().expect("a cycle")).map(|frame| touch(&frame)).expect("a frame"));
    });
    group.finish();
}
