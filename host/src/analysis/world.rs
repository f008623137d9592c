//! A component before it is compiled: whether its bytes are whole, and what it imports and exports.

use std::path::Path;

use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::Types;
use wasmparser::{Parser, Payload, Validator};

use super::contract::ANALYSIS_INTERFACE;
use super::error::PluginError;

/// The only function that a plugin may import.
const LOG: (&str, &str) = ("leadline:plugin/log@1.0.0", "write");
/// What the exported analysis must offer.
const FUNCTIONS: [&str; 3] = ["describe", "open", "analyze"];

/// What a component's types are, and the names of its imports.
pub(super) struct World {
    types: Types,
    imports: Vec<String>,
}

/// Reads a component to its end.
///
/// # Errors
/// [`PluginError::Parse`] with the byte where it goes wrong.
pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<World, PluginError> {
    let refused = |detail: String, hint| PluginError::Parse { file: file.to_owned(), detail, hint };
    if !bytes.starts_with(b"\0asm") {
        return Err(refused(
            "its first bytes aren't those of WebAssembly".to_owned(),
            "this is no WebAssembly; build the plugin with `leadline plugin build`",
        ));
    }
    if Parser::is_core_wasm(bytes) {
        let detail = "this is a core module, not a component".to_owned();
        return Err(refused(detail, "`leadline plugin build` turns a plugin's module into a component"));
    }
    let read = |error: wasmparser::BinaryReaderError| {
        refused(error.to_string(), "the file may be cut short, or was built for a newer component model; copy or build it again")
    };
    let types = Validator::new().validate_all(bytes).map_err(read)?;
    let (mut imports, mut depth) = (Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(read)? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import.map_err(read)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(World { types, imports })
}

impl World {
    /// Only interfaces of this contract may be imported, and of those only `log` has a function; the analysis must be exported.
    ///
    /// # Errors
    /// [`PluginError::Import`], [`PluginError::World`].
    pub(super) fn check(&self, file: &Path) -> Result<(), PluginError> {
        let refused = |import: String| Err(PluginError::Import { file: file.to_owned(), import });
        let types = self.types.as_ref();
        for name in &self.imports {
            let Some(ComponentEntityType::Instance(interface)) = types.component_item_for_import(name).map(|item| item.ty) else {
                return refused(name.clone());
            };
            for (member, item) in &types[interface].exports {
                let types_alone = matches!(item.ty, ComponentEntityType::Type { .. });
                if !types_alone && (name.as_str(), member.as_str()) != LOG {
                    return refused(format!("{name}#{member}"));
                }
            }
        }
        let missing = |detail: String| Err(PluginError::World { file: file.to_owned(), detail });
        let Some(ComponentEntityType::Instance(analysis)) = types.component_item_for_export(ANALYSIS_INTERFACE).map(|item| item.ty) else {
            return missing(format!("it doesn't export {ANALYSIS_INTERFACE}"));
        };
        match FUNCTIONS.iter().find(|function| !types[analysis].exports.contains_key(**function)) {
            Some(function) => missing(format!("its {ANALYSIS_INTERFACE} has no function `{function}`")),
            None => Ok(()),
        }
    }
}
