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

/// What one second says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// The index of the last minute.
    pub index: f64,
    /// The index that lasts.
    pub lasting: f64,
    /// Lasting indices below these are a warning, an alert.
    pub lines: [f64; 2],
    /// The lasting bulk of the weaker side, percent of the usual, and below which it is a warning.
    pub bulk: [f64; 2],
}

/// The state and for how many samples in a row the lasting index has been where. Samples are a second apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The state now.
    pub state: State,
    above_warning: u32,
    above_alert: u32,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { state: State::Normal, above_warning: 0, above_alert: 0 }
    }
}

impl Alarm {
    /// One second. Gives a notice when the state changes.
    pub fn push(&mut self, second: &Second, settings: &Settings) -> Option<Notice> {
        let Second { index, lasting, lines, bulk: [bulk, bulk_line] } = *second;
        // Back when it has come more than half of the way, in logarithms.
        let full = bulk * bulk > 100.0 * bulk_line;
        for (run, holds) in [
            (&mut self.above_warning, full && lasting > settings.warning_back_above && index > settings.warning_below),
            (&mut self.above_alert, lasting > settings.alert_back_above && index > settings.alert_below),
        ] {
            *run = if holds { run.saturating_add(1) } else { 0 };
        }
        let lasts = |run: u32| run > settings.hold_seconds;
        let usual = if lasts(self.above_warning) { State::Normal } else { State::Warning };
        let raised = if index < settings.alert_at_once_below || lasting < lines[1] {
            State::Alert
        } else if lasting < lines[0] || bulk < bulk_line {
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
        (self.state != before).then(|| self.notice(before, second))
    }

    fn notice(&self, before: State, second: &Second) -> Notice {
        let Second { index, lasting, .. } = *second;
        let (severity, message) = match self.state {
            State::Normal => (Severity::Normal, "liquidity is back to normal".to_owned()),
            State::Warning if before == State::Alert => (Severity::Warning, format!("liquidity recovers: its index is {index:.0} of 100")),
            State::Warning if lasting < second.lines[0] => {
                (Severity::Warning, format!("liquidity is below usual: its lasting index is {lasting:.0} of 100"))
            }
            State::Warning => {
                (Severity::Warning, format!("liquidity is below usual: a side's orders have {:.0} % of their usual bulk", second.bulk[0]))
            }
            State::Alert => {
                (Severity::Alert, format!("liquidity is far below usual: its index is {index:.0} of 100, its lasting index {lasting:.0}"))
            }
        };
        let code = format!("liquidity_{}", self.state.word());
        let fields = vec![
            fields::number("index", index),
            fields::number("lasting", lasting),
            fields::number("bulk", second.bulk[0]),
            fields::text("before", before.word()),
        ];
        Notice { severity, code, message, fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs of (seconds, index, lasting index); the state after each.
    fn states(runs: &[(u32, f64, f64)]) -> Vec<State> {
        let mut alarm = Alarm::default();
        let settings = Settings::default();
        runs.iter()
            .map(|&(seconds, index, lasting)| {
                let second = Second { index, lasting, lines: [75.0, 50.0], bulk: [100.0, 80.0] };
                (0..seconds).for_each(|_| drop(alarm.push(&second, &settings)));
                alarm.state
            })
            .collect()
    }

    #[test]
    fn what_lasts_raises_and_a_moment_next_to_nothing_does() {
        use State::{Alert, Normal, Warning};
        assert_eq!(states(&[(1000, 40.0, 76.0), (1, 80.0, 74.0)]), [Normal, Warning]);
        assert_eq!(states(&[(1, 60.0, 51.0), (1, 60.0, 49.0)]), [Warning, Alert]);
        assert_eq!(states(&[(1, 9.0, 99.0)]), [Alert]);
    }

    #[test]
    fn the_way_back_has_hysteresis() {
        use State::{Alert, Normal, Warning};
        assert_eq!(states(&[(1, 49.0, 49.0), (1000, 59.0, 59.0), (180, 61.0, 61.0), (1, 61.0, 61.0)]), [Alert, Alert, Alert, Warning]);
        assert_eq!(states(&[(1, 74.0, 74.0), (1000, 90.0, 84.0), (180, 86.0, 86.0), (1, 86.0, 86.0)]), [Warning, Warning, Warning, Normal]);
        // Straight from alert to normal, when both ways back have been held; not while the index itself is low.
        assert_eq!(states(&[(1, 9.0, 100.0), (1000, 40.0, 100.0), (180, 100.0, 100.0), (1, 100.0, 100.0)]), [Alert, Alert, Alert, Normal]);
    }

    #[test]
    fn a_side_that_thins_out_raises_until_it_is_half_way_back() {
        use State::{Normal, Warning};
        let (mut alarm, settings) = (Alarm::default(), Settings::default());
        let mut run = |seconds: u32, bulk: f64| {
            let second = Second { index: 95.0, lasting: 95.0, lines: [75.0, 50.0], bulk: [bulk, 64.0] };
            (0..seconds).for_each(|_| drop(alarm.push(&second, &settings)));
            alarm.state
        };
        assert_eq!([run(1000, 65.0), run(1, 63.0), run(1000, 79.0), run(181, 81.0)], [Normal, Warning, Warning, Normal]);
    }

    #[test]
    fn each_change_is_told_once() {
        let (mut alarm, settings) = (Alarm::default(), Settings::default());
        let second = |i: i32| Second { index: if i < 10 { 5.0 } else { 100.0 }, lasting: 95.0, lines: [75.0, 50.0], bulk: [100.0, 0.0] };
        let told: Vec<String> = (0..400).filter_map(|i| alarm.push(&second(i), &settings)).map(|notice| notice.code).collect();
        assert_eq!(told, ["liquidity_alert", "liquidity_normal"]);
    }
}
