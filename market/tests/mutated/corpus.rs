//! Streams of good frames: generated ones in each form that the exchange has used, and recorded ones where they are.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

const RECORDINGS: [&str; 5] = [
    "okx_v5_books_20260824",
    "okx_v5_books_20220513",
    "okx_v5_books-l2-tbt_20220227",
    "okcoin_v3_depth_l2_tbt_20210417_conn52",
    "okex_v3_depth_3elem_201903",
];

/// Uniform below the bound; 0 when there is nothing below it.
pub fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    (rng.next_u64() % bound.max(1) as u64) as usize
}

/// True once in `times`.
pub fn once_in(rng: &mut ChaCha8Rng, times: usize) -> bool {
    below(rng, times) == 0
}

/// The book frames of each instrument in each recording, in order; none, and one line that says so, where there are no recordings.
pub fn recordings() -> Vec<Vec<String>> {
    let shared =
        std::env::var_os("LEADLINE_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = shared.join("data/okx");
    if !folder.is_dir() {
        eprintln!("left out: no recordings in {} (LEADLINE_SHARED names the folder above)", folder.display());
        return Vec::new();
    }
    let mut streams = BTreeMap::<(&str, String), Vec<String>>::new();
    for name in RECORDINGS {
        let text = std::fs::read_to_string(folder.join(format!("{name}.ndjson"))).expect("a recording");
        for line in text.lines().filter(|line| line.contains("\"asks\"")) {
            let id = ["\"instId\":\"", "\"instrument_id\":\""].iter().find_map(|key| line.split_once(key)?.1.split_once('"'));
            streams.entry((name, id.map_or("", |(id, _)| id).to_owned())).or_default().push(line.to_owned());
        }
    }
    streams.into_values().collect()
}

/// The forms of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// v5 with ids and checksum 0, as today.
    Today,
    /// v5 without ids, with a checksum.
    Checksum,
    /// v3 with an ISO 8601 time, levels of 2, 3 or 4 elements.
    Old(usize),
}

/// A generated stream.
pub struct Generated {
    form: Form,
    sequence: i64,
    time_ms: u64,
    /// Digits after the point of its prices.
    scale: usize,
    /// Prices of one side are within this many ticks, so that frames meet the same levels again.
    width: usize,
}

impl Generated {
    pub fn new(rng: &mut ChaCha8Rng) -> Self {
        let form = match below(rng, 8) {
            0..=3 => Form::Today,
            4 => Form::Checksum,
            5 => Form::Old(2),
            6 => Form::Old(3),
            _ => Form::Old(4),
        };
        let (scale, width) = (below(rng, 5), [6, 30, 200][below(rng, 3)]);
        Self { form, sequence: 10 + below(rng, 1 << 40) as i64, time_ms: 1_700_000_000_000, scale, width }
    }

    /// The next frame. An update follows `after`, where that is known. `checksum` gives the checksum of the text form, given the frame
    /// without one.
    pub fn next(&mut self, rng: &mut ChaCha8Rng, snapshot: bool, after: Option<i64>, checksum: impl FnOnce(&str) -> Option<i32>) -> String {
        self.time_ms += 100;
        let previous = if snapshot { -1 } else { after.unwrap_or(self.sequence) };
        // Keep-alives repeat the id, resets go back; a mutated id may be the last of all.
        let keep_alive = !snapshot && once_in(rng, 12);
        self.sequence = if keep_alive || once_in(rng, 30) {
            previous.max(3) - below(rng, 2) as i64
        } else {
            previous.max(9).wrapping_add(1 + below(rng, 20) as i64)
        };
        let count = if keep_alive {
            0
        } else if snapshot {
            below(rng, 2 * self.width)
        } else {
            below(rng, 14)
        };
        let mut sides = String::new();
        for (key, direction) in [("asks", 1), ("bids", -1)] {
            let _ = write!(sides, "\"{key}\":[{}],", self.levels(rng, direction, count, snapshot));
        }
        let text = self.text(&sides, snapshot, previous, 0);
        if self.form == Form::Today {
            return text;
        }
        match checksum(&text) {
            Some(checksum) => text.replace("\"checksum\":0", &format!("\"checksum\":{checksum}")),
            None => text,
        }
    }

    fn text(&self, sides: &str, snapshot: bool, previous: i64, checksum: i32) -> String {
        let (time, sequence) = (self.time_ms, self.sequence);
        match self.form {
            Form::Today | Form::Checksum => {
                let action = if snapshot { "snapshot" } else { "update" };
                let ids = if self.form == Form::Today { format!(",\"seqId\":{sequence},\"prevSeqId\":{previous}") } else { String::new() };
                format!(
                    r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{{sides}"ts":"{time}","checksum":{checksum}{ids}}}]}}"#
                )
            }
            Form::Old(_) => {
                let action = if snapshot { "partial" } else { "update" };
                let (minute, second) = (time / 60_000 % 60, time / 1000 % 60);
                format!(
                    r#"{{"table":"spot/depth","action":"{action}","data":[{{"instrument_id":"BTC-USDT",{sides}"timestamp":"2021-04-17T14:{minute:02}:{second:02}.{:03}Z","checksum":{checksum}}}]}}"#,
                    time % 1000
                )
            }
        }
    }

    fn levels(&self, rng: &mut ChaCha8Rng, direction: i64, count: usize, snapshot: bool) -> String {
        let mut ticks: Vec<i64> = (0..count).map(|_| direction * below(rng, self.width) as i64).collect();
        // Best first and each once, as the exchange does; now and then not.
        if !once_in(rng, 10) {
            ticks.sort_by_key(|tick| tick * direction);
            ticks.dedup();
        }
        let mut text = String::new();
        for tick in ticks {
            let price = 50_000 + 3 * direction + tick;
            let size = if !snapshot && once_in(rng, 3) { 0 } else { size(rng) };
            let (size_scale, orders) = (below(rng, 9), below(rng, 40));
            let (price, size) = (decimal(price as usize, self.scale), decimal(size, size_scale));
            let comma = if text.is_empty() { "" } else { "," };
            let _ = match self.form {
                Form::Old(2) => write!(text, r#"{comma}["{price}","{size}"]"#),
                Form::Old(3) => write!(text, r#"{comma}["{price}","{size}",{orders}]"#),
                _ => write!(text, r#"{comma}["{price}","{size}","0","{orders}"]"#),
            };
        }
        text
    }
}

/// A size of any magnitude.
fn size(rng: &mut ChaCha8Rng) -> usize {
    let bits = 1 + below(rng, 30);
    below(rng, 1 << bits)
}

/// The number with this many digits after the point.
fn decimal(mantissa: usize, scale: usize) -> String {
    let digits = format!("{mantissa:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}
