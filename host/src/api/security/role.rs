//! Viewer, analyst, operator, and who is asking.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What a token allows. Each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Changes what is computed: plugins, their parameters, shadows.
    Analyst,
    /// Changes what runs: pairs, alert rules, silences.
    Operator,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Analyst, Self::Operator];

    /// The role's name in settings, documents and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

/// Who is asking; a request that reached a route carries it as an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The token's name; none: somebody on this machine who reads without one.
    pub name: Option<Arc<str>>,
    /// What they may do.
    pub role: Role,
}

impl Caller {
    /// The name as it stands in the audit log.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("nobody")
    }
}
