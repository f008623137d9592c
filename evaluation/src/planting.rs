//! Walls in books that somebody recorded: real ground, and a label.

use leadline_market::{Book, Instrument};
use leadline_simulator::market::Dice;

use crate::background::{background, bandwidth_bps, columns, mid, within_window};
use crate::market::Of;

/// Walls are planted this near to mid.
const NEAR_BPS: f64 = 50.0;
/// Piles within so many bandwidths of a wall are next to it: two, and half of one for where in its bandwidth a pile has its peak.
const NEXT: f64 = 2.5;
/// The analysis judges no side of fewer levels than this within its window.
const FEWEST_LEVELS: usize = 10;
/// Of places that were tried for one.
const TRIES: usize = 40;

/// A wall that stands in every book from a moment on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plant {
    /// Its side.
    pub side: Of,
    /// Its price, on the tick grid.
    pub price: f64,
    /// Its size, as the book's column has it: what is there already comes on top.
    pub size: f64,
    /// Resting orders.
    pub orders: u32,
}

/// Why a wall can't be looked for in a book, by the documented rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// The book doesn't reach so far, or the price has gone beyond it.
    Away,
    /// The side has too few levels to be judged.
    Thin,
    /// A pile next to it holds as much: two within two bandwidths are one, and the larger has the name.
    Outgrown,
}

impl LeftOut {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Away, Self::Thin, Self::Outgrown];

    /// As tables name it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Away => "books left out: the price beyond it, or the book's end before it",
            Self::Thin => "books left out: fewer than 10 levels on its side",
            Self::Outgrown => "books left out: a pile as large within 2.5 bandwidths",
        }
    }
}

/// Draws a wall of `multiple` times the local background of this book, within 50 bps of mid and what the side covers, where no pile next to it is as large.
/// None: the side is too thin, or has no such place.
#[must_use]
pub fn draw(book: &Book, instrument: &Instrument, multiple: f64, dice: &mut Dice) -> Option<Plant> {
    let side = if dice.chance(0.5) { Of::Bid } else { Of::Ask };
    let (mid, levels) = (mid(book)?, columns(book, side));
    let bandwidth = bandwidth_bps(book, side)?;
    let bps = |price: f64| (price - mid).abs() / mid * 1e4;
    let (first, last) = (bps(*levels.prices.first()?), bps(*levels.prices.last()?).min(NEAR_BPS));
    if within_window(book, side) < FEWEST_LEVELS || first + 4.0 * bandwidth > last {
        return None;
    }
    for _ in 0..TRIES {
        let distance = first + bandwidth + (last - first - 3.0 * bandwidth).max(0.0) * dice.unit();
        let sign = if side == Of::Bid { -1.0 } else { 1.0 };
        let tick = instrument.tick_size.to_f64();
        let price = (mid * (1.0 + sign * distance * 1e-4) / tick).round() * tick;
        let notional = multiple * background(book, side, distance)?;
        if is_largest(book, side, distance, notional) {
            let orders = if dice.chance(0.5) { 1 } else { 60 };
            return Some(Plant { side, price, size: notional / price, orders });
        }
    }
    None
}

/// Whether a wall of this notional is larger than all that is next to it in a book in which it isn't: nothing within 2.5 bandwidths of its place, taken a
/// bandwidth together, holds as much.
fn is_largest(book: &Book, side: Of, distance_bps: f64, notional: f64) -> bool {
    let (Some(mid), Some(bandwidth)) = (mid(book), bandwidth_bps(book, side)) else { return false };
    let levels = columns(book, side);
    let near: Vec<(f64, f64)> = levels
        .prices
        .iter()
        .zip(&levels.sizes)
        .map(|(&price, &size)| ((price - mid).abs() / mid * 1e4, price * size))
        .filter(|level| (level.0 - distance_bps).abs() < NEXT * bandwidth)
        .collect();
    near.iter().enumerate().all(|(first, from)| {
        let pile = near[first..].iter().take_while(|level| level.0 <= from.0 + bandwidth);
        pile.map(|level| level.1).sum::<f64>() < notional
    })
}

/// Puts a wall into a book.
///
/// # Errors
/// Why it can't be looked for there; unless it is [`LeftOut::Away`] it stands in the book all the same.
pub fn plant(book: &mut Book, wall: &Plant) -> Result<(), LeftOut> {
    let largest = mid(book).is_some_and(|mid| is_largest(book, wall.side, (wall.price - mid).abs() / mid * 1e4, wall.price * wall.size));
    if !insert(book, wall) {
        return Err(LeftOut::Away);
    }
    if within_window(book, wall.side) < FEWEST_LEVELS {
        return Err(LeftOut::Thin);
    }
    if largest { Ok(()) } else { Err(LeftOut::Outgrown) }
}

/// False: the book doesn't reach so far, or the price has gone beyond it.
fn insert(book: &mut Book, wall: &Plant) -> bool {
    let levels = if wall.side == Of::Bid { &mut book.bids } else { &mut book.asks };
    let better = |price: f64| if wall.side == Of::Bid { price > wall.price } else { price < wall.price };
    let at = levels.prices.partition_point(|&price| better(price));
    if at == 0 || at >= levels.len() {
        return false;
    }
    if levels.prices[at] == wall.price {
        levels.sizes[at] += wall.size;
        levels.orders[at] += wall.orders;
        return true;
    }
    levels.prices.insert(at, wall.price);
    levels.sizes.insert(at, wall.size);
    levels.orders.insert(at, wall.orders);
    // The feed carries no more levels than before.
    levels.prices.pop();
    levels.sizes.pop();
    levels.orders.pop();
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;
    use crate::background::tests::even;

    /// Ten times the background of `even`, 50 bps from mid.
    const WALL: Plant = Plant { side: Of::Bid, price: 9_950.0, size: 100_000.0 / 9_950.0, orders: 1 };

    #[test]
    fn a_wall_stands_out_until_a_pile_next_to_it_holds_as_much() {
        let planted = |times: f64| {
            let mut book = even();
            // Two levels within a bandwidth, 2 and 3 bps away.
            for level in [51, 52] {
                book.bids.sizes[level] *= times;
            }
            let wall = plant(&mut book, &WALL);
            assert_eq!(book.bids.len(), 100, "the feed carries no more levels than before");
            let far = Plant { price: 9_940.0, ..WALL };
            (wall, plant(&mut book, &far))
        };
        assert_eq!(planted(1.0), (Ok(()), Ok(())));
        assert_eq!(planted(4.9), (Ok(()), Ok(())));
        assert_eq!(planted(5.1), (Err(LeftOut::Outgrown), Ok(())), "7 bps away are more than 2.5 bandwidths");
    }

    #[test]
    fn a_wall_is_looked_for_only_where_the_book_reaches_and_the_side_is_judged() {
        let beyond = Plant { price: 9_890.0, ..WALL };
        assert_eq!(plant(&mut even(), &beyond), Err(LeftOut::Away), "the book ends before it");
        let passed = Plant { price: 10_000.0, ..WALL };
        assert_eq!(plant(&mut even(), &passed), Err(LeftOut::Away), "the price is beyond it");
        let thin = |levels: usize| {
            let mut book = even();
            let columns = &mut book.bids;
            columns.prices.drain(levels - 1..99);
            columns.sizes.drain(levels - 1..99);
            columns.orders.drain(levels - 1..99);
            plant(&mut book, &Plant { price: 9_996.5, ..WALL })
        };
        assert_eq!(thin(9), Err(LeftOut::Thin));
        assert_eq!(thin(10), Ok(()));
    }
}
