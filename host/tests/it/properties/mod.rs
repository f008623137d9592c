//! The properties that every analysis keeps, of the built components as the host calls them. Natively each plugin's own tests have them, with more cases.

mod recorded;

use std::sync::Arc;
use std::time::Duration;

use leadline_host::analysis::{Analyst, Budget, Call, Engine, Outcome, Plugin, Reading, load_folder};
use leadline_host::clock::Arrival;
use leadline_market::{Book, Columns, Continuity, Decimal, Instrument, Source, State};
use proptest::prelude::*;

use crate::support::{books, components};

/// Long enough for a number from each of the four: liquidity wants a minute for its bands and five for its first baseline.
const SECONDS: u64 = 430;

/// What no unit of price or size may change: scores, states, shares, counts.
const SCORES: [(&str, &[&str]); 4] = [
    ("support_resistance", &["support_1_strength", "support_2_strength", "resistance_1_strength", "resistance_2_strength"]),
    ("large_orders", &["large_buy_count", "large_sell_count", "imbalance", "large_order_trend"]),
    ("depth_anomaly", &["depth_anomaly_score", "depth_anomaly_alert", "side", "direction"]),
    ("liquidity", &["liquidity_index", "liquidity_alert"]),
];

/// In a mirror these change places.
const MIRROR: [(&str, &str); 4] = [
    ("support_1_strength", "resistance_1_strength"),
    ("support_2_strength", "resistance_2_strength"),
    ("large_buy_count", "large_sell_count"),
    ("depth_anomaly_score", "depth_anomaly_score"),
];

fn plugins() -> Vec<Arc<Plugin>> {
    load_folder(&Engine::new().expect("an engine"), &components("plugins"), Budget::default()).expect("all load")
}

fn instrument(tick: Decimal) -> Arc<Instrument> {
    Arc::new(Instrument { tick_size: tick, state: State::Live, source: Source::Listed, ..leadline_market::infer("SYN-USDT", 1, 8) })
}

/// A minute and more of calm, then half of the bids go, on a book whose levels change from second to second.
fn market(seed: u64) -> Vec<Book> {
    (0..SECONDS)
        .map(|second| {
            let mut book = books::changing(seed * 1_000_000 + second, 120);
            book.time_ms = 1_700_000_040_000 + second * 1000;
            book.continuity = if second == 0 { Continuity::Restarted } else { Continuity::Continued };
            // One level of the sell side is a wall throughout.
            book.asks.sizes[40] = 400.0;
            if second > SECONDS - 10 {
                book.bids.sizes.iter_mut().for_each(|size| *size *= 0.5);
            }
            book
        })
        .collect()
}

struct Runner(Analyst);

impl Runner {
    fn new(plugin: &Arc<Plugin>, tick: Decimal) -> Self {
        Self(Analyst::new(Arc::clone(plugin), instrument(tick), "{}"))
    }

    fn at(&mut self, book: &Book) -> Reading {
        let call = Call { book, arrival: Arrival::now(), skipped: 0, restarted: false, deadline: Duration::from_secs(10) };
        self.0.analyze(call).expect("a reading")
    }

    fn all(plugin: &Arc<Plugin>, tick: Decimal, books: &[Book]) -> Vec<Reading> {
        let mut runner = Self::new(plugin, tick);
        books.iter().map(|book| runner.at(book)).collect()
    }
}

/// A field by its own name, whether it is published with the plugin's name before it or without.
fn field<'a>(reading: &'a Reading, name: &str) -> Option<&'a str> {
    let own = |published: &str| {
        published == name || published.strip_prefix(&*reading.plugin).is_some_and(|rest| rest.strip_prefix('.') == Some(name))
    };
    reading.fields.iter().find(|(published, _)| own(published)).map(|(_, value)| value.as_str())
}

fn scores(plugin: &Plugin) -> &'static [&'static str] {
    SCORES.iter().find(|(name, _)| *name == &*plugin.name).expect("one of the four").1
}

/// The same word, or numbers that differ by no more than a part in a million.
fn alike(left: Option<&str>, right: Option<&str>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) if left != right => match (left.parse::<f64>(), right.parse::<f64>()) {
            (Ok(left), Ok(right)) => (left - right).abs() <= 1e-6 * (1.0 + right.abs()),
            _ => false,
        },
        (left, right) => left == right,
    }
}

fn changed(books: &[Book], change: impl Fn(&mut Columns)) -> Vec<Book> {
    let mut books = books.to_vec();
    for book in &mut books {
        change(&mut book.bids);
        change(&mut book.asks);
    }
    books
}

/// Prices about 10 000, bids for asks, and each level keeps its notional.
fn mirrored(books: &[Book]) -> Vec<Book> {
    let mut books = changed(books, |side| {
        for (price, size) in side.prices.iter_mut().zip(&mut side.sizes) {
            let reflected = 20_000.0 - *price;
            *size *= *price / reflected;
            *price = reflected;
        }
    });
    for book in &mut books {
        std::mem::swap(&mut book.bids, &mut book.asks);
    }
    books
}

fn bad_books(good: &Book) -> Vec<(&'static str, Book)> {
    let with = |change: &dyn Fn(&mut Book)| {
        let mut book = good.clone();
        change(&mut book);
        book
    };
    vec![
        ("empty_bid", with(&|book| book.bids = Columns::default())),
        ("empty_ask", with(&|book| book.asks = Columns::default())),
        ("crossed", with(&|book| book.bids.prices[0] = book.asks.prices[0])),
        ("bad_book", with(&|book| book.bids.sizes[3] = f64::NAN)),
        ("bad_book", with(&|book| book.asks.prices[5] = f64::INFINITY)),
        ("bad_book", with(&|book| book.asks.sizes[0] = 0.0)),
        ("bad_book", with(&|book| book.asks.prices.reverse())),
        ("unverified", with(&|book| book.trust = leadline_market::Trust::Unverified)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    #[test]
    fn the_components_keep_the_common_properties(seed in 0_u64..1000, level in 0_usize..120) {
        let tick = Decimal::from_parts(1, 0).expect("one");
        let quadruple = Decimal::from_parts(4, 0).expect("four");
        let books = market(seed);
        for plugin in plugins() {
            let name = &*plugin.name;
            let plain = Runner::all(&plugin, tick, &books);
            let last = plain.last().expect("readings");
            prop_assert!(matches!(last.outcome, Outcome::Ok | Outcome::Provisional(_)), "{name}: {:?}", last.outcome);
            for reading in &plain {
                prop_assert!(reading.fields.iter().all(|(_, value)| !["NaN", "inf", "-inf"].contains(&value.as_str())), "{name}");
            }

            let again = Runner::all(&plugin, tick, &books);
            prop_assert!(plain.iter().zip(&again).all(|(one, two)| one.fields == two.fields && one.outcome == two.outcome), "{name}: twice the same");

            // Factors that keep every digit.
            let dearer = Runner::all(&plugin, quadruple, &changed(&books, |side| side.prices.iter_mut().for_each(|price| *price *= 4.0)));
            let larger = Runner::all(&plugin, tick, &changed(&books, |side| side.sizes.iter_mut().for_each(|size| *size *= 4.0)));
            for ((plain, dearer), larger) in plain.iter().zip(&dearer).zip(&larger) {
                for score in scores(&plugin) {
                    let value = field(plain, score);
                    prop_assert!(alike(value, field(dearer, score)), "{name}.{score}: {value:?}, {:?} at four times the price", field(dearer, score));
                    prop_assert!(alike(value, field(larger, score)), "{name}.{score}: {value:?}, {:?} at four times the size", field(larger, score));
                }
            }

            let mirror = Runner::all(&plugin, tick, &mirrored(&books));
            for (plain, mirror) in plain.iter().zip(&mirror) {
                for (left, right) in MIRROR {
                    prop_assert!(alike(field(plain, left), field(mirror, right)), "{name}.{left}: {:?}, {:?} in the mirror", field(plain, left), field(mirror, right));
                    prop_assert!(alike(field(plain, right), field(mirror, left)), "{name}.{right} in the mirror");
                }
            }

            // A hair more of one level in the last books is a hair more of a score.
            let mut other = books.clone();
            other.iter_mut().rev().take(5).for_each(|book| book.bids.sizes[level] *= 1.0 + 1e-9);
            let other = Runner::all(&plugin, tick, &other);
            for score in scores(&plugin) {
                let (plain, other) = (field(last, score), field(other.last().expect("readings"), score));
                prop_assert!(alike(plain, other), "{name}.{score}: {plain:?}, {other:?} after a hair's change");
            }
        }
    }
}

#[test]
fn the_components_answer_bad_books_with_a_reason_and_go_on_as_if_there_had_been_none() {
    let tick = Decimal::from_parts(1, 0).expect("one");
    let books = market(7);
    for plugin in plugins() {
        let clean = Runner::all(&plugin, tick, &books);
        let mut disturbed = Runner::new(&plugin, tick);
        for (second, (book, clean)) in books.iter().zip(&clean).enumerate() {
            if second % 40 == 7 {
                for (code, bad) in bad_books(book) {
                    let reading = disturbed.at(&bad);
                    let Outcome::Unknown(reason) = &reading.outcome else {
                        panic!("{}: {code} was answered with {:?}", plugin.name, reading.outcome)
                    };
                    assert_eq!(&*reason.code, code, "{}", plugin.name);
                    assert!(
                        !reason.detail.is_empty() && reading.fields.iter().all(|(_, value)| value.is_empty()),
                        "{}: {code}",
                        plugin.name
                    );
                }
            }
            let reading = disturbed.at(book);
            assert_eq!((&reading.fields, &reading.outcome), (&clean.fields, &clean.outcome), "{} at second {second}", plugin.name);
        }
    }
}
