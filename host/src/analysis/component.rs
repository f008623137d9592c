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
use super::logs::Logs;
use super::phase::Phase;
use super::schema::{Parameters, Schema};
use super::sheet::Sheet;
use super::world;

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
    pub(super) expected: Arc<[Expected]>,
    schema: Arc<Schema>,
    pub(super) health: Health,
    /// Its newest lines; the versions of a plugin share them.
    pub(super) logs: Arc<Logs>,
    template: Arc<Template>,
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
        Self::in_phases(engine, file, bytes, budget, &mut |_| {})
    }

    /// As [`Plugin::from_bytes`]; each phase is told when it begins.
    pub(super) fn in_phases(
        engine: &Engine,
        file: &Path,
        bytes: &[u8],
        budget: Budget,
        begins: &mut dyn FnMut(Phase),
    ) -> Result<Self, PluginError> {
        let engine = &engine.with_stack(budget.stack)?;
        begins(Phase::Parse);
        let world = world::parse(file, bytes)?;
        begins(Phase::CheckWorld);
        world.check(file)?;
        drop(world);
        begins(Phase::Compile);
        let component =
            engine.compile(bytes).map_err(|error| PluginError::Compile { file: file.to_owned(), detail: format!("{error:#}") })?;
        let template = template(engine, file, &component)?;
        begins(Phase::Instantiate);
        let blank = instance::instantiate_once(&template, engine, budget)
            .map_err(|detail| PluginError::Instantiate { file: file.to_owned(), detail })?;
        begins(Phase::Describe);
        let wrong = |detail| PluginError::Describe { file: file.to_owned(), detail };
        let descriptor = blank.describe(engine, budget).map_err(wrong)?;
        let outputs = check_descriptor(&descriptor).map_err(wrong)?;
        let schema = Schema::read(&descriptor.parameters).map_err(wrong)?;
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
            schema: Arc::new(schema),
            health: Health::default(),
            logs: Arc::default(),
            template: Arc::new(template),
            engine: engine.clone(),
        })
    }

    /// The same component once more, as it was when it was loaded: for other parameters or limits.
    pub(super) fn again(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            version: Arc::clone(&self.version),
            summary: self.summary.clone(),
            lane: self.lane,
            outputs: self.outputs.clone(),
            described: self.described.clone(),
            file: self.file.clone(),
            digest: Arc::clone(&self.digest),
            budget: self.budget,
            patience: self.patience,
            parameters: Parameters::default(),
            expected: Arc::clone(&self.expected),
            schema: Arc::clone(&self.schema),
            health: Health::default(),
            logs: Arc::clone(&self.logs),
            template: Arc::clone(&self.template),
            engine: self.engine.clone(),
        }
    }

    /// The JSON Schema of its parameters, as it gave it.
    #[must_use]
    pub fn schema(&self) -> &str {
        self.schema.text()
    }

    /// Takes parameters, when its schema allows them.
    ///
    /// # Errors
    /// [`PluginError::Parameters`], which names the first that it doesn't allow.
    pub fn set_parameters(&mut self, parameters: Parameters) -> Result<(), PluginError> {
        parameters.check(&self.schema).map_err(|(pair, wrong)| PluginError::Parameters {
            plugin: self.name.to_string(),
            version: self.version.to_string(),
            pair: pair.map(str::to_owned),
            detail: wrong.detail,
            hint: wrong.hint,
        })?;
        self.parameters = parameters;
        Ok(())
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
        Instance::open(&self.template, &self.engine, self.budget, (&self.name, &self.logs), instrument, parameters).map_err(|detail| {
            PluginError::Open { plugin: self.name.to_string(), version: self.version.to_string(), pair: instrument.id.clone(), detail }
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
        plugin.set_parameters(entry.parameters())?;
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
