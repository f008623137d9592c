//! `swaps [N]`: N exchanges of `support_resistance` under load, each from the bytes of a component: 10 pairs, 100 frames a second each.
#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use leadline_bench::live::{self, Load, PAIRS, Readings, quantile};
use leadline_host::analysis::{Budget, Command, Crew, Engine, Keeper, Plugin, ShadowReport, Sheet, Told, Watch, load_folder_by};

const NAME: &str = "support_resistance";

struct Silent;

impl Told for Silent {
    fn report(&mut self, _: &str, _: Vec<(&'static str, String)>) {}
    fn shadow(&mut self, _: &ShadowReport) {}
    fn stopped(&mut self, _: &Plugin) {}
}

fn main() -> anyhow::Result<()> {
    let swaps: usize = std::env::args().nth(1).map_or(Ok(100), |text| text.parse())?;
    let from = std::env::var("PLUGIN_DIR").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../target/plugins").to_owned());
    let original = std::fs::read(format!("{from}/{NAME}.wasm")).context("hint: make plugins")?;
    // The same component with another digest.
    let versions = [0_u8, 1].map(|mark| [original.as_slice(), &[0, 3, 1, b'x', mark]].concat());
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(format!("{NAME}.wasm")), &versions[0])?;
    let engine = Engine::new()?;
    let sheet = Sheet::read(folder.path())?;
    let plugins = load_folder_by(&sheet, &engine, folder.path(), Budget::default())?;
    let readings = Readings::default();
    let crew = Arc::new(Crew::start(&plugins, &readings.sink())?);
    let keeper = Keeper::new(engine, folder.path(), Budget::default(), Arc::clone(&crew), (sheet, &plugins), Box::new(Silent))?;
    let control = keeper.control();
    let watch = Watch::start(keeper)?;
    let bases: Vec<String> = (0..PAIRS).map(|n| format!("C{n}")).collect();
    let mut load = Load::new(&bases.iter().map(String::as_str).collect::<Vec<_>>())?;
    let skipped = || crew.memory.all().iter().map(leadline_host::analysis::MemoryDesk::skipped).sum::<u64>();

    let until = Instant::now() + Duration::from_secs(5);
    load.run(&crew, || Instant::now() >= until);
    drop(readings.take(NAME));
    let ticks = live::processor_time();
    let until = Instant::now() + Duration::from_secs(20);
    load.run(&crew, || Instant::now() >= until);
    let mut before = readings.take(NAME);

    let (offered, left_out) = (load.rounds, skipped());
    let changer = std::thread::spawn(move || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        for swap in 1..=swaps {
            let done = runtime.block_on(control.run(Command::Install { bytes: versions[swap % 2].clone() }))?;
            anyhow::ensure!(done.changed && done.phase == "running", "{done:?}");
        }
        Ok(())
    });
    load.run(&crew, || changer.is_finished());
    changer.join().map_err(|_| anyhow::anyhow!("the changer panicked"))??;
    // What was offered last is read.
    std::thread::sleep(Duration::from_millis(200));
    let mut during = readings.take(NAME);
    let steal = live::steal(ticks);
    let offered = (load.rounds - offered) * PAIRS as u64;
    let left_out = skipped() - left_out;

    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    println!(
        "{swaps} swaps of {NAME} by bytes, {PAIRS} pairs, {} frames a second each; steal {:.1} %",
        live::PER_SECOND,
        steal.unwrap_or(f64::NAN)
    );
    println!("{:<14}{:>10}{:>12}{:>12}{:>12}{:>14}{:>14}", "", "readings", "p50 ms", "p99 ms", "p99.9 ms", "gap p99.9 ms", "longest gap");
    for (name, seen) in [("undisturbed", &mut before), ("swapping", &mut during)] {
        println!(
            "{name:<14}{:>10}{:>12.3}{:>12.3}{:>12.3}{:>14.3}{:>14.3}",
            seen.readings,
            ms(quantile(&mut seen.latencies, 0.5)),
            ms(quantile(&mut seen.latencies, 0.99)),
            ms(quantile(&mut seen.latencies, 0.999)),
            ms(quantile(&mut seen.gaps, 0.999)),
            ms(quantile(&mut seen.gaps, 1.0)),
        );
    }
    println!(
        "offered {offered}, read {}, skipped {left_out}, missed {}, read twice {}, faults {}, cold again {}",
        during.readings,
        i128::from(offered) - i128::from(during.readings) - i128::from(left_out),
        during.twice,
        during.faults.len(),
        during.cold
    );
    watch.stop();
    crew.stop();
    Ok(())
}
