//! The smallest component that keeps the contract. Written by hand as a core module ([`MODULE`]), so that nothing but the
//! boundary itself is measured: no allocator worth the name, no analysis.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use leadline_host::analysis::{Budget, Engine, Plugin};
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// The core module as text.
pub const MODULE: &str = include_str!("empty.wat");

/// The component, loaded as the host loads any other.
///
/// # Errors
/// When the contract changed and the module no longer keeps it.
pub fn plugin(engine: &Engine) -> anyhow::Result<Arc<Plugin>> {
    let mut module = wat::parse_str(MODULE)?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/v1")))?;
    let world = resolve.select_world(&[package], Some("plugin"))?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let component = leadline_componentize::componentize(&module)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("empty.wasm");
    std::fs::write(&file, component).with_context(|| format!("{} can't be written", file.display()))?;
    Ok(Arc::new(Plugin::load(engine, &file, Budget::default())?))
}
