//! Labels are exact: what they say of a book is in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test that can't go on fails.

use leadline_market::{Book, Continuity};
use proptest::prelude::*;

use super::*;
use crate::background::{columns, depth};
use crate::market::profile::{ALT, EVEN, LIQUID, PROFILES, THIN};

/// Every book of a market, with what it said of itself by then.
fn books(mut stage: Stage, mut each: impl FnMut(&Book, &Stage)) -> Vec<Label> {
    let mut book = Book::empty();
    while stage.next(&mut book) {
        each(&book, &stage);
    }
    stage.labels().to_vec()
}

fn one(act: Act) -> Script {
    vec![(60, act)]
}

/// Depth within 25 bps of each side, second by second.
fn depths(script: Script, profile: &Profile, seconds: u64) -> Vec<[f64; 2]> {
    let mut depths = Vec::new();
    books(Stage::with(script, profile, 5, seconds, 1000), |book, _| depths.push(Of::BOTH.map(|side| depth(book, side, 25.0))));
    depths
}

#[test]
fn every_book_is_sorted_whole_and_positive_on_every_profile_and_in_every_kind_of_market() {
    for profile in &PROFILES {
        for scenario in Scenario::ALL {
            let script = script(scenario, profile, 3).into_iter().map(|(at, act)| (at % 400, act)).take(20).collect::<Vec<_>>();
            let mut sequence = 0;
            books(Stage::with(script, profile, 3, 900, scenario.step_ms()), |book, _| {
                let [bids, asks] = Of::BOTH.map(|side| columns(book, side));
                assert!(bids.prices.is_sorted_by(|a, b| a > b) && asks.prices.is_sorted_by(|a, b| a < b), "{}", profile.name);
                assert!(bids.prices[0] < asks.prices[0], "{}: crossed", profile.name);
                assert!(bids.prices.iter().chain(&bids.sizes).chain(&asks.sizes).all(|&number| number > 0.0 && number.is_finite()));
                assert!(bids.len() >= 60 && asks.len() == profile.levels, "{}: {} bids", profile.name, bids.len());
                assert!(book.sequence > Some(sequence));
                sequence = book.sequence.unwrap();
            });
        }
    }
}

#[test]
fn a_market_is_made_of_its_seed_alone() {
    let run = |seed| {
        let mut last = Book::empty();
        let labels =
            books(Stage::with(script(Scenario::Depth, &LIQUID, seed), &LIQUID, seed, 2_000, 1000), |book, _| last.clone_from(book));
        (last, labels)
    };
    assert_eq!(run(4), run(4));
    assert_ne!(run(4).0, run(5).0);
}

#[test]
fn a_planted_wall_is_in_the_book_at_its_price_with_its_size_while_it_stands_and_not_after() {
    let (mut seen, mut out_of_reach) = (0, 0);
    let labels = books(Stage::with(script(Scenario::Walls, &EVEN, 2), &EVEN, 2, 6_000, 1000), |book, stage| {
        let levels = |side| {
            let columns = columns(book, side);
            columns.prices.iter().copied().zip(columns.sizes.iter().copied()).collect::<Vec<_>>()
        };
        for (place, label) in stage.labels().iter().enumerate() {
            let Event::Wall { side, price, size, .. } = label.event else { continue };
            let levels = levels(side);
            let level = levels.iter().copied().find(|level| level.0 == price);
            // The price may go so far that a feed of so many levels no longer reaches a wall.
            let reached = levels.last().is_some_and(|last| if side == Of::Bid { last.0 <= price } else { price <= last.0 });
            let standing = stage.standing().iter().find(|wall| wall.label == place);
            // Another one may stand at the same price later.
            let other = stage.standing().iter().any(|wall| (wall.side, wall.price) == (side, price) && wall.label != place);
            match standing {
                // A wall that is being traded away has less.
                Some(wall) if wall.fading => assert!(level.is_some_and(|level| level.1 < size)),
                Some(_) if !reached => out_of_reach += 1,
                Some(_) => {
                    assert_eq!(level, Some((price, size)));
                    seen += 1;
                }
                None if other => {}
                None => assert!(level.is_none_or(|level| level.1 < 0.5 * size), "a wall of {size} is left after its end"),
            }
        }
    });
    let walls = labels.iter().filter(|label| matches!(label.event, Event::Wall { .. })).count();
    assert!(walls > 30 && seen > 60 * walls, "{walls} walls in {seen} books");
    assert!(50 * out_of_reach < seen, "{out_of_reach} of {seen} out of reach");
}

#[test]
fn price_trades_through_a_consumed_wall_and_is_far_from_a_pulled_one() {
    let mut ends = [0; 2];
    let mut before: Vec<Standing> = Vec::new();
    books(Stage::with(script(Scenario::Walls, &LIQUID, 6), &LIQUID, 6, 9_000, 1000), |book, stage| {
        let mid = mid(book).unwrap();
        for gone in before.iter().filter(|wall| !stage.standing().iter().any(|other| other.label == wall.label)) {
            let Event::Wall { side, price, ending, .. } = stage.labels()[gone.label].event else { panic!("a wall is a wall") };
            assert_eq!(stage.labels()[gone.label].end_ms, book.time_ms);
            let beyond = if side == Of::Bid { mid < price } else { mid > price };
            match ending {
                Ending::Consumed => assert!(beyond, "price {mid} has not traded through {price}"),
                Ending::Pulled => assert!(!beyond && (price / mid - 1.0).abs() > 1e-4, "price {mid} is near {price}"),
            }
            ends[usize::from(ending == Ending::Consumed)] += 1;
        }
        before = stage.standing().to_vec();
    });
    assert!(ends.iter().all(|&count| count >= 5), "{ends:?}");
}

#[test]
fn a_gap_is_as_long_as_it_says_and_the_book_after_it_says_restarted() {
    let mut times = Vec::new();
    let labels = books(Stage::with(one(Act::Gap(45)), &THIN, 1, 200, 1000), |book, _| times.push((book.time_ms, book.continuity)));
    let gaps: Vec<_> = times.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 1000).collect();
    let [gap] = gaps[..] else { panic!("one gap") };
    assert_eq!((gap[1].0 - gap[0].0, gap[1].1), (46_000, Continuity::Restarted));
    assert_eq!((labels[0].begin_ms, labels[0].end_ms), (gap[0].0, gap[0].0 + 45_000));
    assert_eq!(times.iter().filter(|time| time.1 == Continuity::Restarted).count(), 2, "the first book and that one");
}

#[test]
fn a_jump_moves_the_price_and_leaves_depth_where_it_was_around_it() {
    let run = |script| {
        let mut last = Book::empty();
        books(Stage::with(script, &EVEN, 8, 62, 1000), |book, _| last.clone_from(book));
        last
    };
    let (still, jumped) = (run(Vec::new()), run(one(Act::Jump(50.0))));
    let moved = mid(&jumped).unwrap() / mid(&still).unwrap() - 1.0;
    assert!((moved - 50e-4).abs() < 1e-5, "{moved}");
    for side in Of::BOTH {
        let ratio = depth(&jumped, side, 25.0) / depth(&still, side, 25.0);
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The script draws nothing from the market's chance, so that the same market without it says what depth would have been.
    #[test]
    fn depth_is_the_share_that_the_label_says_of_what_it_would_be_all_along(
        share in prop_oneof![0.05_f64..0.95, 1.1_f64..5.0],
        over_s in prop_oneof![Just(2_u64), 3_u64..300],
        sides in prop_oneof![Just(Sides::Both), Just(Sides::One(Of::Bid)), Just(Sides::One(Of::Ask))],
        profile in prop_oneof![Just(&ALT), Just(&EVEN), Just(&LIQUID)],
    ) {
        let (hold_s, back_s) = (40, 30);
        let act = Act::Depth { sides, share, over_s, hold_s, back_s };
        let seconds = 60 + over_s + hold_s + back_s + 20;
        let (usual, changed) = (depths(Vec::new(), profile, seconds), depths(one(act), profile, seconds));
        for (second, (usual, changed)) in (0..).zip(usual.iter().zip(&changed)) {
            let course = course(u64::saturating_sub(second, 60) * 1000, share, over_s * 1000, hold_s * 1000, back_s * 1000).unwrap_or(1.0);
            for side in Of::BOTH {
                let expected = if sides.has(side) { course } else { 1.0 };
                // Sizes are whole lots: each is off by half a lot at most.
                let actual = changed[side.index()] / usual[side.index()];
                prop_assert!((actual / expected - 1.0).abs() < 1e-3, "second {second}: {actual}, not {expected}");
            }
        }
        let held = changed[(60 + over_s + 5) as usize][usize::from(sides == Sides::One(Of::Ask))];
        let would = usual[(60 + over_s + 5) as usize][usize::from(sides == Sides::One(Of::Ask))];
        prop_assert!((held / would / share - 1.0).abs() < 1e-3);
    }
}
