//! A folder of plugins, a crew and a keeper of them, without Redis and exchange.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use leadline_host::analysis::{
    Budget, Command, ControlError, Crew, Done, Engine, Keeper, Plugin, Reading, ShadowReport, Sheet, Sink, Told, load_folder_by,
};
use leadline_host::clock::Arrival;
use leadline_market::{Book, Instrument, infer};

use super::{DEADLINE, components};

/// How long a new version may take: it is compiled at a low priority.
const COMPILED: Duration = Duration::from_secs(60);

/// A book of 100 levels a side whose sizes change from second to second.
pub fn book(second: u64) -> Arc<Book> {
    Arc::new(super::books::changing(second, 100))
}

pub fn pair(base: &str) -> (Arc<str>, Arc<Instrument>) {
    let instrument = Arc::new(infer(&format!("{base}-USDT"), 1, 0));
    (Arc::from(instrument.id.as_str()), instrument)
}

/// What a keeper told.
#[derive(Clone, Default)]
pub struct Heard {
    pub reports: Arc<Mutex<BTreeMap<String, BTreeMap<&'static str, String>>>>,
    pub stopped: Arc<Mutex<Vec<String>>>,
    pub shadows: Arc<Mutex<Vec<ShadowReport>>>,
}

impl Told for Heard {
    fn report(&mut self, plugin: &str, fields: Vec<(&'static str, String)>) {
        self.reports.lock().expect("whole").insert(plugin.to_owned(), fields.into_iter().collect());
    }

    fn shadow(&mut self, report: &ShadowReport) {
        self.shadows.lock().expect("whole").push(report.clone());
    }

    fn stopped(&mut self, plugin: &Plugin) {
        self.stopped.lock().expect("whole").push(plugin.name.to_string());
    }
}

/// A folder of plugins, a crew and a keeper of them.
pub struct Kept {
    pub folder: tempfile::TempDir,
    pub crew: Arc<Crew>,
    pub keeper: Keeper,
    pub heard: Heard,
    pub readings: std::sync::mpsc::Receiver<Reading>,
}

impl Kept {
    pub fn start(from: &str, names: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in names {
            let file = format!("{name}.wasm");
            std::fs::copy(components(from).join(&file), folder.path().join(&file)).expect("copied");
        }
        Self::on(folder)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        let (whole, file) = (self.folder.path().join("on-its-way"), self.folder.path().join(format!("{name}.wasm")));
        std::fs::write(&whole, bytes).expect("written");
        std::fs::rename(whole, file).expect("renamed");
    }

    pub fn told(&self, plugin: &str, field: &str) -> String {
        self.heard.reports.lock().expect("whole").get(plugin).and_then(|fields| fields.get(field)).cloned().unwrap_or_default()
    }

    /// Sweeps until something is told.
    pub fn until(&mut self, plugin: &str, field: &str, wanted: &str) {
        let deadline = Instant::now() + COMPILED;
        while !self.told(plugin, field).contains(wanted) {
            assert!(Instant::now() < deadline, "{plugin} {field}: {wanted} wanted, {:?}", self.heard.reports);
            self.keeper.sweep();
            std::thread::yield_now();
        }
    }

    /// One book of a pair through the first desk of the memory lane.
    pub fn read(&self, base: &str, second: u64) -> Reading {
        let (pair, instrument) = pair(base);
        self.crew.memory.all()[0].offer(&pair, &instrument, &book(second), Arrival::now());
        self.readings.recv_timeout(DEADLINE).expect("a reading")
    }

    /// Starts anew on a folder, as a host that was restarted does.
    pub fn on(folder: tempfile::TempDir) -> Self {
        let (engine, budget) = (Engine::new().expect("an engine"), Budget { deadline: DEADLINE, ..Budget::default() });
        let sheet = Sheet::read(folder.path()).expect("it reads");
        let plugins = load_folder_by(&sheet, &engine, folder.path(), budget).expect("they load");
        let (sender, readings) = std::sync::mpsc::channel();
        let crew = Arc::new(Crew::start(&plugins, &(Arc::new(move |reading| drop(sender.send(reading))) as Sink)).expect("threads"));
        let heard = Heard::default();
        let keeper = Keeper::new(engine, folder.path(), budget, Arc::clone(&crew), (sheet, &plugins), Box::new(heard.clone()));
        Self { folder, crew, keeper: keeper.expect("a thread"), heard, readings }
    }

    /// Has a command carried out, and sweeps until it is.
    pub fn run(&mut self, command: Command) -> Result<Done, ControlError> {
        let control = self.keeper.control();
        let asked = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(control.run(command))
        });
        let deadline = Instant::now() + COMPILED;
        while !asked.is_finished() {
            assert!(Instant::now() < deadline, "it doesn't end: {:?}", self.heard.reports);
            self.keeper.sweep();
            std::thread::yield_now();
        }
        asked.join().expect("no panic")
    }

    /// One book of a pair through the first desk of the buffered lane.
    pub fn read_buffered(&self, base: &str, second: u64) -> Reading {
        let (pair, instrument) = pair(base);
        let desk = self.crew.buffered.all()[0].clone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let book = book(second);
        let asked = async { desk.analyze(&pair, &instrument, &book, Arrival::now(), second == 0).await.await };
        runtime.block_on(asked).expect("it answers").expect("a reading")
    }
}

/// The same component with another digest: a custom section at its end.
pub fn another(name: &str, mark: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(components("plugins").join(format!("{name}.wasm"))).expect("built");
    bytes.extend([0, 3, 1, b'x', mark]);
    bytes
}
