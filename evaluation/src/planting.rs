//! Walls in books that somebody recorded: real ground, and a label.

use leadline_market::{Book, Instrument};
use leadline_simulator::market::Dice;

use crate::background::{background, bandwidth_bps, columns, mid};
use crate::market::Of;

/// Walls are planted this near to mid.
const NEAR_BPS: f64 = 50.0;
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

/// Draws a wall of `multiple` times the local background of this book, within 50 bps of mid and what the side covers. Not within two bandwidths of a
/// level that holds more than the wall, where the two would be one pile by definition. None: the side is too thin, or has no such place.
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
        let near = levels
            .prices
            .iter()
            .zip(&levels.sizes)
            .filter(|level| bps(*level.0) > distance - 2.5 * bandwidth && bps(*level.0) < distance + 2.5 * bandwidth);
        let largest = near.map(|(price, size)| price * size).fold(0.0, f64::max);
        if largest < 0.5 * notional {
            let orders = if dice.chance(0.5) { 1 } else { 60 };
            return Some(Plant { side, price, size: notional / price, orders });
        }
    }
    None
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
