//! A verified book as a snapshot in the exchange's form: what a block of updates can be read from.

use std::fmt::Write;

use leadline_market::{BookFrame, BookSide, TrackedBook};

/// The snapshot of this book, which `frame` was the last to change; none where frames aren't numbered, since nothing could follow it.
pub(super) fn snapshot(tracked: &TrackedBook, frame: &BookFrame) -> Option<String> {
    let (sequence, time_ms) = (tracked.sequence()?, tracked.time_ms()?);
    let book = tracked.book();
    let mut text = String::with_capacity(256 + 48 * (book.bids().len() + book.asks().len()));
    // Writing to a string can't fail; ids and channels hold nothing that JSON would escape.
    let _ =
        write!(text, r#"{{"arg":{{"channel":"{}","instId":"{}"}},"action":"snapshot","data":[{{"asks":["#, frame.channel, frame.instrument);
    levels(&mut text, book.asks());
    text.push_str(r#"],"bids":["#);
    levels(&mut text, book.bids());
    let _ = write!(text, r#"],"ts":"{time_ms}","checksum":0,"seqId":{sequence},"prevSeqId":-1}}]}}"#);
    Some(text)
}

fn levels(text: &mut String, side: &BookSide) {
    for (place, level) in side.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(text, r#"{comma}["{}","{}","0","{}"]"#, level.price, level.size, level.orders);
    }
}
