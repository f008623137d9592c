//! The rules that the host has by itself. One of the same name in `config:alert_rules` changes what it says of them.

/// Name and text of each.
pub const DEFAULT_RULES: [(&str, &str); 14] = [
    (
        "pair_unverified",
        r#"{"field":"feed.verified","comparison":"==","threshold":"no","for":"10s","severity":"warning","message":"the book hasn't been verified for 10 s: {reason}"}"#,
    ),
    (
        "pair_lost",
        r#"{"field":"feed.verified","comparison":"==","threshold":"no","for":"2m","severity":"alert","message":"the book hasn't been verified for 2 minutes: {reason}"}"#,
    ),
    (
        "pair_suspect",
        r#"{"field":"feed.state","comparison":"==","threshold":"suspect","for":"10s","severity":"warning","message":"the book may be late: {reason}"}"#,
    ),
    (
        "pair_breaks_often",
        r#"{"field":"feed.gaps","comparison":">","threshold":5,"over":"5m","severity":"warning","message":"the book broke {value} times within 5 minutes"}"#,
    ),
    (
        "drift",
        r#"{"field":"feed.drift","comparison":">","threshold":0,"over":"1h","severity":"alert","message":"the kept book was not the exchange's: a fault of the host, please report it"}"#,
    ),
    (
        "plugin_waiting",
        r#"{"field":"plugin.state","comparison":"==","threshold":"waiting","severity":"warning","message":"stopped on a pair, and called again soon: {reason}"}"#,
    ),
    (
        "plugin_quarantined",
        r#"{"field":"plugin.state","comparison":"==","threshold":"quarantined","severity":"alert","message":"stopped on a pair again and again: {reason}"}"#,
    ),
    (
        "plugin_problem",
        r#"{"field":"plugin.has_problem","comparison":"==","threshold":"yes","severity":"warning","message":"its newest file or settings can't be used: {reason}"}"#,
    ),
    (
        "redis_away",
        r#"{"field":"system.redis_up","comparison":"==","threshold":"no","for":"5s","severity":"alert","message":"Redis doesn't answer: readings wait or are replaced by newer ones"}"#,
    ),
    (
        "redis_memory",
        r#"{"field":"system.redis_memory_percent","comparison":">","threshold":90,"clear":80,"for":"10s","severity":"alert","message":"Redis uses {value} % of its maxmemory"}"#,
    ),
    (
        "disk_low",
        r#"{"field":"system.disk_free_percent","comparison":"<","threshold":10,"clear":12,"for":"10s","severity":"warning","message":"{value} % of the disk is free"}"#,
    ),
    (
        "buffered_lane_drops",
        r#"{"field":"system.buffered_lane_dropped","comparison":">","threshold":0,"over":"1m","severity":"warning","message":"{value} frames of the buffered lane were dropped within a minute"}"#,
    ),
    (
        "pair_lane_late",
        r#"{"field":"feed.lane_lag_ms","comparison":">","threshold":5000,"clear":1000,"for":"5s","severity":"warning","message":"the oldest book of the buffered lane has been under way for {value} ms"}"#,
    ),
    (
        "history_drops",
        r#"{"field":"system.history_dropped","comparison":">","threshold":0,"over":"1m","severity":"warning","message":"{value} points of the history were dropped within a minute"}"#,
    ),
];
