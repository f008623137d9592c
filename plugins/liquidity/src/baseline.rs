//! What is usual: the median of 24 hours of one-minute medians; from the 8th day on the median of the hour of day, linear between hours.

use leadline_plugin::windows::median::median;
use leadline_plugin::windows::{Ring, RollingMedian};
use serde::{Deserialize, Serialize};

/// Components of the index: relative spread, depth in the 2nd and in the 3rd band, cost of the round trip.
pub const PARTS: usize = 4;

/// These, the whole depth of the bids and of the asks, and their bulk.
pub const COMPONENTS: usize = PARTS + 4;

/// Places of the bids' whole depth and of their bulk; the asks' follow.
pub const DEPTH: usize = PARTS;
/// See [`DEPTH`].
pub const BULK: usize = PARTS + 2;

/// One weight for each component of the index.
pub type Weights = [f64; PARTS];

/// The cost's place among them.
pub const COST: usize = 3;

/// One value of each component; NaN is missing.
pub type Components = [f64; COMPONENTS];

/// Minutes of the rolling window.
pub const WINDOW_MINUTES: usize = 1440;

/// Days that an hour of day remembers, and how many it wants before it is believed.
const DAYS: usize = 14;
const DAYS_WANTED: usize = 7;

/// Least values that make the median of a minute (of 60 s) or of an hour (of 60 min).
pub const HALF: usize = 30;

/// Where a baseline comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The last 24 hours, or what there is of them.
    Day,
    /// The same time of day on 7 to 14 days.
    HourOfDay,
}

/// One-minute medians and what they make usual. Hours are kept as one value a day, so that two weeks take 21 KB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    minutes: [RollingMedian; COMPONENTS],
    /// By hour of day (UTC): the medians of that hour on the last days.
    hours: Vec<Ring<Components>>,
    /// The minutes of the hour that is running, and which hour since 1970 that is.
    running: Vec<Components>,
    hour: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            minutes: std::array::from_fn(|_| RollingMedian::new(WINDOW_MINUTES)),
            hours: vec![Ring::new(DAYS); 24],
            running: Vec::new(),
            hour: 0,
        }
    }
}

/// The median of each component, NaN where fewer than [`HALF`] values are there.
#[must_use]
pub fn medians(values: &[Components]) -> Components {
    std::array::from_fn(|component| {
        let mut column: Vec<f64> = values.iter().map(|value| value[component]).filter(|value| !value.is_nan()).collect();
        if column.len() < HALF { f64::NAN } else { median(&mut column) }
    })
}

impl History {
    /// The medians of one minute, counted since 1970.
    pub fn push(&mut self, minute: u64, value: Components) {
        if minute / 60 != self.hour {
            self.close_hour();
            self.hour = minute / 60;
        }
        // More than an hour of minutes only when time goes back again and again within one.
        if self.running.len() < 60 {
            self.running.push(value);
        }
        for (window, value) in self.minutes.iter_mut().zip(value) {
            window.push(value);
        }
    }

    /// Minutes without a median.
    pub fn skip(&mut self, minutes: u64) {
        for window in &mut self.minutes {
            window.skip(minutes);
        }
    }

    /// Minutes in the window that have a median of this component.
    #[must_use]
    pub fn count(&self, component: usize) -> usize {
        self.minutes[component].count()
    }

    /// What is usual in `minute` (since 1970), and where from. NaN for a component without history.
    #[must_use]
    pub fn baseline(&self, minute: u64) -> (Components, Source) {
        if self.hours.iter().any(|days| days.len() < DAYS_WANTED) {
            return (self.of_day(), Source::Day);
        }
        // Hour medians stand at the middle of their hours.
        let position = ((minute % 1440) as f64 + 0.5) / 60.0 + 23.5;
        let (from, part) = (position as usize % 24, position - position.floor());
        let (from, to) = (self.of_hour(from), self.of_hour((from + 1) % 24));
        (std::array::from_fn(|component| from[component] + part * (to[component] - from[component])), Source::HourOfDay)
    }

    /// The median of the last 24 hours.
    #[must_use]
    pub fn of_day(&self) -> Components {
        std::array::from_fn(|component| self.minutes[component].median().unwrap_or(f64::NAN))
    }

    /// Minutes that the baseline reaches back over: those of the window, or of all hours.
    #[must_use]
    pub fn age_minutes(&self, source: Source) -> usize {
        match source {
            Source::Day => self.minutes[0].count(),
            Source::HourOfDay => 60 * self.hours.iter().map(Ring::len).sum::<usize>(),
        }
    }

    /// Multiplies all costs, when the volume of the round trip changes and the two series are linked.
    pub fn scale_cost(&mut self, factor: f64) {
        let scaled = |mut value: Components| {
            value[COST] *= factor;
            value
        };
        self.minutes[COST].scale(factor);
        self.hours.iter_mut().for_each(|days| days.map_in_place(scaled));
        self.running.iter_mut().for_each(|value| *value = scaled(*value));
    }

    /// Whether a restored history has the shape that the rest relies on.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.hours.len() == 24
            && self.hours.iter().all(|days| days.capacity() == DAYS)
            && self.minutes.iter().all(|minutes| minutes.window().capacity() == WINDOW_MINUTES)
    }

    fn close_hour(&mut self) {
        let value = medians(&self.running);
        self.running.clear();
        if !value[0].is_nan()
            && let Some(days) = self.hours.get_mut((self.hour % 24) as usize)
        {
            days.push(value);
        }
    }

    fn of_hour(&self, hour: usize) -> Components {
        std::array::from_fn(|component| {
            let mut days: Vec<f64> = self.hours[hour].iter().map(|value| value[component]).filter(|value| !value.is_nan()).collect();
            median(&mut days)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A spread that is 10 + the hour of day, all else constant.
    fn by_hour(minute: u64) -> Components {
        [10.0 + (minute / 60 % 24) as f64, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    }

    fn after(minutes: u64) -> History {
        let mut history = History::default();
        (0..minutes).for_each(|minute| history.push(minute, by_hour(minute)));
        history
    }

    #[test]
    fn is_the_median_of_a_day_until_the_eighth() {
        let history = after(60);
        assert_eq!(history.baseline(60), ([10.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], Source::Day));
        assert_eq!(history.age_minutes(Source::Day), 60);
        let history = after(7 * 1440);
        assert_eq!(
            history.baseline(0),
            ([21.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], Source::Day),
            "the last hour of the seventh day isn't over"
        );
    }

    #[test]
    fn is_linear_between_the_hours_of_day_from_the_eighth_on() {
        let history = after(7 * 1440 + 1);
        let spread = |minute: u64| history.baseline(minute).0[0];
        assert_eq!(history.baseline(0).1, Source::HourOfDay);
        // Hour 5 stands at 5:30: half a minute before and after it.
        assert!((spread(5 * 60 + 29) - (15.0 - 0.5 / 60.0)).abs() < 1e-9);
        assert!((spread(5 * 60 + 30) - (15.0 + 0.5 / 60.0)).abs() < 1e-9);
        // Around midnight from 33 at 23:30 to 10 at 0:30.
        assert!((spread(1439) - (33.0 - 23.0 * 29.5 / 60.0)).abs() < 1e-9);
        assert!((spread(0) - (33.0 - 23.0 * 30.5 / 60.0)).abs() < 1e-9);
        assert_eq!(history.age_minutes(Source::HourOfDay), 7 * 1440);
    }

    #[test]
    fn memory_stays_bounded_over_weeks() {
        let history = after(20 * 1440);
        assert_eq!(history.hours.iter().map(Ring::len).max(), Some(DAYS));
        assert_eq!(history.count(0), WINDOW_MINUTES);
        assert!(leadline_plugin::windows::saved::write(1, &history).unwrap().len() < 128 << 10);
    }

    #[test]
    fn an_hour_with_few_minutes_counts_for_nothing() {
        let mut history = History::default();
        (0..29).for_each(|minute| history.push(minute, by_hour(minute)));
        history.push(60, by_hour(60));
        assert_eq!(history.hours[0].len(), 0);
        (61..91).for_each(|minute| history.push(minute, by_hour(minute)));
        history.push(120, by_hour(120));
        assert_eq!(history.hours[1].len(), 1);
    }

    #[test]
    fn linking_scales_the_cost_alone() {
        let mut history = after(3 * 1440);
        history.scale_cost(2.0);
        assert_eq!(history.of_day(), [21.5, 1.0, 2.0, 6.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(history.of_hour(4), [14.0, 1.0, 2.0, 6.0, 4.0, 5.0, 6.0, 7.0]);
    }
}
