#![allow(unsafe_code, missing_docs, clippy::all, clippy::unwrap_used, clippy::print_stdout, clippy::expect_used, clippy::panic, unreachable_pub)]
#[path = "../../../sdk/tests/support/recorded.rs"]
mod recorded;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
struct Count; static N: AtomicU64 = AtomicU64::new(0);
unsafe impl GlobalAlloc for Count {
    unsafe fn alloc(&self, l: Layout) -> *mut u8 { N.fetch_add(1, Relaxed); unsafe { System.alloc(l) } }
    unsafe fn dealloc(&self, p: *mut u8, l: Layout) { unsafe { System.dealloc(p, l) } }
    unsafe fn realloc(&self, p: *mut u8, l: Layout, n: usize) -> *mut u8 { N.fetch_add(1, Relaxed); unsafe { System.realloc(p, l, n) } }
}
#[global_allocator] static A: Count = Count;
use leadline_plugin::Plugin;
fn main() {
    let (i, books) = recorded::books("okx_v5_books_20220513.ndjson", "BTC-USDT").unwrap();
    let mut p = large_orders::LargeOrdersPlugin::open(i.clone(), "").unwrap();
    let mut d = leadline_plugin::Depth::new(&i);
    let time = |name: &str, f: &mut dyn FnMut(&leadline_plugin::Snapshot)| {
        let mut best = f64::MAX;
        let mut allocs = 0;
        for _ in 0..200 { let a = N.load(Relaxed); let t = std::time::Instant::now(); for b in &books { f(b); } best = best.min(t.elapsed().as_secs_f64() / books.len() as f64 * 1e6); allocs = N.load(Relaxed) - a; }
        println!("large_orders {name}: best of 200 runs {best:.2} us a call, {:.1} allocations", allocs as f64 / books.len() as f64);
    };
    time("depth.read", &mut |b| { d.read(b, false).unwrap(); std::hint::black_box(&d); });
    time("analyze", &mut |b| { std::hint::black_box(p.analyze(b).unwrap()); });
    let mut a = large_orders::algorithm::LargeOrders::new(&i, Default::default());
    time("algorithm", &mut |b| { a.update(b).unwrap(); std::hint::black_box(&a); });
}
