//! What an instrument is, and the exchange's listings (`GET /api/v5/public/instruments`).

use std::fmt;

use serde::Deserialize;

use crate::Decimal;
use crate::identifier::valid_id;

/// How sizes and prices make a notional.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Sizes in base currency: price · size.
    Spot,
    /// Contracts of a fixed amount of base currency: price · size · contract value.
    Linear,
    /// Contracts of a fixed amount of quote currency: size · contract value.
    Inverse,
    /// Contracts on base currency, priced in it: size · contract value, in base units.
    Options,
}

impl Kind {
    /// `spot`, `linear`, `inverse` or `options`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Linear => "linear",
            Self::Inverse => "inverse",
            Self::Options => "options",
        }
    }
}

impl State {
    /// `live`, `suspend`, `preopen`, `expired` or `other`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Suspend => "suspend",
            Self::Preopen => "preopen",
            Self::Expired => "expired",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// Whether an instrument is traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Traded.
    Live,
    /// Halted.
    Suspend,
    /// Not traded yet; its book may be crossed.
    Preopen,
    /// No longer traded.
    Expired,
    /// Anything else the exchange says (`test`, or a state invented later).
    Other,
}

/// Where the facts about an instrument are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The exchange's listing.
    Listed,
    /// Its id and the digits of its book ([`infer`](crate::infer)): the contract value is unknown.
    Inferred,
}

/// One instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// The exchange's id, such as `BTC-USDT`.
    pub id: String,
    /// How sizes and prices make a notional.
    pub kind: Kind,
    /// The currency that is bought and sold.
    pub base: String,
    /// The currency that prices are in.
    pub quote: String,
    /// The currency that gains are paid in; empty for spot.
    pub settle: String,
    /// The smallest step of prices.
    pub tick_size: Decimal,
    /// The smallest step of sizes.
    pub lot_size: Decimal,
    /// Base units (linear, options) or quote units (inverse) of one contract; 1 for spot and where it isn't known.
    pub contract_value: f64,
    /// Whether it is traded.
    pub state: State,
    /// When a future or an option expires, milliseconds since 1970.
    pub expires_ms: Option<u64>,
    /// Where these facts are from.
    pub source: Source,
}

/// A listing as far as it could be used.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Listing {
    /// The instruments, in the order of the listing.
    pub instruments: Vec<Instrument>,
    /// Entries left out: of a type without a book of its own (margin), or with facts that make no sense.
    pub left_out: usize,
}

/// Why an answer is not a listing.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// Not the JSON of a listing.
    #[error("not a listing of instruments: {0}")]
    Json(#[from] serde_json::Error),
    /// The exchange answered with an error.
    #[error("the exchange answered with error {code}: {msg}")]
    Refused {
        /// The exchange's code.
        code: String,
        /// The exchange's text.
        msg: String,
    },
}

#[derive(Deserialize)]
struct Answer {
    code: String,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    data: Vec<serde_json::Value>,
}

/// One entry as sent: all texts, empty where they don't apply.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    inst_id: String,
    inst_type: String,
    tick_sz: String,
    lot_sz: String,
    #[serde(default)]
    base_ccy: String,
    #[serde(default)]
    quote_ccy: String,
    #[serde(default)]
    settle_ccy: String,
    #[serde(default)]
    ct_type: String,
    #[serde(default)]
    ct_val: String,
    #[serde(default)]
    ct_mult: String,
    #[serde(default)]
    uly: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    exp_time: String,
}

/// Reads an answer of `GET /api/v5/public/instruments`. Entries that can't be used are counted, not fatal.
///
/// # Errors
/// [`ListingError`] when the answer as a whole is not a listing.
pub fn parse_listing(json: &[u8]) -> Result<Listing, ListingError> {
    let answer: Answer = serde_json::from_slice(json)?;
    if answer.code != "0" {
        return Err(ListingError::Refused { code: answer.code, msg: answer.msg.chars().take(500).collect() });
    }
    let mut listing = Listing::default();
    for value in answer.data {
        match serde_json::from_value::<Entry>(value).ok().and_then(instrument) {
            Some(instrument) => listing.instruments.push(instrument),
            None => listing.left_out += 1,
        }
    }
    Ok(listing)
}

fn instrument(entry: Entry) -> Option<Instrument> {
    let kind = match (entry.inst_type.as_str(), entry.ct_type.as_str()) {
        ("SPOT", _) => Kind::Spot,
        ("SWAP" | "FUTURES", "linear") => Kind::Linear,
        ("SWAP" | "FUTURES", "inverse") => Kind::Inverse,
        ("OPTION", _) => Kind::Options,
        _ => return None,
    };
    if !valid_id(&entry.inst_id) {
        return None;
    }
    let (base, quote) = currencies(&entry)?;
    let positive = |text: &str| Decimal::parse(text.as_bytes()).ok().filter(|step| !step.is_zero());
    let contract_value = match kind {
        Kind::Spot => 1.0,
        // A multiplier that isn't given is 1.
        _ => positive(&entry.ct_val)?.to_f64() * if entry.ct_mult.is_empty() { 1.0 } else { positive(&entry.ct_mult)?.to_f64() },
    };
    Some(Instrument {
        kind,
        base,
        quote,
        settle: entry.settle_ccy,
        tick_size: positive(&entry.tick_sz)?,
        lot_size: positive(&entry.lot_sz)?,
        contract_value,
        state: match entry.state.as_str() {
            "live" => State::Live,
            "suspend" => State::Suspend,
            "preopen" => State::Preopen,
            "expired" => State::Expired,
            _ => State::Other,
        },
        expires_ms: entry.exp_time.parse().ok(),
        source: Source::Listed,
        id: entry.inst_id,
    })
}

/// Spot names its currencies; derivatives name an underlying (`BTC-USD`), older listings not even that, but the id starts with it.
fn currencies(entry: &Entry) -> Option<(String, String)> {
    if !entry.base_ccy.is_empty() && !entry.quote_ccy.is_empty() {
        return Some((entry.base_ccy.clone(), entry.quote_ccy.clone()));
    }
    let pair = if entry.uly.is_empty() { &entry.inst_id } else { &entry.uly };
    let mut parts = pair.split('-');
    let base = parts.next()?;
    let quote = parts.next()?.split('_').next()?;
    Some((base.to_owned(), quote.to_owned()))
}
