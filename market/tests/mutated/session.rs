//! One stream through decoder and tracked book, beside reading and model.

use std::collections::BTreeMap;
use std::fmt;

use leadline_market::{Book, Break, Decoder, Message, TrackedBook, Verdict};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::corpus::{Generated, below, once_in};
use crate::model::Model;
use crate::mutation::mutated;
use crate::reading::{Reading, as_read, may_be_stricter, read};

/// What became of the frames.
#[derive(Default)]
pub struct Tally {
    pub frames: u64,
    /// Frames among them that are not as they were sent.
    pub mutated: u64,
    /// Frames that were read as books.
    pub books: u64,
    /// Frames that were refused.
    pub refused: u64,
    /// Frames that were read as something else.
    pub other: u64,
    /// Books that a tracked book took.
    pub applied: u64,
    /// Breaks of a tracked book: by a gap, by a checksum, by levels.
    pub gaps: u64,
    pub checksums: u64,
    pub levels: u64,
    /// Books that came while the tracked book was broken.
    pub dropped: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, mutated, books, refused, other, applied, gaps, checksums, levels, dropped } = self;
        write!(
            formatter,
            "{frames} frames ({mutated} mutated): {books} decoded as books, {refused} refused, {other} other; \
             {applied} applied, {} broken (gap {gaps}, checksum {checksums}, levels {levels}), {dropped} dropped",
            gaps + checksums + levels
        )
    }
}

/// Says, when something panics, with what.
struct Witness<'a> {
    seed: u64,
    frame: &'a [u8],
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self.frame.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("LEADLINE_FUZZ_SEED={}, frame {hex}\n{}", self.seed, String::from_utf8_lossy(self.frame));
        }
    }
}

/// One consumer: books by channel and instrument, as a host keeps them.
#[derive(Default)]
struct Consumer {
    books: BTreeMap<(String, String), (TrackedBook, Model)>,
    picture: Book,
}

/// Runs the session of a seed.
pub fn run(seed: u64, frames: u64, recordings: &[Vec<String>], decoder: &mut Decoder, tally: &mut Tally) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut consumer = Consumer::default();
    let mut generated = Generated::new(&mut rng);
    let recorded = (!recordings.is_empty() && once_in(&mut rng, 4)).then(|| &recordings[below(&mut rng, recordings.len())]);
    let mut at = recorded.map_or(0, |stream| below(&mut rng, stream.len()));
    let mut before = Vec::new();
    for number in 0..frames {
        // A broken book waits for a snapshot; not for long, or most frames would only be dropped.
        let often = if consumer.current().0.is_some() { 10 } else { 2 };
        let snapshot = number == 0 || once_in(&mut rng, often);
        let text = match recorded {
            Some(stream) => {
                // A recording begins with its snapshot; once in a while the session goes back to it.
                at = if snapshot { 0 } else { (at + 1) % stream.len() };
                stream[at].clone()
            }
            None => {
                let (current, after) = consumer.current();
                // Mostly as if the stream had noticed nothing, so that more than the first frame after a snapshot links.
                let after = after.filter(|_| !once_in(&mut rng, 8));
                generated.next(&mut rng, snapshot, after, |text| match decoder.decode(text.as_bytes()) {
                    Ok(Message::Books([frame])) => Some(current.map_or_else(Model::default, Model::clone).checksum_after(frame)),
                    other => panic!("a generated frame: {other:?}: {text}"),
                })
            }
        };
        let change = !once_in(&mut rng, 5);
        let bytes = if change {
            mutated(&mut rng, text.as_bytes(), if before.is_empty() { text.as_bytes() } else { &before })
        } else {
            text.clone().into_bytes()
        };
        tally.frames += 1;
        tally.mutated += u64::from(bytes != text.as_bytes());
        before = text.into_bytes();
        let witness = Witness { seed, frame: &bytes };
        consumer.take(&bytes, decoder, tally);
        drop(witness);
    }
}

/// One frame by itself.
pub fn alone(bytes: &[u8]) -> Tally {
    let mut tally = Tally::default();
    let witness = Witness { seed: 0, frame: bytes };
    Consumer::default().take(bytes, &mut Decoder::new(), &mut tally);
    drop(witness);
    tally
}

impl Consumer {
    /// The book of the session's own instrument, and the id that its next frame must follow.
    fn current(&self) -> (Option<&Model>, Option<i64>) {
        let current = self.books.values().find(|(tracked, _)| tracked.is_valid());
        (current.map(|(_, model)| model), current.and_then(|(tracked, _)| tracked.sequence()))
    }

    fn take(&mut self, bytes: &[u8], decoder: &mut Decoder, tally: &mut Tally) {
        let reading = read(bytes);
        match decoder.decode(bytes) {
            Ok(Message::Books(frames)) => {
                tally.books += 1;
                match &reading {
                    Reading::Books(wanted) => assert_eq!(frames.iter().map(as_read).collect::<Vec<_>>(), *wanted, "read otherwise"),
                    Reading::Unknown => {}
                    Reading::NotJson => panic!("read what is not JSON"),
                    Reading::NoBook => panic!("read as books what is none: {frames:?}"),
                }
                for frame in frames {
                    let key = (frame.channel.to_string(), frame.instrument.clone());
                    let (tracked, model) = self.books.entry(key).or_default();
                    let verdict = tracked.apply(frame);
                    match &verdict {
                        Verdict::Applied(applied) => {
                            tally.applied += 1;
                            tracked.fill(applied, &mut self.picture);
                            check_picture(&self.picture);
                        }
                        Verdict::Broken(Break::Gap { .. }) => tally.gaps += 1,
                        Verdict::Broken(Break::Checksum { .. }) => tally.checksums += 1,
                        Verdict::Broken(Break::Book(_)) => tally.levels += 1,
                        Verdict::Dropped => tally.dropped += 1,
                    }
                    if let Err(wrong) = model.check(frame, &verdict, tracked) {
                        panic!("{wrong}: {verdict:?}");
                    }
                }
            }
            Ok(Message::Pong) => assert_eq!(bytes.trim_ascii(), b"pong"),
            Ok(other) => {
                tally.other += 1;
                assert!(!matches!(reading, Reading::NotJson | Reading::Books(_)), "read as {other:?}");
            }
            Err(error) => {
                tally.refused += 1;
                let text = error.to_string();
                assert!(!text.is_empty() && text.len() < 1000, "an error of {} bytes", text.len());
                assert!(!matches!(reading, Reading::Books(_)) || may_be_stricter(bytes, &error), "refused a good frame: {error}");
            }
        }
    }
}

/// The picture for plugins is sorted, of one length a side, and positive.
fn check_picture(picture: &Book) {
    for (side, sign) in [(&picture.bids, -1.0), (&picture.asks, 1.0)] {
        assert!(side.prices.len() == side.sizes.len() && side.sizes.len() == side.orders.len(), "columns differ in length");
        // Distinct prices may be one double.
        assert!(side.prices.is_sorted_by(|one, next| one * sign <= next * sign), "prices are not sorted");
        assert!(side.prices.iter().chain(&side.sizes).all(|&number| number > 0.0 && number.is_finite()), "a number is not positive");
    }
}
