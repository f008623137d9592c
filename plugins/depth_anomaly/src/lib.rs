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

use algorithm::{DepthAnomaly, Evidence, PROVISIONAL};
use leadline_plugin::windows::saved;
use leadline_plugin::{
    Continuity, Depth, Descriptor, Field, Instrument, Lane, Outcome, OutputKind, Parameters as _, Plugin, Reading, Snapshot, Value, depth,
    fields, format,
};
use parameters::Settings;
use serde::{Deserialize, Serialize};

/// Shape of the saved state; raised whenever it changes.
const FORMAT: u32 = 2;

/// The outputs in the order of the fields of a reading.
const OUTPUTS: [fields::Declared; 8] = [
    (
        "depth_anomaly_score",
        OutputKind::Score,
        "",
        Some(0.0),
        Some(100.0),
        "How far depth is out of the ordinary; 50 is the threshold of a warning",
    ),
    ("depth_anomaly_alert", OutputKind::State, "", None, None, "normal, warning or alert"),
    ("side", OutputKind::State, "", None, None, "bid, ask or both: what raises the state; none when it is normal"),
    ("direction", OutputKind::State, "", None, None, "withdrawal or surge; none when the state is normal"),
    (
        "below_baseline",
        OutputKind::Ratio,
        "%",
        None,
        Some(100.0),
        "By how much this book's depth lies below its baseline, in the stream where it is lowest; negative above",
    ),
    (
        "bands",
        OutputKind::Other,
        "JSON",
        None,
        None,
        "Each band of each side at the last second: reach, depth, usual depth, percent below, deviations below; or why it is left out",
    ),
    (
        "evidence",
        OutputKind::Other,
        "JSON",
        None,
        None,
        "By side: breadth of the last second's change; for withdrawal and surge shock, drift and level, each 1 at its threshold",
    ),
    ("coverage", OutputKind::Bps, "bps", Some(0.0), None, "How far the bids and the asks of this book reach from mid"),
];

/// The plugin.
#[derive(Debug)]
pub struct DepthAnomalyPlugin {
    instrument: String,
    settings: Settings,
    depth: Depth,
    analysis: DepthAnomaly,
}

#[derive(Serialize)]
struct Saving<'a> {
    instrument: &'a str,
    settings: &'a Settings,
    analysis: &'a DepthAnomaly,
}

#[derive(Deserialize)]
struct Saved {
    instrument: String,
    settings: Settings,
    analysis: DepthAnomaly,
}

impl Plugin for DepthAnomalyPlugin {
    fn describe() -> Descriptor {
        Descriptor {
            name: "depth_anomaly".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Sudden withdrawals and surges of depth in three bands a side, against the last 15 minutes".to_owned(),
            lane: Lane::Buffered,
            outputs: OUTPUTS.iter().map(fields::output).collect(),
            parameters: Settings::schema(),
        }
    }

    fn open(instrument: Instrument, parameters: &str) -> Result<Self, String> {
        depth::check_instrument(&instrument)?;
        let settings = Settings::parse(parameters)?;
        let (depth, analysis) = (Depth::new(&instrument), DepthAnomaly::new(&settings));
        Ok(Self { instrument: instrument.id, settings, depth, analysis })
    }

    fn analyze(&mut self, book: &Snapshot) -> Result<Reading, String> {
        let restarted = book.continuity == Continuity::Restarted;
        if let Err(outcome) = self.depth.read(book, self.settings.accept_unverified) {
            if restarted {
                self.analysis.restart();
            }
            return Ok(Reading { outcome, fields: no_fields(), notices: Vec::new() });
        }
        let notices = self.analysis.push(&self.depth, book, restarted, &self.settings);
        let remaining = |samples: usize| Some(samples as u64 * 1000);
        let outcome = match self.analysis.evidence(&self.settings) {
            Evidence::Complete => Outcome::Ok,
            Evidence::Provisional(missing) => {
                fields::provisional("baseline", format!("the baseline wants {missing} more samples of a second each"), remaining(missing))
            }
            Evidence::NoBaseline(missing) => {
                fields::warming("baseline", format!("a first baseline wants {missing} more samples of a second each"), remaining(missing))
            }
            Evidence::NoBands(missing) => fields::warming(
                "bands",
                format!("the bands want {missing} more samples of a second each, a first baseline {PROVISIONAL} after that"),
                remaining(missing + PROVISIONAL),
            ),
        };
        let fields = self.analysis.report(&self.depth, &self.settings).map_or_else(no_fields, |report| {
            let word = |name, word: Option<&str>| word.map_or_else(|| fields::none(name), |word| fields::text(name, word));
            vec![
                fields::number(OUTPUTS[0].0, report.score),
                fields::text(OUTPUTS[1].0, report.state),
                word(OUTPUTS[2].0, report.side),
                word(OUTPUTS[3].0, report.direction),
                fields::maybe(OUTPUTS[4].0, report.below_baseline),
                fields::json(OUTPUTS[5].0, report.bands),
                fields::json(OUTPUTS[6].0, report.evidence),
                Field { name: OUTPUTS[7].0.to_owned(), value: Value::Numbers(report.coverage.map(format::round).to_vec()) },
            ]
        });
        Ok(Reading { outcome, fields, notices })
    }

    fn save(&self) -> Result<Vec<u8>, String> {
        saved::write(FORMAT, &Saving { instrument: &self.instrument, settings: &self.settings, analysis: &self.analysis })
    }

    fn restore(&mut self, from_version: &str, _from_parameters: &str, state: &[u8]) -> Result<(), String> {
        let saved: Saved = saved::read(FORMAT, state).map_err(|error| format!("saved by version {from_version}: {error}"))?;
        if saved.instrument != self.instrument {
            return Err(format!("the state is of {}, not of {}", saved.instrument, self.instrument));
        }
        if saved.settings != self.settings {
            return Err("the state was made with other parameters, and its baseline would mean something else with these".to_owned());
        }
        if !saved.analysis.fits(&self.settings) {
            return Err(format!("saved by version {from_version}: the state contradicts itself"));
        }
        self.analysis = saved.analysis;
        Ok(())
    }
}

/// Every output, with nothing to say.
fn no_fields() -> Vec<Field> {
    OUTPUTS.iter().map(|output| fields::none(output.0)).collect()
}

leadline_plugin::export!(DepthAnomalyPlugin);
