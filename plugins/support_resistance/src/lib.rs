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
//! This file is the contract.

pub mod algorithm;
pub mod density;
pub mod places;
pub mod report;
pub mod tracking;

use leadline_plugin::{Analysis, Analyzed, Answer, Book, Instrument, Lane, Outcome};

use algorithm::{FEWEST_LEVELS, Parameters, SupportResistance};
use report::Outputs;

/// The plugin.
pub type SupportResistancePlugin = Analyzed<SupportResistance>;

impl Analysis for SupportResistance {
    const SUMMARY: &'static str = "Prices where resting orders pile up, two a side, with strength, age and state";
    const LANE: Lane = Lane::Memory;
    const STATE_FORMAT: u32 = 3;
    type Parameters = Parameters;
    type Outputs = Outputs;
    type State = Self;

    fn open(_: &Instrument, _: &Parameters) -> Result<Self, String> {
        Ok(Self::default())
    }

    fn analyze(&mut self, book: &Book<'_>, parameters: &Parameters) -> Answer<Outputs> {
        if let Err(Outcome::Unknown(reason)) = self.update(book, parameters) {
            return Answer::unknown(&reason.code, reason.detail);
        }
        let outputs = report::outputs(self, book, parameters);
        let answer = match (self.support.judged, self.resistance.judged) {
            (true, true) => Answer::ok(outputs),
            (support, _) => {
                let side = if support { "ask" } else { "bid" };
                let detail = format!("fewer than {FEWEST_LEVELS} levels on the {side} side: nothing is said about it");
                Answer::provisional("too_thin", detail, None, outputs)
            }
        };
        answer.with_notices(report::notices(self, book, parameters))
    }

    fn save(&self) -> Option<&Self> {
        Some(self)
    }

    // Levels are kept by price and their scores made anew from every book, so states pass between any two sets of parameters.
    fn restore(&mut self, state: Self, _: &Parameters, _: &Parameters) -> Result<(), String> {
        if !state.is_sound() {
            return Err("the saved levels contradict themselves".to_owned());
        }
        *self = state;
        Ok(())
    }
}

leadline_plugin::plugin!(SupportResistance);
