//! The plugin in docs/plugins.md, compiled: what is between the two lines stands there word for word.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "test code")]

// begins
use leadline_plugin::{Analysis, Answer, Book, Instrument, Lane};

leadline_plugin::parameters! {
    /// What an operator can set.
    pub struct Settings {
        /// Spread from which a book counts as wide.
        wide_bps: f64 = 10.0, unit "bps", range 0.0 to 1000.0;
    }
}

leadline_plugin::outputs! {
    /// What one book gives.
    pub struct Outputs {
        /// Best ask minus best bid, over mid
        spread_bps: f64, Bps, unit "bps", low 0.0;
        /// Whether the spread is at least wide_bps
        wide: bool, State;
    }
}

pub struct Spread;

impl Analysis for Spread {
    const SUMMARY: &'static str = "Relative spread";
    const LANE: Lane = Lane::Memory;
    type Parameters = Settings;
    type Outputs = Outputs;
    type State = ();

    fn open(_: &Instrument, _: &Settings) -> Result<Self, String> {
        Ok(Self)
    }

    fn analyze(&mut self, book: &Book<'_>, settings: &Settings) -> Answer<Outputs> {
        let spread_bps = book.depth.spread_bps;
        Answer::ok(Outputs { spread_bps, wide: spread_bps >= settings.wide_bps })
    }
}

leadline_plugin::plugin!(Spread);
// ends

#[test]
fn the_plugin_in_the_guide_is_this_one_and_keeps_the_contract() {
    use leadline_plugin::{Analyzed, Snapshot, harness, synthetic};

    let (_, here) = include_str!("guide.rs").split_once("// begins\n").unwrap();
    let (here, _) = here.split_once("// ends\n").unwrap();
    assert!(
        include_str!("../../docs/plugins.md").contains(&format!("```rust\n{here}```")),
        "docs/plugins.md and sdk/tests/guide.rs differ"
    );

    let instrument = synthetic::instrument(0.1);
    let mut market = synthetic::Market::new(1, synthetic::Settings::default());
    let books: Vec<Snapshot> = (0..50).map(|_| market.frame()).collect();
    let readings = harness::readings::<Analyzed<Spread>>(&instrument, r#"{"wide_bps": 0.1}"#, &books).unwrap();
    assert_eq!(harness::keeps_descriptor::<Analyzed<Spread>>(&readings), Ok(()));
    assert_eq!(harness::unmoved_by_invalid_books::<Analyzed<Spread>>(&instrument, "{}", &books[..5]), Ok(()));
    assert!(harness::readings::<Analyzed<Spread>>(&instrument, r#"{"wide_bps": -1}"#, &books).is_err_and(|error| error.contains("hint:")));
}
