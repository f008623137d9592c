//! Walls planted into recordings, level 1 on BTC-USDT as it was, and how rough recorded and generated depth is.

use std::path::Path;

use leadline_evaluation::background::mid;
use leadline_evaluation::label::{Ending, Event, Label, Measured};
use leadline_evaluation::market::Market;
use leadline_evaluation::market::profile::PROFILES;
use leadline_evaluation::planting::{self, LeftOut, Plant};
use leadline_evaluation::record::Scene;
use leadline_evaluation::roughness::{Gauge, Roughness};
use leadline_evaluation::score::statistics::quantile;
use leadline_evaluation::score::{Card, Cell, Figure, Measure, score};
use leadline_evaluation::script::Scenario;
use leadline_evaluation::seen::Analysis;
use leadline_evaluation::stage::{START_MS, Standing};
use leadline_market::Book;
use leadline_simulator::market::Dice;
use serde::Serialize;

use super::contestant::Contestants;
use super::plan::Plan;
use super::run::{Cards, Look, WallWatch, bandwidths, looks};
use crate::cli::plugin::books::{Series, Wanted, gather};

/// Walls drawn for each pair of a recording: enough for an interval within 2 % of the figure.
const PLANTS: u64 = 100;
/// A pair of fewer books shows nothing.
const FEWEST: usize = 5;
/// Generated books are looked at in pieces as long as the recordings, so that what short samples do to a figure is the same in both.
const PIECES: u64 = 60;
const PIECE_S: u64 = 30;

/// How rough the depth of a pair is, in the second and the third band, as medians over bands, sides and pieces.
#[derive(Debug, Serialize)]
pub(super) struct Rough {
    /// Where: a profile's name, or the pair of a recording.
    pub(super) of: String,
    /// Whether somebody recorded it.
    pub(super) recorded: bool,
    /// By band, narrow to wide.
    pub(super) bands: Vec<Option<Roughness>>,
}

impl Rough {
    /// As a line is headed.
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.of, if self.recorded { "recorded" } else { "generated" })
    }
}

/// What a recording gave.
pub(super) struct Found {
    pub(super) cards: Vec<Cards>,
    pub(super) roughness: Vec<Rough>,
}

pub(super) fn run(file: &Path, plan: &Plan, contestants: &Contestants) -> anyhow::Result<Found> {
    let mut found = Found { cards: Vec::new(), roughness: Vec::new() };
    let all = Wanted { pairs: usize::MAX, first: usize::MAX, further: usize::MAX };
    for series in gather(Some(file), all)?.iter().filter(|series| series.books.len() >= FEWEST) {
        let mut gauge = Gauge::default();
        series.books.iter().for_each(|book| gauge.push(book));
        if let Some(figures) = gauge.figures() {
            found.roughness.push(Rough { of: series.instrument.id.clone(), recorded: true, bands: by_band(&[figures]) });
        }
        if series.instrument.id == "BTC-USDT" && plan.analyses.contains(&Analysis::SupportResistance) {
            found.cards.push(first_level(series, contestants)?);
        }
        let mut dice = Dice::new(plan.first_seed, &series.instrument.id);
        for _ in 0..PLANTS {
            found.cards.push(planted(series, plan, contestants, &mut dice)?);
        }
    }
    Ok(found)
}

/// How often level 1 changes on books as they were.
fn first_level(series: &Series, contestants: &Contestants) -> anyhow::Result<Cards> {
    let mut all = looks(contestants, &[Analysis::SupportResistance], &series.instrument);
    let mut watch = WallWatch::default();
    for book in &series.books {
        let scene = watch.scene(book, &[]);
        let scene = Scene { bandwidth: bandwidths(book, scene.mid), ..scene };
        for look in &mut all {
            look.at(book, scene).map_err(anyhow::Error::msg)?;
        }
    }
    let seconds = match (series.books.first(), series.books.last()) {
        (Some(first), Some(last)) => last.time_ms.saturating_sub(first.time_ms) as f64 / 1000.0,
        _ => 0.0,
    };
    Ok(cards(contestants, &all, |look, card| {
        for (what, changed) in
            ["changes of level 1 in 10 s, bid side", "changes of level 1 in 10 s, ask side"].into_iter().zip(look.record.first_changed)
        {
            let measure = Measure::new(Analysis::SupportResistance, "recorded BTC-USDT", what, Figure::Share);
            card.insert(measure, Cell { part: changed as f64, whole: seconds / 10.0, values: Vec::new() });
        }
    }))
}

/// One wall planted somewhere in the first half, if there is a place for it, and what was left out of the count and why.
fn planted(series: &Series, plan: &Plan, contestants: &Contestants, dice: &mut Dice) -> anyhow::Result<Cards> {
    let from = dice.between(1, (series.books.len() / 2).max(2) as i64) as usize;
    let multiple = if dice.chance(0.6) {
        10.0
    } else if dice.chance(0.5) {
        5.0
    } else {
        20.0
    };
    let measured = Measured::Times(multiple);
    let drawn = planting::draw(&series.books[from], &series.instrument, multiple, dice);
    // What is left out of the count, and of how much.
    let mut counts = Card::new();
    let mut count = |what, figure, part: usize, whole: usize| {
        let measure = Measure::new(Analysis::SupportResistance, format!("wall of {}, recorded", measured.word()), what, figure);
        if plan.analyses.contains(&measure.analysis) {
            counts.insert(measure, Cell { part: part as f64, whole: whole as f64, values: Vec::new() });
        }
    };
    count("had a place", Figure::Rate, usize::from(drawn.is_some()), 1);
    let Some(wall) = drawn else {
        let mut none = cards(contestants, &[], |_, _| {});
        none.0[0] = counts;
        return Ok(none);
    };
    let analyses: Vec<Analysis> = Scenario::Walls.analyses().iter().copied().filter(|one| plan.analyses.contains(one)).collect();
    let mut all = looks(contestants, &analyses, &series.instrument);
    let mut watch = WallWatch::default();
    let since_ms = series.books[from].time_ms;
    let mut last_ms = since_ms;
    let mut left_out = Vec::new();
    for (at, original) in series.books.iter().enumerate() {
        let mut book = original.clone();
        // Giants of the recording come and go beside it: while it is one pile with a larger one, there is no candidate to be found at its price.
        let stands = (at >= from).then(|| planting::plant(&mut book, &wall));
        left_out.extend(stands.and_then(Result::err));
        let standing =
            (stands == Some(Ok(()))).then_some(Standing { label: 0, side: wall.side, price: wall.price, since_ms, fading: false });
        let scene = watch.scene(&book, standing.as_slice());
        for look in &mut all {
            look.at(&book, scene).map_err(anyhow::Error::msg)?;
        }
        last_ms = book.time_ms;
    }
    let Plant { side, price, size, orders } = wall;
    let event = Event::Wall { side, price, size, measured, orders, ending: Ending::Pulled };
    let label = Label { event, begin_ms: since_ms.saturating_sub(1), full_ms: since_ms, end_ms: last_ms + 1 };
    let mut cards = cards(contestants, &all, |look, card| {
        // It never ends here, and other levels are as real as it is.
        let mut record = look.record.clone();
        record.published = 0;
        let of_wall = score(look.analysis, Scenario::Walls, "recorded", &[label], &record);
        card.extend(of_wall.into_iter().filter(|(measure, _)| measure.what != "end told right" && measure.of.starts_with("wall")));
    });
    let books = series.books.len() - from;
    count("stood in a book that counts", Figure::Rate, usize::from(left_out.len() < books), 1);
    for why in LeftOut::ALL {
        count(why.word(), Figure::Share, left_out.iter().filter(|&&one| one == why).count(), books);
    }
    cards.0[0].extend(counts);
    Ok(cards)
}

fn cards(contestants: &Contestants, looks: &[Look], mut fill: impl FnMut(&Look, &mut Card)) -> Cards {
    let mut cards: Vec<Card> = contestants.0.iter().map(|_| Card::new()).collect();
    for look in looks {
        fill(look, &mut cards[look.contestant]);
    }
    Cards(cards)
}

/// The generated profiles, in pieces.
pub(super) fn generated(plan: &Plan) -> Vec<Rough> {
    PROFILES
        .iter()
        .map(|profile| {
            let pieces: Vec<_> = (0..PIECES)
                .filter_map(|piece| {
                    let mut market = Market::new(profile, plan.first_seed + piece, START_MS);
                    let mut gauge = Gauge::default();
                    let mut book = Book::empty();
                    // The first books are not yet what a market comes to.
                    for second in 0..120 + PIECE_S {
                        market.step(1000);
                        if second >= 120 {
                            market.fill(false, &mut book);
                            gauge.push(&book);
                        }
                    }
                    debug_assert!(mid(&book).is_some());
                    gauge.figures()
                })
                .collect();
            Rough { of: profile.name.to_owned(), recorded: false, bands: by_band(&pieces) }
        })
        .collect()
}

/// Medians over sides and pieces.
fn by_band(pieces: &[[[Option<Roughness>; 3]; 2]]) -> Vec<Option<Roughness>> {
    (0..3)
        .map(|band| {
            let all: Vec<Roughness> = pieces.iter().flatten().filter_map(|bands| bands[band]).collect();
            let median = |of: fn(&Roughness) -> f64| quantile(&mut all.iter().map(of).collect::<Vec<_>>(), 0.5);
            Some(Roughness {
                reach_bps: median(|one| one.reach_bps)?,
                samples: all.first()?.samples,
                deviation: median(|one| one.deviation)?,
                autocorrelation: median(|one| one.autocorrelation)?,
                step: median(|one| one.step)?,
                halvings: all.iter().map(|one| one.halvings).sum::<f64>() / all.len() as f64,
            })
        })
        .collect()
}
