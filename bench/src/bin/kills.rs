//! `kills [N]`: an endless loop as one of two plugins on 10 pairs, 100 frames a second each, until it was stopped N times.
#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use leadline_bench::live::{self, Load, PAIRS, Readings, quantile};
use leadline_host::analysis::{Budget, Crew, Engine, Patience, Plugin};

fn main() -> anyhow::Result<()> {
    let kills: u64 = std::env::args().nth(1).map_or(Ok(1000), |text| text.parse())?;
    let folder = |name: &str| format!("{}/../target/{name}", env!("CARGO_MANIFEST_DIR"));
    let engine = Engine::new()?;
    let load = |path: String, budget: Budget| {
        Plugin::load(&engine, path.as_ref(), budget).context("hint: make plugins; scripts/build-plugins.sh misbehaving")
    };
    // Fuel without end, so that it is the clock that ends the loop; waits short enough for a thousand kills.
    let mut endless = load(format!("{}/misbehaving.wasm", folder("test-plugins")), Budget { fuel: 1 << 40, ..Budget::default() })?;
    let wait = Duration::from_millis(200);
    endless.patience = Patience { first_wait: wait, longest_wait: wait, kills: u32::MAX, quarantine: wait };
    let endless = Arc::new(endless);
    let other = Arc::new(load(format!("{}/support_resistance.wasm", folder("plugins")), Budget::default())?);
    let readings = Readings::default();
    let crew = Crew::start(&[Arc::clone(&endless), Arc::clone(&other)], &readings.sink())?;
    // Its base is the misdeed, so the pairs differ by their quote.
    let mut market = Load::new(&["LOOP"])?.quoted(PAIRS);
    let ticks = live::processor_time();
    let mut rounds = 0_u64;
    market.run(&crew, || {
        rounds += 1;
        rounds.is_multiple_of(10) && endless.health().tally.kills >= kills
    });
    std::thread::sleep(Duration::from_millis(300));
    let steal = live::steal(ticks);
    let (mut stopped, mut well) = (readings.take("misbehaving"), readings.take("support_resistance"));
    let offered = market.rounds * PAIRS as u64;
    let skipped: Vec<u64> = crew.memory.all().iter().map(leadline_host::analysis::MemoryDesk::skipped).collect();
    let health = endless.health();
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    println!(
        "{} calls stopped, {PAIRS} pairs, {} frames a second each; steal {:.1} %",
        health.tally.kills,
        live::PER_SECOND,
        steal.unwrap_or(f64::NAN)
    );
    println!(
        "arrival to the end of the stopped call: p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, longest {:.2} ms",
        ms(quantile(&mut stopped.faults, 0.5)),
        ms(quantile(&mut stopped.faults, 0.99)),
        ms(quantile(&mut stopped.faults, 0.999)),
        ms(quantile(&mut stopped.faults, 1.0))
    );
    println!(
        "books of the stopped plugin while it waited: {} of {offered} were not called with",
        offered - skipped[0] - health.tally.calls
    );
    println!(
        "the other plugin: offered {offered}, read {}, skipped {}, missed {}, faults {}; arrival to reading p50 {:.3} ms, p99 {:.3} ms, p99.9 {:.3} ms",
        well.readings,
        skipped[1],
        i128::from(offered) - i128::from(well.readings) - i128::from(skipped[1]),
        well.faults.len(),
        ms(quantile(&mut well.latencies, 0.5)),
        ms(quantile(&mut well.latencies, 0.99)),
        ms(quantile(&mut well.latencies, 0.999))
    );
    crew.stop();
    Ok(())
}
