//! Each plugin as a component and as native Rust, on the same books with full windows; then both in turn, for the ratio.
//!
//! Component: through the host's own door, with fuel, epoch, checks of the answer and formatting of its fields. Native: the same
//! source through the SDK's trait alone.
#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::sync::Arc;

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
    /// WASM and native microseconds, by plugin.
    ratios: Vec<(String, f64, f64, u64)>,
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

        let mut fuel = 0;
        let times = interleaved::median_us(
            || fuel = analyze(&mut wasm, walk.step()).map_or(0, |reading| reading.cost.fuel),
            || drop(native.analyze(native_walk.step())),
        );
        self.ratios.push((name, times.0, times.1, fuel));
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
        ratios: Vec::new(),
    };
    let mut criterion = Criterion::default().configure_from_args();
    bench.plugin::<support_resistance::SupportResistancePlugin>(&mut criterion);
    bench.plugin::<large_orders::LargeOrdersPlugin>(&mut criterion);
    bench.plugin::<depth_anomaly::DepthAnomalyPlugin>(&mut criterion);
    bench.plugin::<liquidity::LiquidityPlugin>(&mut criterion);
    criterion.final_summary();

    println!("{:<20} {:>10} {:>10} {:>8} {:>10}", "in turn, µs a book", "component", "native", "ratio", "fuel");
    for (name, wasm, native, fuel) in &bench.ratios {
        println!("{name:<20} {wasm:>10.2} {native:>10.2} {:>8.2} {fuel:>10}", wasm / native);
    }
    let sum = |of: fn(&(String, f64, f64, u64)) -> f64| bench.ratios.iter().map(of).sum::<f64>();
    let (wasm, native) = (sum(|row| row.1), sum(|row| row.2));
    println!("{:<20} {wasm:>10.2} {native:>10.2} {:>8.2}", "all four", wasm / native);
}
