//! Turns a core WebAssembly module built with `leadline-plugin` into a component that the host can load.
//!
//! # Layout
//!
//! - [`componentize`]: bytes of a module in, bytes of a component out; refuses what a plugin may not import.
//! - [`imports`]: what a component asks of its host, read off the bytes.
//! - `main.rs`: the same as a command, from file to file.
//!
//! The same module gives the same component, byte for byte: nothing of the machine or the time goes in.

use std::collections::BTreeSet;

use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{Resolve, WorldId, WorldItem};

/// The interface that makes a component a plugin.
const ANALYSIS: &str = "leadline:plugin/analysis";
/// The one interface with functions that a plugin may import: the host's log.
const LOG: &str = "leadline:plugin/log";
/// The interfaces of the contract that hold types alone; a component names them as imports without calling anything.
const TYPES: [&str; 3] = ["leadline:plugin/types", "leadline:plugin/book", "leadline:plugin/report"];

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes aren't a core WebAssembly module.
    #[error("this is {found}, not a core WebAssembly module\n  hint: give the .wasm file that cargo built for wasm32-unknown-unknown")]
    NotAModule {
        /// What it is instead.
        found: &'static str,
    },
    /// The bytes open like WebAssembly, and something further in is damaged.
    #[error("this file is damaged: {0}\n  hint: build it again")]
    Damaged(#[source] wasmparser::BinaryReaderError),
    /// The module doesn't fit the contract, or imports something that no contract names.
    #[error(
        "the module can't become a component: {0:#}\n  hint: a plugin calls leadline_plugin::export!(TypeOfThePlugin) once, is built for \
         wasm32-unknown-unknown (no WASI), and uses no files, clocks, network or random numbers"
    )]
    Encode(#[source] anyhow::Error),
    /// The module offers no analysis.
    #[error(
        "the module doesn't export {ANALYSIS}\n  hint: the crate calls leadline_plugin::export!(TypeOfThePlugin) once, and is a cdylib"
    )]
    NoAnalysis,
    /// The component would import functions that no host gives a plugin.
    #[error(
        "the component imports {imports}, and a plugin may import {LOG} alone\n  hint: remove the dependency that brings this import in"
    )]
    ForbiddenImports {
        /// The names, separated by commas.
        imports: String,
    },
    /// The bytes aren't a component.
    #[error("this isn't a component: {0:#}\n  hint: make one with leadline-componentize MODULE.wasm COMPONENT.wasm")]
    NotAComponent(#[source] anyhow::Error),
}

/// What a component asks of its host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imports {
    /// Functions it can call, as `package:name/interface.function`, without the package's version; sorted.
    pub functions: Vec<String>,
    /// All interfaces it names, those that hold types alone among them, without the package's version; sorted.
    pub interfaces: Vec<String>,
}

/// Makes a component of a core module that `leadline_plugin::export!` gave its contract, and validates it.
///
/// # Errors
/// The bytes are no core module or a damaged one, the module doesn't fit the contract, it exports no analysis, or it imports anything but
/// `leadline:plugin/log.write`.
pub fn componentize(core: &[u8]) -> Result<Vec<u8>, Error> {
    match header(core) {
        Header::Module => {}
        Header::Component => return Err(Error::NotAModule { found: "a component already" }),
        Header::Other => return Err(Error::NotAModule { found: "some other kind of file" }),
    }
    intact(core)?;
    let component = ComponentEncoder::default().module(core).and_then(|encoder| encoder.validate(true).encode()).map_err(Error::Encode)?;
    let (resolve, world) = decode(&component)?;
    if !resolve.worlds[world].exports.keys().any(|key| without_version(&resolve.name_world_key(key)) == ANALYSIS) {
        return Err(Error::NoAnalysis);
    }
    let forbidden = forbidden(&imports_of(&resolve, world));
    if forbidden.is_empty() { Ok(component) } else { Err(Error::ForbiddenImports { imports: forbidden.join(", ") }) }
}

/// Reads off the bytes of a component what it imports.
///
/// # Errors
/// The bytes aren't a component, or a damaged one.
pub fn imports(component: &[u8]) -> Result<Imports, Error> {
    let (resolve, world) = decode(component)?;
    Ok(imports_of(&resolve, world))
}

fn imports_of(resolve: &Resolve, world: WorldId) -> Imports {
    let mut functions = BTreeSet::new();
    let mut interfaces = BTreeSet::new();
    for (key, item) in &resolve.worlds[world].imports {
        let name = without_version(&resolve.name_world_key(key));
        match item {
            WorldItem::Interface { id, .. } => {
                functions.extend(resolve.interfaces[*id].functions.keys().map(|function| format!("{name}.{function}")));
                interfaces.insert(name);
            }
            WorldItem::Function(_) => {
                functions.insert(name);
            }
            WorldItem::Type { .. } => {}
        }
    }
    Imports { functions: functions.into_iter().collect(), interfaces: interfaces.into_iter().collect() }
}

/// The contract that a component's own bytes tell.
fn decode(component: &[u8]) -> Result<(Resolve, WorldId), Error> {
    if !matches!(header(component), Header::Component) {
        return Err(Error::NotAComponent(anyhow::anyhow!("it doesn't open like one")));
    }
    intact(component)?;
    let decoded = wit_component::decode(component).map_err(Error::NotAComponent)?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(Error::NotAComponent(anyhow::anyhow!("it holds the text of a contract, and no code")));
    };
    Ok((resolve, world))
}

/// Checks the whole file first, because `wit-component` panics on a file that ends within a section.
fn intact(bytes: &[u8]) -> Result<(), Error> {
    wasmparser::Validator::new().validate_all(bytes).map(drop).map_err(Error::Damaged)
}

/// The imports that no host gives a plugin.
fn forbidden(imports: &Imports) -> Vec<String> {
    let granted = |name: &str| name == LOG || TYPES.contains(&name);
    let functions = imports.functions.iter().filter(|name| name.as_str() != format!("{LOG}.write"));
    let interfaces = imports.interfaces.iter().filter(|name| !granted(name));
    functions.chain(interfaces).cloned().collect()
}

fn without_version(name: &str) -> String {
    name.split_once('@').map_or(name, |(name, _)| name).to_owned()
}

enum Header {
    Module,
    Component,
    Other,
}

/// Both kinds open with the same four bytes; the next four tell them apart.
fn header(bytes: &[u8]) -> Header {
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Header::Module,
        [0, b'a', b's', b'm', _, 0, 1, 0, ..] => Header::Component,
        _ => Header::Other,
    }
}
