//! From the bytes of a `books` frame to its levels, beside two JSON libraries on the same bytes.
//!
//! The libraries stop at texts (or doubles); Leadline's decoder checks every number and keeps its digits.
#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use leadline_bench::market::{changes, median_update, stream};
use leadline_market::Decoder;
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

fn main() {
    let frames = stream(2000).expect("the generated market");
    let frame = median_update(&frames).expect("an update").as_bytes();
    let levels = changes(std::str::from_utf8(frame).expect("text")).expect("a book frame");
    println!("median update: {} bytes, {levels} changes", frame.len());

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Bytes(frame.len() as u64));
    let mut decoder = Decoder::new();
    group.bench_function("leadline", |b| b.iter(|| decoder.decode(black_box(frame)).is_ok()));
    group.bench_function("serde_json, texts", |b| b.iter(|| serde_json::from_slice::<Frame<'_, Texts<'_>>>(black_box(frame)).is_ok()));
    group.bench_function("serde_json, doubles", |b| {
        b.iter(|| serde_json::from_slice::<Frame<'_, Doubles>>(black_box(frame)).map(|frame| touch(&frame)).expect("a frame"));
    });
    group.bench_function("sonic-rs, texts", |b| b.iter(|| sonic_rs::from_slice::<Frame<'_, Texts<'_>>>(black_box(frame)).is_ok()));
    group.bench_function("sonic-rs, doubles", |b| {
        b.iter(|| sonic_rs::from_slice::<Frame<'_, Doubles>>(black_box(frame)).map(|frame| touch(&frame)).expect("a frame"));
    });
    group.finish();

    // A stream's frames in turn: no frame is guessed from the one before.
    let updates = &frames[1..];
    let mut group = criterion.benchmark_group("parse, frames in turn");
    let mut next = updates.iter().cycle();
    let mut turn = move || next.next().expect("a cycle").as_bytes();
    group.bench_function("leadline", |b| b.iter(|| decoder.decode(black_box(turn())).is_ok()));
    group.bench_function("serde_json, texts", |b| b.iter(|| serde_json::from_slice::<Frame<'_, Texts<'_>>>(black_box(turn())).is_ok()));
    group.bench_function("sonic-rs, texts", |b| b.iter(|| sonic_rs::from_slice::<Frame<'_, Texts<'_>>>(black_box(turn())).is_ok()));
    group.finish();
    criterion.final_summary();
}
