//! The reading: the two levels of each side, and the list of candidates as JSON.

use leadline_plugin::{Book, Json, Notice, Severity, TickGrid, fields, format::Text};

use crate::algorithm::{Ended, Parameters, SideLevels, SupportResistance};
use crate::tracking::{State, Tracked};

leadline_plugin::outputs! {
    /// What one book is answered with.
    pub struct Outputs {
        /// Price of the first support level, on the tick grid
        support_level_1: Option<f64>, Price, unit "quote", low 0.0;
        /// How much the first support level stands out, is near, and has stood
        support_1_strength: Option<f64>, Score, low 0.0, high 100.0;
        /// Notional within one bandwidth of the first support level
        support_1_notional: Option<f64>, Notional, unit "quote", low 0.0;
        /// Resting orders behind the first support level; none when the exchange doesn't say
        support_1_orders: Option<i64>, Count, unit "orders", low 0.0;
        /// Distance of the first support level from mid
        support_1_distance: Option<f64>, Bps, unit "bps", low 0.0;
        /// How long the first support level has stood
        support_1_age: Option<f64>, Time, unit "s", low 0.0;
        /// What the first support level is doing: forming, held or weakening
        support_1_state: Option<&'static str>, State;
        /// Price of the second support level, on the tick grid
        support_level_2: Option<f64>, Price, unit "quote", low 0.0;
        /// How much the second support level stands out, is near, and has stood
        support_2_strength: Option<f64>, Score, low 0.0, high 100.0;
        /// Notional within one bandwidth of the second support level
        support_2_notional: Option<f64>, Notional, unit "quote", low 0.0;
        /// Resting orders behind the second support level; none when the exchange doesn't say
        support_2_orders: Option<i64>, Count, unit "orders", low 0.0;
        /// Distance of the second support level from mid
        support_2_distance: Option<f64>, Bps, unit "bps", low 0.0;
        /// How long the second support level has stood
        support_2_age: Option<f64>, Time, unit "s", low 0.0;
        /// What the second support level is doing: forming, held or weakening
        support_2_state: Option<&'static str>, State;
        /// Price of the first resistance level, on the tick grid
        resistance_level_1: Option<f64>, Price, unit "quote", low 0.0;
        /// How much the first resistance level stands out, is near, and has stood
        resistance_1_strength: Option<f64>, Score, low 0.0, high 100.0;
        /// Notional within one bandwidth of the first resistance level
        resistance_1_notional: Option<f64>, Notional, unit "quote", low 0.0;
        /// Resting orders behind the first resistance level; none when the exchange doesn't say
        resistance_1_orders: Option<i64>, Count, unit "orders", low 0.0;
        /// Distance of the first resistance level from mid
        resistance_1_distance: Option<f64>, Bps, unit "bps", low 0.0;
        /// How long the first resistance level has stood
        resistance_1_age: Option<f64>, Time, unit "s", low 0.0;
        /// What the first resistance level is doing: forming, held or weakening
        resistance_1_state: Option<&'static str>, State;
        /// Price of the second resistance level, on the tick grid
        resistance_level_2: Option<f64>, Price, unit "quote", low 0.0;
        /// How much the second resistance level stands out, is near, and has stood
        resistance_2_strength: Option<f64>, Score, low 0.0, high 100.0;
        /// Notional within one bandwidth of the second resistance level
        resistance_2_notional: Option<f64>, Notional, unit "quote", low 0.0;
        /// Resting orders behind the second resistance level; none when the exchange doesn't say
        resistance_2_orders: Option<i64>, Count, unit "orders", low 0.0;
        /// Distance of the second resistance level from mid
        resistance_2_distance: Option<f64>, Bps, unit "bps", low 0.0;
        /// How long the second resistance level has stood
        resistance_2_age: Option<f64>, Time, unit "s", low 0.0;
        /// What the second resistance level is doing: forming, held or weakening
        resistance_2_state: Option<&'static str>, State;
        /// All candidates of both sides, strongest first, and levels that ended within a minute: consumed or pulled
        levels: Json, Other, unit "JSON";
    }
}

/// What is said of one place; nothing when it is vacant.
#[derive(Default)]
struct Place {
    price: Option<f64>,
    strength: Option<f64>,
    notional: Option<f64>,
    orders: Option<i64>,
    distance_bps: Option<f64>,
    age_s: Option<f64>,
    state: Option<&'static str>,
}

impl Place {
    fn of(level: &Tracked, now_ms: u64, parameters: &Parameters) -> Self {
        Self {
            price: Some(level.price),
            strength: Some(level.strength),
            notional: Some(level.notional),
            orders: level.orders.and_then(|orders| i64::try_from(orders).ok()),
            distance_bps: Some(level.distance_bps),
            age_s: Some(level.age_s(now_ms)),
            state: Some(level.state(now_ms, parameters.held_after).word()),
        }
    }
}

/// What a book that could be judged is answered with; a side that couldn't has nothing.
pub(crate) fn outputs(analysis: &mut SupportResistance, book: &Book<'_>, parameters: &Parameters) -> Outputs {
    let now_ms = book.snapshot.time_ms;
    let places = |side: &SideLevels| {
        [0, 1].map(|place| {
            side.place(place).filter(|_| side.judged).map_or_else(Place::default, |level| Place::of(level, now_ms, parameters))
        })
    };
    let [support_1, support_2] = places(&analysis.support);
    let [resistance_1, resistance_2] = places(&analysis.resistance);
    Outputs {
        support_level_1: support_1.price,
        support_1_strength: support_1.strength,
        support_1_notional: support_1.notional,
        support_1_orders: support_1.orders,
        support_1_distance: support_1.distance_bps,
        support_1_age: support_1.age_s,
        support_1_state: support_1.state,
        support_level_2: support_2.price,
        support_2_strength: support_2.strength,
        support_2_notional: support_2.notional,
        support_2_orders: support_2.orders,
        support_2_distance: support_2.distance_bps,
        support_2_age: support_2.age_s,
        support_2_state: support_2.state,
        resistance_level_1: resistance_1.price,
        resistance_1_strength: resistance_1.strength,
        resistance_1_notional: resistance_1.notional,
        resistance_1_orders: resistance_1.orders,
        resistance_1_distance: resistance_1.distance_bps,
        resistance_1_age: resistance_1.age_s,
        resistance_1_state: resistance_1.state,
        resistance_level_2: resistance_2.price,
        resistance_2_strength: resistance_2.strength,
        resistance_2_notional: resistance_2.notional,
        resistance_2_orders: resistance_2.orders,
        resistance_2_distance: resistance_2.distance_bps,
        resistance_2_age: resistance_2.age_s,
        resistance_2_state: resistance_2.state,
        levels: Json(list(analysis, now_ms, book.grid, parameters)),
    }
}

fn list(analysis: &mut SupportResistance, now_ms: u64, grid: &TickGrid, parameters: &Parameters) -> String {
    let SupportResistance { support, resistance, order, .. } = analysis;
    let mut list = Text::with_capacity(4096);
    list.push("{");
    for (name, side) in [("support", support), ("resistance", resistance)] {
        if name == "resistance" {
            list.push(",");
        }
        list.push("\"");
        list.push(name);
        list.push("\":[");
        if side.judged {
            write_candidates(&mut list, side, now_ms, grid, parameters, order);
        }
        list.push("],\"");
        list.push(name);
        list.push("_ended\":[");
        write_ended(&mut list, &side.ended, now_ms, grid);
        list.push("]");
    }
    list.push("}");
    list.finish()
}

/// One notice for each level that had been held and went with this book.
#[must_use]
pub(crate) fn notices(analysis: &SupportResistance, book: &Book<'_>, parameters: &Parameters) -> Vec<Notice> {
    let (now_ms, grid) = (book.snapshot.time_ms, book.grid);
    let mut notices = Vec::new();
    for (name, side) in [("support", &analysis.support), ("resistance", &analysis.resistance)] {
        for ended in side.ended.iter().filter(|ended| ended.time_ms == now_ms && ended.age_s >= parameters.held_after && side.judged) {
            let mut price = String::new();
            grid.write(&mut price, ended.price);
            let how = if ended.state == State::Consumed { "price traded through it" } else { "its orders were withdrawn" };
            notices.push(Notice {
                severity: Severity::Normal,
                code: format!("level_{}", ended.state.word()),
                message: format!("{name} at {price} is gone: {how}"),
                fields: vec![
                    fields::text("side", name),
                    fields::price("price", grid, Some(ended.price)),
                    fields::number("notional", ended.notional),
                    fields::number("age", ended.age_s),
                ],
            });
        }
    }
    notices
}

fn write_candidates(list: &mut Text, side: &SideLevels, now_ms: u64, grid: &TickGrid, parameters: &Parameters, order: &mut Vec<usize>) {
    let tracked = &side.tracker.tracked;
    order.clear();
    order.extend(0..tracked.len());
    // Holders of a place come first: a list cut short must not lose them.
    let key = |i: usize| (tracked[i].place.unwrap_or(usize::MAX), tracked[i].strength);
    order.sort_unstable_by(|&left, &right| {
        let (left_key, right_key) = (key(left), key(right));
        left_key.0.cmp(&right_key.0).then(right_key.1.total_cmp(&left_key.1)).then(left.cmp(&right))
    });
    for (n, &i) in order.iter().take(parameters.list_length as usize).enumerate() {
        let level = &tracked[i];
        list.push(if n == 0 { "{\"price\":" } else { ",{\"price\":" });
        list.price(grid, level.price);
        list.push(match level.place {
            Some(0) => ",\"place\":1,\"strength\":",
            Some(_) => ",\"place\":2,\"strength\":",
            None => ",\"place\":null,\"strength\":",
        });
        list.fixed(level.strength, 2);
        list.push(",\"excess\":");
        list.fixed(level.excess, 2);
        list.push(",\"notional\":");
        list.number(level.notional);
        list.push(",\"orders\":");
        match level.orders {
            Some(orders) => list.number(orders as f64),
            None => list.push("null"),
        }
        list.push(",\"distance\":");
        list.fixed(level.distance_bps, 3);
        list.push(",\"age\":");
        list.fixed(level.age_s(now_ms), 3);
        list.push(",\"state\":\"");
        list.push(level.state(now_ms, parameters.held_after).word());
        list.push("\"}");
    }
}

fn write_ended(list: &mut Text, ended: &[Ended], now_ms: u64, grid: &TickGrid) {
    for (n, level) in ended.iter().rev().enumerate() {
        list.push(if n == 0 { "{\"price\":" } else { ",{\"price\":" });
        list.price(grid, level.price);
        list.push(",\"notional\":");
        list.number(level.notional);
        list.push(",\"age\":");
        list.fixed(level.age_s, 3);
        list.push(",\"since\":");
        list.fixed(now_ms.saturating_sub(level.time_ms) as f64 / 1000.0, 3);
        list.push(",\"state\":\"");
        list.push(level.state.word());
        list.push("\"}");
    }
}
