//! What a pair's lane had come to, as bytes: its book, and each plugin's state on the pair.
//!
//! Both stand in one Hash, [`crate::results::keys::lane_state`]. Each value begins with a mark and a version; whoever reads another version
//! says so by name instead of guessing, and goes without.

use bincode::{Decode, Encode};
use leadline_market::{BookSide, OrderBook};

use super::codec::{CodecError, Head, LaneFrame, open, seal};
use super::place::Place;
use crate::analysis::SavedState;

const BOOK: [u8; 2] = [b'C', 1];
const STATE: [u8; 2] = [b'S', 1];
/// Largest state of a plugin that is kept in Redis.
pub const MAX_STATE: usize = 4 << 20;

/// The lane of a pair after a frame.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub struct Checkpoint {
    /// The book is whole: a keyframe and every frame since.
    whole: bool,
    /// Books before the next one are missing.
    restarted: bool,
    /// The book, with run, index and sequence number of the last frame.
    book: LaneFrame,
}

impl Checkpoint {
    /// The lane as it stands; none before its first frame.
    pub(super) fn of(place: &Place) -> Option<Self> {
        let last = place.last()?;
        let empty = OrderBook::new();
        let book = if place.whole { &place.book } else { &empty };
        let (bids, asks): (&BookSide, &BookSide) = (book.bids(), book.asks());
        let head = Head { run: last.run, index: last.index, sequence: last.sequence, ..Head::default() };
        Some(Self { whole: place.whole, restarted: place.restarted, book: LaneFrame::keyframe(head, bids, asks) })
    }

    /// The lane as it stood.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] when its levels make no book.
    pub(super) fn place(&self) -> Result<Place, CodecError> {
        let mut place = Place::new();
        place.stand_after(&self.book);
        place.restarted = self.restarted;
        if self.whole {
            let (bids, asks) = self.book.levels().ok_or_else(|| CodecError::Damaged("a level is no number".to_owned()))?;
            place.book.apply_snapshot(&bids, &asks).map_err(|error| CodecError::Damaged(error.to_string()))?;
            place.whole = true;
        }
        Ok(place)
    }

    /// As bytes.
    ///
    /// # Errors
    /// [`CodecError::Damaged`] when it is larger than it may be.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        seal(BOOK, self)
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        open(BOOK, bytes)
    }
}

#[derive(Encode, Decode)]
struct WireState {
    version: String,
    parameters: String,
    restarted: bool,
    bytes: Vec<u8>,
}

/// A plugin's state as bytes.
///
/// # Errors
/// [`CodecError::Damaged`] when it is larger than [`MAX_STATE`].
pub fn encode_state(state: SavedState) -> Result<Vec<u8>, CodecError> {
    if state.bytes.len() > MAX_STATE {
        return Err(CodecError::Damaged(format!("it has {} bytes, of at most {MAX_STATE}", state.bytes.len())));
    }
    let SavedState { version, parameters, restarted, bytes } = state;
    seal(STATE, &WireState { version, parameters, restarted, bytes })
}

/// A plugin's state from bytes.
///
/// # Errors
/// [`CodecError`].
pub fn decode_state(bytes: &[u8]) -> Result<SavedState, CodecError> {
    let WireState { version, parameters, restarted, bytes } = open(STATE, bytes)?;
    Ok(SavedState { version, parameters, restarted, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_that_any_host_of_version_1_wrote_are_read_as_they_were_meant() {
        const BYTES: &[u8] = b"S\x01\x051.2.3\x02{}\x01\x02\x07\x08";
        let state = SavedState { version: "1.2.3".to_owned(), parameters: "{}".to_owned(), restarted: true, bytes: vec![7, 8] };
        assert_eq!(decode_state(BYTES).expect("version 1"), state);
        assert_eq!(encode_state(state).expect("small"), BYTES);
    }

    #[test]
    fn a_state_survives_and_one_of_another_version_or_too_large_is_refused() {
        let state = SavedState { version: "1.2.3".to_owned(), parameters: "{}".to_owned(), restarted: true, bytes: vec![7; 1000] };
        let mut bytes = encode_state(state.clone()).expect("small");
        assert_eq!(decode_state(&bytes).expect("whole"), state);
        bytes[1] = 9;
        assert!(matches!(decode_state(&bytes), Err(CodecError::Foreign(_))));
        assert!(encode_state(SavedState { bytes: vec![0; MAX_STATE + 1], ..state }).is_err());
    }
}
