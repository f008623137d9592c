//! What is handed on to be told.

use std::collections::BTreeMap;

use super::{AlertKey, Severity};

/// What is to be told.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    /// It begins, or gets another severity.
    Fires(Draft),
    /// It is over, and why if not by itself.
    Ends(AlertKey, Option<&'static str>),
    /// It happened, and is over.
    Once(Draft),
}

/// An alert to be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Draft {
    pub(super) key: AlertKey,
    pub(super) severity: Severity,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) numbers: BTreeMap<String, f64>,
    pub(super) suppressed: u64,
}
