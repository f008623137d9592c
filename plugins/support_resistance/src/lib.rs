//! Support and resistance: where resting orders pile up on each side of a book, and which two piles a side matter most.
//!
//! # Layout
//!
//! - [`algorithm`]: the analysis, book by book: candidates of each side, scored and followed.
//! - [`density`]: kernel density of notional over distance, its background, the peaks above it.
//! - [`tracking`]: candidates matched from book to book: age, high, state.
//! - [`places`]: level 1 and level 2 of a side, with incumbency.
//! - [`report`]: the outputs, declared and written.
//!
//! This file is the contract: it describes, opens, analyses, saves and restores.

pub mod algorithm;
pub mod density;
pub mod places;
pub mod report;
pub mod tracking;

use leadline_plugin::serde::{Deserialize, Serialize};
use leadline_plugin::{
    Descriptor, Instrument, Lane, Outcome, Parameters as _, Plugin, Reading, Snapshot, TickGrid, depth, fields, serde_json,
};

use algorithm::{FEWEST_LEVELS, Parameters, Saved, SupportResistance};

/// The plugin: the analysis, and what its readings are written with.
#[derive(Debug)]
pub struct SupportResistancePlugin {
    instrument: String,
    analysis: SupportResistance,
    grid: TickGrid,
    /// Reused by every reading.
    order: Vec<usize>,
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

impl Plugin for SupportResistancePlugin {
    fn describe() -> Descriptor {
        Descriptor {
            name: "support_resistance".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Prices where resting orders pile up, two a side, with strength, age and state".to_owned(),
            lane: Lane::Memory,
            outputs: report::outputs(),
            parameters: Parameters::schema(),
        }
    }

    fn open(instrument: Instrument, parameters: &str) -> Result<Self, String> {
        depth::check_instrument(&instrument)?;
        let analysis = SupportResistance::new(&instrument, Parameters::parse(parameters)?);
        Ok(Self { analysis, grid: TickGrid::new(instrument.tick_size), order: Vec::new(), instrument: instrument.id })
    }

    fn analyze(&mut self, book: &Snapshot) -> Result<Reading, String> {
        if let Err(outcome) = self.analysis.update(book) {
            let none = report::outputs_none();
            return Ok(Reading { outcome, fields: none, notices: Vec::new() });
        }
        let outcome = match (self.analysis.support.judged, self.analysis.resistance.judged) {
            (true, true) => Outcome::Ok,
            (support, _) => {
                let side = if support { "ask" } else { "bid" };
                fields::provisional(
                    "too_thin",
                    format!("fewer than {FEWEST_LEVELS} levels on the {side} side: nothing is said about it"),
                    None,
                )
            }
        };
        Ok(Reading {
            outcome,
            fields: report::fields_of(&self.analysis, book.time_ms, &self.grid, &mut self.order),
            notices: report::notices(&self.analysis, book.time_ms, &self.grid),
        })
    }

    fn save(&self) -> Result<Vec<u8>, String> {
        let state = State { form: STATE_FORM, instrument: self.instrument.clone(), saved: self.analysis.save() };
        serde_json::to_vec(&state).map_err(|error| format!("the state can't be written: {error}"))
    }

    // Levels are kept by price and their scores made anew from every book, so states pass between any two sets of parameters.
    fn restore(&mut self, from_version: &str, _from_parameters: &str, state: &[u8]) -> Result<(), String> {
        let state: State =
            serde_json::from_slice(state).map_err(|error| format!("the state saved by version {from_version} can't be read: {error}"))?;
        if state.form != STATE_FORM {
            return Err(format!("the state saved by version {from_version} has form {}, this version reads {STATE_FORM}", state.form));
        }
        if state.instrument != self.instrument {
            return Err(format!("the state is of {}, not of {}", state.instrument, self.instrument));
        }
        self.analysis.restore(state.saved)
    }
}

leadline_plugin::export!(SupportResistancePlugin);
