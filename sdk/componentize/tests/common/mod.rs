//! Core modules made by hand, so that these tests need no compiler for wasm32.
#![allow(clippy::unwrap_used)]

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A module that exports an analysis with one function `run`, and imports the functions without parameters that are named as (interface, function).
/// It carries `wit` as its contract when there is one, as wit-bindgen would leave it there.
pub(crate) fn module(imports: &[(&str, &str)], wit: Option<&str>) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    section(&mut bytes, 1, &[1, 0x60, 0, 0]); // one type: func() -> ()
    let mut list = vec![u8::try_from(imports.len()).unwrap()];
    for (interface, function) in imports {
        name(&mut list, interface);
        name(&mut list, function);
        list.extend([0, 0]); // a function of type 0
    }
    section(&mut bytes, 2, &list);
    section(&mut bytes, 3, &[1, 0]); // one function of type 0
    let mut exports = vec![1];
    name(&mut exports, "leadline:plugin/analysis@1.0.0#run");
    exports.extend([0, u8::try_from(imports.len()).unwrap()]); // the function after the imported ones
    section(&mut bytes, 7, &exports);
    section(&mut bytes, 10, &[1, 2, 0, 0x0b]); // its body: no locals, end
    if let Some(wit) = wit {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("test.wit", wit).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
    }
    bytes
}

/// A contract like the plugins' own in small: the log and the analysis under their real names.
pub(crate) const WITH_LOG: &str = "package leadline:plugin@1.0.0;
    interface log { write: func(); }
    interface analysis { run: func(); }
    world plugin { import log; export analysis; }";

fn section(bytes: &mut Vec<u8>, id: u8, content: &[u8]) {
    assert!(content.len() < 128, "longer content needs a longer length");
    bytes.push(id);
    bytes.push(u8::try_from(content.len()).unwrap());
    bytes.extend(content);
}

fn name(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).unwrap());
    bytes.extend(text.as_bytes());
}
