//! What an instrument's id, and at most its book, tell: `BTC-USDT` spot, `BTC-USD-SWAP` and `BTC-USD-220527` derivatives, `BTC-USD-220527-40000-C` an
//! option.

use crate::instrument::{Instrument, Kind, Source, State};
use crate::{Decimal, MAX_SCALE, OrderBook};

/// Longest id of an instrument, in bytes. OKX's longest today have 24.
pub const MAX_ID_LENGTH: usize = 64;

/// Whether `id` has the form of OKX's ids: two to five parts of capitals, digits and underscores (`BTC-USD_UM-SWAP`), joined by hyphens.
pub fn valid_id(id: &str) -> bool {
    id.len() <= MAX_ID_LENGTH
        && (1..=4).contains(&id.bytes().filter(|&byte| byte == b'-').count())
        && id
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'))
}

/// An instrument as far as its id and its book tell: tick and lot are the finest step that stands in the book.
pub fn infer_from(id: &str, book: &OrderBook) -> Instrument {
    let size_scale = book.bids().iter().chain(book.asks().iter()).map(|level| level.size.scale()).max().unwrap_or(0);
    infer(id, book.price_scale(), size_scale)
}

/// An instrument as far as its id tells, for where no listing is at hand. Tick and lot are one unit of the last of the digits seen
/// after the point (`price_scale`, `size_scale`; at most [`MAX_SCALE`] counts). The contract value is not in an id: it is 1, so that
/// notionals of derivatives count contracts.
pub fn infer(id: &str, price_scale: u8, size_scale: u8) -> Instrument {
    let parts: Vec<&str> = id.split('-').collect();
    let base = parts.first().copied().unwrap_or_default();
    let family = parts.get(1).copied().unwrap_or_default();
    // `USD_UM`: margined in stablecoins, so linear, but quoted in USD.
    let quote = family.split('_').next().unwrap_or_default();
    let kind = match parts.len() {
        0..=2 => Kind::Spot,
        3 if family == "USD" => Kind::Inverse,
        3 => Kind::Linear,
        _ => Kind::Options,
    };
    let settle = match kind {
        Kind::Spot => "",
        Kind::Inverse | Kind::Options => base,
        Kind::Linear => quote,
    };
    let unit = |scale: u8| Decimal::from_parts(1, scale.min(MAX_SCALE)).unwrap_or_default();
    Instrument {
        id: id.to_owned(),
        kind,
        base: base.to_owned(),
        quote: quote.to_owned(),
        settle: settle.to_owned(),
        tick_size: unit(price_scale),
        lot_size: unit(size_scale),
        contract_value: 1.0,
        state: State::Live,
        expires_ms: None,
        source: Source::Inferred,
    }
}
