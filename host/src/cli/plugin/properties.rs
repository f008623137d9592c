//! What most analyses keep and some have reasons not to: told as hints, never as failures.
//!
//! - scaling: with all sizes doubled, or all prices and the tick, what has no unit of size or price stays as it was;
//! - mirror: with bids and asks exchanged, the same numbers come, on whichever side;
//! - continuity: with all sizes changed by a billionth, no number jumps.

use std::sync::Arc;

use leadline_market::{Book, Columns, Decimal, Instrument, Kind};

use super::books::Series;
use super::trial;
use crate::analysis::{OutputKind, Plugin, Reading};

/// Books that each property is tried on: each runs them anew.
const BOOKS: usize = 120;
/// A change of sizes that nobody can see, and what a number may change by then, relative to it (or absolutely, below 1).
const NUDGE: f64 = 1e-9;
const JUMP: f64 = 1e-5;
/// What the exchange of the sides may change by rounding.
const ROUNDING: f64 = 1e-6;

/// What a property showed.
pub(super) struct Shown {
    pub(super) property: &'static str,
    /// In words; with where it doesn't hold.
    pub(super) detail: String,
    /// What to think of, where it doesn't hold.
    pub(super) hint: Option<&'static str>,
}

/// All of them, on the books of a pair.
pub(super) fn all(plugin: &Arc<Plugin>, series: &Series) -> Vec<Shown> {
    let books = &series.books[..series.books.len().min(BOOKS)];
    let plain = trial::readings(plugin, &series.instrument, books);
    vec![scaling(plugin, series, books, &plain), mirror(plugin, series, books, &plain), continuity(plugin, series, books, &plain)]
}

fn scaling(plugin: &Arc<Plugin>, series: &Series, books: &[Book], plain: &[Reading]) -> Shown {
    let property = "scaling";
    let free = |kind| matches!(kind, OutputKind::Bps | OutputKind::Score | OutputKind::Ratio | OutputKind::State | OutputKind::Count);
    if !plugin.described.iter().any(|output| free(output.kind)) {
        return Shown { property, detail: "no output without a unit of price or size: nothing to compare".to_owned(), hint: None };
    }
    let sizes = trial::readings(plugin, &series.instrument, &changed(books, |side| side.sizes.iter_mut().for_each(|size| *size *= 2.0)));
    let mut instrument = Instrument::clone(&series.instrument);
    let doubled = Decimal::from_parts(instrument.tick_size.mantissa() * 2, instrument.tick_size.scale());
    instrument.tick_size = doubled.unwrap_or(instrument.tick_size);
    let prices =
        trial::readings(plugin, &Arc::new(instrument), &changed(books, |side| side.prices.iter_mut().for_each(|price| *price *= 2.0)));
    for (what, readings) in [("sizes", &sizes), ("prices", &prices)] {
        let differs = first(plugin, plain, readings, free, |one, other| near(one, other, ROUNDING));
        if let Some((book, output, one, other)) = differs {
            return Shown {
                property,
                detail: format!("with all {what} doubled `{output}` is another on book {book}: {one} became {other}"),
                hint: Some("an absolute threshold? what is large on one pair is small on another; a share of the book is comparable"),
            };
        }
    }
    Shown { property, detail: "with all sizes doubled, and with all prices: the same scores, ratios and states".to_owned(), hint: None }
}

fn mirror(plugin: &Arc<Plugin>, series: &Series, books: &[Book], plain: &[Reading]) -> Shown {
    let property = "mirror";
    let mirrored = trial::readings(plugin, &series.instrument, &mirrored(books, series.instrument.kind));
    let numbers = |reading: &Reading| -> Vec<f64> {
        let of = |kind| matches!(kind, OutputKind::Bps | OutputKind::Score | OutputKind::Ratio | OutputKind::Notional);
        let outputs = plugin.described.iter().filter(|output| of(output.kind));
        let mut all: Vec<f64> = outputs.filter_map(|output| value(reading, &output.published)?.parse().ok()).map(f64::abs).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let same = |one: &Reading, other: &Reading| {
        let (one, other) = (numbers(one), numbers(other));
        one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| close(*one, *other, 1e-4))
    };
    match plain.iter().zip(&mirrored).position(|(one, other)| !same(one, other)) {
        None => Shown { property, detail: "with bids and asks exchanged: the same numbers".to_owned(), hint: None },
        Some(place) => Shown {
            property,
            detail: format!("with bids and asks exchanged, the numbers of book {} are others, whatever their side and sign", place + 1),
            hint: Some("are buyers and sellers meant to be judged differently? if not, one side has a `<` where the other has `<=`"),
        },
    }
}

fn continuity(plugin: &Arc<Plugin>, series: &Series, books: &[Book], plain: &[Reading]) -> Shown {
    let property = "continuity";
    let nudged =
        trial::readings(plugin, &series.instrument, &changed(books, |side| side.sizes.iter_mut().for_each(|size| *size *= 1.0 + NUDGE)));
    match first(plugin, plain, &nudged, |kind| kind != OutputKind::Other, |one, other| near(one, other, JUMP)) {
        None => {
            Shown { property, detail: "with all sizes changed by a billionth: no number jumps, no state changes".to_owned(), hint: None }
        }
        Some((book, output, one, other)) => Shown {
            property,
            detail: format!("with all sizes changed by a billionth `{output}` jumps on book {book}: {one} became {other}"),
            hint: Some("a number on an edge flickers: let a state change back only well below where it came (hysteresis)"),
        },
    }
}

type Differs = (usize, String, String, String);

/// The first book, from 1, and output of such a kind with another value.
fn first(
    plugin: &Plugin,
    one: &[Reading],
    other: &[Reading],
    kind: impl Fn(OutputKind) -> bool,
    same: impl Fn(&str, &str) -> bool,
) -> Option<Differs> {
    for (place, (one, other)) in one.iter().zip(other).enumerate() {
        for output in plugin.described.iter().filter(|output| kind(output.kind)) {
            let (left, right) = (value(one, &output.published).unwrap_or(""), value(other, &output.published).unwrap_or(""));
            if !same(left, right) {
                let shown = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.chars().take(60).collect() };
                return Some((place + 1, output.name.clone(), shown(left), shown(right)));
            }
        }
    }
    None
}

fn value<'r>(reading: &'r Reading, published: &str) -> Option<&'r str> {
    reading.fields.iter().find(|(name, _)| name == published).map(|(_, value)| value.as_str())
}

/// Equal texts, or numbers near each other.
fn near(one: &str, other: &str, tolerance: f64) -> bool {
    one == other
        || match (one.parse::<f64>(), other.parse::<f64>()) {
            (Ok(one), Ok(other)) => close(one, other, tolerance),
            _ => list(one).zip(list(other)).is_some_and(|(one, other)| {
                one.len() == other.len() && one.iter().zip(&other).all(|(one, other)| close(*one, *other, tolerance))
            }),
        }
}

fn list(text: &str) -> Option<Vec<f64>> {
    serde_json::from_str(text).ok()
}

fn close(one: f64, other: f64, tolerance: f64) -> bool {
    (one - other).abs() <= tolerance * one.abs().max(other.abs()).max(1.0)
}

fn changed(books: &[Book], change: impl Fn(&mut Columns)) -> Vec<Book> {
    let mut books = books.to_vec();
    for book in &mut books {
        change(&mut book.bids);
        change(&mut book.asks);
    }
    books
}

/// Bids become asks: the prices of each book are reflected at its own mid, so that mid and spread stay what they are; sizes are changed so that
/// each level keeps its notional.
fn mirrored(books: &[Book], kind: Kind) -> Vec<Book> {
    let mut books = books.to_vec();
    for book in &mut books {
        let twice_mid = book.bids.prices.first().zip(book.asks.prices.first()).map_or(0.0, |(bid, ask)| bid + ask);
        for side in [&mut book.bids, &mut book.asks] {
            for (price, size) in side.prices.iter_mut().zip(&mut side.sizes) {
                let reflected = twice_mid - *price;
                if matches!(kind, Kind::Spot | Kind::Linear) {
                    *size *= *price / reflected;
                }
                *price = reflected;
            }
        }
        std::mem::swap(&mut book.bids, &mut book.asks);
    }
    books
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists_of_them_are_compared_by_value_and_words_by_letter() {
        assert!(near("1", "1.0000001", 1e-6) && near("[1,2]", "[1.0000001,2]", 1e-6) && near("normal", "normal", 0.0));
        assert!(!near("1", "1.1", 1e-6) && !near("[1]", "[1,2]", 1e-6) && !near("normal", "warning", 1.0) && !near("", "0", 1.0));
    }
}
