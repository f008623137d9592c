//! One JSON line a reading.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use crate::analysis::Reading;

#[derive(Serialize)]
struct Line<'a> {
    plugin: &'a str,
    instrument: &'a str,
    time_ms: u64,
    sequence: Option<i64>,
    outcome: &'a str,
    code: Option<&'a str>,
    detail: Option<&'a str>,
    remaining_ms: Option<u64>,
    fields: BTreeMap<&'a str, &'a str>,
    notices: Vec<NoticeLine<'a>>,
    fuel: u64,
    microseconds: u64,
}

#[derive(Serialize)]
struct NoticeLine<'a> {
    severity: &'a str,
    code: &'a str,
    message: &'a str,
}

pub(super) fn write(out: &mut impl Write, reading: &Reading) -> io::Result<()> {
    let reason = reading.outcome.reason();
    let line = Line {
        plugin: &reading.plugin,
        instrument: &reading.pair,
        time_ms: reading.time_ms,
        sequence: reading.sequence,
        outcome: reading.outcome.word(),
        code: reason.map(|reason| reason.code.as_str()),
        detail: reason.map(|reason| reason.detail.as_str()),
        remaining_ms: reason.and_then(|reason| reason.remaining_ms),
        fields: reading.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        notices: reading.notices.iter().map(|n| NoticeLine { severity: n.severity, code: &n.code, message: &n.message }).collect(),
        fuel: reading.cost.fuel,
        microseconds: u64::try_from(reading.cost.elapsed.as_micros()).unwrap_or(u64::MAX),
    };
    serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
    writeln!(out)
}
