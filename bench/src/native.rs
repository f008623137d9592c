//! Books and instruments as a plugin compiled natively is given them.

use leadline_market as market;
use leadline_plugin::{Continuity, Instrument, Kind, Side, Snapshot, Trust};

/// A book with columns of its own.
#[must_use]
pub fn snapshot(book: &market::Book) -> Snapshot {
    let side =
        |columns: &market::Columns| Side { prices: columns.prices.clone(), sizes: columns.sizes.clone(), orders: columns.orders.clone() };
    Snapshot {
        time_ms: book.time_ms,
        sequence: book.sequence,
        trust: match book.trust {
            market::Trust::Chain => Trust::Chain,
            market::Trust::Checksum => Trust::Checksum,
            market::Trust::Unverified => Trust::Unverified,
        },
        continuity: match book.continuity {
            market::Continuity::Continued => Continuity::Continued,
            market::Continuity::Restarted => Continuity::Restarted,
        },
        skipped: 0,
        bids: side(&book.bids),
        asks: side(&book.asks),
        extra: Vec::new(),
    }
}

/// An instrument with texts of its own.
#[must_use]
pub fn instrument(listed: &market::Instrument) -> Instrument {
    Instrument {
        id: listed.id.clone(),
        kind: match listed.kind {
            market::Kind::Spot => Kind::Spot,
            market::Kind::Linear => Kind::Linear,
            market::Kind::Inverse => Kind::Inverse,
            market::Kind::Options => Kind::Options,
        },
        base: listed.base.clone(),
        quote: listed.quote.clone(),
        settle: listed.settle.clone(),
        tick_size: listed.tick_size.to_f64(),
        lot_size: listed.lot_size.to_f64(),
        contract_value: listed.contract_value,
        extra: Vec::new(),
    }
}
