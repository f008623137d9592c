//! A Rust plugin built natively and run on the same books as its component, block by block in turn.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail};
use leadline_market::{Book, Columns, Continuity, Kind, Trust};
use leadline_plugin::native::{Job, JobBook};

use super::books::Series;
use super::checkout;
use super::trial::{self, Sorted};
use crate::analysis::Plugin;

/// Books of a block: both run one, then both the next, so that a machine that slows down slows both.
const BLOCK: usize = 50;

/// Time of both on the same books, and whether they said the same.
pub(super) struct Compared {
    /// Nanoseconds a call.
    pub(super) component: Sorted,
    pub(super) native: Sorted,
    /// The component's time over the native one's: the median of the blocks.
    pub(super) ratio: f64,
    /// The first book, counted from 1, to which the answers differ in a bit.
    pub(super) differs: Option<usize>,
}

/// Builds a program around the plugin's crate, optimised as its component is. `LEADLINE_PROFILE=dev` builds it faster, for answers alone.
///
/// # Errors
/// The folder is no plugin in Rust, or doesn't build; what the compiler says goes to standard error.
pub(super) fn build(project: &Path) -> anyhow::Result<PathBuf> {
    let project = project.canonicalize().with_context(|| format!("read {}", project.display()))?;
    let manifest = project.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest)
        .with_context(|| format!("read {}\n  hint: a native comparison needs the folder of a plugin in Rust", manifest.display()))?;
    let manifest_of: toml::Table = text.parse().with_context(|| format!("read {}", manifest.display()))?;
    let name = manifest_of.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    let Some(name) = name else { bail!("{}: it names no package", manifest.display()) };
    let checkout = checkout::find()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout.join("target"), PathBuf::from);
    let target = std::path::absolute(target)?;
    let dev = std::env::var_os("LEADLINE_PROFILE").is_some_and(|profile| profile == "dev");
    let folder = target.join("native").join(name);
    std::fs::create_dir_all(folder.join("src"))?;
    let crate_name = name.replace('-', "_");
    // The development profile is the workspace's own, so that what it has compiled is used again.
    let profile = if dev {
        "[profile.dev]\nopt-level = 1\ndebug = \"line-tables-only\"\n[profile.dev.package.\"*\"]\nopt-level = 2\ndebug = false\n"
    } else {
        "[profile.release]\nopt-level = 3\nlto = \"fat\"\ncodegen-units = 1\n"
    };
    write(
        &folder.join("Cargo.toml"),
        &format!(
            "[package]\nname = \"{name}_native\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[workspace]\n\n\
             [dependencies]\n{name} = {{ path = {} }}\n\n{profile}",
            // A string in JSON is one in TOML, too.
            serde_json::to_string(project.to_str().context("its path isn't plain text")?)?
        ),
    )?;
    write(&folder.join("src/main.rs"), &format!("fn main() -> std::process::ExitCode {{\n    {crate_name}::leadline_native()\n}}\n"))?;
    let lock = folder.join("Cargo.lock");
    if !lock.exists() {
        let of_project = project.join("Cargo.lock");
        let known = if of_project.exists() { of_project } else { checkout.join("Cargo.lock") };
        std::fs::copy(known, &lock)?;
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet"]).args((!dev).then_some("--release")).current_dir(&folder).env("CARGO_TARGET_DIR", &target);
    let built = cargo.status().context("run cargo")?;
    if !built.success() {
        bail!(
            "{name} doesn't build natively\n  hint: it ends with leadline_plugin::plugin!(...) or export!(...), of the SDK of this checkout"
        );
    }
    Ok(target.join(if dev { "debug" } else { "release" }).join(format!("{name}_native")))
}

/// Written only when it differs, so that an unchanged project isn't compiled anew.
fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    if std::fs::read_to_string(file).is_ok_and(|there| there == text) {
        return Ok(());
    }
    std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
}

/// Runs both on the books of a pair.
///
/// # Errors
/// Either refuses, or a fault of the component.
pub(super) fn compare(program: &Path, plugin: &Arc<Plugin>, series: &Series) -> anyhow::Result<Compared> {
    let mut running = Running::start(program, series)?;
    let mut instance = plugin.open(&series.instrument, trial::PARAMETERS)?;
    let (mut of_component, mut of_native, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut differs = None;
    for (block, books) in series.books.chunks(BLOCK).enumerate() {
        let from = block * BLOCK;
        let mut marks = Vec::with_capacity(books.len());
        let mut component_ns = 0;
        for (place, book) in books.iter().enumerate() {
            let continuity = if from + place == 0 { Continuity::Restarted } else { book.continuity };
            let (answer, cost) = instance.analyze(book, continuity, 0, trial::DEADLINE);
            let answer = answer.map_err(|fault| anyhow::anyhow!("book {}: {fault}", from + place + 1))?;
            let ns = u64::try_from(cost.elapsed.as_nanos()).unwrap_or(u64::MAX);
            of_component.push(ns);
            component_ns += ns;
            marks.push(trial::fingerprint(&answer));
        }
        let natives = running.run(from, from + books.len())?;
        ratios.push(component_ns as f64 / natives.iter().map(|&(ns, _)| ns).sum::<u64>().max(1) as f64);
        for (place, (mark, &(ns, native_mark))) in marks.into_iter().zip(&natives).enumerate() {
            of_native.push(ns);
            if differs.is_none() && mark != native_mark {
                differs = Some(from + place + 1);
            }
        }
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
    Ok(Compared { component: Sorted::new(of_component), native: Sorted::new(of_native), ratio, differs })
}

/// The native program at work.
struct Running {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(program: &Path, series: &Series) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("run {}", program.display()))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else { bail!("the native program has no pipes") };
        let job = postcard::to_allocvec(&job(series)).context("write the books")?;
        input.write_all(&(job.len() as u64).to_le_bytes())?;
        input.write_all(&job)?;
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    fn run(&mut self, from: usize, to: usize) -> anyhow::Result<Vec<(u64, u64)>> {
        let mut line = String::new();
        let mut ask = String::new();
        let _ = writeln!(ask, "{from} {to}");
        let asked = self.input.write_all(ask.as_bytes()).and_then(|()| self.input.flush());
        asked.and_then(|()| self.output.read_line(&mut line)).context("talk to the native program")?;
        let read: Option<Vec<(u64, u64)>> = line
            .split_whitespace()
            .map(|word| word.split_once(':').and_then(|(ns, mark)| Some((ns.parse().ok()?, u64::from_str_radix(mark, 16).ok()?))))
            .collect();
        match read {
            Some(read) if read.len() == to - from => Ok(read),
            _ => bail!("the native program ended, or answers something else; its words stand above"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It ends with its standard input; one that doesn't isn't waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn job(series: &Series) -> Job {
    let listed = &series.instrument;
    let kind = match listed.kind {
        Kind::Spot => 0,
        Kind::Linear => 1,
        Kind::Inverse => 2,
        Kind::Options => 3,
    };
    Job {
        instrument: (
            [listed.id.clone(), listed.base.clone(), listed.quote.clone(), listed.settle.clone()],
            kind,
            [listed.tick_size.to_f64(), listed.lot_size.to_f64(), listed.contract_value],
        ),
        parameters: trial::PARAMETERS.to_owned(),
        books: series.books.iter().enumerate().map(|(place, book)| job_book(book, place == 0)).collect(),
    }
}

fn job_book(book: &Book, first: bool) -> JobBook {
    let side = |columns: &Columns| (columns.prices.clone(), columns.sizes.clone(), columns.orders.clone());
    JobBook {
        time_ms: book.time_ms,
        sequence: book.sequence,
        trust: match book.trust {
            Trust::Chain => 0,
            Trust::Checksum => 1,
            Trust::Unverified => 2,
        },
        restarted: first || book.continuity == Continuity::Restarted,
        sides: [side(&book.bids), side(&book.asks)],
    }
}
