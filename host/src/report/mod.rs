//! Reports: one HTML file each that holds all it needs, to keep beside a run or to send to somebody.
//!
//! No script, no font and no picture from anywhere, and a policy inside the file that forbids them; charts are SVG in the page, coloured by the
//! reader's light or dark setting. All text goes through `maud`, which escapes it. The same data gives the same bytes.
//!
//! # Layout
//!
//! - [`page`]: the file around the sections.
//! - [`table`]: tables, and lists of facts.
//! - [`chart`]: lines over time or over another number, with spans behind them and marks on them.
//! - [`bars`]: histograms, and bars beside names.
//! - [`bands`]: states over time, one row each.
//! - [`axis`]: ticks that people would choose, and how numbers and times are written.
//! - [`trace`]: a value over time in bounded memory, whatever the length.
//!
//! ```
//! use leadline_host::report::{Chart, Line, Report, Section};
//!
//! let spread = vec![Some((0.0, 1.5)), Some((1000.0, 1.7)), None, Some((9000.0, 1.6))];
//! let chart = Chart::over_time("Spread").unit("bps").line(Line::new("BTC-USDT", spread));
//! let report = Report::new("A morning").section(Section::new("BTC-USDT").chart(chart));
//! assert!(report.html().starts_with("<!DOCTYPE html>"));
//! ```

pub mod axis;
pub mod bands;
pub mod bars;
pub mod chart;
mod page;
mod table;
pub mod trace;

pub use bands::{Bands, Span, Tone};
pub use bars::{Bars, Distribution};
pub use chart::{Chart, Line, Mark};
pub use page::{Report, Section};
pub use table::{Facts, Table};
pub use trace::{StateTrace, Trace};
