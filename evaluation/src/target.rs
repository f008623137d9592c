//! What the analyses are to reach, row by row.

use crate::score::Measure;
use crate::seen::Analysis;

/// A bound on a figure.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Target {
    /// Whether a figure reaches it.
    #[must_use]
    pub fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

/// Analysis, beginning and end of what it is about, what of it, bound.
type Row = (Analysis, &'static str, &'static str, &'static str, Target);

const ROWS: &[Row] = {
    use Analysis::{DepthAnomaly, LargeOrders, Liquidity, SupportResistance};
    use Target::{AtLeast, AtMost};
    &[
        (SupportResistance, "wall of 10×", "even", "published", AtLeast(0.98)),
        (SupportResistance, "published levels", "even", "at a wall", AtLeast(0.95)),
        (SupportResistance, "wall of 10×", "even", "error, median bandwidths", AtMost(1.0)),
        (SupportResistance, "wall pulled", "even", "end told right", AtLeast(0.95)),
        (SupportResistance, "wall consumed", "even", "end told right", AtLeast(0.95)),
        (SupportResistance, "wall of 10×", "recorded", "among the candidates", AtLeast(0.98)),
        (SupportResistance, "recorded BTC-USDT", "", "changes of level 1 in 10 s, bid side", AtMost(3.0)),
        (SupportResistance, "recorded BTC-USDT", "", "changes of level 1 in 10 s, ask side", AtMost(3.0)),
        (DepthAnomaly, "-50 % in 2 s, one side", "", "detected", AtLeast(0.98)),
        (DepthAnomaly, "-50 % in 2 s, one side", "", "delay, median s", AtMost(3.0)),
        (DepthAnomaly, "-50 % in 2 s, one side", "", "right side named", AtLeast(0.99)),
        (DepthAnomaly, "-70 % in 2 s, one side", "", "detected", AtLeast(0.995)),
        (DepthAnomaly, "-70 % in 2 s, one side", "", "right side named", AtLeast(0.99)),
        (DepthAnomaly, "no event", "", "false alarms a day", AtMost(0.2)),
        (DepthAnomaly, "price jump", "", "raises an alarm", AtMost(0.0)),
        (Liquidity, "-50 % in 60 min", "", "warned before its end", AtLeast(0.95)),
        (Liquidity, "no event from the eighth day on", "", "false alarms a day", AtMost(0.1)),
        (LargeOrders, "tendency, both sides alike", "", "neutral", AtLeast(0.95)),
        (LargeOrders, "tendency", "", "twice within 2 s, a day", AtMost(0.0)),
        (LargeOrders, "walls on one side, each", "", "named within 10 s", AtLeast(0.95)),
    ]
};

/// The bound on a row, where there is one.
#[must_use]
pub fn of(measure: &Measure) -> Option<Target> {
    ROWS.iter()
        .find(|(analysis, begin, end, what, _)| {
            // Numbers of walls stand before the words.
            let named =
                measure.of.starts_with(begin) || measure.of.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with(begin);
            *analysis == measure.analysis && named && measure.of.ends_with(end) && *what == measure.what
        })
        .map(|row| row.4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::Figure;

    #[test]
    fn rows_of_the_table_find_their_bound() {
        let of = |analysis, name: &str, what| of(&Measure::new(analysis, name, what, Figure::Rate));
        assert_eq!(of(Analysis::DepthAnomaly, "-50 % in 2 s, one side, liquid", "detected"), Some(Target::AtLeast(0.98)));
        assert_eq!(of(Analysis::DepthAnomaly, "-50 % in 30 s, one side, liquid", "detected"), None);
        assert_eq!(
            of(Analysis::LargeOrders, "3 walls on one side, each 10× the background or more, even", "named within 10 s"),
            Some(Target::AtLeast(0.95))
        );
        assert_eq!(of(Analysis::SupportResistance, "wall of 10× the background, liquid", "published"), None);
    }
}
