//! Microprice and queue imbalance: which way the best level leans. The same as `examples/python/microprice`, number for number.

use leadline_plugin::{Depth, Descriptor, Instrument, Lane, Outcome, OutputKind, Plugin, Reading, Snapshot, depth, fields};

const OUTPUTS: [fields::Declared; 3] = [
    ("price", OutputKind::Other, "quote", Some(0.0), None, "Best bid and ask, each weighted by the other side's size"),
    ("offset_bps", OutputKind::Bps, "bps", None, None, "Microprice minus mid, over mid"),
    ("imbalance", OutputKind::Score, "", Some(-1.0), Some(1.0), "Bid size minus ask size, over both; best level"),
];

/// One pair's analysis.
pub struct Microprice {
    depth: Depth,
}

impl Plugin for Microprice {
    fn describe() -> Descriptor {
        Descriptor {
            name: "microprice".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Mid weighted by the sizes at the best level, and their imbalance".to_owned(),
            lane: Lane::Memory,
            outputs: OUTPUTS.iter().map(fields::output).collect(),
            parameters: "{}".to_owned(),
        }
    }

    fn open(instrument: Instrument, _parameters: &str) -> Result<Self, String> {
        depth::check_instrument(&instrument)?;
        Ok(Self { depth: Depth::new(&instrument) })
    }

    fn analyze(&mut self, book: &Snapshot) -> Result<Reading, String> {
        if let Err(outcome) = self.depth.read(book, false) {
            return Ok(Reading { outcome, fields: Vec::new(), notices: Vec::new() });
        }
        let (bid, ask) = (book.bids.prices[0], book.asks.prices[0]);
        let (bid_size, ask_size) = (book.bids.sizes[0], book.asks.sizes[0]);
        let both = bid_size + ask_size;
        let mid = 0.5 * bid + 0.5 * ask;
        let price = bid * (ask_size / both) + ask * (bid_size / both);
        let fields = vec![
            fields::number("price", price),
            fields::number("offset_bps", (price - mid) * (1e4 / mid)),
            fields::number("imbalance", (bid_size - ask_size) / both),
        ];
        Ok(Reading { outcome: Outcome::Ok, fields, notices: Vec::new() })
    }
}

leadline_plugin::export!(Microprice);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;
    use leadline_plugin::{Side, Value, harness, synthetic};

    fn reading(bid_size: f64, ask_size: f64) -> [Value; 3] {
        let side = |price, size| Side { prices: vec![price], sizes: vec![size], orders: vec![1] };
        let good = synthetic::Market::new(1, synthetic::Settings::default()).frame();
        let book = Snapshot { bids: side(99.0, bid_size), asks: side(101.0, ask_size), ..good };
        let readings = harness::readings::<Microprice>(&synthetic::instrument(0.1), "{}", &[book]).unwrap();
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
            let readings = harness::readings::<Microprice>(&synthetic::instrument(0.1), "{}", &[bad]).unwrap();
            assert!(matches!(readings[0].outcome, Outcome::Unknown(_)) && readings[0].fields.is_empty(), "{how}");
        }
    }
}
