//! Simple rules for levels and large orders: levels that are much larger than the mean level.

use leadline_market::Book;

use super::Rule;
use super::series::Series;
use crate::background::{columns, depth, mid};
use crate::label::Ending;
use crate::market::Of;
use crate::seen::{Ended, Levels, Orders, Trend};

/// Levels farther from mid aren't looked at, bps.
const WINDOW_BPS: f64 = 100.0;
/// Times the mean level, and deviations above it.
const TIMES: f64 = 5.0;
const DEVIATIONS: f64 = 4.0;
/// Depth within this reach leans one way from this imbalance on, or from so many deviations.
const LEAN_BPS: f64 = 25.0;
const LEAN: f64 = 0.3;
const LEAN_DEVIATIONS: f64 = 2.0;
/// Orders up to which a level is one order.
const SINGLE: u32 = 2;

/// Prices, notionals and order counts of the large levels of a side, largest first.
fn large(rule: Rule, book: &Book, side: Of) -> Option<Vec<(f64, f64, u32)>> {
    let mid = mid(book)?;
    let columns = columns(book, side);
    let far = mid * WINDOW_BPS * 1e-4;
    let within = columns.prices.iter().take_while(|&&price| (price - mid).abs() <= far).count();
    let notionals: Vec<f64> = columns.prices[..within].iter().zip(&columns.sizes).map(|(price, size)| price * size).collect();
    let n = notionals.len().max(1) as f64;
    let mean = notionals.iter().sum::<f64>() / n;
    let deviation = libm::sqrt(notionals.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n);
    let least = match rule {
        Rule::FixedChange => TIMES * mean,
        Rule::RollingZ => mean + DEVIATIONS * deviation,
    };
    let mut large: Vec<(f64, f64, u32)> =
        (0..within).filter(|&i| notionals[i] > least).map(|i| (columns.prices[i], notionals[i], columns.orders[i])).collect();
    large.sort_by(|a, b| b.1.total_cmp(&a.1));
    Some(large)
}

/// The two largest of the large levels.
#[derive(Debug)]
pub struct LevelRule {
    rule: Rule,
    levels: Levels,
}

impl LevelRule {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, levels: Levels::default() }
    }

    pub(super) fn see(&mut self, book: &Book) -> Option<&Levels> {
        let mid = mid(book)?;
        self.levels.ended.clear();
        for side in Of::BOTH {
            let found = large(self.rule, book, side)?;
            let before = std::mem::take(&mut self.levels.published[side.index()]);
            self.levels.published[side.index()] = [0, 1].map(|place| found.get(place).map(|level| level.0));
            self.levels.candidates[side.index()] = found.iter().map(|level| level.0).collect();
            for price in before.into_iter().flatten() {
                if !columns(book, side).prices.contains(&price) {
                    let through = if side == Of::Bid { mid < price } else { mid > price };
                    let how = if through { Ending::Consumed } else { Ending::Pulled };
                    self.levels.ended.push(Ended { side, price, how });
                }
            }
        }
        Some(&self.levels)
    }
}

/// The large levels, and the lean of all depth within 25 bps.
#[derive(Debug)]
pub struct OrderRule {
    rule: Rule,
    orders: Orders,
    imbalances: Series,
}

impl OrderRule {
    pub(super) fn new(rule: Rule) -> Self {
        Self { rule, orders: Orders::default(), imbalances: Series::new(900) }
    }

    pub(super) fn see(&mut self, book: &Book) -> Option<&Orders> {
        let [bids, asks] = Of::BOTH.map(|side| depth(book, side, LEAN_BPS));
        let imbalance = if bids + asks > 0.0 { (bids - asks) / (bids + asks) } else { 0.0 };
        let (lean, from) = match self.rule {
            Rule::FixedChange => (imbalance, LEAN),
            Rule::RollingZ => (self.imbalances.z(imbalance), LEAN_DEVIATIONS),
        };
        self.imbalances.push(imbalance);
        self.orders.trend = Some(if lean > from {
            Trend::Bullish
        } else if lean < -from {
            Trend::Bearish
        } else {
            Trend::Neutral
        });
        for side in Of::BOTH {
            let found = large(self.rule, book, side)?;
            self.orders.large[side.index()] = found.iter().map(|level| (level.0, Some(level.2 <= SINGLE))).collect();
        }
        Some(&self.orders)
    }
}
