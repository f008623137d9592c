//! The elements of `data` of a book frame.

use super::levels::read_levels;
use super::scanner::{Place, Scanner};
use super::{BookFrame, MAX_BOOKS_A_FRAME, WireError, time};
use crate::identifier::valid_id;

/// Which of the keys that decide have come; each may come once.
#[derive(Default)]
struct Seen {
    asks: bool,
    bids: bool,
    time: bool,
    checksum: bool,
    sequence: bool,
    previous: bool,
    instrument: bool,
}

/// Reads `data` into `frames`, whose buffers are used again; answers how many books there are. `channel` and `action` are the
/// caller's to set, and so is `instrument` where the frame names it outside of `data`.
pub(crate) fn read_data(scanner: &mut Scanner<'_>, frames: &mut Vec<BookFrame>) -> Result<usize, WireError> {
    scanner.expect(b'[', "a list of books")?;
    let mut used = 0;
    let mut place = Place::First;
    while scanner.element(&mut place)? {
        if used == MAX_BOOKS_A_FRAME {
            return Err(WireError::TooManyBooks { offset: scanner.offset() });
        }
        if frames.len() == used {
            frames.push(BookFrame::empty());
        }
        read_book(scanner, &mut frames[used])?;
        used += 1;
    }
    if used == 0 { Err(WireError::MissingKey { key: "data[0]" }) } else { Ok(used) }
}

fn read_book(scanner: &mut Scanner<'_>, frame: &mut BookFrame) -> Result<(), WireError> {
    frame.instrument.clear();
    (frame.time_ms, frame.checksum, frame.sequence, frame.previous) = (0, None, None, None);
    let mut seen = Seen::default();
    scanner.expect(b'{', "a book")?;
    let mut place = Place::First;
    while let Some(key) = scanner.key(&mut place)? {
        match &*key {
            "asks" => {
                once(scanner, &mut seen.asks, "asks")?;
                read_levels(scanner, "asks", &mut frame.asks)?;
            }
            "bids" => {
                once(scanner, &mut seen.bids, "bids")?;
                read_levels(scanner, "bids", &mut frame.bids)?;
            }
            "ts" => {
                once(scanner, &mut seen.time, "ts")?;
                let offset = scanner.offset();
                let time = scanner.integer("ts")?;
                frame.time_ms =
                    time.try_into().map_err(|_| WireError::Value { offset, key: "ts", expected: "a time from 1970 on in milliseconds" })?;
            }
            "timestamp" => {
                once(scanner, &mut seen.time, "timestamp")?;
                scanner.peek();
                let offset = scanner.offset();
                frame.time_ms = time::milliseconds(scanner.string()?.as_bytes()).ok_or(WireError::Value {
                    offset,
                    key: "timestamp",
                    expected: "an ISO 8601 time in UTC",
                })?;
            }
            "checksum" => {
                once(scanner, &mut seen.checksum, "checksum")?;
                let offset = scanner.offset();
                frame.checksum = match scanner.optional_integer("checksum")? {
                    None => None,
                    Some(sent) => Some(sent.try_into().map_err(|_| WireError::Value {
                        offset,
                        key: "checksum",
                        expected: "a signed number of 32 bits",
                    })?),
                };
            }
            "seqId" => {
                once(scanner, &mut seen.sequence, "seqId")?;
                frame.sequence = scanner.optional_integer("seqId")?;
            }
            "prevSeqId" => {
                once(scanner, &mut seen.previous, "prevSeqId")?;
                frame.previous = scanner.optional_integer("prevSeqId")?;
            }
            "instrument_id" => {
                once(scanner, &mut seen.instrument, "instrument_id")?;
                let offset = scanner.offset();
                let id = scanner.string()?;
                set_instrument(&mut frame.instrument, offset, &id, "instrument_id")?;
            }
            _ => scanner.skip_value()?,
        }
    }
    for (there, key) in [(seen.asks, "asks"), (seen.bids, "bids"), (seen.time, "ts")] {
        if !there {
            return Err(WireError::MissingKey { key });
        }
    }
    Ok(())
}

fn once(scanner: &Scanner<'_>, seen: &mut bool, key: &'static str) -> Result<(), WireError> {
    if std::mem::replace(seen, true) { Err(WireError::DuplicateKey { offset: scanner.offset(), key }) } else { Ok(()) }
}

/// Takes an instrument's id that stands at `offset` into `instrument`.
pub(crate) fn set_instrument(instrument: &mut String, offset: usize, id: &str, key: &'static str) -> Result<(), WireError> {
    if !valid_id(id) {
        return Err(WireError::Value { offset, key, expected: "an instrument's id" });
    }
    instrument.clear();
    instrument.push_str(id);
    Ok(())
}
