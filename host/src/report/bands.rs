//! States over time, one row each.

use maud::{Markup, html};

use super::axis::{Axis, Scale, lasting, utc};
use super::chart::{RIGHT, WIDTH, time_axis};

/// What a colour says, beside the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Wrong, or an alert.
    Bad,
    /// On its way, such as a window that fills.
    Busy,
    /// Neither good nor bad.
    Plain,
    /// One of several that are only to be told apart; the number picks the colour.
    Series(u8),
}

impl Tone {
    /// The tone of a word that a plugin or the host uses for a state.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "ok" | "normal" | "live" => Self::Good,
            "warning" | "provisional" | "suspect" => Self::Warning,
            "alert" | "fault" => Self::Bad,
            "warming" | "resyncing" => Self::Busy,
            "" | "none" | "unknown" | "neutral" => Self::Plain,
            // The same word has the same colour in every row and report.
            other => Self::Series((other.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 5) as u8),
        }
    }

    /// Its class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warn",
            Self::Bad => "bad",
            Self::Busy => "busy",
            Self::Plain => "plain",
            Self::Series(number) => ["s0", "s1", "s2", "s3", "s4"][usize::from(number) % 5],
        }
    }
}

/// A stretch of time in which a word held.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Where it begins, ms since 1970 (or in the unit of the chart behind which it stands).
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// The word.
    pub word: String,
    /// Its colour.
    pub tone: Tone,
}

/// Rows of states over one time axis.
#[derive(Clone, Debug, Default)]
pub struct Bands {
    title: String,
    rows: Vec<(String, Vec<Span>)>,
}

/// Height of a row, and from one to the next.
const ROW: f64 = 18.0;
const STEP: f64 = 24.0;
const BOTTOM: f64 = 20.0;
/// Room for the names of the rows, which are longer than numbers.
const LEFT: f64 = 170.0;
/// Narrower than this, a word isn't written into its span.
const LETTER: f64 = 7.0;

impl Bands {
    /// No rows yet.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), rows: Vec::new() }
    }

    /// With one more row.
    #[must_use]
    pub fn row(mut self, name: impl Into<String>, spans: impl Into<Vec<Span>>) -> Self {
        self.rows.push((name.into(), spans.into()));
        self
    }

    pub(super) fn render(&self) -> Markup {
        let spans = || self.rows.iter().flat_map(|(_, spans)| spans);
        let from = spans().map(|span| span.from).fold(f64::INFINITY, f64::min);
        let to = spans().map(|span| span.to).fold(f64::NEG_INFINITY, f64::max);
        if from > to {
            return html! { p.none { (self.title) ": no state in this recording" } };
        }
        let x = Axis::new(Scale::Time, from, to, LEFT, WIDTH - RIGHT);
        let height = STEP * self.rows.len() as f64 + BOTTOM;
        html! {
            figure {
                figcaption { (self.title) }
                svg viewBox=(format!("0 0 {WIDTH} {height:.0}")) role="img" aria-label=(self.title) {
                    @for (place, (name, spans)) in self.rows.iter().enumerate() {
                        @let top = STEP * place as f64 + 2.0;
                        text.tick x=(LEFT - 8.0) y=(top + ROW - 5.0) text-anchor="end" { (name) }
                        @for span in spans.iter().filter(|span| !span.word.is_empty()) {
                            @let (left, right) = (x.at(span.from), x.at(span.to));
                            // A moment is seen, too.
                            @let width = (right - left).max(1.0);
                            g.(format!("band {}", span.tone.class())) {
                                title { (span.word) ", " (utc(span.from)) ", " (lasting(span.to - span.from)) }
                                rect x=(px(left)) y=(top) width=(px(width)) height=(ROW) {}
                                @if width > LETTER * span.word.chars().count() as f64 + 8.0 {
                                    text x=(px(left + 5.0)) y=(top + ROW - 5.0) { (span.word) }
                                }
                            }
                        }
                    }
                    (time_axis(&x, height - BOTTOM, from, LEFT))
                }
            }
        }
    }
}

/// A pixel with the digits that can be seen.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}
