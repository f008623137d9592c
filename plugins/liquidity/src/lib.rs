//! liquidity: how liquid a market is against what is usual for it, minute by minute, and where it is going.
//!
//! # Layout
//!
//! - [`parameters`]: what an operator can set.
//! - [`algorithm`]: books in, one sample a second, a report out.
//! - `watch`: samples to minutes, minutes to a baseline, both to the index; the volume and what is left out.
//! - [`round_trip`]: the cost of buying and selling again.
//! - [`baseline`]: what is usual: the median of a day, later of the hour of day.
//! - [`index`]: the index from components and baseline, and its trend.
//! - [`alarm`]: from the index to normal, warning or alert.
//!
//! This file is the contract.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alarm;
pub mod algorithm;
pub mod baseline;
pub mod index;
pub mod parameters;
pub mod round_trip;
mod watch;

use algorithm::{COMPLETE, Evidence, Liquidity, PROVISIONAL, Report};
use baseline::Source;
use leadline_plugin::windows::saved;
use leadline_plugin::{
    Continuity, Depth, Descriptor, Field, Instrument, Kind, Lane, Outcome, OutputKind, Parameters as _, Plugin, Reading, Snapshot, depth,
    fields, format,
};
use parameters::Settings;
use serde::{Deserialize, Serialize};

pub use watch::LeftOut;

/// Shape of the saved state; raised whenever it changes.
const FORMAT: u32 = 1;

/// The outputs in the order of the fields of a reading.
const OUTPUTS: [fields::Declared; 7] = [
    (
        "liquidity_index",
        OutputKind::Score,
        "",
        Some(0.0),
        Some(index::MOST),
        "100 is usual; half the depth at twice the spread and cost is 50",
    ),
    ("liquidity_alert", OutputKind::State, "", None, None, "normal, warning or alert"),
    (
        "components",
        OutputKind::Other,
        "JSON",
        None,
        None,
        "Spread, weaker side's depth in the 2nd and 3rd band, cost of a round trip: value, usual value, weight, or why one is left out",
    ),
    ("trend", OutputKind::Ratio, "%/h", Some(-100.0), None, "Change of the index over an hour (Theil-Sen)"),
    ("trend_p", OutputKind::Ratio, "", Some(0.0), Some(1.0), "Probability of such a trend by accident (Mann-Kendall, Hamed-Rao)"),
    ("baseline", OutputKind::State, "", None, None, "What is usual: day (the last 24 hours) or hour_of_day (this time on 7 to 14 days)"),
    ("baseline_age", OutputKind::Time, "min", Some(0.0), None, "Minutes of history behind the baseline"),
];

/// The plugin.
#[derive(Debug)]
pub struct LiquidityPlugin {
    instrument: String,
    kind: Kind,
    settings: Settings,
    depth: Depth,
    analysis: Liquidity,
    /// The fields of a second, until the next one.
    made: Option<(u64, Vec<Field>)>,
}

#[derive(Serialize)]
struct Saving<'a> {
    instrument: &'a str,
    settings: &'a Settings,
    analysis: &'a Liquidity,
}

#[derive(Deserialize)]
struct Saved {
    instrument: String,
    settings: Settings,
    analysis: Liquidity,
}

impl Plugin for LiquidityPlugin {
    fn describe() -> Descriptor {
        Descriptor {
            name: "liquidity".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Spread, depth and cost of a round trip against the last 24 hours, as one index and its trend".to_owned(),
            lane: Lane::Buffered,
            outputs: OUTPUTS.iter().map(fields::output).collect(),
            parameters: Settings::schema(),
        }
    }

    fn open(instrument: Instrument, parameters: &str) -> Result<Self, String> {
        depth::check_instrument(&instrument)?;
        let settings = Settings::parse(parameters)?;
        if settings.weight_spread + settings.weight_cost <= 0.0 {
            return Err(
                "parameters: weight_spread and weight_cost are both 0; hint: one must be above, since depths may have to be left out"
                    .to_owned(),
            );
        }
        let (depth, analysis) = (Depth::new(&instrument), Liquidity::new(&settings));
        Ok(Self { instrument: instrument.id, kind: instrument.kind, settings, depth, analysis, made: None })
    }

    fn analyze(&mut self, book: &Snapshot) -> Result<Reading, String> {
        let restarted = book.continuity == Continuity::Restarted;
        if let Err(outcome) = self.depth.read(book, self.settings.accept_unverified) {
            if restarted {
                self.analysis.restart();
            }
            return Ok(Reading { outcome, fields: no_fields(), notices: Vec::new() });
        }
        let notices = self.analysis.push(&self.depth, book, self.kind, restarted, &self.settings);
        let minutes = |minutes: usize| minutes as u64 * 60_000;
        let outcome = match self.analysis.evidence() {
            Evidence::Complete => Outcome::Ok,
            Evidence::Provisional(missing) => {
                fields::provisional("baseline", format!("the baseline wants {missing} of {COMPLETE} minutes more"), Some(minutes(missing)))
            }
            Evidence::NoMinute(missing) => fields::warming(
                "minute",
                format!("the last minute wants {missing} more samples of a second each, after a gap or with a band cut"),
                Some(missing as u64 * 1000),
            ),
            Evidence::NoBaseline(missing) => fields::warming(
                "baseline",
                format!("a first baseline wants {missing} of {PROVISIONAL} minutes more"),
                Some(minutes(missing)),
            ),
            Evidence::NoBands(missing) => fields::warming(
                "bands",
                format!("the bands want {missing} more samples of a second each, a first baseline {PROVISIONAL} minutes after that"),
                Some(missing as u64 * 1000 + minutes(PROVISIONAL)),
            ),
        };
        let fields = match &self.made {
            Some((ticks, fields)) if *ticks == self.analysis.ticks => fields.clone(),
            _ => {
                let fields = self.analysis.report().as_ref().map_or_else(no_fields, fields_of);
                self.made = Some((self.analysis.ticks, fields.clone()));
                fields
            }
        };
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
        self.made = None;
        Ok(())
    }
}

fn fields_of(report: &Report) -> Vec<Field> {
    vec![
        fields::number(OUTPUTS[0].0, report.index),
        fields::text(OUTPUTS[1].0, report.state.word()),
        fields::json(OUTPUTS[2].0, components(report)),
        fields::maybe(OUTPUTS[3].0, report.trend.map(|trend| trend.percent_an_hour)),
        fields::maybe(OUTPUTS[4].0, report.trend.map(|trend| trend.p)),
        fields::text(OUTPUTS[5].0, if report.source == Source::Day { "day" } else { "hour_of_day" }),
        fields::integer(OUTPUTS[6].0, report.age_minutes as i64),
    ]
}

/// The components as JSON.
fn components(report: &Report) -> String {
    let mut out = String::with_capacity(512);
    let put = |out: &mut String, name: &str, value: f64| {
        out.push_str(name);
        format::write(out, value);
    };
    for (i, (name, component)) in ["spread_bps", "depth_2", "depth_3", "cost_bps"].into_iter().zip(&report.components).enumerate() {
        out.push_str(if i == 0 { "{\"" } else { "},\"" });
        out.push_str(name);
        put(&mut out, "\":{\"value\":", component.value);
        put(&mut out, ",\"usual\":", component.usual);
        put(&mut out, ",\"weight\":", component.weight);
        if let Some(why) = component.left_out {
            out.push_str(if why == LeftOut::Cut { ",\"left_out\":\"cut\"" } else { ",\"left_out\":\"empty\"" });
        }
        if let 1 | 2 = i {
            put(&mut out, ",\"bid_bps\":", report.reach[i - 1][0]);
            put(&mut out, ",\"ask_bps\":", report.reach[i - 1][1]);
        }
    }
    put(&mut out, ",\"volume\":", report.volume);
    out.push_str(if report.exhausted { ",\"exhausted\":true}}" } else { ",\"exhausted\":false}}" });
    out
}

/// Every output, with nothing to say.
fn no_fields() -> Vec<Field> {
    OUTPUTS.iter().map(|output| fields::none(output.0)).collect()
}

leadline_plugin::export!(LiquidityPlugin);
