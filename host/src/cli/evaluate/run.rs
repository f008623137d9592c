//! Markets through contestants, on all cores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use leadline_evaluation::background::{bandwidth_bps, mid};
use leadline_evaluation::market::Of;
use leadline_evaluation::record::{Record, Scene};
use leadline_evaluation::score::{Card, score};
use leadline_evaluation::seen::{Analysis, Seen};
use leadline_evaluation::stage::{Stage, Standing};
use leadline_market::Book;

use super::contestant::{Contestants, Observer};
use super::plan::{Job, Plan};
use crate::analysis::Call;
use crate::clock::Arrival;

/// The clock decides nothing here: only a plugin that would hang is stopped by it. Fuel counts as ever.
const DEADLINE: Duration = Duration::from_secs(10);
/// What is said of a wall's end is looked for this long, ms.
const END_TOLD_MS: u64 = 15_000;

/// One market's cards, one a contestant, in their order.
pub(super) struct Cards(pub(super) Vec<Card>);

/// Runs every market of the plan; in the plan's order, whichever thread took which.
pub(super) fn run(plan: &Plan, contestants: &Contestants) -> anyhow::Result<Vec<Cards>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Result<Cards, String>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..plan.threads.min(plan.jobs.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = plan.jobs.get(place) else { break };
                    let cards = market(job, plan, contestants);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.insert(place, cards);
                    tell(done.len(), plan.jobs.len());
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut cards = Vec::with_capacity(done.len());
    for result in done.into_values() {
        match result {
            Ok(one) => cards.push(one),
            Err(why) => bail!(why),
        }
    }
    Ok(cards)
}

/// Says how far it is, ten times.
fn tell(done: usize, of: usize) {
    if done * 10 / of != (done - 1) * 10 / of {
        eprintln!("{done} of {of} markets");
    }
}

/// One contestant's look at one analysis.
pub(super) struct Look {
    pub(super) contestant: usize,
    pub(super) analysis: Analysis,
    observer: Observer,
    pub(super) record: Record,
}

/// Everybody who looks at a pair's books.
pub(super) fn looks(
    contestants: &Contestants,
    analyses: &[Analysis],
    instrument: &std::sync::Arc<leadline_market::Instrument>,
) -> Vec<Look> {
    let mut looks = Vec::new();
    for &analysis in analyses {
        for (contestant, one) in contestants.0.iter().enumerate() {
            if let Some(observer) = one.observer(analysis, instrument) {
                looks.push(Look { contestant, analysis, observer, record: Record::default() });
            }
        }
    }
    looks
}

impl Look {
    /// One book. Gives why the plugin was stopped, where it was.
    pub(super) fn at(&mut self, book: &Book, scene: Scene<'_>) -> Result<(), String> {
        let lists = !(scene.standing.is_empty() && scene.ended.is_empty());
        match &mut self.observer {
            Observer::Rule(rule) => self.record.push(scene, rule.see(book)),
            Observer::Plugin(plugin) => {
                let (analyst, reader) = plugin.as_mut();
                let call = Call { book, arrival: Arrival::recorded(book.time_ms), skipped: 0, restarted: false, deadline: DEADLINE };
                match analyst.analyze(call) {
                    None => self.record.push(scene, Seen::Nothing),
                    Some(reading) if reading.outcome.word() == "fault" => {
                        return Err(format!("{} on {}: {}", reading.plugin, reading.pair, reading.outcome.status()));
                    }
                    Some(reading) => self.record.push(scene, reader.read(&reading, lists)),
                }
            }
        }
        Ok(())
    }
}

fn market(job: &Job, plan: &Plan, contestants: &Contestants) -> Result<Cards, String> {
    let analyses: Vec<Analysis> = job.scenario.analyses().iter().copied().filter(|one| plan.analyses.contains(one)).collect();
    let mut looks = looks(contestants, &analyses, &job.profile.instrument());
    let mut stage = Stage::new(job.scenario, job.profile, job.seed);
    let mut book = Book::empty();
    let mut walls = WallWatch::default();
    while stage.next(&mut book) {
        let scene = walls.scene(&book, stage.standing());
        for look in &mut looks {
            look.at(&book, scene).map_err(|why| {
                format!(
                    "{why}\n  hint: {} market, profile {}, seed {}: an analysis that is stopped can't be judged",
                    job.scenario.word(),
                    job.profile.name,
                    job.seed
                )
            })?;
        }
    }
    let mut cards: Vec<Card> = contestants.0.iter().map(|_| Card::new()).collect();
    for look in &looks {
        cards[look.contestant].extend(score(look.analysis, job.scenario, job.profile.name, stage.labels(), &look.record));
    }
    Ok(Cards(cards))
}

/// Which walls went of late.
#[derive(Default)]
pub(super) struct WallWatch {
    standing: Vec<Standing>,
    ended: Vec<Standing>,
    until_ms: Vec<u64>,
}

impl WallWatch {
    /// The scene of a book in which these walls stand.
    pub(super) fn scene<'a>(&'a mut self, book: &Book, standing: &'a [Standing]) -> Scene<'a> {
        let now = book.time_ms;
        for wall in self.standing.iter().filter(|wall| !standing.iter().any(|other| other.label == wall.label)) {
            self.ended.push(*wall);
            self.until_ms.push(now + END_TOLD_MS);
        }
        if self.standing != standing {
            self.standing.clear();
            self.standing.extend_from_slice(standing);
        }
        while self.until_ms.first().is_some_and(|&until| until < now) {
            self.until_ms.remove(0);
            self.ended.remove(0);
        }
        let mid = mid(book).unwrap_or(0.0);
        let bandwidth = if standing.is_empty() && self.ended.is_empty() { [0.0; 2] } else { bandwidths(book, mid) };
        Scene { time_ms: now, standing, ended: &self.ended, bandwidth, mid }
    }
}

/// Bandwidth of bids and asks, quote units.
pub(super) fn bandwidths(book: &Book, mid: f64) -> [f64; 2] {
    Of::BOTH.map(|side| bandwidth_bps(book, side).unwrap_or(0.5) * 1e-4 * mid)
}
