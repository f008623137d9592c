//! The phases on the way of a component file to the books, under the names that users read.

use serde::Serialize;
use utoipa::ToSchema;

/// Where a plugin's newest file stands: a phase on its way, or the end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(as = PluginPhase)]
pub enum Phase {
    /// The engine is made.
    #[serde(rename = "engine")]
    Engine,
    /// The file, or `plugins.toml`, is read.
    #[serde(rename = "read")]
    Read,
    /// Its SHA-256 is held against the pin of `plugins.toml`.
    #[serde(rename = "verify digest")]
    VerifyDigest,
    /// Its bytes are a component.
    #[serde(rename = "parse")]
    Parse,
    /// It imports nothing but `log.write`, and exports the contract.
    #[serde(rename = "check the world")]
    CheckWorld,
    /// Machine code is made, or taken from the cache.
    #[serde(rename = "compile")]
    Compile,
    /// A first instance is made, and thrown away.
    #[serde(rename = "instantiate")]
    Instantiate,
    /// It says what it is and gives; names and fields are held against those of the others.
    #[serde(rename = "describe")]
    Describe,
    /// The parameters of `plugins.toml` are held against its JSON Schema.
    #[serde(rename = "check parameters")]
    CheckParameters,
    /// It is opened for each pair.
    #[serde(rename = "open")]
    Open,
    /// On each pair it takes over the state of the version at work.
    #[serde(rename = "hand over")]
    HandOver,
    /// On each pair it is run on the last books, since it takes over no state.
    #[serde(rename = "warm up")]
    WarmUp,
    /// Beside the version at work it has analysed the newest books without a fault.
    #[serde(rename = "prove")]
    Prove,
    /// Its thread is started: nothing was at work under its name.
    #[serde(rename = "start")]
    Start,
    /// Pair by pair, between two books, it takes the place of the version at work.
    #[serde(rename = "swap")]
    Swap,
    /// It is at work.
    #[serde(rename = "running")]
    Running,
    /// It was stopped too often while it was young: the version before is at work again.
    #[serde(rename = "went back")]
    WentBack,
    /// `plugins.toml` says `enabled = false`.
    #[serde(rename = "disabled")]
    Disabled,
    /// Its file is gone.
    #[serde(rename = "removed")]
    Removed,
}

impl Phase {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Read => "read",
            Self::VerifyDigest => "verify digest",
            Self::Parse => "parse",
            Self::CheckWorld => "check the world",
            Self::Compile => "compile",
            Self::Instantiate => "instantiate",
            Self::Describe => "describe",
            Self::CheckParameters => "check parameters",
            Self::Open => "open",
            Self::HandOver => "hand over",
            Self::WarmUp => "warm up",
            Self::Prove => "prove",
            Self::Start => "start",
            Self::Swap => "swap",
            Self::Running => "running",
            Self::WentBack => "went back",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
        }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    #[test]
    fn the_description_of_the_api_has_the_names_that_users_read() {
        for phase in
            [Phase::Engine, Phase::VerifyDigest, Phase::CheckWorld, Phase::CheckParameters, Phase::HandOver, Phase::WarmUp, Phase::WentBack]
        {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.as_str());
        }
    }
}
