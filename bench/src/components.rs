//! The plugins as components, behind the same door as in the host: fuel and epoch on, one Store a plugin and pair.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use leadline_host::analysis::{Analyst, Budget, Call, Engine, Plugin, Reading, load_folder};
use leadline_host::clock::Arrival;
use leadline_market::{Book, Instrument};

/// The components that `make plugins` built.
///
/// # Errors
/// When they aren't built, or can't be loaded.
pub fn built(engine: &Engine) -> anyhow::Result<Vec<Arc<Plugin>>> {
    let folder = std::env::var_os("PLUGIN_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/plugins")), PathBuf::from);
    load_folder(engine, &folder, Budget::default()).with_context(|| format!("{}\nhint: make plugins", folder.display()))
}

/// A plugin at work on an instrument.
#[must_use]
pub fn analyst(plugin: &Arc<Plugin>, instrument: &Arc<Instrument>) -> Analyst {
    Analyst::new(Arc::clone(plugin), Arc::clone(instrument), "{}")
}

/// One book through one plugin, as the host's threads do it. A replay's long deadline: a busy machine must not end a bench.
pub fn analyze(analyst: &mut Analyst, book: &Book) -> Option<Reading> {
    analyst.analyze(Call { book, arrival: Arrival::now(), skipped: 0, restarted: false, deadline: Duration::from_secs(10) })
}
