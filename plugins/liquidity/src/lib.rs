//! liquidity: how liquid a market is against what is usual for it, minute by minute, and where it is going.
//!
//! # Layout
//!
//! - [`parameters`]: what an operator can set.
//! - [`algorithm`]: books in, one sample a second, a report out.
//! - `watch`: samples to minutes, minutes to a baseline, both to the index; the volume and what is left out.
//! - [`round_trip`]: the cost of buying and selling again.
//! - [`bulk`]: what a side's levels hold, giants aside.
//! - [`baseline`]: what is usual: the median of a day, later of the hour of day.
//! - [`index`]: the index from components and baseline, and its trend.
//! - [`lasting`]: what of the index lasts.
//! - [`drain`]: how much the last hour looks like a drain.
//! - [`hours`]: how low these go by themselves.
//! - [`alarm`]: from these to normal, warning or alert.
//!
//! This file is the contract.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod alarm;
pub mod algorithm;
pub mod baseline;
pub mod bulk;
pub mod drain;
pub mod hours;
pub mod index;
pub mod lasting;
pub mod parameters;
pub mod round_trip;
mod watch;

use algorithm::{COMPLETE, Evidence, Liquidity, PROVISIONAL, Report};
use baseline::{COST, Source};
use leadline_plugin::{Analysis, Analyzed, Answer, Book, Instrument, Json, Kind, Lane, format};
use parameters::Settings;

pub use watch::LeftOut;

leadline_plugin::outputs! {
    /// What one book is answered with.
    pub struct Outputs {
        /// 100 is usual; half the depth at twice the spread and cost is 50
        liquidity_index: f64, Score, low 0.0, high 200.0;
        /// normal, warning or alert
        liquidity_alert: &'static str, State;
        /// Spread, weaker side's depth in the 2nd and 3rd band, cost of a round trip: value, usual value, weight, or why one is left out
        components: Json, Other, unit "JSON";
        /// Its mean over the last minutes
        lasting: f64, Score, low 0.0, high 200.0;
        /// A lasting index below this is a warning: 75, or less where the pair goes that low by itself
        warning_line: f64, Score, low 0.0, high 200.0;
        /// What the levels of the weaker side hold, giants aside, over the last minutes, of what is usual
        bulk: f64, Ratio, unit "%", low 0.0;
        /// How much the last hour looks like a drain, standard deviations of what the pair does by itself; empty before two days tell that
        drain: Option<f64>, Score;
        /// Where: bid, ask or both; empty where that isn't a warning
        drain_side: Option<&'static str>, State;
        /// Change of the index over an hour (Theil-Sen)
        trend: Option<f64>, Ratio, unit "%/h", low -100.0;
        /// Probability of such a trend by accident (Mann-Kendall, Hamed-Rao)
        trend_p: Option<f64>, Ratio, low 0.0, high 1.0;
        /// What is usual: day (the last 24 hours) or hour_of_day (this time on 7 to 14 days)
        baseline: &'static str, State;
        /// Minutes of history behind the baseline
        baseline_age: i64, Time, unit "min", low 0.0;
    }
}

/// The plugin.
pub type LiquidityPlugin = Analyzed<LiquidityAnalysis>;

/// The analysis, and what its readings are written with.
#[derive(Debug)]
pub struct LiquidityAnalysis {
    kind: Kind,
    liquidity: Liquidity,
    /// The components of a second as JSON, until the next one.
    components: Option<(u64, String)>,
}

impl LiquidityAnalysis {
    fn outputs(&mut self, settings: &Settings) -> Option<Outputs> {
        let report = self.liquidity.report(settings)?;
        let ticks = self.liquidity.ticks;
        let components = match &self.components {
            Some((made, text)) if *made == ticks => text.clone(),
            _ => self.components.insert((ticks, components(&report))).1.clone(),
        };
        Some(Outputs {
            liquidity_index: report.index,
            liquidity_alert: report.state.word(),
            components: Json(components),
            lasting: report.lasting[0],
            warning_line: report.lasting[1],
            bulk: report.bulk,
            drain: report.drain.map(|drain| drain.0),
            drain_side: report.drain.filter(|drain| drain.0 > settings.drain_deviations).map(|drain| drain.1.word()),
            trend: report.trend.map(|trend| trend.percent_an_hour),
            trend_p: report.trend.map(|trend| trend.p),
            baseline: if report.source == Source::Day { "day" } else { "hour_of_day" },
            baseline_age: report.age_minutes as i64,
        })
    }
}

impl Analysis for LiquidityAnalysis {
    const SUMMARY: &'static str = "Spread, depth and cost of a round trip against the last 24 hours, as one index and its trend";
    const LANE: Lane = Lane::Buffered;
    const STATE_FORMAT: u32 = 3;
    type Parameters = Settings;
    type Outputs = Outputs;
    type State = Liquidity;

    fn open(instrument: &Instrument, settings: &Settings) -> Result<Self, String> {
        if settings.weight_spread + settings.weight_cost <= 0.0 {
            return Err(
                "parameters: weight_spread and weight_cost are both 0; hint: one must be above, since depths may have to be left out"
                    .to_owned(),
            );
        }
        Ok(Self { kind: instrument.kind, liquidity: Liquidity::new(settings), components: None })
    }

    fn analyze(&mut self, book: &Book<'_>, settings: &Settings) -> Answer<Outputs> {
        let notices = self.liquidity.push(book.depth, book.snapshot, self.kind, book.restarted, settings);
        let minutes = |minutes: usize| minutes as u64 * 60_000;
        let answer = match (self.liquidity.evidence(), self.outputs(settings)) {
            (Evidence::Complete, Some(outputs)) => Answer::ok(outputs),
            (Evidence::Provisional(missing), Some(outputs)) => {
                let detail = format!("the baseline wants {missing} of {COMPLETE} minutes more");
                Answer::provisional("baseline", detail, Some(minutes(missing)), outputs)
            }
            (Evidence::NoMinute(missing), _) => Answer::warming(
                "minute",
                format!("the last minute wants {missing} more samples of a second each, after a gap or with a band cut"),
                Some(missing as u64 * 1000),
            ),
            (Evidence::NoBands(missing), _) => Answer::warming(
                "bands",
                format!("the bands want {missing} more samples of a second each, a first baseline {PROVISIONAL} minutes after that"),
                Some(missing as u64 * 1000 + minutes(PROVISIONAL)),
            ),
            (evidence, _) => {
                let missing = if let Evidence::NoBaseline(missing) = evidence { missing } else { 1 };
                let detail = format!("a first baseline wants {missing} of {PROVISIONAL} minutes more");
                Answer::warming("baseline", detail, Some(minutes(missing)))
            }
        };
        answer.with_notices(notices)
    }

    fn restarted(&mut self) {
        self.liquidity.restart();
    }

    fn save(&self) -> Option<&Liquidity> {
        Some(&self.liquidity)
    }

    fn restore(&mut self, state: Liquidity, from: &Settings, settings: &Settings) -> Result<(), String> {
        if from != settings {
            return Err("the state was made with other parameters, and its baseline would mean something else with these".to_owned());
        }
        if !state.fits(settings) {
            return Err("the state contradicts itself".to_owned());
        }
        (self.liquidity, self.components) = (state, None);
        Ok(())
    }
}

/// The components as JSON.
fn components(report: &Report) -> String {
    let mut out = String::with_capacity(512);
    let put = |out: &mut String, name: &str, value: f64| {
        out.push_str(name);
        format::write(out, value);
    };
    for (i, (name, component)) in ["spread_bps", "depth_2", "depth_3", "cost_bps", "depth_bid", "depth_ask", "bulk_bid", "bulk_ask"]
        .into_iter()
        .zip(&report.components)
        .enumerate()
    {
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
        if i == COST {
            put(&mut out, ",\"volume\":", report.volume);
            out.push_str(if report.exhausted { ",\"exhausted\":true" } else { ",\"exhausted\":false" });
        }
    }
    out.push_str("}}");
    out
}

leadline_plugin::plugin!(LiquidityAnalysis);
