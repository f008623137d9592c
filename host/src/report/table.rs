//! Tables, and lists of facts.

use maud::{Markup, html};

use super::bands::Tone;

/// Rows of texts below a head. A column of numbers stands to the right.
#[derive(Clone, Debug)]
pub struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<(Tone, Vec<String>)>,
}

impl Table {
    /// No rows yet.
    #[must_use]
    pub fn new(title: impl Into<String>, head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { title: title.into(), head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// With one more row.
    #[must_use]
    pub fn row(self, cells: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.toned(Tone::Plain, cells)
    }

    /// With one more row in a colour; its first cell must say the same in words.
    #[must_use]
    pub fn toned(mut self, tone: Tone, cells: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rows.push((tone, cells.into_iter().map(Into::into).collect()));
        self
    }

    fn is_number(&self, column: usize) -> bool {
        let mut texts = self.rows.iter().filter_map(|(_, cells)| cells.get(column)).filter(|text| !text.is_empty()).peekable();
        texts.peek().is_some() && texts.all(|text| text.trim_end_matches(['k', 'M', 'G', 'T', '%', ' ']).parse::<f64>().is_ok())
    }

    pub(super) fn render(&self) -> Markup {
        let right: Vec<bool> = (0..self.head.len()).map(|column| self.is_number(column)).collect();
        let class = |column: usize| if right.get(column).copied().unwrap_or(false) { "n" } else { "t" };
        html! {
            div.table {
                table {
                    @if !self.title.is_empty() { caption { (self.title) } }
                    thead { tr { @for (column, text) in self.head.iter().enumerate() { th.(class(column)) scope="col" { (text) } } } }
                    tbody {
                        @for (tone, cells) in &self.rows {
                            tr {
                                @for (column, text) in cells.iter().enumerate() {
                                    td.(class(column)) {
                                        @if column == 0 && *tone != Tone::Plain { span.(format!("pill {}", tone.class())) { (text) } } @else { (text) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Names with their values, side by side.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<(String, String)>);

impl Facts {
    /// With one more.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    pub(super) fn render(&self) -> Markup {
        html! { dl.facts { @for (name, value) in &self.0 { div { dt { (name) } dd { (value) } } } } }
    }
}
