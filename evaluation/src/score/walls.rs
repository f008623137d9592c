//! Levels and large orders against planted walls.

use super::{Card, Figure, Measure, part, trial, value};
use crate::label::{Ending, Event, Label};
use crate::record::Record;
use crate::script::Scenario;
use crate::seen::Analysis;

/// A wall counts as found when it was published in this share of the books in which it stood.
const FOUND: f64 = 0.9;
/// Orders from which a level is stacked whatever its size.
const STACKED: u32 = 20;

/// Labels of walls that have ended, with what was seen of them.
fn walls<'a>(labels: &'a [Label], record: &'a Record) -> impl Iterator<Item = (&'a Label, &'a crate::record::Sighting)> {
    labels.iter().enumerate().filter_map(|(i, label)| {
        let sighting = record.walls.get(&i)?;
        (matches!(label.event, Event::Wall { .. }) && label.end_ms < u64::MAX && sighting.stood > 0).then_some((label, sighting))
    })
}

/// How many walls stood on the same side at the same time.
fn beside(labels: &[Label], wall: &Label) -> usize {
    let Event::Wall { side: of, .. } = wall.event else { return 0 };
    labels.iter().filter(|label| label.full_ms == wall.full_ms && matches!(label.event, Event::Wall { side, .. } if side == of)).count()
}

pub(super) fn levels(card: &mut Card, scenario: Scenario, profile: &str, labels: &[Label], record: &Record) {
    let measure = |of: String, what, figure| Measure::new(Analysis::SupportResistance, of, what, figure);
    for (label, sighting) in walls(labels, record) {
        let Event::Wall { measured, ending, .. } = label.event else { continue };
        let of = format!("wall of {}, {profile}", measured.word());
        let nearly_all = |part: u32, whole: u32| f64::from(part) >= FOUND * f64::from(whole);
        trial(card, measure(of.clone(), "among the candidates", Figure::Rate), nearly_all(sighting.listed, sighting.stood));
        // Two places a side: of three walls one has none.
        if beside(labels, label) <= 2 && sighting.settled > 0 {
            trial(card, measure(of.clone(), "published", Figure::Rate), nearly_all(sighting.published, sighting.settled));
            if let Some(delay_ms) = sighting.delay_ms {
                value(card, measure(of.clone(), "delay, median s", Figure::Median), delay_ms as f64 / 1000.0);
                value(card, measure(of.clone(), "delay, 95 % s", Figure::P95), delay_ms as f64 / 1000.0);
            }
        }
        if sighting.published > 0 {
            let mean = |sum: f64| sum / f64::from(sighting.published);
            value(card, measure(of.clone(), "error, median bps", Figure::Median), mean(sighting.off_bps));
            value(card, measure(of.clone(), "error, median bandwidths", Figure::Median), mean(sighting.off_bandwidths));
            let of = match ending {
                Ending::Pulled => format!("wall pulled, {profile}"),
                Ending::Consumed => format!("wall consumed, {profile}"),
            };
            trial(card, measure(of, "end told right", Figure::Rate), sighting.told == Some(ending));
        }
    }
    if record.published > 0 {
        let of = format!("published levels while walls stand, {profile}");
        part(card, measure(of, "at a wall", Figure::Share), record.at_walls as f64, record.published as f64);
    }
    if scenario == Scenario::Quiet && record.books > 0 {
        let changed = record.first_changed.iter().sum::<u64>() as f64 / 2.0;
        let of = format!("no event, {profile}");
        part(card, measure(of, "changes of level 1 in 10 books", Figure::Share), 10.0 * changed, record.books as f64);
    }
}

pub(super) fn orders(card: &mut Card, profile: &str, labels: &[Label], record: &Record) {
    let measure = |of: String, what, figure| Measure::new(Analysis::LargeOrders, of, what, figure);
    for (label, sighting) in walls(labels, record) {
        let Event::Wall { measured, orders, .. } = label.event else { continue };
        let of = format!("wall of {}, {profile}", measured.word());
        trial(card, measure(of, "among the large levels", Figure::Rate), f64::from(sighting.listed) >= FOUND * f64::from(sighting.stood));
        if let Some(single) = sighting.single {
            let of = if orders >= STACKED { "wall of many orders" } else { "wall of one order" };
            trial(card, measure(format!("{of}, {profile}"), "kind told right", Figure::Rate), single == (orders < STACKED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Measured;
    use crate::market::Of;
    use crate::record::Sighting;

    fn wall(ending: Ending) -> Label {
        let event = Event::Wall { side: Of::Bid, price: 100.0, size: 1.0, measured: Measured::Times(10.0), orders: 1, ending };
        Label { event, begin_ms: 0, full_ms: 1_000, end_ms: 60_000 }
    }

    fn counts(card: &Card, what: &str) -> Option<(f64, f64)> {
        card.iter().find(|(measure, _)| measure.what == what).map(|(_, cell)| (cell.part, cell.whole))
    }

    #[test]
    fn a_wall_is_found_when_it_was_published_nearly_all_the_time() {
        for (published, hits) in [(100, 1.0), (90, 1.0), (89, 0.0), (0, 0.0)] {
            let sighting = Sighting { stood: 100, listed: published, settled: 100, published, ..Sighting::default() };
            let record = Record { walls: [(0, sighting)].into(), published: 200, at_walls: 100, ..Record::default() };
            let mut card = Card::new();
            levels(&mut card, Scenario::Walls, "even", &[wall(Ending::Pulled)], &record);
            assert_eq!(counts(&card, "published"), Some((hits, 1.0)), "{published} of 100");
            assert_eq!(counts(&card, "at a wall"), Some((100.0, 200.0)));
        }
    }

    #[test]
    fn the_end_must_be_told_and_be_the_right_one() {
        for (told, hits) in [(Some(Ending::Consumed), 1.0), (Some(Ending::Pulled), 0.0), (None, 0.0)] {
            let sighting = Sighting { stood: 9, settled: 9, published: 9, told, ..Sighting::default() };
            let record = Record { walls: [(0, sighting)].into(), ..Record::default() };
            let mut card = Card::new();
            levels(&mut card, Scenario::Walls, "even", &[wall(Ending::Consumed)], &record);
            assert_eq!(counts(&card, "end told right"), Some((hits, 1.0)), "{told:?}");
        }
    }

    #[test]
    fn a_wall_that_never_ended_is_left_out() {
        let sighting = Sighting { stood: 9, ..Sighting::default() };
        let record = Record { walls: [(0, sighting)].into(), ..Record::default() };
        let mut card = Card::new();
        orders(&mut card, "even", &[Label { end_ms: u64::MAX, ..wall(Ending::Pulled) }], &record);
        assert!(card.is_empty());
    }
}
