//! What is usual around a price, from the book alone and by plain sums: the measure in which planted walls are so many times the background.

use leadline_market::{Book, Columns};

use crate::market::Of;

/// Levels farther from mid are left out, as the analysis of levels does.
const WINDOW_BPS: f64 = 200.0;
/// The background of a price is the median of the densities within so many bandwidths.
const REACH: f64 = 8.0;

/// Mid price of a book: halfway between the touches. None: a side is empty.
#[must_use]
pub fn mid(book: &Book) -> Option<f64> {
    Some(0.5 * book.bids.prices.first()? + 0.5 * book.asks.prices.first()?)
}

/// The columns of a side.
#[must_use]
pub fn columns(book: &Book, side: Of) -> &Columns {
    if side == Of::Bid { &book.bids } else { &book.asks }
}

/// Distance and notional of each level within the window.
fn profile(book: &Book, side: Of) -> Vec<(f64, f64)> {
    let Some(mid) = mid(book) else { return Vec::new() };
    let columns = columns(book, side);
    let levels = columns.prices.iter().zip(&columns.sizes).map(|(&price, &size)| ((price - mid).abs() / mid * 1e4, price * size));
    levels.take_while(|&(distance, _)| distance <= WINDOW_BPS).collect()
}

/// How many levels of a side the analysis of levels looks at.
#[must_use]
pub fn within_window(book: &Book, side: Of) -> usize {
    profile(book, side).len()
}

/// The bandwidth that the analysis of levels documents: clamp(max(0.5 bps, 1.5 · median gap, coverage / 100), 0.5, 5) bps. None with fewer than two levels.
#[must_use]
pub fn bandwidth_bps(book: &Book, side: Of) -> Option<f64> {
    let levels = profile(book, side);
    let mut gaps: Vec<f64> = levels.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    gaps.sort_by(f64::total_cmp);
    let median = *gaps.get(gaps.len() / 2)?;
    Some((1.5 * median).max(levels.last()?.0 / 100.0).clamp(0.5, 5.0))
}

/// Notional a bandwidth around a distance from mid, quote units: the median over boxes of one bandwidth within ±8 bandwidths, at least half of the
/// mean over the side. None with fewer than two levels.
#[must_use]
pub fn background(book: &Book, side: Of, distance_bps: f64) -> Option<f64> {
    let levels = profile(book, side);
    let bandwidth = bandwidth_bps(book, side)?;
    let coverage = levels.last()?.0;
    let mut boxes = Vec::new();
    let mut low = (distance_bps - REACH * bandwidth).max(levels.first()?.0);
    while low + bandwidth <= (distance_bps + REACH * bandwidth).min(coverage) {
        let from = levels.partition_point(|level| level.0 < low);
        let to = levels.partition_point(|level| level.0 < low + bandwidth);
        boxes.push(levels[from..to].iter().map(|level| level.1).sum::<f64>());
        low += 0.5 * bandwidth;
    }
    boxes.sort_by(f64::total_cmp);
    let median = boxes.get(boxes.len() / 2).copied().unwrap_or(0.0);
    let mean = levels.iter().map(|level| level.1).sum::<f64>() * bandwidth / coverage.max(bandwidth);
    Some(median.max(0.5 * mean))
}

/// Notional of a side within so many bps of mid, quote units.
#[must_use]
pub fn depth(book: &Book, side: Of, reach_bps: f64) -> f64 {
    let Some(mid) = mid(book) else { return 0.0 };
    let columns = columns(book, side);
    let far = mid * reach_bps * 1e-4;
    let levels = columns.prices.iter().zip(&columns.sizes);
    levels.take_while(|&(&price, _)| (price - mid).abs() <= far).map(|(&price, &size)| price * size).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
pub(crate) mod tests {
    use super::*;

    /// 100 levels a side, 1 bps apart, of 10 000 quote units each: a bandwidth of 1.5 bps.
    pub(crate) fn even() -> Book {
        let side = |sign: f64| {
            let prices: Vec<f64> = (1..=100).map(|level| 10_000.0 + sign * f64::from(level)).collect();
            Columns { sizes: prices.iter().map(|price| 10_000.0 / price).collect(), orders: vec![1; 100], prices }
        };
        Book { bids: side(-1.0), asks: side(1.0), ..Book::empty() }
    }

    #[test]
    fn an_even_book_has_its_density_as_background_everywhere() {
        let book = even();
        let bandwidth = bandwidth_bps(&book, Of::Bid).unwrap();
        assert!((bandwidth - 1.5).abs() < 1e-9, "{bandwidth}");
        for distance in [1.0, 30.0, 99.0] {
            let background = background(&book, Of::Ask, distance).unwrap();
            // Levels 1 bps apart: boxes of 1.5 bps hold one or two.
            assert!((10_000.0..=20_000.0).contains(&background), "{distance}: {background}");
        }
        assert!((depth(&book, Of::Bid, 10.5) - 100_000.0).abs() < 1e-6);
    }

    #[test]
    fn one_giant_does_not_lift_the_background_around_it() {
        let mut book = even();
        book.bids.sizes[30] *= 1_000.0;
        // But for the floor, which is half of the mean with the giant in it.
        let floor = 0.5 * (1_099.0 * 10_000.0) * 1.5 / 100.0;
        assert!((background(&book, Of::Bid, 31.0).unwrap() / floor - 1.0).abs() < 0.01);
    }

    #[test]
    fn an_empty_side_has_none() {
        let book = Book::empty();
        assert_eq!((mid(&book), background(&book, Of::Bid, 1.0), depth(&book, Of::Ask, 10.0)), (None, None, 0.0));
    }
}
