//! What is asked of the history: which series, when, in what form.

use std::time::Duration;

use serde::Deserialize;
use utoipa::IntoParams;

use super::super::error::ApiError;
use crate::clock::{parse_rfc3339, unix_ms};
use crate::history::entry::Measurement;
use crate::history::query::{Name, RangeQuery, Selection, Span};

/// How far back an answer goes where nothing is said.
const USUAL_SPAN_MS: u64 = 3_600_000;
/// Values of a series in one answer where nothing is said.
const USUAL_LIMIT: usize = 1000;

/// When: RFC 3339, or back from now, such as `-15m` or `-1d`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Times {
    /// From, inclusive; an hour back where nothing is said.
    #[param(example = "-1h")]
    pub(super) from: Option<String>,
    /// To, exclusive; now where nothing is said.
    pub(super) to: Option<String>,
}

/// Which values. Names with commas between; what isn't named matches everything.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Which {
    /// `analysis_results`, `connection_metrics` or `host_metrics`.
    #[param(example = "analysis_results", default = "analysis_results")]
    pub(super) measurement: Option<String>,
    /// Instruments.
    #[param(example = "BTC-USDT,ETH-USDT")]
    pub(super) pairs: Option<String>,
    /// Plugins, or hosts.
    #[param(example = "liquidity")]
    pub(super) sources: Option<String>,
    /// Fields.
    #[param(example = "liquidity_index")]
    pub(super) fields: Option<String>,
    /// From, inclusive: RFC 3339, or back from now, such as `-15m`; an hour back where nothing is said.
    #[param(example = "-1h")]
    pub(super) from: Option<String>,
    /// To, exclusive; now where nothing is said.
    pub(super) to: Option<String>,
    /// Most values of one series, 1 to 10000.
    #[param(minimum = 1, maximum = 10000, default = 1000)]
    pub(super) limit: Option<usize>,
    /// Of windows alone: their length, such as `1m` or `1h`.
    #[param(example = "1m")]
    pub(super) every: Option<String>,
    /// Of an export alone: `csv`, `jsonl` or `parquet`.
    #[param(example = "csv", default = "csv")]
    pub(super) format: Option<String>,
}

/// Which alerts of the past.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct WhichAlerts {
    /// Instruments, with commas between.
    pub(super) pairs: Option<String>,
    /// From, inclusive: RFC 3339, or back from now, such as `-1d`; an hour back where nothing is said.
    #[param(example = "-1h")]
    pub(super) from: Option<String>,
    /// To, exclusive; now where nothing is said.
    pub(super) to: Option<String>,
    /// Most steps, 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(super) limit: Option<usize>,
}

/// When.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct At {
    /// RFC 3339, or back from now, such as `-15m`; now where nothing is said.
    #[param(example = "-15m")]
    pub(super) at: Option<String>,
}

/// Which alerts of the past go into a file.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AlertFile {
    /// Instruments, with commas between.
    pub(super) pairs: Option<String>,
    /// From, inclusive: RFC 3339, or back from now, such as `-1d`; an hour back where nothing is said.
    #[param(example = "-1h")]
    pub(super) from: Option<String>,
    /// To, exclusive; now where nothing is said.
    pub(super) to: Option<String>,
    /// `csv`, `jsonl` or `parquet`.
    #[param(example = "csv", default = "csv")]
    pub(super) format: Option<String>,
}

impl Which {
    pub(super) fn selection(&self) -> Result<Selection, ApiError> {
        let name = self.measurement.as_deref().unwrap_or("analysis_results");
        let measurement = Measurement::named(name).ok_or_else(|| {
            let hint = "measurement is analysis_results, connection_metrics or host_metrics";
            ApiError::bad_request("bad_measurement", format!("there is no measurement `{}`", shown(name)), hint)
        })?;
        let (pairs, sources, fields) = (list(self.pairs.as_deref())?, list(self.sources.as_deref())?, list(self.fields.as_deref())?);
        Ok(Selection { measurement, pairs, sources, fields })
    }

    pub(super) fn span(&self) -> Result<Span, ApiError> {
        span(self.from.as_deref(), self.to.as_deref())
    }

    pub(super) fn range(&self) -> Result<RangeQuery, ApiError> {
        Ok(RangeQuery { selection: self.selection()?, span: self.span()?, limit: self.limit.unwrap_or(USUAL_LIMIT) })
    }

    /// Refuses what another route takes.
    pub(super) fn without(&self, given: &[(&str, bool)]) -> Result<(), ApiError> {
        match given.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(ApiError::bad_request("bad_query", format!("`{name}` means nothing here"), "leave it out")),
            None => Ok(()),
        }
    }
}

pub(super) fn list(names: Option<&str>) -> Result<Vec<Name>, ApiError> {
    Ok(Name::all(names.unwrap_or_default().split(',').filter(|name| !name.is_empty()))?)
}

pub(super) fn span(from: Option<&str>, to: Option<&str>) -> Result<Span, ApiError> {
    let now = unix_ms();
    let to_ns = moment(to, now)?;
    let from_ns = match from {
        Some(from) => moment(Some(from), now)?,
        None => to_ns.saturating_sub(i64::try_from(USUAL_SPAN_MS).unwrap_or(0) * 1_000_000),
    };
    Ok(Span::new(from_ns, to_ns)?)
}

/// A moment as a client writes it, in nanoseconds since 1970.
pub(super) fn moment(text: Option<&str>, now_ms: u64) -> Result<i64, ApiError> {
    let wrong = |text: &str| {
        ApiError::bad_request("bad_time", format!("`{}` is no time", shown(text)), "2026-11-25T17:00:00Z, or back from now: -15m, -1h, -7d")
    };
    let ns = |ms: u64| i64::try_from(u128::from(ms) * 1_000_000).unwrap_or(i64::MAX);
    let Some(text) = text else { return Ok(ns(now_ms)) };
    if let Some(back) = text.strip_prefix('-') {
        let back: Duration = humantime::parse_duration(back).map_err(|_| wrong(text))?;
        return Ok(ns(now_ms.saturating_sub(u64::try_from(back.as_millis()).unwrap_or(u64::MAX))));
    }
    // To the nanosecond, so that `next` goes on where a page ended.
    if let Ok(time) = humantime::parse_rfc3339(text) {
        let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| wrong(text))?;
        return i64::try_from(since.as_nanos()).map_err(|_| wrong(text));
    }
    parse_rfc3339(text).map(ns).ok_or_else(|| wrong(text))
}

pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}
