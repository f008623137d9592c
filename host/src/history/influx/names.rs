//! Names that the design gives analyses in InfluxDB (§13.2) where they differ from those in Redis (§14.2) and everywhere else.

use crate::history::entry::Measurement;

/// The plugin, and its `analysis_type`.
const SOURCES: [(&str, &str); 1] = [("liquidity", "liquidity_shrink")];
/// The published field, and its field in InfluxDB.
const FIELDS: [(&str, &str); 1] = [("depth_anomaly_score", "anomaly_score")];

/// The tag of a source.
pub(super) fn source_out(measurement: Measurement, name: &str) -> &str {
    if measurement == Measurement::Analysis { out(&SOURCES, name) } else { name }
}

/// The source of a tag.
pub(super) fn source_in(measurement: Measurement, name: &str) -> &str {
    match (measurement, name) {
        (Measurement::Analysis, name) => back(&SOURCES, name),
        (_, name) => name,
    }
}

/// The field in InfluxDB.
pub(super) fn field_out(measurement: Measurement, name: &str) -> &str {
    if measurement == Measurement::Analysis { out(&FIELDS, name) } else { name }
}

/// The field everywhere else.
pub(super) fn field_in(measurement: Measurement, name: &str) -> &str {
    if measurement == Measurement::Analysis { back(&FIELDS, name) } else { name }
}

fn out<'a>(table: &[(&str, &'static str)], name: &'a str) -> &'a str {
    table.iter().find(|(ours, _)| *ours == name).map_or(name, |(_, theirs)| theirs)
}

fn back<'a>(table: &[(&'static str, &str)], name: &'a str) -> &'a str {
    table.iter().find(|(_, theirs)| *theirs == name).map_or(name, |(ours, _)| ours)
}
