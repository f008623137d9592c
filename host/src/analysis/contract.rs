//! The contract `wit/v1` as host-side types, and the way of a book and an instrument into them.
#![allow(missing_docs, reason = "generated from wit/v1, which has the words")]

use leadline_market as market;

wasmtime::component::bindgen!({
    path: "../wit/v1",
    world: "plugin",
    // Columns are lent to the call, not copied into lists of their own first.
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(crate) use self::leadline::plugin::book::{Continuity, Instrument, Kind, Side, Snapshot, Trust};
pub(crate) use self::leadline::plugin::log::{Host as LogHost, Level as LogLevel};
pub(crate) use exports::leadline::plugin::analysis::{Descriptor, Lane, Output, OutputKind};

/// The name under which a component offers its analysis.
pub(crate) const ANALYSIS_INTERFACE: &str = "leadline:plugin/analysis@1.0.0";
/// The name under which a component may offer its state.
pub(crate) const STATE_INTERFACE: &str = "leadline:plugin/state@1.0.0";

/// Lends a book to a call. `skipped`: books that the memory lane left out since the last call.
pub(crate) fn snapshot(book: &market::Book, continuity: market::Continuity, skipped: u32) -> Snapshot<'_> {
    Snapshot {
        time_ms: book.time_ms,
        sequence: book.sequence,
        trust: match book.trust {
            market::Trust::Chain => Trust::Chain,
            market::Trust::Checksum => Trust::Checksum,
            market::Trust::Unverified => Trust::Unverified,
        },
        continuity: match continuity {
            market::Continuity::Continued => Continuity::Continued,
            market::Continuity::Restarted => Continuity::Restarted,
        },
        skipped,
        bids: side(&book.bids),
        asks: side(&book.asks),
        extra: &[],
    }
}

fn side(columns: &market::Columns) -> Side<'_> {
    Side { prices: &columns.prices, sizes: &columns.sizes, orders: &columns.orders }
}

/// Lends an instrument to a call.
pub(crate) fn instrument(instrument: &market::Instrument) -> Instrument<'_> {
    Instrument {
        id: &instrument.id,
        kind: match instrument.kind {
            market::Kind::Spot => Kind::Spot,
            market::Kind::Linear => Kind::Linear,
            market::Kind::Inverse => Kind::Inverse,
            market::Kind::Options => Kind::Options,
        },
        base: &instrument.base,
        quote: &instrument.quote,
        settle: &instrument.settle,
        tick_size: instrument.tick_size.to_f64(),
        lot_size: instrument.lot_size.to_f64(),
        contract_value: instrument.contract_value,
        extra: &[],
    }
}
