//! Microprice and queue imbalance: which way the best level leans. The same as `examples/python/microprice`, number for number.

use leadline_plugin::{Analysis, Answer, Book, Instrument, Lane, NoParameters};

leadline_plugin::outputs! {
    /// What one book gives.
    pub struct Outputs {
        /// Best bid and ask, each weighted by the other side's size
        price: f64, Other, unit "quote", low 0.0;
        /// Microprice minus mid, over mid
        offset_bps: f64, Bps, unit "bps";
        /// Bid size minus ask size, over both; best level
        imbalance: f64, Score, low -1.0, high 1.0;
    }
}

/// One pair's analysis.
pub struct Microprice;

impl Analysis for Microprice {
    const SUMMARY: &'static str = "Mid weighted by the sizes at the best level, and their imbalance";
    const LANE: Lane = Lane::Memory;
    type Parameters = NoParameters;
    type Outputs = Outputs;
    type State = ();

    fn open(_: &Instrument, _: &NoParameters) -> Result<Self, String> {
        Ok(Self)
    }

    fn analyze(&mut self, book: &Book<'_>, _: &NoParameters) -> Answer<Outputs> {
        let (bids, asks, mid) = (&book.snapshot.bids, &book.snapshot.asks, book.depth.mid);
        let both = bids.sizes[0] + asks.sizes[0];
        let price = bids.prices[0] * (asks.sizes[0] / both) + asks.prices[0] * (bids.sizes[0] / both);
        Answer::ok(Outputs { price, offset_bps: (price - mid) * (1e4 / mid), imbalance: (bids.sizes[0] - asks.sizes[0]) / both })
    }
}

leadline_plugin::plugin!(Microprice);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;
    use leadline_plugin::{Analyzed, Outcome, Side, Snapshot, Value, harness, synthetic};

    fn reading(bid_size: f64, ask_size: f64) -> [Value; 3] {
        let side = |price, size| Side { prices: vec![price], sizes: vec![size], orders: vec![1] };
        let good = synthetic::Market::new(1, synthetic::Settings::default()).frame();
        let book = Snapshot { bids: side(99.0, bid_size), asks: side(101.0, ask_size), ..good };
        let readings = harness::readings::<Analyzed<Microprice>>(&synthetic::instrument(0.1), "{}", &[book]).unwrap();
        ["price", "offset_bps", "imbalance"].map(|name| harness::field(&readings[0], name).unwrap().clone())
    }

    #[test]
    fn it_leans_towards_the_smaller_side_and_is_the_mid_when_both_are_equal() {
        assert_eq!(reading(3.0, 1.0), [100.5, 50.0, 0.5].map(Value::Number));
        assert_eq!(reading(2.0, 2.0), [100.0, 0.0, 0.0].map(Value::Number));
    }

    #[test]
    fn a_book_that_cannot_be_judged_is_unknown() {
        let good = synthetic::Market::new(1, synthetic::Settings::default()).frame();
        for (how, bad) in harness::invalid_books(&good) {
            let readings = harness::readings::<Analyzed<Microprice>>(&synthetic::instrument(0.1), "{}", &[bad]).unwrap();
            let empty = readings[0].fields.iter().all(|field| field.value == Value::None);
            assert!(matches!(readings[0].outcome, Outcome::Unknown(_)) && empty, "{how}");
        }
    }
}
