//! The verification of a book frame by frame: chain, checksum, resync, and what is counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use leadline_market::{
    Action, Applied, Book, BookError, BookFrame, Break, Continuity, Decimal, FrameKind, Level, OrderBook, Side, TrackedBook, Trust, Verdict,
};
use proptest::prelude::*;

fn level(price: u64, size: u64) -> Level {
    Level { price: Decimal::from_parts(price, 1).unwrap(), size: Decimal::from_parts(size, 0).unwrap(), orders: 1 }
}

fn frame(action: Action, ids: Option<(i64, i64)>, bids: &[Level]) -> BookFrame {
    let (previous, sequence) = ids.unzip();
    BookFrame { action, time_ms: 1000, sequence, previous, bids: bids.to_vec(), ..BookFrame::empty() }
}

fn snapshot(ids: Option<(i64, i64)>) -> BookFrame {
    frame(Action::Snapshot, ids, &[level(100, 1), level(99, 2)])
}

fn update(ids: Option<(i64, i64)>, price: u64) -> BookFrame {
    frame(Action::Update, ids, &[level(price, 5)])
}

fn applied(verdict: Verdict) -> Applied {
    match verdict {
        Verdict::Applied(applied) => applied,
        other => panic!("{other:?}"),
    }
}

#[test]
fn keep_alives_and_resets_are_not_gaps() {
    // The exchange's own example: (-1,10) (10,15) (15,15) (15,3) (3,5).
    let mut tracked = TrackedBook::new();
    let kinds: Vec<FrameKind> = [
        snapshot(Some((-1, 10))),
        update(Some((10, 15)), 101),
        frame(Action::Update, Some((15, 15)), &[]),
        update(Some((15, 3)), 102),
        update(Some((3, 5)), 103),
    ]
    .iter()
    .map(|frame| {
        let applied = applied(tracked.apply(frame));
        assert_eq!(applied.trust, Trust::Chain);
        applied.kind
    })
    .collect();
    assert_eq!(kinds, [FrameKind::Snapshot, FrameKind::Update, FrameKind::KeepAlive, FrameKind::Reset, FrameKind::Update]);
    let counters = *tracked.counters();
    assert_eq!((counters.frames, counters.snapshots, counters.updates), (5, 1, 4));
    assert_eq!((counters.keepalives, counters.resets, counters.gaps, counters.checksum_absent), (1, 1, 0, 5));
    assert_eq!((tracked.sequence(), tracked.book().bids().len()), (Some(5), 5));
}

#[test]
fn a_gap_is_counted_once_and_all_is_dropped_until_a_snapshot() {
    let mut tracked = TrackedBook::new();
    applied(tracked.apply(&snapshot(Some((-1, 10)))));
    applied(tracked.apply(&update(Some((10, 11)), 101)));
    // (11,12) is lost.
    assert_eq!(tracked.apply(&update(Some((12, 13)), 102)), Verdict::Broken(Break::Gap { expected: 11, previous: 12 }));
    assert!(!tracked.is_valid());
    // Also a frame that would follow the last good one: what came between is lost all the same.
    for ids in [(13, 14), (11, 12), (14, 14)] {
        assert_eq!(tracked.apply(&update(Some(ids), 103)), Verdict::Dropped);
    }
    let counters = *tracked.counters();
    assert_eq!((counters.gaps, counters.dropped, counters.updates, counters.frames), (1, 3, 5, 6));
    let after = applied(tracked.apply(&snapshot(Some((-1, 20)))));
    assert_eq!((after.kind, after.continuity), (FrameKind::Snapshot, Continuity::Restarted));
    assert_eq!(applied(tracked.apply(&update(Some((20, 21)), 104))).continuity, Continuity::Continued);
    assert_eq!(tracked.book().bids().len(), 3);
}

#[test]
fn updates_before_the_first_snapshot_are_dropped() {
    let mut tracked = TrackedBook::new();
    assert_eq!(tracked.apply(&update(Some((10, 11)), 101)), Verdict::Dropped);
    assert!(!tracked.is_valid() && tracked.book().is_empty());
}

#[test]
fn a_second_snapshot_replaces_and_never_merges() {
    let mut tracked = TrackedBook::new();
    applied(tracked.apply(&snapshot(Some((-1, 10)))));
    applied(tracked.apply(&frame(Action::Snapshot, Some((-1, 30)), &[level(50, 1)])));
    assert_eq!(tracked.book().bids().len(), 1);
    assert_eq!(applied(tracked.apply(&update(Some((30, 31)), 51))).trust, Trust::Chain);
}

#[test]
fn without_ids_a_checksum_is_what_is_trusted_and_a_wrong_one_breaks_the_book() {
    let mut tracked = TrackedBook::new();
    let mut model = OrderBook::new();
    let mut first = snapshot(None);
    model.apply_snapshot(&first.bids, &[]).unwrap();
    first.checksum = Some(model.checksum());
    assert_eq!(applied(tracked.apply(&first)).trust, Trust::Checksum);
    let mut wrong = update(None, 101);
    wrong.checksum = Some(7);
    model.apply_update(&wrong.bids, &[]).unwrap();
    assert_eq!(tracked.apply(&wrong), Verdict::Broken(Break::Checksum { sent: 7, computed: model.checksum() }));
    assert_eq!(tracked.apply(&update(None, 102)), Verdict::Dropped);
    assert_eq!((tracked.counters().checksum_ok, tracked.counters().checksum_bad), (1, 1));
}

#[test]
fn checksum_zero_is_none_on_a_book_and_the_true_one_of_an_empty_book() {
    let mut tracked = TrackedBook::new();
    let zero = |frame: BookFrame| BookFrame { checksum: Some(0), ..frame };
    assert_eq!(applied(tracked.apply(&zero(snapshot(Some((-1, 1)))))).trust, Trust::Chain);
    assert_eq!(applied(tracked.apply(&zero(snapshot(None)))).trust, Trust::Unverified);
    assert_eq!(tracked.counters().checksum_absent, 2);
    assert_eq!(applied(tracked.apply(&zero(frame(Action::Snapshot, None, &[])))).trust, Trust::Checksum);
    assert_eq!((tracked.counters().checksum_ok, tracked.counters().checksum_bad), (1, 0));
}

#[test]
fn where_ids_and_checksum_are_offered_both_are_verified() {
    let mut tracked = TrackedBook::new();
    applied(tracked.apply(&snapshot(Some((-1, 1)))));
    let linked_but_wrong = BookFrame { checksum: Some(1), ..update(Some((1, 2)), 101) };
    assert!(matches!(tracked.apply(&linked_but_wrong), Verdict::Broken(Break::Checksum { sent: 1, .. })));
}

#[test]
fn a_stream_that_stops_sending_ids_is_not_trusted_as_a_chain_again_before_a_snapshot() {
    let mut tracked = TrackedBook::new();
    applied(tracked.apply(&snapshot(Some((-1, 1)))));
    assert_eq!(applied(tracked.apply(&update(None, 101))).trust, Trust::Unverified);
    assert_eq!(applied(tracked.apply(&update(Some((7, 8)), 102))).trust, Trust::Unverified);
    applied(tracked.apply(&snapshot(Some((-1, 9)))));
    assert_eq!(applied(tracked.apply(&update(Some((9, 10)), 103))).trust, Trust::Chain);
}

#[test]
fn exchange_time_that_goes_back_restarts_continuity() {
    let mut tracked = TrackedBook::new();
    applied(tracked.apply(&snapshot(Some((-1, 1)))));
    let at = |time_ms, ids| BookFrame { time_ms, ..update(Some(ids), 101) };
    assert_eq!(applied(tracked.apply(&at(1000, (1, 2)))).continuity, Continuity::Continued);
    assert_eq!(applied(tracked.apply(&at(999, (2, 3)))).continuity, Continuity::Restarted);
    assert_eq!(applied(tracked.apply(&at(1001, (3, 4)))).continuity, Continuity::Continued);
}

#[test]
fn levels_that_cannot_be_a_book_break_it() {
    let mut tracked = TrackedBook::new();
    applied(tracked.apply(&snapshot(Some((-1, 1)))));
    let verdict = tracked.apply(&update(Some((1, 2)), 0));
    assert_eq!(verdict, Verdict::Broken(Break::Book(BookError::PriceZero { side: Side::Bid })));
    assert_eq!((tracked.refused(), tracked.is_valid()), (1, false));
    // A refused snapshot breaks a valid book too.
    applied(tracked.apply(&snapshot(Some((-1, 5)))));
    assert!(matches!(tracked.apply(&frame(Action::Snapshot, Some((-1, 6)), &[level(0, 1)])), Verdict::Broken(_)));
    assert_eq!(tracked.apply(&update(Some((6, 7)), 100)), Verdict::Dropped);
}

#[test]
fn a_lost_connection_invalidates_the_book() {
    let mut tracked = TrackedBook::new();
    applied(tracked.apply(&snapshot(Some((-1, 1)))));
    tracked.invalidate();
    assert_eq!(tracked.apply(&update(Some((1, 2)), 101)), Verdict::Dropped);
}

#[test]
fn the_picture_for_plugins_says_what_the_book_is() {
    let mut tracked = TrackedBook::new();
    let mut picture = Book::empty();
    let first = applied(tracked.apply(&snapshot(Some((-1, 42)))));
    tracked.fill(&first, &mut picture);
    assert_eq!((picture.time_ms, picture.sequence, picture.trust), (1000, Some(42), Trust::Chain));
    assert_eq!((picture.continuity, picture.crossed, picture.bids.prices.as_slice()), (Continuity::Restarted, false, &[10.0, 9.9][..]));
    assert!(picture.asks.is_empty());
}

proptest! {
    // Proves: of any linked stream with any frames taken out, the book is valid exactly while nothing is missing since the last
    // snapshot, and then equal to the book of the whole stream.
    #[test]
    fn a_book_is_valid_only_while_no_frame_is_missing(
        plan in proptest::collection::vec((0u8..10, 90u64..110, 0u64..5, any::<bool>()), 1..60),
    ) {
        let mut whole = TrackedBook::new();
        let mut cut = TrackedBook::new();
        let (mut sequence, mut complete) = (10i64, false);
        for (at, &(kind, price, size, kept)) in plan.iter().enumerate() {
            let restart = at == 0 || kind == 0;
            // Ids jump, and now and then start over; they never repeat an id of before, as the exchange's don't within a stream.
            let next = sequence + 1 + i64::from(kind);
            let ids = if restart { (-1, next) } else { (sequence, next) };
            let action = if restart { Action::Snapshot } else { Action::Update };
            let frame = frame(action, Some(ids), &[level(price, size)]);
            sequence = next;
            applied(whole.apply(&frame));
            complete = if restart { kept } else { complete && kept };
            if kept {
                let verdict = cut.apply(&frame);
                prop_assert_eq!(matches!(verdict, Verdict::Applied(_)), complete);
                prop_assert_eq!(cut.is_valid(), complete);
                if complete {
                    prop_assert!(cut.book().bids().iter().eq(whole.book().bids().iter()));
                }
            }
        }
    }
}
