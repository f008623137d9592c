//! A component file, checked and compiled: a plugin that instances can be made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::component::{Component, HasSelf, Linker};

use super::analyst::Patience;
use super::answer::Expected;
use super::cache;
use super::contract::{self, Lane, OutputKind, PluginIndices};
use super::engine::Engine;
use super::error::PluginError;
use super::health::{Health, PluginHealth};
use super::instance::{self, HostState, Instance, Template};
use super::limits::Budget;
use super::sheet::Sheet;

/// No component is larger: a Python plugin with its interpreter has 18 MB.
const MAX_FILE: u64 = 64 << 20;
/// Descriptors are small; one that isn't is a mistake, or worse.
const MAX_OUTPUTS: usize = 200;
/// Longest name of a plugin or field, characters.
const MAX_NAME: usize = 64;

/// A plugin: its description and the compiled component.
pub struct Plugin {
    /// Its name, unique in the host: the prefix of its fields.
    pub name: Arc<str>,
    /// Its version, as it says.
    pub version: Arc<str>,
    /// One sentence on what it computes.
    pub summary: String,
    /// Which books it sees.
    pub lane: LaneKind,
    /// Its outputs by name.
    pub outputs: BTreeMap<String, OutputKind>,
    /// The same outputs in the order of the description, with all that it says of them.
    pub described: Vec<Described>,
    /// Where it came from.
    pub file: PathBuf,
    /// SHA-256 of its file, hexadecimal.
    pub digest: Arc<str>,
    /// What a call may use.
    pub budget: Budget,
    /// How long it is left alone after it was stopped.
    pub patience: Patience,
    /// What its instances are opened with.
    pub parameters: Parameters,
    /// Its outputs as answers are checked against them, in the order of the description.
    pub(super) expected: Vec<Expected>,
    pub(super) health: Health,
    template: Template,
    engine: Engine,
}

/// One output, as the plugin describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Its name within the plugin.
    pub name: String,
    /// Its name in `analysis:{id}`.
    pub published: String,
    /// How it is formatted and drawn.
    pub kind: OutputKind,
    /// Its unit, for people.
    pub unit: String,
    /// The lowest value that it can have.
    pub low: Option<f64>,
    /// The highest.
    pub high: Option<f64>,
    /// One sentence on what it is.
    pub summary: String,
}

impl Described {
    fn new(plugin: &str, output: &contract::Output) -> Self {
        Self {
            name: output.name.clone(),
            published: super::ownership::published_name(plugin, &output.name),
            kind: output.kind,
            unit: output.unit.clone(),
            low: output.low,
            high: output.high,
            summary: output.summary.clone(),
        }
    }
}

/// What a plugin is opened with, as JSON: for every pair, and for some their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// For every pair that has none of its own.
    pub all: String,
    /// By pair.
    pub pairs: BTreeMap<String, String>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { all: "{}".to_owned(), pairs: BTreeMap::new() }
    }
}

/// Which books a plugin sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LaneKind {
    /// The newest book, on arrival; books that pile up are skipped.
    Memory,
    /// Every book, in order, through the Redis List.
    Buffered,
}

impl LaneKind {
    /// `memory` or `buffered`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Buffered => "buffered",
        }
    }
}

impl Plugin {
    /// Says in the log that it is at work.
    pub(crate) fn tell_loaded(&self) {
        tracing::info!(plugin = &*self.name, version = &*self.version, lane = self.lane.as_str(), "plugin loaded: {}", self.summary);
    }

    /// Reads, checks and compiles a component file and asks it to describe itself.
    ///
    /// # Errors
    /// A [`PluginError`] that names the phase and what to do.
    pub fn load(engine: &Engine, file: &Path, budget: Budget) -> Result<Self, PluginError> {
        Self::from_bytes(engine, file, &read(file)?, budget)
    }

    /// As [`Plugin::load`], of a file that was read already.
    pub(super) fn from_bytes(engine: &Engine, file: &Path, bytes: &[u8], budget: Budget) -> Result<Self, PluginError> {
        let component = engine.compile(bytes).map_err(|error| compile_error(file, bytes, &error))?;
        check_imports(engine, file, &component)?;
        let template = template(engine, file, &component)?;
        let descriptor =
            instance::describe(&template, engine, budget).map_err(|detail| PluginError::Describe { file: file.to_owned(), detail })?;
        let outputs = check_descriptor(&descriptor).map_err(|detail| PluginError::Describe { file: file.to_owned(), detail })?;
        let expected = descriptor.outputs.iter().map(|output| Expected::new(&descriptor.name, &output.name, output.kind)).collect();
        let described = descriptor.outputs.iter().map(|output| Described::new(&descriptor.name, output)).collect();
        Ok(Self {
            name: descriptor.name.into(),
            version: descriptor.version.into(),
            summary: descriptor.summary,
            lane: match descriptor.lane {
                Lane::Memory => LaneKind::Memory,
                Lane::Buffered => LaneKind::Buffered,
            },
            outputs,
            described,
            file: file.to_owned(),
            digest: cache::sha256(bytes).into(),
            budget,
            patience: Patience::default(),
            parameters: Parameters::default(),
            expected,
            health: Health::default(),
            template,
            engine: engine.clone(),
        })
    }

    /// What it is opened with for a pair.
    #[must_use]
    pub fn parameters_of(&self, pair: &str) -> &str {
        self.parameters.pairs.get(pair).unwrap_or(&self.parameters.all)
    }

    /// Opens the analysis for one instrument, in a Store of its own.
    ///
    /// # Errors
    /// [`PluginError::Open`] when the plugin refuses the instrument or the parameters, or faults while opening.
    pub fn open(&self, instrument: &leadline_market::Instrument, parameters: &str) -> Result<Instance, PluginError> {
        Instance::open(&self.template, &self.engine, self.budget, &self.name, instrument, parameters).map_err(|detail| PluginError::Open {
            plugin: self.name.to_string(),
            version: self.version.to_string(),
            pair: instrument.id.clone(),
            detail,
        })
    }

    /// A fresh instance with the state of a worn one. None: the plugin offers no state, so nothing but that instance can go on.
    ///
    /// # Errors
    /// Why the state couldn't be handed over.
    pub(super) fn successor(
        &self,
        worn: &mut Instance,
        instrument: &leadline_market::Instrument,
        parameters: &str,
    ) -> Result<Option<Instance>, String> {
        let Some(state) = worn.save().map_err(|detail| format!("save: {detail}"))? else { return Ok(None) };
        let mut fresh = self.open(instrument, parameters).map_err(|error| error.to_string())?;
        fresh.restore(&self.version, parameters, state).map_err(|detail| format!("restore: {detail}"))?;
        Ok(Some(fresh))
    }

    /// Every field that it has in `analysis:{id}`.
    #[must_use]
    pub fn published_fields(&self) -> Vec<String> {
        super::ownership::all_published(self)
    }

    /// How it is doing.
    #[must_use]
    pub fn health(&self) -> PluginHealth {
        self.health.snapshot(self, self.engine.fuel_per_ms())
    }
}

/// Loads every `*.wasm` of a folder, in the order of the names.
///
/// # Errors
/// The first [`PluginError`]; a host starts with all of its plugins or says why not.
pub fn load_folder(engine: &Engine, folder: &Path, budget: Budget) -> Result<Vec<Arc<Plugin>>, PluginError> {
    load_folder_by(&Sheet::default(), engine, folder, budget)
}

/// The same, of the plugins that `plugins.toml` lets work, as it says.
///
/// # Errors
/// As [`load_folder`].
pub fn load_folder_by(sheet: &Sheet, engine: &Engine, folder: &Path, budget: Budget) -> Result<Vec<Arc<Plugin>>, PluginError> {
    let entries = std::fs::read_dir(folder).map_err(|source| PluginError::Folder { folder: folder.to_owned(), source })?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.extension().is_some_and(|e| e == "wasm")).collect();
    files.sort();
    if files.is_empty() {
        return Err(PluginError::NoPlugins(folder.to_owned()));
    }
    let mut plugins: Vec<Arc<Plugin>> = Vec::new();
    for file in files {
        let entry = sheet.entry(&file);
        if !entry.enabled {
            continue;
        }
        let bytes = read(&file)?;
        entry.admits(&file, &cache::sha256(&bytes))?;
        let mut plugin = Plugin::from_bytes(engine, &file, &bytes, entry.budget(&budget))?;
        plugin.parameters = entry.parameters();
        if let Some(first) = plugins.iter().find(|other| other.name == plugin.name) {
            return Err(PluginError::Duplicate { file, name: plugin.name.to_string(), other: first.file.clone() });
        }
        super::ownership::check(&plugins, &plugin)?;
        plugins.push(Arc::new(plugin));
    }
    Ok(plugins)
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>, PluginError> {
    let error = |source| PluginError::Read { file: file.to_owned(), source };
    let size = std::fs::metadata(file).map_err(error)?.len();
    if size > MAX_FILE {
        return Err(PluginError::TooLarge { file: file.to_owned(), size, limit: MAX_FILE });
    }
    std::fs::read(file).map_err(error)
}

fn compile_error(file: &Path, bytes: &[u8], error: &wasmtime::Error) -> PluginError {
    let hint = if bytes.starts_with(b"\0asm\x01\0\0\0") {
        "this is a core module; `make plugins` turns it into a component"
    } else if bytes.starts_with(b"\0asm") {
        "the file may be cut short, or was built for a newer component model"
    } else {
        "this is no WebAssembly; build the plugin with `make plugins`"
    };
    PluginError::Compile { file: file.to_owned(), detail: format!("{error:#}"), hint }
}

/// Only interfaces of this contract may be imported, and of those only `log` has a function.
fn check_imports(engine: &Engine, file: &Path, component: &Component) -> Result<(), PluginError> {
    use wasmtime::component::types::ComponentItem;
    for (name, item) in component.component_type().imports(engine.wasmtime()) {
        let refused = || PluginError::Import { file: file.to_owned(), import: name.to_owned() };
        let ComponentItem::ComponentInstance(interface) = item.ty else { return Err(refused()) };
        for (member, item) in interface.exports(engine.wasmtime()) {
            let types_alone = matches!(item.ty, ComponentItem::Type(_));
            let log_write = name == "leadline:plugin/log@1.0.0" && member == "write";
            if !types_alone && !log_write {
                return Err(PluginError::Import { file: file.to_owned(), import: format!("{name}#{member}") });
            }
        }
    }
    Ok(())
}

fn template(engine: &Engine, file: &Path, component: &Component) -> Result<Template, PluginError> {
    let world = |error: wasmtime::Error| PluginError::World { file: file.to_owned(), detail: format!("{error:#}") };
    let mut linker: Linker<HostState> = Linker::new(engine.wasmtime());
    contract::Plugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state).map_err(world)?;
    let pre = linker.instantiate_pre(component).map_err(world)?;
    let exports = PluginIndices::new(&pre).map_err(world)?;
    Ok(Template { pre, exports })
}

fn check_descriptor(descriptor: &contract::Descriptor) -> Result<BTreeMap<String, OutputKind>, String> {
    check_name("the plugin's name", &descriptor.name)?;
    if descriptor.version.is_empty() || descriptor.version.len() > MAX_NAME || !descriptor.version.is_ascii() {
        return Err(format!("the version {:?} is empty, longer than {MAX_NAME} or not ASCII", descriptor.version));
    }
    if descriptor.outputs.len() > MAX_OUTPUTS {
        return Err(format!("{} outputs, more than {MAX_OUTPUTS}", descriptor.outputs.len()));
    }
    let mut outputs = BTreeMap::new();
    for output in &descriptor.outputs {
        check_name("an output's name", &output.name)?;
        if outputs.insert(output.name.clone(), output.kind).is_some() {
            return Err(format!("the output `{}` is described twice", output.name));
        }
    }
    Ok(outputs)
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let good =
        !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if good {
        Ok(())
    } else {
        Err(format!("{what} {:?} must be 1 to {MAX_NAME} of a-z, 0-9 and _", name.chars().take(80).collect::<String>()))
    }
}
