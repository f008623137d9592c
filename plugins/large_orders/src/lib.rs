//! Large orders: the levels of a book that hold far more than the others, and which way they lean.
//!
//! Resting orders are weak evidence that can be withdrawn at any time (about a third of large ones in one exchange study were), so what is near and
//! has stood for a while counts for most. A book tells how many orders a level has, not how large each is: "average order", never "the order".
//!
//! # Layout
//!
//! - [`algorithm`]: the analysis, book by book, and its parameters.
//! - [`detection`]: the large levels of a side, their kind, and the distribution over distance.
//! - [`arrival`]: large levels that have just come, and whether that is rare.
//! - [`tendency`]: the smoothed imbalance and the word for it.
//! - [`usual`]: how far the large orders of this pair usually lean.
//! - [`report`]: the outputs, declared and written.
//!
//! This file is the contract.

pub mod algorithm;
pub mod arrival;
pub mod detection;
pub mod report;
pub mod tendency;
pub mod usual;

use leadline_plugin::{Analysis, Analyzed, Answer, Book, Instrument, Lane, Outcome};

use algorithm::{LargeOrders, Parameters};
use detection::FEWEST_LEVELS;
use report::Outputs;

/// The plugin.
pub type LargeOrdersPlugin = Analyzed<LargeOrders>;

impl Analysis for LargeOrders {
    const SUMMARY: &'static str = "Levels that hold far more than the others, their spread over distance, and which way they lean";
    const LANE: Lane = Lane::Memory;
    const STATE_FORMAT: u32 = 5;
    type Parameters = Parameters;
    type Outputs = Outputs;
    type State = Self;

    fn open(_: &Instrument, parameters: &Parameters) -> Result<Self, String> {
        if parameters.exit > parameters.entry {
            return Err(format!(
                "parameters: exit {} is above entry {}; hint: the word would change to and fro",
                parameters.exit, parameters.entry
            ));
        }
        Ok(Self::new(parameters))
    }

    fn analyze(&mut self, book: &Book<'_>, parameters: &Parameters) -> Answer<Outputs> {
        if let Err(Outcome::Unknown(reason)) = self.update(book, parameters) {
            return Answer::unknown(&reason.code, reason.detail);
        }
        let outputs = report::outputs(self, book);
        if self.both_judged() {
            Answer::ok(outputs)
        } else {
            let side = if self.buys.judged { "ask" } else { "bid" };
            let detail = format!("fewer than {FEWEST_LEVELS} levels on the {side} side: nothing is said about it, nor about a trend");
            Answer::provisional("too_thin", detail, None, outputs)
        }
    }

    fn save(&self) -> Option<&Self> {
        Some(self)
    }

    fn restore(&mut self, state: Self, from: &Parameters, parameters: &Parameters) -> Result<(), String> {
        if !parameters.same_measure(from) {
            return Err("what counts as large, or its weight, was measured with other parameters".to_owned());
        }
        if !state.fits(parameters) {
            return Err("the saved levels or the saved imbalance can't be".to_owned());
        }
        *self = state;
        Ok(())
    }
}

leadline_plugin::plugin!(LargeOrders);
