//! The phases on the way of a component file to the books, under the names that users read.

/// Where a plugin's newest file stands: a phase on its way, or the end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The engine is made.
    Engine,
    /// The file, or `plugins.toml`, is read.
    Read,
    /// Its SHA-256 is held against the pin of `plugins.toml`.
    VerifyDigest,
    /// Its bytes are a component.
    Parse,
    /// It imports nothing but `log.write`, and exports the contract.
    CheckWorld,
    /// Machine code is made, or taken from the cache.
    Compile,
    /// A first instance is made, and thrown away.
    Instantiate,
    /// It says what it is and gives; names and fields are held against those of the others.
    Describe,
    /// The parameters of `plugins.toml` are held against its JSON Schema.
    CheckParameters,
    /// It is opened for each pair.
    Open,
    /// On each pair it takes over the state of the version at work.
    HandOver,
    /// On each pair it is run on the last books, since it takes over no state.
    WarmUp,
    /// Beside the version at work it has analysed the newest books without a fault.
    Prove,
    /// Its thread is started: nothing was at work under its name.
    Start,
    /// Pair by pair, between two books, it takes the place of the version at work.
    Swap,
    /// It is at work.
    Running,
    /// It was stopped too often while it was young: the version before is at work again.
    WentBack,
    /// `plugins.toml` says `enabled = false`.
    Disabled,
    /// Its file is gone.
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
