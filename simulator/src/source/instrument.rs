//! Instruments as OKX's REST answers list them: of the generated market, beside a recording, or inferred from its frames.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::SimulatorError;
use crate::market::{Contract, Profile};

/// Longest answer read, unpacked.
const MAX_BYTES: u64 = 64 << 20;

/// A generated instrument.
pub(crate) fn of_profile(profile: &Profile) -> Value {
    let (base, quote) = profile.currencies();
    let family = format!("{base}-{quote}");
    let (kind, value, value_currency, settle, contract) = match profile.contract {
        Contract::Spot => ("SPOT", None, "", "", ""),
        Contract::LinearSwap { value } => ("SWAP", Some(value), base, quote, "linear"),
        Contract::InverseSwap { value } => ("SWAP", Some(value), quote, base, "inverse"),
    };
    let spot = value.is_none();
    let lot = step(profile.decimals.size);
    json!({
        "instType": kind, "instId": profile.inst_id, "uly": if spot { "" } else { &family }, "instFamily": if spot { "" } else { &family },
        "category": "1", "baseCcy": if spot { base } else { "" }, "quoteCcy": if spot { quote } else { "" }, "settleCcy": settle,
        "ctVal": value.map_or(String::new(), |value| value.to_string()), "ctMult": if spot { "" } else { "1" }, "ctValCcy": value_currency,
        "optType": "", "stk": "", "listTime": "1548133413000", "expTime": "", "lever": "10", "tickSz": step(profile.decimals.price),
        "lotSz": lot, "minSz": lot, "ctType": contract, "alias": "", "state": "live", "ruleType": "normal",
    })
}

/// An instrument known by its name and the decimals of its frames alone. What can't be known is empty, not guessed.
pub(crate) fn inferred(inst_id: &str, price_decimals: u32, size_decimals: u32) -> Value {
    let parts: Vec<&str> = inst_id.split('-').collect();
    let (base, quote) = (parts.first().copied().unwrap_or_default(), parts.get(1).copied().unwrap_or_default());
    let kind = match parts.as_slice() {
        [_, _] => "SPOT",
        [_, _, "SWAP"] => "SWAP",
        [_, _, _] => "FUTURES",
        [_, _, _, _, _] => "OPTION",
        _ => "",
    };
    let spot = kind == "SPOT";
    let family = if spot { String::new() } else { format!("{base}-{quote}") };
    let contract = match (spot, quote) {
        (true, _) => "",
        (false, "USD") => "inverse",
        (false, _) => "linear",
    };
    let settle = match contract {
        "inverse" => base,
        "linear" => quote,
        _ => "",
    };
    let (tick, lot) = (step(price_decimals), step(size_decimals));
    json!({
        "instType": kind, "instId": inst_id, "uly": family, "instFamily": family, "category": "1", "baseCcy": if spot { base } else { "" },
        "quoteCcy": if spot { quote } else { "" }, "settleCcy": settle, "ctVal": "", "ctMult": "", "ctValCcy": "", "optType": "", "stk": "",
        "listTime": "", "expTime": "", "lever": "", "tickSz": tick, "lotSz": lot, "minSz": lot, "ctType": contract, "alias": "",
        "state": "live",
    })
}

/// `0.01` for 2 decimals.
fn step(decimals: u32) -> String {
    if decimals == 0 { "1".to_owned() } else { format!("0.{:0>width$}", 1, width = decimals as usize) }
}

/// The entries of every answer in the folder `instruments` beside a recording, as they were recorded. No folder: none.
///
/// # Errors
/// [`SimulatorError::Instruments`] where a file can't be read or isn't such an answer.
pub(crate) fn beside(recording: &Path) -> Result<Vec<Value>, SimulatorError> {
    let folder = recording.parent().unwrap_or(Path::new("")).join("instruments");
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let is_answer = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".json") || name.ends_with(".json.gz")
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_answer).collect();
    files.sort();
    let mut all = Vec::new();
    for path in files {
        let refused = |problem: String| SimulatorError::Instruments { path: path.clone(), problem };
        let text = read(&path).map_err(|error| refused(error.to_string()))?;
        let mut answer: Value = serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
        match answer.get_mut("data").map(Value::take) {
            Some(Value::Array(entries)) => all.extend(entries),
            _ => return Err(refused("no list `data` in it".to_owned())),
        }
    }
    Ok(all)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let mut text = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).take(MAX_BYTES).read_to_end(&mut text)?;
    } else {
        file.take(MAX_BYTES).read_to_end(&mut text)?;
    }
    Ok(text)
}
