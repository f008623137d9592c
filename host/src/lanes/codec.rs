//! Frames of the buffered lane as bytes.
//!
//! The List carries changes, not books: a keyframe (the full book) on a snapshot and every so many frames, between them the levels
//! that changed. A frame is the mark `L`, a version, and the bincode of [`LaneFrame`]; whoever reads another version says so instead
//! of guessing. This module and [`super::checkpoint`] are the only ones that know bincode.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{Decode, Encode};
use leadline_market::{BookSide, Continuity, Decimal, Level, Trust};

/// Mark and version of a frame.
const FRAME: [u8; 2] = [b'L', 1];
/// Nothing of ours is larger: a frame has 2 × 10 000 levels of at most 29 bytes, a state at most [`super::checkpoint::MAX_STATE`].
const MAX_BYTES: usize = 5 << 20;

const CONFIG: Configuration<LittleEndian, Varint, Limit<MAX_BYTES>> = bincode::config::standard().with_limit::<MAX_BYTES>();

/// One frame on its way through a List.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct LaneFrame {
    /// Which run of a host made it: indices count within one run.
    pub run: u64,
    /// Its place in the lane, from 0, without holes.
    pub index: u64,
    /// When the exchange's frame arrived, on the clock of that run; see [`crate::clock::Arrival`].
    pub arrival_ns: u64,
    /// The same on the wall clock, milliseconds since 1970.
    pub arrival_ms: u64,
    /// Exchange time, milliseconds since 1970.
    pub time_ms: u64,
    /// The exchange's sequence number.
    pub sequence: Option<i64>,
    /// 0 chain, 1 checksum, 2 unverified.
    trust: u8,
    /// The exchange-side step from the frame before means nothing.
    pub restarted: bool,
    /// The levels are the whole book, not changes.
    pub keyframe: bool,
    bids: Vec<WireLevel>,
    asks: Vec<WireLevel>,
}

/// A level: price and size as mantissa and scale, so that the text the exchange sent survives; orders.
type WireLevel = (u64, u8, u64, u8, u32);

/// Why bytes are no frame, checkpoint or state.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Another program's, or another version's.
    #[error("it begins with {0:?}, not with the mark and version of this program")]
    Foreign(Vec<u8>),
    /// Cut short or damaged.
    #[error("it can't be decoded: {0}")]
    Damaged(String),
}

/// A value behind its mark and version.
pub(super) fn seal(mark: [u8; 2], value: &impl Encode) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(512);
    bytes.extend(mark);
    bincode::encode_into_std_write(value, &mut bytes, CONFIG).map_err(|error| CodecError::Damaged(error.to_string()))?;
    Ok(bytes)
}

/// The value behind its mark and version.
pub(super) fn open<T: Decode<()>>(mark: [u8; 2], bytes: &[u8]) -> Result<T, CodecError> {
    let Some(body) = bytes.strip_prefix(&mark) else {
        return Err(CodecError::Foreign(bytes.iter().take(4).copied().collect()));
    };
    match bincode::decode_from_slice(body, CONFIG) {
        Ok((value, used)) if used == body.len() => Ok(value),
        Ok((_, used)) => Err(CodecError::Damaged(format!("{} bytes too many", body.len() - used))),
        Err(error) => Err(CodecError::Damaged(error.to_string())),
    }
}

/// What [`LaneFrame::new`] is made of, besides the levels.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// See [`LaneFrame::run`].
    pub run: u64,
    /// See [`LaneFrame::index`].
    pub index: u64,
    /// See [`LaneFrame::arrival_ns`].
    pub arrival_ns: u64,
    /// See [`LaneFrame::arrival_ms`].
    pub arrival_ms: u64,
    /// See [`LaneFrame::time_ms`].
    pub time_ms: u64,
    /// See [`LaneFrame::sequence`].
    pub sequence: Option<i64>,
    /// How the book was verified.
    pub trust: Trust,
    /// How the book follows the one before.
    pub continuity: Continuity,
}

impl Default for Head {
    fn default() -> Self {
        let (trust, continuity) = (Trust::Chain, Continuity::Continued);
        Self { run: 0, index: 0, arrival_ns: 0, arrival_ms: 0, time_ms: 0, sequence: None, trust, continuity }
    }
}

impl LaneFrame {
    /// A frame with the levels that changed; a deleted level has size 0.
    #[must_use]
    pub fn changes(head: Head, bids: &[Level], asks: &[Level]) -> Self {
        Self::new(head, false, bids.iter().map(pack).collect(), asks.iter().map(pack).collect())
    }

    /// A frame with the whole book.
    #[must_use]
    pub fn keyframe(head: Head, bids: &BookSide, asks: &BookSide) -> Self {
        let side = |side: &BookSide| side.iter().map(|level| pack(&level)).collect();
        Self::new(head, true, side(bids), side(asks))
    }

    fn new(head: Head, keyframe: bool, bids: Vec<WireLevel>, asks: Vec<WireLevel>) -> Self {
        Self {
            run: head.run,
            index: head.index,
            arrival_ns: head.arrival_ns,
            arrival_ms: head.arrival_ms,
            time_ms: head.time_ms,
            sequence: head.sequence,
            trust: match head.trust {
                Trust::Chain => 0,
                Trust::Checksum => 1,
                Trust::Unverified => 2,
            },
            restarted: head.continuity == Continuity::Restarted,
            keyframe,
            bids,
            asks,
        }
    }

    /// How the book was verified.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match self.trust {
            0 => Trust::Chain,
            1 => Trust::Checksum,
            _ => Trust::Unverified,
        }
    }

    /// The levels into buffers that are used again; `false` when a number in them can't be.
    pub(super) fn levels_into(&self, bids: &mut Vec<Level>, asks: &mut Vec<Level>) -> bool {
        let side = |levels: &[WireLevel], into: &mut Vec<Level>| {
            into.clear();
            into.extend(levels.iter().map_while(unpack));
            into.len() == levels.len()
        };
        side(&self.bids, bids) && side(&self.asks, asks)
    }

    /// The levels: bids, asks. `None` when a number in them can't be.
    #[must_use]
    pub fn levels(&self) -> Option<(Vec<Level>, Vec<Level>)> {
        let side = |levels: &[WireLevel]| levels.iter().map(unpack).collect::<Option<Vec<_>>>();
        Some((side(&self.bids)?, side(&self.asks)?))
    }

    /// The frame as bytes.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] when it is larger than any frame may be.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        seal(FRAME, self)
    }

    /// A frame from bytes.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        open(FRAME, bytes)
    }
}

fn pack(level: &Level) -> WireLevel {
    (level.price.mantissa(), level.price.scale(), level.size.mantissa(), level.size.scale(), level.orders)
}

fn unpack(&(price, price_scale, size, size_scale, orders): &WireLevel) -> Option<Level> {
    Some(Level { price: Decimal::from_parts(price, price_scale)?, size: Decimal::from_parts(size, size_scale)?, orders })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head() -> Head {
        Head {
            run: 1,
            index: 2,
            arrival_ns: 3,
            arrival_ms: 4,
            time_ms: 5,
            sequence: Some(-6),
            trust: Trust::Checksum,
            continuity: Continuity::Restarted,
        }
    }

    fn level() -> impl Strategy<Value = Level> {
        (1_u64.., 0_u8..=12, any::<u64>(), 0_u8..=12, any::<u32>()).prop_map(|(p, ps, s, ss, orders)| Level {
            price: Decimal::from_parts(p, ps).expect("in range"),
            size: Decimal::from_parts(s, ss).expect("in range"),
            orders,
        })
    }

    proptest! {
        #[test]
        fn a_frame_survives_the_list_with_its_digits(bids in prop::collection::vec(level(), 0..50), asks in prop::collection::vec(level(), 0..50)) {
            let frame = LaneFrame::changes(head(), &bids, &asks);
            let back = LaneFrame::decode(&frame.encode().expect("small")).expect("whole");
            prop_assert_eq!(&back, &frame);
            prop_assert_eq!(back.levels().expect("levels"), (bids, asks));
            prop_assert_eq!(back.trust(), Trust::Checksum);
        }

        #[test]
        fn any_bytes_are_a_frame_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = LaneFrame::decode(&bytes).map(|frame| frame.levels());
            let mut ours = FRAME.to_vec();
            ours.extend(&bytes);
            let _ = LaneFrame::decode(&ours).map(|frame| frame.levels());
        }
    }

    /// A newer host goes on with the Lists of an older one, so what version 1 looks like is written down here: other bytes want another version.
    #[test]
    fn frames_that_any_host_of_version_1_wrote_are_read_as_they_were_meant() {
        const BYTES: &[u8] = b"L\x01\x01\x02\x03\x04\x05\x01\x0b\x01\x01\x00\x01\xfc\xdb\xe5\x0b\x00\x01\xfb\xdc\x05\x08\x03\x00";
        let level = Level { price: "77973.9".parse().expect("a number"), size: "0.00001500".parse().expect("a number"), orders: 3 };
        let frame = LaneFrame::changes(head(), &[level], &[]);
        assert_eq!(LaneFrame::decode(BYTES).expect("version 1"), frame);
        assert_eq!(frame.encode().expect("small"), BYTES);
    }

    #[test]
    fn a_frame_of_another_version_is_refused_not_guessed() {
        let mut bytes = LaneFrame::changes(head(), &[], &[]).encode().expect("small");
        bytes[1] = 9;
        assert!(matches!(LaneFrame::decode(&bytes), Err(CodecError::Foreign(_))));
        bytes[1] = FRAME[1];
        bytes.push(0);
        assert!(matches!(LaneFrame::decode(&bytes), Err(CodecError::Damaged(_))));
    }
}
