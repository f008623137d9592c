//! Which markets, of which seeds.

use std::num::NonZero;

use anyhow::bail;
use clap::ArgMatches;
use leadline_evaluation::market::profile::Profile;
use leadline_evaluation::script::Scenario;
use leadline_evaluation::seen::Analysis;
use serde::Serialize;

/// The first seed of those that parameters may be chosen on, and of those that they may not.
const TUNING: u64 = 1;
const HELD_OUT: u64 = 1_001;
/// Of the days at a frame a second: quiet, depth, walls.
const SHARES: [(Scenario, f64); 3] = [(Scenario::Quiet, 0.4), (Scenario::Depth, 0.4), (Scenario::Walls, 0.2)];
/// Long markets of each kind: one for so many of those days. False warnings of a few hundredths a day want weeks to be counted in.
const DAYS_A_LONG_MARKET: f64 = 3.0;

/// One market to be run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) scenario: Scenario,
    pub(super) profile: &'static Profile,
    pub(super) seed: u64,
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Plan {
    /// Which analyses.
    pub(super) analyses: Vec<Analysis>,
    /// Seed of the first market of each kind; each further one has the next.
    pub(super) first_seed: u64,
    /// Market-days at a frame a second that were asked for.
    pub(super) days: u32,
    #[serde(skip)]
    pub(super) jobs: Vec<Job>,
    #[serde(skip)]
    pub(super) threads: usize,
}

impl Plan {
    pub(super) fn of(matches: &ArgMatches) -> anyhow::Result<Self> {
        let chosen = |name: &str| matches.get_many::<String>(name).map(|words| words.cloned().collect::<Vec<_>>());
        let analyses = chosen("analysis");
        let events = chosen("events");
        let analyses: Vec<Analysis> = Analysis::ALL
            .into_iter()
            .filter(|one| analyses.as_ref().is_none_or(|words| words.iter().any(|word| word == one.word())))
            .collect();
        let seeds = matches.get_one::<String>("seeds").map_or("held-out", String::as_str);
        let first_seed = match seeds {
            "tuning" => TUNING,
            "held-out" => HELD_OUT,
            number => match number.parse() {
                Ok(number) => number,
                Err(_) => bail!("--seeds {number}: neither held-out, tuning nor a number\n  hint: --seeds 2001 uses 2001, 2002, ..."),
            },
        };
        let days = matches.get_one::<u32>("days").copied().unwrap_or(50);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = matches.get_one::<u32>("threads").map_or(cores, |&threads| threads as usize);
        let mut plan = Self { analyses, first_seed, days, jobs: Vec::new(), threads };
        for (scenario, count) in markets(days) {
            let wanted = events.as_ref().is_none_or(|words| words.iter().any(|word| word == scenario.word()));
            if wanted && scenario.analyses().iter().any(|one| plan.analyses.contains(one)) {
                let jobs = scenario.profiles().iter().cycle().zip(first_seed..).take(count);
                plan.jobs.extend(jobs.map(|(profile, seed)| Job { scenario, profile, seed }));
            }
        }
        // The longest first, so that no core waits for another at the end.
        plan.jobs.sort_by_key(|job| std::cmp::Reverse(job.scenario.seconds() * 1000 / job.scenario.step_ms()));
        Ok(plan)
    }
}

/// How many markets of each kind. At least one of each, so that a short evaluation has every row.
fn markets(days: u32) -> Vec<(Scenario, usize)> {
    let mut markets: Vec<(Scenario, usize)> = SHARES
        .iter()
        .map(|&(scenario, share)| {
            let each = scenario.seconds() as f64 / 86_400.0;
            (scenario, (f64::from(days) * share / each).round().max(1.0) as usize)
        })
        .collect();
    let long = (f64::from(days) / DAYS_A_LONG_MARKET).round().max(1.0) as usize;
    markets.extend([(Scenario::Long, long), (Scenario::Drains, long)]);
    markets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_days_are_fifty_days_at_a_frame_a_second() {
        let days: f64 = markets(50)
            .iter()
            .filter(|(scenario, _)| scenario.step_ms() == 1000)
            .map(|(scenario, count)| *count as f64 * scenario.seconds() as f64 / 86_400.0)
            .sum();
        assert_eq!(days, 50.0);
        assert!(markets(1).iter().all(|market| market.1 >= 1));
    }
}
