//! Runs a plugin natively on a sequence of books, and checks the properties that every analysis keeps.
//!
//! The checks return a sentence on the first violation, so a test reads `assert_eq!(harness::deterministic::<P>(...), Ok(()))`.

use std::collections::BTreeSet;

use crate::{Continuity, Field, Instrument, Kind, Outcome, Plugin, Reading, Side, Snapshot, Value};

/// A plugin opened for one instrument.
#[derive(Debug)]
pub struct Harness<P> {
    plugin: P,
}

impl<P: Plugin> Harness<P> {
    /// Opens the plugin.
    ///
    /// # Errors
    /// What [`Plugin::open`] says.
    pub fn open(instrument: &Instrument, parameters: &str) -> Result<Self, String> {
        Ok(Self { plugin: P::open(instrument.clone(), parameters)? })
    }

    /// One reading a book.
    ///
    /// # Errors
    /// What [`Plugin::analyze`] says, with the index of the book.
    pub fn run<'a>(&mut self, books: impl IntoIterator<Item = &'a Snapshot>) -> Result<Vec<Reading>, String> {
        books.into_iter().enumerate().map(|(i, book)| self.plugin.analyze(book).map_err(|error| format!("book {i}: {error}"))).collect()
    }

    /// Saves, opens another instance, restores: what the host does at a swap.
    ///
    /// # Errors
    /// What the plugin says.
    pub fn handed_over(&self, instrument: &Instrument, parameters: &str) -> Result<Self, String> {
        let mut next = Self::open(instrument, parameters)?;
        next.plugin.restore(&P::describe().version, parameters, &self.plugin.save()?)?;
        Ok(next)
    }

    /// The plugin itself.
    pub fn plugin(&mut self) -> &mut P {
        &mut self.plugin
    }
}

/// Opens and runs a fresh instance.
///
/// # Errors
/// What the plugin says.
pub fn readings<P: Plugin>(instrument: &Instrument, parameters: &str, books: &[Snapshot]) -> Result<Vec<Reading>, String> {
    Harness::<P>::open(instrument, parameters)?.run(books)
}

/// A field of a reading by name.
#[must_use]
pub fn field<'a>(reading: &'a Reading, name: &str) -> Option<&'a Value> {
    reading.fields.iter().find(|field| field.name == name).map(|field| &field.value)
}

/// A numeric field of a reading; none when it is absent or has no number.
#[must_use]
pub fn number(reading: &Reading, name: &str) -> Option<f64> {
    match field(reading, name)? {
        Value::Number(number) => Some(*number),
        Value::Integer(integer) => Some(*integer as f64),
        _ => None,
    }
}

/// A text field of a reading; none when it is absent.
#[must_use]
pub fn text<'a>(reading: &'a Reading, name: &str) -> Option<&'a str> {
    match field(reading, name)? {
        Value::Text(text) | Value::Json(text) => Some(text),
        _ => None,
    }
}

/// Two runs over the same books give the same readings, bit by bit.
///
/// # Errors
/// The first difference.
pub fn deterministic<P: Plugin>(instrument: &Instrument, parameters: &str, books: &[Snapshot]) -> Result<(), String> {
    same(&readings::<P>(instrument, parameters, books)?, &readings::<P>(instrument, parameters, books)?, 0)
}

/// Saving and restoring before book `at` changes nothing in the readings from there on, nor in the state at the end.
///
/// # Errors
/// The first difference.
pub fn survives_restore<P: Plugin>(instrument: &Instrument, parameters: &str, books: &[Snapshot], at: usize) -> Result<(), String> {
    let (before, after) = books.split_at(at.min(books.len()));
    let mut whole = Harness::<P>::open(instrument, parameters)?;
    whole.run(before)?;
    let mut resumed = whole.handed_over(instrument, parameters)?;
    same(&whole.run(after)?, &resumed.run(after)?, before.len())?;
    if whole.plugin.save()? == resumed.plugin.save()? { Ok(()) } else { Err("the saved states differ at the end".to_owned()) }
}

/// Every reading keeps the descriptor's word: only finite numbers, declared names, each once, within `low` and `high`; every declared output is there
/// (a value of none included), JSON fields parse.
///
/// # Errors
/// The first violation.
pub fn keeps_descriptor<P: Plugin>(readings: &[Reading]) -> Result<(), String> {
    let outputs = P::describe().outputs;
    for (i, reading) in readings.iter().enumerate() {
        let mut seen = BTreeSet::new();
        let notice_fields = reading.notices.iter().flat_map(|notice| &notice.fields);
        for field in reading.fields.iter().chain(notice_fields.clone()) {
            finite(field).map_err(|error| format!("reading {i}: {error}"))?;
        }
        for field in &reading.fields {
            let Some(output) = outputs.iter().find(|output| output.name == field.name) else {
                return Err(format!("reading {i}: {} isn't declared", field.name));
            };
            if !seen.insert(field.name.as_str()) {
                return Err(format!("reading {i}: {} is there twice", field.name));
            }
            if let Value::Number(number) = field.value
                && (output.low.is_some_and(|low| number < low) || output.high.is_some_and(|high| number > high))
            {
                return Err(format!("reading {i}: {} is {number}, outside the declared {:?} to {:?}", field.name, output.low, output.high));
            }
        }
        if let Some(output) = outputs.iter().find(|output| !seen.contains(output.name.as_str())) {
            return Err(format!("reading {i}: {} is missing", output.name));
        }
    }
    Ok(())
}

/// Books that can't be judged (crossed, empty, NaN, out of order, unequal columns) are answered with `unknown` and without numbers, and the readings
/// between them are those of a run without such books.
///
/// # Errors
/// The first violation.
pub fn unmoved_by_invalid_books<P: Plugin>(instrument: &Instrument, parameters: &str, books: &[Snapshot]) -> Result<(), String> {
    let clean = readings::<P>(instrument, parameters, books)?;
    let mut disturbed = Harness::<P>::open(instrument, parameters)?;
    for (i, book) in books.iter().enumerate() {
        for (how, invalid) in invalid_books(book) {
            for reading in disturbed.run([&invalid])? {
                if !matches!(reading.outcome, Outcome::Unknown(_)) {
                    return Err(format!("book {i} made {how} was answered with {:?}", reading.outcome));
                }
                if reading.fields.iter().any(|field| matches!(field.value, Value::Number(_) | Value::Integer(_) | Value::Numbers(_))) {
                    return Err(format!("book {i} made {how} was answered with a number"));
                }
            }
        }
        same(&clean[i..=i], &disturbed.run([book])?, i)?;
    }
    Ok(())
}

/// Broken copies of a book, each with the word for what is wrong with it.
#[must_use]
pub fn invalid_books(book: &Snapshot) -> Vec<(&'static str, Snapshot)> {
    let with = |change: &dyn Fn(&mut Snapshot)| {
        let mut copy = book.clone();
        change(&mut copy);
        copy
    };
    let empty = Side { prices: Vec::new(), sizes: Vec::new(), orders: Vec::new() };
    let mut all = vec![
        ("empty of bids", with(&|book| book.bids = empty.clone())),
        ("empty of asks", with(&|book| book.asks = empty.clone())),
        ("uneven", with(&|book| book.asks.sizes.push(1.0))),
    ];
    if !book.bids.prices.is_empty() && !book.asks.prices.is_empty() {
        all.push(("crossed", with(&|book| book.bids.prices[0] = book.asks.prices[0])));
        all.push(("NaN in a size", with(&|book| book.bids.sizes[0] = f64::NAN)));
        all.push(("infinite in a price", with(&|book| book.bids.prices[0] = f64::INFINITY)));
        all.push(("of size 0", with(&|book| book.bids.sizes[0] = 0.0)));
    }
    if book.asks.prices.len() > 1 {
        all.push(("out of order", with(&|book| book.asks.prices.reverse())));
    }
    all
}

/// The same books at `factor` times the prices. Scale the tick size of the instrument too; powers of two keep every digit.
#[must_use]
pub fn scaled_prices(books: &[Snapshot], factor: f64) -> Vec<Snapshot> {
    changed(books, |side| side.prices.iter_mut().for_each(|price| *price *= factor))
}

/// The same books at `factor` times the sizes. Powers of two keep every digit.
#[must_use]
pub fn scaled_sizes(books: &[Snapshot], factor: f64) -> Vec<Snapshot> {
    changed(books, |side| side.sizes.iter_mut().for_each(|size| *size *= factor))
}

/// The same books in a mirror: price p becomes 2·`pivot` − p, bids become asks. On linear notional sizes are changed so that each level keeps its
/// notional, since p·q is what analyses weigh.
#[must_use]
pub fn mirrored(books: &[Snapshot], pivot: f64, kind: Kind) -> Vec<Snapshot> {
    books
        .iter()
        .map(|book| {
            let mut book = book.clone();
            std::mem::swap(&mut book.bids, &mut book.asks);
            for side in [&mut book.bids, &mut book.asks] {
                for (price, size) in side.prices.iter_mut().zip(&mut side.sizes) {
                    let reflected = 2.0 * pivot - *price;
                    if matches!(kind, Kind::Spot | Kind::Linear) {
                        *size *= *price / reflected;
                    }
                    *price = reflected;
                }
            }
            book
        })
        .collect()
}

/// The same books with the time moved by whole milliseconds; the first one `restarted`.
#[must_use]
pub fn shifted_time(books: &[Snapshot], by_ms: i64) -> Vec<Snapshot> {
    let mut books = books.to_vec();
    for (i, book) in books.iter_mut().enumerate() {
        book.time_ms = book.time_ms.saturating_add_signed(by_ms);
        if i == 0 {
            book.continuity = Continuity::Restarted;
        }
    }
    books
}

fn changed(books: &[Snapshot], change: impl Fn(&mut Side)) -> Vec<Snapshot> {
    let mut books = books.to_vec();
    for book in &mut books {
        change(&mut book.bids);
        change(&mut book.asks);
    }
    books
}

fn same(left: &[Reading], right: &[Reading], first: usize) -> Result<(), String> {
    if left.len() != right.len() {
        return Err(format!("{} readings against {}", left.len(), right.len()));
    }
    for (i, (left, right)) in left.iter().zip(right).enumerate() {
        if left == right {
            continue;
        }
        let differing = left.fields.iter().zip(&right.fields).find(|(left, right)| left != right);
        return Err(match differing {
            Some((left, right)) => format!("reading {}: {} is {:?} against {:?}", first + i, left.name, left.value, right.value),
            None => format!("reading {}: {left:?} against {right:?}", first + i),
        });
    }
    Ok(())
}

fn finite(field: &Field) -> Result<(), String> {
    match &field.value {
        Value::Number(number) if !number.is_finite() => Err(format!("{} is {number}", field.name)),
        Value::Numbers(numbers) if numbers.iter().any(|number| !number.is_finite()) => {
            Err(format!("{} holds a number that isn't finite", field.name))
        }
        Value::Json(text) => {
            serde_json::from_str::<serde_json::Value>(text).map(drop).map_err(|error| format!("{} isn't JSON: {error}", field.name))
        }
        _ => Ok(()),
    }
}
