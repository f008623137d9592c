//! Lines over time or over another number, with spans behind them and marks on them.

use std::fmt::Write;

use maud::{Markup, html};

use super::axis::{Axis, Scale, utc};
use super::bands::{Span, Tone, px};

/// A place of a line; none where the line is broken.
pub type Point = Option<(f64, f64)>;

pub(super) const WIDTH: f64 = 900.0;
pub(super) const LEFT: f64 = 76.0;
pub(super) const RIGHT: f64 = 30.0;
const HEIGHT: f64 = 190.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;
/// Marks drawn of one chart; more could not be told apart.
const MARKS: usize = 300;

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    name: String,
    points: Vec<Point>,
    steps: bool,
}

impl Line {
    /// A line through these points, in order of the horizontal axis.
    #[must_use]
    pub fn new(name: impl Into<String>, points: Vec<Point>) -> Self {
        Self { name: name.into(), points, steps: false }
    }

    /// Each value holds until the next one.
    #[must_use]
    pub fn steps(mut self) -> Self {
        self.steps = true;
        self
    }

    fn path(&self, x: &Axis, y: &Axis) -> String {
        let mut path = String::new();
        let mut before: Option<f64> = None;
        for point in &self.points {
            let Some((at, value)) = *point else {
                before = None;
                continue;
            };
            let (px_x, px_y) = (px(x.at(at)), px(y.at(value)));
            // Writing to a string can't fail.
            let _ = match before {
                None => write!(path, "M{px_x} {px_y}h0"),
                Some(last) if self.steps && last != value => write!(path, "H{px_x}V{px_y}"),
                Some(_) => write!(path, "L{px_x} {px_y}"),
            };
            before = Some(value);
        }
        path
    }
}

/// A moment, marked by a line from top to bottom.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Where, on the horizontal axis.
    pub at: f64,
    /// What to say about it.
    pub text: String,
    /// Its colour.
    pub tone: Tone,
}

/// Lines in one frame.
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    unit: String,
    across: Scale,
    across_name: String,
    up: Scale,
    bounds: (Option<f64>, Option<f64>),
    lines: Vec<Line>,
    spans: Vec<Span>,
    marks: Vec<Mark>,
}

impl Chart {
    /// Over time, ms since 1970.
    #[must_use]
    pub fn over_time(title: impl Into<String>) -> Self {
        Self::over(title, "", Scale::Time)
    }

    /// Over another number, named and on a scale of its own.
    #[must_use]
    pub fn over(title: impl Into<String>, across: impl Into<String>, scale: Scale) -> Self {
        Self {
            title: title.into(),
            unit: String::new(),
            across: scale,
            across_name: across.into(),
            up: Scale::Number,
            bounds: (None, None),
            lines: Vec::new(),
            spans: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// The unit of the values.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// The values on a logarithmic scale.
    #[must_use]
    pub fn logarithmic(mut self) -> Self {
        self.up = Scale::Log;
        self
    }

    /// The vertical axis reaches to these values at least.
    #[must_use]
    pub fn bounds(mut self, low: Option<f64>, high: Option<f64>) -> Self {
        self.bounds = (low, high);
        self
    }

    /// With one more line; five can be told apart.
    #[must_use]
    pub fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// With these spans behind the lines.
    #[must_use]
    pub fn spans(mut self, spans: impl IntoIterator<Item = Span>) -> Self {
        self.spans.extend(spans);
        self
    }

    /// With one more mark; the first 300 are drawn.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        if self.marks.len() < MARKS {
            self.marks.push(mark);
        }
        self
    }

    pub(super) fn render(&self) -> Markup {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().flatten().copied());
        let real = |bounds: (f64, f64), value: f64| (bounds.0.min(value), bounds.1.max(value));
        let nothing = (f64::INFINITY, f64::NEG_INFINITY);
        let (left, right) = points().map(|(at, _)| at).chain(self.spans.iter().flat_map(|span| [span.from, span.to])).fold(nothing, real);
        let (low, high) = points().map(|(_, value)| value).filter(|&value| self.up != Scale::Log || value > 0.0).fold(nothing, real);
        if low > high {
            return html! { p.none { (self.title) ": no value" } };
        }
        let (low, high) = (self.bounds.0.map_or(low, |bound| bound.min(low)), self.bounds.1.map_or(high, |bound| bound.max(high)));
        let x = Axis::new(self.across, left, right, LEFT, WIDTH - RIGHT);
        let y = Axis::new(self.up, low, high, HEIGHT - BOTTOM, TOP);
        let full = HEIGHT - BOTTOM - TOP;
        let single = self.lines.len() == 1;
        html! {
            figure {
                figcaption {
                    (self.title)
                    @if !self.unit.is_empty() { span.unit { (self.unit) } }
                    @if !single {
                        @for (number, line) in self.lines.iter().enumerate() {
                            span.(format!("key s{}", number % 5)) { i {} (line.name) }
                        }
                    }
                }
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(self.title) {
                    @for (value, label) in y.ticks(4) {
                        @let at = px(y.at(value));
                        path.grid d=(format!("M{LEFT} {at}H{}", WIDTH - RIGHT)) {}
                        text.tick x=(LEFT - 8.0) y=(px(y.at(value) + 4.0)) text-anchor="end" { (label) }
                    }
                    @for span in &self.spans {
                        g.(format!("back {}", span.tone.class())) {
                            title { (span.word) }
                            rect x=(px(x.at(span.from))) y=(TOP) width=(px((x.at(span.to) - x.at(span.from)).max(1.0))) height=(full) {}
                        }
                    }
                    @for mark in &self.marks {
                        g.(format!("mark {}", mark.tone.class())) {
                            title { (mark.text) }
                            path d=(format!("M{} {TOP}v{full}", px(x.at(mark.at)))) {}
                        }
                    }
                    @for (number, line) in self.lines.iter().enumerate() {
                        path.(format!("line s{}", number % 5)) d=(line.path(&x, &y)) { title { (line.name) } }
                    }
                    @if self.across == Scale::Time {
                        (time_axis(&x, HEIGHT - BOTTOM, left, LEFT))
                    } @else {
                        (axis(&x, HEIGHT - BOTTOM, &self.across_name, LEFT))
                    }
                }
            }
        }
    }
}

/// A time axis below `bottom`, with the day at its left.
pub(super) fn time_axis(x: &Axis, bottom: f64, from: f64, left: f64) -> Markup {
    axis(x, bottom, utc(from).split(' ').next().unwrap_or_default(), left)
}

/// An axis below `bottom`, with its name at the left.
pub(super) fn axis(x: &Axis, bottom: f64, name: &str, left: f64) -> Markup {
    html! {
        path.axis d=(format!("M{left} {bottom}H{}", WIDTH - RIGHT)) {}
        text.tick x=(left - 8.0) y=(bottom + 16.0) text-anchor="end" { (name) }
        @for (value, label) in x.ticks(8) {
            @let at = px(x.at(value));
            path.axis d=(format!("M{at} {bottom}v4")) {}
            text.tick x=(at) y=(bottom + 16.0) text-anchor="middle" { (label) }
        }
    }
}
