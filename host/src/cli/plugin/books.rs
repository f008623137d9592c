//! The books that plugins are tried on: generated, recorded, or bad in a way that has a name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use leadline_market::{Book, BookChannel, Columns, Decoder, FrameKind, Instrument, Message, TrackedBook, Trust, Verdict, infer_from};
use leadline_recording::{Recording, instruments_beside};
use leadline_simulator::{Generated, Rate, frames};

/// One pair with its books, in order.
pub(in crate::cli) struct Series {
    /// The pair.
    pub(in crate::cli) instrument: Arc<Instrument>,
    /// Its books.
    pub(in crate::cli) books: Vec<Book>,
}

/// Pairs of a recording that a plugin is tried on; a recording may have any number.
pub(super) const MAX_PAIRS: usize = 8;
/// Frames of a recording that are read.
const MAX_FRAMES: u64 = 2_000_000;
/// The generated market: two spot pairs, a linear and an inverse swap.
const PAIRS: usize = 4;
/// A frame of each pair about every two seconds, so that few books span the minutes of history that some analyses need.
const PER_SECOND: f64 = 2.0;

/// How many pairs of a recording are wanted, and how many books of the first, and of each further one.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Wanted {
    pub(in crate::cli) pairs: usize,
    pub(in crate::cli) first: usize,
    pub(in crate::cli) further: usize,
}

impl Wanted {
    fn of(self, place: usize) -> usize {
        if place == 0 { self.first } else { self.further }
    }
}

/// Books of the recording, or generated ones; the first pair's come first.
///
/// # Errors
/// The recording can't be read, or holds no book.
pub(in crate::cli) fn gather(recording: Option<&Path>, wanted: Wanted) -> anyhow::Result<Vec<Series>> {
    match recording {
        Some(file) => recorded(file, wanted),
        None => generated(wanted),
    }
}

fn generated(wanted: Wanted) -> anyhow::Result<Vec<Series>> {
    let options =
        Generated { pairs: 2, swaps: true, rate: Rate::PerSecond(PER_SECOND), start_ms: Some(1_800_000_000_000), ..Generated::default() };
    let mut gathering = Gathering::new(BTreeMap::new(), wanted, PAIRS);
    for frame in frames(&options)? {
        gathering.take(frame.as_bytes());
        if gathering.is_full() {
            break;
        }
    }
    Ok(gathering.series)
}

fn recorded(file: &Path, wanted: Wanted) -> anyhow::Result<Vec<Series>> {
    let mut recording = Recording::open(file)?;
    let listed = instruments_beside(file)?.instruments.into_iter().map(|one| (one.id.clone(), Arc::new(one))).collect();
    let mut gathering = Gathering::new(listed, wanted, wanted.pairs);
    for _ in 0..MAX_FRAMES {
        match recording.next_frame() {
            Ok(Some(frame)) => gathering.take(frame.bytes),
            Ok(None) => break,
            Err(error) if error.goes_on() => {}
            Err(error) => return Err(error.into()),
        }
        if gathering.is_full() {
            break;
        }
    }
    if gathering.series.is_empty() {
        bail!("{}: no order book in it\n  hint: leadline verify {} says what the recording holds", file.display(), file.display());
    }
    Ok(gathering.series)
}

/// Frames becoming books.
struct Gathering {
    decoder: Decoder,
    listed: BTreeMap<String, Arc<Instrument>>,
    tracked: BTreeMap<(BookChannel, String), (TrackedBook, Option<usize>)>,
    series: Vec<Series>,
    wanted: Wanted,
    pairs: usize,
}

impl Gathering {
    fn new(listed: BTreeMap<String, Arc<Instrument>>, wanted: Wanted, pairs: usize) -> Self {
        Self { decoder: Decoder::new(), listed, tracked: BTreeMap::new(), series: Vec::new(), wanted, pairs }
    }

    /// Lines that can't be read are left out here; `leadline verify` names them.
    fn take(&mut self, bytes: &[u8]) {
        let Ok(Message::Books(frames)) = self.decoder.decode(bytes) else { return };
        for frame in frames {
            let key = (frame.channel, frame.instrument.clone());
            let (tracked, place) = self.tracked.entry(key).or_insert_with(|| (TrackedBook::new(), None));
            let Verdict::Applied(applied) = tracked.apply(frame) else { continue };
            if applied.kind == FrameKind::KeepAlive {
                continue;
            }
            if place.is_none() && self.series.len() < self.pairs {
                let known = self.listed.get(&frame.instrument).map(Arc::clone);
                let instrument = known.unwrap_or_else(|| Arc::new(infer_from(&frame.instrument, tracked.book())));
                *place = Some(self.series.len());
                self.series.push(Series { instrument, books: Vec::new() });
            }
            let Some(series) = place.and_then(|place| self.series.get_mut(place)) else { continue };
            if series.books.len() < self.wanted.of(place.unwrap_or(0)) {
                let mut book = Book::empty();
                tracked.fill(&applied, &mut book);
                series.books.push(book);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.series.len() == self.pairs && self.series.iter().enumerate().all(|(place, series)| series.books.len() >= self.wanted.of(place))
    }
}

/// What a plugin may answer to a bad book.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// No numbers: nothing true can be said.
    NoNumbers,
    /// Numbers or none, as the plugin sees fit; only a fault is wrong.
    Anything,
}

/// Every kind of book that a plugin meets and that isn't a plain one: its name, the book, and what may be answered.
pub(super) fn bad(good: &Book) -> Vec<(&'static str, Book, Expected)> {
    use Expected::{Anything, NoNumbers};
    let with = |change: &dyn Fn(&mut Book)| {
        let mut book = good.clone();
        change(&mut book);
        book
    };
    let prices =
        |factor: f64| move |book: &mut Book| book.bids.prices.iter_mut().chain(&mut book.asks.prices).for_each(|price| *price *= factor);
    let sizes =
        |factor: f64| move |book: &mut Book| book.bids.sizes.iter_mut().chain(&mut book.asks.sizes).for_each(|size| *size *= factor);
    let one = |columns: &Columns| Columns {
        prices: columns.prices.iter().take(1).copied().collect(),
        sizes: columns.sizes.iter().take(1).copied().collect(),
        orders: columns.orders.iter().take(1).copied().collect(),
    };
    vec![
        ("empty", with(&|book| (book.bids, book.asks) = (Columns::default(), Columns::default())), NoNumbers),
        ("without bids", with(&|book| book.bids = Columns::default()), NoNumbers),
        ("without asks", with(&|book| book.asks = Columns::default()), NoNumbers),
        ("crossed", with(&|book| std::mem::swap(&mut book.bids.prices, &mut book.asks.prices)), NoNumbers),
        ("locked", with(&|book| lock(book)), NoNumbers),
        ("unverified", with(&|book| book.trust = Trust::Unverified), Anything),
        ("of one level a side", with(&|book| (book.bids, book.asks) = (one(&good.bids), one(&good.asks))), Anything),
        ("of 1000 levels a side", with(&deepen), Anything),
        ("of huge prices", with(&prices(1e300)), Anything),
        ("of tiny prices", with(&prices(1e-300)), Anything),
        ("of huge sizes", with(&sizes(1e300)), Anything),
        ("of tiny sizes", with(&sizes(1e-300)), Anything),
        (
            "without order counts",
            with(&|book| book.bids.orders.iter_mut().chain(&mut book.asks.orders).for_each(|count| *count = 0)),
            Anything,
        ),
    ]
}

/// Best bid and best ask at one price.
fn lock(book: &mut Book) {
    if let (Some(bid), Some(ask)) = (book.bids.prices.first_mut(), book.asks.prices.first()) {
        *bid = *ask;
    }
    book.crossed = true;
}

/// Levels on and on, each a little farther out than the one before.
fn deepen(book: &mut Book) {
    const LEVELS: usize = 1000;
    for (columns, sign) in [(&mut book.bids, -1.0), (&mut book.asks, 1.0)] {
        let (Some(&first), Some(&size)) = (columns.prices.first(), columns.sizes.first()) else { continue };
        let step = first * 1e-5;
        columns.prices = (0..LEVELS).map(|level| first + sign * step * level as f64).collect();
        columns.sizes = vec![size; LEVELS];
        columns.orders = vec![1; LEVELS];
    }
}
