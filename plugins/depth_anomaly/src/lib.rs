//! depth_anomaly: depth that leaves, or comes, faster or further than it usually does.
//!
//! # Layout
//!
//! - [`parameters`]: what an operator can set.
//! - [`algorithm`]: books in, one sample a second to the streams, a report out.
//! - [`stream`]: the depth of one band on one side against its own past.
//! - [`breadth`]: how many levels of a side lose size within a second, and the sums that find a shock or a drift in it.
//! - [`alarm`]: from the evidence of one second to normal, warning or alert, and to notices.
//!
//! This file is the contract.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alarm;
pub mod algorithm;
pub mod breadth;
pub mod parameters;
pub mod stream;

use algorithm::{DepthAnomaly, Evidence, PROVISIONAL, Report};
use leadline_plugin::{Analysis, Analyzed, Answer, Book, Instrument, Json, Lane};
use parameters::Settings;

leadline_plugin::outputs! {
    /// What one book is answered with.
    pub struct Outputs {
        /// How far depth is out of the ordinary; 50 is the threshold of a warning
        depth_anomaly_score: f64, Score, low 0.0, high 100.0;
        /// normal, warning or alert
        depth_anomaly_alert: &'static str, State;
        /// bid, ask or both: what raises the state; none when it is normal
        side: Option<&'static str>, State;
        /// withdrawal or surge; none when the state is normal
        direction: Option<&'static str>, State;
        /// By how much this book's depth lies below its baseline, in the stream where it is lowest; negative above
        below_baseline: Option<f64>, Ratio, unit "%", high 100.0;
        /// Each band of each side at the last second: reach, depth, usual depth, percent below, deviations below; or why it is left out
        bands: Json, Other, unit "JSON";
        /// By side: breadth of the last second's change; for withdrawal and surge shock, drift and level, each 1 at its threshold
        evidence: Json, Other, unit "JSON";
        /// How far the bids and the asks of this book reach from mid
        coverage: [f64; 2], Bps, unit "bps", low 0.0;
    }
}

impl From<Report> for Outputs {
    fn from(report: Report) -> Self {
        Self {
            depth_anomaly_score: report.score,
            depth_anomaly_alert: report.state,
            side: report.side,
            direction: report.direction,
            below_baseline: report.below_baseline,
            bands: Json(report.bands),
            evidence: Json(report.evidence),
            coverage: report.coverage,
        }
    }
}

/// The plugin.
pub type DepthAnomalyPlugin = Analyzed<DepthAnomaly>;

impl Analysis for DepthAnomaly {
    const SUMMARY: &'static str = "Sudden withdrawals and surges of depth in three bands a side, against the last 15 minutes";
    const LANE: Lane = Lane::Buffered;
    const STATE_FORMAT: u32 = 3;
    type Parameters = Settings;
    type Outputs = Outputs;
    type State = Self;

    fn open(_: &Instrument, settings: &Settings) -> Result<Self, String> {
        Ok(Self::new(settings))
    }

    fn analyze(&mut self, book: &Book<'_>, settings: &Settings) -> Answer<Outputs> {
        let notices = self.push(book.depth, book.snapshot, book.restarted, settings);
        let remaining = |samples: usize| Some(samples as u64 * 1000);
        let outputs = self.report(book.depth, settings).map(Outputs::from);
        let answer = match (self.evidence(settings), outputs) {
            (Evidence::Complete, Some(outputs)) => Answer::ok(outputs),
            (Evidence::Provisional(missing), Some(outputs)) => {
                let detail = format!("the baseline wants {missing} more samples of a second each");
                Answer::provisional("baseline", detail, remaining(missing), outputs)
            }
            (Evidence::NoBands(missing), _) => Answer::warming(
                "bands",
                format!("the bands want {missing} more samples of a second each, a first baseline {PROVISIONAL} after that"),
                remaining(missing + PROVISIONAL),
            ),
            (evidence, _) => {
                let missing = if let Evidence::NoBaseline(missing) = evidence { missing } else { 1 };
                let detail = format!("a first baseline wants {missing} more samples of a second each");
                Answer::warming("baseline", detail, remaining(missing))
            }
        };
        answer.with_notices(notices)
    }

    fn restarted(&mut self) {
        self.restart();
    }

    fn save(&self) -> Option<&Self> {
        Some(self)
    }

    fn restore(&mut self, state: Self, from: &Settings, settings: &Settings) -> Result<(), String> {
        if from != settings {
            return Err("the state was made with other parameters, and its baseline would mean something else with these".to_owned());
        }
        if !state.fits(settings) {
            return Err("the state contradicts itself".to_owned());
        }
        *self = state;
        Ok(())
    }
}

leadline_plugin::plugin!(DepthAnomaly);
