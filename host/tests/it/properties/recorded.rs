//! The same properties on recorded books, and an instance that is replaced by one with its saved state between any two books.

use std::sync::Arc;
use std::time::Duration;

use leadline_host::analysis::{Analyst, Budget, Call, Engine, Outcome, Plugin, Reading, load_folder};
use leadline_host::clock::Arrival;
use leadline_market::{Book, Continuity, Decimal, Decoder, Instrument, Message, TrackedBook, Verdict};
use leadline_recording::{Recording, instruments_beside};

use super::{alike, bad_books, changed, field, scores};
use crate::support::{components, recording};

/// Two of spot or inverse kind with many and with few levels, one with a fixed term.
const INSTRUMENTS: [&str; 3] = ["BTC-USDT", "UNI-USD-SWAP", "BTC-USD-220527"];
/// Of the recorded books one in so many; they are gone through again and again, with time going on, until every analysis has numbers.
const ONE_IN: usize = 8;
const SECONDS: u64 = 430;

/// The instrument and its books; none where the recordings aren't.
fn books(instrument: &str) -> Option<(Arc<Instrument>, Vec<Book>)> {
    let file = recording("okx_v5_books_20220513.ndjson")?;
    let listed = instruments_beside(&file).expect("the listings beside a recording are readable").instruments;
    let listed = listed.into_iter().find(|listed| listed.id == instrument).expect("the instrument is listed");
    let mut frames = Recording::open(&file).expect("a recording that exists opens");
    let (mut decoder, mut tracked, mut book) = (Decoder::new(), TrackedBook::new(), Book::empty());
    let mut lap: Vec<Book> = Vec::new();
    while let Some(frame) = frames.next_frame().expect("a recording is readable to its end") {
        let Ok(Message::Books(updates)) = decoder.decode(frame.bytes) else { continue };
        for update in updates.iter().filter(|update| update.instrument == instrument) {
            if let Verdict::Applied(applied) = tracked.apply(update) {
                tracked.fill(&applied, &mut book);
                lap.push(book.clone());
            }
        }
    }
    let (first, last) = (lap.first()?.time_ms, lap.last()?.time_ms);
    let length = (last - first) / 1000 * 1000 + 1000;
    let books = (0..=SECONDS * 1000 / length).flat_map(|round| {
        lap.iter().step_by(ONE_IN).cloned().map(move |mut book| {
            book.time_ms += round * length;
            if round > 0 {
                book.continuity = Continuity::Continued;
            }
            book
        })
    });
    Some((Arc::new(listed), books.collect()))
}

fn plugins(budget: Budget) -> Vec<Arc<Plugin>> {
    load_folder(&Engine::new().expect("an engine"), &components("plugins"), budget).expect("all load")
}

/// Readings of these books, with a rest after each of them, as in the host.
fn readings(plugin: &Arc<Plugin>, instrument: &Arc<Instrument>, books: &[Book]) -> Vec<Reading> {
    let mut analyst = Analyst::new(Arc::clone(plugin), Arc::clone(instrument), "{}");
    let mut read = |book: &Book| {
        let call = Call { book, arrival: Arrival::now(), skipped: 0, restarted: false, deadline: Duration::from_secs(10) };
        let reading = analyst.analyze(call).expect("a reading");
        analyst.rest();
        reading
    };
    books.iter().map(&mut read).collect()
}

/// Prices about this one, of which twice is a whole number of ticks of 0.1; bids for asks, and each level keeps its notional.
fn in_the_mirror(books: &[Book], pivot: f64) -> Vec<Book> {
    let mut books = changed(books, |side| {
        for (price, size) in side.prices.iter_mut().zip(&mut side.sizes) {
            let reflected = ((2.0 * pivot - *price) * 10.0).round() / 10.0;
            *size *= *price / reflected;
            *price = reflected;
        }
    });
    books.iter_mut().for_each(|book| std::mem::swap(&mut book.bids, &mut book.asks));
    books
}

#[test]
fn the_components_keep_the_common_properties_on_recorded_books() {
    for name in INSTRUMENTS {
        let Some((instrument, books)) = books(name) else { return };
        for plugin in plugins(Budget::default()) {
            let what = format!("{} on {name}", plugin.name);
            let plain = readings(&plugin, &instrument, &books);
            let last = plain.last().expect("readings");
            assert!(matches!(last.outcome, Outcome::Ok | Outcome::Provisional(_)), "{what}: {:?}", last.outcome);
            for reading in &plain {
                assert!(reading.fields.iter().all(|(_, value)| !["NaN", "inf", "-inf"].contains(&value.as_str())), "{what}");
            }
            let again = readings(&plugin, &instrument, &books);
            assert!(
                plain.iter().zip(&again).all(|(one, two)| one.fields == two.fields && one.outcome == two.outcome),
                "{what}: twice the same"
            );
            // Factors that keep every digit.
            let larger = readings(&plugin, &instrument, &changed(&books, |side| side.sizes.iter_mut().for_each(|size| *size *= 4.0)));
            let tick = Decimal::from_parts(4 * instrument.tick_size.mantissa(), instrument.tick_size.scale()).expect("four ticks");
            let dear = Arc::new(Instrument { tick_size: tick, ..(*instrument).clone() });
            let dearer = readings(&plugin, &dear, &changed(&books, |side| side.prices.iter_mut().for_each(|price| *price *= 4.0)));
            for ((plain, larger), dearer) in plain.iter().zip(&larger).zip(&dearer) {
                for score in scores(&plugin) {
                    let (plain, larger, dearer) = (field(plain, score), field(larger, score), field(dearer, score));
                    assert!(alike(plain, larger), "{what}, {score}: {plain:?}, {larger:?} at four times the size");
                    assert!(alike(plain, dearer), "{what}, {score}: {plain:?}, {dearer:?} at four times the price");
                }
            }
            // A hair more of one level in the last books is a hair more of a score.
            let mut other = books.clone();
            other.iter_mut().rev().take(5).for_each(|book| book.bids.sizes[3] *= 1.0 + 1e-9);
            let other = readings(&plugin, &instrument, &other);
            for score in scores(&plugin) {
                let (plain, other) = (field(last, score), field(other.last().expect("readings"), score));
                assert!(alike(plain, other), "{what}, {score}: {plain:?}, {other:?} after a hair's change");
            }
        }
    }
}

#[test]
fn the_components_answer_recorded_books_that_were_spoilt_with_a_reason() {
    let Some((instrument, books)) = books("BTC-USDT") else { return };
    for plugin in plugins(Budget::default()) {
        let clean = readings(&plugin, &instrument, &books);
        let mut mixed = Vec::new();
        for (at, book) in books.iter().enumerate() {
            if at % 200 == 50 {
                mixed.extend(bad_books(book).into_iter().map(|(code, bad)| (Some(code), bad)));
            }
            mixed.push((None, book.clone()));
        }
        let spoilt: Vec<Book> = mixed.iter().map(|(_, book)| book.clone()).collect();
        let mut clean = clean.iter();
        for ((code, _), reading) in mixed.iter().zip(readings(&plugin, &instrument, &spoilt)) {
            if let Some(code) = code {
                let Outcome::Unknown(reason) = &reading.outcome else { panic!("{}: {code}: {:?}", plugin.name, reading.outcome) };
                assert_eq!((&*reason.code, reading.fields.iter().all(|(_, value)| value.is_empty())), (*code, true), "{}", plugin.name);
            } else {
                let clean = clean.next().expect("as many as books");
                assert_eq!(
                    (&reading.fields, &reading.outcome),
                    (&clean.fields, &clean.outcome),
                    "{}: as if there had been none",
                    plugin.name
                );
            }
        }
    }
}

/// The whole recording in the mirror. Distances are relative to a mid that moves, so they differ by some parts in a thousand from those in the mirror, and what
/// they are made into by as little.
#[test]
fn a_recording_in_the_mirror_has_the_same_anomaly_score_and_the_same_liquidity() {
    const NEAR: f64 = 1.0;
    let Some((instrument, books)) = books("BTC-USDT") else { return };
    let mids = books.iter().map(|book| 0.5 * (book.bids.prices[0] + book.asks.prices[0]));
    let (low, high) = mids.fold((f64::INFINITY, 0.0_f64), |(low, high), mid| (low.min(mid), high.max(mid)));
    let pivot = (10.0 * (low + high)).round() / 20.0;
    let mirror = in_the_mirror(&books, pivot);
    for plugin in plugins(Budget::default()) {
        let (score, word) = match &*plugin.name {
            "depth_anomaly" => ("depth_anomaly_score", "depth_anomaly_alert"),
            "liquidity" => ("liquidity_index", "liquidity_alert"),
            _ => continue,
        };
        let pairs = readings(&plugin, &instrument, &books).into_iter().zip(readings(&plugin, &instrument, &mirror));
        let mut judged = 0;
        for (plain, mirror) in pairs {
            let number = |reading: &Reading| field(reading, score).and_then(|value| value.parse::<f64>().ok());
            let (Some(left), Some(right)) = (number(&plain), number(&mirror)) else { continue };
            judged += 1;
            assert!((left - right).abs() <= NEAR, "{score}: {left}, {right} in the mirror");
            assert_eq!(field(&plain, word), field(&mirror, word));
        }
        assert!(judged > 100, "{}: {judged} readings have a number", plugin.name);
    }
}

/// Each instance is worn after a few calls: a fresh one takes its state over, again and again.
#[test]
fn an_instance_replaced_by_one_with_its_state_says_the_same() {
    for name in INSTRUMENTS {
        let Some((instrument, books)) = books(name) else { return };
        let lasting = plugins(Budget::default());
        for (plugin, worn) in lasting.iter().zip(plugins(Budget { recycle_calls: 7, ..Budget::default() })) {
            let expected = readings(plugin, &instrument, &books);
            let found = readings(&worn, &instrument, &books);
            for (at, (expected, found)) in expected.iter().zip(&found).enumerate() {
                assert_eq!((&expected.fields, &expected.outcome), (&found.fields, &found.outcome), "{} on {name}, book {at}", plugin.name);
            }
        }
    }
}

/// A book mirrored at its mid: what supports resists. Each book for itself, since mids move and distances are relative to them.
#[test]
fn recorded_books_in_the_mirror_have_mirrored_scores() {
    const MIRROR: [(&str, &str); 3] = [
        ("support_1_strength", "resistance_1_strength"),
        ("support_2_strength", "resistance_2_strength"),
        ("large_buy_count", "large_sell_count"),
    ];
    let Some((instrument, books)) = books("BTC-USDT") else { return };
    for plugin in plugins(Budget::default()).iter().filter(|plugin| ["support_resistance", "large_orders"].contains(&&*plugin.name)) {
        for book in books.iter().take(12) {
            let mid = 0.5 * (book.bids.prices[0] + book.asks.prices[0]);
            let mirror = in_the_mirror(std::slice::from_ref(book), mid).remove(0);
            let [plain, mirror] = [book, &mirror].map(|book| readings(plugin, &instrument, std::slice::from_ref(book)).remove(0));
            for (left, right) in MIRROR {
                assert!(
                    alike(field(&plain, left), field(&mirror, right)),
                    "{left}: {:?}, {:?}",
                    field(&plain, left),
                    field(&mirror, right)
                );
                assert!(
                    alike(field(&plain, right), field(&mirror, left)),
                    "{right}: {:?}, {:?}",
                    field(&plain, right),
                    field(&mirror, left)
                );
            }
        }
    }
}
