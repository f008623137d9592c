//! The engine room: the only place that knows wasmtime's `Config`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::component::Component;
use wasmtime::{Config, OptLevel, Store};

use super::PluginError;
use super::cache::Cache;
use super::limits::Budget;
use super::watchdog::{Watch, Watchdog};

/// The engines of one configuration, by the stack that their calls may use: in wasmtime that is an engine's setting, not an instance's. One that no
/// plugin uses any more goes.
struct Stacks {
    config: Config,
    engines: Mutex<BTreeMap<usize, wasmtime::EngineWeak>>,
}

impl Stacks {
    fn engine(&self, stack: usize) -> Result<wasmtime::Engine, PluginError> {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = engines.get(&stack).and_then(wasmtime::EngineWeak::upgrade) {
            return Ok(engine);
        }
        let engine =
            wasmtime::Engine::new(self.config.clone().max_wasm_stack(stack)).map_err(|error| PluginError::Engine(format!("{error:#}")))?;
        engines.insert(stack, engine.weak());
        Ok(engine)
    }

    /// A tick for all of them: each call looks at its own time.
    fn tick(&self) {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.retain(|_, engine| engine.upgrade().inspect(wasmtime::Engine::increment_epoch).is_some());
    }
}

/// A wasmtime engine with the thread behind its wall-clock deadlines. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    stacks: Arc<Stacks>,
    watchdog: Arc<Watchdog>,
    cache: Option<Arc<Cache>>,
    fuel_per_ms: Arc<OnceLock<u64>>,
}

impl Engine {
    /// Makes the engine, without a cache of compiled components.
    ///
    /// # Errors
    /// [`PluginError::Engine`] when this machine can't run compiled WebAssembly, or no thread can be started.
    pub fn new() -> Result<Self, PluginError> {
        Self::of(config())
    }

    /// Makes an engine in which a NaN has the same bits whatever made it, as on no processor: slower, to compare answers with.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn with_one_nan() -> Result<Self, PluginError> {
        let mut config = config();
        config.cranelift_nan_canonicalization(true);
        Self::of(config)
    }

    fn of(config: Config) -> Result<Self, PluginError> {
        let stacks = Arc::new(Stacks { config, engines: Mutex::default() });
        let inner = stacks.engine(Budget::default().stack)?;
        let ticking = Arc::clone(&stacks);
        let watchdog = Watchdog::start(move || ticking.tick()).map_err(|error| PluginError::Engine(error.to_string()))?;
        Ok(Self { inner, stacks, watchdog: Arc::new(watchdog), cache: None, fuel_per_ms: Arc::default() })
    }

    /// The same for calls that may use so much stack, bytes. What is compiled by one runs in that one alone.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub(super) fn with_stack(&self, stack: usize) -> Result<Self, PluginError> {
        Ok(Self { inner: self.stacks.engine(stack)?, ..self.clone() })
    }

    /// Makes the engine, with a private cache of compiled components in `folder`. A cache that can't be used is told and left out.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn with_cache(folder: Option<&Path>) -> Result<Self, PluginError> {
        let mut engine = Self::new()?;
        if let Some(folder) = folder {
            match Cache::open(folder, &engine.inner) {
                Ok(cache) => engine.cache = Some(Arc::new(cache)),
                Err(error) => tracing::warn!("components are compiled anew at every start: {error}"),
            }
        }
        Ok(engine)
    }

    /// The wasmtime engine, for the modules of this folder.
    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// The compiled component of these bytes: from the cache, or compiled and then kept there.
    pub(super) fn compile(&self, bytes: &[u8]) -> wasmtime::Result<Component> {
        if let Some(cache) = &self.cache {
            if let Some(component) = cache.load(&self.inner, bytes) {
                return Ok(component);
            }
            let component = Component::new(&self.inner, bytes)?;
            cache.keep(bytes, &component);
            return Ok(component);
        }
        Component::new(&self.inner, bytes)
    }

    /// Watches a call whose Store is armed.
    pub(super) fn watch(&self, due: Instant) -> Watch<'_> {
        self.watchdog.watch(due)
    }

    /// Units of fuel that a plain loop over floats burns in a millisecond on this machine, measured once. To show, never to judge by: other code
    /// burns a tenth of that or ten times as much.
    #[must_use]
    pub fn fuel_per_ms(&self) -> u64 {
        *self.fuel_per_ms.get_or_init(|| calibrate(&self.inner).unwrap_or(0))
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
        // A NaN that arithmetic makes keeps the bits that the processor gives it (x86 sets the sign, ARM doesn't). On one kind of processor the
        // same component on the same books makes the same bits, so a replay is the same byte for byte, and a NaN as an answer is refused. Only a
        // plugin that looks at those bits, as by saving them or by ordering NaN by its sign, could tell one kind of processor from another;
        // `leadline plugin check` runs each plugin with both and compares answers and states. Making them alike in each operation costs every
        // plugin a seventh of its time.
        .cranelift_nan_canonicalization(false)
        .wasm_relaxed_simd(false)
        // Endless recursion ends at the plugin's own limit ([`Stacks`] sets it) as a trap, long before the thread's stack.
        // One memory is what a plugin needs. (Threads, the async runtime and garbage collection aren't even compiled in.)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        // wasmtime's own reservation of 4 GiB of address space a memory stays: it costs no memory, and no access needs a bound check
        // (a fifth of a call, measured). How far a memory may grow is the budget's business.
        // The message of a trap names the function, which is all an author needs; full backtraces cost time on each kill.
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    config
}

/// `f(n)` sums the halves of n to 1, as a core module: a multiplication, an addition, a conversion and a branch a turn.
const LOOP: [u8; 67] = [
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x06, 0x01, 0x60, 0x01, 0x7f, 0x01, 0x7c, 0x03, 0x02, 0x01, 0x00, 0x07, 0x05,
    0x01, 0x01, 0x66, 0x00, 0x00, 0x0a, 0x26, 0x01, 0x24, 0x01, 0x01, 0x7c, 0x03, 0x40, 0x20, 0x01, 0x20, 0x00, 0xb8, 0x44, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xe0, 0x3f, 0xa2, 0xa0, 0x21, 0x01, 0x20, 0x00, 0x41, 0x01, 0x6b, 0x22, 0x00, 0x0d, 0x00, 0x0b, 0x20, 0x01,
    0x0b,
];
/// Turns of one measurement: about a millisecond.
const TURNS: i32 = 500_000;
const MEASUREMENTS: usize = 5;

/// The best of a few, since other programs only ever make it slower.
fn calibrate(engine: &wasmtime::Engine) -> wasmtime::Result<u64> {
    const PLENTY: u64 = 1 << 40;
    let module = wasmtime::Module::new(engine, LOOP)?;
    let mut store = Store::new(engine, ());
    store.set_epoch_deadline(u64::MAX / 2);
    store.set_fuel(PLENTY)?;
    let instance = wasmtime::Instance::new(&mut store, &module, &[])?;
    let turn = instance.get_typed_func::<i32, f64>(&mut store, "f")?;
    let mut best = 0;
    for _ in 0..MEASUREMENTS {
        store.set_fuel(PLENTY)?;
        let began = Instant::now();
        turn.call(&mut store, TURNS)?;
        let elapsed = began.elapsed().max(Duration::from_nanos(1));
        let burnt = PLENTY - store.get_fuel()?.min(PLENTY);
        best = best.max((burnt as f64 / (elapsed.as_secs_f64() * 1000.0)) as u64);
    }
    Ok(best)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that can't go on fails.
mod tests {
    use super::*;

    /// The bits of 0/0 on this engine.
    fn bits(engine: &Engine) -> i64 {
        let text = r#"(module (func (export "f") (param f64) (result i64) (i64.reinterpret_f64 (f64.div (local.get 0) (local.get 0)))))"#;
        let module = wasmtime::Module::new(&engine.inner, wat::parse_str(text).unwrap()).unwrap();
        let mut store = Store::new(&engine.inner, ());
        store.set_epoch_deadline(u64::MAX / 2);
        store.set_fuel(1000).unwrap();
        let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
        instance.get_typed_func::<f64, i64>(&mut store, "f").unwrap().call(&mut store, 0.0).unwrap()
    }

    #[test]
    fn one_nan_has_the_same_bits_everywhere_and_the_processors_is_a_nan_too() {
        assert_eq!(bits(&Engine::with_one_nan().unwrap()), 0x7ff8_0000_0000_0000);
        let own = f64::from_bits(bits(&Engine::new().unwrap()).cast_unsigned());
        assert!(own.is_nan());
    }

    #[test]
    fn a_machine_burns_fuel_at_a_rate_that_is_measured_once() {
        let engine = Engine::new().unwrap();
        assert!(engine.fuel_per_ms() > 0);
        assert_eq!(engine.fuel_per_ms(), engine.clone().fuel_per_ms());
    }
}
