//! What can be wrong with a plugin, by the phase in which it showed.

use std::path::PathBuf;

use super::phase::Phase;

/// A plugin that can't be used, or a call that was stopped before it answered.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The machine can't run components at all.
    #[error("the WebAssembly engine can't start: {0}")]
    Engine(String),
    /// The folder can't be listed.
    #[error("read {folder}: {source}\nhint: `make plugins` builds the components; --plugin-dir names another folder")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No component stands in the folder.
    #[error("no *.wasm component in {0}\nhint: `make plugins` builds them; --plugin-dir names another folder")]
    NoPlugins(PathBuf),
    /// The file can't be read.
    #[error("read {file}: {source}")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than any component should be.
    #[error(
        "read {file}: {size} bytes, more than the {limit} a component may have\nhint: this is hardly a plugin; `make plugins` builds components of some hundred KB"
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its size, bytes.
        size: u64,
        /// The limit, bytes.
        limit: u64,
    },
    /// The bytes are no component.
    #[error("parse {file}: {detail}\nhint: {hint}")]
    Parse {
        /// The file.
        file: PathBuf,
        /// What the parser says, and at which byte.
        detail: String,
        /// What to do.
        hint: &'static str,
    },
    /// A component that the engine doesn't take.
    #[error("compile {file}: {detail}\nhint: it uses what this engine doesn't offer; build it with `leadline plugin build`")]
    Compile {
        /// The file.
        file: PathBuf,
        /// What wasmtime says.
        detail: String,
    },
    /// No instance can be made of it.
    #[error("instantiate {file}: {detail}\nhint: an instance starts under the limits of a call; `leadline plugin check` shows the same")]
    Instantiate {
        /// The file.
        file: PathBuf,
        /// What stopped it.
        detail: String,
    },
    /// The parameters aren't those that its JSON Schema allows.
    #[error("check parameters of {plugin} {version}{}: {detail}\nhint: {hint}", .pair.as_ref().map(|pair| format!(" for {pair}")).unwrap_or_default())]
    Parameters {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// The pair, when they are one pair's own.
        pair: Option<String>,
        /// Which parameter, and what is wrong with it.
        detail: String,
        /// What is allowed, and where it is set.
        hint: String,
    },
    /// It wants more than a plugin may have.
    #[error(
        "check the world of {file}: it imports `{import}`\nhint: a plugin may import leadline:plugin/log only: no files, clock, network or random numbers; build for wasm32-unknown-unknown"
    )]
    Import {
        /// The file.
        file: PathBuf,
        /// The import.
        import: String,
    },
    /// It doesn't offer what a plugin must.
    #[error("check the world of {file}: {detail}\nhint: a plugin exports leadline:plugin/analysis@1.0.0 of wit/v1/plugin.wit")]
    World {
        /// The file.
        file: PathBuf,
        /// What wasmtime says.
        detail: String,
    },
    /// `describe` failed, or its answer can't be used.
    #[error("describe {file}: {detail}\nhint: `describe` must answer from constants; see the contract in wit/v1/plugin.wit")]
    Describe {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Two plugins claim one name.
    #[error("{file}: plugin `{name}` is already loaded from {other}\nhint: remove one of the two files")]
    Duplicate {
        /// The file.
        file: PathBuf,
        /// The name that both give.
        name: String,
        /// The file that was first.
        other: PathBuf,
    },
    /// Two plugins claim one published field.
    #[error(
        "{file}: plugin `{plugin}` claims the field `{field}`, which belongs to `{owner}`\nhint: remove one of the two, or rename the output"
    )]
    FieldOwned {
        /// The file.
        file: PathBuf,
        /// The claimant.
        plugin: String,
        /// The field.
        field: String,
        /// Its owner.
        owner: String,
    },
    /// `plugins.toml` can't be used.
    #[error("read {file}: {detail}\nhint: docs/plugins.md shows what may stand in it; the plugins go on as they are")]
    Sheet {
        /// The file.
        file: PathBuf,
        /// What is wrong, and on which line.
        detail: String,
    },
    /// `plugins.toml` admits another file alone.
    #[error("verify digest of {file}: {digest}, but plugins.toml pins {pin}\nhint: put the pinned file back, or change `pin`")]
    Pinned {
        /// The file.
        file: PathBuf,
        /// Its digest.
        digest: String,
        /// The digest that is admitted.
        pin: String,
    },
    /// A changed file holds another plugin, or one of the other lane.
    #[error(
        "describe {file}: it is no version of `{was}` on the {lane} lane, which this file held before\nhint: give another plugin a file of its own; to change the lane, remove the file first"
    )]
    Another {
        /// The file.
        file: PathBuf,
        /// The plugin that it held.
        was: String,
        /// That plugin's lane.
        lane: &'static str,
    },
    /// It opens, or runs, not as it must on the books of the last minutes.
    #[error(
        "prove {file} on recent books: {detail}\nhint: `leadline replay` on a recording shows the same; the file is read again when it changes"
    )]
    Prove {
        /// The file.
        file: PathBuf,
        /// What went wrong, and on which pair.
        detail: String,
    },
    /// `open` refused the instrument or the parameters.
    #[error("open {plugin} {version} for {pair}: {detail}")]
    Open {
        /// The plugin.
        plugin: String,
        /// Its version.
        version: String,
        /// The instrument.
        pair: String,
        /// What it says.
        detail: String,
    },
}

impl PluginError {
    /// The phase in which it showed, as users read it.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Self::Engine(_) => Phase::Engine,
            Self::Folder { .. } | Self::NoPlugins(_) | Self::Read { .. } | Self::TooLarge { .. } | Self::Sheet { .. } => Phase::Read,
            Self::Pinned { .. } => Phase::VerifyDigest,
            Self::Parse { .. } => Phase::Parse,
            Self::Compile { .. } => Phase::Compile,
            Self::Import { .. } | Self::World { .. } => Phase::CheckWorld,
            Self::Instantiate { .. } => Phase::Instantiate,
            Self::Describe { .. } | Self::Another { .. } | Self::Duplicate { .. } | Self::FieldOwned { .. } => Phase::Describe,
            Self::Parameters { .. } => Phase::CheckParameters,
            Self::Open { .. } => Phase::Open,
            Self::Prove { .. } => Phase::Prove,
        }
    }
}

/// Why a call gave no reading. Each is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The plugin trapped: a bug in it.
    #[error("trapped: {0}")]
    Trap(String),
    /// The fuel of the call ran out.
    #[error("used up its fuel of {0}")]
    Fuel(u64),
    /// The wall-clock time of the call ran out.
    #[error("ran past its deadline: {0} ms were left for the call")]
    Deadline(u64),
    /// It asked for more memory than it may have.
    #[error("asked for more than its {0} bytes of memory")]
    Memory(usize),
    /// It said itself that it can't go on.
    #[error("refused the book: {0}")]
    Refused(String),
    /// Its answer breaks the contract.
    #[error("answered what the contract doesn't allow: {0}")]
    Answer(String),
    /// Its answer is larger than the host takes over; it isn't read to the end.
    #[error("answered more than the {0} bytes that an answer may have")]
    TooMuch(usize),
}

impl Fault {
    /// The code under which the fault is counted and published; the table stands in `docs/reasons.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Fuel(_) => "fuel",
            Self::Deadline(_) => "deadline",
            Self::Memory(_) => "memory",
            Self::Refused(_) => "refused",
            Self::Answer(_) | Self::TooMuch(_) => "answer",
        }
    }

    /// Whether the instance can't be called again: its memory may be half written.
    #[must_use]
    pub fn poisons(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Answer(_))
    }
}
