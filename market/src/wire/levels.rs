//! Arrays of levels: nearly all bytes of a book frame are here, so a level in the exchange's usual form takes a short way, and any
//! other form of the same JSON the general way.

use super::scanner::{Place, Scanner};
use super::{MAX_LEVELS_A_FRAME, WireError};
use crate::{Decimal, Level};

/// Reads one side into `levels`, replacing what is there. Levels have two elements (price, size), three (the third is the number of
/// orders: v3 `spot/depth`) or four (the third is not for us, the fourth is the number of orders).
pub(crate) fn read_levels(scanner: &mut Scanner<'_>, key: &'static str, levels: &mut Vec<Level>) -> Result<(), WireError> {
    levels.clear();
    scanner.expect(b'[', "a list of levels")?;
    let mut place = Place::First;
    while scanner.element(&mut place)? {
        if levels.len() == MAX_LEVELS_A_FRAME {
            return Err(WireError::TooManyLevels { offset: scanner.offset(), key });
        }
        let level = match usual_level(scanner.rest()) {
            Some((level, length)) => {
                scanner.advance(length);
                level
            }
            None => any_level(scanner)?,
        };
        levels.push(level);
    }
    Ok(())
}

/// `["price","size","0","orders"]` without a space. `None` says nothing about the level but that it must go the general way.
#[inline]
fn usual_level(bytes: &[u8]) -> Option<(Level, usize)> {
    let rest = bytes.strip_prefix(b"[\"")?;
    let (price, length) = Decimal::scan(rest).ok()?;
    let rest = rest[length..].strip_prefix(b"\",\"")?;
    let (size, length) = Decimal::scan(rest).ok()?;
    let mut rest = rest[length..].strip_prefix(b"\",\"0\",\"")?;
    let starts_with_zero = rest.first() == Some(&b'0');
    let mut orders: u32 = 0;
    let mut digits = 0;
    while let Some((byte, after)) = rest.split_first()
        && byte.is_ascii_digit()
    {
        orders = orders.wrapping_mul(10).wrapping_add(u32::from(byte - b'0'));
        digits += 1;
        rest = after;
    }
    // Nine digits can't pass 32 bits; leading zeros are left to the general way.
    if digits == 0 || digits > 9 || (digits > 1 && starts_with_zero) {
        return None;
    }
    let rest = rest.strip_prefix(b"\"]")?;
    Some((Level { price, size, orders }, bytes.len() - rest.len()))
}

#[cold]
fn any_level(scanner: &mut Scanner<'_>) -> Result<Level, WireError> {
    scanner.expect(b'[', "a level")?;
    let price = decimal(scanner)?;
    scanner.expect(b',', "a size after the price")?;
    let size = decimal(scanner)?;
    let mut orders = 0;
    if scanner.pass(b',') {
        // The third element is the number of orders when it is the last one.
        scanner.peek();
        let third = scanner.offset();
        scanner.skip_value()?;
        if scanner.pass(b',') {
            orders = order_count(scanner)?;
        } else {
            let end = scanner.offset();
            scanner.jump(third);
            orders = order_count(scanner)?;
            scanner.jump(end);
        }
    }
    scanner.expect(b']', "`]` after 2, 3 or 4 elements of a level")?;
    Ok(Level { price, size, orders })
}

fn decimal(scanner: &mut Scanner<'_>) -> Result<Decimal, WireError> {
    scanner.peek();
    let offset = scanner.offset();
    let text = scanner.string()?;
    Decimal::parse(text.as_bytes()).map_err(|problem| WireError::Decimal { offset, problem })
}

fn order_count(scanner: &mut Scanner<'_>) -> Result<u32, WireError> {
    scanner.peek();
    let offset = scanner.offset();
    let count = scanner.integer("orders")?;
    u32::try_from(count).map_err(|_| WireError::Value { offset, key: "orders", expected: "a number of orders" })
}
