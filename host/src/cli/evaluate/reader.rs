//! What a plugin's fields say, in words that scores understand.

use leadline_evaluation::label::Ending;
use leadline_evaluation::market::Of;
use leadline_evaluation::seen::{Alarm, Analysis, Direction, Ended, Gravity, Levels, Orders, Seen, Trend};
use serde::Deserialize;

use crate::analysis::{Outcome, Reading};

/// Reads the readings of one analysis.
pub(super) struct Reader {
    analysis: Analysis,
    names: Vec<String>,
    levels: Levels,
    orders: Orders,
}

#[derive(Deserialize)]
struct LevelList {
    support: Vec<Priced>,
    support_ended: Vec<Gone>,
    resistance: Vec<Priced>,
    resistance_ended: Vec<Gone>,
}

#[derive(Deserialize)]
struct Priced {
    price: f64,
}

#[derive(Deserialize)]
struct Gone {
    price: f64,
    state: String,
}

#[derive(Deserialize)]
struct OrderList {
    buy: Vec<Large>,
    sell: Vec<Large>,
}

#[derive(Deserialize)]
struct Large {
    price: f64,
    kind: String,
}

impl Reader {
    pub(super) fn new(analysis: Analysis) -> Self {
        let fields: &[&str] = match analysis {
            Analysis::SupportResistance => {
                &["support_level_1", "support_level_2", "resistance_level_1", "resistance_level_2", "support_resistance.levels"]
            }
            Analysis::LargeOrders => &["large_order_trend", "large_orders.large_levels"],
            Analysis::DepthAnomaly => &["depth_anomaly_alert", "depth_anomaly.side", "depth_anomaly.direction"],
            Analysis::Liquidity => &["liquidity_alert"],
        };
        Self { analysis, names: fields.iter().map(|&name| name.to_owned()).collect(), levels: Levels::default(), orders: Orders::default() }
    }

    /// What a reading says. `lists`: whether anybody asks for more than the few published fields.
    ///
    /// An alarm without all its evidence isn't judged: its reading says `provisional` itself. Levels are, when a side is too thin for them.
    pub(super) fn read(&mut self, reading: &Reading, lists: bool) -> Seen<'_> {
        let field = |at: usize| {
            let name = &self.names[at];
            reading.fields.iter().find(|field| &field.0 == name).map_or("", |field| field.1.as_str())
        };
        match (self.analysis, &reading.outcome) {
            (Analysis::SupportResistance, Outcome::Ok | Outcome::Provisional(_)) => {
                for (at, place) in self.levels.published.iter_mut().flatten().enumerate() {
                    *place = field(at).parse().ok();
                }
                self.levels.candidates.iter_mut().for_each(Vec::clear);
                self.levels.ended.clear();
                if lists && let Ok(list) = serde_json::from_str::<LevelList>(field(4)) {
                    let sides = [(Of::Bid, list.support, list.support_ended), (Of::Ask, list.resistance, list.resistance_ended)];
                    for (side, candidates, ended) in sides {
                        self.levels.candidates[side.index()].extend(candidates.iter().map(|level| level.price));
                        let how = |state: &str| if state == "consumed" { Ending::Consumed } else { Ending::Pulled };
                        self.levels.ended.extend(ended.iter().map(|gone| Ended { side, price: gone.price, how: how(&gone.state) }));
                    }
                }
                Seen::Levels(&self.levels)
            }
            (Analysis::LargeOrders, Outcome::Ok | Outcome::Provisional(_)) => {
                self.orders.trend = match field(0) {
                    "bullish" => Some(Trend::Bullish),
                    "bearish" => Some(Trend::Bearish),
                    "neutral" => Some(Trend::Neutral),
                    // A side too thin to be judged: nothing is said, and that is no change of mind.
                    _ => None,
                };
                self.orders.large.iter_mut().for_each(Vec::clear);
                if lists && let Ok(list) = serde_json::from_str::<OrderList>(field(1)) {
                    for (side, large) in [(Of::Bid, list.buy), (Of::Ask, list.sell)] {
                        let single = |kind: &str| (kind != "unknown").then_some(kind == "single");
                        self.orders.large[side.index()].extend(large.iter().map(|level| (level.price, single(&level.kind))));
                    }
                }
                Seen::Orders(&self.orders)
            }
            (Analysis::DepthAnomaly | Analysis::Liquidity, Outcome::Ok) => {
                let gravity = match field(0) {
                    "warning" => Gravity::Warning,
                    "alert" => Gravity::Alert,
                    _ => Gravity::Normal,
                };
                if self.analysis == Analysis::Liquidity {
                    return Seen::Alarm(Alarm { gravity, sides: [false; 2], direction: None });
                }
                let sides = match field(1) {
                    "bid" => [true, false],
                    "ask" => [false, true],
                    "both" => [true, true],
                    _ => [false, false],
                };
                let direction = match field(2) {
                    "withdrawal" => Some(Direction::Withdrawal),
                    "surge" => Some(Direction::Surge),
                    _ => None,
                };
                Seen::Alarm(Alarm { gravity, sides, direction })
            }
            _ => Seen::Nothing,
        }
    }
}
