//! The reading: named fields for the two levels of each side, and the list of candidates as JSON.

use leadline_plugin::{Field, Notice, Output, OutputKind, Severity, TickGrid, Value, fields, format};

use crate::algorithm::{Ended, Parameters, SideLevels, SupportResistance};
use crate::tracking::{State, Tracked};

/// Names of the outputs of one level.
struct Names {
    level: &'static str,
    strength: &'static str,
    notional: &'static str,
    orders: &'static str,
    distance: &'static str,
    age: &'static str,
    state: &'static str,
}

macro_rules! names {
    ($side:literal, $place:literal) => {
        Names {
            level: concat!($side, "_level_", $place),
            strength: concat!($side, "_", $place, "_strength"),
            notional: concat!($side, "_", $place, "_notional"),
            orders: concat!($side, "_", $place, "_orders"),
            distance: concat!($side, "_", $place, "_distance"),
            age: concat!($side, "_", $place, "_age"),
            state: concat!($side, "_", $place, "_state"),
        }
    };
}

const SUPPORT: [Names; 2] = [names!("support", "1"), names!("support", "2")];
const RESISTANCE: [Names; 2] = [names!("resistance", "1"), names!("resistance", "2")];
const LIST: &str = "levels";

/// The outputs, declared.
#[must_use]
pub fn outputs() -> Vec<Output> {
    let output = |name: &str, kind, unit: &str, high: Option<f64>, summary: String| Output {
        name: name.to_owned(),
        kind,
        unit: unit.to_owned(),
        low: Some(0.0),
        high,
        summary,
    };
    let mut outputs = Vec::new();
    for (side, names) in [("support", &SUPPORT), ("resistance", &RESISTANCE)] {
        for (names, which) in names.iter().zip(["first", "second"]) {
            let level = format!("the {which} {side} level");
            outputs.extend([
                output(names.level, OutputKind::Price, "quote", None, format!("Price of {level}, on the tick grid")),
                output(names.strength, OutputKind::Score, "", Some(100.0), format!("How much {level} stands out, is near, and has stood")),
                output(names.notional, OutputKind::Notional, "quote", None, format!("Notional within one bandwidth of {level}")),
                output(
                    names.orders,
                    OutputKind::Count,
                    "orders",
                    None,
                    format!("Resting orders behind {level}; none when the exchange doesn't say"),
                ),
                output(names.distance, OutputKind::Bps, "bps", None, format!("Distance of {level} from mid")),
                output(names.age, OutputKind::Time, "s", None, format!("How long {level} has stood")),
                output(names.state, OutputKind::State, "", None, format!("What {level} is doing: forming, held or weakening")),
            ]);
        }
    }
    let summary = "All candidates of both sides, strongest first, and levels that ended within a minute: consumed or pulled";
    outputs.push(output(LIST, OutputKind::Other, "JSON", None, summary.to_owned()));
    outputs
}

/// The fields of a book that can't be judged: all of them, without a value.
#[must_use]
pub fn outputs_none() -> Vec<Field> {
    let names = SUPPORT.iter().chain(&RESISTANCE).flat_map(|n| [n.level, n.strength, n.notional, n.orders, n.distance, n.age, n.state]);
    names.chain([LIST]).map(fields::none).collect()
}

/// The fields of a book that could be judged.
pub fn fields_of(analysis: &SupportResistance, now_ms: u64, grid: &TickGrid, order: &mut Vec<usize>) -> Vec<Field> {
    let parameters = analysis.parameters();
    let mut all = Vec::with_capacity(29);
    for (side, names) in [(&analysis.support, &SUPPORT), (&analysis.resistance, &RESISTANCE)] {
        for (place, names) in names.iter().enumerate() {
            level_fields(&mut all, names, side.place(place).filter(|_| side.judged), now_ms, grid, parameters);
        }
    }
    let mut list = String::with_capacity(2048);
    list.push('{');
    for (name, side) in [("support", &analysis.support), ("resistance", &analysis.resistance)] {
        if name == "resistance" {
            list.push(',');
        }
        list.push('"');
        list.push_str(name);
        list.push_str("\":[");
        if side.judged {
            write_candidates(&mut list, side, now_ms, grid, parameters, order);
        }
        list.push_str("],\"");
        list.push_str(name);
        list.push_str("_ended\":[");
        write_ended(&mut list, &side.ended, now_ms, grid);
        list.push(']');
    }
    list.push('}');
    all.push(fields::json(LIST, list));
    all
}

/// One notice for each level that had been held and went with this book.
#[must_use]
pub fn notices(analysis: &SupportResistance, now_ms: u64, grid: &TickGrid) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (name, side) in [("support", &analysis.support), ("resistance", &analysis.resistance)] {
        for ended in
            side.ended.iter().filter(|ended| ended.time_ms == now_ms && ended.age_s >= analysis.parameters().held_after && side.judged)
        {
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

fn level_fields(all: &mut Vec<Field>, names: &Names, level: Option<&Tracked>, now_ms: u64, grid: &TickGrid, parameters: &Parameters) {
    all.push(fields::price(names.level, grid, level.map(|level| level.price)));
    all.push(fields::maybe(names.strength, level.map(|level| level.strength)));
    all.push(fields::maybe(names.notional, level.map(|level| level.notional)));
    let orders = level.and_then(|level| level.orders).and_then(|orders| i64::try_from(orders).ok());
    all.push(orders.map_or_else(|| fields::none(names.orders), |orders| fields::integer(names.orders, orders)));
    all.push(fields::maybe(names.distance, level.map(|level| level.distance_bps)));
    all.push(fields::maybe(names.age, level.map(|level| level.age_s(now_ms))));
    let state = level.map(|level| Value::Text(level.state(now_ms, parameters.held_after).word().to_owned()));
    all.push(Field { name: names.state.to_owned(), value: state.unwrap_or(Value::None) });
}

fn write_candidates(list: &mut String, side: &SideLevels, now_ms: u64, grid: &TickGrid, parameters: &Parameters, order: &mut Vec<usize>) {
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
        list.push_str(if n == 0 { "{\"price\":" } else { ",{\"price\":" });
        grid.write(list, level.price);
        list.push_str(match level.place {
            Some(0) => ",\"place\":1,\"strength\":",
            Some(_) => ",\"place\":2,\"strength\":",
            None => ",\"place\":null,\"strength\":",
        });
        format::write_fixed(list, level.strength, 2);
        list.push_str(",\"excess\":");
        format::write_fixed(list, level.excess, 2);
        list.push_str(",\"notional\":");
        format::write(list, level.notional);
        list.push_str(",\"orders\":");
        match level.orders {
            Some(orders) => format::write(list, orders as f64),
            None => list.push_str("null"),
        }
        list.push_str(",\"distance\":");
        format::write_fixed(list, level.distance_bps, 3);
        list.push_str(",\"age\":");
        format::write_fixed(list, level.age_s(now_ms), 3);
        list.push_str(",\"state\":\"");
        list.push_str(level.state(now_ms, parameters.held_after).word());
        list.push_str("\"}");
    }
}

fn write_ended(list: &mut String, ended: &[Ended], now_ms: u64, grid: &TickGrid) {
    for (n, level) in ended.iter().rev().enumerate() {
        list.push_str(if n == 0 { "{\"price\":" } else { ",{\"price\":" });
        grid.write(list, level.price);
        list.push_str(",\"notional\":");
        format::write(list, level.notional);
        list.push_str(",\"age\":");
        format::write_fixed(list, level.age_s, 3);
        list.push_str(",\"since\":");
        format::write_fixed(list, now_ms.saturating_sub(level.time_ms) as f64 / 1000.0, 3);
        list.push_str(",\"state\":\"");
        list.push_str(level.state.word());
        list.push_str("\"}");
    }
}
