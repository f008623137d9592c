//! Walls in books that somebody recorded: real ground, and a label.

use leadline_market::{Book, Instrument};
use leadline_simulator::market::Dice;

use crate::background::{background, bandwidth_bps, columns, mid};
use crate::market::Of;

/// Walls are planted this near to mid.
const NEAR_BPS: f64 = 50.0;
/// Piles within so many bandwidths of a wall are next to it.
const NEXT: f64 = 2.5;
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

/// Draws a wall of `multiple` times the local background of this book, within 50 bps of mid and what the side covers, where the place [`is_clear`]. None: the
/// side is too thin, or has no such place.
#[must_use]
pub fn draw(book: &Book, instrument: &Instrument, multiple: f64, dice: &mut Dice) -> Option<Plant> {
    let side = if dice.chance(0.5) { Of::Bid } else { Of::Ask };
    let (mid, levels) = (mid(book)?, columns(book, side));
    let bandwidth = bandwidth_bps(book, side)?;
    let bps = |price: f64| (price - mid).abs() / mid * 1e4;
    let (first, last) = (bps(*levels.prices.first()?), bps(*levels.prices.last()?).min(NEAR_BPS));
    // A side of fewer levels isn't judged by the analysis.
    if levels.len() < 10 || first + 4.0 * bandwidth > last {
        return None;
    }
    for _ in 0..TRIES {
        let distance = first + bandwidth + (last - first - 3.0 * bandwidth).max(0.0) * dice.unit();
        let sign = if side == Of::Bid { -1.0 } else { 1.0 };
        let tick = instrument.tick_size.to_f64();
        let price = (mid * (1.0 + sign * distance * 1e-4) / tick).round() * tick;
        let notional = multiple * background(book, side, distance)?;
        if is_clear(book, side, distance, notional) {
            let orders = if dice.chance(0.5) { 1 } else { 60 };
            return Some(Plant { side, price, size: notional / price, orders });
        }
    }
    None
}

/// Whether a wall of this notional can be told from the pile next to it: nothing within 2.5 bandwidths of its place, taken a bandwidth together, holds half as
/// much. Two piles within two bandwidths are one by definition, and the larger has the name.
#[must_use]
pub fn is_clear(book: &Book, side: Of, distance_bps: f64, notional: f64) -> bool {
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
        pile.map(|level| level.1).sum::<f64>() < 0.5 * notional
    })
}

/// Whether a wall's place is clear in this book, in which it isn't yet.
#[must_use]
pub fn stands_alone(book: &Book, wall: &Plant) -> bool {
    mid(book).is_some_and(|mid| is_clear(book, wall.side, (wall.price - mid).abs() / mid * 1e4, wall.price * wall.size))
}

/// Puts a wall into a book. It is not there when the book doesn't reach so far, or the price has gone beyond it.
pub fn plant(book: &mut Book, wall: &Plant) -> bool {
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

    #[test]
    fn a_wall_next_to_a_pile_of_half_its_size_is_not_alone() {
        let wall = Plant { side: Of::Bid, price: 9_950.0, size: 100_000.0 / 9_950.0, orders: 1 };
        let mut book = even();
        assert!(stands_alone(&book, &wall), "20 000 a bandwidth beside 100 000");
        // 30 000 and 30 000 within a bandwidth, 2 and 3 bps away.
        for level in [51, 52] {
            book.bids.sizes[level] *= 3.0;
        }
        assert!(!stands_alone(&book, &wall));
        let far = Plant { price: 9_940.0, ..wall };
        assert!(stands_alone(&book, &far), "7 bps are more than 2.5 bandwidths");
        assert!(plant(&mut book, &far) && book.bids.len() == 100);
    }
}
