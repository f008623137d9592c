//! The contract as Rust types, generated from `wit/v1/plugin.wit`.
#![allow(missing_docs, unsafe_code, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

wit_bindgen::generate!({
    path: "../wit/v1",
    world: "stateful-plugin",
    pub_export_macro: true,
    export_macro_name: "export_bindings",
    default_bindings_module: "leadline_plugin::bindings",
    additional_derives: [PartialEq],
});
