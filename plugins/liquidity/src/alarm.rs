//! From the index to normal, warning or alert, with hysteresis.

use crate::parameters::Settings;
use leadline_plugin::{Notice, Severity, fields};
use serde::{Deserialize, Serialize};

/// The state of the analysis; its order is that of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// As usual.
    Normal,
    /// Less liquid than usual, or on the way there.
    Warning,
    /// Much less liquid than usual.
    Alert,
}

impl State {
    /// As a reading says it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Warning => "warning",
            Self::Alert => "alert",
        }
    }
}

/// The state and for how many samples in a row the index has been where. Samples are a second apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The state now.
    pub state: State,
    below_warning: u32,
    below_alert: u32,
    above_warning: u32,
    above_alert: u32,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { state: State::Normal, below_warning: 0, below_alert: 0, above_warning: 0, above_alert: 0 }
    }
}

impl Alarm {
    /// The index of one second; `falling`: the trend is a warning by itself. Gives a notice when the state changes.
    pub fn push(&mut self, index: f64, falling: bool, settings: &Settings) -> Option<Notice> {
        for (run, holds) in [
            (&mut self.below_warning, index < settings.warning_below),
            (&mut self.below_alert, index < settings.alert_below),
            (&mut self.above_warning, index > settings.warning_back_above),
            (&mut self.above_alert, index > settings.alert_back_above),
        ] {
            *run = if holds { run.saturating_add(1) } else { 0 };
        }
        let lasts = |run: u32| run > settings.hold_seconds;
        let usual = if lasts(self.above_warning) && !falling { State::Normal } else { State::Warning };
        let raised = if index < settings.alert_at_once_below || lasts(self.below_alert) {
            State::Alert
        } else if falling || lasts(self.below_warning) {
            State::Warning
        } else {
            State::Normal
        };
        let kept = match self.state {
            State::Alert if !lasts(self.above_alert) => State::Alert,
            State::Alert | State::Warning => usual,
            State::Normal => State::Normal,
        };
        let before = std::mem::replace(&mut self.state, raised.max(kept));
        (self.state != before).then(|| self.notice(before, index, falling))
    }

    fn notice(&self, before: State, index: f64, falling: bool) -> Notice {
        let (severity, message) = match self.state {
            State::Normal => (Severity::Normal, "liquidity is back to normal".to_owned()),
            State::Warning if before == State::Alert => (Severity::Warning, format!("liquidity recovers: its index is {index:.0} of 100")),
            State::Warning if falling => {
                (Severity::Warning, format!("liquidity has been falling for an hour: its index is {index:.0} of 100"))
            }
            State::Warning => (Severity::Warning, format!("liquidity is below usual: its index is {index:.0} of 100")),
            State::Alert => (Severity::Alert, format!("liquidity is far below usual: its index is {index:.0} of 100")),
        };
        let code = format!("liquidity_{}", self.state.word());
        Notice { severity, code, message, fields: vec![fields::number("index", index), fields::text("before", before.word())] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of (seconds, index, falling); the state after each.
    fn states(runs: &[(u32, f64, bool)]) -> Vec<State> {
        let mut alarm = Alarm::default();
        let settings = Settings::default();
        runs.iter()
            .map(|&(seconds, index, falling)| {
                (0..seconds).for_each(|_| drop(alarm.push(index, falling, &settings)));
                alarm.state
            })
            .collect()
    }

    #[test]
    fn three_minutes_below_raise_and_a_moment_far_below_does() {
        use State::{Alert, Normal, Warning};
        assert_eq!(states(&[(180, 74.0, false), (1, 74.0, false)]), [Normal, Warning]);
        assert_eq!(states(&[(180, 74.0, false), (1, 76.0, false), (180, 74.0, false)]), [Normal, Normal, Normal]);
        assert_eq!(states(&[(180, 49.0, false), (1, 49.0, false)]), [Normal, Alert]);
        assert_eq!(states(&[(1, 29.0, false)]), [Alert]);
        assert_eq!(states(&[(1, 110.0, true)]), [Warning]);
    }

    #[test]
    fn the_way_back_has_hysteresis() {
        use State::{Alert, Normal, Warning};
        assert_eq!(
            states(&[(181, 49.0, false), (1000, 59.0, false), (180, 61.0, false), (1, 61.0, false)]),
            [Alert, Alert, Alert, Warning]
        );
        assert_eq!(
            states(&[(181, 74.0, false), (1000, 84.0, false), (180, 86.0, false), (1, 86.0, false)]),
            [Warning, Warning, Warning, Normal]
        );
        // Straight from alert to normal, when both ways back have been held.
        assert_eq!(states(&[(1, 29.0, false), (180, 100.0, false), (1, 100.0, false)]), [Alert, Alert, Normal]);
        // A fall keeps its warning up however high the index is.
        assert_eq!(states(&[(1, 110.0, true), (500, 110.0, true), (1, 110.0, false)]), [Warning, Warning, Normal]);
    }

    #[test]
    fn each_change_is_told_once() {
        let (mut alarm, settings) = (Alarm::default(), Settings::default());
        let told: Vec<String> =
            (0..400).filter_map(|i| alarm.push(if i < 10 { 20.0 } else { 100.0 }, false, &settings)).map(|notice| notice.code).collect();
        assert_eq!(told, ["liquidity_alert", "liquidity_normal"]);
    }
}
