//! Large orders: the levels of a book that hold far more than the others, and which way they lean.
//!
//! Resting orders are weak evidence that can be withdrawn at any time (about a third of large ones in one exchange study were), so what is near and
//! has stood for a while counts for most. A book tells how many orders a level has, not how large each is: "average order", never "the order".
//!
//! # Layout
//!
//! - [`algorithm`]: the analysis, book by book, and its parameters.
//! - [`detection`]: the large levels of a side, their kind, and the distribution over distance.
//! - [`tendency`]: the smoothed imbalance and the word for it.
//! - [`usual`]: how far the large orders of this pair usually lean.
//! - [`report`]: the outputs, declared and written.
//!
//! This file is the contract: it describes, opens, analyses, saves and restores.

pub mod algorithm;
pub mod detection;
pub mod report;
pub mod tendency;
pub mod usual;

use leadline_plugin::serde::{Deserialize, Serialize};
use leadline_plugin::{
    Descriptor, Instrument, Lane, Outcome, Parameters as _, Plugin, Reading, Snapshot, TickGrid, depth, fields, serde_json,
};

use algorithm::{LargeOrders, Parameters, Saved};
use detection::FEWEST_LEVELS;

/// The plugin: the analysis, and what its readings are written with.
#[derive(Debug)]
pub struct LargeOrdersPlugin {
    instrument: String,
    parameters: Parameters,
    analysis: LargeOrders,
    grid: TickGrid,
}

/// Form of the saved state; another form is refused.
const STATE_FORM: u32 = 2;

#[derive(Serialize, Deserialize)]
#[serde(crate = "leadline_plugin::serde", deny_unknown_fields)]
struct State {
    form: u32,
    instrument: String,
    saved: Saved,
}

impl Plugin for LargeOrdersPlugin {
    fn describe() -> Descriptor {
        Descriptor {
            name: "large_orders".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Levels that hold far more than the others, their spread over distance, and which way they lean".to_owned(),
            lane: Lane::Memory,
            outputs: report::outputs(),
            parameters: Parameters::schema(),
        }
    }

    fn open(instrument: Instrument, parameters: &str) -> Result<Self, String> {
        depth::check_instrument(&instrument)?;
        let parameters = Parameters::parse(parameters)?;
        if parameters.exit > parameters.entry {
            return Err(format!(
                "parameters: exit {} is above entry {}; hint: the word would change to and fro",
                parameters.exit, parameters.entry
            ));
        }
        let analysis = LargeOrders::new(&instrument, parameters.clone());
        Ok(Self { analysis, parameters, grid: TickGrid::new(instrument.tick_size), instrument: instrument.id })
    }

    fn analyze(&mut self, book: &Snapshot) -> Result<Reading, String> {
        if let Err(outcome) = self.analysis.update(book) {
            return Ok(Reading { outcome, fields: report::fields_none(), notices: Vec::new() });
        }
        let outcome = if self.analysis.both_judged() {
            Outcome::Ok
        } else {
            let side = if self.analysis.buys.judged { "ask" } else { "bid" };
            let detail = format!("fewer than {FEWEST_LEVELS} levels on the {side} side: nothing is said about it, nor about a trend");
            fields::provisional("too_thin", detail, None)
        };
        Ok(Reading { outcome, fields: report::fields_of(&self.analysis, book.time_ms, &self.grid), notices: Vec::new() })
    }

    fn save(&self) -> Result<Vec<u8>, String> {
        let state = State { form: STATE_FORM, instrument: self.instrument.clone(), saved: self.analysis.save() };
        serde_json::to_vec(&state).map_err(|error| format!("the state can't be written: {error}"))
    }

    fn restore(&mut self, from_version: &str, from_parameters: &str, state: &[u8]) -> Result<(), String> {
        let state: State =
            serde_json::from_slice(state).map_err(|error| format!("the state saved by version {from_version} can't be read: {error}"))?;
        if state.form != STATE_FORM {
            return Err(format!("the state saved by version {from_version} has form {}, this version reads {STATE_FORM}", state.form));
        }
        if state.instrument != self.instrument {
            return Err(format!("the state is of {}, not of {}", state.instrument, self.instrument));
        }
        if !self.parameters.same_measure(&Parameters::parse(from_parameters)?) {
            return Err("what counts as large, or its weight, was measured with other parameters".to_owned());
        }
        self.analysis.restore(&state.saved)
    }
}

leadline_plugin::export!(LargeOrdersPlugin);
