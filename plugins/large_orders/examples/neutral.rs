#![allow(missing_docs, clippy::all, clippy::print_stdout, clippy::unwrap_used)]
use leadline_plugin::synthetic::*;
use large_orders::algorithm::*;
use large_orders::tendency::Trend;
fn main() {
    for (entry, exit, evidence) in [(0.4, 0.25, 1.5), (0.4,0.25,1.75), (0.4, 0.25, 2.0)] {
        for sigma in [1.5, 2.3, 2.8, 3.3] {
            for (changes, moves, gap) in [(20, 0.1, 0.2), (100, 0.3, 0.2), (20, 0.1, 0.05), (20,0.1,0.5)] {
                let (mut n, mut neutral, mut large) = (0, 0, 0);
                for seed in 0..50 {
                    let s = Settings { sigma, changes, moves, gap_bps: gap, step_ms: 500, ..Settings::default() };
                    let mut a = LargeOrders::new(&instrument(0.1), Parameters { entry, exit, evidence, ..Default::default() });
                    let mut m = Market::new(seed, s);
                    for _ in 0..600 { a.update(&m.frame()).unwrap(); n += 1; neutral += usize::from(a.tendency.trend == Trend::Neutral); large += a.buys.large.len() + a.sells.large.len(); }
                }
                println!("evidence {evidence} sigma {sigma} changes {changes} gap {gap}: neutral {:.1} %, large a side {:.1}", 100.0 * neutral as f64 / n as f64, large as f64 / n as f64 / 2.0);
            }
        }
    }
}
