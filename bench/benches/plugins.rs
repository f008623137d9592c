//! Each plugin as a component and as native Rust, on the same books with full windows; then both in turn, for the ratio.
//!
//! Component: through the host's own door, with fuel, epoch, checks of the answer and formatting of its fields. Native: the same
//! source through the SDK's trait alone.
#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use leadline_bench::components::{analyst, analyze, built};
use leadline_bench::market::{books, instrument, stream};
use leadline_bench::walk::Walk;
use leadline_bench::{interleaved, native};
use leadline_host::analysis::{Engine, Plugin as Component};
use leadline_market::{Book, Instrument};
use leadline_plugin::{Plugin, Snapshot};

/// Books walked over: 100 s.
const BOOKS: usize = 1000;
/// Books before anything is measured: 4200 s of exchange time, which every baseline has for complete.
const WARM: usize = 42_000;

struct Bench {
    books: Vec<Book>,
    snapshots: Vec<Snapshot>,
    instrument: Arc<Instrument>,
    components: Vec<Arc<Component>>,
    /// By plugin.
    rows: Vec<Row>,
}

struct Row {
    name: String,
    /// A component through the host's own door, µs.
    component: f64,
    /// Of that the call itself: arguments handed over, analysis, answer taken over.
    call: f64,
    native: f64,
    fuel: u64,
}

impl Bench {
    fn plugin<P: Plugin>(&mut self, criterion: &mut Criterion) {
        let name = P::describe().name;
        let component = self.components.iter().find(|component| *component.name == *name).expect("built by `make plugins`");
        let start_ms = self.books[0].time_ms;

        let mut wasm = analyst(component, &self.instrument);
        let mut walk = Walk::new(self.books.clone(), start_ms);
        let mut native = P::open(native::instrument(&self.instrument), "{}").expect("the instrument is usual");
        let mut native_walk = Walk::new(self.snapshots.clone(), start_ms);
        let mut last = None;
        for _ in 0..WARM {
            last = analyze(&mut wasm, walk.step());
            native.analyze(native_walk.step()).expect("a reading");
        }
        let last = last.expect("a reading");
        println!("{name}: after {} s of books: {}", WARM as u64 * leadline_bench::walk::STEP_MS / 1000, last.outcome.status());

        let mut group = criterion.benchmark_group(&name);
        group.bench_function("component", |b| b.iter(|| analyze(&mut wasm, walk.step())));
        group.bench_function("native", |b| b.iter(|| native.analyze(native_walk.step())));
        group.finish();

        let (mut fuel, mut calls) = (0, Vec::new());
        let times = interleaved::median_us(
            || {
                if let Some(reading) = analyze(&mut wasm, walk.step()) {
                    fuel = reading.cost.fuel;
                    calls.push(reading.cost.elapsed);
                }
            },
            || drop(native.analyze(native_walk.step())),
        );
        // Of blocks, as the other two: some books cost more than others.
        let mut blocks: Vec<f64> =
            calls.chunks(100).map(|block| block.iter().sum::<Duration>().as_secs_f64() * 1e6 / block.len() as f64).collect();
        blocks.sort_by(f64::total_cmp);
        self.rows.push(Row { name, component: times.0, call: blocks[blocks.len() / 2], native: times.1, fuel });
    }
}

/// What a start takes before the first book: without a cache, with an empty one, and with the compiled components in it.
fn starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    for (what, cache) in [("no cache", None), ("an empty cache", Some(&cache)), ("a filled cache", Some(&cache))] {
        let began = Instant::now();
        let engine = Engine::with_cache(cache.map(PathBuf::as_path)).expect("an engine");
        let plugins = built(&engine).expect("components");
        println!("{} components loaded with {what}: {:.1} ms", plugins.len(), began.elapsed().as_secs_f64() * 1e3);
        println!("  a plain loop burns {} units of fuel a millisecond here", engine.fuel_per_ms());
    }
}

fn main() {
    let stream = stream(BOOKS).expect("the generated market");
    let books = books(&stream).expect("the generated market keeps its chain");
    let engine = Engine::new().expect("an engine");
    let mut bench = Bench {
        snapshots: books.iter().map(native::snapshot).collect(),
        books,
        instrument: Arc::new(instrument(&stream).expect("an instrument")),
        components: built(&engine).expect("components"),
        rows: Vec::new(),
    };
    let mut criterion = Criterion::default().configure_from_args();
    bench.plugin::<support_resistance::SupportResistancePlugin>(&mut criterion);
    bench.plugin::<large_orders::LargeOrdersPlugin>(&mut criterion);
    bench.plugin::<depth_anomaly::DepthAnomalyPlugin>(&mut criterion);
    bench.plugin::<liquidity::LiquidityPlugin>(&mut criterion);
    criterion.final_summary();

    let heads = ["component", "its call", "native", "ratio", "of the call", "fuel"];
    print!("{:<20}", "in turn, µs a book");
    heads.iter().for_each(|head| print!(" {head:>11}"));
    println!();
    let sum = |of: fn(&Row) -> f64| bench.rows.iter().map(of).sum::<f64>();
    let all = Row {
        name: "all four".to_owned(),
        component: sum(|row| row.component),
        call: sum(|row| row.call),
        native: sum(|row| row.native),
        fuel: bench.rows.iter().map(|row| row.fuel).sum(),
    };
    for Row { name, component, call, native, fuel } in bench.rows.iter().chain([&all]) {
        println!(
            "{name:<20} {component:>11.2} {call:>11.2} {native:>11.2} {:>11.2} {:>11.2} {fuel:>11}",
            component / native,
            call / native
        );
    }
    starts();
}
