//! How much depth changes from second to second: the same figures of generated and of recorded books, so that one can be held against the other.

use leadline_market::Book;

use crate::background::{columns, depth, mid};
use crate::market::Of;
use crate::score::statistics::quantile;

/// Bands as depth anomaly makes them: bps, and spreads.
const BANDS: [(f64, f64); 3] = [(5.0, 1.5), (10.0, 3.0), (25.0, 6.0)];

/// Figures of ln depth of one band of one side, sampled once a second.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Roughness {
    /// Reach of the band, bps.
    pub reach_bps: f64,
    /// Seconds.
    pub samples: usize,
    /// Standard deviation.
    pub deviation: f64,
    /// Correlation with the second before. Of few samples it is too small, by about (1 + 4φ) / n (Marriott and Pope, 1954).
    pub autocorrelation: f64,
    /// Standard deviation of the change in a second.
    pub step: f64,
    /// Share of seconds in which depth halves or worse.
    pub halvings: f64,
}

/// Gathers books of one pair, one a second.
#[derive(Debug, Default)]
pub struct Gauge {
    last: Option<(u64, Book)>,
    seconds: Vec<Book>,
}

impl Gauge {
    /// Takes a book; the last one of each second counts.
    pub fn push(&mut self, book: &Book) {
        let second = book.time_ms.div_ceil(1000);
        if let Some((at, last)) = self.last.take()
            && at != second
        {
            self.seconds.push(last);
        }
        self.last = Some((second, book.clone()));
    }

    /// The figures of three bands a side, bids first; none of a band that is empty at times. None of fewer than five seconds.
    #[must_use]
    pub fn figures(mut self) -> Option<[[Option<Roughness>; 3]; 2]> {
        self.seconds.extend(self.last.take().map(|last| last.1));
        let books = &self.seconds;
        if books.len() < 5 {
            return None;
        }
        let mut spreads: Vec<f64> = books.iter().filter_map(spread_bps).collect();
        let spread = quantile(&mut spreads, 0.5)?;
        Some(Of::BOTH.map(|side| {
            let coverage = books.iter().filter_map(|book| coverage_bps(book, side)).fold(f64::INFINITY, f64::min);
            BANDS.map(|(bps, spreads)| {
                let reach_bps = bps.max(spreads * spread).min(coverage);
                let series: Vec<f64> = books.iter().map(|book| depth(book, side, reach_bps)).collect();
                series.iter().all(|&depth| depth > 0.0).then(|| figures(reach_bps, &series))
            })
        }))
    }
}

fn spread_bps(book: &Book) -> Option<f64> {
    Some((book.asks.prices.first()? - book.bids.prices.first()?) / mid(book)? * 1e4)
}

fn coverage_bps(book: &Book, side: Of) -> Option<f64> {
    let mid = mid(book)?;
    Some((columns(book, side).prices.last()? - mid).abs() / mid * 1e4)
}

fn figures(reach_bps: f64, depths: &[f64]) -> Roughness {
    let x: Vec<f64> = depths.iter().map(|&depth| libm::log(depth)).collect();
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let squares: f64 = x.iter().map(|x| (x - mean) * (x - mean)).sum();
    let products: f64 = x.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    let steps: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let step = libm::sqrt(steps.iter().map(|step| step * step).sum::<f64>() / steps.len().max(1) as f64);
    let halvings = steps.iter().filter(|&&step| step <= -std::f64::consts::LN_2).count() as f64 / steps.len().max(1) as f64;
    Roughness {
        reach_bps,
        samples: x.len(),
        deviation: libm::sqrt(squares / n),
        autocorrelation: if squares > 0.0 { products / squares } else { 0.0 },
        step,
        halvings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_that_doubles_and_halves_has_the_figures_of_its_formula() {
        let figures = figures(25.0, &[1.0, 2.0, 1.0, 2.0, 1.0]);
        assert!((figures.step - std::f64::consts::LN_2).abs() < 1e-12);
        assert_eq!(figures.halvings, 0.5);
        assert!(figures.autocorrelation < -0.7);
    }
}
