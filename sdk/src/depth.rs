//! A book as every analysis needs it: mid, distances, notional and their prefix sums; broken books are refused with a code.

use crate::{Instrument, Kind, Outcome, Side, Snapshot, Trust, fields, kernels};

/// The common view of a book. Made once an instance; [`Depth::read`] reuses its buffers from call to call.
#[derive(Debug, Clone)]
pub struct Depth {
    /// (best bid + best ask) / 2, quote currency per base unit.
    pub mid: f64,
    /// (best ask − best bid) / mid in basis points.
    pub spread_bps: f64,
    /// Levels below mid.
    pub bids: DepthSide,
    /// Levels above mid.
    pub asks: DepthSide,
    kind: Kind,
    contract_value: f64,
}

/// One side of a [`Depth`], best level first; index i is level i of the book's columns.
#[derive(Debug, Clone, Default)]
pub struct DepthSide {
    /// 10⁴·|price − mid|/mid of each level, ascending.
    pub distance_bps: Vec<f64>,
    /// Notional of each level: quote units (spot, linear; inverse: its settlement's quote units), base units for options.
    pub notional: Vec<f64>,
    /// `cumulative[i]` is the notional of the best i levels; one longer than the side.
    pub cumulative: Vec<f64>,
}

/// Says why an instrument can't be analysed: its contract value and tick size enter every notional and every price.
///
/// # Errors
/// A sentence for [`crate::Plugin::open`] to return.
pub fn check_instrument(instrument: &Instrument) -> Result<(), String> {
    let good = |value: f64| value.is_finite() && value > 0.0;
    if !good(instrument.tick_size) {
        return Err(format!(
            "{}: tick size {} isn't a positive number; hint: reload the instruments of the exchange",
            instrument.id, instrument.tick_size
        ));
    }
    if !good(instrument.contract_value) {
        return Err(format!(
            "{}: contract value {} isn't a positive number; hint: reload the instruments of the exchange, spot has 1",
            instrument.id, instrument.contract_value
        ));
    }
    Ok(())
}

impl Depth {
    /// An empty view for books of this instrument; call [`check_instrument`] first.
    #[must_use]
    pub fn new(instrument: &Instrument) -> Self {
        Self {
            mid: 0.0,
            spread_bps: 0.0,
            bids: DepthSide::default(),
            asks: DepthSide::default(),
            kind: instrument.kind,
            contract_value: if instrument.kind == Kind::Spot { 1.0 } else { instrument.contract_value },
        }
    }

    /// Reads one book. After an error the contents mean nothing; a plugin returns the outcome and leaves its own state alone.
    ///
    /// # Errors
    /// The outcome `unknown` with the code `bad_book` (columns of unequal length, numbers that aren't positive and finite, prices out of order),
    /// `empty_bid`, `empty_ask`, `crossed` (best bid at or above best ask), or `unverified` (the exchange vouches for nothing, and
    /// `accept_unverified` is false).
    pub fn read(&mut self, book: &Snapshot, accept_unverified: bool) -> Result<(), Outcome> {
        check_side(&book.bids, "bid", kernels::descending)?;
        check_side(&book.asks, "ask", kernels::ascending)?;
        let Some(&best_bid) = book.bids.prices.first() else {
            return Err(fields::unknown("empty_bid", "the book has no bids"));
        };
        let Some(&best_ask) = book.asks.prices.first() else {
            return Err(fields::unknown("empty_ask", "the book has no asks"));
        };
        if best_bid >= best_ask {
            return Err(fields::unknown("crossed", format!("best bid {best_bid} is not below best ask {best_ask}")));
        }
        if book.trust == Trust::Unverified && !accept_unverified {
            return Err(fields::unknown(
                "unverified",
                "neither a chain nor a checksum vouches for this book; hint: set accept_unverified to judge such books",
            ));
        }
        // Halves first: the sum of two huge prices could overflow.
        self.mid = 0.5 * best_bid + 0.5 * best_ask;
        self.spread_bps = (best_ask - best_bid) * (1e4 / self.mid);
        self.bids.fill(&book.bids, self.mid, self.kind, self.contract_value);
        self.asks.fill(&book.asks, self.mid, self.kind, self.contract_value);
        if !(self.bids.is_finite() && self.asks.is_finite() && self.spread_bps.is_finite()) {
            return Err(fields::unknown("bad_book", "prices or sizes are too large or too small to be multiplied"));
        }
        Ok(())
    }

    /// Base units in `size` of this instrument at `price`, a size as the book's column has it.
    #[must_use]
    pub fn base_units(&self, price: f64, size: f64) -> f64 {
        match self.kind {
            Kind::Spot => size,
            Kind::Linear | Kind::Options => size * self.contract_value,
            Kind::Inverse => size * self.contract_value / price,
        }
    }
}

impl DepthSide {
    /// Number of levels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.notional.len()
    }

    /// Whether there are no levels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notional.is_empty()
    }

    /// Number of levels with a distance of at most `bps`.
    #[must_use]
    pub fn within(&self, bps: f64) -> usize {
        self.distance_bps.partition_point(|&distance| distance <= bps)
    }

    /// Notional of the levels with a distance of at most `bps`.
    #[must_use]
    pub fn notional_within(&self, bps: f64) -> f64 {
        self.cumulative.get(self.within(bps)).copied().unwrap_or(0.0)
    }

    /// Notional of all levels.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.cumulative.last().copied().unwrap_or(0.0)
    }

    /// Distance of the farthest level: beyond it nothing is known about this side. 0 without levels.
    #[must_use]
    pub fn coverage_bps(&self) -> f64 {
        self.distance_bps.last().copied().unwrap_or(0.0)
    }

    fn fill(&mut self, side: &Side, mid: f64, kind: Kind, contract_value: f64) {
        let bps = 1e4 / mid;
        kernels::map(&side.prices, &mut self.distance_bps, |price| (price - mid).abs() * bps);
        match kind {
            Kind::Spot => kernels::products(&side.prices, &side.sizes, 1.0, &mut self.notional),
            Kind::Linear => kernels::products(&side.prices, &side.sizes, contract_value, &mut self.notional),
            Kind::Inverse | Kind::Options => kernels::scale(&side.sizes, contract_value, &mut self.notional),
        }
        kernels::prefix_sums(&self.notional, &mut self.cumulative);
    }

    fn is_finite(&self) -> bool {
        // Distances ascend and prefix sums grow, so the last ones tell for all;.
        self.coverage_bps().is_finite() && self.total().is_finite() && self.total() > 0.0
    }
}

fn check_side(side: &Side, name: &str, in_order: impl Fn(&[f64]) -> bool) -> Result<(), Outcome> {
    let (prices, sizes, orders) = (side.prices.len(), side.sizes.len(), side.orders.len());
    if prices != sizes || prices != orders {
        return Err(fields::unknown(
            "bad_book",
            format!("{name} columns differ in length: {prices} prices, {sizes} sizes, {orders} orders"),
        ));
    }
    // In order, NaN nowhere: the ends tell for all prices.
    if !in_order(&side.prices) {
        return Err(fields::unknown("bad_book", format!("{name} prices aren't in order, best first")));
    }
    let ends = [side.prices.first(), side.prices.last()];
    if !ends.into_iter().flatten().all(|&price| price > 0.0 && price < f64::INFINITY) {
        return Err(fields::unknown("bad_book", format!("a {name} price isn't a positive, finite number")));
    }
    if !kernels::all_positive(&side.sizes) {
        return Err(fields::unknown("bad_book", format!("a {name} size isn't a positive, finite number")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{harness, synthetic};

    fn code(result: Result<(), Outcome>) -> String {
        match result {
            Err(Outcome::Unknown(reason)) => reason.code,
            other => format!("{other:?}"),
        }
    }

    fn side(prices: &[f64], sizes: &[f64]) -> Side {
        Side { prices: prices.to_vec(), sizes: sizes.to_vec(), orders: vec![1; prices.len()] }
    }

    fn book(bids: Side, asks: Side) -> Snapshot {
        Snapshot { bids, asks, ..synthetic::Market::new(1, synthetic::Settings::default()).frame() }
    }

    #[test]
    fn distances_and_prefix_sums_of_a_book_worked_by_hand() {
        let mut depth = Depth::new(&synthetic::instrument(1.0));
        assert_eq!(
            depth.read(&book(side(&[9_999.0, 9_990.0], &[1.0, 2.0]), side(&[10_001.0, 10_030.0, 10_100.0], &[1.0, 1.0, 1.0])), false),
            Ok(())
        );
        assert_eq!((depth.mid, depth.spread_bps), (10_000.0, 2.0));
        assert_eq!(depth.bids.distance_bps, [1.0, 10.0]);
        assert_eq!(depth.bids.cumulative, [0.0, 9_999.0, 29_979.0]);
        assert_eq!([0.5, 1.0, 30.0, 99.0].map(|bps| depth.asks.within(bps)), [0, 1, 2, 2]);
        assert_eq!(depth.asks.notional_within(30.0), 20_031.0);
        assert_eq!((depth.asks.coverage_bps(), depth.asks.total()), (100.0, 30_131.0));
    }

    /// Two of the instruments of the main recording are inverse: price × size would be wrong by 30 000.
    #[test]
    fn notional_follows_the_kind_of_instrument() {
        for (kind, notional, base) in
            [(Kind::Spot, 600.0, 3.0), (Kind::Linear, 6.0, 0.03), (Kind::Inverse, 0.03, 0.00015), (Kind::Options, 0.03, 0.03)]
        {
            let mut depth = Depth::new(&Instrument { kind, contract_value: 0.01, ..synthetic::instrument(1.0) });
            assert_eq!(depth.read(&book(side(&[200.0], &[3.0]), side(&[201.0], &[3.0])), false), Ok(()));
            assert!((depth.bids.notional[0] / notional - 1.0).abs() < 1e-12, "{kind:?}: {}", depth.bids.notional[0]);
            assert!((depth.base_units(200.0, 3.0) / base - 1.0).abs() < 1e-12, "{kind:?}");
        }
    }

    #[test]
    fn books_that_cannot_be_judged_are_refused_with_their_code() {
        let good = synthetic::Market::new(3, synthetic::Settings::default()).frame();
        let mut depth = Depth::new(&synthetic::instrument(0.1));
        let codes: Vec<_> = harness::invalid_books(&good).into_iter().map(|(how, book)| (how, code(depth.read(&book, false)))).collect();
        let expected = [
            ("empty of bids", "empty_bid"),
            ("empty of asks", "empty_ask"),
            ("uneven", "bad_book"),
            ("crossed", "crossed"),
            ("NaN in a size", "bad_book"),
            ("infinite in a price", "bad_book"),
            ("of size 0", "bad_book"),
            ("out of order", "bad_book"),
        ];
        assert_eq!(codes, expected.map(|(how, code)| (how, code.to_owned())));
        assert_eq!(code(depth.read(&book(side(&[10.0], &[1.0]), side(&[10.0], &[1.0])), false)), "crossed");
        assert_eq!(code(depth.read(&book(side(&[1e300], &[1e300]), side(&[2e300], &[1e300])), false)), "bad_book");

        let unverified = Snapshot { trust: Trust::Unverified, ..good };
        assert_eq!(code(depth.read(&unverified, false)), "unverified");
        assert_eq!(depth.read(&unverified, true), Ok(()));
    }

    #[test]
    fn an_instrument_without_tick_or_contract_value_is_refused() {
        assert_eq!(check_instrument(&synthetic::instrument(0.1)), Ok(()));
        for broken in [
            Instrument { tick_size: 0.0, ..synthetic::instrument(0.1) },
            Instrument { contract_value: f64::NAN, ..synthetic::instrument(0.1) },
        ] {
            assert!(check_instrument(&broken).is_err_and(|error| error.contains("hint:")));
        }
    }
}
