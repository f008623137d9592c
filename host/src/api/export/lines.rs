//! Rows as CSV and as JSON lines.

use super::Format;
use super::rows::{Page, Text};

/// A file of lines under way.
pub(super) struct Lines {
    format: Format,
    begun: bool,
}

impl Lines {
    pub(super) fn begin(format: Format) -> Self {
        Self { format, begun: false }
    }

    /// The lines of a page.
    pub(super) fn write<P: Page>(&mut self, page: &P) -> Vec<u8> {
        let mut out = String::new();
        if self.format == Format::Jsonl {
            page.objects(|row| {
                out.push_str(&row.to_string());
                out.push('\n');
            });
            return out.into_bytes();
        }
        if !std::mem::replace(&mut self.begun, true) {
            out.push_str(P::HEAD);
            out.push('\n');
        }
        page.texts(|row| {
            for (place, text) in row.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                match text {
                    Text::Plain(text) => out.push_str(text),
                    Text::Any(text) => out.push_str(&quoted(text)),
                }
            }
            out.push('\n');
        });
        out.into_bytes()
    }
}

/// A text as RFC 4180 wants it. A text that a table program would take for a formula gets a quote before it.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if formula { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_value_of_a_table_and_never_becomes_a_formula() {
        assert_eq!(quoted("ok"), "ok");
        assert_eq!(quoted("warming: history, 3 \"of\" 5"), "\"warming: history, 3 \"\"of\"\" 5\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }
}
