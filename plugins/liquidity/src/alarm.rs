//! From the index to normal, warning or alert, with hysteresis.

use crate::drain::On;
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
    /// The lasting bulk of the weaker side, percent of the usual.
    pub bulk: f64,
    /// How much the last hour looks like a drain, and where; none while that isn't known.
    pub drain: Option<(f64, On)>,
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
        let Second { index, lasting, lines, .. } = *second;
        let drain = second.drain.map_or(0.0, |drain| drain.0);
        // Back when the evidence is less than half of what raised it.
        let full = drain < 0.5 * settings.drain_deviations;
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
        } else if lasting < lines[0] || drain > settings.drain_deviations {
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
                let side = match second.drain {
                    Some((_, On::Bids)) => "bids drain",
                    Some((_, On::Asks)) => "asks drain",
                    Some((_, On::Both)) | None => "both sides drain",
                };
                (Severity::Warning, format!("liquidity drains: {side}, the weaker side has {:.0} % of its usual bulk", second.bulk))
            }
            State::Alert => {
                (Severity::Alert, format!("liquidity is far below usual: its index is {index:.0} of 100, its lasting index {lasting:.0}"))
            }
        };
        let code = format!("liquidity_{}", self.state.word());
        let fields = vec![
            fields::number("index", index),
            fields::number("lasting", lasting),
            fields::number("bulk", second.bulk),
            fields::number("drain", second.drain.map_or(0.0, |drain| drain.0)),
            fields::text("before", before.word()),
        ];
        Notice { severity, code, message, fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Second = Second { index: 95.0, lasting: 95.0, lines: [75.0, 50.0], bulk: 100.0, drain: Some((0.0, On::Both)) };

    /// Runs of (seconds, index, lasting index); the state after each.
    fn states(runs: &[(u32, f64, f64)]) -> Vec<State> {
        let mut alarm = Alarm::default();
        let settings = Settings::default();
        runs.iter()
            .map(|&(seconds, index, lasting)| {
                let second = Second { index, lasting, ..USUAL };
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
    fn a_drain_raises_until_its_evidence_is_half_of_what_raised_it() {
        use State::{Normal, Warning};
        let (mut alarm, settings) = (Alarm::default(), Settings { drain_deviations: 4.0, ..Settings::default() });
        let mut run = |seconds: u32, evidence: f64| {
            let second = Second { drain: Some((evidence, On::Asks)), ..USUAL };
            let told: Vec<Notice> = (0..seconds).filter_map(|_| alarm.push(&second, &settings)).collect();
            (alarm.state, told)
        };
        assert_eq!(run(1000, 3.9).0, Normal);
        let (state, told) = run(1, 4.1);
        assert!(state == Warning && told[0].message.contains("asks drain"), "{told:?}");
        assert_eq!([run(1000, 2.1).0, run(181, 1.9).0], [Warning, Normal]);
    }

    #[test]
    fn each_change_is_told_once() {
        let (mut alarm, settings) = (Alarm::default(), Settings::default());
        let second = |i: i32| Second { index: if i < 10 { 5.0 } else { 100.0 }, ..USUAL };
        let told: Vec<String> = (0..400).filter_map(|i| alarm.push(&second(i), &settings)).map(|notice| notice.code).collect();
        assert_eq!(told, ["liquidity_alert", "liquidity_normal"]);
    }
}
