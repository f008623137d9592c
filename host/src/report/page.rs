//! The file around the sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Bands, Bars, Chart, Distribution, Facts, Table};

/// No rule here loads anything, and the policy in the file wouldn't let it.
const STYLE: &str = include_str!("style.css");
/// Style inside the file, and nothing else: no script, no address.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A report: facts, then sections.
#[derive(Clone, Debug)]
pub struct Report {
    title: String,
    about: String,
    facts: Facts,
    sections: Vec<Section>,
}

impl Report {
    /// An empty one.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), about: String::new(), facts: Facts::default(), sections: Vec::new() }
    }

    /// A sentence under the title.
    #[must_use]
    pub fn about(mut self, text: impl Into<String>) -> Self {
        self.about = text.into();
        self
    }

    /// With one more fact under the title.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts = self.facts.fact(name, value);
        self
    }

    /// With one more section.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// The file.
    #[must_use]
    pub fn html(&self) -> String {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { (self.title) }
                        @if !self.about.is_empty() { p { (self.about) } }
                        (self.facts.render())
                        @if self.sections.len() > 1 {
                            nav { @for (place, section) in self.sections.iter().enumerate().filter(|(_, section)| section.listed) { a href=(format!("#s{place}")) { (section.title) } } }
                        }
                    }
                    main { @for (place, section) in self.sections.iter().enumerate() { (section.render(place)) } }
                    footer { "leadline " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
        .into_string()
    }
}

/// A titled part of a report.
#[derive(Clone, Debug)]
pub struct Section {
    title: String,
    /// Listed at the top.
    listed: bool,
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
enum Block {
    Text(String),
    Facts(Facts),
    Table(Table),
    Chart(Chart),
    Bands(Bands),
    Distribution(Distribution),
    Bars(Bars),
}

impl Section {
    /// An empty one.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), listed: true, blocks: Vec::new() }
    }

    /// Belongs to the section before it, and isn't listed at the top.
    #[must_use]
    pub fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }

    fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// With one more paragraph.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.block(Block::Text(text.into()))
    }

    /// With facts.
    #[must_use]
    pub fn facts(self, facts: Facts) -> Self {
        self.block(Block::Facts(facts))
    }

    /// With a table.
    #[must_use]
    pub fn table(self, table: Table) -> Self {
        self.block(Block::Table(table))
    }

    /// With a chart.
    #[must_use]
    pub fn chart(self, chart: Chart) -> Self {
        self.block(Block::Chart(chart))
    }

    /// With states over time.
    #[must_use]
    pub fn bands(self, bands: Bands) -> Self {
        self.block(Block::Bands(bands))
    }

    /// With a histogram.
    #[must_use]
    pub fn distribution(self, distribution: Distribution) -> Self {
        self.block(Block::Distribution(distribution))
    }

    /// With bars.
    #[must_use]
    pub fn bars(self, bars: Bars) -> Self {
        self.block(Block::Bars(bars))
    }

    fn render(&self, place: usize) -> Markup {
        html! {
            section id=(format!("s{place}")) {
                h2 { (self.title) }
                @for block in &self.blocks {
                    @match block {
                        Block::Text(text) => p { (text) },
                        Block::Facts(facts) => (facts.render()),
                        Block::Table(table) => (table.render()),
                        Block::Chart(chart) => (chart.render()),
                        Block::Bands(bands) => (bands.render()),
                        Block::Distribution(distribution) => (distribution.render()),
                        Block::Bars(bars) => (bars.render()),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::Scale;
    use super::super::{Line, Mark, Span, Tone};
    use super::*;

    fn everything(text: &str) -> String {
        let span = || Span { from: 0.0, to: 60_000.0, word: text.to_owned(), tone: Tone::of(text) };
        let mark = || Mark { at: 30_000.0, text: text.to_owned(), tone: Tone::Bad };
        let points = vec![Some((0.0, 1.0)), Some((1000.0, 3.0)), None, Some((60_000.0, 2.0))];
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).expect("three digits");
        (1..1000).for_each(|value| histogram.saturating_record(value * value));
        let section = Section::new(text)
            .text(text)
            .facts(Facts::default().fact(text, text))
            .table(Table::new(text, [text, "n"]).toned(Tone::Bad, [text, "-1"]))
            .chart(
                Chart::over_time(text)
                    .unit(text)
                    .line(Line::new(text, points.clone()))
                    .line(Line::new("b", points).steps())
                    .spans([span()])
                    .mark(mark()),
            )
            .chart(
                Chart::over("recall", text, Scale::Number).logarithmic().line(Line::new("c", vec![Some((0.1, 10.0)), Some((0.9, 1000.0))])),
            )
            .bands(Bands::new(text).row(text, [span()]))
            .distribution(Distribution::of_histogram(text, "µs", &histogram))
            .bars(Bars::new(text, "share", Some(1.0)).bar(text, 0.7, Tone::Good).bar("none", f64::NAN, Tone::Plain));
        Report::new(text).about(text).fact(text, text).section(section.clone()).section(section).html()
    }

    #[test]
    fn a_report_loads_nothing_runs_nothing_and_is_the_same_each_time() {
        let html = everything("spread");
        for word in ["<script", "http://", "https://", "url(", "@import", " src=", "onload", "style=\""] {
            assert!(!html.contains(word), "{word}");
        }
        assert!(!html.contains("NaN") && !html.contains("inf"), "every coordinate is a number");
        assert_eq!(html, everything("spread"));
    }

    #[test]
    fn text_from_outside_stays_text() {
        let html = everything("<script>alert(1)</script>\"'&");
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
        // What a browser reads is what was said: every element that is opened is closed again.
        for element in ["svg", "g", "text", "table", "section", "figure", "title"] {
            let opened = html.matches(&format!("<{element}>")).count() + html.matches(&format!("<{element} ")).count();
            assert_eq!(opened, html.matches(&format!("</{element}>")).count(), "{element}");
        }
    }

    #[test]
    fn without_values_a_chart_says_so() {
        let section = Section::new("empty")
            .chart(Chart::over_time("spread").line(Line::new("a", vec![None])))
            .bands(Bands::new("state").row("a", []))
            .distribution(Distribution::new("time", "µs", Scale::Log, Vec::new()));
        let html = Report::new("empty").section(section).html();
        assert!(html.contains("spread: no value") && html.contains("state: no state") && html.contains("time: no value"));
    }
}
