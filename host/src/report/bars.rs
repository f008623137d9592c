//! Histograms, and bars beside names.

use maud::{Markup, html};

use super::axis::{Axis, Scale, short};
use super::bands::{Tone, px};
use super::chart::{LEFT, Mark, RIGHT, WIDTH, axis};

const HEIGHT: f64 = 150.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;

/// How often values fell where.
#[derive(Clone, Debug)]
pub struct Distribution {
    title: String,
    unit: String,
    scale: Scale,
    /// From, to, how many.
    buckets: Vec<(f64, f64, u64)>,
    marks: Vec<Mark>,
}

impl Distribution {
    /// Buckets in order: from, to, how many.
    #[must_use]
    pub fn new(title: impl Into<String>, unit: impl Into<String>, scale: Scale, buckets: Vec<(f64, f64, u64)>) -> Self {
        Self { title: title.into(), unit: unit.into(), scale, buckets, marks: Vec::new() }
    }

    /// Of a recorded histogram, in buckets of equal width on a logarithmic scale, with its median, 99th percentile and largest value marked.
    #[must_use]
    pub fn of_histogram(title: impl Into<String>, unit: impl Into<String>, histogram: &hdrhistogram::Histogram<u64>) -> Self {
        /// Buckets for a factor of ten.
        const A_DECADE: f64 = 16.0;
        let mut buckets: Vec<(f64, f64, u64)> = Vec::new();
        for value in histogram.iter_recorded() {
            let place = ((value.value_iterated_to().max(1) as f64).log10() * A_DECADE).floor();
            let edge = |place: f64| 10_f64.powf(place / A_DECADE);
            let (from, to) = (edge(place), edge(place + 1.0));
            match buckets.last_mut() {
                Some(last) if last.0 == from => last.2 += value.count_at_value(),
                _ => buckets.push((from, to, value.count_at_value())),
            }
        }
        let mut all = Self::new(title, unit, Scale::Log, buckets);
        if !histogram.is_empty() {
            for (name, value, tone) in [
                ("median", histogram.value_at_quantile(0.5), Tone::Good),
                ("99th percentile", histogram.value_at_quantile(0.99), Tone::Warning),
                ("largest", histogram.max(), Tone::Bad),
            ] {
                all = all.mark(Mark { at: value as f64, text: format!("{name} {}", short(value as f64)), tone });
            }
        }
        all
    }

    /// With one more mark, named in the legend.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    pub(super) fn render(&self) -> Markup {
        let most = self.buckets.iter().map(|&(_, _, count)| count).max().unwrap_or(0);
        let (Some(first), Some(last)) = (self.buckets.first(), self.buckets.last()) else {
            return html! { p.none { (self.title) ": no value" } };
        };
        let x = Axis::new(self.scale, first.0, last.1, LEFT, WIDTH - RIGHT);
        let y = Axis::new(Scale::Number, 0.0, most.max(1) as f64, HEIGHT - BOTTOM, TOP);
        html! {
            figure {
                figcaption {
                    (self.title) span.unit { (self.unit) }
                    @for mark in &self.marks { span.(format!("key {}", mark.tone.class())) { i {} (mark.text) } }
                }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) {
                    @for (value, label) in y.ticks(3) {
                        path.grid d=(format!("M{LEFT} {}H{}", px(y.at(value)), WIDTH - RIGHT)) {}
                        text.tick x=(LEFT - 8.0) y=(px(y.at(value) + 4.0)) text-anchor="end" { (label) }
                    }
                    @for &(from, to, count) in &self.buckets {
                        g.bar {
                            title { (short(from)) " to " (short(to)) ": " (count) }
                            rect x=(px(x.at(from))) width=(px((x.at(to) - x.at(from) - 1.0).max(1.0)))
                                y=(px(y.at(count as f64))) height=(px((HEIGHT - BOTTOM - y.at(count as f64)).max(1.0))) {}
                        }
                    }
                    @for mark in &self.marks {
                        g.(format!("mark {}", mark.tone.class())) {
                            title { (mark.text) }
                            path d=(format!("M{} {TOP}V{}", px(x.at(mark.at)), HEIGHT - BOTTOM)) {}
                        }
                    }
                    (axis(&x, HEIGHT - BOTTOM, &self.unit, LEFT))
                }
            }
        }
    }
}

/// A number beside each name, from 0 on.
#[derive(Clone, Debug)]
pub struct Bars {
    title: String,
    unit: String,
    most: Option<f64>,
    bars: Vec<(String, f64, Tone)>,
}

const ROW: f64 = 18.0;
const STEP: f64 = 24.0;
/// Room for the names, which are longer than numbers.
const NAMES: f64 = 220.0;
/// Room for the number behind the longest bar.
const NUMBER: f64 = 70.0;

impl Bars {
    /// No bars yet. `most`: what a full bar is; the largest number, when it isn't said.
    #[must_use]
    pub fn new(title: impl Into<String>, unit: impl Into<String>, most: Option<f64>) -> Self {
        Self { title: title.into(), unit: unit.into(), most, bars: Vec::new() }
    }

    /// With one more bar. A number that isn't finite has its name and no bar.
    #[must_use]
    pub fn bar(mut self, name: impl Into<String>, value: f64, tone: Tone) -> Self {
        self.bars.push((name.into(), value, tone));
        self
    }

    pub(super) fn render(&self) -> Markup {
        let largest = self.bars.iter().map(|&(_, value, _)| value).filter(|value| value.is_finite()).fold(0.0, f64::max);
        let x = Axis::new(Scale::Number, 0.0, self.most.unwrap_or(largest), NAMES, WIDTH - NUMBER);
        html! {
            figure {
                figcaption { (self.title) @if !self.unit.is_empty() { span.unit { (self.unit) } } }
                svg viewBox=(format!("0 0 {WIDTH} {:.0}", STEP * self.bars.len() as f64 + 4.0)) role="img" aria-label=(self.title) {
                    @for (place, (name, value, tone)) in self.bars.iter().enumerate() {
                        @let top = STEP * place as f64 + 2.0;
                        @let end = if value.is_finite() { x.at(*value) } else { NAMES };
                        text.tick x=(NAMES - 8.0) y=(top + ROW - 5.0) text-anchor="end" { (name) }
                        g.(format!("bar {}", tone.class())) {
                            rect x=(NAMES) y=(top) width=(px((end - NAMES).max(1.0))) height=(ROW) {}
                        }
                        text.tick x=(px(end + 6.0)) y=(top + ROW - 5.0) { (if value.is_finite() { short(*value) } else { "none".to_owned() }) }
                    }
                }
            }
        }
    }
}
