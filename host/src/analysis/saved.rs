//! What a plugin has gathered on a pair, on its way into a checkpoint and out of it.

/// A plugin's state on a pair, with what its `restore` wants to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// Version of the plugin that saved it.
    pub version: String,
    /// JSON of the parameters that it was opened with.
    pub parameters: String,
    /// The next book follows none that the plugin had seen.
    pub restarted: bool,
    /// As the plugin wrote it.
    pub bytes: Vec<u8>,
}
