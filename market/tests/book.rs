//! The order book against a plain model, and its refusals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use leadline_market::{BookError, Columns, Decimal, Level, MAX_LEVELS_A_SIDE, OrderBook, Side};
use proptest::prelude::*;

fn level(price: &str, size: &str) -> Level {
    Level { price: price.parse().unwrap(), size: size.parse().unwrap(), orders: 1 }
}

#[test]
fn the_checksum_is_the_one_of_the_exchanges_example() {
    // Bids 3366.1 and 3366, asks 3366.8 and two more: `3366.1:7:3366.8:9:3368:8:3372:8`.
    let mut book = OrderBook::new();
    book.apply_snapshot(&[level("3366.1", "7")], &[level("3366.8", "9"), level("3368", "8"), level("3372", "8")]).unwrap();
    assert_eq!(book.checksum(), 831_078_360);
}

#[test]
fn an_empty_book_has_checksum_zero() {
    assert_eq!(OrderBook::new().checksum(), 0);
}

#[test]
fn only_the_best_25_of_each_side_are_in_the_checksum_and_texts_count_as_sent() {
    let bids: Vec<Level> = (0..30).map(|at| level(&format!("{}.50", 100 - at), "1.0")).collect();
    let mut book = OrderBook::new();
    book.apply_snapshot(&bids, &[]).unwrap();
    let whole = book.checksum();
    book.apply_update(&[level("71.5", "0"), level("72.50", "9")], &[]).unwrap();
    assert_eq!(book.checksum(), whole);
    let text: Vec<String> = (0..25).map(|at| format!("{}.50:1.0", 100 - at)).collect();
    assert_eq!(whole, crc32fast::hash(text.join(":").as_bytes()).cast_signed());
    // The same value with other digits is another text.
    book.apply_update(&[level("100.5", "1.0")], &[]).unwrap();
    assert_ne!(book.checksum(), whole);
    assert_eq!(book.bids().best().unwrap().price.to_string(), "100.5");
    assert_eq!(book.bids().len(), 29);
}

#[test]
fn a_finer_price_is_sorted_in_among_the_coarser_ones() {
    let mut book = OrderBook::new();
    book.apply_snapshot(&[level("10", "1"), level("9", "1")], &[level("11", "1")]).unwrap();
    assert_eq!(book.price_scale(), 0);
    book.apply_update(&[level("9.75", "2")], &[level("10.125", "3")]).unwrap();
    assert_eq!(book.price_scale(), 3);
    let prices: Vec<String> = book.bids().iter().map(|level| level.price.to_string()).collect();
    assert_eq!(prices, ["10", "9.75", "9"]);
    assert_eq!(book.asks().best().unwrap().price.to_string(), "10.125");
    assert_eq!(book.check_invariants(), None);
}

#[test]
fn deletes_of_absent_prices_are_counted_and_harmless() {
    let mut book = OrderBook::new();
    book.apply_snapshot(&[level("10", "1")], &[]).unwrap();
    let summary = book.apply_update(&[level("10.1", "0"), level("10", "0.00")], &[level("12", "0")]).unwrap();
    assert_eq!(summary.deletes_unknown, 2);
    assert!(book.is_empty());
}

#[test]
fn a_book_with_the_best_bid_at_the_best_ask_is_crossed() {
    let mut book = OrderBook::new();
    for (bid, ask, crossed) in [("10", "10.1", false), ("10.1", "10.10", true), ("11", "10.9", true)] {
        book.apply_snapshot(&[level(bid, "1")], &[level(ask, "1")]).unwrap();
        assert_eq!(book.is_crossed(), crossed, "{bid} {ask}");
    }
    book.apply_snapshot(&[level("10", "1")], &[]).unwrap();
    assert!(!book.is_crossed());
}

#[test]
fn price_zero_too_many_levels_and_too_many_digits_are_refused_and_leave_no_half_book() {
    let mut book = OrderBook::new();
    book.apply_snapshot(&[level("10", "1")], &[]).unwrap();
    assert_eq!(book.apply_update(&[level("9", "1")], &[level("0.0", "1")]), Err(BookError::PriceZero { side: Side::Ask }));
    assert!(book.is_empty());

    let many: Vec<Level> = (1..=MAX_LEVELS_A_SIDE + 1).map(|price| level(&price.to_string(), "1")).collect();
    assert_eq!(book.apply_snapshot(&many[1..], &many), Err(BookError::TooManyLevels { side: Side::Ask }));
    assert!(book.is_empty());
    book.apply_snapshot(&many[1..], &[]).unwrap();
    assert_eq!(book.bids().len(), MAX_LEVELS_A_SIDE);

    book.apply_snapshot(&[level("10000000000000", "1")], &[]).unwrap();
    let finer = level("0.0000001", "1");
    assert!(matches!(book.apply_update(&[finer], &[]), Err(BookError::PriceOverflow { scale: 7, .. })));
    assert!(book.is_empty() && book.price_scale() == 0);
    let together = book.apply_snapshot(&[level("10000000000000", "1"), finer], &[]);
    assert!(matches!(together, Err(BookError::PriceOverflow { scale: 7, .. })));
    assert!(book.is_empty());
}

#[test]
fn columns_are_best_first_and_their_memory_is_used_again() {
    let mut book = OrderBook::new();
    book.apply_snapshot(&[level("10", "1"), level("9.5", "2")], &[level("11", "3")]).unwrap();
    let (mut bids, mut asks) = (Columns::default(), Columns::default());
    for _ in 0..2 {
        book.fill(&mut bids, &mut asks);
        assert_eq!(
            (bids.prices.as_slice(), bids.sizes.as_slice(), bids.orders.as_slice()),
            (&[10.0, 9.5][..], &[1.0, 2.0][..], &[1, 1][..])
        );
        assert_eq!((asks.prices.as_slice(), asks.len()), (&[11.0][..], 1));
    }
}

/// Few prices of differing scales, so that frames meet the same levels again; the same value also with other digits.
fn price() -> impl Strategy<Value = Decimal> {
    (1u64..60, 0u8..4).prop_map(|(value, scale)| {
        let mantissa = if value % 3 == 0 { value * 10u64.pow(u32::from(scale)) } else { value };
        Decimal::from_parts(mantissa, scale).unwrap()
    })
}

fn levels() -> impl Strategy<Value = Vec<Level>> {
    let size = prop_oneof![Just(0u64), 1u64..1000];
    proptest::collection::vec(
        (price(), size, 0u8..3, 0u32..9).prop_map(|(price, size, scale, orders)| Level {
            price,
            size: Decimal::from_parts(size, scale).unwrap(),
            orders,
        }),
        0..30,
    )
}

/// A side as a map from the price at scale 4 to the level.
type Model = BTreeMap<u64, Level>;

fn change(model: &mut Model, levels: &[Level]) -> u32 {
    let mut unknown = 0;
    for level in levels {
        let key = level.price.mantissa() * 10u64.pow(4 - u32::from(level.price.scale()));
        if level.size.is_zero() {
            unknown += u32::from(model.remove(&key).is_none());
        } else {
            model.insert(key, *level);
        }
    }
    unknown
}

proptest! {
    // Proves: after any snapshots and updates, in any order of levels, the book is what two sorted maps hold; a level's price keeps
    // the text of the frame that put it in or changed it; the invariants hold.
    #[test]
    fn the_book_is_what_two_sorted_maps_hold(frames in proptest::collection::vec((any::<bool>(), levels(), levels()), 1..12)) {
        let mut book = OrderBook::new();
        let (mut bids, mut asks) = (Model::new(), Model::new());
        for (snapshot, new_bids, new_asks) in frames {
            if snapshot {
                (bids, asks) = (Model::new(), Model::new());
                change(&mut bids, &new_bids);
                change(&mut asks, &new_asks);
                book.apply_snapshot(&new_bids, &new_asks).unwrap();
            } else {
                let unknown = change(&mut bids, &new_bids) + change(&mut asks, &new_asks);
                prop_assert_eq!(book.apply_update(&new_bids, &new_asks).unwrap().deletes_unknown, unknown);
            }
            prop_assert_eq!(book.bids().iter().collect::<Vec<_>>(), bids.values().rev().copied().collect::<Vec<_>>());
            prop_assert_eq!(book.asks().iter().collect::<Vec<_>>(), asks.values().copied().collect::<Vec<_>>());
            prop_assert_eq!(book.check_invariants(), None);
            let crossed = bids.last_key_value().zip(asks.first_key_value()).is_some_and(|((bid, _), (ask, _))| bid >= ask);
            prop_assert_eq!(book.is_crossed(), crossed);
        }
    }

    // Proves: frames of many changes in the exchange's order (best first, each price once), in the opposite one or in none, merged into
    // sides of hundreds of levels, give what two sorted maps hold.
    #[test]
    fn merged_changes_give_what_changes_one_by_one_give(
        whole in proptest::collection::vec((1u64..700, 1u64..50), 0..600),
        frames in proptest::collection::vec((proptest::collection::vec((1u64..700, prop_oneof![Just(0u64), 1u64..50]), 0..120), 0u8..4), 1..8),
    ) {
        let levels = |raw: &[(u64, u64)], order: u8, side: Side| {
            let mut raw = raw.to_vec();
            if order > 0 {
                raw.sort_unstable();
                raw.dedup_by_key(|(price, _)| *price);
            }
            // 2 and 3: best first; 1: worst first; 0: as drawn.
            if (order > 1) == (side == Side::Bid) {
                raw.reverse();
            }
            let decimal = |mantissa, scale| Decimal::from_parts(mantissa, scale).unwrap();
            raw.iter().map(|&(price, size)| Level { price: decimal(price, 1), size: decimal(size, 0), orders: 1 }).collect::<Vec<_>>()
        };
        let mut book = OrderBook::new();
        let (mut bids, mut asks) = (Model::new(), Model::new());
        let mut frame = (levels(&whole, 2, Side::Bid), levels(&whole, 2, Side::Ask));
        book.apply_snapshot(&frame.0, &frame.1).unwrap();
        let mut unknown = change(&mut bids, &frame.0) + change(&mut asks, &frame.1);
        let mut counted = unknown;
        for (raw, order) in &frames {
            prop_assert_eq!(counted, unknown);
            prop_assert_eq!(book.bids().iter().collect::<Vec<_>>(), bids.values().rev().copied().collect::<Vec<_>>());
            prop_assert_eq!(book.asks().iter().collect::<Vec<_>>(), asks.values().copied().collect::<Vec<_>>());
            prop_assert_eq!(book.check_invariants(), None);
            frame = (levels(raw, *order, Side::Bid), levels(raw, *order, Side::Ask));
            counted = book.apply_update(&frame.0, &frame.1).unwrap().deletes_unknown;
            unknown = change(&mut bids, &frame.0) + change(&mut asks, &frame.1);
        }
        prop_assert_eq!(counted, unknown);
        prop_assert!(book.bids().iter().eq(bids.values().rev().copied()) && book.asks().iter().eq(asks.values().copied()));
        prop_assert_eq!(book.check_invariants(), None);
    }

    // Proves: any levels at all, also hostile ones, are taken or refused, and the invariants hold either way.
    #[test]
    fn any_levels_leave_a_sound_book(sides in proptest::collection::vec((any::<bool>(), proptest::collection::vec((any::<u64>(), 0u8..=19, 0u64..3), 0..6)), 1..8)) {
        let mut book = OrderBook::new();
        for (snapshot, raw) in sides {
            let levels: Vec<Level> = raw.iter().map(|&(mantissa, scale, size)| Level {
                price: Decimal::from_parts(mantissa >> (mantissa % 64), scale).unwrap(), size: Decimal::from_parts(size, 0).unwrap(), orders: 0,
            }).collect();
            let failed = if snapshot { book.apply_snapshot(&levels, &levels).is_err() } else { book.apply_update(&levels, &levels).is_err() };
            prop_assert!(!failed || book.is_empty());
            prop_assert_eq!(book.check_invariants(), None);
        }
    }
}
