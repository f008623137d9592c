//! Answers questions about intermediate quantities of the four analyses: one JSON document a line in, one a line out. `compare.py` asks, and holds the
//! answers against what other software makes of the same numbers.
#![allow(clippy::print_stdout, reason = "answers are this program's output")]

use std::io::BufRead;
use std::process::ExitCode;

use depth_anomaly::breadth::Levels;
use large_orders::detection::{SideOrders, Threshold};
use leadline_evaluation::market::profile::{PROFILES, Profile};
use leadline_plugin::windows::{Cusum, RollingMedian, evidence, lag, trend};
use leadline_plugin::{Continuity, Depth, DepthSide, Instrument, Kind, Side, Snapshot, Trust};
use liquidity::bulk::bulk;
use liquidity::{drain, index, round_trip};
use serde::Deserialize;
use serde_json::{Value, json};
use support_resistance::density::Density;

/// Prices, sizes, orders.
type Columns = (Vec<f64>, Vec<f64>, Vec<u32>);

#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
enum Question {
    /// All that one book gives. `volumes`: of round trips, units of notional.
    Book { kind: String, contract_value: f64, bids: Columns, asks: Columns, volumes: Vec<f64> },
    /// Statistics of a series.
    Series { values: Vec<f64> },
    /// The sums of a CUSUM over standardised values.
    Cusum { values: Vec<f64>, k: f64, cap: f64 },
    /// Change from one side to another: price and notional, best first.
    Breadth { bid: bool, before: (Vec<f64>, Vec<f64>), now: (Vec<f64>, Vec<f64>) },
    /// What tells a drain: how its means respond to one of so many seconds, and the filters that these moments of the means lead to.
    Drain { seconds: u32, means: Vec<drain::Means> },
    /// By kind of generated pair, how depth swings by itself: standard deviation of its logarithm, and memory in seconds, of each side's own two and of the common one.
    Swings,
    /// The liquidity index.
    Index { value: [f64; 4], usual: [f64; 4], weights: [f64; 4] },
}

fn main() -> ExitCode {
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let answer = line.map_err(|error| error.to_string()).and_then(|line| {
            let question = serde_json::from_str(&line).map_err(|error| error.to_string())?;
            answer(question)
        });
        match answer {
            Ok(answer) => println!("{answer}"),
            Err(error) => {
                eprintln!("question {}: {error}\nhint: each line is one question, see the enum in bench/oracles/src/main.rs", number + 1);
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}

fn answer(question: Question) -> Result<Value, String> {
    Ok(match question {
        Question::Book { kind, contract_value, bids, asks, volumes } => {
            let kind = match &*kind {
                "spot" => Kind::Spot,
                "linear" => Kind::Linear,
                "inverse" => Kind::Inverse,
                "options" => Kind::Options,
                other => return Err(format!("{other} is no kind of instrument")),
            };
            of_book(kind, contract_value, bids, asks, &volumes)?
        }
        Question::Series { values } => of_series(&values),
        Question::Cusum { values, k, cap } => {
            let mut cusum = Cusum::new(k, cap);
            json!({ "sums": values.into_iter().map(|value| cusum.push(value)).collect::<Vec<_>>() })
        }
        Question::Breadth { bid, before, now } => {
            let levels = |(prices, notional): (Vec<f64>, Vec<f64>)| {
                let side = DepthSide { distance_bps: vec![0.0; prices.len()], notional, ..DepthSide::default() };
                let mut levels = Levels::default();
                levels.fill(if bid { -1.0 } else { 1.0 }, &prices, &side, 1.0);
                levels
            };
            let change = levels(before).change(&levels(now));
            json!({ "sum": change.sum, "levels": change.levels })
        }
        Question::Drain { seconds, means } => {
            let mut moments = drain::Moments::default();
            means.iter().for_each(|means| moments.add(means));
            let response = drain::response(seconds);
            json!({ "response": response, "filters": moments.filters(response), "outside": moments.outside() })
        }
        Question::Swings => {
            let law = |profile: &Profile| (profile.name.to_owned(), json!({ "own": profile.swings, "common": profile.common }));
            Value::Object(PROFILES.iter().map(law).collect())
        }
        Question::Index { value, usual, weights } => json!({ "index": index::index(&value, &usual, &weights) }),
    })
}

fn of_book(kind: Kind, contract_value: f64, bids: Columns, asks: Columns, volumes: &[f64]) -> Result<Value, String> {
    let instrument = Instrument {
        id: "A-B".to_owned(),
        kind,
        base: "A".to_owned(),
        quote: "B".to_owned(),
        settle: String::new(),
        tick_size: 1e-9,
        lot_size: 1e-9,
        contract_value,
        extra: Vec::new(),
    };
    let side = |(prices, sizes, orders): Columns| Side { prices, sizes, orders };
    let book = Snapshot {
        time_ms: 0,
        sequence: None,
        trust: Trust::Chain,
        continuity: Continuity::Restarted,
        skipped: 0,
        bids: side(bids),
        asks: side(asks),
        extra: Vec::new(),
    };
    let mut depth = Depth::new(&instrument);
    depth.read(&book, true).map_err(|outcome| format!("{outcome:?}"))?;
    let sides = [(&depth.bids, &book.bids), (&depth.asks, &book.asks)].map(|(side, columns)| of_side(&depth, side, columns));
    let costs: Vec<_> = volumes.iter().map(|&volume| round_trip::cost(volume, &depth, &book, kind)).collect();
    Ok(json!({ "mid": depth.mid, "spread_bps": depth.spread_bps, "sides": sides, "costs": costs }))
}

fn of_side(depth: &Depth, side: &DepthSide, columns: &Side) -> Value {
    let within = side.within(200.0);
    let (mut density, mut found, mut bandwidth) = (Density::default(), Vec::new(), None);
    if within >= 10 {
        bandwidth = Some(density.find(side, columns, within, depth.mid, 1.0, &mut found));
    }
    let mut orders = SideOrders::default();
    orders.update(depth, side, columns, Threshold { share: 0.05, multiple: 5.0, floor: 0.0 }, None, 0);
    json!({
        "distance_bps": side.distance_bps,
        "notional": side.notional,
        "bulk": bulk(side, f64::INFINITY),
        "bulk_within": bulk(side, 0.5 * side.coverage_bps()),
        "bandwidth_bps": bandwidth,
        "candidates": found.iter().map(|one| json!({
            "price": one.price, "distance_bps": one.distance_bps, "excess": one.excess, "notional": one.notional, "orders": one.orders,
        })).collect::<Vec<_>>(),
        "judged": orders.judged,
        "threshold": orders.threshold,
        "large": orders.large.iter().map(|level| level.price).collect::<Vec<_>>(),
        "ranges": orders.ranges.iter().map(|range| json!([range.count, range.notional, range.share, range.largest])).collect::<Vec<_>>(),
    })
}

fn of_series(values: &[f64]) -> Value {
    let mut window = RollingMedian::new(values.len());
    values.iter().for_each(|&value| window.push(value));
    let median = window.median().unwrap_or(f64::NAN);
    let steps: Vec<bool> = (0..values.len()).map(|i| i > 0).collect();
    let phi = lag::autocorrelation(values, &steps);
    let mut innovations = Vec::new();
    lag::innovations(values, &steps, median, phi, &mut innovations);
    let mut of_innovations = RollingMedian::new(innovations.len());
    innovations.iter().for_each(|&value| of_innovations.push(value));
    let middle = of_innovations.median().unwrap_or(f64::NAN);
    let slope = trend::theil_sen(values, &mut Vec::new()).unwrap_or(f64::NAN);
    let test = evidence::hamed_rao(values, slope);
    json!({
        "median": median,
        "deviation": window.absolute_deviation(median),
        "phi": phi,
        "innovation_deviation": of_innovations.absolute_deviation(middle),
        "slope": slope,
        "s": test.map(|test| test.s),
        "variance": test.map(|test| test.variance),
        "p": test.map(|test| test.p),
    })
}
