//! The reading: sums and counts of each side, and the large levels and their distribution as JSON.

use leadline_plugin::{Book, Depth, Json, TickGrid, format::Text};

use crate::algorithm::LargeOrders;
use crate::detection::{RANGES_BPS, SideOrders};
use crate::tendency::Cause;

leadline_plugin::outputs! {
    /// What one book is answered with.
    pub struct Outputs {
        /// Size of all large bid levels within 100 bps of mid
        large_buy_orders: Option<f64>, Size, unit "base", low 0.0;
        /// Size of all large ask levels within 100 bps of mid
        large_sell_orders: Option<f64>, Size, unit "base", low 0.0;
        /// Which way the large levels lean: bullish, bearish or neutral
        large_order_trend: Option<&'static str>, State;
        /// Why it is bullish or bearish: dominant, lean or arrival; none while neutral
        cause: Option<&'static str>, State;
        /// Large levels that came and stood within the last hour, of both sides; as many as is ordinary at most
        arrivals: Option<i64>, Count, unit "an hour", low 0.0;
        /// Notional of all large bid levels
        large_buy_notional: Option<f64>, Notional, unit "quote", low 0.0;
        /// Notional of all large ask levels
        large_sell_notional: Option<f64>, Notional, unit "quote", low 0.0;
        /// Number of large bid levels
        large_buy_count: Option<i64>, Count, unit "levels", low 0.0;
        /// Number of large ask levels
        large_sell_count: Option<i64>, Count, unit "levels", low 0.0;
        /// Notional from which a bid level is large
        large_buy_threshold: Option<f64>, Notional, unit "quote", low 0.0;
        /// Notional from which an ask level is large
        large_sell_threshold: Option<f64>, Notional, unit "quote", low 0.0;
        /// Large bids against large asks, weighted by distance and age, smoothed: 1 is bids alone
        imbalance: Option<f64>, Ratio, low -1.0, high 1.0;
        /// No large level, or fewer than two in the first minute and a half: the trend is neutral for lack of evidence
        low_evidence: Option<bool>, State;
        /// The large levels of both sides, best first
        large_levels: Json, Other, unit "JSON";
        /// Levels by distance from mid and side: count, notional, share of the side, largest; none beyond the farthest level
        distribution: Json, Other, unit "JSON";
    }
}

/// What a book that could be judged is answered with; a side that couldn't, and the tendency then, has nothing.
pub(crate) fn outputs(analysis: &LargeOrders, book: &Book<'_>) -> Outputs {
    let (buys, sells) = (&analysis.buys, &analysis.sells);
    let both = analysis.both_judged();
    let of = |side: &SideOrders, number: fn(&SideOrders) -> f64| side.judged.then(|| number(side));
    let count = |side: &SideOrders| side.judged.then_some(side.large.len() as i64);
    Outputs {
        large_buy_orders: of(buys, SideOrders::base),
        large_sell_orders: of(sells, SideOrders::base),
        large_order_trend: both.then(|| analysis.tendency.trend.word()),
        cause: analysis.tendency.cause.filter(|_| both).map(Cause::word),
        arrivals: both.then(|| analysis.arrivals.count() as i64),
        large_buy_notional: of(buys, SideOrders::notional),
        large_sell_notional: of(sells, SideOrders::notional),
        large_buy_count: count(buys),
        large_sell_count: count(sells),
        large_buy_threshold: of(buys, |side| side.threshold),
        large_sell_threshold: of(sells, |side| side.threshold),
        imbalance: analysis.tendency.imbalance.filter(|_| both),
        low_evidence: both.then(|| analysis.low_evidence()),
        large_levels: Json(list(analysis, book.snapshot.time_ms, book.grid)),
        distribution: Json(distribution(analysis, book.depth)),
    }
}

fn list(analysis: &LargeOrders, now_ms: u64, grid: &TickGrid) -> String {
    let mut text = Text::with_capacity(1536);
    for (name, side) in [("{\"buy\":[", &analysis.buys), ("],\"sell\":[", &analysis.sells)] {
        text.push(name);
        let levels = if side.judged { side.large.as_slice() } else { &[] };
        for (i, level) in levels.iter().enumerate() {
            text.push(if i == 0 { "{\"price\":" } else { ",{\"price\":" });
            text.price(grid, level.price);
            text.push(",\"size\":");
            text.number(level.base);
            text.push(",\"notional\":");
            text.number(level.notional);
            if level.orders > 0 {
                text.push(",\"orders\":");
                text.number(f64::from(level.orders));
                text.push(",\"average\":");
                text.number(level.notional / f64::from(level.orders));
            } else {
                text.push(",\"orders\":null,\"average\":null");
            }
            text.push(",\"distance\":");
            text.fixed(level.distance_bps, 3);
            text.push(",\"age\":");
            text.fixed(now_ms.saturating_sub(level.born_ms) as f64 / 1000.0, 3);
            text.push(",\"kind\":\"");
            text.push(level.kind.word());
            text.push("\"}");
        }
    }
    text.push("]}");
    text.finish()
}

fn distribution(analysis: &LargeOrders, depth: &Depth) -> String {
    let mut text = Text::with_capacity(1024);
    for (name, side, depth) in [("{\"buy\":[", &analysis.buys, &depth.bids), ("],\"sell\":[", &analysis.sells, &depth.asks)] {
        text.push(name);
        let ranges = if side.judged { side.ranges.as_slice() } else { &[] };
        let mut from = 0.0;
        let coverage = depth.coverage_bps();
        for (i, (range, &to)) in ranges.iter().zip(&RANGES_BPS).enumerate() {
            text.push(if i == 0 { "{\"from\":" } else { ",{\"from\":" });
            text.number(from);
            text.push(",\"to\":");
            text.number(to);
            // Beyond the farthest level nothing is known: that is not a count of 0.
            text.push(if to <= coverage { ",\"complete\":true" } else { ",\"complete\":false" });
            if from >= coverage {
                text.push(",\"count\":null,\"notional\":null,\"share\":null,\"largest\":null}");
                from = to;
                continue;
            }
            text.push(",\"count\":");
            text.number(range.count as f64);
            text.push(",\"notional\":");
            text.number(range.notional);
            text.push(",\"share\":");
            text.fixed(range.share, 6);
            text.push(",\"largest\":");
            text.number(range.largest);
            text.push("}");
            from = to;
        }
    }
    text.push("]}");
    text.finish()
}
