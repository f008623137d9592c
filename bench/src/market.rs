//! Frames of the generated market, and the books they make. Seeded: the same on every machine.

use anyhow::{Context, bail};
use leadline_market::{Applied, Book, Decoder, Instrument, Message, TrackedBook, Verdict, infer};
use leadline_simulator::{Generated, Rate, Shape, frames};

/// Frames a second of the one pair: OKX's `books` channel sends every 100 ms at most.
const PER_SECOND: f64 = 10.0;
/// Exchange time of the first frame.
const START_MS: u64 = 1_700_000_000_000;

/// The first `count` frames of BTC-USDT: a snapshot of 2 × 400 levels, then an update every 100 ms.
///
/// # Errors
/// When the simulator refuses its options.
pub fn stream(count: usize) -> anyhow::Result<Vec<String>> {
    let options = Generated {
        seed: 7,
        pairs: 1,
        rate: Rate::PerSecond(PER_SECOND),
        shape: Shape::Even,
        start_ms: Some(START_MS),
        ..Generated::default()
    };
    Ok(frames(&options)?.take(count).collect())
}

/// The update of median length of a stream.
///
/// # Errors
/// When there is none.
pub fn median_update(stream: &[String]) -> anyhow::Result<&str> {
    let mut updates: Vec<&str> = stream.iter().map(String::as_str).filter(|frame| frame.contains(r#""action":"update""#)).collect();
    updates.sort_by_key(|frame| frame.len());
    updates.get(updates.len() / 2).copied().context("the stream has no update")
}

/// Level changes in a frame.
///
/// # Errors
/// When it is no book frame.
pub fn changes(frame: &str) -> anyhow::Result<usize> {
    match Decoder::new().decode(frame.as_bytes())? {
        Message::Books(books) => Ok(books.iter().map(|book| book.bids.len() + book.asks.len()).sum()),
        other => bail!("no book frame: {other:?}"),
    }
}

/// A book after all frames of a stream, with the last frame's verdict.
///
/// # Errors
/// When a frame can't be read or breaks the book.
pub fn tracked(stream: &[String]) -> anyhow::Result<(TrackedBook, Applied)> {
    let mut last = None;
    let mut book = TrackedBook::new();
    each(stream, &mut book, |_, applied| last = Some(applied))?;
    Ok((book, last.context("an empty stream")?))
}

/// The pictures of all books of a stream.
///
/// # Errors
/// When a frame can't be read or breaks the book.
pub fn books(stream: &[String]) -> anyhow::Result<Vec<Book>> {
    let mut pictures = Vec::with_capacity(stream.len());
    each(stream, &mut TrackedBook::new(), |book, applied| {
        let mut picture = Book::empty();
        book.fill(&applied, &mut picture);
        pictures.push(picture);
    })?;
    Ok(pictures)
}

/// The instrument of a stream, as its books tell it.
///
/// # Errors
/// As [`tracked`].
pub fn instrument(stream: &[String]) -> anyhow::Result<Instrument> {
    let (tracked, _) = tracked(stream)?;
    let size_scale = tracked.book().bids().iter().map(|level| level.size.scale()).max().unwrap_or(0);
    Ok(infer("BTC-USDT", tracked.book().price_scale(), size_scale))
}

fn each(stream: &[String], book: &mut TrackedBook, mut seen: impl FnMut(&TrackedBook, Applied)) -> anyhow::Result<()> {
    let mut decoder = Decoder::new();
    for frame in stream {
        let Message::Books(frames) = decoder.decode(frame.as_bytes())? else { bail!("no book frame: {frame}") };
        for frame in frames {
            match book.apply(frame) {
                Verdict::Applied(applied) => seen(book, applied),
                other => bail!("the generated market broke its own chain: {other:?}"),
            }
        }
    }
    Ok(())
}
