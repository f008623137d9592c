//! The engine room: the only place that knows wasmtime's `Config`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::{Config, OptLevel};

use super::PluginError;

/// One epoch: the grain of the wall-clock deadline.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// What one call may use. The same numbers on every machine, but for the deadline, which is wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Units of fuel a call; about one a WASM instruction. Deterministic: the same book gives the same verdict anywhere.
    pub fuel: u64,
    /// Wall-clock time a call.
    pub deadline: Duration,
    /// Linear memory an instance may grow to, bytes.
    pub memory: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { fuel: 20_000_000, deadline: Duration::from_millis(50), memory: 64 << 20 }
    }
}

/// A wasmtime engine and the thread that advances its epoch. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    /// Ends the ticker when the last clone goes.
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// Makes the engine and starts its ticker.
    ///
    /// # Errors
    /// [`PluginError::Engine`] when this machine can't run compiled WebAssembly, or no thread can be started.
    pub fn new() -> Result<Self, PluginError> {
        let inner = wasmtime::Engine::new(&config()).map_err(|error| PluginError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(inner.clone()).map_err(|error| PluginError::Engine(error.to_string()))?;
        Ok(Self { inner, _ticker: Arc::new(ticker) })
    }

    /// The wasmtime engine, for the modules of this folder.
    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config
        // The deterministic budget: the same input gives the same verdict on any machine.
        .consume_fuel(true)
        // The wall-clock kill: a millisecond is 0.06 to 18 million units of fuel, so fuel alone can't mean 50 ms.
        .epoch_interruption(true)
        .wasm_component_model(true)
        // Calls are synchronous, on threads of their own: no async machinery, none of its cost.
        .concurrency_support(false)
        // Analyses are loops over floats; the fastest code is worth the slower compile, which is off the hot threads.
        .cranelift_opt_level(OptLevel::Speed)
        // The bits of a NaN must not depend on the machine: a replay gives the same bytes anywhere.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        // Endless recursion ends here as a trap, long before the thread's own stack.
        .max_wasm_stack(512 << 10)
        // One memory is what a plugin needs. (Threads, the async runtime and garbage collection aren't even compiled in.)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        // wasmtime's own reservation of 4 GiB of address space a memory stays: it costs no memory, and no access needs a bound check
        // (15 % of support_resistance, measured). How far a memory may grow is the budget's business.
        // The message of a trap names the function, which is all an author needs; full backtraces cost time on each kill.
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    config
}

struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It can only fail if the ticker panicked, and then there is nothing left to stop.
            let _ = thread.join();
        }
    }
}
