//! The trait an author implements, and the glue that makes a component of it.

use crate::bindings::leadline::plugin::log as host_log;
use crate::{Descriptor, Instrument, Reading, Snapshot};

pub use host_log::Level;

/// One analysis of one instrument: made by [`Plugin::open`], then called with every book of that instrument.
///
/// The host keeps one instance a pair. Nothing but the arguments reaches it: no clock, no files, no network.
pub trait Plugin: Sized {
    /// Name, version, lane, outputs and parameters. Pure: called before anything else.
    fn describe() -> Descriptor;

    /// Opens the analysis for one instrument. `parameters` is JSON that satisfies the schema in the descriptor.
    ///
    /// # Errors
    /// A sentence that says which parameter or property of the instrument can't be used; the host shows it.
    fn open(instrument: Instrument, parameters: &str) -> Result<Self, String>;

    /// One book in, one reading out.
    ///
    /// # Errors
    /// A fault of the plugin itself. A book that can't be judged is a reading with outcome `unknown`, not an error.
    fn analyze(&mut self, book: &Snapshot) -> Result<Reading, String>;

    /// The state that [`Plugin::restore`] of this or a later version goes on from. Empty: the plugin keeps none.
    ///
    /// # Errors
    /// A sentence that says why the state can't be written; the host then lets the successor warm up.
    fn save(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }

    /// Takes over the state that `from_version`, opened with `from_parameters`, saved. Called once, right after [`Plugin::open`].
    ///
    /// # Errors
    /// A sentence that says why the state doesn't fit; the host drops this instance and opens a fresh one, which warms up.
    fn restore(&mut self, from_version: &str, from_parameters: &str, state: &[u8]) -> Result<(), String> {
        let _ = (from_version, from_parameters);
        if state.is_empty() { Ok(()) } else { Err("this plugin keeps no state".to_owned()) }
    }
}

/// Writes one line to the host's log. Outside a component (tests, benches) the line goes to standard error.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    host_log::write(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {message}");
}

/// Makes a component of a type that implements [`Plugin`]. Once a crate.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        // Named here, so that the type is looked up where the macro is called.
        #[doc(hidden)]
        pub(crate) type LeadlineExported = $plugin;

        /// Runs the plugin natively on books from standard input, for `leadline plugin bench --native`.
        #[cfg(not(target_arch = "wasm32"))]
        #[doc(hidden)]
        pub fn leadline_native() -> std::process::ExitCode {
            $crate::native::main::<LeadlineExported>()
        }

        #[doc(hidden)]
        mod leadline_component {
            use std::cell::RefCell;
            use $crate::bindings::exports::leadline::plugin::{analysis, state};
            use $crate::{Instrument, Plugin, Reading, Snapshot};

            thread_local! {
                static OPENED: RefCell<Option<super::LeadlineExported>> = const { RefCell::new(None) };
            }

            fn with<T>(call: impl FnOnce(&mut super::LeadlineExported) -> Result<T, String>) -> Result<T, String> {
                OPENED.with_borrow_mut(|opened| match opened {
                    Some(plugin) => call(plugin),
                    None => Err("called before open".to_owned()),
                })
            }

            struct Component;

            impl analysis::Guest for Component {
                fn describe() -> analysis::Descriptor {
                    <super::LeadlineExported as Plugin>::describe()
                }
                fn open(instrument: Instrument, parameters: String) -> Result<(), String> {
                    let plugin = <super::LeadlineExported as Plugin>::open(instrument, &parameters)?;
                    OPENED.set(Some(plugin));
                    Ok(())
                }
                fn analyze(book: Snapshot) -> Result<Reading, String> {
                    with(|plugin| plugin.analyze(&book))
                }
            }

            impl state::Guest for Component {
                fn save() -> Result<Vec<u8>, String> {
                    with(|plugin| plugin.save())
                }
                fn restore(from_version: String, from_parameters: String, state: Vec<u8>) -> Result<(), String> {
                    with(|plugin| plugin.restore(&from_version, &from_parameters, &state))
                }
            }

            #[cfg(target_arch = "wasm32")]
            #[global_allocator]
            static MEMORY: $crate::memory::Memory = $crate::memory::Memory::new();

            #[cfg(target_arch = "wasm32")]
            $crate::bindings::export_bindings!(Component with_types_in $crate::bindings);
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn() = || {
                let _ = Component;
            };
        }
    };
}
