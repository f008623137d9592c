//! What a plugin says of its outputs, for whoever draws them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::analysis::OutputKind;
use crate::analysis::component::Described;

/// One output, as its plugin describes it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OutputView {
    /// Its name in `analysis:{id}`.
    pub name: String,
    /// `price`, `size`, `notional`, `bps`, `score`, `ratio`, `state`, `count`, `time` or `other`.
    pub kind: &'static str,
    /// Its unit, for people; empty: none.
    pub unit: String,
    /// The lowest value that it can have.
    pub low: Option<f64>,
    /// The highest.
    pub high: Option<f64>,
    /// One sentence on what it is.
    pub summary: String,
}

impl OutputView {
    pub(super) fn of(output: &Described) -> Self {
        let Described { published, kind, unit, low, high, summary, .. } = output;
        Self { name: published.clone(), kind: word(*kind), unit: unit.clone(), low: *low, high: *high, summary: summary.clone() }
    }
}

fn word(kind: OutputKind) -> &'static str {
    match kind {
        OutputKind::Price => "price",
        OutputKind::Size => "size",
        OutputKind::Notional => "notional",
        OutputKind::Bps => "bps",
        OutputKind::Score => "score",
        OutputKind::Ratio => "ratio",
        OutputKind::State => "state",
        OutputKind::Count => "count",
        OutputKind::Time => "time",
        OutputKind::Other => "other",
    }
}
