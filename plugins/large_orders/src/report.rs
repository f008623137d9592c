//! The reading: named fields, the list of large levels and the distribution as JSON.

use leadline_plugin::{Field, Output, OutputKind, TickGrid, fields, format};

use crate::algorithm::LargeOrders;
use crate::detection::{RANGES_BPS, SideOrders};

const OUTPUTS: [fields::Declared; 12] = [
    ("large_buy_orders", OutputKind::Size, "base", Some(0.0), None, "Size of all large bid levels within 100 bps of mid"),
    ("large_sell_orders", OutputKind::Size, "base", Some(0.0), None, "Size of all large ask levels within 100 bps of mid"),
    ("large_order_trend", OutputKind::State, "", None, None, "Which way the large levels lean: bullish, bearish or neutral"),
    ("large_buy_notional", OutputKind::Notional, "quote", Some(0.0), None, "Notional of all large bid levels"),
    ("large_sell_notional", OutputKind::Notional, "quote", Some(0.0), None, "Notional of all large ask levels"),
    ("large_buy_count", OutputKind::Count, "levels", Some(0.0), None, "Number of large bid levels"),
    ("large_sell_count", OutputKind::Count, "levels", Some(0.0), None, "Number of large ask levels"),
    ("large_buy_threshold", OutputKind::Notional, "quote", Some(0.0), None, "Notional from which a bid level is large"),
    ("large_sell_threshold", OutputKind::Notional, "quote", Some(0.0), None, "Notional from which an ask level is large"),
    (
        "imbalance",
        OutputKind::Ratio,
        "",
        Some(-1.0),
        Some(1.0),
        "Large bids against large asks, weighted by distance and age, smoothed: 1 is bids alone",
    ),
    (
        "low_evidence",
        OutputKind::State,
        "",
        None,
        None,
        "No large level, or fewer than two in the first minute and a half: the trend is neutral for lack of evidence",
    ),
    ("large_levels", OutputKind::Other, "JSON", None, None, "The large levels of both sides, best first"),
];
const DISTRIBUTION: fields::Declared = (
    "distribution",
    OutputKind::Other,
    "JSON",
    None,
    None,
    "Levels by distance from mid and side: count, notional, share of the side, largest; none beyond the farthest level",
);

/// The outputs, declared.
#[must_use]
pub fn outputs() -> Vec<Output> {
    OUTPUTS.iter().chain([&DISTRIBUTION]).map(fields::output).collect()
}

/// The fields of a book that can't be judged: all of them, without a value.
#[must_use]
pub fn fields_none() -> Vec<Field> {
    OUTPUTS.iter().chain([&DISTRIBUTION]).map(|row| fields::none(row.0)).collect()
}

/// The fields of a book that could be judged; those of a side that couldn't, and the tendency then, are without a value.
#[must_use]
pub fn fields_of(analysis: &LargeOrders, now_ms: u64, grid: &TickGrid) -> Vec<Field> {
    let (buys, sells) = (&analysis.buys, &analysis.sells);
    let both = analysis.both_judged();
    let of = |side: &SideOrders, number: fn(&SideOrders) -> f64| side.judged.then(|| number(side));
    let count =
        |name: &str, side: &SideOrders| if side.judged { fields::integer(name, side.large.len() as i64) } else { fields::none(name) };
    vec![
        fields::maybe("large_buy_orders", of(buys, SideOrders::base)),
        fields::maybe("large_sell_orders", of(sells, SideOrders::base)),
        if both { fields::text("large_order_trend", analysis.tendency.trend.word()) } else { fields::none("large_order_trend") },
        fields::maybe("large_buy_notional", of(buys, SideOrders::notional)),
        fields::maybe("large_sell_notional", of(sells, SideOrders::notional)),
        count("large_buy_count", buys),
        count("large_sell_count", sells),
        fields::maybe("large_buy_threshold", of(buys, |side| side.threshold)),
        fields::maybe("large_sell_threshold", of(sells, |side| side.threshold)),
        fields::maybe("imbalance", analysis.tendency.imbalance.filter(|_| both)),
        if both { fields::flag("low_evidence", analysis.low_evidence()) } else { fields::none("low_evidence") },
        fields::json("large_levels", list(analysis, now_ms, grid)),
        fields::json("distribution", distribution(analysis)),
    ]
}

fn list(analysis: &LargeOrders, now_ms: u64, grid: &TickGrid) -> String {
    let mut text = String::with_capacity(1536);
    for (name, side) in [("{\"buy\":[", &analysis.buys), ("],\"sell\":[", &analysis.sells)] {
        text.push_str(name);
        let levels = if side.judged { side.large.as_slice() } else { &[] };
        for (i, level) in levels.iter().enumerate() {
            text.push_str(if i == 0 { "{\"price\":" } else { ",{\"price\":" });
            grid.write(&mut text, level.price);
            text.push_str(",\"size\":");
            format::write(&mut text, level.base);
            text.push_str(",\"notional\":");
            format::write(&mut text, level.notional);
            if level.orders > 0 {
                text.push_str(",\"orders\":");
                format::write(&mut text, f64::from(level.orders));
                text.push_str(",\"average\":");
                format::write(&mut text, level.notional / f64::from(level.orders));
            } else {
                text.push_str(",\"orders\":null,\"average\":null");
            }
            text.push_str(",\"distance\":");
            format::write_fixed(&mut text, level.distance_bps, 3);
            text.push_str(",\"age\":");
            format::write_fixed(&mut text, now_ms.saturating_sub(level.born_ms) as f64 / 1000.0, 3);
            text.push_str(",\"kind\":\"");
            text.push_str(level.kind.word());
            text.push_str("\"}");
        }
    }
    text.push_str("]}");
    text
}

fn distribution(analysis: &LargeOrders) -> String {
    let mut text = String::with_capacity(1024);
    for (name, side, depth) in
        [("{\"buy\":[", &analysis.buys, &analysis.depth.bids), ("],\"sell\":[", &analysis.sells, &analysis.depth.asks)]
    {
        text.push_str(name);
        let ranges = if side.judged { side.ranges.as_slice() } else { &[] };
        let mut from = 0.0;
        let coverage = depth.coverage_bps();
        for (i, (range, &to)) in ranges.iter().zip(&RANGES_BPS).enumerate() {
            text.push_str(if i == 0 { "{\"from\":" } else { ",{\"from\":" });
            format::write(&mut text, from);
            text.push_str(",\"to\":");
            format::write(&mut text, to);
            // Beyond the farthest level nothing is known: that is not a count of 0.
            text.push_str(if to <= coverage { ",\"complete\":true" } else { ",\"complete\":false" });
            if from >= coverage {
                text.push_str(",\"count\":null,\"notional\":null,\"share\":null,\"largest\":null}");
                from = to;
                continue;
            }
            text.push_str(",\"count\":");
            format::write(&mut text, range.count as f64);
            text.push_str(",\"notional\":");
            format::write(&mut text, range.notional);
            text.push_str(",\"share\":");
            format::write_fixed(&mut text, range.share, 6);
            text.push_str(",\"largest\":");
            format::write(&mut text, range.largest);
            text.push('}');
            from = to;
        }
    }
    text.push_str("]}");
    text
}
