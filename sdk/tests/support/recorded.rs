//! Recorded books as plugins see them, for the tests of the plugins: `#[path = "../../../sdk/tests/support/recorded.rs"] mod recorded;`.
//!
//! It stands outside the SDK's own sources, because it needs the order book of `leadline-market` and the SDK must build without it.

use std::path::PathBuf;

use leadline_market::{self as market, Decoder, Message, TrackedBook, Verdict};
use leadline_plugin::{Continuity, Instrument, Kind, Side, Snapshot, Trust};
use leadline_recording::{Recording, instruments_beside};

/// Every book of one instrument in a recording, in order, and the instrument; none, with one line on standard error, where the recordings aren't.
///
/// # Panics
/// When a recording that is there can't be read, or doesn't list the instrument.
#[must_use]
pub(crate) fn books(file: &str, instrument: &str) -> Option<(Instrument, Vec<Snapshot>)> {
    let shared = std::env::var_os("LEADLINE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = shared.join("data/okx").join(file);
    if !path.exists() {
        eprintln!("left out: {} is not there; set LEADLINE_SHARED", path.display());
        return None;
    }
    let listed = instruments_beside(&path).expect("the listings beside a recording are readable");
    let listed = listed.instruments.into_iter().find(|listed| listed.id == instrument).expect("the instrument is listed");

    let mut recording = Recording::open(&path).expect("a recording that exists opens");
    let (mut decoder, mut tracked, mut picture) = (Decoder::new(), TrackedBook::new(), market::Book::empty());
    let mut books = Vec::new();
    while let Some(frame) = recording.next_frame().expect("a recording is readable to its end") {
        let Ok(Message::Books(frames)) = decoder.decode(frame.bytes) else { continue };
        for frame in frames.iter().filter(|frame| frame.instrument == instrument) {
            if let Verdict::Applied(applied) = tracked.apply(frame) {
                tracked.fill(&applied, &mut picture);
                books.push(snapshot(&picture));
            }
        }
    }
    assert!(!books.is_empty(), "{file} has no books of {instrument}");
    Some((as_plugins_see(&listed), books))
}

fn snapshot(book: &market::Book) -> Snapshot {
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

fn as_plugins_see(listed: &market::Instrument) -> Instrument {
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
        tick_size: listed.tick_size.to_string().parse().expect("a decimal is a number"),
        lot_size: listed.lot_size.to_string().parse().expect("a decimal is a number"),
        contract_value: listed.contract_value,
        extra: Vec::new(),
    }
}
