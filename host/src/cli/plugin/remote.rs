//! `leadline plugin list`, `install`, `shadow` and so on: what is at work in a running host, seen and changed through its API.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ArgMatches;
use reqwest::Method;
use serde_json::Value;

use crate::cli::arguments::settings;
use crate::cli::remote::Remote;
use crate::cli::runtime;
use crate::clock;

/// A component is compiled and tried before the answer comes, at a low priority: a little longer than the host takes at most.
pub(super) const WITHIN: Duration = Duration::from_secs(330);

/// One request about plugins, and the JSON that answers it.
///
/// # Errors
/// The host can't be reached, or refuses.
pub(super) async fn ask(remote: &Remote, method: Method, path: &[&str], query: &[(&str, String)], body: Body) -> anyhow::Result<Value> {
    let path: Vec<&str> = std::iter::once("plugins").chain(path.iter().copied()).collect();
    let request = remote.request(method, &path, query);
    remote
        .ask(match body {
            Body::None => request,
            Body::Component(bytes) => request.header("Content-Type", "application/wasm").body(bytes),
            Body::Json(value) => request.header("Content-Type", "application/json").body(value.to_string()),
        })
        .await
}

/// What a request carries.
pub(super) enum Body {
    None,
    Component(Vec<u8>),
    Json(Value),
}

/// The commands, by name.
pub(super) fn main(command: &str, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let remote = Remote::new(matches, &settings(matches)?, WITHIN)?;
    let name = matches.try_get_one::<String>("name").ok().flatten().map(String::as_str);
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    let plugin = name.unwrap_or_default();
    let mut query: Vec<(&str, String)> = Vec::new();
    let (method, path, body) = match command {
        "list" => (Method::GET, name.map(|name| vec![name]).unwrap_or_default(), Body::None),
        "install" => (Method::POST, vec![], Body::Component(component(matches)?)),
        "parameters" => {
            query.extend(text("pair").map(|pair| ("pair", pair)));
            match text("json") {
                Some(json) => (Method::PUT, vec![plugin, "parameters"], Body::Json(object(&json)?)),
                None => (Method::GET, vec![plugin], Body::None),
            }
        }
        "enable" | "disable" | "promote" => (Method::POST, vec![plugin, command], Body::None),
        "rollback" => {
            query.extend(text("to").map(|to| ("to", to)));
            (Method::POST, vec![plugin, command], Body::None)
        }
        "drop" => (Method::DELETE, vec![plugin, "shadow"], Body::None),
        "shadow" => {
            let file = matches.get_one::<PathBuf>("file");
            let parameters = text("parameters");
            if file.is_none() && parameters.is_none() {
                (Method::GET, vec![plugin, "shadow"], Body::None)
            } else {
                if let Some(parameters) = parameters {
                    query.push(("parameters", object(&parameters)?.to_string()));
                }
                query.extend(text("rule").map(|rule| ("rule", rule)));
                query.extend(matches.get_one::<f64>("tolerance").map(|tolerance| ("tolerance", tolerance.to_string())));
                (Method::POST, vec![plugin, "shadow"], if file.is_some() { Body::Component(component(matches)?) } else { Body::None })
            }
        }
        "logs" => {
            query.extend(matches.get_one::<usize>("lines").map(|lines| ("most", lines.to_string())));
            (Method::GET, vec![plugin, "logs"], Body::None)
        }
        _ => return Ok(ExitCode::from(2)),
    };
    let answer = runtime()?.block_on(ask(&remote, method, &path, &query, body))?;
    let mut out = io::stdout().lock();
    if text("format").as_deref() == Some("json") {
        serde_json::to_writer_pretty(&mut out, &answer)?;
        writeln!(out)?;
        return Ok(ExitCode::SUCCESS);
    }
    match command {
        "list" if name.is_none() => table(&mut out, answer.as_array().map(Vec::as_slice).unwrap_or_default())?,
        "list" => one(&mut out, &answer)?,
        "logs" => lines(&mut out, answer.as_array().map(Vec::as_slice).unwrap_or_default())?,
        "parameters" if answer.get("work").is_some() => parameters(&mut out, &answer["work"])?,
        "shadow" if answer.get("books").is_some() => report(&mut out, &answer)?,
        _ => change(&mut out, &answer)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn component(matches: &ArgMatches) -> anyhow::Result<Vec<u8>> {
    let file = matches.get_one::<PathBuf>("file").context("no component")?;
    std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))
}

fn object(text: &str) -> anyhow::Result<Value> {
    let value: Value = serde_json::from_str(text).with_context(|| format!("{text} is no JSON\nhint: '{{\"share\": 0.2}}'"))?;
    if !value.is_object() {
        bail!("{text} is no JSON object\nhint: '{{\"share\": 0.2}}'");
    }
    Ok(value)
}

/// A value as it is read: texts without quotation marks, nothing as a dash.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn short(digest: &Value) -> String {
    digest.as_str().and_then(|digest| digest.get(..12)).unwrap_or("-").to_owned()
}

fn percent(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0))
}

/// Fuel as milliseconds of plain arithmetic on the host's machine: to have an idea, since other code burns a tenth of that or ten times as much.
fn fuel_ms(fuel: &Value, work: &Value) -> String {
    match (fuel.as_f64(), work["fuel_per_ms"].as_f64()) {
        (Some(fuel), Some(per_ms)) if per_ms > 0.0 => format!("{:.3}", fuel / per_ms),
        _ => "-".to_owned(),
    }
}

fn table(out: &mut impl Write, plugins: &[Value]) -> io::Result<()> {
    writeln!(
        out,
        "{:<20} {:<10} {:<13} {:<9} {:<12} {:<12} {:>10} {:>8} {:>8} {:>11} {:>9} {:<10}",
        "plugin", "version", "digest", "lane", "state", "phase", "calls", "faults", "µs p99", "fuel p99 ms", "fuel free", "shadow"
    )?;
    for plugin in plugins {
        let (work, minute) = (&plugin["work"], &plugin["work"]["minute"]);
        let faults: u64 = work["tally"]["faults"].as_object().map_or(0, |all| all.values().filter_map(Value::as_u64).sum());
        let free = work["headroom_percent"][0].as_f64().map_or_else(|| "-".to_owned(), |free| format!("{free:.1} %"));
        writeln!(
            out,
            "{:<20} {:<10} {:<13} {:<9} {:<12} {:<12} {:>10} {:>8} {:>8} {:>11} {:>9} {:<10}",
            shown(&plugin["name"]),
            shown(&work["version"]),
            short(&work["digest"]),
            shown(&work["lane"]),
            shown(&plugin["state"]),
            shown(&plugin["phase"]),
            shown(&work["tally"]["calls"]),
            faults,
            shown(&minute["p99_us"]),
            fuel_ms(&minute["p99_fuel"], work),
            free,
            shown(&plugin["shadow"]["state"])
        )?;
        for line in plugin["problem"].as_str().unwrap_or_default().lines() {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

fn one(out: &mut impl Write, plugin: &Value) -> io::Result<()> {
    table(out, std::slice::from_ref(plugin))?;
    let work = &plugin["work"];
    writeln!(out, "\n{}\nparameters {}", shown(&work["summary"]), shown(&work["parameters"]))?;
    for (pair, own) in work["pair_parameters"].as_object().into_iter().flatten() {
        writeln!(out, "  {pair} {own}")?;
    }
    let fuel = &work["budget"]["fuel"];
    writeln!(out, "budget {}", shown(&work["budget"]))?;
    writeln!(out, "fuel {} is {} ms of plain arithmetic on the host's machine", shown(fuel), fuel_ms(fuel, work))?;
    for pair in work["pairs"].as_array().into_iter().flatten() {
        writeln!(
            out,
            "  {:<18} {:<12} {:>10} calls  {}",
            shown(&pair["pair"]),
            shown(&pair["state"]),
            shown(&pair["tally"]["calls"]),
            shown(&pair["reason"])
        )?;
    }
    writeln!(out, "kept versions")?;
    for version in plugin["versions"].as_array().into_iter().flatten() {
        let since = clock::rfc3339(version["since_ms"].as_u64().unwrap_or(0));
        let at_work = if version["digest"] == work["digest"] { " (at work)" } else { "" };
        writeln!(out, "  {:<10} {} {since}{at_work}", shown(&version["version"]), short(&version["digest"]))?;
    }
    if plugin["shadow"].is_object() {
        writeln!(out)?;
        report(out, &plugin["shadow"])?;
    }
    Ok(())
}

fn lines(out: &mut impl Write, lines: &[Value]) -> io::Result<()> {
    for line in lines {
        let time = clock::rfc3339(line["time_ms"].as_u64().unwrap_or(0));
        writeln!(out, "{time} {:<5} {:<14} {}", shown(&line["level"]), shown(&line["pair"]), shown(&line["text"]))?;
    }
    Ok(())
}

fn parameters(out: &mut impl Write, work: &Value) -> io::Result<()> {
    writeln!(out, "{:<24} {:<16} {:<16} {:<24} what it is", "parameter", "now", "default", "allowed")?;
    for (name, property) in work["schema"]["properties"].as_object().into_iter().flatten() {
        let now = work["parameters"].get(name).unwrap_or(&property["default"]);
        let unit = property["unit"].as_str().unwrap_or_default();
        let allowed = match (&property["minimum"], &property["maximum"]) {
            (Value::Null, Value::Null) => shown(&property["type"]),
            (low, high) => format!("{} to {} {unit}", shown(low), shown(high)),
        };
        writeln!(
            out,
            "{name:<24} {:<16} {:<16} {allowed:<24} {}",
            shown(now),
            shown(&property["default"]),
            shown(&property["description"])
        )?;
    }
    for (pair, own) in work["pair_parameters"].as_object().into_iter().flatten() {
        writeln!(out, "{pair}: {own}")?;
    }
    Ok(())
}

fn report(out: &mut impl Write, report: &Value) -> io::Result<()> {
    writeln!(
        out,
        "shadow {}: version {} {} beside {} {}, for {} s",
        shown(&report["state"]),
        shown(&report["version"]),
        short(&report["digest"]),
        shown(&report["live_version"]),
        short(&report["live_digest"]),
        report["running_ms"].as_u64().unwrap_or(0) / 1000
    )?;
    if report["rule"] != "" || report["rule_state"] != "" {
        writeln!(out, "rule {}: {}", shown(&report["rule"]), shown(&report["rule_state"]))?;
    }
    let books = &report["books"];
    writeln!(
        out,
        "books: {} compared, {} warming, {} unanswered, {} skipped; faults {} {}",
        books["compared"],
        books["warming"],
        books["unanswered"],
        books["skipped"],
        report["faults"]["total"],
        report["faults"]["newest"].as_str().unwrap_or_default()
    )?;
    writeln!(
        out,
        "agreement {}, of outcomes {}, of states {}",
        percent(&report["agreement"]),
        percent(&report["outcome_agreement"]),
        percent(&report["state_agreement"])
    )?;
    writeln!(out, "{:<12} {:>10} {:>8} {:>8} {:>12} {:>12}", "", "calls", "µs p50", "µs p99", "fuel p50", "fuel p99")?;
    for who in ["live", "candidate"] {
        let costs = &report[who];
        let cell = |name: &str| shown(&costs[name]);
        writeln!(
            out,
            "{who:<12} {:>10} {:>8} {:>8} {:>12} {:>12}",
            cell("calls"),
            cell("p50_us"),
            cell("p99_us"),
            cell("p50_fuel"),
            cell("p99_fuel")
        )?;
    }
    writeln!(out, "{:<40} {:>8} {:>10} {:>10} {:>14}", "field", "equal", "tolerable", "differing", "largest")?;
    for field in report["fields"].as_array().into_iter().flatten() {
        let largest = field["largest_difference"].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.3e}"));
        writeln!(
            out,
            "{:<40} {:>8} {:>10} {:>10} {largest:>14}",
            shown(&field["name"]),
            field["equal"],
            field["within_tolerance"],
            field["differing"]
        )?;
        if let Some(example) = field["examples"].as_array().and_then(|examples| examples.last()) {
            let time = clock::rfc3339(example["time_ms"].as_u64().unwrap_or(0));
            writeln!(
                out,
                "    {} {time}: live {}, candidate {}",
                shown(&example["pair"]),
                shown(&example["live"]),
                shown(&example["candidate"])
            )?;
        }
    }
    for notice in report["notices"].as_array().into_iter().flatten() {
        writeln!(out, "notice {:<33} live {}, candidate {}", shown(&notice["code"]), notice["live"], notice["candidate"])?;
    }
    Ok(())
}

fn change(out: &mut impl Write, done: &Value) -> io::Result<()> {
    let changed = if done["changed"] == true { "" } else { ", as before" };
    writeln!(out, "{} {} {}: {}{changed}", shown(&done["plugin"]), shown(&done["version"]), short(&done["digest"]), shown(&done["phase"]))
}
